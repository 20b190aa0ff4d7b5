//! Reads the tables that a query wants.

use super::info::{FamilyInfo, FamilyTable};
use super::{dump, netlink, packet, proc_file, tipc, unix, vsock, xdp};
use crate::engine::tables::{TableRows, Tables};
use crate::model::error::Error;
use crate::model::gap::GapKind;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::procfs::net;
use crate::sys::linux::row::tcp_state;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Fault;
use netstat_wire::linux::tcp_states::mask;

/// In the order in which they are listed, that of their protocols.
pub(crate) const FAMILIES: [&FamilyInfo; 6] =
    [&unix::INFO, &netlink::INFO, &packet::INFO, &vsock::INFO, &xdp::INFO, &tipc::INFO];

/// The tables that a query wants, in order.
///
/// An error if only the kernel could decide which rows pass, which it does for none of these families.
pub(crate) fn tables_of(query: &Query) -> Result<Vec<FamilyTable>, Error> {
    let filter = query.table_filter();
    let infos =
        query.wanted_protocols().flat_map(|kind| FAMILIES.into_iter().filter(move |info| info.kind == kind));
    let wanted = infos.filter(|info| filter.wants_kind(info.kind, info.family));
    let tables = wanted.map(|info| FamilyTable { info, states: wanted_states(query, info), is_only: false });
    let mut tables: Vec<FamilyTable> = tables.filter(|table| table.states != 0).collect();
    for FamilyTable { info, .. } in &tables {
        if filter.needs_kernel(info.kind, Some(info.family)) {
            let subject = format!("what only the kernel knows of {} sockets", info.name);
            return Err(Error::unsupported("filter by", subject));
        }
    }
    if let [table] = &mut tables[..] {
        table.is_only = true;
    }
    Ok(tables)
}

/// The states that a filter wants, as the kernel's mask: every one where all sockets must be known to find those that no
/// table lists. A state without a name is wanted unless the filter excludes it.
fn wanted_states(query: &Query, info: &FamilyInfo) -> u32 {
    if !info.has_states || query.adds_unlisted() {
        return u32::MAX;
    }
    let numbers = (0..32_u8).filter(|number| query.table_filter().wants_state(info.kind, tcp_state(*number)));
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
            fall_back(tables, *table, fault, open);
        }
    }
}

/// Completes and emits the rows of a table.
fn emit(table: FamilyTable, mut found: Vec<Socket>, rows: &mut TableRows<'_>) {
    (table.info.complete)(&mut found);
    let _ = found.into_iter().try_for_each(|row| rows.emit(row));
}

/// Reads a table from `/proc` that could not be dumped.
fn fall_back(tables: &mut Tables<'_>, table: FamilyTable, fault: Fault, open: net::Open<'_>) {
    let failure = format!("sock_diag {table}: {fault}");
    let Some(file) = &table.info.proc_file else {
        if !table.is_only && fault.is_absent() && !proc_file::kernel_knows(open, table.info.kernel_names) {
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
