//! The records of the JSON. Fields may be added, never changed.

use super::object::{Displayed, Hex, Json, List, Ready, Word, member, members};
use crate::states;
use crate::time::Rfc3339;
use crate::view::{self, View};
use netstat::{Gap, Owner, OwnersFrom, Socket};
use std::net::SocketAddr;
use std::time::SystemTime;

fn rfc3339(time: Option<SystemTime>) -> Option<Displayed<Rfc3339>> {
    time.and_then(Rfc3339::new).map(Displayed)
}

/// A socket.
pub(super) struct Row<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) socket: &'a Socket,
}

impl Json for Row<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        members!(out,
            "protocol": Word(socket.protocol.as_str()),
            "family": Word(socket.family.as_str()),
            "local": End(socket.local),
            "remote": socket.remote.map(End),
            "state": states::name(socket.state).map(Word),
            "inode": socket.inode(),
            "uid": socket.uid,
            "rx_queue": socket.rx_queue,
            "tx_queue": socket.tx_queue,
            "owners": List(socket.owners().iter().map(|owner| OwnerRecord { view, owner })),
            "owner_status": Word(ownership.as_str()),
            "owners_complete": ownership.is_complete(),
            "owner_reason": ownership.reason().map(Word),
            "cookie": socket.cookie.map(|cookie| Hex(cookie.get())),
            "handle": socket.handle().map(Hex),
            "interface": socket.interface.map(|index| Interface { view, index: index.get() }),
            "v6_only": socket.v6_only,
            "created": rfc3339(socket.created),
            "service": socket.service.as_deref(),
        );
        // Read only if they are asked for.
        if let Some(details) = socket.details.as_deref() {
            member!(out, "details": details);
        }
        out.push('}');
    }
}

struct End(SocketAddr);

impl Json for End {
    fn push(&self, out: &mut String) {
        members!(out, "addr": self.0.ip());
        if let SocketAddr::V6(end) = self.0
            && end.scope_id() != 0
        {
            member!(out, "scope_id": end.scope_id());
        }
        member!(out, "port": self.0.port());
        out.push('}');
    }
}

struct Interface<'a> {
    view: &'a View<'a>,
    index: u32,
}

impl Json for Interface<'_> {
    fn push(&self, out: &mut String) {
        members!(out, "index": self.index, "name": self.view.interface(self.index).as_deref());
        out.push('}');
    }
}

struct OwnerRecord<'a> {
    view: &'a View<'a>,
    owner: &'a Owner,
}

impl Json for OwnerRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, owner } = *self;
        let name = view.process_of(owner).and_then(|process| process.json_name.as_deref());
        members!(out,
            "pid": owner.pid,
            "fd": owner.fd,
            "name": name.map(Ready),
            "role": Word(owner.role.as_str()),
        );
        out.push('}');
    }
}

/// A process that owns a listed socket.
pub(super) struct ProcessRecord<'a>(pub(super) &'a view::Shown<'a>);

impl Json for ProcessRecord<'_> {
    fn push(&self, out: &mut String) {
        let process = self.0.raw;
        members!(out,
            "pid": process.pid,
            "name": self.0.json_name.as_deref().map(Ready),
            "path": process.path.as_ref().map(|path| path.to_string_lossy()).as_deref(),
            "uid": process.uid,
            "user": process.user.as_deref(),
            "path_deleted": process.path_deleted,
            "parent": process.parent,
            "start_time": rfc3339(process.start_time),
            "session": process.session,
        );
        // Read only if a column asks for it.
        if let Some(arguments) = &process.command_line {
            let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
            member!(out, "command_line": List(arguments.iter().map(AsRef::<str>::as_ref)));
        }
        out.push('}');
    }
}

/// Something that could not be seen.
pub(super) struct GapRecord<'a>(pub(super) &'a Gap);

impl Json for GapRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "kind": Word(self.0.kind.as_str()),
            "count": self.0.count,
            "detail": self.0.to_string().as_str(),
            "source": self.0.source.as_ref(),
        );
        out.push('}');
    }
}

/// How owners were found.
pub(super) struct OwnerSourceRecord<'a>(pub(super) &'a OwnersFrom);

impl Json for OwnerSourceRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "used": Word(self.0.source.as_str()),
            "reason": self.0.reason.as_ref(),
        );
        out.push('}');
    }
}
