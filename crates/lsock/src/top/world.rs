//! What the samples say: the sockets that there are, those that came and went, and what changed.

use super::row::{Holders, MARKED, Rates, Row, holders};
use crate::gaps;
use crate::rights::Rights;
use crate::targets::ends;
use netstat::{OwnerSource, Snapshot};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What happened to a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
    State,
}

/// A change that two samples differ by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Numbered through.
    pub(super) serial: u64,
    pub(super) at: SystemTime,
    pub(super) change: Change,
    pub(super) text: String,
}

/// How many events are kept.
const MOST_EVENTS: usize = 1_000;

/// What the rows that are there come to.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) sockets: usize,
    pub(super) listening: usize,
    pub(super) rates: Rates,
}

/// All that is known. A copy shares its rows.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub(super) rows: Vec<Arc<Row>>,
    pub(super) sums: Sums,
    /// When rows were seen first, as far as that is shown.
    births: Vec<Duration>,
    /// When rows were gone that are in the list still.
    ends: Vec<Duration>,
    pub(super) holders: Holders,
    /// The newest last.
    pub(super) events: VecDeque<Event>,
    pub(super) events_seen: u64,
    /// What could not be seen, in one line.
    pub(super) unseen: Option<String>,
    /// When the last sample was taken: since the start, and by the clock on the wall.
    sampled: Option<Duration>,
    pub(super) wall: Option<SystemTime>,
}

impl World {
    /// Forgets the rows: the next sample is of another filter, and what it lacks has not been closed.
    pub fn forget(&mut self) {
        self.rows.clear();
        self.births.clear();
        self.ends.clear();
        self.sums = Sums::default();
        self.sampled = None;
    }

    /// Whether there was a sample since the rows were forgotten.
    pub(super) fn is_sampled(&self) -> bool {
        self.sampled.is_some()
    }

    /// When the last sample was taken, since the start.
    pub(super) fn sampled(&self) -> Option<Duration> {
        self.sampled
    }

    /// Takes a listing at `now`, after the start.
    pub fn take(&mut self, mut snapshot: Snapshot, now: Duration) {
        self.unseen = gaps::line(&snapshot, OwnerSource::Auto, Rights::default);
        // A table that was not read says nothing of its sockets.
        let is_whole = gaps::unseen(&snapshot).is_none();
        let at = snapshot.taken_at;
        self.wall = Some(at);
        let elapsed = self.sampled.map(|before| now.saturating_sub(before));
        self.holders = holders(std::mem::take(&mut snapshot.processes), &self.holders);
        let mut before = Before::default();
        let mut rows = Vec::with_capacity(snapshot.sockets.len());
        for row in self.rows.drain(..) {
            match row.gone {
                None => before.add(row),
                Some(gone) if now.saturating_sub(gone) < MARKED => rows.push(row),
                Some(_) => {}
            }
        }
        let mut changes = Vec::new();
        for socket in std::mem::take(&mut snapshot.sockets) {
            let mut row = Row::new(socket, &self.holders, elapsed.map(|_| now));
            let old = before.remove(&row);
            // A listener that has ended since does not change it.
            row.accepted = old.as_ref().and_then(|old| old.accepted);
            row.accepted = row.accepted.or_else(|| snapshot.direction(&row.socket)?.accepted);
            match old {
                Some(old) => {
                    row.born = old.born;
                    row.set_rates(&old, elapsed.unwrap_or_default());
                    if row.socket.state != old.socket.state {
                        let names = format!(" {} to {}", old.state_name(), row.state_name());
                        changes.push((Change::State, format!("{}{names}", subject(&row))));
                    }
                }
                None if elapsed.is_some() => changes.push((Change::Opened, subject(&row))),
                None => {}
            }
            rows.push(Arc::new(row));
        }
        for mut shared in before.rest() {
            let row = Arc::make_mut(&mut shared);
            if is_whole {
                row.gone = Some(now);
                changes.push((Change::Closed, format!("{}{}", subject(row), life(row, now))));
            }
            row.rates = None;
            rows.push(shared);
        }
        self.rows = rows;
        self.sampled = Some(now);
        self.count(now);
        for (change, text) in changes {
            self.events_seen += 1;
            self.events.push_back(Event { serial: self.events_seen, at, change, text });
            if self.events.len() > MOST_EVENTS {
                self.events.pop_front();
            }
        }
    }

    /// Counts once what each screen shows, and each tick asks for.
    fn count(&mut self, now: Duration) {
        self.sums = Sums::default();
        self.births.retain(|born| now.saturating_sub(*born) < MARKED * 2);
        self.ends.clear();
        for row in &self.rows {
            if let Some(gone) = row.gone {
                self.ends.push(gone);
                continue;
            }
            self.sums.sockets += 1;
            self.sums.listening += usize::from(row.socket.is_listening());
            self.sums.rates.add(row.rates.unwrap_or_default());
            if row.born == Some(now) && self.births.last() != Some(&now) {
                self.births.push(now);
            }
        }
        self.ends.dedup();
    }

    /// Whether the mark of a new row has ended lately.
    pub(super) fn has_aged(&self, now: Duration) -> bool {
        self.births.iter().any(|born| (MARKED..MARKED * 2).contains(&now.saturating_sub(*born)))
    }

    /// Takes out what was marked for long enough. Returns whether there was any.
    pub(super) fn sweep(&mut self, now: Duration) -> bool {
        let stays = |gone: Duration| now.saturating_sub(gone) < MARKED;
        if self.ends.iter().all(|gone| stays(*gone)) {
            return false;
        }
        self.ends.retain(|gone| stays(*gone));
        self.rows.retain(|row| row.gone.is_none_or(stays));
        true
    }
}

/// The rows of the sample before, by key. Sockets without a number may share one.
#[derive(Default)]
struct Before {
    by_key: HashMap<netstat::SocketKey, Arc<Row>>,
    same_key: Vec<Arc<Row>>,
}

impl Before {
    fn add(&mut self, row: Arc<Row>) {
        if let Some(other) = self.by_key.insert(row.key.clone(), row) {
            self.same_key.push(other);
        }
    }

    fn remove(&mut self, row: &Row) -> Option<Arc<Row>> {
        self.by_key.remove(&row.key).or_else(|| {
            let at = self.same_key.iter().position(|other| other.key == row.key)?;
            Some(self.same_key.swap_remove(at))
        })
    }

    fn rest(self) -> impl Iterator<Item = Arc<Row>> {
        self.by_key.into_values().chain(self.same_key)
    }
}

/// `tcp 127.0.0.1:80 nginx (814)`
fn subject(row: &Row) -> String {
    match &row.holder {
        Some(holder) => format!("{} {} ({})", ends(&row.socket), holder.name, holder.pid()),
        None => ends(&row.socket),
    }
}

/// ` after 12s, received 3.8M, sent 41K`, as far as that is known.
fn life(row: &Row, now: Duration) -> String {
    let mut text = String::new();
    if let Some(born) = row.born {
        text = format!(" after {}", crate::screen::age(now.saturating_sub(born)));
    }
    if let Some((received, sent)) = row.counters() {
        let amount = super::amount::amount;
        text.push_str(&format!(", received {}, sent {}", amount(received), amount(sent)));
    }
    text
}

#[cfg(test)]
#[path = "world_tests.rs"]
mod tests;
