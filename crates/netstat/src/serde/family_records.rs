//! Sockets of other families than IP, each in the form of its list.

use super::records::{InterfaceRecord, List, OwnerRecord, SocketRecord};
use crate::model::endpoint::{Endpoint, UnixName};
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::queues::Queues;
use crate::model::socket::UnixFile;
use serde_core::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// A socket in the form of its family.
pub(super) struct AnySocketRecord<'a>(pub(super) SocketRecord<'a>);

impl Serialize for AnySocketRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.socket.family {
            Family::Ipv4 | Family::Ipv6 => self.0.serialize(serializer),
            Family::Unix => UnixSocketRecord(self.0).serialize(serializer),
            _ => OtherSocketRecord(self.0).serialize(serializer),
        }
    }
}

/// A unix socket.
pub(super) struct UnixSocketRecord<'a>(pub(super) SocketRecord<'a>);

object!(UnixSocketRecord<'_>, |it|
    "protocol": it.0.socket.protocol.as_str(),
    "family": it.0.socket.family.as_str(),
    "type": it.0.socket.socket_type.and_then(|kind| kind.as_str()),
    "local": unix_name(&it.0.socket.local),
    "remote": it.0.socket.remote.as_ref().and_then(unix_name),
    "state": it.0.socket.state.and_then(|state| state.as_str()),
    "inode": it.0.socket.inode(),
    "peer_inode": match it.0.socket.peer_identity() { Some(Identity::Inode(inode)) => Some(inode), _ => None },
    "file": it.0.socket.unix_file().map(FileRecord),
    "uid": it.0.socket.uid,
    "rx_queue": it.0.socket.queues.map(Queues::receive),
    "tx_queue": it.0.socket.queues.and_then(Queues::send),
    "queue_unit": it.0.socket.queues.map(Queues::unit),
    "owners": List(it.0.socket.owners().iter().map(|owner| OwnerRecord { snapshot: it.0.snapshot, owner })),
    "owner_status": it.0.socket.ownership().as_str(),
    "owners_complete": it.0.socket.ownership().is_complete(),
    "owner_reason": it.0.socket.ownership().reason(),
    "cookie": it.0.socket.cookie.map(|cookie| format!("{cookie:#x}")),
    "handle": it.0.socket.handle().map(|handle| format!("{handle:#x}")),
    "peer_handle": match it.0.socket.peer_identity() {
        Some(Identity::Handle(handle)) => Some(format!("{handle:#x}")),
        _ => None,
    },
    "netns" if known: it.0.socket.netns.map(|netns| netns.0),
    "peer" if known: it.0.peer(),
    "direction" if known: it.0.direction(|direction| direction.kind.as_str()),
    "accepted" if known: it.0.direction(|direction| direction.accepted),
    "direction_basis" if known: it.0.direction(|direction| direction.basis.as_str()),
);

fn unix_name(end: &Endpoint) -> Option<UnixNameRecord<'_>> {
    if let Endpoint::Unix(name) = end { Some(UnixNameRecord(name)) } else { None }
}

struct UnixNameRecord<'a>(&'a UnixName);

impl UnixNameRecord<'_> {
    fn bytes(&self) -> Option<&[u8]> {
        match self.0 {
            UnixName::Unnamed => None,
            UnixName::Path(name) | UnixName::Abstract(name) => Some(name),
        }
    }
}

object!(UnixNameRecord<'_>, |it|
    "kind": match it.0 {
        UnixName::Unnamed => "unnamed",
        UnixName::Path(_) => "path",
        UnixName::Abstract(_) => "abstract",
    },
    "name": it.bytes().map(String::from_utf8_lossy),
    "name_bytes" if known: it.bytes().filter(|name| std::str::from_utf8(name).is_err()).map(hex),
);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct FileRecord(UnixFile);

object!(FileRecord, |it|
    "device": format!("{:#x}", it.0.device),
    "inode": it.0.inode,
);

/// A socket of neither IP nor unix.
pub(super) struct OtherSocketRecord<'a>(pub(super) SocketRecord<'a>);

object!(OtherSocketRecord<'_>, |it|
    "protocol": it.0.socket.protocol.as_str(),
    "protocol_number": it.0.socket.protocol.number(),
    "family": it.0.socket.family.as_str(),
    "family_number": if let Family::Other(number) = it.0.socket.family { Some(number) } else { None },
    "type": it.0.socket.socket_type.and_then(|kind| kind.as_str()),
    "local": it.end(&it.0.socket.local),
    "remote": it.0.socket.remote.as_ref().and_then(|end| it.end(end)),
    "state": it.0.socket.state.and_then(|state| state.as_str()),
    "inode": it.0.socket.inode(),
    "uid": it.0.socket.uid,
    "rx_queue": it.0.socket.queues.map(Queues::receive),
    "tx_queue": it.0.socket.queues.and_then(Queues::send),
    "queue_unit": it.0.socket.queues.map(Queues::unit),
    "owners": List(it.0.socket.owners().iter().map(|owner| OwnerRecord { snapshot: it.0.snapshot, owner })),
    "owner_status": it.0.socket.ownership().as_str(),
    "owners_complete": it.0.socket.ownership().is_complete(),
    "owner_reason": it.0.socket.ownership().reason(),
    "cookie": it.0.socket.cookie.map(|cookie| format!("{cookie:#x}")),
    "interface": it.0.socket.interface.map(|index| InterfaceRecord::new(it.0.interfaces, index)),
    "netns" if known: it.0.socket.netns.map(|netns| netns.0),
);

impl<'a> OtherSocketRecord<'a> {
    /// The end; `None` if it is not known, or is that of another kind of socket.
    fn end(&self, end: &Endpoint) -> Option<OtherEnd<'a>> {
        Some(match *end {
            Endpoint::Netlink { port_id } => OtherEnd::Netlink { port_id },
            Endpoint::Packet { interface } => OtherEnd::Packet { interface, names: self.0.interfaces },
            Endpoint::Vsock { cid, port } => OtherEnd::Vsock { cid, port },
            _ => return None,
        })
    }
}

enum OtherEnd<'a> {
    Netlink { port_id: u32 },
    Packet { interface: Option<NonZeroU32>, names: &'a BTreeMap<u32, Option<String>> },
    Vsock { cid: u32, port: u32 },
}

impl Serialize for OtherEnd<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match *self {
            Self::Netlink { port_id } => map.serialize_entry("port_id", &port_id)?,
            Self::Packet { interface, names } => {
                map.serialize_entry("interface", &interface.map(|index| InterfaceRecord::new(names, index)))?;
            }
            Self::Vsock { cid, port } => {
                map.serialize_entry("cid", &cid)?;
                map.serialize_entry("port", &port)?;
            }
        }
        map.end()
    }
}
