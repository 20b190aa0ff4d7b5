//! The rows of a watcher, and how they change: by another listing.

use crate::model::event::Change;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::NetnsId;
use crate::model::owner::{HiddenReason, Owner, Ownership};
use crate::model::process::Process;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::socket_key::SocketKey;
use crate::model::state::State;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Instant;

/// The rows of a watcher: since when each is known. `None`: it was there before the watcher.
pub(crate) type Since = Vec<Option<Instant>>;

/// A row that may be gone, and since when it was known.
type Known = (Socket, Option<Instant>);

/// A new listing: its rows, and whether it lacks rows of sockets that are open.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) rows: Vec<Socket>,
    pub(crate) is_incomplete: bool,
    pub(crate) at: Instant,
}

/// What names a socket in a report of the kernel.
pub(crate) type Name = (Protocol, NonZeroU64, Option<NetnsId>);

/// The name of a row that can be reported; `None` for what is left of a socket.
pub(crate) fn name(socket: &Socket) -> Option<Name> {
    place_name(socket).filter(|(_, is_remainder)| !is_remainder).map(|(name, _)| name)
}

/// The name of a row, and whether it is what is left of a socket.
fn place_name(socket: &Socket) -> Option<(Name, bool)> {
    Some(((socket.protocol, socket.cookie?, socket.netns), is_remainder(socket)))
}

/// The places of rows by their names, of sockets and of what remains of them, found when the first is asked for.
#[derive(Debug, Default)]
pub(crate) struct Places(Option<HashMap<(Name, bool), usize>>);

impl Places {
    fn of(&mut self, rows: &[Socket]) -> &mut HashMap<(Name, bool), usize> {
        let named = |(place, row): (usize, &Socket)| Some((place_name(row)?, place));
        self.0.get_or_insert_with(|| rows.iter().enumerate().filter_map(named).collect())
    }

    /// Whether there is a row with this name.
    pub(crate) fn has(&mut self, rows: &[Socket], name: &Name) -> bool {
        self.of(rows).contains_key(&(*name, false))
    }

    /// What remains of the socket with this name.
    pub(crate) fn remainder<'rows>(&mut self, rows: &'rows [Socket], name: &Name) -> Option<&'rows Socket> {
        let place = self.of(rows).get(&(*name, true))?;
        rows.get(*place)
    }

    /// The row with this name.
    pub(crate) fn get<'r>(&mut self, rows: &'r mut [Socket], name: &Name) -> Option<&'r mut Socket> {
        let place = self.of(rows).get(&(*name, false)).copied()?;
        rows.get_mut(place)
    }

    /// Notes the name of a row that is added behind the others.
    pub(crate) fn add(&mut self, rows: &[Socket], name: Name) {
        self.of(rows).insert((name, false), rows.len());
    }

    /// Removes the row with this name. Its place is taken by the last one.
    pub(crate) fn take(
        &mut self,
        rows: &mut Vec<Socket>,
        since: Option<&mut Since>,
        wanted: &Name,
    ) -> Option<(Socket, Option<Instant>)> {
        let places = self.of(rows);
        let place = places.remove(&(*wanted, false))?;
        if place >= rows.len() {
            return None;
        }
        let socket = rows.swap_remove(place);
        let since = since.filter(|since| place < since.len()).and_then(|since| since.swap_remove(place));
        if let Some(moved) = rows.get(place).and_then(place_name) {
            places.insert(moved, place);
        }
        Some((socket, since))
    }
}

/// A listing that is to replace the rows.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    pub(crate) rows: Vec<Socket>,
    pub(crate) places: Places,
    pub(crate) processes: Vec<Process>,
}

/// What is left of a socket that is closed: TIME_WAIT, and FIN_WAIT_2 kept as such. It has the cookie of the socket.
pub(crate) fn is_remainder(socket: &Socket) -> bool {
    let is_minisock = || socket.identity.is_none() && socket.queues.is_none();
    match socket.state {
        Some(State::TimeWait) => true,
        Some(State::FinWait2) => is_minisock(),
        _ => false,
    }
}

/// A number that is never given to two sockets; a remainder has that of its socket.
type Cookie = (Protocol, NonZeroU64, bool);

fn cookie(socket: &Socket) -> Option<Cookie> {
    Some((socket.protocol, socket.cookie?, is_remainder(socket)))
}

/// The places of rows by what identifies them. Several rows may have one key.
#[derive(Default)]
struct Index {
    by_cookie: HashMap<Cookie, usize>,
    by_key: HashMap<SocketKey, Vec<usize>>,
}

