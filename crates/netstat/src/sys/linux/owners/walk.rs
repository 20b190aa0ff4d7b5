//! The walk over the descriptors of all processes in `/proc`: works everywhere, with any rights.
//!
//! Each descriptor costs two to four microseconds, nearly all of it in the kernel, and the walk is nearly all
//! of a listing's time. So it runs on several threads beside the reading of the tables.
//!
//! # What it sees that a simple walk does not
//! - Threads with a descriptor table of their own (`unshare(CLONE_FILES)`): `/proc/<pid>/fd` shows the
//!   leader's. Where a process has more than one thread, kcmp(2) tells which tables differ.
//! - Processes whose main thread has exited: their `fd` is empty, and the other threads' is not.
//!
//! # What it cannot see
//! Processes of other users without the rights to trace them, processes outside the caller's pid namespace
//! or hidden by `hidepid`, sockets in flight between processes, the kernel's own, those registered with
//! io_uring alone.
//!
//! # Races
//! A process looked at before the table of sockets was complete may have opened one since. [`again`] looks
//! at those once more when a socket is left without owner, and at processes that are new.
//!
//! [`again`]: crate::sys::Search::again

use super::super::errno::Errno;
use crate::engine::owner_table::{Held, OwnerTable, Sighting};
use crate::engine::parallel::run_parallel;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenOwner, NoOwner, Owner, OwnerRole, Ownership};
use crate::sys::linux::procfs::{Procfs, TableRead};
use std::cmp::Ordering;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

/// How many links may be read in the threads of a process whose tables cannot be compared.
const UNCOMPARED_LINKS: u64 = 1 << 16;

/// The inode of the initial pid namespace, `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: &[u8] = b"pid:[4026531836]";

/// A search for owners.
pub(crate) struct Search<P> {
    /// Or why there is nothing to search.
    procfs: Result<P, NotSearched>,
    /// Whether only some processes were asked for.
    only_some: bool,
    first: Round,
}

/// Why a `/proc` is not searched.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum NotSearched {
    /// It cannot be read.
    Failed(Errno),
    /// It is that of another pid namespace: what it shows are other processes, or by other numbers.
    OtherNamespace,
}

/// One pass over a list of processes, shared by the threads that walk it.
#[derive(Default)]
struct Round {
    pids: Vec<u32>,
    next: AtomicUsize,
    /// Set once the table of sockets is complete.
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
    /// Processes that were looked at before the table of sockets was complete.
    early: Vec<u32>,
    unreadable: u64,
    vanished: u64,
    /// Processes that could not be looked at for another reason, and the last such.
    failed: u64,
    failure: Option<Errno>,
    threads_not_compared: u64,
}

impl Found {
    fn absorb(&mut self, other: Self) {
        self.held.extend(other.held);
        self.sightings.extend(other.sightings);
        self.early.extend(other.early);
        self.unreadable += other.unreadable;
        self.vanished += other.vanished;
        self.failed += other.failed;
        self.failure = other.failure.or(self.failure);
        self.threads_not_compared += other.threads_not_compared;
    }

