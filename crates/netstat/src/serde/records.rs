//! IP sockets, and what all rows have in common.

use super::rfc3339::rfc3339;
use crate::model::direction::Direction;
use crate::model::endpoint::Endpoint;
use crate::model::exposure::Exposure;
use crate::model::identity::NetnsId;
use crate::model::owner::Owner;
use crate::model::queues::Queues;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::workload::Workload;
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;

/// A list of what an iterator yields.
pub(super) struct List<I>(pub(super) I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A socket, with the names of its owners.
#[derive(Copy, Clone)]
pub(super) struct SocketRecord<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) interfaces: &'a BTreeMap<u32, Option<String>>,
    /// What control groups say, by their numbers.
    pub(super) cgroups: &'a HashMap<u64, Workload>,
    pub(super) socket: &'a Socket,
    /// The caller's network namespace, if others are listed.
    pub(super) own: Option<NetnsId>,
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
    "exposure" if known: Exposure::of(it.socket, it.own),
    "cgroup" if known: it.socket.details().and_then(|details| {
        Some(it.cgroups.get(&details.cgroup_id?)?.cgroup.as_ref()?.to_string_lossy())
    }),
    "details" if known: it.socket.details(),
    "peer" if known: it.peer(),
    "direction" if known: it.direction(|direction| direction.kind.as_str()),
    "accepted" if known: it.direction(|direction| direction.accepted),
    "direction_basis" if known: it.direction(|direction| direction.basis.as_str()),
);

impl<'a> SocketRecord<'a> {
    /// The socket at the other end. The outer `None`: both ends were not asked for.
    pub(super) fn peer(&self) -> Option<Option<PeerRecord<'a>>> {
        let Self { snapshot, socket, .. } = *self;
        snapshot.has_peers().then(|| Some(PeerRecord { snapshot, socket: snapshot.peer(socket)? }))
    }

    /// Something of the direction. The outer `None`: both ends were not asked for.
    pub(super) fn direction<T>(&self, of: impl Fn(Direction) -> T) -> Option<Option<T>> {
        self.snapshot.has_peers().then(|| self.snapshot.direction(self.socket).map(of))
    }
}

/// The socket at the other end of another one.
pub(super) struct PeerRecord<'a> {
    snapshot: &'a Snapshot,
    socket: &'a Socket,
}

object!(PeerRecord<'_>, |it|
    "inode": it.socket.inode(),
    "handle": it.socket.handle().map(|handle| format!("{handle:#x}")),
    "state": it.socket.state.and_then(|state| state.as_str()),
    "netns" if known: it.socket.netns.map(|netns| netns.0),
    "owners": List(it.socket.owners().iter().map(|owner| OwnerRecord { snapshot: it.snapshot, owner })),
    "owner_status": it.socket.ownership().as_str(),
    "owners_complete": it.socket.ownership().is_complete(),
    "owner_reason": it.socket.ownership().reason(),
);

object!(Exposure, |it|
    "reach": it.reach.as_str(),
    "ipv4": it.ipv4,
    "ipv6": it.ipv6,
    "other_netns": it.other_netns,
);

pub(super) struct EndpointRecord {
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

pub(super) struct InterfaceRecord<'a> {
    index: u32,
    name: Option<&'a str>,
}

impl<'a> InterfaceRecord<'a> {
    pub(super) fn new(names: &'a BTreeMap<u32, Option<String>>, index: NonZeroU32) -> Self {
        let index = index.get();
        Self { index, name: names.get(&index).and_then(Option::as_deref) }
    }
}

object!(InterfaceRecord<'_>, |it|
    "index": it.index,
    "name": it.name,
);

pub(super) struct OwnerRecord<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) owner: &'a Owner,
}

object!(OwnerRecord<'_>, |it|
    "pid": it.owner.pid,
    "fd": it.owner.fd,
    "name": it.snapshot.process_of(it.owner).and_then(|process| Some(process.name.as_ref()?.to_string_lossy())),
    "role": it.owner.role.as_str(),
);
