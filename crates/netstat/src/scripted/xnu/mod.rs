//! A scripted XNU: answers like macOS of a given version to a given caller.
//!
//! From `bsd/netinet/in_pcblist.c`, `bsd/kern/proc_info.c` and `libsyscall/wrappers/libproc/libproc.c`: what is
//! refused to whom, what a short buffer does, what an error looks like.

mod address;
mod layout;
mod libproc;
mod pcblist_n;

use super::world::{
    Descriptor, DescriptorFate, Fate, Hands, Process, Protocol, Socket, State, What, When, World,
};
use crate::engine::parallel::lock;
use crate::engine::snapshot;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::snapshot::Snapshot;
use crate::query::Query;
use crate::sys::macos::{Kernel, Macos, Returned};
use crate::sys::system::System;
use std::collections::HashMap;
use std::ffi::{CStr, OsString};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EBADF: i32 = 9;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENOTSOCK: i32 = 38;
const EOPNOTSUPP: i32 = 102;

/// A machine that runs macOS, and who asks it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The version of macOS.
    pub major: u32,
    /// The caller's effective user.
    pub uid: u32,
    /// The caller's process.
    pub pid: u32,
    /// A sandbox refuses the tables.
    pub refuses_tables: bool,
    /// A sandbox refuses to list processes.
    pub refuses_lists: bool,
    /// How often a table has outgrown its buffer when it is read.
    pub outgrown: u32,
    /// Lists have outgrown the size that was told for them.
    pub lists_grow: bool,
    /// It knows no list of file ports.
    pub has_no_fileports: bool,
    /// Each set has a record of a kind that nobody has heard of.
    pub unknown_kinds: bool,
    /// So many bytes more in records that may grow.
    pub longer: usize,
}

impl Machine {
    /// A machine without oddities.
    pub fn new(major: u32, uid: u32, pid: u32) -> Self {
        Self {
            major,
            uid,
            pid,
            refuses_tables: false,
            refuses_lists: false,
            outgrown: 0,
            lists_grow: false,
            has_no_fileports: false,
            unknown_kinds: false,
            longer: 0,
        }
    }
}

/// The scripted kernel.
#[derive(Clone, Debug)]
pub struct Xnu(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: World,
    machine: Machine,
    /// Where each process stands, by pid.
    places: HashMap<u32, usize>,
    /// What libproc tells of each socket.
    infos: Vec<Vec<u8>>,
    /// The descriptors of each process, as libproc lists them.
    lists: Vec<Vec<u8>>,
    /// The tables as they stay where nothing happens to them: a measurement is to measure the back end.
    tables: [OnceLock<(Vec<u8>, bool)>; 2],
    /// How often each table has been read, TCP and UDP.
    reads: [AtomicU32; 2],
    outgrown: AtomicU32,
    calls: AtomicU64,
    /// Of processes to which something happens: how many sockets have been told, and how often their number.
    told: Mutex<HashMap<u32, (usize, usize)>>,
    /// Signals that were sent, to which pid.
    signals: Mutex<Vec<(u32, i32)>>,
}

fn ok(value: usize) -> Returned {
    Returned { value: i32::try_from(value).unwrap_or(i32::MAX), errno: 0 }
}

/// What libproc returns when it fails.
fn fails(errno: i32) -> Returned {
    Returned { value: 0, errno }
}

/// Copies whole entries of a list, as many as there is room for.
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

