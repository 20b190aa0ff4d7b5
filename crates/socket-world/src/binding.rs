//! Sockets that differ in how they are bound (port chosen by the caller or by the kernel, address, device) or
//! marked. No other module makes these differences, which filters can test.
//!
//! The kernel chooses the port if `bind` gets port 0, or at `connect` if there was no `bind`. Both hold for every
//! socket of [`tcp`](crate::tcp) and [`udp`](crate::udp).

use crate::facts::{Made, Transport};
use crate::tcp::{Make, accept_from, listen_on, local_address};
use crate::{ffi, loopback};
use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, listen, socket_with, sockopt,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Every situation of this module that needs no privileges and that the kernel's tables show, by name.
pub const ALL: &[(&str, Make)] = &[
    ("tcp_listener_of_named_port", tcp_listener_of_named_port),
    ("tcp_client_of_named_port", tcp_client_of_named_port),
    ("tcp_client_of_alias", tcp_client_of_alias),
    ("tcp_listener_on_mapped_address", tcp_listener_on_mapped_address),
    ("tcp_on_device", tcp_on_device),
    ("udp_of_named_port", udp_of_named_port),
    ("udp_on_alias", udp_on_alias),
    ("udp_on_mapped_address", udp_on_mapped_address),
    ("udp_on_device", udp_on_device),
];

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MAPPED: IpAddr = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());

/// The argument of [`loopback`] that gives 127.0.0.7.
const ALIAS: u32 = 7;

/// The device that every network namespace has.
const DEVICE: &str = "lo";

/// A new socket of the family of `address`. An IPv6 socket also accepts IPv4 if and only if the address is
/// IPv4-mapped.
fn new_socket(transport: Transport, address: IpAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let (kind, protocol) = match transport {
        Transport::Tcp => (SocketType::STREAM, ipproto::TCP),
        Transport::Udp => (SocketType::DGRAM, ipproto::UDP),
    };
    let fd = socket_with(family, kind, SocketFlags::CLOEXEC, Some(protocol))?;
    if let IpAddr::V6(address) = address {
        sockopt::set_ipv6_v6only(&fd, address.to_ipv4_mapped().is_none())?;
    }
    Ok(fd)
}

/// A socket bound to a free port of `address` whose number was passed to `bind`.
///
/// # Errors
/// The address is not of this machine.
pub fn named_port(transport: Transport, address: IpAddr) -> io::Result<OwnedFd> {
    // The kernel chooses a port for one socket, which reserves it until another socket is bound to it.
    let chosen = new_socket(transport, address)?;
    sockopt::set_socket_reuseaddr(&chosen, true)?;
    bind(&chosen, &SocketAddr::new(address, 0))?;
    let named = new_socket(transport, address)?;
    sockopt::set_socket_reuseaddr(&named, true)?;
    bind(&named, &SocketAddr::new(address, local_address(&chosen)?.port()))?;
    drop(chosen);
    sockopt::set_socket_reuseaddr(&named, false)?;
    Ok(named)
}

/// Binds a socket to the device of this name, so that it uses no other: `SO_BINDTODEVICE`.
///
/// # Errors
/// There is no such device; before Linux 5.7 permission denied unless root (CAP_NET_RAW).
pub fn bind_to_device(fd: impl AsFd, device: &str) -> io::Result<()> {
    ffi::bind_to_device(fd.as_fd(), device)
}

/// A UDP socket on all IPv4 addresses of a device: another one can have the same port.
///
/// # Errors
/// As [`bind_to_device`]; the port is taken.
pub fn udp_of_port_on_device(device: &str, port: u16) -> io::Result<OwnedFd> {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let socket = new_socket(Transport::Udp, any)?;
    bind_to_device(&socket, device)?;
    bind(&socket, &SocketAddr::new(any, port))?;
    Ok(socket)
}

/// Sets the mark of a socket: `SO_MARK`. A connection accepted from a listener inherits the listener's.
///
/// # Errors
/// Permission denied unless root (CAP_NET_ADMIN, since Linux 5.17 CAP_NET_RAW).
pub fn set_mark(fd: impl AsFd, mark: u32) -> io::Result<()> {
    ffi::set_mark(fd.as_fd(), mark)
}

/// The connection of `client`, a socket not yet connected, to `listener`: client, server, listener.
fn connected(client: OwnedFd, listener: OwnedFd) -> io::Result<Made> {
    let to = local_address(&listener)?;
    retry_on_intr(|| connect(&client, &to))?;
    let server = accept_from(&listener)?;
    Made::of(vec![client, server, listener])
}

/// A listener on 127.0.0.1 whose port was passed to `bind`.
///
/// # Errors
/// As [`named_port`].
pub fn tcp_listener_of_named_port() -> io::Result<Made> {
    let listener = named_port(Transport::Tcp, LOCALHOST)?;
    listen(&listener, 16)?;
    Made::of(vec![listener])
}

