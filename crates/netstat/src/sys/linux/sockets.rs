//! The tables of sockets: asked of `NETLINK_SOCK_DIAG`, or where that cannot be had read from `/proc`.
//!
//! The kernel may refuse the one for each table apart: a sandbox that allows no such socket, a kernel without
//! the module of a protocol. Then that table is read from the lesser source, and a gap says so and why. What
//! neither source has is a gap too, and when no table could be read at all it is an error: never an empty
//! list.

use super::errno::Errno;
use super::rows::Rows;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::procfs::net::{self, Unread};
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::{Fault, Peer, SockDiag};
use crate::sys::linux::sock_diag::request::{Table, lack_bound_inactive, tables_of};
use std::ops::ControlFlow;

/// Hands the sockets of all tables that the query wants to the sink.
pub(super) fn sockets<O: FnMut() -> Result<SockDiag, Errno>>(
    dumps: &mut Dumps<SockDiag, O>,
    query: &Query,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    let tables = tables_of(query)?;
    let mut gaps = list(dumps, &mut net::open, &tables, sink)?;
    if lack_bound_inactive(&tables) {
        let source = "sock_diag tcp: Linux tells of sockets that are bound but idle since 6.8";
        gaps.push(Gap::new(GapKind::TableUnavailable, 1, source));
    }
    Ok(gaps)
}

/// The same over any sources of tables.
pub(super) fn list<P: Peer, O: FnMut() -> Result<P, Errno>>(
    dumps: &mut Dumps<P, O>,
    open_file: net::Open<'_>,
    tables: &[Table],
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    let mut listing = Listing::default();
    for table in tables {
        let mut rows = Rows::new(table.details, sink);
        let source = format!("sock_diag {table}");
        let end = dumps.read(table, &mut rows);
        listing.skipped(rows.skipped, &source);
        match end {
            Ok(interrupted) => {
                listing.any_read = true;
                if interrupted {
                    listing.gap(GapKind::TableInterrupted, source);
                }
            }
            // Begun anew elsewhere, it would tell rows twice.
            Err(fault) if rows.told > 0 => {
                listing.any_read = true;
                listing.gap(GapKind::TableInterrupted, format!("{source}: {fault}"));
            }
            Err(fault) => listing.fall_back(table, fault, open_file, &mut rows),
        }
        if rows.broken_off {
            break;
        }
    }
    match listing.failed {
        Some(error) if !listing.any_read => Err(error),
        _ => Ok(listing.gaps),
    }
}

/// How far a listing has come.
#[derive(Default)]
struct Listing {
    gaps: Vec<Gap>,
    /// The first table that no source had.
    failed: Option<Error>,
    any_read: bool,
}

impl Listing {
    fn gap(&mut self, kind: GapKind, source: String) {
        self.gaps.push(Gap::new(kind, 1, source));
    }

    fn skipped(&mut self, count: u64, source: &str) {
        if count > 0 {
            self.gaps.push(Gap::new(GapKind::RecordsSkipped, count, source.to_owned()));
        }
    }

    /// Reads a table from `/proc` that `sock_diag` did not give.
    fn fall_back(&mut self, table: &Table, fault: Fault, open: net::Open<'_>, rows: &mut Rows<'_>) {
        let source = format!("sock_diag {table}: {fault}");
        if !table.is_in_proc {
            self.gap(GapKind::TableUnavailable, source);
            self.failed.get_or_insert_with(|| Error::system("filter", format!("{table} sockets"), fault));
            return;
        }
        let mut any_read = false;
        let mut unread: Vec<Unread> = Vec::new();
        for family in table.families() {
            let told = rows.told;
            rows.skipped = 0;
            match net::read(open, table.protocol, *family, rows) {
                Ok(is_there) => any_read |= is_there,
                Err(error) if rows.told > told => {
                    any_read = true;
                    self.gap(GapKind::TableInterrupted, error.to_string());
                }
                Err(error) => unread.push(error),
            }
            self.skipped(rows.skipped, &format!("/proc/net {} over {family}", table.protocol));
            if rows.broken_off {
                break;
            }
        }
        match unread.first() {
            Some(Unread { path, error }) if !any_read => {
                self.gap(GapKind::TableUnavailable, format!("{source}; {path}: {error}"));
                self.failed.get_or_insert_with(|| {
                    let subject = format!("{table} sockets from {path} ({error}) or sock_diag");
                    Error::system("list", subject, fault)
                });
            }
            _ => {
                self.any_read = true;
                self.gap(GapKind::Fallback, source);
                for error in unread {
                    self.gap(GapKind::TableUnavailable, error.to_string());
                }
            }
        }
    }
}
