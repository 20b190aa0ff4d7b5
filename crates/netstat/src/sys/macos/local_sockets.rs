//! Unix sockets: sysctl `net.local.{stream,dgram}.pcblist_n` (macOS 13), and their rows from either interface.
//!
//! # Which socket a handle is of
//! A handle is reused when its socket is gone. The tables have a generation beside it, libproc has none. So the search
//! for owners takes the generation from a table that was read before a descriptor (Generations, and keeps the holder
//! only if a table that is read after the search has the same: then the handle was that socket's all the time.
//!
//! Sources: `bsd/sys/unpcb.h`, `bsd/kern/uipc_usrreq.c`.

use super::calls::{self, TableBytes};
use super::kernel::Kernel;
use super::listed::{Generations, Listed};
use super::row::{Backlog, named_owners, set_queues, without_descriptor};
use super::table_fault::TableFault;
use crate::engine::tables::TableRows;
use crate::model::endpoint::{Endpoint, UnixName};
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::owner::{Ownership, UnownedReason};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::socket::Socket;
use crate::model::state::State;
use netstat_wire::macos::records::Ending;
use netstat_wire::macos::socket_fdinfo::{self, SocketFdinfo};
use netstat_wire::macos::socket_state::{SO_ACCEPTCONN, SS_ISCONNECTED, SS_ISCONNECTING, SS_NOFDREF};
use netstat_wire::macos::unpcblist_n::{UnPcb, UnPcblistN};
use std::collections::HashMap;
use std::ffi::CStr;
use std::num::NonZeroU64;
use std::sync::Arc;

/// The tables, of streams and of datagrams.
const NODES: [(SocketType, &CStr); 2] = [
    (SocketType::Stream, c"net.local.stream.pcblist_n"),
    (SocketType::Datagram, c"net.local.dgram.pcblist_n"),
];

const SOCK_STREAM: i32 = 1;
const SOCK_DGRAM: i32 = 2;

/// The generations now; `None`: a table cannot be read to its end.
pub(super) fn generations(kernel: &impl Kernel) -> Option<Generations> {
    let mut generations = Generations::new();
    for (_, name) in NODES {
        let TableBytes { bytes, is_whole, .. } = calls::table(kernel, name).ok()?;
        let pcbs = UnPcblistN::new(&bytes).ok().filter(|_| is_whole)?;
        for pcb in pcbs.flatten() {
            let handle = pcb.socket.map_or(0, |socket| socket.so);
            generations.extend(NonZeroU64::new(pcb.unpcb.generation).map(|generation| (handle, generation)));
        }
    }
    Some(generations)
}

/// Reads both tables. [`Listed::keys`] are the handles of the sockets.
pub(super) fn read(
    kernel: &impl Kernel,
    kernel_filters: bool,
    rows: &mut TableRows<'_>,
) -> Result<Listed, TableFault> {
    let mut listed = Listed { count: u64::MAX, is_whole: true, kernel_filters, ..Listed::default() };
    let mut found = Vec::new();
    // The handle of each pcb's socket.
    let mut handles = HashMap::new();
    for (socket_type, name) in NODES {
        let TableBytes { bytes, is_whole, .. } = calls::table(kernel, name).map_err(TableFault::Call)?;
        let mut pcbs = UnPcblistN::new(&bytes).map_err(TableFault::Malformed)?;
        let header = pcbs.header();
        for pcb in &mut pcbs {
            listed.shown += 1;
            let Ok(pcb) = pcb else {
                rows.skipped += 1;
                continue;
            };
            let row = of_unpcb(&pcb, socket_type);
            if let Some(handle) = row.handle() {
                handles.insert(pcb.unpcb.unp, handle);
                listed.keys.push(handle);
                listed.generations.extend(row.cookie.map(|generation| (handle, generation)));
            }
            found.push((row, pcb.unpcb.conn));
        }
        // Either table counts the sockets of both. One may have been closed or opened between the two.
        listed.count = listed.count.min(header.count.into());
        let is_empty = header.count == 0 && matches!(pcbs.ending(), Some(Ending::NoTrailer));
        let has_trailer = matches!(pcbs.ending(), Some(Ending::Trailer(_)));
        listed.is_whole &= is_whole && (has_trailer || is_empty);
    }
    rows.interrupted = !listed.is_whole;
    for (mut row, peer) in found {
        row.peer = handles.get(&peer).copied().and_then(NonZeroU64::new);
        if rows.emit(row).is_break() {
            break;
        }
    }
    Ok(listed)
}