/// Copies a structure, if there is room for it.
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
        let infos = (0..).zip(&world.sockets).map(|(place, socket)| {
            libproc::socket_fdinfo(socket, world.references(place) > 1, machine.major)
        });
        let list = |process: &Process| {
            let entry = |descriptor: &Descriptor| {
                let kind: u32 = if descriptor.what == What::File { 1 } else { 2 };
                [descriptor.fd.to_ne_bytes(), kind.to_ne_bytes()]
            };
            process.descriptors.iter().flat_map(entry).flatten().collect()
        };
        Self(Arc::new(Inner {
            places,
            infos: infos.collect(),
            lists: world.processes.iter().map(list).collect(),
            tables: Default::default(),
            reads: Default::default(),
            outgrown: AtomicU32::new(machine.outgrown),
            calls: AtomicU64::new(0),
            told: Mutex::default(),
            signals: Mutex::default(),
            world,
            machine,
        }))
    }

    /// Asks this machine as [`Query::snapshot`] asks the real one.
    pub fn snapshot(&self, query: &Query) -> Result<Snapshot, Error> {
        snapshot::take(&Macos::over(self.clone()), query)
    }

    /// Asks this machine as [`Query::for_each`] asks the real one.
    pub fn for_each(
        &self,
        query: &Query,
        mut each: impl FnMut(crate::Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        snapshot::stream(&Macos::over(self.clone()), query, &mut each)
    }

    /// Answers the calls of a snapshot with owners and names once more, and makes nothing of the answers. How
    /// many they were. For measurements: it is the script's share of a snapshot's time.
    pub fn replay(&self) -> u64 {
        let before = self.calls();
        let mut buffer = vec![0; 64 * 1024];
        for name in [c"net.inet.tcp.pcblist_n", c"net.inet.udp.pcblist_n"] {
            let (_, size) = self.sysctl(name, None);
            self.sysctl(name, Some(&mut vec![0; size]));
        }
        self.proc_listpids(1, 0, None);
        self.proc_listpids(1, 0, Some(&mut buffer));
        for process in &self.0.world.processes {
            let pid = i32::try_from(process.pid).unwrap_or(0);
            self.proc_pidinfo(pid, 1, 0, Some(&mut buffer));
            self.proc_pidinfo(pid, 14, 0, None);
            for _ in 0..3 {
                self.proc_pidinfo(pid, 17, 0, Some(&mut buffer));
            }
            for descriptor in &process.descriptors {
                self.proc_pidfdinfo(pid, descriptor.fd, 3, &mut buffer);
            }
            self.proc_pidinfo(pid, 13, 0, Some(&mut buffer));
            self.proc_pidpath(pid, &mut buffer);
        }
        self.calls() - before
    }

    /// Sends a signal as [`ProcessId::signal`](crate::ProcessId::signal) does on the real one.
    pub fn signal(&self, process: crate::ProcessId, signal: i32) -> Result<(), Error> {
        Macos::over(self.clone()).signal(process, signal)
    }

    /// The signals that processes have got.
    pub fn signals(&self) -> Vec<(u32, i32)> {
        lock(&self.0.signals).clone()
    }

    /// How many calls it has answered.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(SeqCst)
    }

    /// Whether a process can be read by this caller.
    fn check_rights(&self, process: &Process) -> Result<(), i32> {
        let Machine { uid, .. } = self.0.machine;
        if process.fate != Fate::Refuses && (uid == 0 || process.uid == uid) { Ok(()) } else { Err(EPERM) }
    }

    /// A process that is still there. `zombies`: one that has ended will do.
    fn find(&self, pid: i32, zombies: bool) -> Result<&Process, i32> {
        let place = u32::try_from(pid).ok().and_then(|pid| self.0.places.get(&pid));
        let process = place.and_then(|place| self.0.world.processes.get(*place)).ok_or(ESRCH)?;
        let gone = match process.fate {
            Fate::Lives | Fate::Refuses | Fate::PidIsUsedAgain => false,
            Fate::Zombie => !zombies,
            Fate::EndsBeforeItIsRead => true,
            Fate::EndsAfter(count) => self.told(process.pid, |told| told.0) >= count,
        };
        if gone { Err(ESRCH) } else { Ok(process) }
    }

    fn told<T>(&self, pid: u32, of: impl FnOnce(&mut (usize, usize)) -> T) -> T {
        of(self.0.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).entry(pid).or_default())
    }

    fn socket_info(&self, process: &Process, socket: usize, buffer: &mut [u8]) -> Returned {
        if process.fate != Fate::Lives {
            self.told(process.pid, |told| told.0 += 1);
        }
        match self.0.infos.get(socket) {
            Some(info) => copy_structure(info, Some(buffer)),
            None => fails(EBADF),
        }
    }

    /// Why something is no socket: not always the same.
    fn not_a_socket(&self) -> Returned {
        fails(if self.0.machine.major >= 11 { ENOTSOCK } else { EOPNOTSUPP })
    }

    fn pid_info(&self, pid: i32, flavor: i32, arg: u64, buffer: Option<&mut [u8]>) -> Result<Returned, i32> {
        let size = match flavor {
            1 | 14 => 8,
            3 => 136,
            13 => 64,
            17 => 56,
            _ => return Err(EINVAL),
        };
        if flavor == 14 && self.0.machine.has_no_fileports {
            return Err(EINVAL);
        }
        // The size of the buffer is looked at before the process.
        if buffer.as_ref().is_some_and(|buffer| buffer.len() < size) {
            return Err(ENOMEM);
        }
        let is_list = flavor == 1 || flavor == 14;
        let process = self.find(pid, arg == 1 && !is_list)?;
        if is_list || flavor == 3 {
            self.check_rights(process)?;
        }
        Ok(match flavor {
            1 => {
                let place = self.0.places.get(&process.pid);
                let entries = place.and_then(|place| self.0.lists.get(*place));
                copy_list(entries.map_or(&[], |entries| entries), 8, 20, buffer)
            }
            14 => {
                let mut entries = Vec::new();
                for (port, _) in &process.parked {
                    entries.extend(port.to_ne_bytes());
                    entries.extend(2_u32.to_ne_bytes());
                }
                copy_list(&entries, 8, if entries.is_empty() { 0 } else { 20 }, buffer)
            }
            3 => copy_structure(&libproc::bsdinfo(process), buffer),
            13 => copy_structure(&libproc::shortinfo(process, process.fate == Fate::Zombie), buffer),
            _ => {
                let mut unique_id = process.unique_id;
                if process.fate == Fate::PidIsUsedAgain {
                    let asked = self.told(process.pid, |told| {
                        told.1 += 1;
                        told.1
                    });
                    unique_id += if asked > 1 { 1_000_000 } else { 0 };
                }
                copy_structure(&libproc::uniqidentifierinfo(unique_id), buffer)
            }
        })
    }

    fn fd_info(&self, pid: i32, fd: i32, buffer: &mut [u8]) -> Result<Returned, i32> {
        if buffer.len() < 792 {
            return Err(ENOMEM);
        }
        let process = self.find(pid, false)?;
        self.check_rights(process)?;
        let descriptor = process.descriptors.iter().find(|descriptor| descriptor.fd == fd).ok_or(EBADF)?;
        Ok(match (descriptor.fate, descriptor.what) {
            (DescriptorFate::Closes, _) => return Err(EBADF),
            (DescriptorFate::BecomesFile, _) | (_, What::File) => self.not_a_socket(),
            (_, What::OtherSocket) => copy_structure(&libproc::local_socket(), Some(buffer)),
            (_, What::Socket(socket)) => self.socket_info(process, socket, buffer),
        })
    }

    fn port_info(&self, pid: i32, port: u32, buffer: &mut [u8]) -> Result<Returned, i32> {
        if buffer.len() < 792 {
            return Err(ENOMEM);
        }
        let process = self.find(pid, false)?;
        self.check_rights(process)?;
        let (_, socket) = process.parked.iter().find(|parked| parked.0 == port).ok_or(EINVAL)?;
        Ok(self.socket_info(process, *socket, buffer))
    }

    /// The sockets of a table as it is now, and how many of them this caller is shown, in the kernel's order.
    fn table(&self, protocol: Protocol, reads: u32) -> (Vec<&Socket>, usize, u64) {
        let exists = |socket: &&Socket| match socket.when {
            When::Always => true,
            When::AfterTables => reads > 0,
            When::UntilTables => reads == 0,
        };
        let all: Vec<&Socket> =
            self.0.world.sockets.iter().filter(|socket| socket.protocol == protocol).filter(exists).collect();
        let generation =
            all.iter().filter(|socket| socket.hands != Hands::Flow).map(|socket| socket.generation).max();
        // Counted, but not shown: those whose connection is gone, and those half made.
        let is_shown = |socket: &&Socket| !matches!(socket.hands, Hands::Detached | Hands::HalfMade);
        let mut shown: Vec<&Socket> =
            all.iter().copied().filter(is_shown).filter(|socket| self.is_shown(socket)).collect();
        shown.sort_by_key(|socket| {
            let rank = match socket.hands {
                Hands::Flow => 2,
                _ if socket.state == State::TimeWait => 1,
                _ => 0,
            };
            (rank, u64::MAX - socket.generation)
        });
        (shown, all.len(), generation.unwrap_or(0))
    }

    /// Whether the caller is shown a socket: from macOS 27 only those of its own process, unless it is root.
    fn is_shown(&self, socket: &Socket) -> bool {
        let Machine { major, uid, pid, .. } = self.0.machine;
        if major < 27 || uid == 0 || socket.last_user == pid {
            return true;
        }
        self.0.world.process(pid).is_some_and(|process| {
            let is_it = |descriptor: &Descriptor| match descriptor.what {
                What::Socket(place) => {
                    self.0.world.sockets.get(place).is_some_and(|it| std::ptr::eq(it, socket))
                }
                _ => false,
            };
            process.descriptors.iter().any(is_it)
        })
    }

    fn read_table(&self, protocol: Protocol, buffer: Option<&mut [u8]>) -> (Returned, usize) {
        let Machine { major, unknown_kinds, longer, .. } = self.0.machine;
        let ([tcp, udp], [tcp_bytes, udp_bytes]) = (&self.0.reads, &self.0.tables);
        let (reads, bytes) = if protocol == Protocol::Tcp { (tcp, tcp_bytes) } else { (udp, udp_bytes) };
        let Some(buffer) = buffer else {
            let count = self.0.world.sockets.iter().filter(|socket| socket.protocol == protocol).count();
            let extra = if unknown_kinds { 48 } else { 0 } + 2 * longer.next_multiple_of(8);
            return (ok(0), pcblist_n::estimate(protocol, major, count) + (count + 1) * extra);
        };
        let extras = pcblist_n::Extras { unknown_kinds, longer };
        let table = |room| {
            let (shown, count, generation) = self.table(protocol, reads.load(SeqCst));
            pcblist_n::table(&shown, count, generation, major, room, extras)
        };
        let answer = |(bytes, whole): &(Vec<u8>, bool), buffer: &mut [u8]| {
            buffer[..bytes.len()].copy_from_slice(bytes);
            if *whole {
                reads.fetch_add(1, SeqCst);
            }
            let returned = if *whole { ok(0) } else { Returned { value: -1, errno: ENOMEM } };
            (returned, bytes.len())
        };
        if self.0.outgrown.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            // So many have come since the size was told that only a part fits.
            let (all, _) = table(buffer.len());
            return answer(&table(all.len() / 2), buffer);
        }
        if self.0.world.sockets.iter().all(|socket| socket.when == When::Always) {
            return answer(bytes.get_or_init(|| table(usize::MAX)), buffer);
        }
        answer(&table(buffer.len()), buffer)
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
        match name.to_bytes() {
            _ if self.0.machine.refuses_tables => refuses(EPERM),
            b"net.inet.tcp.pcblist_n" => self.read_table(Protocol::Tcp, buffer),
            b"net.inet.udp.pcblist_n" => self.read_table(Protocol::Udp, buffer),
            _ => refuses(ENOENT),
        }
    }

    fn proc_listpids(&self, kind: u32, typeinfo: u32, buffer: Option<&mut [u8]>) -> Returned {
        self.count_call();
        if self.0.machine.refuses_lists {
            return fails(EPERM);
        }
        let wanted = |process: &&Process| match kind {
            1 => true,
            4 => process.uid == typeinfo,
            _ => false,
        };
        let of = |zombies: bool| {
            let processes = self.0.world.processes.iter().filter(wanted);
            processes.filter(move |process| (process.fate == Fate::Zombie) == zombies)
        };
        let kernel = (self.0.machine.uid == 0 && (kind == 1 || typeinfo == 0)).then_some(0);
        let live = of(false).map(|process| process.pid).chain(kernel);
        let pids: Vec<u8> =
            live.chain(of(true).map(|process| process.pid)).flat_map(u32::to_ne_bytes).collect();
        if buffer.is_none() && self.0.machine.lists_grow {
            return ok(4);
        }
        copy_list(&pids, 4, 20, buffer)
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