    /// Counts a process that could not be looked at.
    fn count(&mut self, errno: Errno) {
        match errno {
            Errno::NOENT | Errno::SRCH => self.vanished += 1,
            Errno::ACCESS | Errno::PERM => self.unreadable += 1,
            _ => {
                self.failed += 1;
                self.failure = Some(errno);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.failed == 0 && self.threads_not_compared == 0
    }

    fn gaps(&self) -> Vec<Gap> {
        let source = "/proc/<pid>/fd".to_owned();
        let failed = match self.failure.map(std::io::Error::from) {
            Some(error) => format!("{source}: {error}"),
            None => source.clone(),
        };
        let mut gaps = vec![
            Gap::new(GapKind::ProcessesUnreadable, self.unreadable, source.clone()),
            Gap::new(GapKind::ProcessesVanished, self.vanished, source),
            Gap::new(GapKind::ProcessesSkipped, self.failed, failed),
            Gap::new(GapKind::ThreadsNotCompared, self.threads_not_compared, "kcmp"),
        ];
        gaps.retain(|gap| gap.count > 0);
        gaps
    }
}

impl<P: Procfs> Search<P> {
    pub(crate) fn over(procfs: Result<P, Errno>, pids: &[u32]) -> Self {
        let procfs = procfs.map_err(NotSearched::Failed).and_then(of_own_namespace);
        let mut first = Round { pids: pids.to_vec(), ..Round::default() };
        let listed = match &procfs {
            Ok(procfs) if pids.is_empty() => procfs.pids().map(|all| first.pids = all),
            _ => Ok(()),
        };
        first.pids.sort_unstable();
        first.pids.dedup();
        let procfs = procfs.and_then(|procfs| listed.map(|()| procfs).map_err(NotSearched::Failed));
        Self { procfs, only_some: !pids.is_empty(), first }
    }
}

impl<P: Procfs> crate::sys::Search for Search<P> {
    fn run(&self) {
        if let Ok(procfs) = &self.procfs {
            self.first.walk(procfs);
        }
    }

    fn sockets_are_listed(&self, _keys: Option<Vec<u64>>) {
        self.first.sockets_are_listed.store(true, SeqCst);
    }

    fn table(&mut self) -> OwnerTable {
        let procfs = match &self.procfs {
            Ok(procfs) => procfs,
            Err(NotSearched::Failed(errno)) => {
                return OwnerTable::unsearched(format_args!("/proc: {}", std::io::Error::from(*errno)));
            }
            Err(NotSearched::OtherNamespace) => {
                let mut table = OwnerTable::unsearched("/proc: of another pid namespace");
                table.absent = Ownership::Hidden { reason: HiddenOwner::OtherPidNamespace };
                return table;
            }
        };
        let found = self.first.found.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut table = OwnerTable::default();
        table.add(std::mem::take(&mut found.held), std::mem::take(&mut found.sightings));
        table.gaps = found.gaps();

        let hidden = hidden_processes(procfs, &self.first.pids, self.only_some);
        let hide = |reason| Ownership::Hidden { reason };
        table.complete = found.is_complete() && hidden.is_none() && !self.only_some;
        table.absent = match hidden {
            _ if self.only_some => hide(HiddenOwner::NotLookedAt),
            Some(Hidden::Namespace) => hide(HiddenOwner::OtherPidNamespace),
            Some(Hidden::Mount) => hide(HiddenOwner::UnreadableProcess),
            None if !found.is_complete() => hide(HiddenOwner::UnreadableProcess),
            None => Ownership::None { reason: NoOwner::KernelOrInFlight },
        };
        if let Some(hidden) = hidden {
            table.gaps_if_absent.push(Gap::new(GapKind::ProcessesHidden, 1, hidden.source()));
        }
        table
    }

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize) {
        let Ok(procfs) = &self.procfs else { return };
        if missed.is_empty() {
            return;
        }
        let found = self.first.found.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut pids = std::mem::take(&mut found.early);
        let mut not_listed = None;
        if !self.only_some {
            let is_new = |pid: &u32| self.first.pids.binary_search(pid).is_err();
            match procfs.pids() {
                Ok(all) => pids.extend(all.into_iter().filter(is_new)),
                Err(errno) => not_listed = Some(errno),
            }
        }
        let round = Round { pids, wanted: Some(missed.to_vec()), ..Round::default() };
        let threads = if round.pids.len() < 16 { 1 } else { threads };
        run_parallel(threads, &|| round.walk(procfs), &mut || round.walk(procfs));
        let mut found = round.found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(errno) = not_listed {
            found.count(errno);
        }
        if table.complete && !found.is_complete() {
            // A process that is new and cannot be read may hold what nobody else does.
            table.complete = false;
            table.absent = Ownership::Hidden { reason: HiddenOwner::UnreadableProcess };
            table.gaps.extend(found.gaps());
        }
        if !found.held.is_empty() {
            table.add(found.held, found.sightings);
        }
    }
}

/// Why processes may exist that `/proc` does not show.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Hidden {
    /// This process lives in a pid namespace of its own.
    Namespace,
    /// `/proc` is mounted with `hidepid`.
    Mount,
}

impl Hidden {
    fn source(self) -> &'static str {
        match self {
            Self::Namespace => "pid namespace",
            Self::Mount => "hidepid",
        }
    }
}

/// A `/proc` that shows this process by its own number, and so all others by theirs. In a pid namespace of
/// its own with the `/proc` of the one before, a process finds itself by another number; with that of a
/// third it does not find itself at all.
fn of_own_namespace<P: Procfs>(procfs: P) -> Result<P, NotSearched> {
    own_namespace(&procfs).map(|()| procfs)
}

fn own_namespace(procfs: &impl Procfs) -> Result<(), NotSearched> {
    match procfs.link("self") {
        Ok(own) if own == std::process::id().to_string().as_bytes() => Ok(()),
        Ok(_) => Err(NotSearched::OtherNamespace),
        Err(Errno::NOENT) => match procfs.pids() {
            Ok(pids) if !pids.is_empty() => Err(NotSearched::OtherNamespace),
            // A directory with nothing mounted on it.
            Ok(_) => Err(NotSearched::Failed(Errno::NOENT)),
            Err(errno) => Err(NotSearched::Failed(errno)),
        },
        Err(_) => Ok(()),
    }
}

/// Whether a `/proc` shows the processes of another pid namespace than this one, or by other numbers.
pub(crate) fn is_of_other_namespace(procfs: &impl Procfs) -> bool {
    matches!(own_namespace(procfs), Err(NotSearched::OtherNamespace))
}

/// Whether this process is in a pid namespace that is not the first.
pub(crate) fn is_nested(procfs: &impl Procfs) -> bool {
    procfs.link("self/ns/pid").is_ok_and(|namespace| namespace != INITIAL_PID_NAMESPACE)
}

