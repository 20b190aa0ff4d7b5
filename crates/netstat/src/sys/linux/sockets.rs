//! Lists the tables of sockets: dumped by `NETLINK_SOCK_DIAG`, or read from `/proc` as a fallback.
//!
//! Each table can fail separately: a sandbox forbids netlink sockets, or the kernel lacks the module of a protocol.
//! Then that table is read from `/proc`, which has less of each socket, and a gap reports the fallback with its
//! cause.

use crate::engine::tables::{Sink, TableRows, Tables};
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::families::{self, FamilyTable};
use crate::sys::linux::procfs::net::{self, Unread};
use crate::sys::linux::procfs::sctp;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Fault;
use crate::sys::linux::sock_diag::request::{Source, Table, lack_bound_inactive, tables_of};
use std::fmt;
use std::ops::ControlFlow;

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
    // The search for owners sees them.
    let has_other_source = query.adds_unlisted();
    let of_families = families::tables_of(query)?;
    let mut gaps = list_or(has_other_source, dumps, &mut net::open, &tables, &of_families, sink)?;
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
    of_families: &[FamilyTable],
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    list_or(false, dumps, open_file, wanted, of_families, sink)
}

/// The same. `has_other_source`: the sockets are also seen if no table can be read.
pub(super) fn list_or(
    has_other_source: bool,
    dumps: &mut Dumps<'_>,
    open_file: net::Open<'_>,
    wanted: &[Table],
    of_families: &[FamilyTable],
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
        let mut ordered = OrderedRows::of(table);
        let dumped = tables.read(&format!("sock_diag {table}"), |rows| {
            let read = ordered.read(rows, |rows| dumps.read(table, rows));
            read.map_err(|fault| Undumped { table, fault })
        });
        match dumped {
            Ok(_) => ordered.emit(&mut tables),
            Err(undumped) => fall_back(&mut tables, undumped, open_file),
        }
        if tables.stopped() {
            break;
        }
    }
    families::list(dumps, open_file, of_families, &mut tables);
    tables.finish(|| has_other_source)
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
    let mut ordered = OrderedRows::of(table);
    for family in table.selection.families() {
        let read = tables.read(&format!("/proc/net {kind} over {family}"), |rows| {
            ordered.read(rows, |rows| net::read(open, info, *family, table.details, rows))?;
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
    ordered.emit(tables);
    result
}

/// The rows of a table whose protocols have numbers: they are emitted in the order of these, and so not before the last
/// has been read. `None`: all rows are of one protocol, and none is kept.
struct OrderedRows(Option<Vec<Socket>>);

impl OrderedRows {
    fn of(table: &Table) -> Self {
        Self(table.selection.info.protocol.number().map(|_| Vec::new()))
    }

    /// Reads rows, and keeps them if they must be sorted.
    fn read<T, E>(
        &mut self,
        rows: &mut TableRows<'_>,
        read: impl FnOnce(&mut TableRows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(kept) = &mut self.0 else { return read(rows) };
        let mut sink = |row| {
            kept.push(row);
            ControlFlow::Continue(())
        };
        let mut into_kept = TableRows::new(&mut sink);
        let result = read(&mut into_kept);
        let TableRows { skipped, interrupted, absent, .. } = into_kept;
        rows.skipped += skipped;
        rows.interrupted |= interrupted;
        rows.absent = absent;
        result
    }

    /// Emits the rows that were kept.
    fn emit(self, tables: &mut Tables<'_>) {
        let Some(mut kept) = self.0 else { return };
        kept.sort_by_key(|row| row.protocol);
        tables.emit_all(kept);
    }
}
