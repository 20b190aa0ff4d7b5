//! Unix sockets.
//!
//! The dump omits sockets that no process has yet or any more, among them the ends of connections that wait to be
//! accepted; the listener's queue counts these. `/proc/net/unix` has them. The peers of waiting connections
//! (`UDIAG_SHOW_ICONS`) are never requested in a dump: a list that does not fit the kernel's buffer ends the dump without an
//! error.

use super::info::{DUMP, FamilyInfo, ProcFile, socket_type};
use super::names::Names;
use super::proc_file::unix_rows;
use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::queues::Queues;
use crate::model::socket::{Socket, UnixFile};
use crate::model::state::State;
use crate::sys::linux::row::tcp_state;
use netstat_wire::DecodeError;
use netstat_wire::linux::unix_diag::{
    UDIAG_SHOW_NAME, UDIAG_SHOW_PEER, UDIAG_SHOW_RQLEN, UDIAG_SHOW_UID, UDIAG_SHOW_VFS, UnixDiagMsg,
    UnixDiagRequest, UnixDiagVfs,
};
use rustix::fs::makedev;
use std::num::NonZeroU64;

pub(super) const INFO: FamilyInfo = FamilyInfo {
    family: Family::Unix,
    kind: ProtocolKind::Unix,
    name: "unix",
    has_states: true,
    request,
    row,
    complete: name_peers,
    proc_file: Some(ProcFile { name: "unix", rows: unix_rows }),
    kernel_names: &["UNIX", "UNIX-STREAM"],
};

fn request(states: u32, seq: u32) -> Vec<u8> {
    let show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID;
    UnixDiagRequest { states, show, ..UnixDiagRequest::default() }.encode(DUMP, seq)
}

fn row(names: &mut Names, record: &[u8]) -> Result<Option<Socket>, DecodeError> {
    let message = UnixDiagMsg::decode(record)?;
    let mut socket = Socket::new(Family::Unix, Protocol::Unix, names.endpoint(message.name));
    let state = tcp_state(message.state);
    socket.socket_type = Some(socket_type(message.kind.into()));
    socket.state = Some(state);
    socket.queues = message.queues.map(|queues| match state {
        State::Listen => Queues::Accept { waiting: queues.rqueue, limit: Some(queues.wqueue) },
        _ => Queues::Bytes { receive: queues.rqueue, send: queues.wqueue },
    });
    socket.uid = message.uid;
    socket.identity = (message.inode != 0).then(|| Identity::Inode(message.inode.into()));
    socket.cookie = NonZeroU64::new(message.cookie).filter(|cookie| cookie.get() != u64::MAX);
    if let Some(peer) = message.peer {
        socket.peer = NonZeroU64::new(peer.into());
        // The peer's name is in its own row. Inode 0 is a peer that no process has: the connection waits to be accepted,
        // or the other end is closed.
        socket.remote = Some(Endpoint::Unknown);
    }
    if let Some(UnixDiagVfs { inode, .. }) = message.vfs {
        let device = message.vfs.map_or(0, |file| makedev(file.major(), file.minor()));
        socket.set_unix_file(Some(UnixFile { device, inode: inode.into() }));
    }
    Ok(Some(socket))
}

/// Sets the remote end of each socket whose peer is in the table. One that is not is in another network namespace (a path
/// leads across), was closed meanwhile, or is in a state that was not requested.
fn name_peers(rows: &mut [Socket]) {
    let mut names: Vec<(u64, Endpoint)> =
        rows.iter().filter_map(|row| Some((row.inode()?, row.local.clone()))).collect();
    names.sort_unstable_by_key(|(inode, _)| *inode);
    for row in rows {
        let Some(peer) = row.peer else { continue };
        if let Ok(place) = names.binary_search_by_key(&peer.get(), |(inode, _)| *inode) {
            row.remote = names.get(place).map(|(_, name)| name.clone());
        }
    }
}
