//! Changes of sockets as events.

mod opened;
mod reported;

use crate::engine::changes::{self, Fresh, Listing, Places, Since};
use crate::engine::events;
use crate::engine::known_ends::KnownEnds;
use crate::lister::Lister;
use crate::model::error::Error;
use crate::model::event::{Change, Event, EventSource};
use crate::model::gap::{Gap, GapKind};
use crate::model::process::{Process, ProcessFields};
use crate::model::snapshot::Snapshot;
use crate::query::Query;
use crate::sys::Reports;
use crate::sys::system::{Report, Reports as _};
use std::time::{Duration, Instant, SystemTime};

/// The shortest interval between two listings.
const SHORTEST: Duration = Duration::from_millis(1);

/// Watches sockets: the rows of a query, and what happens to them, as [`Event`]s.
///
/// The rows so far ([`Watcher::snapshot`]) with the events applied to them are the rows of a listing that is made
/// afterwards, compared by their [keys](crate::Socket::key). A listing at every interval sees to that, on every system: an event is
/// the difference of two. Where the kernel reports something by itself, such events come at once ([`EventSource`]).
/// [`Watcher::unseen`] says what neither sees.
///
/// Nothing runs between two calls: there is no thread and no runtime. The memory is that of the rows, what a [`Lister`]
/// keeps, and a buffer of the kernel; if that is full before it is read, a [`Change::Lost`] and another listing follow.
/// They also follow where the kernel is to be asked anew: in a child after fork(2), which takes nothing from its parent's
/// watcher, in a thread that has moved to another network namespace, and where something else has closed its descriptors.
///
/// # Platform notes
/// Linux: the end of TCP and UDP sockets of the calling thread's network namespace is reported at once, even of those that
/// lived between two listings. With the rights for BPF, so are TCP sockets that begin to listen or are connected, with the process
/// that does it. On other systems there are listings alone.
///
/// # Rights
/// Those of [`Query::snapshot`]; the reports of closed sockets need none, those of opened ones the rights of
/// [`OwnerSource::Bpf`](crate::OwnerSource::Bpf). `OwnerSource::Procfs` leaves them out.
///
/// # Sources
/// Those of [`Query`] and [`EventSource`].
///
/// # Examples
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// use netstat::{Change, Query, Watcher};
/// use std::time::Duration;
///
/// let mut watcher = Watcher::new(Query::new().tcp().owners(true), Duration::from_millis(50))?;
/// println!("{} sockets", watcher.snapshot().sockets.len());
/// let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// for event in watcher.wait(Duration::from_secs(1))? {
///     match event.change {
///         Change::Opened { socket } => println!("+ {socket}"),
///         Change::Closed { socket, .. } => println!("- {socket}"),
///         Change::Changed { after, .. } => println!("= {after}"),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[doc(alias = "monitor")]
#[doc(alias = "subscribe")]
pub struct Watcher {
    query: Query,
    /// The details of processes that were asked for; the query has more.
    fields: ProcessFields,
    interval: Duration,
    lister: Lister,
    reports: Reports,
    current: Snapshot,
    since: Since,
    places: Places,
    /// Sockets whose end a listing has shown, before it was reported.
    known_ends: KnownEnds,
    /// How many processes reports have named since the listing, or since those without rows were left out.
    named: usize,
    /// Sockets that were closed before they were listed, and of which the filter cannot be decided.
    undecided: u64,
    listed: Instant,
    /// When the next listing is due; `None`: never.
    due: Option<Instant>,
    /// Events from before the first call of [`Watcher::wait`].
    early: Vec<Event>,
    /// Why the last listing failed, if events came before that.
    failed: Option<Error>,
}

impl Watcher {
    /// Lists the sockets, which are the first rows. `interval`: the time from one listing to the next, at least a
    /// millisecond. Where owners are wanted and the machine is large, choose a second or more.
    ///
    /// # Errors
    /// Those of [`Query::snapshot`].
    pub fn new(query: Query, interval: Duration) -> Result<Self, Error> {
        // Reports name sockets by them, and two listings are compared by them.
        let query = query.cookies(true);
        let fields = query.fields;
        // A report names a process by its start, without which its details may be those of another one.
        let query = match fields.is_empty() {
            true => query,
            false => query.processes(fields | ProcessFields::START_TIME),
        };
        let mut lister = Lister::new();
        // Before the listing, so that nothing happens in between.
        let reports = Reports::open(&query);
        let mut current = lister.snapshot(&query)?;
        keep(fields, &mut current.processes);
        let since = vec![None; current.sockets.len()];
        let mut watcher = Self {
            query,
            fields,
            interval: interval.max(SHORTEST),
            lister,
            reports,
            current,
            since,
            places: Places::default(),
            known_ends: KnownEnds::new(Instant::now()),
            named: 0,
            undecided: 0,
            listed: Instant::now(),
            due: None,
            early: Vec::new(),
            failed: None,
        };
        let read = watcher.read();
        watcher.begin(read);
        Ok(watcher)
    }

