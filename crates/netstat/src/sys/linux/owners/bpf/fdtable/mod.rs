//! The source that walks descriptor tables: see [`program`].

mod memory;
mod offsets;
pub(super) mod program;
pub(super) mod settings;

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
use program::{Needs, fdtable_sockets};
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use settings::Settings;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// How often an iterator is read, in some ten seconds: each read takes thousands of slots, or fills the map.
const MAX_READS: u32 = 1 << 16;

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
        Self::load_with(types, families, Settings::DEFAULT)
    }

    pub(super) fn load_with(
        types: &Types<'_>,
        families: Families,
        settings: Settings,
    ) -> Result<Self, Refused> {
        let needs = Needs::of(types)?;
        let check = SelfCheck::new().map_err(|errno| Refused::errno("socket for the self-check", errno))?;
        let (map, mapping) = ffi::Mapping::of_new_array(b"netstat_records\0", MAP_BYTES)
            .map_err(|errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno))?;
        let (records, reference) = (map.as_raw_fd(), check.socket.as_raw_fd());
        let program = fdtable_sockets(needs, families, records, reference, settings);
        // The program keeps the map.
        Ok(Self { link: attach(b"netstat_owners\0\0", &program)?, map: mapping, check: Some(check) })
    }

    /// Runs the program once. `Err(Fault::Check)`: it does not see on this kernel what it should, and what was reported may
    /// be wrong.
    pub(super) fn read(&mut self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Fault> {
        let Some(mut check) = self.check.take() else { return self.run(each).map_err(Fault::Errno) };
        let run = self.run(&mut |at, file| {
            // Its own socket is no part of an answer, nor are copies of it that a fork made.
            if !check.note(&file) {
                each(at, file);
            }
        });
        let done = match run {
            Ok(()) => check.verdict().map_err(Fault::Check),
            // Not one task had what the program looks for first.
            Err(Errno::NXIO) => check.verdict().map_err(Fault::Check),
            Err(errno) => Err(Fault::Errno(errno)),
        };
        if done.is_err() {
            // Not passed yet: the next run is checked.
            self.check = Some(check);
        }
        done
    }

    fn run(&mut self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Errno> {
        let mut iterator = File::from(ffi::start_iterator(self.link.as_fd())?);
        let mut at = nanoseconds_since_boot();
        for _ in 0..MAX_READS {
            let is_done = match iterator.read(&mut [0; 8]).map_err(errno_of) {
                Ok(read) => read == 0,
                Err(Errno::AGAIN | Errno::INTR) => false,
                Err(errno) => return Err(errno),
            };
            if self.number(state::LOST) != 0 {
                return Err(Errno::BUSY);
            }
            if self.number(state::FOREIGN) != 0 {
                // It was started in another pid namespace than the one of this thread.
                return Err(Errno::XDEV);
            }
            // The kernel also pauses by itself, after a million tasks; the program knows nothing of that.
            if is_done || self.number(state::STOPPED) != 0 {
                self.take_records(at, each);
                at = nanoseconds_since_boot();
            }
            if is_done {
                // Without the operations of a socket nothing was read.
                return if self.number(state::OPERATIONS) == 0 { Err(Errno::NXIO) } else { Ok(()) };
            }
        }
        Err(Errno::AGAIN)
    }

    fn take_records(&self, at: u64, each: &mut dyn FnMut(u64, SocketFile)) {
        let count = usize::try_from(self.number(state::RECORDS)).unwrap_or(usize::MAX);
        let mut rest = self.map.get(usize::from(RECORDS_AT.unsigned_abs())..).unwrap_or_default();
        for _ in 0..count {
            let Some((record, after)) = rest.split_first_chunk::<RECORD_BYTES>() else { return };
            if let Some(file) = decode(record) {
                each(at, file);
            }
            rest = after;
        }
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
/// is not bound, so it is in no table that the kernel lists, and it is closed when a run has reported it.
#[derive(Debug)]
pub(super) struct SelfCheck {
    pub(super) socket: OwnedFd,
    pub(super) expected: SocketFile,
    /// Whether the network namespace is known: without `/proc` it is not.
    pub(super) knows_netns: bool,
    pub(super) knows_cookie: bool,
    /// Whether the descriptor was reported, and whether it was reported as it is.
    pub(super) is_reported: bool,
    pub(super) is_right: bool,
}

impl SelfCheck {
    pub(super) fn new() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        let netns = std::fs::metadata("/proc/thread-self/ns/net").ok().map(|namespace| namespace.ino());
        let netns = netns.and_then(|netns| u32::try_from(netns).ok());
        let cookie = ffi::socket_cookie(&socket);
        let evidence = Evidence {
            family: 2,
            socket_type: 1,
            netns: netns.unwrap_or(0),
            cookie: cookie.unwrap_or(0),
            port: 0,
            protocol: 6,
        };
        let expected = SocketFile {
            pid: std::process::id(),
            fd: socket.as_raw_fd(),
            inode: fstat(&socket)?.st_ino,
            evidence: Some(evidence),
        };
        let (knows_netns, knows_cookie) = (netns.is_some(), cookie.is_some());
        Ok(Self { socket, expected, knows_netns, knows_cookie, is_reported: false, is_right: false })
    }

    /// Notes whether a record is of this descriptor. Returns whether it is of this socket.
    pub(super) fn note(&mut self, file: &SocketFile) -> bool {
        let is_this = self.is_this(file);
        if (file.pid, file.fd) == (self.expected.pid, self.expected.fd) {
            self.is_reported = true;
            self.is_right |= is_this;
        }
        is_this
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

    /// Whether this descriptor was reported as it is. A thread with a table of its own may have another socket there.
    pub(super) fn verdict(&self) -> Result<(), Refused> {
        let why = match (self.is_right, self.is_reported) {
            (true, _) => return Ok(()),
            (false, true) => "a socket of this process is reported as another",
            (false, false) => "a socket of this process is not reported",
        };
        Err(Refused::other("self-check of the BPF program", why))
    }
}
