//! From where a listener can be reached, as far as its address says.

use crate::model::identity::NetnsId;
use crate::model::socket::Socket;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

/// How far the address of a listener reaches, the narrowest first. Where an address could be of two kinds it is of the
/// wider one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// This machine alone (its network namespace, on Linux): `127.0.0.0/8`, `::1`, and any address of a socket that is bound
    /// to the loopback device.
    Loopback,
    /// The neighbours on one network: `169.254.0.0/16`, `fe80::/10`, broadcasts, and multicast groups that no router
    /// forwards.
    LinkLocal,
    /// A network that is not part of the Internet: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`, `100.64.0.0/10`
    /// (addresses that a provider shares out), `192.0.0.0/24`, `198.18.0.0/15`, `fc00::/7`, `fec0::/10`, and multicast groups
    /// of a site or an organization.
    Private,
    /// Any other address.
    Public,
    /// Every address of the machine: `0.0.0.0`, `::`.
    Any,
}

impl Reach {
    /// The stable name: `loopback`, `link-local`, `private`, `public`, `any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::Public => "public",
            Self::Any => "any",
        }
    }

    /// The reach of an address, whichever device it is on.
    ///
    /// # Sources
    /// IANA's registries of special-purpose addresses; RFC 1918, 3927, 4193, 6598; scopes of groups: RFC 2365, 4291.
    pub fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_ipv4(address),
            IpAddr::V6(address) => Self::of_ipv6(address),
        }
    }

    fn of_ipv4(address: Ipv4Addr) -> Self {
        match address.octets() {
            [0, 0, 0, 0] => Self::Any,
            [127, ..] => Self::Loopback,
            [169, 254, ..] | [224, 0, 0, _] | [255, 255, 255, 255] => Self::LinkLocal,
            [10, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [198, 18..=19, ..]
            | [239, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_ipv6(address: Ipv6Addr) -> Self {
        if address.is_unspecified() {
            return Self::Any;
        }
        if address.is_loopback() {
            return Self::Loopback;
        }
        match address.segments() {
            // A multicast group has its scope in the last four bits.
            [group @ 0xff00..=0xffff, ..] => match group & 0xf {
                1 => Self::Loopback,
                2 => Self::LinkLocal,
                3..=8 => Self::Private,
                _ => Self::Public,
            },
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfec0..=0xfeff | 0xfc00..=0xfdff, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    /// The reach of a socket's local end, whether or not it listens; `None` without an IP address.
    pub(crate) fn of_socket(socket: &Socket) -> Option<Self> {
        let address = Self::of_address(socket.local.ip()?);
        let is_on_loopback = socket.interface.is_some_and(|index| index == LOOPBACK_DEVICE);
        Some(if is_on_loopback { Self::Loopback } else { address })
    }
}

/// Whether a socket has an address but no port yet, so that nothing can reach it.
pub(crate) fn is_unbound(socket: &Socket) -> bool {
    socket.local.socket_addr().is_some_and(|address| address.port() == 0)
}

/// The index of `lo` in every network namespace (`LOOPBACK_IFINDEX` of net/flow.h). Only Linux reports devices.
const LOOPBACK_DEVICE: NonZeroU32 = NonZeroU32::MIN;

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// From where a listener can be reached, as far as its address and its device say.
///
/// It speaks of addresses. What a firewall drops, what a router or a container engine forwards to the socket, and whether the
/// machine has an address of that kind at all is not part of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Exposure {
    /// How far the address reaches.
    pub reach: Reach,
    /// Whether it accepts IPv4. `None`: an IPv6 socket on all addresses, of which the system does not say whether it
    /// accepts IPv4 too (see [`Socket::v6_only`]).
    pub ipv4: Option<bool>,
    /// Whether it accepts IPv6. With `ipv4` too, it is dual stack.
    pub ipv6: bool,
    /// The network interface from which alone it can be reached ([`Socket::interface`]). Linux.
    pub interface: Option<NonZeroU32>,
    /// Whether it is in another network namespace than the caller, whose addresses are others: those of a container.
    /// `None`: not known. Linux; false on other systems.
    pub other_netns: Option<bool>,
}

impl Exposure {
    /// The exposure of a socket that waits for others ([`Socket::is_listening`]) on an IP address; `None` for any other, and for one
    /// without a port. `own`
    /// is the caller's network namespace ([`NetnsId::current`]), with which that of the socket is compared; it is needed for
    /// rows that have one.
    ///
    /// # Examples
    /// ```
    /// use netstat::{Exposure, Family, Protocol, Reach, Socket, State};
    /// use std::net::SocketAddr;
    ///
    /// let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([192, 168, 1, 7], 80)));
    /// socket.state = Some(State::Listen);
    /// let exposure = Exposure::of(&socket, None).unwrap();
    /// assert_eq!((exposure.reach, exposure.is_exposed()), (Reach::Private, true));
    /// ```
    pub fn of(socket: &Socket, own: Option<NetnsId>) -> Option<Self> {
        if !socket.is_listening() || is_unbound(socket) {
            return None;
        }
        let address = socket.local.ip()?;
        let (ipv4, ipv6) = match address {
            IpAddr::V6(address) if address.is_unspecified() => (socket.v6_only.map(|only| !only), true),
            _ => (Some(address.to_canonical().is_ipv4()), address.to_canonical().is_ipv6()),
        };
        let other_netns = match socket.netns {
            None => Some(false),
            Some(netns) => own.map(|own| own != netns),
        };
        let reach = Reach::of_socket(socket)?;
        Some(Self { reach, ipv4, ipv6, interface: socket.interface, other_netns })
    }

    /// Whether others than this machine can reach the address: it is not of loopback.
    /// [`Filter::exposed`](crate::Filter::exposed) selects the same.
    pub fn is_exposed(self) -> bool {
        self.reach > Reach::Loopback
    }
}

#[cfg(test)]
#[path = "exposure_tests.rs"]
mod tests;