fn named(path: &[u8]) -> Endpoint {
    Endpoint::Unix(match path {
        [] => UnixName::Unnamed,
        path => UnixName::Path(Arc::from(path)),
    })
}

/// A row with its ends, its type and its state.
fn row(
    path: &[u8],
    peer_path: Option<&[u8]>,
    socket_type: SocketType,
    options: u32,
    so_state: u16,
) -> Socket {
    let mut row = Socket::new(Family::Unix, Protocol::Unix, named(path));
    row.remote = peer_path.map(named);
    row.socket_type = Some(socket_type);
    row.state = Some(match so_state {
        _ if options & SO_ACCEPTCONN != 0 => State::Listen,
        it if it & SS_ISCONNECTED != 0 => State::Established,
        it if it & SS_ISCONNECTING != 0 => State::SynSent,
        _ => State::Closed,
    });
    row
}

fn of_unpcb(pcb: &UnPcb<'_>, socket_type: SocketType) -> Socket {
    let UnPcb { unpcb, socket, rcv, snd } = pcb;
    let (options, so_state) = socket.map_or((0, 0), |socket| (socket.options, socket.state));
    // A peer without a path has no name.
    let peer_path = (unpcb.conn != 0).then_some(unpcb.peer_path);
    let mut row = row(unpcb.path, peer_path, socket_type, options, so_state);
    row.cookie = NonZeroU64::new(unpcb.generation);
    let Some(socket) = socket.filter(|socket| socket.so != 0) else {
        row.ownership = Ownership::None { reason: UnownedReason::Orphan };
        return row;
    };
    let backlog = Backlog { qlen: socket.qlen, incqlen: socket.incqlen, qlimit: socket.qlimit };
    set_queues(&mut row, &backlog, rcv.map(|queue| queue.cc), snd.map(|queue| queue.cc));
    row.uid = Some(socket.uid);
    row.identity = Some(Identity::Handle(socket.so));
    row.owners = named_owners(&socket);
    if socket.state & SS_NOFDREF != 0 {
        row.ownership = without_descriptor(&row, &socket);
    }
    row
}

/// Whether the socket behind a descriptor is a unix socket.
pub(super) fn is_unix(info: &SocketFdinfo<'_>) -> bool {
    matches!(info.proto, socket_fdinfo::Protocol::Un { .. })
}

/// The row of the socket behind a descriptor; `None` if it is not a unix socket. `generation`: that of its handle.
pub(super) fn of_fdinfo(info: &SocketFdinfo<'_>, generation: Option<NonZeroU64>) -> Option<Socket> {
    let socket_fdinfo::Protocol::Un { conn_so, path, peer_path, .. } = info.proto else { return None };
    let socket_type = match info.kind {
        SOCK_STREAM => SocketType::Stream,
        SOCK_DGRAM => SocketType::Datagram,
        number => SocketType::Other(u8::try_from(number).unwrap_or(u8::MAX)),
    };
    let peer_path = (conn_so != 0).then_some(peer_path);
    let mut row = row(path, peer_path, socket_type, info.options.into(), info.state);
    let backlog = Backlog { qlen: info.qlen, incqlen: info.incqlen, qlimit: info.qlimit };
    set_queues(&mut row, &backlog, Some(info.rcv.cc), Some(info.snd.cc));
    row.identity = Some(Identity::Handle(info.so));
    row.cookie = generation;
    row.peer = NonZeroU64::new(conn_so);
    Some(row)
}
