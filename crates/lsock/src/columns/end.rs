//! Which end of a socket, and the device that its address must name.

use crate::digits::push_number;
use crate::escape::escape_into;
use crate::view::View;
use netstat::Socket;
use std::net::SocketAddr;
use std::num::NonZeroU32;

/// An end of a socket.
#[derive(Copy, Clone)]
pub(super) enum End {
    Local,
    Remote,
}

impl End {
    /// Its address and port, if it has both.
    pub(super) fn of(self, socket: &Socket) -> Option<SocketAddr> {
        match self {
            Self::Local => socket.local_addr(),
            Self::Remote => socket.remote_addr(),
        }
    }

    /// The device that its address must name.
    pub(super) fn device(self, socket: &Socket, endpoint: SocketAddr) -> Option<u32> {
        match self {
            Self::Local => device_of(socket, endpoint),
            Self::Remote => None,
        }
    }
}

/// The device that a local address must name, or two sockets look alike: that to which the socket is bound. A link-local
/// address has it as its zone already.
pub(super) fn device_of(socket: &Socket, local: SocketAddr) -> Option<u32> {
    match local {
        SocketAddr::V6(local) if local.scope_id() != 0 => None,
        _ => socket.interface.map(NonZeroU32::get),
    }
}

/// The name of an interface, or its number.
pub(super) fn push_interface(view: &View<'_>, socket: &Socket, index: u32, out: &mut String) {
    match view.interface(socket, index) {
        Some(name) => escape_into(name.as_bytes(), out),
        None => push_number(index, out),
    }
}
