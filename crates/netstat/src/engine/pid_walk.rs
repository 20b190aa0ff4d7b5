//! The scan over processes for the sockets that they hold, for systems whose interface is per process.
//!
//! Threads share the list of processes; each takes the next one until none is left. The scan runs in parallel with the
//! reading of the tables. So a process may have been read before the tables were complete, and have opened or received a
//! listed socket since; another may have started. If sockets are left without a holder, a second pass rescans these
//! processes for those sockets alone.
//!
//! A [`ProcessReader`] reads a single process.
#![allow(dead_code, reason = "not every system has an interface per process")]

use crate::engine::owner_table::{Holding, OwnerTable, ProcessSeen};
use crate::engine::parallel::{lock, run_parallel};
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership};
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

/// Below this many processes one thread is faster than several.
const MIN_FOR_THREADS: usize = 16;

/// Reads which sockets a process holds.
pub(crate) trait ProcessReader: Sync {
    /// What it finds besides holders.
    type Extra: Extra;

    /// What each thread reuses from one process to the next.
    type Buffers: Default;

    /// The interface, as gaps name it.
    const SOURCE: &'static str;

    /// All processes that may be read, in any order.
    fn pids(&self) -> Result<Vec<u32>, Unreadable>;

    /// Reads one process. What it has reported to `visit` is kept even if it fails.
    fn read(&self, visit: &mut Visit<'_, Self::Extra>, buffers: &mut Self::Buffers)
    -> Result<(), Unreadable>;
}

/// What a [`ProcessReader`] finds besides holders.
pub(crate) trait Extra: Default + Send {
    /// Adds what another thread found.
    fn absorb(&mut self, other: Self);

    /// False if holders may be missing.
    fn is_complete(&self) -> bool;

    /// Adds what could not be read. A gap of nothing is left out.
    fn add_gaps(&self, gap: &mut dyn FnMut(GapKind, u64, String));

    /// Adds what it knows of holders.
    fn add_to(&mut self, _table: &mut OwnerTable) {}

    /// Adds what the second pass found, of what is used after it.
    fn absorb_second_pass(&mut self, _second: Self) {}
}

/// Why a process, or a part of it, could not be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It has ended.
    Vanished,
    /// The caller may not read it.
    Refused,
    /// Anything else.
    Failed(io::Error),
}

/// One process while it is read.
pub(crate) struct Visit<'a, E> {
    pub(crate) pid: u32,
    /// [`ProcessSeen::at`], set by the reader where it knows it.
    pub(crate) seen_at: u64,
    wanted: Option<&'a [u64]>,
    found: &'a mut Found<E>,
    /// Where the holdings of this process begin.
    first: usize,
}

impl<E> Visit<'_, E> {
    /// Whether the pass looks for this socket.
    pub(crate) fn is_wanted(&self, key: u64) -> bool {
        self.wanted.is_none_or(|wanted| wanted.binary_search(&key).is_ok())
    }

    /// Whether the pass looks for all sockets.
    pub(crate) fn is_first_pass(&self) -> bool {
        self.wanted.is_none()
    }

    /// The process holds this socket, which is kept if it is wanted.
    pub(crate) fn holds(&mut self, fd: Option<i32>, key: u64) {
        if self.is_wanted(key) {
            let owner = Owner::new(self.pid, fd, OwnerRole::Holder);
            self.found.holdings.push(Holding::new(key, owner));
        }
    }

    /// Removes repeats among what this process holds: the tables of its threads are often copies of one another.
    #[allow(dead_code, reason = "only Linux has tables of threads")]
    pub(crate) fn merge_holdings(&mut self) {
        let Some(own) = self.found.holdings.get_mut(self.first..) else { return };
        own.sort();
        let mut kept = self.first;
        for index in self.first..self.found.holdings.len() {
            let Some(holding) = self.found.holdings.get(index).copied() else { break };
            if kept == self.first || self.found.holdings.get(kept - 1) != Some(&holding) {
                if let Some(place) = self.found.holdings.get_mut(kept) {
                    *place = holding;
                }
                kept += 1;
            }
        }
        self.found.holdings.truncate(kept);
    }

    pub(crate) fn extra(&mut self) -> &mut E {
        &mut self.found.extra
    }

    /// Counts what could not be read, in addition to the error that the reader returns.
    pub(crate) fn count(&mut self, unread: Unreadable) {
        self.found.count(unread);
    }
}

