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
use std::ffi::{OsStr, OsString};

/// The processes that own one of these rows, ascending.
pub(crate) fn owning_processes(sockets: &[Socket], table: &OwnerTable) -> Vec<ProcessSeen> {
    let mut pids: Vec<u32> = Vec::new();
    // The last pid of each remainder: skips most repeats, which is faster than sorting them.
    let mut recent = [None; 1024];
    let owners = sockets.iter().flat_map(Socket::owners);
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
    /// For names, whether an unread process may have it.
    of_unread: RefCell<Vec<(OsString, bool)>>,
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
            Term::Process(name) => {
                let known = self.of_unread.borrow().iter().find(|(of, _)| of == name).map(|(_, may)| *may);
                known.unwrap_or_else(|| {
                    let may = unread.iter().any(|pid| self.is_named(*pid, name) != Some(false));
                    self.of_unread.borrow_mut().push((name.clone(), may));
                    may
                })
            }
            Term::Workload(part, name) => {
                unread.iter().any(|pid| self.is_part_of(*pid, *part, name) != Some(false))
            }
            _ => false,
        }
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
