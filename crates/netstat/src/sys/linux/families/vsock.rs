//! Sockets between virtual machines and their hosts. One that is not bound is in no table; neither user nor queues are
//! reported.

use super::info::{DUMP, FamilyInfo, complete_already, socket_type};
use super::names::Names;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::sys::linux::row::tcp_state;
use netstat_wire::DecodeError;
use netstat_wire::linux::vsock_diag::{VMADDR_CID_ANY, VMADDR_PORT_ANY, VsockDiagMsg, VsockDiagRequest};
use std::num::NonZeroU64;

pub(super) const INFO: FamilyInfo = FamilyInfo {
    family: Family::Vsock,
    kind: ProtocolKind::Vsock,
    name: "vsock",
    has_states: true,
    request,
    row,
    complete: complete_already,
    proc_file: None,
    kernel_names: &["AF_VSOCK"],
};

fn request(states: u32, seq: u32) -> Vec<u8> {
    VsockDiagRequest { states }.encode(DUMP, seq)
}

fn row(_names: &mut Names, record: &[u8]) -> Result<Option<Socket>, DecodeError> {
    let message = VsockDiagMsg::decode(record)?;
    let local = Endpoint::Vsock { cid: message.source_cid, port: message.source_port };
    let mut socket = Socket::new(Family::Vsock, Protocol::Vsock, local);
    socket.socket_type = Some(socket_type(message.kind.into()));
    socket.state = Some(tcp_state(message.state));
    let (cid, port) = (message.destination_cid, message.destination_port);
    if (cid, port) != (VMADDR_CID_ANY, VMADDR_PORT_ANY) {
        socket.remote = Some(Endpoint::Vsock { cid, port });
    }
    socket.identity = (message.inode != 0).then(|| Identity::Inode(message.inode.into()));
    socket.cookie = NonZeroU64::new(message.cookie);
    Ok(Some(socket))
}
