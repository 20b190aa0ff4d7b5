//! The answer as lsock prints it with `--json` (feature `serde`): the schema `lsock/1`, whose members are added to and
//! never changed.
//!
//! By hand, since the shape is not that of the types: it has names where they have numbers, and units in its names.

use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::gap::Gap;
use crate::model::namespace::Namespace;
use crate::model::owner::Owner;
use crate::model::owner_source::OwnerSourceUsed;
use crate::model::process::Process;
use crate::model::queues::Queues;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::sys::Native;
use crate::sys::system::System;
use family_records::{OtherSocketRecord, UnixSocketRecord};
use rfc3339::rfc3339;
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

/// Serializes a type as an object with these members, in this order. One with `if known` is left out where its value is
/// `None`; the others are null.
macro_rules! object {
    (member $map:ident, $name:literal if known: $value:expr) => {
        if let Some(value) = &$value {
            $map.serialize_entry($name, value)?;
        }
    };
    (member $map:ident, $name:literal: $value:expr) => {
        $map.serialize_entry($name, &$value)?;
    };
    ($(#[$outer:meta])* $type:ty, |$it:ident| $($name:literal $(if $known:ident)?: $value:expr,)*) => {
        $(#[$outer])*
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $it = self;
                let mut map = serializer.serialize_map(None)?;
                $(object!(member map, $name $(if $known)?: $value);)*
                map.end()
            }
        }
    };
}

mod details;
mod family_records;
mod rfc3339;

impl Serialize for Snapshot {
    /// The document that `lsock --json` prints for the same snapshot, with the rows in the order of this snapshot.
    ///
    /// A snapshot has the indexes of network interfaces and no names: each is looked up once, in the network namespace
    /// of the thread that serializes, as by [`interface_name`](crate::interface_name). Those of rows of other network
    /// namespaces have no name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Without a namespace of its own a row is of the caller's.
        let own = if self.namespaces.is_empty() { None } else { Native::current_netns() };
        let is_own = |socket: &Socket| socket.netns.is_none_or(|netns| Some(netns) == own);
        let mut interfaces = BTreeMap::new();
        let rows = self.sockets.iter().filter(|socket| is_own(socket));
        for index in rows.filter_map(|socket| socket.interface) {
            interfaces.entry(index.get()).or_insert_with_key(|index| Native::interface_name(*index));
        }
        let elsewhere = BTreeMap::new();
        let row = |socket| {
            let interfaces = if is_own(socket) { &interfaces } else { &elsewhere };
            SocketRecord { snapshot: self, interfaces, socket }
        };
        let of =
            |is_such: fn(Family) -> bool| self.sockets.iter().filter(move |row| is_such(row.family)).map(row);
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("schema", "lsock/1")?;
        map.serialize_entry("sockets", &List(of(Family::is_ip)))?;
        let is_unix = |family| family == Family::Unix;
        map.serialize_entry("unix_sockets", &List(of(is_unix).map(UnixSocketRecord)))?;
        let is_other = |family: Family| !family.is_ip() && family != Family::Unix;
        map.serialize_entry("other_sockets", &List(of(is_other).map(OtherSocketRecord)))?;
        map.serialize_entry("processes", &self.processes)?;
        map.serialize_entry("namespaces", &self.namespaces)?;
        map.serialize_entry("gaps", &self.gaps)?;
        map.serialize_entry("owner_source", &self.owner_source)?;
        map.end()
    }
}

/// A list of what an iterator yields.
struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A socket, with the names of its owners.
#[derive(Copy, Clone)]
struct SocketRecord<'a> {
    snapshot: &'a Snapshot,
    interfaces: &'a BTreeMap<u32, Option<String>>,
    socket: &'a Socket,
}

