//! Both ends of a connection as text.

use super::value;
use crate::view::View;
use netstat::Socket;

/// The owners of the socket at the other end, or in brackets the reason why there are none.
pub(super) fn peer(view: &View<'_>, socket: &Socket, out: &mut String) {
    let Some(peer) = view.snapshot.peer(socket) else { return };
    value::owners(view, peer, out);
    if let Some(reason) = peer.ownership().reason().filter(|_| peer.owners().is_empty()) {
        out.push('(');
        out.push_str(reason);
        out.push(')');
    }
}

/// `inbound`, `outbound`, `local`.
pub(super) fn direction(view: &View<'_>, socket: &Socket, out: &mut String) {
    if let Some(direction) = view.snapshot.direction(socket) {
        out.push_str(direction.kind.as_str());
    }
}
