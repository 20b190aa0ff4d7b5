//! What the kernel reports, applied to the rows of a watcher.

use super::Watcher;
use crate::engine::changes::{self, Fresh};
use crate::engine::decisions::NotLookedUp;
use crate::engine::events;
use crate::filter::Facts;
use crate::model::event::{Change, Event, EventSource};
use crate::model::owner::{HiddenReason, Ownership};
use crate::model::process::Process;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::system::{Report, Reports as _};
use std::time::{Duration, Instant, SystemTime};

/// The shortest time between two listings because of events that were lost.
const RECOVERY: Duration = Duration::from_millis(100);

/// How long, and how often, a report is waited for of a socket that a listing lacks.
const LATE: (Duration, u32) = (Duration::from_millis(2), 5);

impl Watcher {
    /// Reads the reports of sockets that a listing lacks, which may come a moment later than their end.
    pub(super) fn read_late_reports(&mut self, events: &mut Vec<Event>, fresh: &mut Fresh) {
        let (time, times) = LATE;
        for _ in 0..times {
            let is_gone = |row: &Socket, fresh: &mut Fresh| {
                let reported = self.reports.reports_end_of(row);
                reported && changes::name(row).is_some_and(|name| !fresh.places.has(&fresh.rows, &name))
            };
            if !self.current.sockets.iter().any(|row| is_gone(row, fresh)) {
                return;
            }
            self.reports.wait(time);
            self.read_reports(events, Some(fresh));
        }
    }

    /// Reads what the kernel has reported. `fresh`: a listing that is younger than the rows, in which a socket may still be
    /// that is closed.
    pub(super) fn read_reports(&mut self, events: &mut Vec<Event>, fresh: Option<&mut Fresh>) {
        let read = self.read();
        self.apply(read, events, fresh);
    }

    pub(super) fn read(&mut self) -> Vec<Report> {
        let mut read = Vec::new();
        self.reports.read(&mut |report| read.push(report));
        read
    }

    pub(super) fn apply(
        &mut self,
        read: Vec<Report>,
        events: &mut Vec<Event>,
        mut fresh: Option<&mut Fresh>,
    ) {
        let (at, now) = (SystemTime::now(), Instant::now());
        for report in read {
            match report {
                Report::Opened { socket, process, ago } => {
                    let opened = self.opened(socket, process.map(|it| *it), ago, fresh.as_deref_mut());
                    events.extend(opened);
                }
                Report::Destroyed(socket) => {
                    let made = self.destroyed(socket, fresh.as_deref_mut(), now);
                    let source = EventSource::Destroy;
                    let event = |(change, processes)| Event { at, source, change, processes };
                    events.extend(made.into_iter().map(event));
                }
                Report::Lost(count, source) => {
                    let due = self.listed.checked_add(RECOVERY);
                    self.due = self.due.into_iter().chain(due).min();
                    events.push(Event { at, source, change: Change::Lost { count }, processes: Vec::new() });
                }
            }
        }
    }

    /// The end of a socket that the kernel has freed, and its processes. Empty: it was no row, or its end is known.
    fn destroyed(
        &mut self,
        last: Socket,
        fresh: Option<&mut Fresh>,
        now: Instant,
    ) -> Vec<(Change, Vec<Process>)> {
        let Some(name) = changes::name(&last) else { return Vec::new() };
        let listed = fresh.and_then(|Fresh { rows, places, processes }| {
            let (row, _) = places.take(rows, None, &name)?;
            Some((row, &*processes))
        });
        let known = self.places.take(&mut self.current.sockets, Some(&mut self.since), &name);
        let (change, processes) = match (known, listed) {
            (Some((row, since)), _) => {
                (changes::closed(with_counters(row, last), since, now), &self.current.processes)
            }
            (None, Some((row, processes))) => {
                (changes::closed(with_counters(row, last), None, now), processes)
            }
            (None, None) if self.known_ends.take(&name) || !self.is_selected(&last) => return Vec::new(),
            (None, None) => {
                // A listing may have shown the TIME_WAIT before the socket is reported, which was never listed. They have one
                // key: what remains is opened once more, so that it stays in the rows to which the events are applied.
                let remainder = self.places.remainder(&self.current.sockets, &name);
                let opened = remainder.map(|socket| (Change::Opened { socket: socket.clone() }, Vec::new()));
                let closed = (changes::closed(self.unlisted(last), None, now), Vec::new());
                return std::iter::once(closed).chain(opened).collect();
            }
        };
        let processes = events::processes(&change, processes, &[]);
        vec![(change, processes)]
    }

    /// Whether a socket that was never listed passes the filter. If that cannot be decided, it is counted.
    fn is_selected(&mut self, last: &Socket) -> bool {
        if !self.query.wanted_protocols().any(|kind| kind == last.protocol.kind()) {
            return false;
        }
        // A TCP socket without a remote end was a listener, or only bound, which no listing shows unless it is asked to.
        let may_be_idle =
            last.protocol == Protocol::Tcp && last.remote.is_none() && !self.query.bound_inactive;
        let passes = self.query.filter.decide(&Facts::of(last).with_owners(&NotLookedUp));
        let passes = passes.filter(|passes| !(*passes && may_be_idle));
        self.undecided += u64::from(passes.is_none());
        passes == Some(true)
    }

    /// The row of a socket whose owners were never looked up.
    fn unlisted(&self, mut last: Socket) -> Socket {
        if self.query.wants_owners() {
            last.set_owners([], Ownership::Hidden { reason: HiddenReason::Vanished });
        }
        last
    }
}

/// A row with the last counters of its socket.
fn with_counters(mut row: Socket, last: Socket) -> Socket {
    if let Some(details) = last.rare.and_then(|rare| rare.details) {
        row.set_details(Some(details));
    }
    row
}

#[cfg(all(test, not(netstat_test_unsupported)))]
#[path = "reported_tests.rs"]
mod tests;
