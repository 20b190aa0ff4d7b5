//! The mark of a listener: how far its address reaches, in three steps.

use crate::screen::Screen;
use anstyle::{AnsiColor, Style};
use netstat::{Exposure, Reach};

/// The three steps, the widest first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mark {
    /// Every address of this machine.
    All,
    /// An address that other machines may reach, every address of one device, or of another network namespace.
    Network,
    /// This machine alone.
    Local,
}

impl Mark {
    pub(crate) fn of(exposure: Exposure) -> Self {
        match exposure.reach {
            Reach::Loopback => Self::Local,
            Reach::Any if exposure.interface.is_none() && exposure.other_netns != Some(true) => Self::All,
            _ => Self::Network,
        }
    }

    /// A character that differs without colour.
    pub(crate) fn character(self, screen: &Screen) -> &'static str {
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
    use netstat::{Family, NetnsId, Protocol, Socket};
    use std::net::SocketAddr;
    use std::num::{NonZeroU32, NonZeroU64};

    #[test]
    fn only_all_addresses_of_every_device_of_this_namespace_are_open_to_all() {
        let netns = |number| NonZeroU64::new(number).map(NetnsId);
        for (local, device, namespace, expected) in [
            ("0.0.0.0:80", None, None, Mark::All),
            ("[::]:80", None, netns(5), Mark::All),
            ("[::]:80", None, netns(6), Mark::Network),
            ("0.0.0.0:80", Some(2), None, Mark::Network),
            ("10.0.0.1:80", None, None, Mark::Network),
            ("[fe80::1%2]:80", Some(2), None, Mark::Network),
            ("127.0.0.53:53", None, netns(6), Mark::Local),
            ("[::1]:80", None, None, Mark::Local),
        ] {
            let local: SocketAddr = local.parse().unwrap();
            let mut socket = Socket::new(Family::Ipv4, Protocol::Udp, local);
            (socket.interface, socket.netns) = (device.and_then(NonZeroU32::new), namespace);
            let exposure = Exposure::of(&socket, netns(5)).unwrap();
            assert_eq!(Mark::of(exposure), expected, "{local}");
        }
    }
}
