//! Addresses as XNU stores them: sixteen bytes, and flags that determine their form.

use crate::scripted::world::{Attachment, Protocol, Socket};
use std::net::{IpAddr, SocketAddr};

/// `inp_vflag` of a socket.
pub(super) fn vflag(socket: &Socket, major: u32) -> u8 {
    if socket.attachment == Attachment::Detached {
        return 0;
    }
    if !socket.ipv6 {
        return 1;
    }
    let ends = [Some(socket.local), socket.remote];
    let mapped = |end: &SocketAddr| matches!(end.ip(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
    if ends.iter().flatten().any(mapped) {
        // IPv4 on an IPv6 socket, which only UDP marks.
        return if socket.protocol == Protocol::Udp && major >= 12 { 1 | 4 } else { 1 };
    }
    let takes_both = match socket.protocol {
        // A TCP socket gets the bit when it is bound.
        Protocol::Tcp => socket.local.port() != 0,
        Protocol::Udp => true,
    };
    let is_any = socket.local.ip().is_unspecified() && socket.remote.is_none();
    if is_any && takes_both && !socket.v6_only { 3 } else { 2 }
}

/// An address: IPv4 in the last four of sixteen bytes, the scope of a link-local IPv6 address in its second group.
pub(super) fn sixteen(end: Option<SocketAddr>) -> [u8; 16] {
    let mut bytes = [0; 16];
    let Some(end) = end else { return bytes };
    match end {
        SocketAddr::V4(end) => bytes[12..].copy_from_slice(&end.ip().octets()),
        SocketAddr::V6(end) => match end.ip().to_ipv4_mapped() {
            Some(ip) => bytes[12..].copy_from_slice(&ip.octets()),
            None => {
                bytes = end.ip().octets();
                if end.scope_id() != 0 {
                    let scope = u16::try_from(end.scope_id()).unwrap_or(0);
                    bytes[2..4].copy_from_slice(&scope.to_be_bytes());
                }
            }
        },
    }
    bytes
}