/// What one thread found, and at the end the sum over all threads.
#[derive(Default)]
struct Found<E> {
    holdings: Vec<Holding>,
    seen: Vec<ProcessSeen>,
    /// Processes that were read before the tables of sockets were complete.
    early: Vec<u32>,
    /// Processes that were not read to their end.
    unread: Vec<u32>,
    vanished: u64,
    refused: u64,
    failed: u64,
    /// The last failure.
    failure: Option<io::Error>,
    extra: E,
}

impl<E: Extra> Found<E> {
    fn absorb(&mut self, other: Self) {
        self.holdings.extend(other.holdings);
        self.seen.extend(other.seen);
        self.early.extend(other.early);
        self.unread.extend(other.unread);
        self.vanished += other.vanished;
        self.refused += other.refused;
        self.failed += other.failed;
        self.failure = other.failure.or(self.failure.take());
        self.extra.absorb(other.extra);
    }

    fn is_complete(&self) -> bool {
        self.refused == 0 && self.failed == 0 && self.extra.is_complete()
    }

    /// The processes that were not read to their end; `None` if some of them are not known.
    fn unread(&mut self) -> Option<Vec<u32>> {
        let known = self.unread.len() as u64 == self.refused + self.failed && self.extra.is_complete();
        known.then(|| mem::take(&mut self.unread))
    }

    fn gaps(&self, source: &str) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut gap = |kind, count, source| {
            if count > 0 {
                gaps.push(Gap::new(kind, count, source));
            }
        };
        gap(GapKind::ProcessesUnreadable, self.refused, source.to_owned());
        gap(GapKind::ProcessesVanished, self.vanished, source.to_owned());
        let failure = self.failure.as_ref().map(|error| format!("{source}: {error}"));
        gap(GapKind::ProcessesSkipped, self.failed, failure.unwrap_or_default());
        self.extra.add_gaps(&mut gap);
        gaps
    }
}

impl<E> Found<E> {
    fn count(&mut self, unread: Unreadable) {
        match unread {
            Unreadable::Vanished => self.vanished += 1,
            Unreadable::Refused => self.refused += 1,
            Unreadable::Failed(error) => {
                self.failed += 1;
                self.failure = Some(error);
            }
        }
    }
}

/// One pass over a list of processes.
#[derive(Default)]
struct Pass<E> {
    /// Ascending in the first pass.
    pids: Vec<u32>,
    next: AtomicUsize,
    tables_complete: AtomicBool,
    /// The keys of the sockets looked for, ascending; `None`: all.
    wanted: Option<Vec<u64>>,
    found: Mutex<Found<E>>,
}

impl<E: Extra> Pass<E> {
    /// Reads processes until none is left.
    fn run<R: ProcessReader<Extra = E>>(&self, reader: &R) {
        let mut found = Found::default();
        let mut buffers = R::Buffers::default();
        while let Some(pid) = self.pids.get(self.next.fetch_add(1, Relaxed)) {
            if !self.tables_complete.load(SeqCst) {
                found.early.push(*pid);
            }
            let before = found.holdings.len();
            let wanted = self.wanted.as_deref();
            let mut visit = Visit { pid: *pid, seen_at: u64::MAX, wanted, found: &mut found, first: before };
            let read = reader.read(&mut visit, &mut buffers);
            let seen_at = visit.seen_at;
            if let Err(unread) = read {
                if !matches!(unread, Unreadable::Vanished) {
                    found.unread.push(*pid);
                }
                if matches!(unread, Unreadable::Refused) && found.early.last() == Some(pid) {
                    // It would be refused in the second pass too.
                    found.early.pop();
                }
                found.count(unread);
            }
            let holdings = found.holdings.get(before..).unwrap_or_default();
            if !holdings.is_empty() {
                let mut seen = ProcessSeen::new(*pid, seen_at);
                let sockets = holdings.iter().filter_map(|holding| Some((holding.owner().fd?, holding.key)));
                sockets.take(seen.sockets.len()).for_each(|(fd, key)| seen.note_socket(fd, key));
                found.seen.push(seen);
            }
        }
        // On every thread, so that the sorted runs only need to be merged.
        found.holdings.sort();
        lock(&self.found).absorb(found);
    }
}

