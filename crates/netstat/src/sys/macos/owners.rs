//! Who holds which socket: a walk over the descriptors of all processes that can be read.
//!
//! A call lists a process's descriptors, and another one tells of each socket among them. The walk runs on
//! several threads beside the reading of the tables. It keeps the sockets that it sees: the tables may not
//! have listed them.
//!
//! # Races
//! Between two calls a descriptor is closed or used again, a process ends, its pid is given to another one:
//! such is passed over and counted. A process looked at before the tables were read may have opened a socket
//! since; it is looked at once more when a socket is left without holder.
//!
//! Sources: `bsd/kern/proc_info.c`, `bsd/kern/socket_info.c`, `libproc.h`.

use super::calls::{self, Descriptors, Pids, SocketInfo};
use super::kernel::{Errno, Kernel};
use super::row;
use super::tables::Tables;
use crate::engine::owner_table::{Held, OwnerTable, Sighting};
use crate::engine::parallel::run_parallel;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenOwner, NoOwner, Owner, OwnerRole, Ownership};
use crate::model::socket::{Protocol, Socket};
use crate::sys::system::Search;
use netstat_wire::macos::proc_pidinfo::SZOMB;
use netstat_wire::macos::socket_fdinfo::{PROC_FP_SHARED, SOCKET_FDINFO_BYTES, SocketFdinfo};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// A search for owners.
pub(crate) struct OwnerSearch<K> {
    kernel: K,
    tables: Arc<Tables>,
    /// Whether only some processes were asked for.
    only_some: bool,
    /// Why processes other than the caller's own could not even be listed.
    unlisted: Option<Errno>,
    /// Processes of others, which cannot be read.
    foreign: u64,
    first: Round,
}

/// One pass over a list of processes, shared by the threads that walk it.
#[derive(Default)]
struct Round {
    pids: Vec<u32>,
    next: AtomicUsize,
    /// Set once the tables of sockets have been read.
    sockets_are_listed: AtomicBool,
    /// The sockets looked for, ascending; `None`: all.
    wanted: Option<Vec<u64>>,
    found: Mutex<Found>,
}

/// What the walk of one thread found, and of all in the end.
#[derive(Default)]
struct Found {
    held: Vec<Held>,
    sightings: Vec<Sighting>,
    /// The keys of sockets whose only descriptor has been seen.
    sole: Vec<u64>,
    /// The sockets seen that no table has listed so far, with their keys, each perhaps more than once.
    rows: Vec<(u64, Socket)>,
    /// Processes that were looked at before the tables were read.
    early: Vec<u32>,
    unreadable: u64,
    vanished: u64,
    /// Descriptors that were closed, or became something else, before they were asked for.
    closed: u64,
    /// Answers that could not be decoded.
    malformed: u64,
    /// Processes that could not be looked at, or not at all of them, for another reason, and the last such.
    failed: u64,
    failure: Option<Errno>,
}

impl Found {
    fn absorb(&mut self, other: Self) {
        self.held.extend(other.held);
        self.sightings.extend(other.sightings);
        self.sole.extend(other.sole);
        self.rows.extend(other.rows);
        self.early.extend(other.early);
        self.unreadable += other.unreadable;
        self.vanished += other.vanished;
        self.closed += other.closed;
        self.malformed += other.malformed;
        self.failed += other.failed;
        self.failure = other.failure.or(self.failure);
    }

    /// Counts a process that could not be looked at.
    fn count(&mut self, errno: Errno) {
        match errno {
            Errno::SRCH => self.vanished += 1,
            Errno::PERM => self.unreadable += 1,
            _ => self.fail(errno),
        }
    }

    fn fail(&mut self, errno: Errno) {
        self.failed += 1;
        self.failure = Some(errno);
    }

    fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.failed == 0 && self.malformed == 0
    }
}

/// The processes that this caller can read: those of the same effective user, or all.
fn readable_pids(kernel: &impl Kernel) -> Result<Pids, Errno> {
    match kernel.geteuid() {
        0 => calls::all_pids(kernel),
        user => calls::pids_of(kernel, user),
    }
}

impl<K: Kernel> OwnerSearch<K> {
    pub(super) fn new(kernel: K, tables: Arc<Tables>, pids: &[u32]) -> Self {
        let only_some = !pids.is_empty();
        let mut search =
            Self { kernel, tables, only_some, unlisted: None, foreign: 0, first: Round::default() };
        search.first.pids = pids.to_vec();
        if !only_some {
            search.list_pids();
        }
        search.first.pids.sort_unstable();
        search.first.pids.dedup();
        search
    }