/// A connection whose client passed its port to `bind`: client, server, listener. The port of the listener, and so
/// of the server, was chosen by the kernel.
///
/// # Errors
/// As [`named_port`].
pub fn tcp_client_of_named_port() -> io::Result<Made> {
    let listener = listen_on((LOCALHOST, 0).into(), 16)?;
    connected(named_port(Transport::Tcp, LOCALHOST)?, listener)
}

/// A connection from 127.0.0.7 to 127.0.0.1. `bind` set the client's address, `connect` chose its port: client,
/// server, listener.
///
/// # Errors
/// A socket cannot be made.
pub fn tcp_client_of_alias() -> io::Result<Made> {
    let listener = listen_on((LOCALHOST, 0).into(), 16)?;
    let client = new_socket(Transport::Tcp, LOCALHOST)?;
    ffi::bind_address_no_port(client.as_fd())?;
    bind(&client, &SocketAddr::from((loopback(ALIAS), 0)))?;
    connected(client, listener)
}

/// An IPv6 listener on `::ffff:127.0.0.1`, which accepts IPv4 only.
///
/// # Errors
/// No IPv6.
pub fn tcp_listener_on_mapped_address() -> io::Result<Made> {
    let listener = new_socket(Transport::Tcp, MAPPED)?;
    bind(&listener, &SocketAddr::new(MAPPED, 0))?;
    listen(&listener, 16)?;
    Made::of(vec![listener])
}

/// A connection whose client and listener, and so its server, are bound to the device `lo`: client, server,
/// listener.
///
/// # Errors
/// As [`bind_to_device`].
pub fn tcp_on_device() -> io::Result<Made> {
    let listener = listen_on((LOCALHOST, 0).into(), 16)?;
    bind_to_device(&listener, DEVICE)?;
    let client = new_socket(Transport::Tcp, LOCALHOST)?;
    bind_to_device(&client, DEVICE)?;
    connected(client, listener)
}

/// A connection whose sockets all have this mark: client, server, listener.
///
/// # Errors
/// As [`set_mark`].
pub fn tcp_with_mark(mark: u32) -> io::Result<Made> {
    let listener = listen_on((LOCALHOST, 0).into(), 16)?;
    set_mark(&listener, mark)?;
    let client = new_socket(Transport::Tcp, LOCALHOST)?;
    set_mark(&client, mark)?;
    connected(client, listener)
}

/// A TCP socket on 127.0.0.1 that neither listens nor is connected: one row, CLOSE.
///
/// No other socket has its port, and yet `/proc/net/tcp` does not show it; a netlink dump does since Linux 6.8, if
/// the request selects state 13 (`TCP_BOUND_INACTIVE`).
///
/// # Errors
/// A socket cannot be made.
pub fn tcp_bound_alone() -> io::Result<Made> {
    let fd = new_socket(Transport::Tcp, LOCALHOST)?;
    bind(&fd, &SocketAddr::new(LOCALHOST, 0))?;
    Made::of(vec![fd])
}

/// A UDP socket on 127.0.0.1 whose port was passed to `bind`.
///
/// # Errors
/// As [`named_port`].
pub fn udp_of_named_port() -> io::Result<Made> {
    Made::of(vec![named_port(Transport::Udp, LOCALHOST)?])
}

/// A UDP socket on 127.0.0.7.
///
/// # Errors
/// A socket cannot be made.
pub fn udp_on_alias() -> io::Result<Made> {
    udp(loopback(ALIAS).into())
}

/// An IPv6 UDP socket on `::ffff:127.0.0.1`, which receives IPv4 only.
///
/// # Errors
/// No IPv6.
pub fn udp_on_mapped_address() -> io::Result<Made> {
    udp(MAPPED)
}

/// A UDP socket on 127.0.0.1 that is bound to the device `lo`.
///
/// # Errors
/// As [`bind_to_device`].
pub fn udp_on_device() -> io::Result<Made> {
    let made = udp(LOCALHOST)?;
    made.sockets.iter().try_for_each(|fd| bind_to_device(fd, DEVICE))?;
    Ok(made)
}

/// A UDP socket on 127.0.0.1 with this mark.
///
/// # Errors
/// As [`set_mark`].
pub fn udp_with_mark(mark: u32) -> io::Result<Made> {
    let made = udp(LOCALHOST)?;
    made.sockets.iter().try_for_each(|fd| set_mark(fd, mark))?;
    Ok(made)
}

fn udp(address: IpAddr) -> io::Result<Made> {
    let fd = new_socket(Transport::Udp, address)?;
    bind(&fd, &SocketAddr::new(address, 0))?;
    Made::of(vec![fd])
}