object!(SocketRecord<'_>, |it|
    "protocol": it.socket.protocol.as_str(),
    "family": it.socket.family.as_str(),
    "local": EndpointRecord::of(&it.socket.local),
    "remote": it.socket.remote.as_ref().and_then(EndpointRecord::of),
    "state": it.socket.state.and_then(|state| state.as_str()),
    "inode": it.socket.inode(),
    "uid": it.socket.uid,
    "rx_queue": it.socket.queues.map(Queues::receive),
    "tx_queue": it.socket.queues.and_then(Queues::send),
    "queue_unit": it.socket.queues.map(Queues::unit),
    "owners": List(it.socket.owners().iter().map(|owner| OwnerRecord { snapshot: it.snapshot, owner })),
    "owner_status": it.socket.ownership().as_str(),
    "owners_complete": it.socket.ownership().is_complete(),
    "owner_reason": it.socket.ownership().reason(),
    "cookie": it.socket.cookie.map(|cookie| format!("{cookie:#x}")),
    "handle": it.socket.handle().map(|handle| format!("{handle:#x}")),
    "interface": it.socket.interface.map(|index| InterfaceRecord::new(it.interfaces, index)),
    "v6_only": it.socket.v6_only,
    "created": it.socket.created().and_then(rfc3339),
    "service": it.socket.service(),
    "netns" if known: it.socket.netns.map(|netns| netns.0),
    "protocol_number" if known: it.socket.protocol.number(),
    "details" if known: it.socket.details(),
);

struct EndpointRecord {
    ip: IpAddr,
    scope_id: u32,
    /// `None`: there are no ports.
    port: Option<u16>,
}

impl EndpointRecord {
    /// `None` for an end without an IP address.
    fn of(end: &Endpoint) -> Option<Self> {
        match *end {
            Endpoint::Ip(SocketAddr::V6(end)) => {
                Some(Self { ip: (*end.ip()).into(), scope_id: end.scope_id(), port: Some(end.port()) })
            }
            Endpoint::Ip(end) => Some(Self { ip: end.ip(), scope_id: 0, port: Some(end.port()) }),
            Endpoint::Address { ip, scope_id } => Some(Self { ip, scope_id, port: None }),
            _ => None,
        }
    }
}

object!(EndpointRecord, |it|
    "addr": it.ip.to_string(),
    "scope_id" if known: Some(it.scope_id).filter(|scope| *scope != 0),
    "port": it.port,
);

struct InterfaceRecord<'a> {
    index: u32,
    name: Option<&'a str>,
}

impl<'a> InterfaceRecord<'a> {
    fn new(names: &'a BTreeMap<u32, Option<String>>, index: NonZeroU32) -> Self {
        let index = index.get();
        Self { index, name: names.get(&index).and_then(Option::as_deref) }
    }
}

object!(InterfaceRecord<'_>, |it|
    "index": it.index,
    "name": it.name,
);

struct OwnerRecord<'a> {
    snapshot: &'a Snapshot,
    owner: &'a Owner,
}

object!(OwnerRecord<'_>, |it|
    "pid": it.owner.pid,
    "fd": it.owner.fd,
    "name": it.snapshot.process_of(it.owner).and_then(|process| Some(process.name.as_ref()?.to_string_lossy())),
    "role": it.owner.role.as_str(),
);

object!(
    /// As in `lsock --json`. Bytes of names that are not UTF-8 become U+FFFD.
    Process, |it|
    "pid": it.pid,
    "name": it.name.as_ref().map(|name| name.to_string_lossy()),
    "path": it.path.as_ref().map(|path| path.to_string_lossy()),
    "uid": it.uid,
    "user": it.user,
    "path_deleted": it.path_deleted,
    "parent": it.parent,
    "start_time": it.start_time.and_then(rfc3339),
    "session": it.session,
    "command_line" if known: it.command_line.as_ref().map(|arguments| {
        List(arguments.iter().map(|argument| argument.to_string_lossy()))
    }),
);

object!(
    /// As in `lsock --json`. Bytes of names that are not UTF-8 become U+FFFD.
    Namespace, |it|
    "id": it.id.0,
    "names": List(it.names.iter().map(|name| name.to_string_lossy())),
    "path": it.path.as_ref().map(|path| path.to_string_lossy()),
    "pids": it.pids,
    "processes": it.processes,
    "source": it.source.as_str(),
);

object!(
    /// As in `lsock --json`.
    Gap, |it|
    "kind": it.kind.as_str(),
    "count": it.count,
    "detail": it.to_string(),
    "source": it.source,
);

object!(
    /// As in `lsock --json`.
    OwnerSourceUsed, |it|
    "used": it.source.as_str(),
    "reason": it.reason,
);
