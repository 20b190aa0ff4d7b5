//! UDP sockets with and without a peer, and many in one hash chain.

use crate::facts::Made;
use crate::tcp::{Make, local_address};
use crate::{loopback, need_descriptors};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// Every situation of this module, by name; the chain has 40 sockets.
pub const ALL: &[(&str, Make)] = &[
    ("unconnected_v4", unconnected_v4),
    ("unconnected_v6", unconnected_v6),
    ("unconnected_dual_stack", unconnected_dual_stack),
    ("pair_v4", pair_v4),
    ("pair_v6", pair_v6),
    ("pair_mapped", pair_mapped),
    ("chain", || chain(40)),
];

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The first address of [`chain`], as an argument of [`loopback`].
const CHAIN: u32 = 64 << 16;

/// A UDP socket bound to `address` (port 0: a free one). On an IPv6 address it receives IPv6 only.
///
/// # Errors
/// The address is not of this machine, or taken.
pub fn bind_to(address: SocketAddr) -> io::Result<OwnedFd> {
    bind_with(address, true)
}

fn bind_with(address: SocketAddr, v6_only: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(ipproto::UDP))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, v6_only)?;
    }
    bind(&fd, &address)?;
    Ok(fd)
}

/// A socket on 127.0.0.1 without a peer.
///
/// # Errors
/// As [`bind_to`].
pub fn unconnected_v4() -> io::Result<Made> {
    Made::of(vec![bind_to((V4, 0).into())?])
}

/// A socket on `::1` without a peer.
///
/// # Errors
/// As [`bind_to`]; no IPv6.
pub fn unconnected_v6() -> io::Result<Made> {
    Made::of(vec![bind_to((V6, 0).into())?])
}

/// A socket on `::` that also takes IPv4.
///
/// # Errors
/// As [`unconnected_v6`].
pub fn unconnected_dual_stack() -> io::Result<Made> {
    Made::of(vec![bind_with((Ipv6Addr::UNSPECIFIED, 0).into(), false)?])
}

/// Two sockets on 127.0.0.1, each the other's peer.
///
/// # Errors
/// As [`bind_to`].
pub fn pair_v4() -> io::Result<Made> {
    pair(V4)
}

/// Two sockets on `::1`, each the other's peer.
///
/// # Errors
/// As [`unconnected_v6`].
pub fn pair_v6() -> io::Result<Made> {
    pair(V6)
}

fn pair(address: IpAddr) -> io::Result<Made> {
    let one = bind_to((address, 0).into())?;
    let other = bind_to((address, 0).into())?;
    connect(&one, &local_address(&other)?)?;
    connect(&other, &local_address(&one)?)?;
    Made::of(vec![one, other])
}

/// A dual-stack IPv6 socket whose peer is the IPv4 socket that comes second; its addresses are mapped.
///
/// # Errors
/// As [`unconnected_v6`].
pub fn pair_mapped() -> io::Result<Made> {
    let four = bind_to((V4, 0).into())?;
    let six = bind_with((Ipv6Addr::UNSPECIFIED, 0).into(), false)?;
    let port = local_address(&four)?.port();
    connect(&six, &SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port)))?;
    connect(&four, &SocketAddr::from((Ipv4Addr::LOCALHOST, local_address(&six)?.port())))?;
    Made::of(vec![six, four])
}

/// `count` sockets on one port, spread over the addresses from 127.64.0.1 on, so that all are in one chain of the
/// kernel's hash table (which is chosen by the port alone). The port is that of the first of [`Made::facts`];
/// [`ChurnSpec::udp_port`](crate::ChurnSpec::udp_port) opens and closes more in the same chain.
///
/// # Errors
/// As [`bind_to`]; more descriptors than the process may have.
pub fn chain(count: u32) -> io::Result<Made> {
    need_descriptors(u64::from(count) + 256)?;
    let mut last = io::Error::other("no port is free on all addresses");
    // A port that is free on the first address may be taken on all of them, by a socket on 0.0.0.0.
    for _ in 0..8 {
        match try_chain(count) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            other => return other,
        }
    }
    Err(last)
}

fn try_chain(count: u32) -> io::Result<Made> {
    let mut sockets = Vec::new();
    let mut port = 0;
    for at in 0..count {
        let fd = bind_to((loopback(CHAIN + 1 + at), port).into())?;
        if port == 0 {
            port = local_address(&fd)?.port();
        }
        sockets.push(fd);
    }
    Made::of(sockets)
}