fn hidden_processes(procfs: &impl Procfs, pids: &[u32], only_some: bool) -> Option<Hidden> {
    if is_nested(procfs) {
        return Some(Hidden::Namespace);
    }
    // There is always a first process: who is not shown it, is not shown others either.
    (!only_some && pids.binary_search(&1).is_err()).then_some(Hidden::Mount)
}

impl Round {
    /// Looks at processes until none is left.
    fn walk(&self, procfs: &impl Procfs) {
        let mut found = Found::default();
        while let Some(pid) = self.pids.get(self.next.fetch_add(1, Relaxed)) {
            if !self.sockets_are_listed.load(SeqCst) {
                found.early.push(*pid);
            }
            let before = found.held.len();
            let at = procfs.now();
            let outcome =
                Walk { procfs, pid: *pid, wanted: self.wanted.as_deref(), found: &mut found }.process();
            if let Err(errno) = outcome {
                found.count(errno);
            }
            let new = found.held.get(before..).unwrap_or_default();
            if !new.is_empty() {
                let mut sighting = Sighting::new(*pid, at);
                new.iter()
                    .filter_map(|held| Some((held.owner.fd?, held.key)))
                    .take(sighting.held.len())
                    .for_each(|(fd, key)| sighting.has_held(fd, key));
                found.sightings.push(sighting);
            }
        }
        // Here, on every thread, so that nothing is left but to merge.
        found.held.sort();
        self.found.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).absorb(found);
    }
}

/// The look at one process.
struct Walk<'a, P> {
    procfs: &'a P,
    pid: u32,
    wanted: Option<&'a [u64]>,
    found: &'a mut Found,
}

impl<P: Procfs> Walk<'_, P> {
    fn process(&mut self) -> Result<(), Errno> {
        let sizes = self.procfs.sizes(self.pid)?;
        if sizes.threads <= 1 && sizes.descriptors == Some(0) {
            // A kernel thread, mostly. With more threads it may be a leader that has exited.
            return Ok(());
        }
        let leader = match self.table(None) {
            // A leader that has exited is nobody's any more but root's; its threads still hold what it held.
            Err(errno @ (Errno::ACCESS | Errno::PERM)) if sizes.threads > 1 => {
                return self.threads(0).and(Err(errno));
            }
            leader => leader?,
        };
        let others = if sizes.threads > 1 { self.threads(leader.descriptors) } else { Ok(()) };
        if leader.refused > 0 { Err(Errno::ACCESS) } else { others }
    }

    /// Reads one descriptor table.
    fn table(&mut self, thread: Option<u32>) -> Result<TableRead, Errno> {
        let Self { pid, wanted, .. } = *self;
        let held = &mut self.found.held;
        self.procfs.sockets(pid, thread, &mut |fd, inode| {
            if wanted.is_none_or(|wanted| wanted.binary_search(&inode).is_ok()) {
                held.push(Held { key: inode, owner: Owner::new(pid, Some(fd), OwnerRole::Holder) });
            }
        })
    }

    /// Reads the tables of those threads that share neither the leader's nor that of a thread before them.
    fn threads(&mut self, descriptors: u64) -> Result<(), Errno> {
        // One task for each table that has been read, in the order that kcmp gives them.
        let leader = self.pid;
        let mut tables = vec![leader];
        let threads = self.procfs.threads(leader)?;
        let mut failure = Ok(());
        let mut budget = UNCOMPARED_LINKS;
        for thread in threads.into_iter().filter(|thread| *thread != leader) {
            let place = match self.place(&tables, thread) {
                // Shares a table that has been read.
                Ok(Ok(_)) => continue,
                Ok(Err(place)) => Some(place),
                // Cannot be compared, or what it was to be compared with is gone: read it, if that is not
                // too much; owners are a set.
                Err(_) => {
                    let Some(rest) = budget.checked_sub(descriptors.max(1)) else {
                        self.found.threads_not_compared += 1;
                        continue;
                    };
                    budget = rest;
                    None
                }
            };
            match self.table(Some(thread)) {
                Ok(read) => {
                    if let Some(place) = place {
                        tables.insert(place, thread);
                    }
                    if read.refused > 0 {
                        failure = Err(Errno::ACCESS);
                    }
                }
                // Ended meanwhile, and its table with it or it is read elsewhere.
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => failure = Err(errno),
            }
        }
        failure
    }

    /// Where a task stands among others: `Ok(Ok)` with the one whose table it shares, else `Ok(Err)` with
    /// the place that keeps the order.
    fn place(&self, tables: &[u32], thread: u32) -> Result<Result<usize, usize>, Errno> {
        let mut failure = None;
        let place = tables.binary_search_by(|task| {
            self.procfs.compare_tables(*task, thread).unwrap_or_else(|errno| {
                failure = Some(errno);
                Ordering::Equal
            })
        });
        failure.map_or(Ok(place), Err)
    }
}
