//! The answer as lsock prints it with `--json` (feature `serde`): the schema `lsock/1`, whose members are added to and
//! never changed.
//!
//! By hand, since the shape is not that of the types: it has names where they have numbers, and units in its names.

use crate::model::family::Family;
use crate::model::gap::Gap;
use crate::model::identity::NetnsId;
use crate::model::namespace::Namespace;
use crate::model::owner_source::OwnerSourceUsed;
use crate::model::process::Process;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::sys::Native;
use crate::sys::system::System;
use family_records::{AnySocketRecord, OtherSocketRecord, UnixSocketRecord};
use records::{List, SocketRecord};
use rfc3339::rfc3339;
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use std::collections::{BTreeMap, HashMap};

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
mod records;
mod rfc3339;
mod workload;

impl Serialize for Snapshot {
    /// The document that `lsock --json` prints for the same snapshot, with the rows in the order of this snapshot.
    ///
    /// A snapshot has the indexes of network interfaces and no names: each is looked up once, as by
    /// [`interface_name`](crate::interface_name), or by [`Namespace::interface_name`](crate::Namespace::interface_name) for
    /// rows of other network namespaces. The paths of control groups are looked up likewise, as by
    /// [`cgroup_workloads`](crate::cgroup_workloads).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Without a namespace of its own a row is of the caller's.
        let own = if self.namespaces.is_empty() { None } else { Native::current_netns() };
        let other_netns = |socket: &Socket| socket.netns.filter(|netns| Some(*netns) != own);
        let mut interfaces: BTreeMap<Option<NetnsId>, BTreeMap<u32, Option<String>>> = BTreeMap::new();
        for socket in self.sockets.iter().chain(&self.peers) {
            let Some(index) = socket.interface else { continue };
            let netns = other_netns(socket);
            let name = |index: &u32| match netns {
                None => Native::interface_name(*index),
                Some(netns) => self.namespace(netns)?.interface_name(*index),
            };
            interfaces.entry(netns).or_default().entry(index.get()).or_insert_with_key(name);
        }
        let cgroup = |socket: &Socket| socket.details()?.cgroup_id;
        let mut ids: Vec<u64> = self.sockets.iter().filter_map(cgroup).collect();
        ids.sort_unstable();
        ids.dedup();
        let cgroups = if ids.is_empty() { HashMap::new() } else { Native::cgroup_workloads(&ids) };
        let none = BTreeMap::new();
        let row = |socket| {
            let interfaces = interfaces.get(&other_netns(socket)).unwrap_or(&none);
            SocketRecord { snapshot: self, interfaces, cgroups: &cgroups, socket, own }
        };
        let of =
            |is_such: fn(Family) -> bool| self.sockets.iter().filter(move |row| is_such(row.family)).map(row);
        let mut map = serializer.serialize_map(Some(8 + usize::from(self.has_peers())))?;
        map.serialize_entry("schema", "lsock/1")?;
        map.serialize_entry("sockets", &List(of(Family::is_ip)))?;
        let is_unix = |family| family == Family::Unix;
        map.serialize_entry("unix_sockets", &List(of(is_unix).map(UnixSocketRecord)))?;
        let is_other = |family: Family| !family.is_ip() && family != Family::Unix;
        map.serialize_entry("other_sockets", &List(of(is_other).map(OtherSocketRecord)))?;
        if self.has_peers() {
            map.serialize_entry(
                "peers",
                &List(self.peers.iter().map(|socket| AnySocketRecord(row(socket)))),
            )?;
        }
        map.serialize_entry("processes", &self.processes)?;
        map.serialize_entry("namespaces", &self.namespaces)?;
        map.serialize_entry("gaps", &self.gaps)?;
        map.serialize_entry("owner_source", &self.owner_source)?;
        map.end()
    }
}

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
    "workload" if known: it.workload,
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
