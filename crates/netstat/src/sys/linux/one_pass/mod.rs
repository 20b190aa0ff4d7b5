//! Rows and their owners from one pass over all descriptor tables.
//!
//! A BPF program ([`owners::bpf`](super::owners::bpf)) reads each socket where its descriptor leads: row and owner belong to
//! one instant, and nothing has to be joined. It takes a quarter of the time of a dump of the same sockets.
//!
//! # What it cannot see, and how that is known
//! Descriptors do not lead to TIME_WAIT, SYN_RECV, orphans, connections that wait to be accepted, sockets in flight in a message,
//! registered in an io_uring alone, or the kernel's own, nor to the subflows of an MPTCP connection. The kernel counts the
//! sockets of each network namespace ([`counters`]), and [`complete`] decides by these counts: either nothing is missing, or
//! what is missing is in states that are cheap to dump, or the whole table is dumped. A row is missing where a dump would have
//! missed it as well, and in the one case that [`complete`] names, which these counts cannot show.
//!
//! # What it is used for
//! [`plan`]: TCP and UDP of the caller's network namespace, where their tables are long. Other tables are dumped as without it,
//! and the owners of their rows found in the same pass.

mod complete;
mod counters;
mod plan;
mod rows;

use super::owners::OwnerSources;
use super::procfs::{Proc, net};
use super::sock_diag::dumps::Dumps;
use super::sock_diag::request::{Table, tables_of};
use super::{families, sockets};
use crate::engine::tables::TableRows;
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use complete::{Missing, Parts, missing_tcp, missing_udp};
use counters::Counters;
use plan::Plan;
use rows::{Pass, ProtocolRows};
use std::ops::ControlFlow;

/// Adds the rows that pass the filter, with their owners where the pass has these, and returns the gaps. `None`: the tables
/// and the search are to be read; nothing has been added. `ahead`: another thread may read.
pub(super) fn list(
    dumps: &mut Dumps<'_>,
    query: &Query,
    search: &OwnerSources<'_>,
    rows: &mut Vec<Socket>,
    ahead: bool,
) -> Option<Vec<Gap>> {
    let procfs = Proc::open().ok()?;
    // An error is that of the listing without it.
    let (tables, of_families) = (tables_of(query).ok()?, families::tables_of(query).ok()?);
    let plan = Plan::of(query, &tables, &procfs)?;
    let iteration = search.in_one_pass()?;
    let netns = iteration.netns()?;
    let before = Counters::before(&procfs)?;
    let mut pass = Pass::new(query, plan, netns, iteration.finds_all());
    if let Err(errno) = iteration.list(ahead && plan::is_long(&before), &mut |row| pass.add(row)) {
        search.failed_in_one_pass(errno);
        return None;
    }
    let after = Counters::after(&procfs);
    let mut listing = Listing { dumps, query, gaps: Vec::new(), rows };
    let mut is_dumped = false;
    for table in &tables {
        let Some(found) = pass.rows_of(table.selection.info.protocol) else {
            listing.dump(table);
            continue;
        };
        let found = found.merged();
        if let Err(found) = listing.complete(table, found, &before, after.as_ref()) {
            // The owners of its rows are those that the pass has found.
            iteration.add_holdings(found.into_holdings());
            listing.dump(table);
            is_dumped = true;
        }
    }
    search.finished_in_one_pass(is_dumped);
    listing.read(&[], &of_families);
    Some(listing.gaps)
}

/// The listing that is made of the pass and of dumps.
struct Listing<'a, 'd> {
    dumps: &'a mut Dumps<'d>,
    query: &'a Query,
    gaps: Vec<Gap>,
    rows: &'a mut Vec<Socket>,
}

impl Listing<'_, '_> {
    /// Dumps a table as without the pass.
    fn dump(&mut self, table: &Table) {
        self.read(std::slice::from_ref(table), &[]);
    }

    fn read(&mut self, tables: &[Table], of_families: &[families::FamilyTable]) {
        let Self { dumps, query, gaps, rows } = self;
        let mut sink = |row: Socket| {
            if query.filter.matches(&row) {
                rows.push(row);
            }
            ControlFlow::Continue(())
        };
        // A table that cannot be read is a gap, since others were.
        match sockets::list_or(true, dumps, &mut net::open, tables, of_families, &mut sink) {
            Ok(more) => gaps.extend(more),
            Err(error) => gaps.push(Gap::new(GapKind::TableUnavailable, 1, error.to_string())),
        }
    }

    /// Adds the rows of a protocol, and what is missing of them. They are returned if that is not known.
    fn complete(
        &mut self,
        table: &Table,
        found: ProtocolRows,
        before: &Counters,
        after: Option<&Counters>,
    ) -> Result<(), ProtocolRows> {
        let Some(after) = after else { return Err(found) };
        let wanted = table.selection.states;
        let missing = match table.selection.info.protocol {
            Protocol::Tcp => missing_tcp(before, after, &found.seen, wanted),
            _ => missing_udp(before, after, &found.seen),
        };
        match missing {
            Missing::Nothing => {}
            Missing::Unknown => return Err(found),
            Missing::AtMost(hidden, parts) => {
                let Some(others) = self.dump_parts(table, &parts) else { return Err(found) };
                let is_quiet = before == after;
                let others = found.not_seen(others, is_quiet);
                if hidden > complete::full_sockets(&others) {
                    return Err(found);
                }
                found.add_to(self.rows);
                self.rows.extend(others.into_iter().filter(|row| self.query.filter.matches(row)));
                return Ok(());
            }
        }
        found.add_to(self.rows);
        Ok(())
    }

    /// All rows of these parts of a table, if they can be read.
    fn dump_parts(&mut self, table: &Table, parts: &Parts) -> Option<Vec<Socket>> {
        let mut rows = Vec::new();
        let in_states = (parts.states != 0).then(|| table.part(parts.states, 0));
        let at_port = parts.port.map(|port| table.part(complete::WAITING, port));
        for part in in_states.into_iter().chain(at_port) {
            let mut sink = |row| {
                rows.push(row);
                ControlFlow::Continue(())
            };
            let mut read = TableRows::new(&mut sink);
            self.dumps.read(&part, &mut read).ok()?;
            if read.skipped != 0 || read.interrupted {
                return None;
            }
        }
        Some(rows)
    }
}
