//! The processes that own rows, and their names for filters by process.

use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::engine::parallel::thread_count;
use crate::model::owner::OwnerRole;
use crate::model::process::Process;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::system::System;
use std::cell::RefCell;
use std::ffi::OsStr;

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

/// The names of processes, as far as the filter of a query needs them.
pub(crate) struct ProcessNames<'a, S> {
    system: &'a S,
    query: &'a Query,
    /// Ascending by pid.
    known: RefCell<Vec<Process>>,
}

impl<'a, S: System> ProcessNames<'a, S> {
    /// Reads the names of these processes, if the filter needs names.
    pub(crate) fn new(system: &'a S, query: &'a Query, processes: &[ProcessSeen]) -> Self {
        let names = Self { system, query, known: RefCell::default() };
        if query.filter.needs_names() {
            names.read(processes);
        }
        names
    }

    fn read(&self, processes: &[ProcessSeen]) {
        let threads = thread_count(self.query, S::processors);
        let (processes, _) = self.system.processes(processes, S::NAME_FIELDS, threads);
        let mut known = self.known.borrow_mut();
        for process in processes {
            // They come in order, so most are appended.
            let place = known.partition_point(|known| known.pid < process.pid);
            known.insert(place, process);
        }
    }

    fn is_named(&self, pid: u32, wanted: &OsStr) -> bool {
        let place = || self.known.borrow().binary_search_by_key(&pid, |process| process.pid);
        if place().is_err() {
            // Only a table of sockets names it.
            self.read(&[ProcessSeen::new(pid, u64::MAX)]);
        }
        let Ok(place) = place() else { return false };
        let known = self.known.borrow();
        known.get(place).is_some_and(|process| self.system.is_named(wanted, process))
    }

    /// Whether a row passes the filter with the owners that it has.
    pub(crate) fn pass(&self, socket: &Socket) -> bool {
        !self.query.needs_owners()
            || self.query.filter.matches_owned(socket, &|pid, name| self.is_named(pid, name))
    }
}
