//! The row of a socket, whose form depends on its family.

use super::family_records::{OtherSocketRecord, UnixSocketRecord};
use super::records::SocketRecord;
use super::writer::ToJson;
use crate::view::View;
use netstat::{Family, Socket};

/// Appends a socket in the form of its family, which distinguishes the forms.
pub(super) fn push_row(view: &View<'_>, socket: &Socket, out: &mut String) {
    match socket.family {
        Family::Ipv4 | Family::Ipv6 => SocketRecord { view, socket }.push(out),
        Family::Unix => UnixSocketRecord { view, socket }.push(out),
        _ => OtherSocketRecord { view, socket }.push(out),
    }
}
