//! Owners by a BPF iterator over the descriptors of all processes: see [`bpf`](crate::sys::linux::owners::bpf).
//!
//! One thread iterates: the kernel hands out the tasks in order. It takes a tenth of the time of the walk.
//!
//! # Races
//! The iteration runs beside the reading of the tables, and looks at a process once. What was opened after that,
//! or passed on meanwhile, is found by a second iteration, if a socket is left without owner.
//!
//! An iteration that fails half way is worth nothing, as it does not tell what is missing: the walk stands in.

use super::super::errno::Errno;
use super::walk;
use crate::engine::owner_table::{Held, OwnerTable, Sighting};
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenOwner, NoOwner, Owner, OwnerRole, Ownership};
use crate::model::owner_source::{OwnerSource, OwnersFrom};
use crate::sys::linux::owners::bpf::HeldSource;
use crate::sys::linux::procfs::Procfs;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What the iterator is called in gaps and reasons.
const ITERATOR: &str = "bpf_iter_task_file";

/// A search by an iterator, with what a walk needs should it fail.
pub(crate) struct Search<S, P, O> {
    source: S,
    /// Why it is this source.
    reason: &'static str,
    /// Whether this is a pid namespace with others above it, whose processes are not seen.
    nested: bool,
    /// The processes that were asked for; none: all.
    pids: Vec<u32>,
    taken: AtomicBool,
    sockets_are_listed: AtomicBool,
    /// The sockets that are listed, ascending, where these are few: the others need not be sorted.
    wanted: OnceLock<Option<Vec<u64>>>,
    found: Mutex<Found>,
    open_procfs: O,
    walk: OnceLock<walk::Search<P>>,
}

/// What an iteration found.
#[derive(Default)]
struct Found {
    held: Vec<Held>,
    sightings: Vec<Sighting>,
    /// It began when the table of sockets was complete.
    late: bool,
    failure: Option<Errno>,
}

impl Found {
    /// Iterates once.
    fn read(source: &impl HeldSource, pids: &[u32], wanted: Option<&[u64]>) -> Result<Self, Errno> {
        let mut found = Self::default();
        source.read(&mut |at, file| {
            if !(pids.is_empty() || pids.contains(&file.pid))
                || wanted.is_some_and(|wanted| wanted.binary_search(&file.inode).is_err())
            {
                return;
            }
            let owner = Owner::new(file.pid, Some(file.fd), OwnerRole::Holder);
            found.held.push(Held { key: file.inode, owner });
            // The descriptors of a process follow one another.
            match found.sightings.last_mut() {
                Some(last) if last.pid == file.pid => last.has_held(file.fd, file.inode),
                _ => {
                    let mut sighting = Sighting::new(file.pid, at);
                    sighting.has_held(file.fd, file.inode);
                    found.sightings.push(sighting);
                }
            }
        })?;
        Ok(found)
    }
}

impl<S, P, O> Search<S, P, O>
where
    S: HeldSource,
    P: Procfs,
    O: Fn() -> Result<P, Errno>,
{
    pub(crate) fn over(source: S, nested: bool, reason: &'static str, pids: &[u32], open_procfs: O) -> Self {
        Self {
            source,
            reason,
            nested,
            pids: pids.to_vec(),
            taken: AtomicBool::new(false),
            sockets_are_listed: AtomicBool::new(false),
            wanted: OnceLock::new(),
            found: Mutex::default(),
            open_procfs,
            walk: OnceLock::new(),
        }
    }

    fn iterate(&self) {
        let late = self.sockets_are_listed.load(SeqCst);
        let found = Found::read(&self.source, &self.pids, None);
        if found.is_err() {
            let walk = || walk::Search::over((self.open_procfs)(), &self.pids);
            self.walk.get_or_init(walk);
        }
        let mut found = found.unwrap_or_else(|errno| Found { failure: Some(errno), ..Found::default() });
        if let Some(Some(wanted)) = self.wanted.get() {
            found.held.retain(|held| wanted.binary_search(&held.key).is_ok());
        }
        // Here, where the table of sockets may still be read beside it.
        found.held.sort();
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Found { late, ..found };
    }
}

impl<S, P, O> crate::sys::Search for Search<S, P, O>
where
    S: HeldSource + Sync,
    P: Procfs + Send,
    O: Fn() -> Result<P, Errno> + Sync,
{
    fn run(&self) {
        if !self.taken.swap(true, SeqCst) {
            self.iterate();
        }
        if let Some(walk) = self.walk.get() {
            walk.run();
        }
    }

    fn sockets_are_listed(&self, keys: Option<Vec<u64>>) {
        // Told once; a second time would change nothing.
        let _ = self.wanted.set(keys.clone());
        self.sockets_are_listed.store(true, SeqCst);
        if let Some(walk) = self.walk.get() {
            walk.sockets_are_listed(keys);
        }
    }

    fn holders(&self) -> Vec<Sighting> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).sightings.clone()
    }

    fn table(&mut self) -> OwnerTable {
        let found = self.found.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(walk) = self.walk.get_mut() {
            let mut table = walk.table();
            let failure = found.failure.map(|errno| format!("{ITERATOR}: {}", std::io::Error::from(errno)));
            table.from = failure.map(|failure| OwnersFrom::new(OwnerSource::Procfs, failure));
            return table;
        }
        let mut table = OwnerTable::default();
        table.add(std::mem::take(&mut found.held), std::mem::take(&mut found.sightings));
        table.from = Some(OwnersFrom::new(OwnerSource::Bpf, self.reason));
        table.complete = self.pids.is_empty() && !self.nested;
        table.absent = if !self.pids.is_empty() {
            Ownership::Hidden { reason: HiddenOwner::NotLookedAt }
        } else if self.nested {
            Ownership::Hidden { reason: HiddenOwner::OtherPidNamespace }
        } else {
            Ownership::None { reason: NoOwner::KernelOrInFlight }
        };
        if self.nested {
            table.gaps_if_absent.push(Gap::new(GapKind::ProcessesHidden, 1, "pid namespace"));
        }
        table
    }

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize) {
        if let Some(walk) = self.walk.get_mut() {
            return walk.again(table, missed, threads);
        }
        let late = self.found.get_mut().unwrap_or_else(PoisonError::into_inner).late;
        if missed.is_empty() || late {
            return;
        }
        match Found::read(&self.source, &self.pids, Some(missed)) {
            Ok(found) if found.held.is_empty() => {}
            Ok(found) => table.add(found.held, found.sightings),
            Err(errno) => {
                // Whoever has come since was not seen.
                table.complete = false;
                table.absent = Ownership::Hidden { reason: HiddenOwner::UnreadableProcess };
                let why = format!("{ITERATOR}: {}", std::io::Error::from(errno));
                table.gaps.push(Gap::new(GapKind::OwnersUnavailable, 1, why));
            }
        }
    }
}
