//! Both ends of a connection in the JSON.

use super::owner_record::OwnerRecord;
use super::writer::{Hex, List, ToJson, Word, member, members};
use crate::view::{self, View};
use netstat::Socket;

/// Appends the other end and the direction to the members of a row, if the query asked for them.
pub(super) fn push_connection(view: &View<'_>, socket: &Socket, out: &mut String) {
    if !view.snapshot.has_peers() {
        return;
    }
    let direction = view.snapshot.direction(socket);
    member!(out, "peer": view.snapshot.peer(socket).map(|socket| PeerRecord { view, socket }));
    member!(out, "direction": direction.map(|direction| Word(direction.kind.as_str())));
    member!(out, "accepted": direction.map(|direction| direction.accepted));
    member!(out, "direction_basis": direction.map(|direction| Word(direction.basis.as_str())));
}

/// The socket at the other end of another one.
struct PeerRecord<'a> {
    view: &'a View<'a>,
    socket: &'a Socket,
}

impl ToJson for PeerRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        members!(out,
            "inode": socket.inode(),
            "handle": socket.handle().map(Hex),
            "state": view::state_name(socket.state).map(Word),
        );
        if let Some(netns) = socket.netns {
            member!(out, "netns": netns.0.get());
        }
        member!(out, "owners": List(socket.owners().iter().map(|owner| OwnerRecord { view, owner })));
        member!(out, "owner_status": Word(ownership.as_str()));
        member!(out, "owners_complete": ownership.is_complete());
        member!(out, "owner_reason": ownership.reason().map(Word));
        out.push('}');
    }
}