/// Replaces the rows by those of a listing, and reports what has changed: what is closed before what has changed before
/// what is opened, since a key may be given to another socket.
///
/// A row that an incomplete listing lacks is kept: it is not known to be closed.
pub(crate) fn replace(
    known: &mut Vec<Socket>,
    since: &mut Since,
    listing: Listing,
    report: &mut dyn FnMut(Change),
) {
    let Listing { rows, is_incomplete, at } = listing;
    let times = std::mem::take(since).into_iter().chain(std::iter::repeat(None));
    let mut old: Vec<Option<Known>> =
        std::mem::replace(known, rows).into_iter().zip(times).map(Some).collect();
    let mut changed = Vec::new();
    let mut opened = Vec::new();
    for (row, place) in known.iter().zip(pairs(&old, known)) {
        match place.and_then(|place| old.get_mut(place)?.take()) {
            Some((before, from)) => {
                since.push(from);
                if differs(&before, row) {
                    changed.push(Change::Changed { before, after: row.clone() });
                }
            }
            None => {
                since.push(Some(at));
                opened.push(Change::Opened { socket: row.clone() });
            }
        }
    }
    for (socket, from) in old.into_iter().flatten() {
        if is_incomplete {
            known.push(socket);
            since.push(from);
        } else {
            report(closed(socket, from, at));
        }
    }
    changed.into_iter().chain(opened).for_each(report);
}

/// Whether a listing may lack rows of sockets that are open, and that the one before did not lack for the same reason.
pub(crate) fn is_incomplete(before: &[Gap], now: &[Gap]) -> bool {
    use GapKind as K;
    now.iter().any(|gap| match gap.kind {
        // Other rows each time.
        K::TableInterrupted | K::RecordsSkipped => true,
        K::TableUnavailable | K::TableFiltered | K::NamespacesUnreadable | K::NamespacesSkipped => {
            !before.iter().any(|known| (known.kind, &known.source) == (gap.kind, &gap.source))
        }
        _ => false,
    })
}

/// The end of a row that was known since then.
pub(crate) fn closed(socket: Socket, since: Option<Instant>, at: Instant) -> Change {
    Change::Closed { socket, open_for: since.map(|since| at.saturating_duration_since(since)) }
}

/// For each row of a listing the place of the same socket among the old ones, each at most once.
fn pairs(old: &[Option<Known>], rows: &[Socket]) -> Vec<Option<usize>> {
    let mut index = Index::default();
    for (place, known) in old.iter().enumerate() {
        let Some((socket, _)) = known else { continue };
        match cookie(socket) {
            Some(cookie) => _ = index.by_cookie.insert(cookie, place),
            None => index.by_key.entry(socket.key()).or_default().push(place),
        }
    }
    let mut found: Vec<Option<usize>> =
        rows.iter().map(|row| index.by_cookie.remove(&cookie(row)?)).collect();
    // The rest are rows of which a source did not report the cookie.
    if index.by_key.is_empty() && rows.iter().all(|row| row.cookie.is_some()) {
        return found;
    }
    let mut by_key = index.by_key;
    let mut left: HashMap<SocketKey, Vec<usize>> = HashMap::new();
    for place in index.by_cookie.into_values() {
        if let Some(Some((socket, _))) = old.get(place) {
            left.entry(socket.key()).or_default().push(place);
        }
    }
    for (row, found) in rows.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
        let key = row.key();
        let take = |from: &mut HashMap<SocketKey, Vec<usize>>| from.get_mut(&key)?.pop();
        *found = take(&mut by_key);
        // Two cookies that differ are two sockets.
        if found.is_none() && row.cookie.is_none() {
            *found = take(&mut left);
        }
    }
    found
}

/// Whether an event tells the two rows of a socket apart.
fn differs(before: &Socket, after: &Socket) -> bool {
    before.state != after.state
        || before.local != after.local
        || before.remote != after.remote
        || before.identity != after.identity
        || owners_differ(before, after)
}

/// Descriptors do not count: a process that duplicates one is the same holder.
fn owners_differ(before: &Socket, after: &Socket) -> bool {
    // While it was being looked up, the socket was closed: that event follows.
    if after.ownership() == (Ownership::Hidden { reason: HiddenReason::Vanished }) {
        return false;
    }
    let holders = |owner: &Owner| (owner.pid, owner.role);
    let (mut of_before, mut of_after): (Vec<_>, Vec<_>) =
        (before.owners().iter().map(holders).collect(), after.owners().iter().map(holders).collect());
    of_before.dedup();
    of_after.dedup();
    of_before != of_after
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
