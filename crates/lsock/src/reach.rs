//! From where a listener can be reached, as far as its address says: a firewall may allow less.

use crate::screen::Screen;
use anstyle::{AnsiColor, Style};
use netstat::Socket;
use std::net::IpAddr;

/// The reach of a listener's address, the widest first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reach {
    /// Every address of this machine.
    All,
    /// An address that other machines may reach, or every address of one device.
    Network,
    /// A loopback address.
    Local,
}

impl Reach {
    /// Of a socket with an IP address.
    pub(crate) fn of(socket: &Socket) -> Option<Self> {
        let ip = socket.local.ip()?.to_canonical();
        Some(match ip {
            ip if ip.is_loopback() => Self::Local,
            ip if ip.is_unspecified() && socket.interface.is_none() => Self::All,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Network,
        })
    }

    /// The name in columns: `all`, `network`, `local`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Network => "network",
            Self::Local => "local",
        }
    }

    /// A character that differs without colour.
    pub(crate) fn mark(self, screen: &Screen) -> &'static str {
        match (self, screen.unicode) {
            (Self::All, true) => "●",
            (Self::Network, true) => "◐",
            (Self::Local, true) => "○",
            (Self::All, false) => "*",
            (Self::Network, false) => "+",
            (Self::Local, false) => ".",
        }
    }

    pub(crate) fn style(self) -> Style {
        match self {
            Self::All => AnsiColor::Red.on_default(),
            Self::Network => AnsiColor::Yellow.on_default(),
            Self::Local => AnsiColor::Green.on_default().dimmed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{Family, Protocol};
    use std::net::SocketAddr;

    #[test]
    fn reach_is_that_of_the_bound_address() {
        for (local, device, expected) in [
            ("0.0.0.0:80", None, Reach::All),
            ("[::]:80", None, Reach::All),
            ("0.0.0.0:80", Some(2), Reach::Network),
            ("10.0.0.1:80", None, Reach::Network),
            ("[fe80::1%2]:80", Some(2), Reach::Network),
            ("127.0.0.53:53", None, Reach::Local),
            ("[::1]:80", None, Reach::Local),
            ("[::ffff:127.0.0.1]:80", None, Reach::Local),
            ("127.0.0.1:80", Some(1), Reach::Local),
        ] {
            let local: SocketAddr = local.parse().unwrap();
            let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, local);
            socket.interface = device.and_then(std::num::NonZeroU32::new);
            assert_eq!(Reach::of(&socket), Some(expected), "{local}");
        }
        let unknown = Socket::new(Family::Ipv4, Protocol::Tcp, netstat::Endpoint::Unknown);
        assert_eq!(Reach::of(&unknown), None);
    }
}