/// A search for owners that reads process by process.
pub(crate) struct PidWalk<R: ProcessReader> {
    pub(crate) reader: R,
    /// Whether the query names the processes to read.
    some_only: bool,
    first: Pass<R::Extra>,
}

impl<R: ProcessReader> PidWalk<R> {
    /// `some_only`: these are the processes that the query names, and no others are read.
    pub(crate) fn new(reader: R, mut pids: Vec<u32>, some_only: bool) -> Self {
        pids.sort_unstable();
        pids.dedup();
        Self { reader, some_only, first: Pass { pids, ..Pass::default() } }
    }

    /// The processes of the first pass, ascending.
    pub(crate) fn pids(&self) -> &[u32] {
        &self.first.pids
    }

    pub(crate) fn is_some_only(&self) -> bool {
        self.some_only
    }

    pub(crate) fn run(&self) {
        self.first.run(&self.reader);
    }

    pub(crate) fn tables_complete(&self) {
        self.first.tables_complete.store(true, SeqCst);
    }

    fn found(&mut self) -> &mut Found<R::Extra> {
        self.first.found.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the reader found beside holders.
    pub(crate) fn extra(&mut self) -> &mut R::Extra {
        &mut self.found().extra
    }

    /// Counts processes that are known to be unreadable without trying.
    pub(crate) fn add_refused(&mut self, count: u64) {
        self.found().refused += count;
    }

    pub(crate) fn count(&mut self, unread: Unreadable) {
        self.found().count(unread);
    }

    /// What the first pass found. `hidden`: why there may be processes that the reader was not shown.
    pub(crate) fn table(&mut self, hidden: Option<HiddenReason>) -> OwnerTable {
        let some_only = self.some_only;
        let found = self.found();
        let mut table = OwnerTable::default();
        table.gaps = found.gaps(R::SOURCE);
        table.add(mem::take(&mut found.holdings), mem::take(&mut found.seen));
        table.set_reach(found.is_complete(), some_only, hidden);
        table.unread = if hidden.is_none() { found.unread() } else { None };
        found.extra.add_to(&mut table);
        table
    }

    /// Rescans the processes that may have opened or received these sockets since they were read.
    pub(crate) fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        if unresolved.is_empty() {
            return;
        }
        let mut pass = Pass {
            pids: mem::take(&mut self.found().early),
            wanted: Some(unresolved.to_vec()),
            ..Pass::default()
        };
        let mut not_listed = None;
        if !self.some_only {
            let is_new = |pid: &u32| self.first.pids.binary_search(pid).is_err();
            match self.reader.pids() {
                Ok(pids) => pass.pids.extend(pids.into_iter().filter(is_new)),
                Err(unread) => not_listed = Some(unread),
            }
        }
        let threads = if pass.pids.len() < MIN_FOR_THREADS { 1 } else { threads };
        run_parallel(threads, &|| pass.run(&self.reader), &mut || pass.run(&self.reader));
        let mut found = pass.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(unread) = not_listed {
            found.count(unread);
        }
        if table.complete && !found.is_complete() {
            // A new process that cannot be read may be the only holder.
            table.complete = false;
            table.if_missing = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
            table.gaps.extend(found.gaps(R::SOURCE));
        }
        table.unread =
            table.unread.take().zip(found.unread()).map(|(first, second)| [first, second].concat());
        if !found.holdings.is_empty() {
            table.add(found.holdings, found.seen);
            found.extra.add_to(table);
        }
        self.found().extra.absorb_second_pass(found.extra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::owner::UnownedReason;
    use crate::model::protocol::Protocol;
    use crate::model::socket::Socket;
    use std::collections::BTreeMap;
    use std::net::SocketAddr;

    /// The sockets of a process, or why it cannot be read.
    type Read = Result<Vec<u64>, fn() -> Unreadable>;

    /// By pid.
    type Processes = BTreeMap<u32, Read>;

    /// Processes before and after the tables were complete.
    struct Script {
        first: Processes,
        second: Processes,
    }

    #[derive(Default)]
    struct Visits(Vec<(u32, bool)>);

    impl Extra for Visits {
        fn absorb(&mut self, other: Self) {
            self.0.extend(other.0);
        }
        fn is_complete(&self) -> bool {
            true
        }
        fn add_gaps(&self, gap: &mut dyn FnMut(GapKind, u64, String)) {
            gap(GapKind::ThreadsNotCompared, 0, "nothing".to_owned());
        }
    }

    impl ProcessReader for Script {
        type Extra = Visits;
        type Buffers = ();
        const SOURCE: &'static str = "script";

        fn pids(&self) -> Result<Vec<u32>, Unreadable> {
            Ok(self.second.keys().copied().collect())
        }

        fn read(&self, visit: &mut Visit<'_, Visits>, (): &mut ()) -> Result<(), Unreadable> {
            let pid = visit.pid;
            let is_first = visit.is_first_pass();
            visit.extra().0.push((pid, is_first));
            visit.seen_at = 5;
            let processes = if is_first { &self.first } else { &self.second };
            match processes.get(&pid) {
                Some(Ok(keys)) => keys.iter().for_each(|key| visit.holds(Some(3), *key)),
                Some(Err(unread)) => return Err(unread()),
                None => return Err(Unreadable::Vanished),
            }
            Ok(())
        }
    }

    fn holds(pid: u32, keys: &[u64]) -> (u32, Read) {
        (pid, Ok(keys.to_vec()))
    }

    fn walk(first: Processes, second: Processes) -> PidWalk<Script> {
        let pids = first.keys().rev().chain(first.keys()).copied().collect();
        PidWalk::new(Script { first, second }, pids, false)
    }

    fn holders(table: &OwnerTable, key: u64) -> Vec<u32> {
        let socket = Socket::new(Family::Ipv4, Protocol::Udp, SocketAddr::from(([127, 0, 0, 1], 53)));
        table.owners(key, &socket).map(|owner| owner.pid).collect()
    }

    #[test]
    fn second_pass_reads_early_and_new_processes_alone_and_looks_for_missing_sockets_alone() {
        let first = Processes::from([holds(1, &[10]), holds(2, &[])]);
        let second = Processes::from([holds(1, &[10]), holds(2, &[20, 30]), holds(3, &[20])]);
        let mut walk = walk(first, second);
        // The process 1 is read early, the process 2 is not.
        walk.first.pids = vec![1];
        walk.run();
        walk.tables_complete();
        walk.first.pids = vec![1, 2];
        walk.first.next = AtomicUsize::new(1);
        walk.run();
        let mut table = walk.table(None);
        assert!(table.complete && table.gaps.is_empty());
        walk.second_pass(&mut table, &[20], 4);
        assert_eq!(holders(&table, 10), [1]);
        assert_eq!(holders(&table, 20), [3], "the process 2 was read when the tables were complete");
        assert_eq!(holders(&table, 30), [0; 0]);
        assert_eq!(table.process(3).map(|seen| (seen.at, seen.sockets[0])), Some((5, Some((3, 20)))));
    }

    #[test]
    fn processes_that_cannot_be_read_are_counted_by_reason_and_make_the_table_incomplete() {
        let fail = || Unreadable::Failed(io::Error::other("broken"));
        let first = Processes::from([
            (1, Err((|| Unreadable::Vanished) as fn() -> Unreadable)),
            (2, Err(|| Unreadable::Refused)),
            (3, Err(fail)),
        ]);
        let mut walk = walk(first, Processes::new());
        walk.run();
        let table = walk.table(None);
        let gaps: Vec<String> =
            table.gaps.iter().map(|gap| format!("{:?} {}", gap.kind, gap.source)).collect();
        let expected =
            ["ProcessesUnreadable script", "ProcessesVanished script", "ProcessesSkipped script: broken"];
        assert_eq!((gaps, table.complete), (expected.map(str::to_owned).to_vec(), false));
        assert_eq!(table.if_missing, Ownership::Hidden { reason: HiddenReason::UnreadableProcess });
    }

    #[test]
    fn new_process_that_cannot_be_read_makes_the_table_incomplete() {
        let first = Processes::from([holds(1, &[10])]);
        let second =
            Processes::from([holds(1, &[10]), (2, Err((|| Unreadable::Refused) as fn() -> Unreadable))]);
        let mut walk = walk(first, second);
        walk.run();
        let mut table = walk.table(None);
        assert_eq!(table.if_missing, Ownership::None { reason: UnownedReason::KernelOrInFlight });
        walk.second_pass(&mut table, &[20], 1);
        assert!(!table.complete);
        assert_eq!(table.if_missing, Ownership::Hidden { reason: HiddenReason::UnreadableProcess });
        assert_eq!(table.gaps.len(), 1);
    }
}
