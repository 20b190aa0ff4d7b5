//! Looks up the processes that own rows, and applies the filter's conditions about processes to the rows.

use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::engine::parallel::thread_count;
use crate::filter::{OwnerFacts, Term};
use crate::model::owner::{HiddenReason, OwnerRole, Ownership};
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::model::workload_part::WorkloadPart;
use crate::query::Query;
use crate::sys::system::System;
use std::cell::RefCell;
use std::ffi::OsStr;

/// The processes that own one of these rows, ascending.
pub(crate) fn owning_processes<'r>(
    sockets: impl IntoIterator<Item = &'r Socket>,
    table: &OwnerTable,
) -> Vec<ProcessSeen> {
    let mut pids: Vec<u32> = Vec::new();
    // The last pid of each remainder: skips most repeats, which is faster than sorting them.
    let mut recent = [None; 1024];
    let owners = sockets.into_iter().flat_map(Socket::owners);
    for owner in owners.filter(|owner| owner.role != OwnerRole::EndedBinder) {
        let place = recent.get_mut(owner.pid as usize % 1024);
        if place.is_some_and(|place| place.replace(owner.pid) != Some(owner.pid)) {
            pids.push(owner.pid);
        }
    }
    pids.sort_unstable();
    pids.dedup();
    let mut processes = Vec::with_capacity(pids.len());
    for pid in pids {
        // A process that only a table of sockets names was not seen at a known time.
        processes.push(table.process(pid).unwrap_or_else(|| ProcessSeen::new(pid, u64::MAX)));
    }
    processes
}

/// What the filter of a query needs to know of owners and of their names.
pub(crate) struct ProcessNames<'a, S> {
    system: &'a S,
    query: &'a Query,
    owners: &'a OwnerTable,
    /// Ascending by pid.
    known: RefCell<Vec<Process>>,
    /// For terms about processes, whether one may hold for a process that was not read.
    of_unread: RefCell<Vec<(Term, bool)>>,
}

impl<'a, S: System> ProcessNames<'a, S> {
    /// Reads the names of these processes, if the filter needs names.
    pub(crate) fn new(
        system: &'a S,
        query: &'a Query,
        owners: &'a OwnerTable,
        processes: &[ProcessSeen],
    ) -> Self {
        let (known, of_unread) = Default::default();
        let names = Self { system, query, owners, known, of_unread };
        if query.filter.needs_names() {
            names.read(processes);
        }
        names
    }

    fn read(&self, processes: &[ProcessSeen]) {
        let threads = thread_count(self.query, S::processors);
        let workload = self.query.filter.workload_term().map(|_| ProcessFields::WORKLOAD);
        let fields = S::NAME_FIELDS | workload.unwrap_or_default();
        let (read, _) = self.system.processes(processes, fields, threads);
        let mut known = self.known.borrow_mut();
        let mut add = |process: Process| {
            // They come in order, so mostly at the end.
            if let Err(place) = known.binary_search_by_key(&process.pid, |known| known.pid) {
                known.insert(place, process);
            }
        };
        read.into_iter().for_each(&mut add);
        // Of a process that is not among them, the name is not known.
        processes.iter().for_each(|process| add(Process::new(process.pid)));
    }

    /// What is known of a process that is read if it was not yet.
    fn of_process(&self, pid: u32, of: &dyn Fn(&Process) -> Option<bool>) -> Option<bool> {
        let place = || self.known.borrow().binary_search_by_key(&pid, |process| process.pid);
        if place().is_err() {
            // Only a table of sockets names it, or it could not be read.
            self.read(&[ProcessSeen::new(pid, u64::MAX)]);
        }
        let known = self.known.borrow();
        of(known.get(place().ok()?)?)
    }

    /// Whether one of the processes that may hold more than is known is the process, or has the name, of this term.
    fn is_of_unread(&self, term: &Term) -> bool {
        let Some(unread) = &self.owners.unread else { return true };
        match term {
            Term::Pid(pid) => unread.contains(pid),
            Term::Process(name) => self.of_any_unread(term, unread, &|pid| self.is_named(pid, name)),
            Term::Workload(part, name) => {
                self.of_any_unread(term, unread, &|pid| self.is_part_of(pid, *part, name))
            }
            _ => false,
        }
    }

    /// Whether a term may hold for one of these processes; decided once for all rows.
    fn of_any_unread(&self, term: &Term, unread: &[u32], holds: &dyn Fn(u32) -> Option<bool>) -> bool {
        let known = self.of_unread.borrow().iter().find(|(of, _)| of == term).map(|(_, may)| *may);
        known.unwrap_or_else(|| {
            // All of them in one step: files with names are read once for each.
            let is_new = |pid: &u32| self.known.borrow().binary_search_by_key(pid, |it| it.pid).is_err();
            let new: Vec<ProcessSeen> =
                unread.iter().filter(|pid| is_new(pid)).map(|pid| ProcessSeen::new(*pid, u64::MAX)).collect();
            self.read(&new);
            let may = unread.iter().any(|pid| holds(*pid) != Some(false));
            self.of_unread.borrow_mut().push((term.clone(), may));
            may
        })
    }
}

impl<S: System> OwnerFacts for ProcessNames<'_, S> {
    fn is_named(&self, pid: u32, wanted: &OsStr) -> Option<bool> {
        self.of_process(pid, &|process| self.system.is_named(wanted, process))
    }

    fn is_part_of(&self, pid: u32, part: WorkloadPart, name: &str) -> Option<bool> {
        self.of_process(pid, &|process| process.workload.as_ref()?.is_part_of(part, name))
    }

    fn may_be_unseen(&self, socket: &Socket, term: &Term) -> bool {
        match socket.ownership {
            Ownership::Known { complete: true } | Ownership::None { .. } => false,
            // A system that never reports all owners is asked for those that it reports.
            Ownership::Known { complete: false } if !S::SUPPORT.all_owners => false,
            // It has been closed, or its owner has: there is nothing to find.
            Ownership::Hidden { reason: HiddenReason::Vanished } => false,
            _ => self.is_of_unread(term),
        }
    }
}
