//! Lists the tables of sockets: dumped by `NETLINK_SOCK_DIAG`, or read from `/proc` as a fallback.
//!
//! Each table can fail separately: a sandbox forbids netlink sockets, or the kernel lacks the module of a protocol.
//! Then that table is read from `/proc`, which has less of each socket, and a gap reports the fallback with its
//! cause.

use crate::engine::tables::{Sink, Tables};
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::query::Query;
use crate::sys::linux::procfs::net::{self, Unread};
use crate::sys::linux::procfs::sctp;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Fault;
use crate::sys::linux::sock_diag::request::{Source, Table, lack_bound_inactive, tables_of};
use std::fmt;

/// Why a table could not be dumped.
struct Undumped<'t> {
    table: &'t Table,
    fault: Fault,
}

impl fmt::Display for Undumped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sock_diag {}: {}", self.table, self.fault)
    }
}

/// Emits the sockets of all tables that the query needs.
pub(super) fn sockets(dumps: &mut Dumps<'_>, query: &Query, sink: &mut Sink<'_>) -> Result<Vec<Gap>, Error> {
    let tables = tables_of(query)?;
    let mut gaps = list(dumps, &mut net::open, &tables, sink)?;
    gaps.extend(gaps_of_tables(&tables));
    Ok(gaps)
}

/// What no source has of these tables.
pub(super) fn gaps_of_tables(tables: &[Table]) -> Option<Gap> {
    lack_bound_inactive(tables).then(|| {
        let source = "sock_diag tcp: Linux lists sockets that are bound but idle since 6.8";
        Gap::new(GapKind::TableUnavailable, 1, source)
    })
}

/// The same with any source of dumps and files.
pub(super) fn list(
    dumps: &mut Dumps<'_>,
    open_file: net::Open<'_>,
    wanted: &[Table],
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    let mut tables = Tables::new(sink);
    for table in wanted {
        if table.source != Source::Dump {
            read_without_dump(&mut tables, table, open_file);
            if tables.stopped() {
                break;
            }
            continue;
        }
        let dumped = tables.read(&format!("sock_diag {table}"), |rows| {
            dumps.read(table, rows).map_err(|fault| Undumped { table, fault })
        });
        if let Err(undumped) = dumped {
            fall_back(&mut tables, undumped, open_file);
        }
        if tables.stopped() {
            break;
        }
    }
    tables.finish(|| false)
}

/// Reads a table that no request dumps, or only one that this kernel does not know.
fn read_without_dump(tables: &mut Tables<'_>, table: &Table, open: net::Open<'_>) {
    if table.source == Source::Missing {
        let source = format!("sock_diag {table}: Linux lists these sockets since 5.9");
        return tables
            .unavailable(source, || Error::unsupported("list", format!("{table} sockets on this kernel")));
    }
    if !table.is_in_proc {
        let source = format!("/proc/net {table}: lacks what the filter compares");
        return tables.unavailable(source, || {
            Error::unsupported("filter", format!("{table} sockets by their interface"))
        });
    }
    let ProcRead { any_read, unread } = read_proc(tables, table, open);
    match unread.into_iter().next() {
        Some(Unread { path, error }) if !any_read => {
            tables.unavailable(format!("{path}: {error}"), || {
                Error::system("list", format!("{table} sockets from {path}"), error)
            });
        }
        Some(error) => tables.gap(GapKind::TableUnavailable, error),
        None => {}
    }
}

/// Reads from `/proc` a table that could not be dumped.
fn fall_back(tables: &mut Tables<'_>, undumped: Undumped<'_>, open: net::Open<'_>) {
    let table = undumped.table;
    if !table.is_in_proc {
        let operation = if table.selection.info.proc_file.is_some() { "filter" } else { "list" };
        return tables.unavailable(undumped.to_string(), || {
            Error::system(operation, format!("{table} sockets"), undumped.fault)
        });
    }
    let ProcRead { any_read, unread } = read_proc(tables, table, open);
    match unread.first() {
        Some(Unread { path, error }) if !any_read => {
            tables.unavailable(format!("{undumped}; {path}: {error}"), || {
                let subject = format!("{table} sockets from {path} ({error}) or sock_diag");
                Error::system("list", subject, undumped.fault)
            });
        }
        _ => {
            tables.fell_back(&undumped);
            for error in unread {
                tables.gap(GapKind::TableUnavailable, error);
            }
        }
    }
}

/// The result of reading the files of a table.
struct ProcRead {
    any_read: bool,
    unread: Vec<Unread>,
}

fn read_proc(tables: &mut Tables<'_>, table: &Table, open: net::Open<'_>) -> ProcRead {
    let info = table.selection.info;
    let kind = info.protocol.kind();
    let mut result = ProcRead { any_read: false, unread: Vec::new() };
    if info.protocol == Protocol::Sctp {
        // Its files hold both families.
        let families = table.selection.families();
        match tables.read(&format!("/proc/net {kind}"), |rows| sctp::read(open, families, rows)) {
            Ok(_) => result.any_read = true,
            Err(error) => result.unread.push(error),
        }
        return result;
    }
    for family in table.selection.families() {
        let read = tables.read(&format!("/proc/net {kind} over {family}"), |rows| {
            net::read(open, info, *family, table.details, rows)?;
            Ok(!rows.absent)
        });
        match read {
            Ok(is_there) => result.any_read |= is_there.unwrap_or(true),
            Err(error) => result.unread.push(error),
        }
        if tables.stopped() {
            break;
        }
    }
    result
}
