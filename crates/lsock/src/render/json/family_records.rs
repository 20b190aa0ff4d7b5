//! The objects of sockets of other families than IP: unix sockets have a list of their own, all others another one.

use super::connection::push_connection;
use super::owner_record::OwnerRecord;
use super::records::InterfaceRecord;
use super::writer::{Bytes, Hex, List, ToJson, Word, member, members};
use crate::view::{self, View};
use netstat::{Endpoint, Family, Identity, Queues, Socket, UnixFile, UnixName};

/// A unix socket.
pub(super) struct UnixSocketRecord<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) socket: &'a Socket,
}

impl ToJson for UnixSocketRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        let peer = socket.peer_identity();
        members!(out,
            "protocol": Word(socket.protocol.as_str()),
            "family": socket.family.as_str().map(Word),
            "type": socket.socket_type.and_then(|kind| kind.as_str()).map(Word),
            "local": unix_name(&socket.local),
            "remote": socket.remote.as_ref().and_then(unix_name),
            "state": view::state_name(socket.state).map(Word),
            "inode": socket.inode(),
            "peer_inode": match peer { Some(Identity::Inode(inode)) => Some(inode), _ => None },
            "file": socket.unix_file().map(FileRecord),
            "uid": socket.uid,
            "rx_queue": socket.queues.map(Queues::receive),
            "tx_queue": socket.queues.and_then(Queues::send),
            "queue_unit": socket.queues.map(|queues| Word(queues.unit())),
            "owners": List(socket.owners().iter().map(|owner| OwnerRecord { view, owner })),
            "owner_status": Word(ownership.as_str()),
            "owners_complete": ownership.is_complete(),
            "owner_reason": ownership.reason().map(Word),
            "cookie": socket.cookie.map(|cookie| Hex(cookie.get())),
            "handle": socket.handle().map(Hex),
            "peer_handle": match peer { Some(Identity::Handle(handle)) => Some(Hex(handle)), _ => None },
        );
        if let Some(netns) = socket.netns {
            member!(out, "netns": netns.0.get());
        }
        push_connection(view, socket, out);
        out.push('}');
    }
}

fn unix_name(end: &Endpoint) -> Option<UnixNameRecord<'_>> {
    if let Endpoint::Unix(name) = end { Some(UnixNameRecord(name)) } else { None }
}

struct UnixNameRecord<'a>(&'a UnixName);

impl ToJson for UnixNameRecord<'_> {
    fn push(&self, out: &mut String) {
        let (kind, name) = match self.0 {
            UnixName::Path(path) => ("path", Some(path)),
            UnixName::Abstract(name) => ("abstract", Some(name)),
            _ => ("unnamed", None),
        };
        members!(out,
            "kind": Word(kind),
            "name": name.map(|name| String::from_utf8_lossy(name)).as_deref(),
        );
        if let Some(name) = name.filter(|name| str::from_utf8(name).is_err()) {
            member!(out, "name_bytes": Bytes(name));
        }
        out.push('}');
    }
}

struct FileRecord(UnixFile);

impl ToJson for FileRecord {
    fn push(&self, out: &mut String) {
        members!(out, "device": Hex(self.0.device), "inode": self.0.inode);
        out.push('}');
    }
}

/// A socket of neither IP nor unix.
pub(super) struct OtherSocketRecord<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) socket: &'a Socket,
}

impl ToJson for OtherSocketRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        let number = if let Family::Other(number) = socket.family { Some(number) } else { None };
        members!(out,
            "protocol": Word(socket.protocol.as_str()),
            "protocol_number": socket.protocol.number(),
            "family": socket.family.as_str().map(Word),
            "family_number": number,
            "type": socket.socket_type.and_then(|kind| kind.as_str()).map(Word),
            "local": other_end(view, socket, &socket.local),
            "remote": socket.remote.as_ref().and_then(|end| other_end(view, socket, end)),
            "state": view::state_name(socket.state).map(Word),
            "inode": socket.inode(),
            "uid": socket.uid,
            "rx_queue": socket.queues.map(Queues::receive),
            "tx_queue": socket.queues.and_then(Queues::send),
            "queue_unit": socket.queues.map(|queues| Word(queues.unit())),
            "owners": List(socket.owners().iter().map(|owner| OwnerRecord { view, owner })),
            "owner_status": Word(ownership.as_str()),
            "owners_complete": ownership.is_complete(),
            "owner_reason": ownership.reason().map(Word),
            "cookie": socket.cookie.map(|cookie| Hex(cookie.get())),
            "interface": socket.interface.map(|index| InterfaceRecord { view, socket, index: index.get() }),
        );
        if let Some(netns) = socket.netns {
            member!(out, "netns": netns.0.get());
        }
        out.push('}');
    }
}

/// The end; `None` if it is not known, or is that of another kind of socket.
fn other_end<'a>(view: &'a View<'a>, socket: &'a Socket, end: &'a Endpoint) -> Option<OtherEndRecord<'a>> {
    let is_shown = matches!(end, Endpoint::Netlink { .. } | Endpoint::Packet { .. } | Endpoint::Vsock { .. });
    is_shown.then_some(OtherEndRecord { view, socket, end })
}

struct OtherEndRecord<'a> {
    view: &'a View<'a>,
    socket: &'a Socket,
    end: &'a Endpoint,
}

impl ToJson for OtherEndRecord<'_> {
    fn push(&self, out: &mut String) {
        match *self.end {
            Endpoint::Netlink { port_id } => {
                members!(out, "port_id": port_id);
            }
            Endpoint::Packet { interface } => {
                let Self { view, socket, .. } = *self;
                let record = interface.map(|index| InterfaceRecord { view, socket, index: index.get() });
                members!(out, "interface": record);
            }
            Endpoint::Vsock { cid, port } => {
                members!(out, "cid": cid, "port": port);
            }
            _ => out.push('{'),
        }
        out.push('}');
    }
}
