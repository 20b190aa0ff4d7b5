//! Joins the rows of the two ends of each connection within this machine.
//!
//! A row is the other end only where no other row could be: of several that fit none is. Connections of IP fit by their
//! ends, exchanged, in the same network namespace; unix sockets by the number that the kernel gives for the peer, which is
//! of the whole machine.
//!
//! A pair of network devices joins two namespaces, and the ends of a connection over it fit in the same manner. That is
//! certain only if no namespace is left out: another one may have the same addresses.

use crate::engine::listeners::Listeners;
use crate::model::connections::{Connection, Connections, RowDigest};
use crate::model::details::SocketOptions;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::gap::{Gap, GapKind, KEPT_BY_A_SOCKET};
use crate::model::identity::{Identity, NetnsId};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::scope::Scope;
use crate::model::socket::Socket;
use crate::model::state::State;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

/// The ends of a connection as one of them has it, with an IPv4 address as such even on a socket for both families.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
struct Ends {
    protocol: Protocol,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Ends {
    fn of(socket: &Socket) -> Option<Self> {
        let end = |end: Option<SocketAddr>| {
            let end = end.filter(|end| end.port() != 0)?;
            Some(SocketAddr::new(end.ip().to_canonical(), end.port()))
        };
        Some(Self {
            protocol: socket.protocol,
            local: end(socket.local_addr())?,
            remote: end(socket.remote_addr())?,
        })
    }

    fn exchanged(self) -> Self {
        Self { local: self.remote, remote: self.local, ..self }
    }

    /// Whether packets may pass between network namespaces.
    fn may_cross(self) -> bool {
        let is_confined = |end: SocketAddr| match end.ip() {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
            // Of link-local addresses only the device, which is of one namespace, says which they are.
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
        };
        !is_confined(self.local) && !is_confined(self.remote)
    }
}

/// What is found by a key.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Found {
    None,
    /// A row, by its place.
    One(usize),
    Several,
}

/// Rows by a key.
struct ByKey<K>(HashMap<K, Found>);

impl<K: Hash + Eq> ByKey<K> {
    fn new(keys: impl Iterator<Item = (K, usize)>) -> Self {
        let mut rows = HashMap::with_capacity(keys.size_hint().0);
        for (key, row) in keys {
            rows.entry(key).and_modify(|found| *found = Found::Several).or_insert(Found::One(row));
        }
        Self(rows)
    }

    fn get(&self, key: &K) -> Found {
        self.0.get(key).copied().unwrap_or(Found::None)
    }
}

/// The rows among which peers are searched.
struct Rows<'r> {
    rows: Vec<&'r Socket>,
    of_namespace: ByKey<(Option<NetnsId>, Ends)>,
    /// Of sockets that are bound to a device: several may have the same ends.
    of_device: ByKey<(Option<NetnsId>, NonZeroU32, Ends)>,
    /// Of all namespaces; `None` if not all are known.
    of_machine: Option<ByKey<Ends>>,
    /// Unix sockets.
    by_identity: ByKey<Identity>,
}

impl<'r> Rows<'r> {
    fn new(rows: Vec<&'r Socket>, knows_namespaces: bool) -> Self {
        let each = || rows.iter().enumerate().map(|(at, row)| (at, *row));
        let with_ends = || each().filter_map(|(at, row)| Some((at, row, Ends::of(row)?)));
        Self {
            of_namespace: ByKey::new(with_ends().map(|(at, row, ends)| ((row.netns, ends), at))),
            of_device: ByKey::new(
                with_ends().filter_map(|(at, row, ends)| Some(((row.netns, row.interface?, ends), at))),
            ),
            of_machine: knows_namespaces.then(|| {
                ByKey::new(with_ends().filter(|(.., ends)| ends.may_cross()).map(|(at, _, ends)| (ends, at)))
            }),
            by_identity: ByKey::new(
                each()
                    .filter(|(_, row)| row.family == Family::Unix)
                    .filter_map(|(at, row)| Some((row.identity?, at))),
            ),
            rows,
        }
    }

