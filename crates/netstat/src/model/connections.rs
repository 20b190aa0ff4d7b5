//! What a snapshot knows of its connections beyond their rows: which row is at the other end, and the direction.

use crate::model::direction::Direction;
use crate::model::socket::Socket;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A number that identifies a row among those of a snapshot, whatever has been found out about its owners.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowDigest(u64);

impl RowDigest {
    pub(crate) fn of(socket: &Socket) -> Self {
        let Socket { protocol, netns, identity, interface, local, remote, .. } = socket;
        let mut hasher = DefaultHasher::new();
        (protocol, netns, identity, interface, local).hash(&mut hasher);
        // The remote end of a unix socket is a name that the row of its peer may add.
        if socket.family.is_ip() {
            remote.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

/// What is known of one connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    pub(crate) row: RowDigest,
    /// The row at the other end.
    pub(crate) peer: Option<RowDigest>,
    pub(crate) direction: Option<Direction>,
}

/// What is known of the connections of a snapshot.
///
/// Rows are found by what they contain, not by where they are: the caller of the library may sort or remove rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Connections {
    /// Ascending by row, each row once.
    known: Vec<Connection>,
    /// Where each row was when the snapshot was made, ascending by row: among the listed ones, then among those beside them.
    places: Vec<(RowDigest, u32)>,
}

impl Connections {
    /// Of rows that look alike none is at the other end of one.
    pub(crate) fn new(mut known: Vec<Connection>) -> Self {
        known.sort_unstable_by_key(|connection| connection.row);
        known.dedup_by(|again, first| {
            let is_alike = again.row == first.row;
            if is_alike {
                first.peer = None;
                first.direction = first.direction.filter(|direction| again.direction == Some(*direction));
            }
            is_alike
        });
        Self { known, places: Vec::new() }
    }

    pub(crate) fn of(&self, socket: &Socket) -> Option<&Connection> {
        self.of_row(RowDigest::of(socket))
    }

    fn of_row(&self, row: RowDigest) -> Option<&Connection> {
        let place = self.known.binary_search_by_key(&row, |connection| connection.row).ok()?;
        self.known.get(place)
    }

    /// The row at the other end of this one, among those listed and those beside them.
    pub(crate) fn peer<'s>(
        &self,
        socket: &Socket,
        listed: &'s [Socket],
        beside: &'s [Socket],
    ) -> Option<&'s Socket> {
        let peer = self.of(socket)?.peer?;
        let is_it = |row: &&Socket| RowDigest::of(row) == peer;
        let place = self.places.binary_search_by_key(&peer, |(row, _)| *row).ok();
        let place = place.and_then(|place| usize::try_from(self.places.get(place)?.1).ok());
        let at = place.and_then(|at| match at.checked_sub(listed.len()) {
            None => listed.get(at),
            Some(at) => beside.get(at),
        });
        // The caller may have moved it.
        at.filter(is_it).or_else(|| listed.iter().chain(beside).find(is_it))
    }

    /// Removes from the rows beside the listed ones those that are at the other end of none of these, and remembers where
    /// rows are.
    pub(crate) fn settle(&mut self, listed: &[Socket], beside: &mut Vec<Socket>) {
        let digests: Vec<RowDigest> = listed.iter().map(RowDigest::of).collect();
        let mut peers: Vec<RowDigest> = digests.iter().filter_map(|row| self.of_row(*row)?.peer).collect();
        peers.sort_unstable();
        beside.retain(|row| peers.binary_search(&RowDigest::of(row)).is_ok());
        let digests = digests.into_iter().chain(beside.iter().map(RowDigest::of));
        self.places = (0..).zip(digests).map(|(at, row)| (row, at)).collect();
        self.places.sort_unstable();
        let Self { known, places } = self;
        let is_there = |row: RowDigest| places.binary_search_by_key(&row, |(there, _)| *there).is_ok();
        known.retain(|connection| is_there(connection.row));
        for connection in known {
            connection.peer = connection.peer.filter(|peer| is_there(*peer));
        }
    }
}
