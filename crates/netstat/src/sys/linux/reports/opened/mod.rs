//! TCP sockets that are opened, with their process, by a program that the kernel runs when one changes its state
//! (`inet_sock_set_state`).
//!
//! # The program
//! It is assembled for the running kernel as those that find owners, and writes records to a ring. Nothing is pinned:
//! program, link and maps are descriptors of this process and end with it.
//!
//! # Rights
//! `CAP_BPF` and `CAP_PERFMON`, or `CAP_SYS_ADMIN`, in the initial user namespace.
//!
//! # Since when
//! Linux 5.12 with BTF; in the initial pid namespace only, since the program records pids of that one.
//!
//! # Whose process
//! The thread that calls connect(2) or listen(2) has the socket at that moment. A thread of the kernel is not recorded. A
//! connection that comes in is established by whichever thread is interrupted, and no tracepoint says which process accepts
//! it: the next listing does.
//!
//! Sources: include/trace/events/sock.h; net/ipv4/af_inet.c, `inet_sk_set_state`; bpf(2).

mod ffi;
mod program;
mod record;
#[cfg(test)]
mod tests;

use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::process::Process;
use crate::model::state::State;
use crate::sys::linux::clock::monotonic_nanoseconds;
use crate::sys::linux::owners::bpf::{self, Refused, Types, kernel_types};
use crate::sys::system::Report;
use ffi::{Counter, Ring};
use netstat_wire::linux::tcp_states::TCP_SYN_RECV;
use program::{NAMES, Needs, Output, RECORD_BYTES};
use record::Record;
use std::collections::HashMap;
use std::fs;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The memory for records that wait to be read: some forty thousand.
const RING_BYTES: u32 = 4 << 20;

/// More records than the ring has room for, so that none stays behind an end that is read.
const MOST: usize = 64 * 1024;

/// Connections that are being opened, at most.
const MOST_CONNECTING: usize = 64 * 1024;

/// The initial pid namespace, `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The program, and what it has recorded.
#[derive(Debug)]
pub(super) struct Opened {
    ring: Ring,
    ring_map: OwnedFd,
    dropped_map: Counter,
    dropped: u64,
    /// It keeps the program.
    _link: OwnedFd,
    /// The processes that have called connect(2) for sockets that are not connected yet.
    connecting: HashMap<NonZeroU64, Process>,
}

impl Opened {
    /// Loads the program for the sockets of this network namespace.
    pub(super) fn load(netns: u32) -> Result<Self, Refused> {
        bpf::may_load()?;
        if usize::BITS < 64 {
            return Err(Refused::other("BTF", "not read by a process of 32 bits"));
        }
        let is_initial = fs::read_link("/proc/thread-self/ns/pid")
            .is_ok_and(|link| link.as_os_str() == INITIAL_PID_NAMESPACE);
        if !is_initial {
            return Err(Refused::other("BPF", "in a pid namespace of its own"));
        }
        let file = kernel_types().map_err(|errno| Refused::errno("BTF", errno))?;
        let types = Types::new(&file)?;
        let [tracepoint, structures @ ..] = types.find(NAMES)?;
        let needs = Needs::of(&types, structures)?;
        let map = |errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno);
        let ring_map = bpf::create_ring(b"netstat_events\0\0", RING_BYTES).map_err(map)?;
        let dropped_fd = bpf::create_array(b"netstat_dropped\0", 8).map_err(map)?;
        let dropped_map = Counter::map(dropped_fd.as_fd()).map_err(map)?;
        let ring = Ring::map(ring_map.as_fd(), RING_BYTES as usize).map_err(map)?;
        let output = Output { ring: ring_map.as_raw_fd(), dropped: dropped_fd.as_raw_fd(), netns };
        let states = program::states(&needs, output);
        let link = bpf::attach_to_tracepoint(b"netstat_states\0\0", &states, tracepoint.number())?;
        Ok(Self { ring, ring_map, dropped_map, dropped: 0, _link: link, connecting: HashMap::new() })
    }

    /// Reads what was recorded.
    pub(super) fn read(&mut self, rows_have_netns: bool, each: &mut dyn FnMut(Report)) {
        let Self { ring, connecting, .. } = self;
        let now = monotonic_nanoseconds();
        ring.read::<RECORD_BYTES>(MOST, &mut |record| {
            if let Some(record) = record::decode(record, rows_have_netns) {
                if let Some(report) = report(record, connecting, now) {
                    each(report);
                }
            }
        });
        let dropped = self.dropped_map.get();
        if dropped != self.dropped {
            each(Report::Lost(dropped.wrapping_sub(self.dropped)));
            self.dropped = dropped;
        }
    }

    /// A socket that was being connected is no more.
    pub(super) fn forget(&mut self, cookie: NonZeroU64) {
        self.connecting.remove(&cookie);
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring_map.as_fd()
    }
}

/// What a record says of rows. The beginning of a connection is remembered: its local end is not known yet.
fn report(record: Record, connecting: &mut HashMap<NonZeroU64, Process>, now: u64) -> Option<Report> {
    let Record { mut socket, process, before, when } = record;
    let cookie = socket.cookie?;
    if socket.state == Some(State::SynSent) {
        if let Some(process) = process.filter(|_| connecting.len() < MOST_CONNECTING) {
            connecting.insert(cookie, process);
        }
        return None;
    }
    // The port is chosen after the state is set.
    socket.local.port()?;
    let process = process.or_else(|| connecting.remove(&cookie));
    let ownership = match process {
        Some(_) => Ownership::Known { complete: false },
        // It was established for a listener.
        None if before == TCP_SYN_RECV => Ownership::None { reason: UnownedReason::AcceptQueue },
        None => Ownership::Hidden { reason: HiddenReason::NotSearched },
    };
    let owner = process.as_ref().map(|process| Owner::new(process.pid, None, OwnerRole::Holder));
    socket.set_owners(owner, ownership);
    let ago = Duration::from_nanos(now.saturating_sub(when));
    Some(Report::Opened { socket, process: process.map(Box::new), ago })
}
