//! Sockets of protocols beside TCP and UDP, on loopback.

use rustix::net::{
    AddressFamily, Protocol, SocketFlags, SocketType, accept, bind, connect, listen, socket_with,
};
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::os::fd::OwnedFd;

const IPPROTO_MPTCP: u32 = 262;
const IPPROTO_SCTP: u32 = 132;

fn socket(family: AddressFamily, kind: SocketType, number: u32) -> io::Result<OwnedFd> {
    let number = NonZero::new(number).map(Protocol::from_raw);
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, number)?)
}

/// Raw sockets of several IP protocols over IPv4 and IPv6: not bound, bound, connected.
///
/// # Errors
/// Permission denied without `CAP_NET_RAW`; no IPv6.
pub fn raw() -> io::Result<Vec<OwnedFd>> {
    const V4: AddressFamily = AddressFamily::INET;
    const V6: AddressFamily = AddressFamily::INET6;
    let raw = |family, number| socket(family, SocketType::RAW, number);
    let (any, only_sends, connected) = (raw(V4, 1)?, raw(V4, 255)?, raw(V4, 253)?);
    bind(&connected, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
    connect(&connected, &SocketAddr::from(([127, 0, 0, 2], 0)))?;
    let (any_v6, bound_v6) = (raw(V6, 253)?, raw(V6, 58)?);
    bind(&bound_v6, &SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 0)))?;
    Ok(vec![any, only_sends, connected, any_v6, bound_v6])
}

/// A listener, its client, and the connection that it has accepted, of MPTCP.
///
/// # Errors
/// The kernel has no MPTCP.
pub fn mptcp() -> io::Result<Vec<OwnedFd>> {
    connection(IPPROTO_MPTCP)
}

/// The same of SCTP, with one-to-one sockets.
///
/// # Errors
/// The kernel has no SCTP.
pub fn sctp() -> io::Result<Vec<OwnedFd>> {
    connection(IPPROTO_SCTP)
}

fn connection(number: u32) -> io::Result<Vec<OwnedFd>> {
    let stream = || socket(AddressFamily::INET, SocketType::STREAM, number);
    let (listener, client) = (stream()?, stream()?);
    bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
    listen(&listener, 5)?;
    connect(&client, &crate::tcp::local_address(&listener)?)?;
    let server = accept(&listener)?;
    Ok(vec![listener, client, server])
}