    /// Applies what was reported during the first listing. What was closed then was never a row, but what was lost may be
    /// one.
    fn begin(&mut self, read: Vec<Report>) {
        self.schedule();
        let mut events = Vec::new();
        self.apply(read, &mut events, None);
        self.undecided = 0;
        events.retain(|event| matches!(event.change, Change::Lost { .. }));
        self.early = events;
    }

    /// The rows so far, in no order: those of the last listing with what has happened since then; and the processes,
    /// namespaces and gaps of that listing.
    ///
    /// A row that a listing lacks only because it could not read a table is kept.
    pub fn snapshot(&self) -> &Snapshot {
        &self.current
    }

    /// What the sources of events cannot see.
    pub fn unseen(&self) -> Vec<Gap> {
        let mut gaps = self.reports.unseen(self.interval);
        if self.undecided > 0 {
            let source = "closed before they were listed";
            gaps.push(Gap::new(GapKind::SocketsUndecided, self.undecided, source));
        }
        gaps
    }

    /// How long it is until the next listing, which [`Watcher::wait`] then makes. For programs with an event loop of
    /// their own, which call `wait(Duration::ZERO)` after that time.
    pub fn due(&self) -> Duration {
        self.due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()))
    }

    #[cfg(test)]
    #[allow(dead_code, reason = "only Linux has a state of it")]
    pub(crate) fn reports_mut(&mut self) -> &mut Reports {
        &mut self.reports
    }

    /// What the kernel reports.
    #[allow(dead_code, reason = "only Linux has a descriptor of it")]
    pub(crate) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// Waits for events, at most so long, and returns them in the order in which they are to be applied. No events: nothing
    /// has happened in that time. With [`Duration::ZERO`] it does not wait, but lists if that is due.
    ///
    /// # Errors
    /// Those of [`Query::snapshot`], of the listing that was due. The rows stay as they are, and the watcher can be asked
    /// again: the next listing is due after another interval.
    pub fn wait(&mut self, timeout: Duration) -> Result<Vec<Event>, Error> {
        let end = Instant::now().checked_add(timeout);
        // Before anything is read: in a child the sources are those of its parent.
        self.reports.renew(&self.query);
        let mut events = std::mem::take(&mut self.early);
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            self.read_reports(&mut events, None);
            if self.due().is_zero() {
                self.failed = self.list(&mut events).err();
            }
            if !events.is_empty() {
                return Ok(events);
            }
            let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() && self.failed.is_none() {
                return Ok(events);
            }
            if self.failed.is_none() {
                self.reports.wait(left.min(self.due()));
            }
        }
    }

    fn schedule(&mut self) {
        self.listed = Instant::now();
        self.due = self.listed.checked_add(self.interval);
    }

    /// Lists, and adds the differences.
    fn list(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        self.reports.listing();
        self.reports.renew(&self.query);
        let listed = self.lister.snapshot(&self.query);
        self.schedule();
        let mut new = listed?;
        keep(self.fields, &mut new.processes);
        let (rows, processes) = (std::mem::take(&mut new.sockets), std::mem::take(&mut new.processes));
        let mut fresh = Fresh { rows, processes, places: Places::default() };
        self.read_reports(events, Some(&mut fresh));
        self.read_late_reports(events, &mut fresh);
        let rows;
        (rows, new.processes) = (fresh.rows, fresh.processes);
        let is_incomplete = changes::is_incomplete(&self.current.gaps, &new.gaps);
        let listing = Listing { rows, is_incomplete, at: Instant::now() };
        let (at, mut made) = (SystemTime::now(), Vec::new());
        let mut sockets = std::mem::take(&mut self.current.sockets);
        changes::replace(&mut sockets, &mut self.since, listing, &mut |change| made.push(change));
        self.places = Places::default();
        let old = std::mem::replace(&mut self.current, new);
        self.current.sockets = sockets;
        let ends = made.iter().filter_map(|change| match change {
            Change::Closed { socket, .. } => changes::name(socket),
            _ => None,
        });
        self.known_ends.extend(ends, self.listed);
        for change in made {
            let processes = events::processes(&change, &old.processes, &self.current.processes);
            events.push(Event { at, source: EventSource::Difference, change, processes });
        }
        Ok(())
    }
}

/// Removes what only the watcher has asked for.
fn keep(fields: ProcessFields, processes: &mut [Process]) {
    if !fields.contains(ProcessFields::START_TIME) {
        processes.iter_mut().for_each(|process| process.start_time = None);
    }
}
