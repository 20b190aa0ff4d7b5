//! AF_XDP sockets: they receive the packets of one queue of one device.
//!
//! The dump ends without an error at a socket whose device no longer exists, and omits those after it.

use super::info::{DUMP, FamilyInfo, complete_already, socket_type};
use super::names::Names;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use netstat_wire::DecodeError;
use netstat_wire::linux::xdp_diag::{AF_XDP, XDP_SHOW_INFO, XdpDiagMsg, XdpDiagRequest};
use std::num::{NonZeroU32, NonZeroU64};

pub(super) const INFO: FamilyInfo = FamilyInfo {
    family: Family::Other(AF_XDP as u16),
    kind: ProtocolKind::Other,
    name: "xdp",
    has_states: false,
    request,
    row,
    complete: complete_already,
    proc_file: None,
    kernel_names: &["XDP"],
};

fn request(_states: u32, seq: u32) -> Vec<u8> {
    XdpDiagRequest { show: XDP_SHOW_INFO }.encode(DUMP, seq)
}

fn row(_names: &mut Names, record: &[u8]) -> Result<Option<Socket>, DecodeError> {
    let message = XdpDiagMsg::decode(record)?;
    // Its end is a queue of a device, which no kind of end describes.
    let mut socket = Socket::new(INFO.family, Protocol::Other(0), Endpoint::Unknown);
    socket.interface = message.info.and_then(|info| NonZeroU32::new(info.index));
    socket.socket_type = Some(socket_type(message.kind.into()));
    socket.uid = message.uid;
    socket.identity = (message.inode != 0).then(|| Identity::Inode(message.inode.into()));
    socket.cookie = NonZeroU64::new(message.cookie);
    Ok(Some(socket))
}
