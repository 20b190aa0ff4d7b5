//! The source that walks descriptor tables: see [`program`].

mod memory;
mod offsets;
pub(super) mod program;

pub(super) use memory::MAP_BYTES;

use super::ffi;
use super::iterator::attach;
use super::program::RECORD_BYTES;
use super::record::{Evidence, Families, SocketFile, decode};
use super::refused::Refused;
use super::types::Types;
use crate::sys::linux::clock::nanoseconds_since_boot;
use crate::sys::linux::errno::errno_of;
use memory::{RECORDS_AT, state};
use program::fdtable_sockets;
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, ipproto, socket_with};
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// How often an iterator is read: each read takes thousands of slots, or fills the map.
const MAX_READS: u32 = 1 << 20;

/// The program in the kernel, loaded and attached until this is dropped, and the map that it writes to.
#[derive(Debug)]
pub(super) struct FdTables {
    pub(super) link: OwnedFd,
    map: ffi::Mapping,
    /// A socket of this process, until a run has reported it as it is.
    pub(super) check: Option<SelfCheck>,
}

impl FdTables {
    pub(super) fn load(types: &Types<'_>, families: Families) -> Result<Self, Refused> {
        let check = SelfCheck::new().map_err(|errno| Refused::errno("socket for the self-check", errno))?;
        let (map, mapping) = ffi::Mapping::of_new_array(b"netstat_records\0", MAP_BYTES)
            .map_err(|errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno))?;
        let program = fdtable_sockets(types, families, map.as_raw_fd(), check.socket.as_raw_fd())?;
        // The program keeps the map.
        Ok(Self { link: attach(b"netstat_owners\0\0", &program)?, map: mapping, check: Some(check) })
    }

    /// Runs the program once. `Err(Fault::Check)`: it does not see on this kernel what it should, and nothing was reported.
    pub(super) fn read(&mut self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Fault> {
        let Some(check) = self.check.take() else { return self.run(each).map_err(Fault::Errno) };
        // Held back until the check has passed.
        let mut files = Vec::new();
        self.run(&mut |at, file| files.push((at, file))).map_err(Fault::Errno)?;
        check.verify(files.iter().map(|(_, file)| file)).map_err(Fault::Check)?;
        // Its own socket is no part of an answer, nor are copies of it that a fork made.
        let others = files.into_iter().filter(|(_, file)| !check.is_this(file));
        others.for_each(|(at, file)| each(at, file));
        Ok(())
    }

    fn run(&mut self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Errno> {
        let mut iterator = File::from(ffi::start_iterator(self.link.as_fd())?);
        for _ in 0..MAX_READS {
            let at = nanoseconds_since_boot();
            let is_done = match iterator.read(&mut [0; 8]).map_err(errno_of) {
                Ok(read) => read == 0,
                Err(Errno::AGAIN | Errno::INTR) => false,
                Err(errno) => return Err(errno),
            };
            let map: &[u8] = &self.map;
            if self.number(state::LOST) != 0 {
                return Err(Errno::BUSY);
            }
            if self.number(state::FOREIGN) != 0 {
                // It was started in another pid namespace than the one of this thread.
                return Err(Errno::XDEV);
            }
            // The kernel also pauses by itself, after a million tasks; the program knows nothing of that.
            if is_done || self.number(state::STOPPED) != 0 {
                let count = usize::try_from(self.number(state::RECORDS)).unwrap_or(usize::MAX);
                let mut rest = map.get(usize::from(RECORDS_AT.unsigned_abs())..).unwrap_or_default();
                for _ in 0..count {
                    let Some((record, after)) = rest.split_first_chunk::<RECORD_BYTES>() else { break };
                    decode(record).into_iter().for_each(|file| each(at, file));
                    rest = after;
                }
            }
            if is_done {
                return Ok(());
            }
        }
        Err(Errno::AGAIN)
    }

    /// A number that the program keeps.
    fn number(&self, place: i16) -> u64 {
        let bytes = usize::try_from(place).ok().and_then(|place| self.map.get(place..)?.first_chunk());
        bytes.map_or(u64::MAX, |bytes| u64::from_ne_bytes(*bytes))
    }
}

/// Why a run failed.
#[derive(Debug)]
pub(super) enum Fault {
    Errno(Errno),
    Check(Refused),
}

/// A socket of this process, to compare what the program reads of it with what system calls return. It is a TCP socket that
/// is bound but neither listens nor connects, so it is in no listing but those that ask for such sockets, and it is closed
/// after the first run.
#[derive(Debug)]
pub(super) struct SelfCheck {
    socket: OwnedFd,
    pub(super) expected: SocketFile,
    /// Whether the network namespace is known: without `/proc` it is not.
    knows_netns: bool,
    knows_cookie: bool,
}

impl SelfCheck {
    pub(super) fn new() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        // Where the loopback interface is down, its address cannot be bound: then the port is 0.
        let port = bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
            .and_then(|()| SocketAddrV4::try_from(getsockname(&socket)?))
            .map_or(0, |address| address.port());
        let netns = std::fs::metadata("/proc/thread-self/ns/net").ok().map(|namespace| namespace.ino());
        let netns = netns.and_then(|netns| u32::try_from(netns).ok());
        let cookie = ffi::socket_cookie(&socket);
        let evidence = Evidence {
            family: 2,
            socket_type: 1,
            netns: netns.unwrap_or(0),
            cookie: cookie.unwrap_or(0),
            port,
            protocol: 6,
        };
        let expected = SocketFile {
            pid: std::process::id(),
            fd: socket.as_raw_fd(),
            inode: fstat(&socket)?.st_ino,
            evidence: Some(evidence),
        };
        Ok(Self { socket, expected, knows_netns: netns.is_some(), knows_cookie: cookie.is_some() })
    }

    /// Whether the socket of a record is this one, as far as this one is known.
    fn is_this(&self, file: &SocketFile) -> bool {
        let known = |evidence: Evidence| Evidence {
            netns: if self.knows_netns { evidence.netns } else { 0 },
            cookie: if self.knows_cookie { evidence.cookie } else { 0 },
            ..evidence
        };
        file.inode == self.expected.inode && file.evidence.map(known) == self.expected.evidence
    }

    /// Whether this descriptor was reported as it is.
    pub(super) fn verify<'a>(&self, files: impl Iterator<Item = &'a SocketFile>) -> Result<(), Refused> {
        let refused = |why| Err(Refused::other("self-check of the BPF program", why));
        // A thread with a table of its own may have another socket there.
        let own = files.filter(|file| (file.pid, file.fd) == (self.expected.pid, self.expected.fd));
        let mut is_reported = false;
        for file in own {
            if self.is_this(file) {
                return Ok(());
            }
            is_reported = true;
        }
        if is_reported {
            return refused("a socket of this process is reported as another");
        }
        refused("a socket of this process is not reported")
    }
}
