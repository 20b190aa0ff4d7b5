//! TIPC sockets, between the nodes of a cluster. Their addresses are not decoded: no kind of end describes them.

use super::info::{DUMP, FamilyInfo, complete_already, socket_type};
use super::names::Names;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::sys::linux::row::tcp_state;
use netstat_wire::DecodeError;
use netstat_wire::linux::tipc_diag::{AF_TIPC, TipcDiagRequest, TipcSock};
use std::num::NonZeroU64;

pub(super) const INFO: FamilyInfo = FamilyInfo {
    family: Family::Other(AF_TIPC as u16),
    kind: ProtocolKind::Other,
    name: "tipc",
    // A state that is not requested comes as an empty record.
    has_states: true,
    request,
    row,
    complete: complete_already,
    proc_file: None,
    kernel_names: &["TIPC"],
};

fn request(states: u32, seq: u32) -> Vec<u8> {
    TipcDiagRequest { states }.encode(DUMP, seq)
}

fn row(_names: &mut Names, record: &[u8]) -> Result<Option<Socket>, DecodeError> {
    let Some(message) = TipcSock::decode(record)? else { return Ok(None) };
    let mut socket = Socket::new(INFO.family, Protocol::Other(0), Endpoint::Unknown);
    socket.remote = message.connection.map(|_| Endpoint::Unknown);
    socket.socket_type = message.kind.map(socket_type);
    socket.state = message.state.and_then(|state| u8::try_from(state).ok()).map(tcp_state);
    socket.queues =
        message.rqueue.zip(message.wqueue).map(|(receive, send)| Queues::Memory { receive, send });
    socket.uid = message.uid;
    socket.identity = message.inode.filter(|inode| *inode != 0).map(|inode| Identity::Inode(inode.into()));
    socket.cookie = message.cookie.and_then(NonZeroU64::new);
    Ok(Some(socket))
}
