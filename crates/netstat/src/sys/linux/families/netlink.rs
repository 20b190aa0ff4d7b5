//! Netlink sockets. Those with port 0 are the kernel's own. One that was neither bound nor has sent anything is in no table.

use super::info::{DUMP, FamilyInfo, ProcFile, group_by_protocol, socket_type};
use super::names::Names;
use super::proc_file::netlink_rows;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use netstat_wire::DecodeError;
use netstat_wire::linux::netlink_diag::{
    NDIAG_PROTO_ALL, NDIAG_SHOW_MEMINFO, NetlinkDiagMsg, NetlinkDiagRequest,
};
use std::num::NonZeroU64;

pub(super) const INFO: FamilyInfo = FamilyInfo {
    family: Family::Netlink,
    kind: ProtocolKind::Netlink,
    name: "netlink",
    has_states: false,
    request,
    row,
    complete: group_by_protocol,
    proc_file: Some(ProcFile { name: "netlink", rows: netlink_rows }),
    kernel_names: &["NETLINK"],
};

/// `NETLINK_CONNECTED` of net/netlink/af_netlink.h.
const CONNECTED: u8 = 1;

fn request(_states: u32, seq: u32) -> Vec<u8> {
    NetlinkDiagRequest { protocol: NDIAG_PROTO_ALL, show: NDIAG_SHOW_MEMINFO }.encode(DUMP, seq)
}

fn row(_names: &mut Names, record: &[u8]) -> Result<Option<Socket>, DecodeError> {
    let message = NetlinkDiagMsg::decode(record)?;
    let local = Endpoint::Netlink { port_id: message.port_id };
    let mut socket = Socket::new(Family::Netlink, Protocol::Netlink(message.protocol), local);
    socket.socket_type = Some(socket_type(message.kind.into()));
    if message.state == CONNECTED {
        socket.remote = Some(Endpoint::Netlink { port_id: message.destination_port_id });
    }
    socket.queues =
        message.memory.map(|memory| Queues::Memory { receive: memory.rmem_alloc, send: memory.wmem_alloc });
    socket.identity = (message.inode != 0).then(|| Identity::Inode(message.inode.into()));
    socket.cookie = NonZeroU64::new(message.cookie);
    Ok(Some(socket))
}
