//! Sockets that the kernel reports as open, applied to the rows of a watcher.

use super::Watcher;
use crate::engine::changes::{self, Fresh, Name, Places};
use crate::filter::{Facts, OwnerFacts, Term};
use crate::model::event::{Change, Event, EventSource};
use crate::model::owner::{Ownership, UnownedReason};
use crate::model::process::{Process, ProcessFields};
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::model::workload_part::WorkloadPart;
use crate::sys::Reports;
use crate::sys::system::Reports as _;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::time::{Duration, Instant, SystemTime};

/// How many processes of short-lived sockets are kept at least until those without rows are left out.
const MOST_NAMED: usize = 4096;

impl Watcher {
    /// Adds the row of a socket, or what is new of it.
    pub(super) fn opened(
        &mut self,
        mut socket: Socket,
        process: Option<Process>,
        ago: Duration,
        mut fresh: Option<&mut Fresh>,
    ) -> Option<Event> {
        let name = changes::name(&socket)?;
        let passes = self.passes(&socket, process.as_ref());
        if !self.query.wants_owners() {
            socket.clear_owners();
        }
        let process = process.filter(|_| !self.query.fields.is_empty()).map(|it| self.described(it));
        if let Some(fresh) = fresh.as_deref_mut() {
            if let Some(row) = fresh.places.get(&mut fresh.rows, &name) {
                update(row, &socket);
            }
        }
        let change = if let Some(row) = self.places.get(&mut self.current.sockets, &name) {
            let before = row.clone();
            update(row, &socket).then(|| Change::Changed { before, after: row.clone() })?
        } else {
            // What remains of a closed socket has its name: the report is older than the listing.
            let is_over = self.known_ends.contains(&name)
                || self.places.remainder(&self.current.sockets, &name).is_some();
            if !passes || is_over {
                return None;
            }
            add(&mut self.places, &mut self.current.sockets, name, &socket);
            self.since.push(Instant::now().checked_sub(ago));
            if let Some(Fresh { rows, places, .. }) = fresh.as_deref_mut() {
                // It may have been opened after the listing has passed its place; not if it is closed already.
                if places.get(rows, &name).is_none() && places.remainder(rows, &name).is_none() {
                    add(places, rows, name, &socket);
                }
            }
            Change::Opened { socket }
        };
        if let Some(process) = &process {
            self.name(process);
            // The listing has more of it, and may be younger than the report.
            fresh.into_iter().for_each(|fresh| put(&mut fresh.processes, process, is_same_process));
        }
        let now = SystemTime::now();
        let at = now.checked_sub(ago).unwrap_or(now);
        let processes = process.into_iter().collect();
        Some(Event { at, source: EventSource::Tracing, change, processes })
    }

    /// Adds a process to those of the rows. A long interval may see any number of processes.
    fn name(&mut self, process: &Process) {
        put(&mut self.current.processes, process, is_same_program);
        self.named += 1;
        if self.named > MOST_NAMED.max(self.current.sockets.len()) {
            self.named = 0;
            let wanted: HashSet<u32> = self.current.sockets.iter().flat_map(Socket::pids).collect();
            self.current.processes.retain(|process| wanted.contains(&process.pid));
        }
    }

    /// Whether a socket passes the filter. One that cannot be decided is left to the listing and to its end.
    fn passes(&self, socket: &Socket, process: Option<&Process>) -> bool {
        self.query.wanted_protocols().any(|kind| kind == socket.protocol.kind())
            && self.query.filter.decide(&Facts::of(socket).with_owners(&Opener(process))) == Some(true)
    }

    /// The process with what the last listing has of it, if it still runs the same program.
    fn described(&self, process: Process) -> Process {
        match self.current.process(process.pid).filter(|known| is_same_program(known, &process)) {
            Some(known) => known.clone(),
            None if self.fields.contains(ProcessFields::NAME) => process,
            None => Process { name: None, ..process },
        }
    }
}

/// Whether a report is of the process that is known: a pid can be given to another one.
fn is_same_process(known: &Process, reported: &Process) -> bool {
    known.start.is_some() && known.start == reported.start
}

/// As [`is_same_process`], and whether it runs the same program, as far as the names show: execve(2) leaves pid and start as
/// they are.
fn is_same_program(known: &Process, reported: &Process) -> bool {
    let agree = match (&known.name, &reported.name) {
        (Some(known), Some(reported)) => known == reported || Reports::is_short_name(reported, known),
        _ => true,
    };
    is_same_process(known, reported) && agree
}

/// Adds a process, or puts it in place of another one that had its pid. One of which `is_known` says that the report adds
/// nothing stays.
fn put(processes: &mut Vec<Process>, process: &Process, is_known: fn(&Process, &Process) -> bool) {
    match processes.binary_search_by_key(&process.pid, |known| known.pid) {
        Ok(place) => {
            if let Some(known) = processes.get_mut(place).filter(|known| !is_known(known, process)) {
                *known = process.clone();
            }
        }
        Err(place) => processes.insert(place, process.clone()),
    }
}

fn add(places: &mut Places, rows: &mut Vec<Socket>, name: Name, socket: &Socket) {
    places.add(rows, name);
    rows.push(socket.clone());
}

/// Sets the state of a row that was being connected, and who has accepted it. A report may be older than the row, whose state
/// does not go back, and whose owners a listing has found.
fn update(row: &mut Socket, reported: &Socket) -> bool {
    let is_connected = matches!(row.state, Some(State::SynSent | State::SynReceived))
        && reported.state == Some(State::Established);
    if is_connected {
        row.state = reported.state;
    }
    let waited = matches!(
        row.ownership(),
        Ownership::None { reason: UnownedReason::AcceptQueue | UnownedReason::SynReceived }
    );
    let has_waited = waited && (is_connected || !reported.owners().is_empty());
    if has_waited {
        row.set_owners(reported.owners().to_vec(), reported.ownership());
    }
    is_connected || (has_waited && !reported.owners().is_empty())
}

/// The process that has opened a socket. Others may have it by now.
struct Opener<'p>(Option<&'p Process>);

impl OwnerFacts for Opener<'_> {
    fn is_named(&self, pid: u32, wanted: &OsStr) -> Option<bool> {
        let process = self.0.filter(|process| process.pid == pid)?;
        // It may have further names, which a listing reads.
        (process.name.as_deref() == Some(wanted)).then_some(true)
    }

    fn is_part_of(&self, _pid: u32, _part: WorkloadPart, _name: &str) -> Option<bool> {
        // The record does not say.
        None
    }

    fn may_be_unseen(&self, _socket: &Socket, _term: &Term) -> bool {
        true
    }
}

#[cfg(all(test, not(netstat_test_unsupported)))]
#[path = "opened_tests.rs"]
mod tests;
