//! The tables of the families beside IP: unix, netlink, packet, vsock, XDP and TIPC sockets. A further family is an entry
//! in [`FAMILIES`].
//!
//! Each family has a dump of its own over `NETLINK_SOCK_DIAG`, without a filter program, and some have a file in
//! `/proc/net`. A table is read to its end before its rows are emitted, for three reasons: the name of a unix socket's peer
//! is in the row of the peer; netlink and packet sockets are grouped by protocol, which the kernel does not do; and a dump
//! that fails half-way leaves nothing behind, so that the file can take its place.
//!
//! Sources: sock_diag(7), linux/{unix,netlink,packet,vm_sockets,xdp}_diag.h, linux/tipc_sockets_diag.h.

mod dump;
mod names;
mod netlink;
mod packet;
mod proc_file;
mod still_open;
mod tipc;
mod unix;
mod vsock;
mod xdp;

use crate::engine::tables::{TableRows, Tables};
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::protocol::SocketType;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::procfs::net;
use crate::sys::linux::row::tcp_state;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Fault;
pub(crate) use still_open::still_open;

use names::Names;
use netstat_wire::DecodeError;
use netstat_wire::linux::tcp_states::mask;
use proc_file::ProcFile;
use std::fmt;

/// How the kernel's interfaces treat one family.
pub(crate) struct FamilyInfo {
    pub(crate) family: Family,
    /// The protocol of its sockets, which may carry a number.
    pub(crate) kind: ProtocolKind,
    /// The family as gaps name it.
    name: &'static str,
    /// Whether its sockets have states, and so a dump can be limited to some.
    has_states: bool,
    /// The request for a dump of the sockets in these states, with this sequence number.
    request: fn(u32, u32) -> Vec<u8>,
    /// The row of a record; `None` for a record that is no socket.
    row: fn(&mut Names, &[u8]) -> Result<Option<Socket>, DecodeError>,
    /// Completes the rows of a whole table.
    complete: fn(&mut [Socket]),
    /// Its file below `/proc/net`; `None`: `/proc` has no such table.
    proc_file: Option<ProcFile>,
    /// The names of its protocols in `/proc/net/protocols`, which has those that this kernel knows.
    kernel_names: &'static [&'static str],
}

/// In the order in which they are listed, that of their protocols.
pub(crate) const FAMILIES: [&FamilyInfo; 6] =
    [&unix::INFO, &netlink::INFO, &packet::INFO, &vsock::INFO, &xdp::INFO, &tipc::INFO];

/// A table to read, or the part of it that is wanted.
#[derive(Copy, Clone)]
pub(crate) struct FamilyTable {
    pub(crate) info: &'static FamilyInfo,
    /// The states, as the kernel's mask.
    states: u32,
}

impl fmt::Display for FamilyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info.name)
    }
}

/// The tables that a query wants, in order.
pub(crate) fn tables_of(query: &Query) -> Vec<FamilyTable> {
    let infos =
        query.wanted_protocols().flat_map(|kind| FAMILIES.into_iter().filter(move |info| info.kind == kind));
    let wanted = infos.filter(|info| query.filter.wants_kind(info.kind, info.family));
    let tables = wanted.map(|info| FamilyTable { info, states: wanted_states(query, info) });
    tables.filter(|table| table.states != 0).collect()
}

/// The states that a filter wants, as the kernel's mask. A state without a name is wanted unless the filter excludes it.
fn wanted_states(query: &Query, info: &FamilyInfo) -> u32 {
    if !info.has_states {
        return u32::MAX;
    }
    let numbers = (0..32_u8).filter(|number| query.filter.wants_state(info.kind, tcp_state(*number)));
    numbers.fold(0, |states, number| states | mask(number))
}

/// Emits the rows of these tables.
pub(crate) fn list(
    dumps: &mut Dumps<'_>,
    open: net::Open<'_>,
    wanted: &[FamilyTable],
    tables: &mut Tables<'_>,
) {
    for table in wanted {
        if tables.stopped() {
            break;
        }
        let dumped = tables.read(&format!("sock_diag {table}"), |rows| {
            dump::read(dumps, *table, rows).map(|found| emit(*table, found, rows))
        });
        if let Err(fault) = dumped {
            fall_back(tables, *table, fault, open, wanted.len() == 1);
        }
    }
}

/// Completes and emits the rows of a table.
fn emit(table: FamilyTable, mut found: Vec<Socket>, rows: &mut TableRows<'_>) {
    (table.info.complete)(&mut found);
    let _ = found.into_iter().try_for_each(|row| rows.emit(row));
}

/// Reads a table from `/proc` that could not be dumped. `only`: no other is wanted.
fn fall_back(tables: &mut Tables<'_>, table: FamilyTable, fault: Fault, open: net::Open<'_>, only: bool) {
    let failure = format!("sock_diag {table}: {fault}");
    let Some(file) = &table.info.proc_file else {
        if !only && fault.is_absent() && !proc_file::kernel_knows(open, table.info.kernel_names) {
            // The kernel has no such family, so there are no such sockets.
            return;
        }
        return tables.unavailable(failure, || Error::system("list", format!("{table} sockets"), fault));
    };
    let mut uncertain = 0;
    let read = tables.read(&format!("/proc/net/{}", file.name), |rows| {
        let (found, doubtful) = file.read(open, rows)?;
        uncertain = doubtful;
        emit(table, found, rows);
        Ok::<_, net::Unread>(())
    });
    match read {
        Ok(_) => {
            tables.fell_back(failure);
            if uncertain > 0 {
                let source = format!("/proc/net/{}: a name may hold lines like theirs", file.name);
                tables.gaps(GapKind::SocketsUncertain, uncertain, source);
            }
        }
        Err(unread) => tables.unavailable(format!("{failure}; {unread}"), || {
            let subject = format!("{table} sockets from {unread} or sock_diag");
            Error::system("list", subject, fault)
        }),
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
fn as_they_are(_rows: &mut [Socket]) {}

/// Groups the rows by protocol, which the kernel does not do.
fn group_by_protocol(rows: &mut [Socket]) {
    rows.sort_by_key(|row| row.protocol);
}
