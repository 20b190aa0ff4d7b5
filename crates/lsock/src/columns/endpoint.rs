//! The ends of a socket as text: with zone or device, and in parts for a terminal.

use super::end::{End, device_of, push_interface};
use super::other_end;
use crate::digits::{push_ip, push_number};
use crate::screen::ShownEndpoint;
use crate::view::View;
use netstat::Socket;
use std::net::SocketAddr;

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

/// The local end for a terminal: `*:80` where one socket accepts IPv4 and IPv6.
pub(crate) fn shown_local(view: &View<'_>, socket: &Socket) -> Option<ShownEndpoint> {
    let Some(local) = socket.local_addr() else { return shown_other(view, socket, End::Local) };
    let mut shown = shown(view, socket, local, device_of(socket, local));
    if local.is_ipv6() && local.ip().is_unspecified() && socket.v6_only == Some(false) {
        shown.address = "*".to_owned();
        shown.in_brackets = false;
    }
    Some(shown)
}

/// The remote end for a terminal.
pub(crate) fn shown_remote(view: &View<'_>, socket: &Socket) -> Option<ShownEndpoint> {
    match socket.remote_addr() {
        Some(remote) => Some(shown(view, socket, remote, None)),
        None => shown_other(view, socket, End::Remote),
    }
}

/// An end without an IP address; `None` if there is none.
fn shown_other(view: &View<'_>, socket: &Socket, end: End) -> Option<ShownEndpoint> {
    let mut shown = ShownEndpoint::default();
    other_end::push(view, socket, end, &mut shown.address);
    (!shown.address.is_empty()).then_some(shown)
}

fn shown(view: &View<'_>, socket: &Socket, endpoint: SocketAddr, device: Option<u32>) -> ShownEndpoint {
    let mut shown = ShownEndpoint { in_brackets: endpoint.is_ipv6(), ..ShownEndpoint::default() };
    push_ip(endpoint.ip(), &mut shown.address);
    push_zone(view, socket, endpoint, device, &mut shown.device);
    push_port(endpoint, &mut shown.port);
    shown
}
