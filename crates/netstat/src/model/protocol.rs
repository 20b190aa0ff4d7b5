//! The protocol and the type of a socket.

use crate::model::protocol_kind::ProtocolKind;
use crate::model::spelling::{UnknownName, same_name};
use std::fmt;
use std::str::FromStr;

/// The protocol of a socket (`IPPROTO_*` and its like, the third argument of `socket(2)`).
///
/// Whether a socket is a stream or sends datagrams is [`SocketType`], so that `Unix` is one protocol.
///
/// # Sources
/// One table a protocol on every system: a request of `NETLINK_SOCK_DIAG` names its protocol, as do the files of
/// `/proc/net`, the calls of Windows and the sysctls of macOS.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "IPPROTO_TCP")]
#[doc(alias = "IPPROTO_UDP")]
pub enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
    /// UDP-Lite (Linux before 7.3).
    UdpLite,
    /// Unprivileged ICMP echo socket ("ping socket"), over IPv4 or IPv6.
    Icmp,
    /// Raw IP socket for this IP protocol number.
    Raw(u8),
    /// Stream Control Transmission Protocol.
    Sctp,
    /// Multipath TCP: the connection. Its subflows are TCP rows.
    Mptcp,
    /// AF_UNIX.
    Unix,
    /// Netlink, with the netlink protocol (`NETLINK_ROUTE` is 0).
    Netlink(u8),
    /// Packet socket, with the EtherType that it receives.
    Packet(u16),
    /// Virtual machine sockets.
    Vsock,
    /// Any other protocol, by number within its family.
    Other(u16),
}

impl Protocol {
    /// The stable, machine-readable name, without the number that some protocols carry: `tcp`, `udp`, `udplite`,
    /// `icmp`, `raw`, `sctp`, `mptcp`, `unix`, `netlink`, `packet`, `vsock`, `other`.
    pub fn as_str(self) -> &'static str {
        self.kind().as_str()
    }

    /// The protocol without its number.
    pub const fn kind(self) -> ProtocolKind {
        match self {
            Self::Tcp => ProtocolKind::Tcp,
            Self::Udp => ProtocolKind::Udp,
            Self::UdpLite => ProtocolKind::UdpLite,
            Self::Icmp => ProtocolKind::Icmp,
            Self::Raw(_) => ProtocolKind::Raw,
            Self::Sctp => ProtocolKind::Sctp,
            Self::Mptcp => ProtocolKind::Mptcp,
            Self::Unix => ProtocolKind::Unix,
            Self::Netlink(_) => ProtocolKind::Netlink,
            Self::Packet(_) => ProtocolKind::Packet,
            Self::Vsock => ProtocolKind::Vsock,
            Self::Other(_) => ProtocolKind::Other,
        }
    }

    /// The number that goes with the name: IP protocol of a raw socket, netlink protocol, EtherType, or the number of
    /// a protocol without a name.
    pub fn number(self) -> Option<u16> {
        match self {
            Self::Raw(number) | Self::Netlink(number) => Some(number.into()),
            Self::Packet(number) | Self::Other(number) => Some(number),
            _ => None,
        }
    }
}

impl ProtocolKind {
    /// The protocol; `None` where a number belongs to it.
    pub const fn protocol(self) -> Option<Protocol> {
        Some(match self {
            Self::Tcp => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
            Self::UdpLite => Protocol::UdpLite,
            Self::Icmp => Protocol::Icmp,
            Self::Sctp => Protocol::Sctp,
            Self::Mptcp => Protocol::Mptcp,
            Self::Unix => Protocol::Unix,
            Self::Vsock => Protocol::Vsock,
            Self::Raw | Self::Netlink | Self::Packet | Self::Other => return None,
        })
    }
}

impl From<Protocol> for ProtocolKind {
    fn from(protocol: Protocol) -> Self {
        protocol.kind()
    }
}

/// The name; `raw:58` for a protocol with a number. Obeys width and precision.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            None => f.pad(self.as_str()),
            Some(number) => f.pad(&format!("{}:{number}", self.as_str())),
        }
    }
}

