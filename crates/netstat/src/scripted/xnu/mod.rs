//! A scripted XNU: answers as macOS of a given version does to a given caller.
//!
//! From `bsd/netinet/in_pcblist.c`, `bsd/kern/proc_info.c` and `libsyscall/wrappers/libproc/libproc.c`: permissions, the
//! effect of a short buffer, the form of an error.

mod address;
mod csops;
mod layout;
mod libproc;
mod machine;
mod pcblist_n;
mod processes;
mod tables;
mod unpcblist_n;

use self::csops::copy_signing_text;
use super::world::{Fate, Protocol, World};
use crate::engine::parallel::lock;
use crate::engine::snapshot;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::snapshot::Snapshot;
use crate::query::Query;
use crate::sys::macos::{Kernel, Macos, Returned};
use crate::sys::system::System;
use processes::Answered;
use std::collections::HashMap;
use std::ffi::{CStr, OsString};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

pub use machine::Machine;

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EBADF: i32 = 9;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENOTSOCK: i32 = 38;
const EOPNOTSUPP: i32 = 102;

/// The scripted kernel.
#[derive(Clone, Debug)]
pub struct Xnu(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: World,
    machine: Machine,
    /// The place of each process in the world, by pid.
    places: HashMap<u32, usize>,
    /// How many complete reads of each table there were, TCP and UDP.
    reads: [AtomicU32; 2],
    /// The same of unix sockets, streams and datagrams.
    unix_reads: [AtomicU32; 2],
    outgrown: AtomicU32,
    calls: AtomicU64,
    /// What was returned of processes that do not live on, by pid.
    answered: Mutex<HashMap<u32, Answered>>,
    /// Signals that were sent, with their pids.
    signals: Mutex<Vec<(u32, i32)>>,
}

/// The answer of a call that returns -1 when it fails.
fn or_errno(answer: Result<(), i32>) -> Returned {
    answer.map_or_else(|errno| Returned { value: -1, errno }, |()| ok(0))
}

fn ok(value: usize) -> Returned {
    Returned { value: i32::try_from(value).unwrap_or(i32::MAX), errno: 0 }
}

/// The failure of a function of libproc.
fn fails(errno: i32) -> Returned {
    Returned { value: 0, errno }
}

/// Copies whole entries of a list, as many as fit.
fn copy_list(entries: &[u8], entry: usize, slack: usize, buffer: Option<&mut [u8]>) -> Returned {
    match buffer {
        None => ok(entries.len() + slack * entry),
        Some(buffer) if buffer.len() < entry => fails(ENOMEM),
        Some(buffer) => {
            let room = buffer.len() / entry * entry;
            let length = entries.len().min(room);
            buffer[..length].copy_from_slice(&entries[..length]);
            ok(length)
        }
    }
}

/// Copies a structure if it fits.
fn copy_structure(bytes: &[u8], buffer: Option<&mut [u8]>) -> Returned {
    match buffer {
        Some(buffer) if buffer.len() >= bytes.len() => {
            buffer[..bytes.len()].copy_from_slice(bytes);
            ok(bytes.len())
        }
        _ => fails(ENOMEM),
    }
}

impl Xnu {
    /// Starts the machine.
    pub fn new(world: World, machine: Machine) -> Self {
        let places = (0..).zip(&world.processes).map(|(place, process)| (process.pid, place)).collect();
        Self(Arc::new(Inner {
            places,
            reads: Default::default(),
            unix_reads: Default::default(),
            outgrown: AtomicU32::new(machine.outgrown),
            calls: AtomicU64::new(0),
            answered: Mutex::default(),
            signals: Mutex::default(),
            world,
            machine,
        }))
    }

    /// [`Query::snapshot`] over this machine.
    pub fn snapshot(&self, query: &Query) -> Result<Snapshot, Error> {
        snapshot::take(&Macos::over(self.clone()), query)
    }

