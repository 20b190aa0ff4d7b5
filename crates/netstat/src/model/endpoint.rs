//! One end of a socket: an address of its family, such as an IP address with a port.

use crate::model::escape::escaped;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

/// One end of a socket.
///
/// A row always has a local end; where the addresses of its family are not decoded, or the source of the row does
/// not report them, that is [`Endpoint::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "sockaddr")]
#[doc(alias = "inet_diag_sockid")]
pub enum Endpoint {
    /// IP address and port. The scope id of a link-local IPv6 address is part of it. Port 0: not bound.
    Ip(SocketAddr),
    /// IP address without a port, of a raw socket. Not `Ip` with port 0, which would be a placeholder.
    Address {
        /// The address.
        ip: IpAddr,
        /// Interface index of a link-local IPv6 address, else 0.
        scope_id: u32,
    },
    /// Unix domain socket.
    Unix(UnixName),
    /// Netlink port id; the kernel's own is 0.
    Netlink {
        /// The port id.
        port_id: u32,
    },
    /// Packet socket: the interface it is bound to, `None` for all.
    Packet {
        /// Interface index.
        interface: Option<NonZeroU32>,
    },
    /// vsock: context id and port.
    Vsock {
        /// Context id; `u32::MAX` is any.
        cid: u32,
        /// Port.
        port: u32,
    },
    /// Not decoded, or not reported by the source of this row.
    Unknown,
}

/// The name of a unix domain socket: bytes, never lossy. Shared, because every accepted socket has the name of its
/// listener.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "sockaddr_un")]
#[doc(alias = "sun_path")]
pub enum UnixName {
    /// Not bound.
    Unnamed,
    /// A path in the mount namespace of the process that bound it.
    Path(Arc<[u8]>),
    /// Linux: an abstract name, without its leading NUL. May contain NUL and newline.
    Abstract(Arc<[u8]>),
}

impl Endpoint {
    /// Address and port of a TCP, UDP or SCTP socket; `None` for other families and for raw sockets.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        if let Self::Ip(addr) = self { Some(*addr) } else { None }
    }

    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(addr) => Some(addr.ip()),
            Self::Address { ip, .. } => Some(*ip),
            _ => None,
        }
    }

    /// The IP port; `None` where there is none and for port 0, which means "not bound".
    pub fn port(&self) -> Option<u16> {
        self.socket_addr().map(|addr| addr.port()).filter(|port| *port != 0)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

/// Lets callers write `socket.local == addr`.
impl PartialEq<SocketAddr> for Endpoint {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.socket_addr().as_ref() == Some(other)
    }
}

/// `127.0.0.1:80`, `[::1]:80`, `::1` (raw), `/run/x.sock`, `@abstract`, `netlink:12`, `vsock:3:22`, `?` where it is
/// unknown. Names come from other processes: bytes that are not printable are escaped. Obeys width and precision.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            Self::Address { ip, scope_id: 0 } => ip.fmt(f),
            Self::Address { ip, scope_id } => f.pad(&format!("{ip}%{scope_id}")),
            Self::Unix(name) => name.fmt(f),
            Self::Netlink { port_id } => f.pad(&format!("netlink:{port_id}")),
            Self::Packet { interface: None } => f.pad("packet:*"),
            Self::Packet { interface: Some(index) } => f.pad(&format!("packet:%{index}")),
            Self::Vsock { cid: u32::MAX, port } => f.pad(&format!("vsock:*:{port}")),
            Self::Vsock { cid, port } => f.pad(&format!("vsock:{cid}:{port}")),
            Self::Unknown => f.pad("?"),
        }
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.pad("*"),
            Self::Path(path) => f.pad(&escaped(&String::from_utf8_lossy(path))),
            Self::Abstract(name) => f.pad(&format!("@{}", escaped(&String::from_utf8_lossy(name)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_and_other_families_have_no_port() {
        let bound: SocketAddr = "[fe80::1%3]:443".parse().unwrap();
        assert_eq!(Endpoint::from(bound).port(), Some(443));
        assert_eq!(Endpoint::from(bound), bound);
        assert_eq!(Endpoint::from(SocketAddr::new(bound.ip(), 0)).port(), None);
        let raw = Endpoint::Address { ip: bound.ip(), scope_id: 3 };
        assert_eq!((raw.port(), raw.ip(), raw.socket_addr()), (None, Some(bound.ip()), None));
        assert!(Endpoint::Unknown != bound);
    }

    #[test]
    fn display_escapes_what_could_forge_a_line() {
        let name = Endpoint::Unix(UnixName::Abstract(Arc::from(&b"a\0b\nc\x1b[2Jd\xff"[..])));
        assert_eq!(name.to_string(), "@a\\0b\\nc\\u{1b}[2Jd\u{fffd}");
        let path = Endpoint::Unix(UnixName::Path(Arc::from(&b"/run/x.sock"[..])));
        assert_eq!(format!("{path:>12}"), " /run/x.sock");
        assert_eq!(
            Endpoint::Address { ip: "fe80::1".parse().unwrap(), scope_id: 3 }.to_string(),
            "fe80::1%3"
        );
        assert_eq!(Endpoint::Vsock { cid: u32::MAX, port: 22 }.to_string(), "vsock:*:22");
        assert_eq!(Endpoint::Unknown.to_string(), "?");
    }
}
