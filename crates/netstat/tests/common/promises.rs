//! Compares a snapshot with what `Support` promises: on the running system, and in the library's own tests on
//! scripted ones. So it uses the types at the root of the crate that includes this file.

use crate::{
    OwnerRole, Ownership, Process, ProcessFields, Protocol, ProtocolKind, Snapshot, Socket, SocketFields,
    Support,
};
use std::collections::BTreeSet;

/// What a snapshot contains.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) protocols: Vec<ProtocolKind>,
    pub(crate) socket_fields: SocketFields,
    pub(crate) any_details: bool,
    pub(crate) owner_roles: BTreeSet<OwnerRole>,
    /// At least one row whose list of owners is complete.
    pub(crate) all_owners: bool,
    pub(crate) process_fields: ProcessFields,
}

impl Seen {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut protocols: Vec<ProtocolKind> =
            snapshot.sockets.iter().map(|socket| socket.protocol.kind()).collect();
        protocols.sort_unstable();
        protocols.dedup();
        let complete = Ownership::Known { complete: true };
        Self {
            protocols,
            socket_fields: snapshot.sockets.iter().map(socket_fields).collect(),
            any_details: snapshot.sockets.iter().any(|socket| socket.details().is_some()),
            owner_roles: snapshot.sockets.iter().flat_map(Socket::owners).map(|owner| owner.role).collect(),
            all_owners: snapshot.sockets.iter().any(|socket| socket.ownership() == complete),
            process_fields: snapshot.processes.iter().map(process_fields).collect(),
        }
    }

    /// What a snapshot of no protocol in particular must contain if there is a row for each field.
    pub(crate) fn promised(support: &Support) -> Self {
        Self {
            protocols: support.protocols.iter().copied().filter(is_default).collect(),
            socket_fields: support.socket_fields,
            any_details: !support.detail_fields.is_empty(),
            owner_roles: support.owner_roles.iter().copied().collect(),
            all_owners: support.all_owners,
            process_fields: support.process_fields,
        }
    }
}

/// Whether sockets of this protocol are listed where a query names none.
fn is_default(kind: &ProtocolKind) -> bool {
    matches!(kind, ProtocolKind::Tcp | ProtocolKind::Udp)
}

fn socket_fields(socket: &Socket) -> SocketFields {
    let has_remote = socket.remote.is_some();
    [
        (SocketFields::TCP_REMOTE, socket.protocol == Protocol::Tcp && has_remote),
        (SocketFields::UDP_REMOTE, socket.protocol == Protocol::Udp && has_remote),
        (SocketFields::STATE, socket.state.is_some()),
        (SocketFields::QUEUES, socket.queues.is_some()),
        (SocketFields::UID, socket.uid.is_some()),
        (SocketFields::INODE, socket.inode().is_some()),
        (SocketFields::HANDLE, socket.handle().is_some()),
        (SocketFields::COOKIE, socket.cookie.is_some()),
        (SocketFields::INTERFACE, socket.interface.is_some()),
        (SocketFields::V6_ONLY, socket.v6_only.is_some()),
        (SocketFields::CREATED, socket.created().is_some()),
        (SocketFields::SERVICE, socket.service().is_some()),
        (SocketFields::NETNS, socket.netns.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, is_seen)| is_seen.then_some(field))
    .collect()
}

fn process_fields(process: &Process) -> ProcessFields {
    [
        (ProcessFields::NAME, process.name.is_some()),
        (ProcessFields::PATH, process.path.is_some()),
        (ProcessFields::COMMAND_LINE, process.command_line.is_some()),
        (ProcessFields::PARENT, process.parent.is_some()),
        (ProcessFields::UID, process.uid.is_some()),
        (ProcessFields::USER, process.user.is_some()),
        (ProcessFields::START_TIME, process.start_time.is_some()),
        (ProcessFields::SESSION, process.session.is_some()),
        (ProcessFields::WORKLOAD, process.workload.is_some()),
        (ProcessFields::WORKING_DIRECTORY, process.working_directory.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, is_seen)| is_seen.then_some(field))
    .collect()
}
