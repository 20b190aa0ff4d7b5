//! Packet sockets: those that capture, and those that only send.

use super::info::{DUMP, FamilyInfo, ProcFile, group_by_protocol, set_interface, socket_type};
use super::names::Names;
use super::proc_file::packet_rows;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use netstat_wire::DecodeError;
use netstat_wire::linux::packet_diag::{
    PACKET_SHOW_INFO, PACKET_SHOW_MEMINFO, PacketDiagMsg, PacketDiagRequest,
};
use std::num::NonZeroU64;

pub(super) const INFO: FamilyInfo = FamilyInfo {
    family: Family::Packet,
    kind: ProtocolKind::Packet,
    name: "packet",
    has_states: false,
    request,
    row,
    complete: group_by_protocol,
    proc_file: Some(ProcFile { name: "packet", rows: packet_rows }),
    kernel_names: &["PACKET"],
};

fn request(_states: u32, seq: u32) -> Vec<u8> {
    PacketDiagRequest { show: PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO }.encode(DUMP, seq)
}

fn row(_names: &mut Names, record: &[u8]) -> Result<Option<Socket>, DecodeError> {
    let message = PacketDiagMsg::decode(record)?;
    let protocol = Protocol::Packet(message.protocol);
    let mut socket = Socket::new(Family::Packet, protocol, Endpoint::Unknown);
    if let Some(info) = message.info {
        set_interface(&mut socket, info.index);
    }
    socket.socket_type = Some(socket_type(message.kind.into()));
    socket.queues =
        message.memory.map(|memory| Queues::Memory { receive: memory.rmem_alloc, send: memory.wmem_alloc });
    socket.uid = message.uid;
    socket.identity = (message.inode != 0).then(|| Identity::Inode(message.inode.into()));
    socket.cookie = NonZeroU64::new(message.cookie);
    Ok(Some(socket))
}
