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
//! The thread that calls connect(2) or listen(2) has the socket at that moment. It is recorded if the socket has a file,
//! which those of the kernel itself and the subflows of MPTCP lack, and if it is no thread of the kernel. A connection that
//! comes in is established by whichever thread is interrupted, and no tracepoint says which process accepts it: the next
//! listing does. (A program that runs when `inet_csk_accept` returns would, where a kernel allows such programs.)
//!
//! # What is not seen
//! A socket that listens without having been bound gets its port after the state is set: the next listing shows it.
//!
//! Sources: include/trace/events/sock.h; net/ipv4/af_inet.c, `inet_sk_set_state`; net/ipv4/inet_connection_sock.c,
//! `inet_csk_listen_start`; bpf(2).

mod connecting;
mod ffi;
mod program;
mod record;
mod skipped;
#[cfg(test)]
mod tests;

use crate::model::event::EventSource;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::state::State;
use crate::sys::linux::clock::monotonic_nanoseconds;
use crate::sys::linux::owners::bpf::{self, Refused, Types, kernel_types};
use crate::sys::system::Report;
use connecting::Connecting;
use ffi::{Counter, Ring};
use netstat_wire::linux::btf::Kind;
use netstat_wire::linux::tcp_states::TCP_SYN_RECV;
use program::{Needs, Output, RECORD_BYTES};
use record::Record;
use skipped::Skipped;
use std::collections::HashSet;
use std::fs;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

/// The memory for records that wait to be read: some forty thousand.
const RING_BYTES: u32 = 4 << 20;

/// More records than the ring has room for, so that none stays behind an end that is read.
const MOST: usize = 64 * 1024;

/// How long after the state is set it is known whether a socket listens.
const SETTLED: Duration = Duration::from_micros(100);

/// The initial pid namespace, `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// The program, and what it has recorded.
#[derive(Debug)]
pub(super) struct Opened {
    ring: Ring,
    ring_map: OwnedFd,
    dropped_map: Counter,
    dropped: u64,
    skipped: Skipped,
    link: OwnedFd,
    /// The number of the link.
    link_id: Option<String>,
    connecting: Connecting,
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
        let [tracepoint, sock, task] = types.find([
            (Kind::Typedef, "btf_trace_inet_sock_set_state"),
            (Kind::Struct, "sock"),
            (Kind::Struct, "task_struct"),
        ])?;
        let needs = Needs::of(&types, sock, task)?;
        let map = |errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno);
        let ring_map = bpf::create_ring(b"netstat_events\0\0", RING_BYTES).map_err(map)?;
        let dropped_fd = bpf::create_array(b"netstat_dropped\0", 8).map_err(map)?;
        let dropped_map = Counter::map(dropped_fd.as_fd()).map_err(map)?;
        let ring = Ring::map(ring_map.as_fd(), RING_BYTES as usize).map_err(map)?;
        let output = Output { ring: ring_map.as_raw_fd(), dropped: dropped_fd.as_raw_fd(), netns };
        let states = program::states(&needs, output);
        let (program, link) = bpf::attach_to_tracepoint(b"netstat_states\0\0", &states, tracepoint.number())?;
        let (skipped, connecting) = (Skipped::of(program), Connecting::default());
        let link_id = id_of(&link);
        Ok(Self { ring, ring_map, dropped_map, dropped: 0, skipped, link, link_id, connecting })
    }

    /// Reads what was recorded. False: a record is being written, so that there may be more behind it.
    pub(super) fn read(&mut self, rows_have_netns: bool, each: &mut dyn FnMut(Report)) -> bool {
        let mut records = Vec::new();
        let mut is_complete = self.records(rows_have_netns, &mut records);
        let now = monotonic_nanoseconds();
        let is_young = |record: &Record| {
            record.socket.state == Some(State::Listen)
                && now.saturating_sub(record.when) < u64::try_from(SETTLED.as_nanos()).unwrap_or(u64::MAX)
        };
        if records.iter().any(is_young) {
            thread::sleep(SETTLED);
            is_complete = self.records(rows_have_netns, &mut records);
        }
        for record in without_failures(records) {
            report(record, &mut self.connecting, now).into_iter().for_each(&mut *each);
        }
        let dropped = self.dropped_map.get();
        let lost = dropped.wrapping_sub(self.dropped).saturating_add(self.skipped.take());
        self.dropped = dropped;
        if lost > 0 {
            each(Report::Lost(lost, EventSource::Tracing));
        }
        is_complete
    }

    /// Whether the program is attached still: the descriptor that keeps it so is what it was.
    pub(super) fn is_attached(&self) -> bool {
        id_of(&self.link) == self.link_id
    }

    /// Counts the runs that the kernel has skipped; the next read reports them.
    pub(super) fn count_skipped(&mut self) {
        self.skipped.count();
    }

    fn records(&mut self, rows_have_netns: bool, to: &mut Vec<Record>) -> bool {
        self.ring.read::<RECORD_BYTES>(MOST, &mut |record| to.extend(record::decode(record, rows_have_netns)))
    }

    /// A socket that was being connected is no more.
    pub(super) fn forget(&mut self, cookie: NonZeroU64) {
        self.connecting.remove(cookie);
    }
}