    /// The row at the other end of one, if it is certain.
    fn peer(&self, row: usize) -> Option<usize> {
        let socket = *self.rows.get(row)?;
        let Found::One(other) = self.candidate(socket) else { return None };
        let peer = *self.rows.get(other)?;
        // A datagram socket sends to one that need not be connected to it.
        let is_one_sided = socket.family == Family::Unix && socket.socket_type == Some(SocketType::Datagram);
        let is_mutual = is_one_sided || self.candidate(peer) == Found::One(row);
        (is_mutual && may_be_ends(socket, peer)).then_some(other)
    }

    fn candidate(&self, socket: &Socket) -> Found {
        if let Some(peer) = socket.peer_identity() {
            return self.by_identity.get(&peer);
        }
        let Some(other) = Ends::of(socket).map(Ends::exchanged) else { return Found::None };
        match (self.of_namespace.get(&(socket.netns, other)), socket.interface, &self.of_machine) {
            (Found::None, _, Some(of_machine)) => of_machine.get(&other),
            (Found::Several, Some(device), _) => self.of_device.get(&(socket.netns, device, other)),
            (found, ..) => found,
        }
    }
}

/// Whether two rows whose ends fit can be those of one connection.
///
/// What is in TIME_WAIT has received the end of the other side's data: one that may still send is that of a later connection.
/// A transparent proxy has two sockets with the addresses of both sides: neither is the other end of the other one.
fn may_be_ends(one: &Socket, other: &Socket) -> bool {
    use State as S;
    let ends_with = |waits: &Socket, other: &Socket| {
        waits.state != Some(S::TimeWait)
            || matches!(other.state, Some(S::FinWait1 | S::FinWait2 | S::Closing | S::LastAck | S::TimeWait))
    };
    let is_of_proxy = |socket: &Socket| {
        let options = socket.details().and_then(|details| details.options);
        options.is_some_and(|options| options.contains(SocketOptions::TRANSPARENT))
    };
    ends_with(one, other) && ends_with(other, one) && !(is_of_proxy(one) && is_of_proxy(other))
}

/// Whether the rows of a listing are those of all network namespaces that are known to exist. A place where further ones
/// might have been found (the descriptors of a process that may not be read, the sockets of all processes) does not make
/// all doubtful.
pub(crate) fn knows_namespaces(scope: &Scope, gaps: &[Gap]) -> bool {
    let lacks = |gap: &Gap| match gap.kind {
        GapKind::NamespacesUnreadable | GapKind::NamespacesVanished => true,
        GapKind::NamespacesSkipped => {
            !["/proc/", KEPT_BY_A_SOCKET].iter().any(|it| gap.source.starts_with(it))
        }
        _ => false,
    };
    *scope == Scope::All && !gaps.iter().any(lacks)
}

/// What is known of the connections of these rows, and the names of unix peers that their rows lack: those in other network
/// namespaces.
pub(crate) fn join<'r>(
    rows: impl IntoIterator<Item = &'r Socket>,
    knows_namespaces: bool,
) -> (Connections, Vec<(RowDigest, Endpoint)>) {
    let rows: Vec<&Socket> = rows.into_iter().collect();
    let listeners = Listeners::of(rows.iter().copied());
    let rows = Rows::new(rows, knows_namespaces);
    let mut names = Vec::new();
    let mut known = Vec::new();
    for (at, socket) in rows.rows.iter().enumerate().filter(|(_, socket)| socket.remote.is_some()) {
        let peer = rows.peer(at).and_then(|peer| rows.rows.get(peer).copied());
        let row = RowDigest::of(socket);
        if let Some(peer) = peer.filter(|_| socket.remote == Some(Endpoint::Unknown)) {
            names.push((row, peer.local.clone()));
        }
        known.push(Connection {
            row,
            peer: peer.map(RowDigest::of),
            direction: listeners.direction(socket, peer),
        });
    }
    (Connections::new(known), names)
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
