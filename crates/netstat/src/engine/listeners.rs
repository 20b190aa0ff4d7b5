//! Which end of a connection opened it: decided by who listens.

use crate::model::direction::{Direction, DirectionBasis, DirectionKind};
use crate::model::endpoint::{Endpoint, UnixName};
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::protocol::{Protocol, SocketType};
use crate::model::socket::{Socket, UnixFile};
use crate::model::state::State;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

/// Where a socket listens.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
struct Address {
    netns: Option<NetnsId>,
    protocol: Protocol,
    /// Of IPv4 as such, also on a socket for both.
    ip: IpAddr,
    port: u16,
    /// The device that it is bound to.
    interface: Option<NonZeroU32>,
}

/// The name that a unix socket listens by. That of a file counts in all network namespaces.
type Name<'r> = (&'r UnixName, Option<UnixFile>, Option<NetnsId>);

/// Everything that listens.
#[derive(Default)]
pub(crate) struct Listeners<'r> {
    addresses: HashSet<Address>,
    names: HashSet<Name<'r>>,
}

impl<'r> Listeners<'r> {
    pub(crate) fn of(rows: impl IntoIterator<Item = &'r Socket>) -> Self {
        let mut listeners = Self::default();
        for row in rows.into_iter().filter(|row| row.is_listening()) {
            if let Some(name) = name(row) {
                listeners.names.insert(name);
            }
            let Some(local) = row.local_addr().filter(|local| local.port() != 0) else { continue };
            let Socket { netns, protocol, interface, .. } = *row;
            let mut add = |ip: IpAddr| {
                listeners.addresses.insert(Address { netns, protocol, ip, port: local.port(), interface });
            };
            add(local.ip().to_canonical());
            // Where it is not known whether it takes IPv4, it does: that is the default of most systems.
            if local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && row.v6_only != Some(true) {
                add(Ipv4Addr::UNSPECIFIED.into());
            }
        }
        listeners
    }

    /// Whether a socket listens where this connected socket has its local end. One that is bound to a device accepts
    /// sockets that are bound to it too.
    fn has_local_of(&self, socket: &Socket) -> bool {
        if let Some(name) = name(socket) {
            return self.names.contains(&name);
        }
        self.has(socket, &socket.local, &[None, socket.interface])
    }

    /// Whether a socket of the same network namespace listens at the remote end.
    fn has_remote_of(&self, socket: &Socket) -> bool {
        socket.remote.as_ref().is_some_and(|remote| self.has(socket, remote, &[None, socket.interface]))
    }

    fn has(&self, socket: &Socket, end: &Endpoint, interfaces: &[Option<NonZeroU32>]) -> bool {
        let Some(end) = end.socket_addr().filter(|end| end.port() != 0) else { return false };
        let ip = end.ip().to_canonical();
        let any = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let Socket { netns, protocol, .. } = *socket;
        let listens = |ip, interface| {
            self.addresses.contains(&Address { netns, protocol, ip, port: end.port(), interface })
        };
        interfaces.iter().any(|interface| listens(ip, *interface) || listens(any, *interface))
    }

    /// The direction of the connection that this socket is an end of, with the row at the other end, if that is known. `None`:
    /// it is not connected, or its protocol has no ports.
    pub(crate) fn direction(&self, socket: &Socket, peer: Option<&Socket>) -> Option<Direction> {
        let remote = socket.remote.as_ref()?;
        if socket.family == Family::Unix {
            let (accepted, basis) = self.of_unix(socket, peer);
            return Some(Direction::new(DirectionKind::Local, accepted, basis));
        }
        let remote = remote.socket_addr().filter(|remote| remote.port() != 0)?;
        let local = socket.local_addr()?;
        let remote_ip = remote.ip().to_canonical();
        let is_local = peer.is_some() || remote_ip.is_loopback() || remote_ip == local.ip().to_canonical();
        let by_state = match socket.state {
            Some(State::SynSent) => Some(false),
            Some(State::SynReceived) => Some(true),
            _ => None,
        };
        let (accepted, basis) = match by_state {
            Some(accepted) => (Some(accepted), DirectionBasis::State),
            None if is_local => {
                let at_remote =
                    peer.map_or_else(|| self.has_remote_of(socket), |peer| self.has_local_of(peer));
                between(self.has_local_of(socket), at_remote)
            }
            None if self.has_local_of(socket) => (Some(true), DirectionBasis::Listener),
            None => (Some(false), DirectionBasis::NoListener),
        };
        let kind = match accepted {
            _ if is_local => DirectionKind::Local,
            Some(true) => DirectionKind::Inbound,
            _ => DirectionKind::Outbound,
        };
        Some(Direction::new(kind, accepted, basis))
    }

    fn of_unix(&self, socket: &Socket, peer: Option<&Socket>) -> (Option<bool>, DirectionBasis) {
        let unknown = (None, DirectionBasis::SameMachine);
        // Datagram sockets accept nothing.
        if socket.socket_type == Some(SocketType::Datagram) {
            return unknown;
        }
        let Some(peer) = peer else {
            let accepted = self.has_local_of(socket);
            return if accepted { (Some(true), DirectionBasis::Listener) } else { unknown };
        };
        match between(self.has_local_of(socket), self.has_local_of(peer)) {
            (None, _) => match (name(socket), name(peer)) {
                (Some(_), None) => (Some(true), DirectionBasis::Name),
                (None, Some(_)) => (Some(false), DirectionBasis::Name),
                _ => unknown,
            },
            known => known,
        }
    }
}

/// Which of two ends on this machine accepted, by whether something listens at this one and at the other one.
fn between(at_local: bool, at_remote: bool) -> (Option<bool>, DirectionBasis) {
    match (at_local, at_remote) {
        (true, false) => (Some(true), DirectionBasis::Listener),
        (false, true) => (Some(false), DirectionBasis::PeerListener),
        _ => (None, DirectionBasis::SameMachine),
    }
}

/// The name of a unix socket that has one. The accepted end of a connection has that of its listener.
fn name(socket: &Socket) -> Option<Name<'_>> {
    match &socket.local {
        Endpoint::Unix(UnixName::Unnamed) => None,
        Endpoint::Unix(name @ UnixName::Abstract(_)) => Some((name, None, socket.netns)),
        Endpoint::Unix(name) => Some((name, socket.unix_file(), None)),
        _ => None,
    }
}