/// What the kernel says of a link, if it is one.
fn id_of(link: &OwnedFd) -> Option<String> {
    let info = fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", link.as_raw_fd())).ok()?;
    Some(info.lines().find(|line| line.starts_with("link_id:"))?.to_owned())
}

#[cfg(test)]
impl Opened {
    /// As if something else had closed the descriptor of the link.
    pub(super) fn end(&mut self) {
        let other = fs::File::open("/dev/null").unwrap();
        rustix::io::dup2(other, &mut self.link).unwrap();
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring_map.as_fd()
    }
}

/// Leaves out the attempts to listen that have failed: one is followed by a record that the socket is closed.
fn without_failures(mut records: Vec<Record>) -> Vec<Record> {
    if records.iter().any(|record| record.socket.state == Some(State::Closed)) {
        let mut failed = HashSet::new();
        let mut kept = Vec::with_capacity(records.len());
        for record in records.into_iter().rev() {
            match (record.socket.state, record.socket.cookie) {
                (Some(State::Closed), Some(cookie)) => _ = failed.insert(cookie),
                (Some(State::Listen), Some(cookie)) if failed.remove(&cookie) => {}
                _ => kept.push(record),
            }
        }
        kept.reverse();
        records = kept;
    }
    records
}

/// What a record says of rows. The beginning of a connection is remembered: its local end is not known yet.
fn report(record: Record, connecting: &mut Connecting, now: u64) -> Option<Report> {
    let Record { mut socket, process, before, when } = record;
    let cookie = socket.cookie?;
    if socket.state == Some(State::SynSent) {
        // An attempt without a process is another one than that of before.
        connecting.remove(cookie);
        if let Some(process) = process {
            connecting.insert(cookie, process);
        }
        return None;
    }
    // The port is chosen after the state is set.
    if socket.local.port().is_none() || socket.state == Some(State::Closed) {
        return None;
    }
    let remembered = connecting.remove(cookie);
    // Without a file, no process has it any more.
    let process = process.or(remembered.filter(|_| socket.identity.is_some()));
    let ownership = match process {
        Some(_) => Ownership::Known { complete: false },
        // It was established for a listener.
        None if before == TCP_SYN_RECV && socket.identity.is_none() => {
            Ownership::None { reason: UnownedReason::AcceptQueue }
        }
        None => Ownership::Hidden { reason: HiddenReason::NotSearched },
    };
    let owner = process.as_ref().map(|process| Owner::new(process.pid, None, OwnerRole::Holder));
    socket.set_owners(owner, ownership);
    let ago = Duration::from_nanos(now.saturating_sub(when));
    Some(Report::Opened { socket, process: process.map(Box::new), ago })
}
