//! What distinguishes the families: an entry for each, and what their entries share.

use super::names::Names;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::protocol::SocketType;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use netstat_wire::DecodeError;
use netstat_wire::linux::netlink::NLM_F_DUMP;
use std::fmt;
use std::num::NonZeroU32;

/// The flag of a dump, as requests take it.
pub(super) const DUMP: u16 = NLM_F_DUMP;

/// The index of a device that no longer exists, -1 in the kernel.
const NO_DEVICE: u32 = u32::MAX;

/// How the kernel's interfaces treat one family.
pub(crate) struct FamilyInfo {
    pub(crate) family: Family,
    /// The protocol of its sockets, which may carry a number.
    pub(crate) kind: ProtocolKind,
    /// The family as gaps name it.
    pub(super) name: &'static str,
    /// Whether its sockets have states, and so a dump can be limited to some.
    pub(super) has_states: bool,
    /// The request for a dump of the sockets in these states, with this sequence number.
    pub(super) request: fn(u32, u32) -> Vec<u8>,
    /// The row of a record; `None` for a record that is no socket.
    pub(super) row: fn(&mut Names, &[u8]) -> Result<Option<Socket>, DecodeError>,
    /// Completes the rows of a whole table.
    pub(super) complete: fn(&mut [Socket]),
    /// Its file below `/proc/net`; `None`: `/proc` has no such table.
    pub(super) proc_file: Option<ProcFile>,
    /// The names of its protocols in `/proc/net/protocols`, which has those that this kernel knows.
    pub(super) kernel_names: &'static [&'static str],
}

/// A file below `/proc/net`.
pub(super) struct ProcFile {
    pub(super) name: &'static str,
    /// The rows of the text, how many lines could not be decoded, and how many of the rows may be forged.
    pub(super) rows: fn(&[u8]) -> Rows,
}

/// What is in a file.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Socket>,
    pub(super) skipped: u64,
    pub(super) uncertain: u64,
}

/// A table to read, or the part of it that is wanted.
#[derive(Copy, Clone)]
pub(crate) struct FamilyTable {
    pub(crate) info: &'static FamilyInfo,
    /// The states, as the kernel's mask.
    pub(super) states: u32,
    /// Whether the query wants no other family than this, beside IP.
    pub(super) is_only: bool,
}

impl fmt::Display for FamilyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.name)
    }
}

/// The type of a socket, by the kernel's number.
pub(crate) fn socket_type(number: u32) -> SocketType {
    match number {
        1 => SocketType::Stream,
        2 => SocketType::Datagram,
        3 => SocketType::Raw,
        5 => SocketType::SeqPacket,
        other => SocketType::Other(u8::try_from(other).unwrap_or(u8::MAX)),
    }
}

/// A table whose rows are complete as they are.
pub(super) fn complete_already(_rows: &mut [Socket]) {}

/// Groups the rows by protocol, which the kernel does not do.
pub(super) fn group_by_protocol(rows: &mut [Socket]) {
    rows.sort_by_key(|row| row.protocol);
}

/// Sets the interface that the socket is bound to: 0 is every one. The end of a socket whose device no longer exists is
/// not known, because "every one" would be wrong.
pub(super) fn set_interface(socket: &mut Socket, index: u32) {
    if index != NO_DEVICE {
        socket.interface = NonZeroU32::new(index);
        socket.local = Endpoint::Packet { interface: socket.interface };
    }
}
