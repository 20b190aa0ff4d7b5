//! Which end of a connection opened it, and how that is known.

use std::fmt;

/// Where a connection came from or goes to, and which end opened it, as far as that can be known
/// ([`Snapshot::direction`](crate::Snapshot::direction)).
///
/// No system keeps it. It follows from the listeners of the snapshot: [`Direction::basis`] says by what it was decided.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Direction {
    /// Inbound, outbound or local.
    pub kind: DirectionKind,
    /// Whether this end accepted the connection: true, it is the server's; false, it is the end that connected. `None` if
    /// that is not known. Always known of what is inbound or outbound.
    pub accepted: Option<bool>,
    /// By what it was decided.
    pub basis: DirectionBasis,
}

impl Direction {
    /// A direction of your own, for a test say.
    pub fn new(kind: DirectionKind, accepted: Option<bool>, basis: DirectionBasis) -> Self {
        Self { kind, accepted, basis }
    }
}

/// `inbound`, `outbound`, `local`. Obeys width and precision.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.kind.as_str())
    }
}

/// The kinds of [`Direction`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DirectionKind {
    /// Another machine, or another network namespace, connected to this end.
    Inbound,
    /// This end connected to another machine or network namespace.
    Outbound,
    /// Both ends are on this machine: the socket at the other end is known, or its address is this machine's. Unix sockets
    /// always are.
    Local,
}

impl DirectionKind {
    /// The stable, machine-readable name: `inbound`, `outbound`, `local`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Local => "local",
        }
    }
}

/// By what a [`Direction`] was decided.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DirectionBasis {
    /// A socket listens on the local end: this end accepted. (A program can connect from a port on which it listens, but
    /// only if it asks for that.)
    Listener,
    /// A socket listens on the remote end, and none on the local end: this end connected.
    PeerListener,
    /// No socket listens on the local end: this end connected. A server that has stopped listening since looks the same.
    NoListener,
    /// The state: SYN_SENT or SYN_RCVD.
    State,
    /// Of two unix sockets only one has a name, which it has of the listener that accepted it.
    Name,
    /// Both ends are on this machine, and nothing says which of them connected: a socketpair, datagrams, a listener on
    /// both ends or on none.
    SameMachine,
}

impl DirectionBasis {
    /// The stable, machine-readable name: `listener`, `peer_listener`, `no_listener`, `state`, `name`, `same_machine`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::PeerListener => "peer_listener",
            Self::NoListener => "no_listener",
            Self::State => "state",
            Self::Name => "name",
            Self::SameMachine => "same_machine",
        }
    }
}
