//! Which protocol a socket has, without the number that some protocols carry.

use crate::model::spelling::{UnknownName, same_name};
use std::fmt;
use std::str::FromStr;

/// A [`Protocol`](crate::Protocol) without its number: all raw sockets, whatever IP protocol they receive.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ProtocolKind {
    /// [`Protocol::Tcp`](crate::Protocol::Tcp).
    Tcp,
    /// [`Protocol::Udp`](crate::Protocol::Udp).
    Udp,
    /// [`Protocol::UdpLite`](crate::Protocol::UdpLite).
    UdpLite,
    /// [`Protocol::Icmp`](crate::Protocol::Icmp): ping sockets.
    Icmp,
    /// [`Protocol::Raw`](crate::Protocol::Raw) of every IP protocol.
    Raw,
    /// [`Protocol::Sctp`](crate::Protocol::Sctp).
    Sctp,
    /// [`Protocol::Mptcp`](crate::Protocol::Mptcp).
    Mptcp,
    /// [`Protocol::Unix`](crate::Protocol::Unix).
    Unix,
    /// [`Protocol::Netlink`](crate::Protocol::Netlink) of every netlink protocol.
    Netlink,
    /// [`Protocol::Packet`](crate::Protocol::Packet) of every EtherType.
    Packet,
    /// [`Protocol::Vsock`](crate::Protocol::Vsock).
    Vsock,
    /// [`Protocol::Other`](crate::Protocol::Other) of every number.
    Other,
}

impl ProtocolKind {
    /// Every one, in the order of [`Protocol`].
    pub(crate) const ALL: [Self; 12] = [
        Self::Tcp,
        Self::Udp,
        Self::UdpLite,
        Self::Icmp,
        Self::Raw,
        Self::Sctp,
        Self::Mptcp,
        Self::Unix,
        Self::Netlink,
        Self::Packet,
        Self::Vsock,
        Self::Other,
    ];

    /// The stable, machine-readable name, that of [`Protocol::as_str`](crate::Protocol::as_str).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
            Self::Icmp => "icmp",
            Self::Raw => "raw",
            Self::Sctp => "sctp",
            Self::Mptcp => "mptcp",
            Self::Unix => "unix",
            Self::Netlink => "netlink",
            Self::Packet => "packet",
            Self::Vsock => "vsock",
            Self::Other => "other",
        }
    }
}

/// The name. Obeys width and precision.
impl fmt::Display for ProtocolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Reads the name in any case, and `ping`.
impl FromStr for ProtocolKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let named = Self::ALL.into_iter().find(|kind| same_name(kind.as_str(), text));
        let ping = || same_name("ping", text).then_some(Self::Icmp);
        named.or_else(ping).ok_or_else(|| UnknownName::new(text, "a protocol"))
    }
}