    /// [`Query::for_each`] over this machine.
    pub fn for_each(
        &self,
        query: &Query,
        mut each: impl FnMut(crate::Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        snapshot::stream(&Macos::over(self.clone()), query, &mut each)
    }

    /// [`Query::count`] over this machine.
    pub fn count(&self, query: &Query) -> Result<Counts, Error> {
        snapshot::count(&Macos::over(self.clone()), query, false)
    }

    /// [`ProcessId::signal`](crate::ProcessId::signal) over this machine.
    pub fn signal(&self, process: crate::ProcessId, signal: i32) -> Result<(), Error> {
        Macos::over(self.clone()).signal(process, signal)
    }

    /// The signals that processes have received.
    pub fn signals(&self) -> Vec<(u32, i32)> {
        lock(&self.0.signals).clone()
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(SeqCst)
    }

    fn count_call(&self) {
        self.0.calls.fetch_add(1, SeqCst);
    }
}

fn or_fails(answer: Result<Returned, i32>) -> Returned {
    answer.unwrap_or_else(fails)
}

impl Kernel for Xnu {
    fn sysctl(&self, name: &CStr, buffer: Option<&mut [u8]>) -> (Returned, usize) {
        self.count_call();
        let refuses = |errno| (Returned { value: -1, errno }, 0);
        let has_local = self.0.machine.major >= 13;
        match (name.to_bytes(), buffer) {
            (b"kern.osrelease", Some(buffer)) => {
                let release = self.0.machine.darwin();
                let copied = copy_structure(&release, Some(buffer));
                if copied.errno == 0 { (ok(0), release.len()) } else { refuses(copied.errno) }
            }
            _ if self.0.machine.refuses_tables => refuses(EPERM),
            (b"net.inet.tcp.pcblist_n", buffer) => self.read_table(Protocol::Tcp, buffer),
            (b"net.inet.udp.pcblist_n", buffer) => self.read_table(Protocol::Udp, buffer),
            (b"net.local.stream.pcblist_n", buffer) if has_local => self.read_unix_table(false, buffer),
            (b"net.local.dgram.pcblist_n", buffer) if has_local => self.read_unix_table(true, buffer),
            _ => refuses(ENOENT),
        }
    }

    fn proc_listpids(&self, kind: u32, typeinfo: u32, buffer: Option<&mut [u8]>) -> Returned {
        self.count_call();
        if self.0.machine.refuses_lists {
            return fails(EPERM);
        }
        let pids = |zombies: bool| {
            let processes = self.0.world.processes.iter().filter(move |process| match kind {
                1 => true,
                4 => process.uid == typeinfo,
                _ => false,
            });
            let wanted = processes.filter(move |process| (process.fate == Fate::Zombie) == zombies);
            wanted.map(|process| process.pid)
        };
        let kernel = (self.0.machine.uid == 0 && (kind == 1 || typeinfo == 0)).then_some(0);
        let list: Vec<u8> = pids(false).chain(kernel).chain(pids(true)).flat_map(u32::to_ne_bytes).collect();
        if buffer.is_none() && self.0.machine.lists_grow {
            return ok(4);
        }
        copy_list(&list, 4, 20, buffer)
    }

    fn proc_pidinfo(&self, pid: i32, flavor: i32, arg: u64, buffer: Option<&mut [u8]>) -> Returned {
        self.count_call();
        or_fails(self.pid_info(pid, flavor, arg, buffer))
    }

    fn proc_pidfdinfo(&self, pid: i32, fd: i32, flavor: i32, buffer: &mut [u8]) -> Returned {
        self.count_call();
        or_fails(if flavor == 3 { self.fd_info(pid, fd, buffer) } else { Err(EINVAL) })
    }

    fn proc_pidfileportinfo(&self, pid: i32, port: u32, flavor: i32, buffer: &mut [u8]) -> Returned {
        self.count_call();
        or_fails(if flavor == 3 { self.port_info(pid, port, buffer) } else { Err(EINVAL) })
    }

    fn proc_pidpath(&self, pid: i32, buffer: &mut [u8]) -> Returned {
        self.count_call();
        let path = self.find(pid, false).map(|process| process.path.as_deref());
        match path {
            Err(errno) => fails(errno),
            Ok(None) => fails(ENOENT),
            Ok(Some(_)) if buffer.len() < 1024 => fails(ENOMEM),
            Ok(Some(path)) => copy_structure(path.as_bytes(), Some(buffer)),
        }
    }

    fn csops(&self, pid: i32, operation: u32, buffer: &mut [u8]) -> Returned {
        self.count_call();
        // What is not written has the length 0.
        let is_garbled = self.0.machine.garbles_signatures;
        let copy = |text: String| if is_garbled { Ok(()) } else { copy_signing_text(&text, buffer) };
        or_errno(self.signing_text(pid, operation).and_then(copy))
    }

    fn kill(&self, pid: i32, signal: i32) -> Returned {
        self.count_call();
        let refused = |errno| Returned { value: -1, errno };
        let Machine { uid, .. } = self.0.machine;
        match self.find(pid, true) {
            Err(errno) => refused(errno),
            Ok(process) if uid != 0 && process.uid != uid => refused(EPERM),
            Ok(_) if !(0..32).contains(&signal) => refused(EINVAL),
            Ok(process) => {
                lock(&self.0.signals).push((process.pid, signal));
                ok(0)
            }
        }
    }

    fn geteuid(&self) -> u32 {
        self.0.machine.uid
    }

    fn getpid(&self) -> u32 {
        self.0.machine.pid
    }

    fn passwd(&self) -> Vec<u8> {
        b"##\n# User Database\n##\nroot:*:0:0:System Administrator:/var/root:/bin/sh\n_www:*:70:70::/:/f\n"
            .to_vec()
    }

    fn os_string(&self, bytes: Vec<u8>) -> OsString {
        String::from_utf8_lossy(&bytes).into_owned().into()
    }
}