    fn list_pids(&mut self) {
        match readable_pids(&self.kernel) {
            Ok(Pids { pids, whole }) => {
                self.first.pids = pids;
                if !whole {
                    let found = self.first.found.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
                    found.fail(Errno::NOMEM);
                }
            }
            Err(errno) => {
                // A sandbox. One's own sockets can still be had.
                self.unlisted = Some(errno);
                self.first.pids = vec![self.kernel.getpid()];
                return;
            }
        }
        if self.kernel.geteuid() != 0 {
            match calls::all_pids(&self.kernel) {
                Ok(all) => {
                    let foreign = all.pids.iter().filter(|pid| self.first.pids.binary_search(pid).is_err());
                    self.foreign = u64::try_from(foreign.count()).unwrap_or(u64::MAX);
                }
                Err(errno) => self.unlisted = Some(errno),
            }
        }
    }

    /// The sockets of one protocol that the walk has seen and the table did not list.
    pub(super) fn unlisted_of(&mut self, protocol: Protocol) -> (Vec<Socket>, Option<Gap>) {
        let found = self.first.found.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut rows: Vec<(u64, Socket)> = Vec::new();
        found.rows = std::mem::take(&mut found.rows)
            .into_iter()
            .filter_map(|row| {
                if row.1.protocol == protocol {
                    rows.push(row);
                    None
                } else {
                    Some(row)
                }
            })
            .collect();
        let gap = self.tables.retain_unlisted(protocol, &mut rows);
        // Seen in every process that holds it.
        rows.sort_by_key(|(key, _)| *key);
        rows.dedup_by_key(|(key, _)| *key);
        // In the order in which they came, as far as that can be told.
        rows.sort_by_key(|(_, socket)| socket.cookie);
        (rows.into_iter().map(|(_, socket)| socket).collect(), gap)
    }
}

impl<K: Kernel> Search for OwnerSearch<K> {
    fn run(&self) {
        self.first.walk(&self.kernel, &self.tables);
    }

    fn sockets_are_listed(&self, _keys: Option<Vec<u64>>) {
        self.first.sockets_are_listed.store(true, SeqCst);
    }

    fn table(&mut self) -> OwnerTable {
        let found = self.first.found.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut table = OwnerTable::default();
        table.add(std::mem::take(&mut found.held), std::mem::take(&mut found.sightings));
        let mut gap = |kind, count, source: String| {
            if count > 0 {
                table.gaps.push(Gap::new(kind, count, source));
            }
        };
        gap(GapKind::ProcessesUnreadable, found.unreadable + self.foreign, "proc_pidinfo".to_owned());
        gap(GapKind::ProcessesVanished, found.vanished, "proc_pidinfo".to_owned());
        let failure = found.failure.map_or(String::new(), |errno| format!("proc_pidinfo: {errno}"));
        gap(GapKind::ProcessesSkipped, found.failed, failure);
        gap(GapKind::DescriptorsVanished, found.closed, "proc_pidfdinfo".to_owned());
        gap(GapKind::RecordsSkipped, found.malformed, "proc_pidfdinfo".to_owned());
        if let Some(errno) = self.unlisted {
            gap(GapKind::ProcessesHidden, 1, format!("proc_listpids: {errno}"));
        }
        let is_root = self.kernel.geteuid() == 0;
        let all_seen = is_root && found.is_complete() && self.unlisted.is_none();
        table.complete = all_seen && !self.only_some;
        if !table.complete {
            table.add_sole(std::mem::take(&mut found.sole));
        }
        table.absent = match all_seen {
            _ if self.only_some => Ownership::Hidden { reason: HiddenOwner::NotLookedAt },
            true => Ownership::None { reason: NoOwner::KernelOrInFlight },
            false => Ownership::Hidden { reason: HiddenOwner::UnreadableProcess },
        };
        table
    }

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize) {
        if missed.is_empty() {
            return;
        }
        let found = self.first.found.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut pids = std::mem::take(&mut found.early);
        if !self.only_some && self.unlisted.is_none() {
            let is_new = |pid: &u32| self.first.pids.binary_search(pid).is_err();
            let now = readable_pids(&self.kernel).map_or(Vec::new(), |now| now.pids);
            pids.extend(now.into_iter().filter(is_new));
        }
        let round = Round { pids, wanted: Some(missed.to_vec()), ..Round::default() };
        let threads = if round.pids.len() < 16 { 1 } else { threads };
        let walk = || round.walk(&self.kernel, &self.tables);
        run_parallel(threads, &walk, &mut || walk());
        let found = round.found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !found.held.is_empty() {
            table.add(found.held, found.sightings);
            table.add_sole(found.sole);
        }
    }

    fn unlisted(&mut self) -> (Vec<Socket>, Vec<Gap>) {
        let (mut rows, tcp) = self.unlisted_of(Protocol::Tcp);
        let (more, udp) = self.unlisted_of(Protocol::Udp);
        rows.extend(more);
        (rows, tcp.into_iter().chain(udp).collect())
    }
}

