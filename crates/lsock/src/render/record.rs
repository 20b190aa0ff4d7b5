//! The records of the JSON. Fields may be added, never changed.

use super::harmless_json::Harmless;
use crate::columns::Hex;
use crate::states;
use crate::time::Rfc3339;
use crate::view::{Shown, View};
use netstat::{Gap, Owner, OwnersFrom, Socket};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Appends a record.
pub(super) fn push_record(record: &impl Serialize, bytes: &mut Vec<u8>) -> io::Result<()> {
    record.serialize(&mut serde_json::Serializer::with_formatter(bytes, Harmless)).map_err(io::Error::from)
}

/// Serializes as the text that a value displays.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn rfc3339(time: Option<SystemTime>) -> Option<Text<Rfc3339>> {
    time.and_then(Rfc3339::new).map(Text)
}

/// A socket.
pub(super) struct Row<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) socket: &'a Socket,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        let mut row = serializer.serialize_struct("Row", 19)?;
        row.serialize_field("protocol", socket.protocol.as_str())?;
        row.serialize_field("family", socket.family.as_str())?;
        row.serialize_field("local", &End(socket.local))?;
        row.serialize_field("remote", &socket.remote.map(End))?;
        row.serialize_field("state", &states::named(socket.state).map(Text))?;
        row.serialize_field("inode", &socket.inode())?;
        row.serialize_field("uid", &socket.uid)?;
        row.serialize_field("rx_queue", &socket.rx_queue)?;
        row.serialize_field("tx_queue", &socket.tx_queue)?;
        row.serialize_field("owners", &Owners { view, owners: socket.owners() })?;
        row.serialize_field("owner_status", ownership.as_str())?;
        row.serialize_field("owners_complete", &ownership.is_complete())?;
        row.serialize_field("owner_reason", &ownership.reason())?;
        row.serialize_field("cookie", &socket.cookie.map(|cookie| Text(Hex(cookie.get()))))?;
        row.serialize_field("handle", &socket.handle().map(|handle| Text(Hex(handle))))?;
        row.serialize_field(
            "interface",
            &socket.interface.map(|index| Interface { view, index: index.get() }),
        )?;
        row.serialize_field("v6_only", &socket.v6_only)?;
        row.serialize_field("created", &rfc3339(socket.created))?;
        row.serialize_field("service", &socket.service.as_deref())?;
        row.end()
    }
}

struct End(SocketAddr);

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scope = match self.0 {
            SocketAddr::V6(end) if end.scope_id() != 0 => Some(end.scope_id()),
            _ => None,
        };
        let mut end = serializer.serialize_struct("End", 2 + usize::from(scope.is_some()))?;
        end.serialize_field("addr", &Text(self.0.ip()))?;
        if let Some(scope) = scope {
            end.serialize_field("scope_id", &scope)?;
        }
        end.serialize_field("port", &self.0.port())?;
        end.end()
    }
}

struct Interface<'a> {
    view: &'a View<'a>,
    index: u32,
}

impl Serialize for Interface<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut interface = serializer.serialize_struct("Interface", 2)?;
        interface.serialize_field("index", &self.index)?;
        interface.serialize_field("name", &self.view.interface(self.index).as_deref())?;
        interface.end()
    }
}

struct Owners<'a> {
    view: &'a View<'a>,
    owners: &'a [Owner],
}

impl Serialize for Owners<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.owners.len()))?;
        for owner in self.owners {
            let name = self.view.process_of(owner).and_then(|process| process.json_name.as_deref());
            list.serialize_element(&OwnerRecord { owner, name })?;
        }
        list.end()
    }
}

struct OwnerRecord<'a> {
    owner: &'a Owner,
    name: Option<&'a str>,
}

impl Serialize for OwnerRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut owner = serializer.serialize_struct("Owner", 4)?;
        owner.serialize_field("pid", &self.owner.pid)?;
        owner.serialize_field("fd", &self.owner.fd)?;
        owner.serialize_field("name", &self.name)?;
        owner.serialize_field("role", self.owner.role.as_str())?;
        owner.end()
    }
}

/// A process that owns a listed socket.
pub(super) struct ProcessRecord<'a>(pub(super) &'a Shown<'a>);

impl Serialize for ProcessRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let process = self.0.raw;
        let mut record = serializer.serialize_struct("Process", 10)?;
        record.serialize_field("pid", &process.pid)?;
        record.serialize_field("name", &self.0.json_name.as_deref())?;
        record.serialize_field("path", &process.path.as_ref().map(|path| path.to_string_lossy()))?;
        record.serialize_field("uid", &process.uid)?;
        record.serialize_field("user", &process.user)?;
        record.serialize_field("path_deleted", &process.path_deleted)?;
        record.serialize_field("parent", &process.parent)?;
        record.serialize_field("start_time", &rfc3339(process.start_time))?;
        record.serialize_field("session", &process.session)?;
        match &process.command_line {
            // Read only if a column asks for it.
            None => record.skip_field("command_line")?,
            Some(arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
                record.serialize_field("command_line", &arguments)?;
            }
        }
        record.end()
    }
}

/// Something that could not be seen.
pub(super) struct GapRecord<'a>(pub(super) &'a Gap);

impl Serialize for GapRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut gap = serializer.serialize_struct("Gap", 4)?;
        gap.serialize_field("kind", self.0.kind.as_str())?;
        gap.serialize_field("count", &self.0.count)?;
        gap.serialize_field("detail", &Text(self.0))?;
        gap.serialize_field("source", &self.0.source)?;
        gap.end()
    }
}

/// How owners were found.
pub(super) struct OwnerSourceRecord<'a>(pub(super) &'a OwnersFrom);

impl Serialize for OwnerSourceRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut from = serializer.serialize_struct("OwnerSource", 2)?;
        from.serialize_field("used", self.0.source.as_str())?;
        from.serialize_field("reason", &self.0.reason)?;
        from.end()
    }
}