/// Reads what [`Display`](fmt::Display) writes, in any case, and `ping`.
impl FromStr for Protocol {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let named = text.parse::<ProtocolKind>().ok().and_then(ProtocolKind::protocol);
        let numbered = || {
            let (name, number) = text.split_once(':')?;
            let number: u16 = number.parse().ok()?;
            let byte = u8::try_from(number).ok();
            match name.to_ascii_lowercase().as_str() {
                "raw" => byte.map(Self::Raw),
                "netlink" => byte.map(Self::Netlink),
                "packet" => Some(Self::Packet(number)),
                "other" => Some(Self::Other(number)),
                _ => None,
            }
        };
        named.or_else(numbered).ok_or_else(|| UnknownName::new(text, "a protocol"))
    }
}

/// The type of a socket (`SOCK_*`, the second argument of `socket(2)`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "SOCK_STREAM")]
#[doc(alias = "SOCK_DGRAM")]
pub enum SocketType {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM.
    Datagram,
    /// SOCK_RAW.
    Raw,
    /// SOCK_SEQPACKET.
    SeqPacket,
    /// Any other type, by number.
    Other(u8),
}

impl SocketType {
    /// The stable, machine-readable name: `stream`, `dgram`, `raw`, `seqpacket`. `None` for [`SocketType::Other`].
    pub fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Self::Stream => "stream",
            Self::Datagram => "dgram",
            Self::Raw => "raw",
            Self::SeqPacket => "seqpacket",
            Self::Other(_) => return None,
        })
    }
}

/// The name, or `type N`. Obeys width and precision.
impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_str(), self) {
            (Some(name), _) => f.pad(name),
            (None, Self::Other(number)) => f.pad(&format!("type {number}")),
            (None, _) => Ok(()),
        }
    }
}

/// Reads what [`SocketType::as_str`] has, and `datagram`.
impl FromStr for SocketType {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let all = [Self::Stream, Self::Datagram, Self::Raw, Self::SeqPacket];
        let named = all.into_iter().find(|kind| kind.as_str().is_some_and(|name| same_name(name, text)));
        let datagram = || same_name(text, "datagram").then_some(Self::Datagram);
        named.or_else(datagram).ok_or_else(|| UnknownName::new(text, "a socket type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_as_they_are_displayed() {
        let numbered =
            [Protocol::Raw(58), Protocol::Netlink(16), Protocol::Packet(0x0806), Protocol::Other(300)];
        let named = ProtocolKind::ALL.into_iter().filter_map(ProtocolKind::protocol);
        for protocol in named.chain(numbered) {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
        }
        assert_eq!("UDP-Lite".parse(), Ok(Protocol::UdpLite));
        for bad in ["", "raw", "raw:256", "raw:x", "tcp:6", "netlink"] {
            assert!(bad.parse::<Protocol>().is_err(), "{bad}");
        }
        assert_eq!("DATAGRAM".parse(), Ok(SocketType::Datagram));
        assert_eq!(SocketType::Other(9).to_string(), "type 9");
    }

    #[test]
    fn kinds_are_read_as_they_are_displayed_and_in_the_order_of_the_protocols() {
        for kind in ProtocolKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert!(kind.protocol().is_none_or(|protocol| protocol.kind() == kind));
        }
        assert_eq!((Protocol::Raw(1).kind(), "PING".parse()), (ProtocolKind::Raw, Ok(ProtocolKind::Icmp)));
        assert!("raw:1".parse::<ProtocolKind>().is_err());
        let protocols = ProtocolKind::ALL.map(|kind| match kind {
            ProtocolKind::Raw => Protocol::Raw(0),
            ProtocolKind::Netlink => Protocol::Netlink(0),
            ProtocolKind::Packet => Protocol::Packet(0),
            ProtocolKind::Other => Protocol::Other(0),
            named => named.protocol().unwrap(),
        });
        assert!(ProtocolKind::ALL.is_sorted() && protocols.is_sorted());
    }
}