impl Round {
    /// Looks at processes until none is left.
    fn walk(&self, kernel: &impl Kernel, tables: &Tables) {
        let mut found = Found::default();
        let mut descriptors = Descriptors::default();
        while let Some(pid) = self.pids.get(self.next.fetch_add(1, Relaxed)) {
            if !self.sockets_are_listed.load(SeqCst) {
                found.early.push(*pid);
            }
            let (held, sole, rows) = (found.held.len(), found.sole.len(), found.rows.len());
            let mut walk = Walk { kernel, tables, round: self, pid: *pid, found: &mut found };
            match walk.process(&mut descriptors) {
                Ok(unique_id) => {
                    if found.held.len() > held {
                        found.sightings.push(Sighting::new(*pid, unique_id));
                    }
                }
                Err(errno) => {
                    // What an ended process held, it holds no more.
                    found.held.truncate(held);
                    found.sole.truncate(sole);
                    found.rows.truncate(rows);
                    if errno != Errno::SRCH || !is_zombie(kernel, *pid) {
                        found.count(errno);
                    }
                }
            }
        }
        // Here, on every thread, so that nothing is left but to merge.
        found.held.sort_unstable();
        self.found.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).absorb(found);
    }
}

/// Whether a process has ended and was not waited for: it is listed, holds nothing, and hides nothing.
fn is_zombie(kernel: &impl Kernel, pid: u32) -> bool {
    calls::short_info(kernel, pid, true).is_ok_and(|info| info.status == SZOMB)
}

/// The look at one process.
struct Walk<'a, K> {
    kernel: &'a K,
    tables: &'a Tables,
    round: &'a Round,
    pid: u32,
    found: &'a mut Found,
}

impl<K: Kernel> Walk<'_, K> {
    /// Looks at every socket of the process, and returns the number that tells it from others.
    fn process(&mut self, descriptors: &mut Descriptors) -> Result<u64, Errno> {
        let Self { kernel, pid, .. } = *self;
        if !descriptors.read(kernel, pid)? {
            self.found.fail(Errno::NOMEM);
        }
        let Descriptors { fds, ports, .. } = &*descriptors;
        if fds.is_empty() && ports.is_empty() {
            return Ok(u64::MAX);
        }
        let unique_id = match calls::unique_id(kernel, pid) {
            Err(Errno::SRCH) => return Err(Errno::SRCH),
            // Refused: there is nothing then to tell it by.
            told => told.ok(),
        };
        let mut info: SocketInfo = [0; SOCKET_FDINFO_BYTES];
        for fd in fds {
            let read = calls::socket_of_fd(kernel, pid, *fd, &mut info);
            self.take(Some(*fd), read)?;
        }
        for port in ports {
            let read = calls::socket_of_port(kernel, pid, *port, &mut info);
            self.take(None, read)?;
        }
        match unique_id {
            None => Ok(u64::MAX),
            // Another process under the same pid, and nobody knows which of its sockets are whose.
            Some(before) if calls::unique_id(kernel, pid)? != before => Err(Errno::SRCH),
            Some(before) => Ok(before),
        }
    }
}

impl<K> Walk<'_, K> {
    /// Keeps what was told of one socket.
    fn take(&mut self, fd: Option<i32>, read: Result<&[u8], Errno>) -> Result<(), Errno> {
        let bytes = match read {
            Ok(bytes) => bytes,
            // Closed, or used again as something else. Up to macOS 10.15 that is EOPNOTSUPP, and for a file
            // port still; of a port that is gone, EINVAL.
            Err(Errno::BADF | Errno::NOTSOCK | Errno::OPNOTSUPP | Errno::INVAL) => {
                self.found.closed += 1;
                return Ok(());
            }
            Err(errno) => return Err(errno),
        };
        let Ok(info) = SocketFdinfo::decode(bytes) else {
            self.found.malformed += 1;
            return Ok(());
        };
        let Some((protocol, key)) = row::key_of_fdinfo(&info) else {
            return Ok(());
        };
        if self.round.wanted.as_deref().is_some_and(|wanted| wanted.binary_search(&key).is_err()) {
            return Ok(());
        }
        self.found.held.push(Held { key, owner: Owner::new(self.pid, fd, OwnerRole::Holder) });
        if info.status & PROC_FP_SHARED == 0 {
            self.found.sole.push(key);
        }
        let is_listed = || self.tables.of(protocol).is_some_and(|listed| listed.has(key));
        if self.round.wanted.is_none() && !is_listed() {
            self.found.rows.extend(row::of_fdinfo(&info).map(|row| (key, row)));
        }
        Ok(())
    }
}
