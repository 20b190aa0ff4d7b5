//! The ends of sockets of other families than IP as text, in the form of `ss`: names of unix sockets with inode numbers,
//! netlink ports, devices of packet sockets.

use super::end::{End, push_interface};
use crate::digits::{push_display, push_ip, push_number};
use crate::escape::escape_into;
use crate::view::View;
use netstat::{Endpoint, Identity, Protocol, Socket, UnixName};
use std::num::NonZeroU32;

/// Appends an end that has no IP address: `/run/x.sock 1234`, `* 1234`, `route:kernel`, `0x0806:eth0`, `3:22`; `?` if it is
/// not known.
pub(super) fn push(view: &View<'_>, socket: &Socket, end: End, out: &mut String) {
    push_name(view, socket, end, out);
    let number = match (end_of(socket, end), end) {
        (Some(_), _) if !matches!(socket.protocol, Protocol::Unix) => None,
        (Some(_), End::Local) => socket.inode(),
        (Some(_), End::Remote) => match socket.peer_identity() {
            Some(Identity::Inode(inode)) => Some(inode),
            _ => None,
        },
        (None, _) => None,
    };
    if let Some(number) = number {
        out.push(' ');
        push_number(number, out);
    }
}

fn end_of(socket: &Socket, end: End) -> Option<&Endpoint> {
    match end {
        End::Local => Some(&socket.local),
        End::Remote => socket.remote.as_ref(),
    }
}

/// The same without the number.
pub(super) fn push_name(view: &View<'_>, socket: &Socket, end: End, out: &mut String) {
    match end_of(socket, end) {
        None => {}
        Some(Endpoint::Unix(UnixName::Unnamed)) => out.push('*'),
        Some(Endpoint::Unix(UnixName::Path(path))) => escape_into(path, out),
        Some(Endpoint::Unix(UnixName::Abstract(name))) => {
            out.push('@');
            if !name.is_empty() {
                escape_into(name, out);
            }
        }
        Some(Endpoint::Netlink { port_id }) => {
            push_netlink_protocol(socket.protocol, out);
            match port_id {
                0 => out.push_str(":kernel"),
                port_id => push_display(out, format_args!(":{port_id}")),
            }
        }
        Some(Endpoint::Packet { interface }) => {
            match socket.protocol.number() {
                // ETH_P_ALL
                Some(3) => out.push('*'),
                number => push_display(out, format_args!("0x{:04x}", number.unwrap_or_default())),
            }
            out.push(':');
            match interface {
                None => out.push('*'),
                Some(index) => match view.interface(socket, index.get()) {
                    Some(name) => escape_into(name.as_bytes(), out),
                    None => push_number(index.get(), out),
                },
            }
        }
        Some(Endpoint::Vsock { cid, port }) => {
            for (number, before) in [(cid, ""), (port, ":")] {
                out.push_str(before);
                match *number {
                    u32::MAX => out.push('*'),
                    number => push_number(number, out),
                }
            }
        }
        Some(Endpoint::Ip(_)) => {}
        Some(Endpoint::Address { ip, scope_id }) => {
            push_ip(*ip, out);
            let device = || socket.interface.filter(|_| matches!(end, End::Local));
            if let Some(index) = NonZeroU32::new(*scope_id).or_else(device) {
                out.push('%');
                push_interface(view, socket, index.get(), out);
            }
        }
        Some(Endpoint::Unknown) => out.push('?'),
        Some(other) => push_display(out, other),
    }
}

/// The names of linux/netlink.h, or the number.
fn push_netlink_protocol(protocol: Protocol, out: &mut String) {
    let number = protocol.number().unwrap_or_default();
    let name = match number {
        0 => "route",
        2 => "usersock",
        4 => "sock_diag",
        5 => "nflog",
        6 => "xfrm",
        7 => "selinux",
        8 => "iscsi",
        9 => "audit",
        10 => "fib_lookup",
        11 => "connector",
        12 => "netfilter",
        15 => "uevent",
        16 => "generic",
        18 => "scsitransport",
        19 => "ecryptfs",
        20 => "rdma",
        21 => "crypto",
        22 => "smc",
        _ => return push_number(number, out),
    };
    out.push_str(name);
}

/// The path of a unix socket, as it was bound.
pub(super) fn socket_path(_: &View<'_>, socket: &Socket, out: &mut String) {
    if let Endpoint::Unix(UnixName::Path(path)) = &socket.local {
        escape_into(path, out);
    }
}

/// The inode number of the unix socket at the other end.
pub(super) fn peer_inode(socket: &Socket) -> Option<u64> {
    match socket.peer_identity()? {
        Identity::Inode(inode) => Some(inode),
        _ => None,
    }
}
