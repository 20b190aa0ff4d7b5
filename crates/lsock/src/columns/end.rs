//! Which end of a socket a column shows, and the names of network interfaces.

use crate::digits::push_number;
use crate::escape::escape_into;
use crate::view::View;

/// An end of a socket.
#[derive(Copy, Clone)]
pub(super) enum End {
    Local,
    Remote,
}

/// The name of a network interface, or its number if it has none.
pub(super) fn push_interface(view: &View<'_>, index: u32, out: &mut String) {
    match view.interface(index) {
        Some(name) => escape_into(name.as_bytes(), out),
        None => push_number(index, out),
    }
}
