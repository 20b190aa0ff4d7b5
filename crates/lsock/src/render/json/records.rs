//! The objects of the JSON.

use super::connection::push_connection;
use super::owner_record::OwnerRecord;
use super::workload_records::WorkloadRecord;
use super::writer::{Displayed, Hex, JsonText, List, ToJson, Word, member, members};
use crate::time::Rfc3339;
use crate::view::{self, ProcessView, View};
use netstat::{Endpoint, Exposure, Gap, Namespace, OwnerSourceUsed, Queues, Socket};
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

pub(super) fn rfc3339(time: Option<SystemTime>) -> Option<Displayed<Rfc3339>> {
    time.and_then(Rfc3339::new).map(Displayed)
}

/// An IP socket.
pub(super) struct SocketRecord<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) socket: &'a Socket,
}

impl ToJson for SocketRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        members!(out,
            "protocol": Word(socket.protocol.as_str()),
            "family": socket.family.as_str().map(Word),
            "local": EndpointRecord::of(&socket.local),
            "remote": socket.remote.as_ref().and_then(EndpointRecord::of),
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
            "handle": socket.handle().map(Hex),
            "interface": socket.interface.map(|index| InterfaceRecord { view, socket, index: index.get() }),
            "v6_only": socket.v6_only,
            "created": rfc3339(socket.created()),
            "service": socket.service(),
        );
        // Known only if other network namespaces are listed.
        if let Some(netns) = socket.netns {
            member!(out, "netns": netns.0.get());
        }
        if let Some(number) = socket.protocol.number() {
            member!(out, "protocol_number": number);
        }
        // Of listeners alone.
        if let Some(exposure) = view.exposure(socket) {
            member!(out, "exposure": ExposureRecord(exposure));
        }
        // Both are collected only if the arguments ask for them.
        let cgroup = socket.details().and_then(|details| view.cgroup(details.cgroup_id?));
        if let Some(path) = cgroup {
            member!(out, "cgroup": path.to_string_lossy().as_ref());
        }
        if let Some(details) = socket.details() {
            member!(out, "details": details);
        }
        push_connection(view, socket, out);
        out.push('}');
    }
}

struct ExposureRecord(Exposure);

impl ToJson for ExposureRecord {
    fn push(&self, out: &mut String) {
        let Exposure { reach, ipv4, ipv6, other_netns, .. } = self.0;
        members!(out,
            "reach": Word(reach.as_str()),
            "ipv4": ipv4,
            "ipv6": ipv6,
            "other_netns": other_netns,
        );
        out.push('}');
    }
}

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
            Endpoint::Ip(SocketAddr::V4(end)) => {
                Some(Self { ip: (*end.ip()).into(), scope_id: 0, port: Some(end.port()) })
            }
            Endpoint::Ip(SocketAddr::V6(end)) => {
                Some(Self { ip: (*end.ip()).into(), scope_id: end.scope_id(), port: Some(end.port()) })
            }
            Endpoint::Address { ip, scope_id } => Some(Self { ip, scope_id, port: None }),
            _ => None,
        }
    }
}

impl ToJson for EndpointRecord {
    fn push(&self, out: &mut String) {
        members!(out, "addr": self.ip);
        if self.scope_id != 0 {
            member!(out, "scope_id": self.scope_id);
        }
        member!(out, "port": self.port);
        out.push('}');
    }
}

pub(super) struct InterfaceRecord<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) socket: &'a Socket,
    pub(super) index: u32,
}

impl ToJson for InterfaceRecord<'_> {
    fn push(&self, out: &mut String) {
        let name = self.view.interface(self.socket, self.index);
        members!(out, "index": self.index, "name": name.as_deref());
        out.push('}');
    }
}

/// A process that owns a listed socket.
pub(super) struct ProcessRecord<'a>(pub(super) &'a ProcessView<'a>);

impl ToJson for ProcessRecord<'_> {
    fn push(&self, out: &mut String) {
        let process = self.0.raw;
        members!(out,
            "pid": process.pid,
            "name": self.0.json_name.as_deref().map(JsonText),
            "path": process.path.as_ref().map(|path| path.to_string_lossy()).as_deref(),
            "uid": process.uid,
            "user": process.user.as_deref(),
            "path_deleted": process.path_deleted,
            "parent": process.parent,
            "start_time": rfc3339(process.start_time),
            "session": process.session,
        );
        // Collected only if a column needs them.
        if let Some(workload) = process.workload.as_deref() {
            member!(out, "workload": WorkloadRecord(workload));
        }
        if let Some(arguments) = &process.command_line {
            let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
            member!(out, "command_line": List(arguments.iter().map(AsRef::<str>::as_ref)));
        }
        out.push('}');
    }
}

/// A network namespace.
pub(super) struct NamespaceRecord<'a>(pub(super) &'a Namespace);

impl ToJson for NamespaceRecord<'_> {
    fn push(&self, out: &mut String) {
        let namespace = self.0;
        let names: Vec<_> = namespace.names.iter().map(|name| name.to_string_lossy()).collect();
        members!(out,
            "id": namespace.id.0.get(),
            "names": List(names.iter().map(AsRef::<str>::as_ref)),
            "path": namespace.path.as_ref().map(|path| path.to_string_lossy()).as_deref(),
            "pids": List(namespace.pids.iter().copied()),
            "processes": namespace.processes,
            "source": Word(namespace.source.as_str()),
        );
        out.push('}');
    }
}

/// What could not be seen.
pub(super) struct GapRecord<'a>(pub(super) &'a Gap);

impl ToJson for GapRecord<'_> {
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
pub(super) struct OwnerSourceRecord<'a>(pub(super) &'a OwnerSourceUsed);

impl ToJson for OwnerSourceRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "used": Word(self.0.source.as_str()),
            "reason": self.0.reason.as_ref(),
        );
        out.push('}');
    }
}
