//! The ends of a socket as text: with zone or device, and in parts for a terminal.

use crate::digits::{push_ip, push_number};
use crate::escape::escape_into;
use crate::screen::ShownEndpoint;
use crate::view::View;
use netstat::Socket;
use std::net::SocketAddr;
use std::num::NonZeroU32;

/// The device that a local address must name, or two sockets look alike: that to which the socket is bound. A link-local
/// address has it as its zone already.
pub(super) fn device_of(socket: &Socket, local: SocketAddr) -> Option<u32> {
    match local {
        SocketAddr::V6(local) if local.scope_id() != 0 => None,
        _ => socket.interface.map(NonZeroU32::get),
    }
}

/// `127.0.0.1:80`, `[fe80::1%eth0]:80`, `0.0.0.0%eth0:80`; `*` for port 0, which means no port.
pub(super) fn push_endpoint(
    view: &View<'_>,
    socket: &Socket,
    endpoint: SocketAddr,
    device: Option<u32>,
    out: &mut String,
) {
    if endpoint.is_ipv6() {
        out.push('[');
    }
    push_address(view, socket, endpoint, device, out);
    if endpoint.is_ipv6() {
        out.push(']');
    }
    push_port(endpoint, out);
}

pub(super) fn push_port(endpoint: SocketAddr, out: &mut String) {
    match endpoint.port() {
        0 => out.push_str(":*"),
        port => {
            out.push(':');
            push_number(port, out);
        }
    }
}

/// `127.0.0.1`, `fe80::1%eth0`, `0.0.0.0%eth0`; zone or device as a number if it has no name.
pub(super) fn push_address(
    view: &View<'_>,
    socket: &Socket,
    endpoint: SocketAddr,
    device: Option<u32>,
    out: &mut String,
) {
    push_ip(endpoint.ip(), out);
    push_zone(view, socket, endpoint, device, out);
}

fn push_zone(view: &View<'_>, socket: &Socket, endpoint: SocketAddr, device: Option<u32>, out: &mut String) {
    let zone = match endpoint {
        SocketAddr::V6(endpoint) if endpoint.scope_id() != 0 => Some(endpoint.scope_id()),
        _ => device,
    };
    if let Some(index) = zone {
        out.push('%');
        push_interface(view, socket, index, out);
    }
}

pub(super) fn push_interface(view: &View<'_>, socket: &Socket, index: u32, out: &mut String) {
    match view.interface(socket, index) {
        Some(name) => escape_into(name.as_bytes(), out),
        None => push_number(index, out),
    }
}

/// The local end for a terminal: `*:80` where one socket accepts IPv4 and IPv6.
pub(crate) fn shown_local(view: &View<'_>, socket: &Socket) -> Option<ShownEndpoint> {
    let local = socket.local_addr()?;
    let mut shown = shown(view, socket, local, device_of(socket, local));
    if local.is_ipv6() && local.ip().is_unspecified() && socket.v6_only == Some(false) {
        shown.address = "*".to_owned();
        shown.in_brackets = false;
    }
    Some(shown)
}

/// The remote end for a terminal.
pub(crate) fn shown_remote(view: &View<'_>, socket: &Socket) -> Option<ShownEndpoint> {
    Some(shown(view, socket, socket.remote_addr()?, None))
}

fn shown(view: &View<'_>, socket: &Socket, endpoint: SocketAddr, device: Option<u32>) -> ShownEndpoint {
    let mut shown = ShownEndpoint { in_brackets: endpoint.is_ipv6(), ..ShownEndpoint::default() };
    push_ip(endpoint.ip(), &mut shown.address);
    push_zone(view, socket, endpoint, device, &mut shown.device);
    push_port(endpoint, &mut shown.port);
    shown
}
