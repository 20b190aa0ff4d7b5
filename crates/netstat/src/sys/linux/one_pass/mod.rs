//! Rows and their owners from one pass over all descriptor tables.
//!
//! A BPF program ([`owners::bpf`](super::owners::bpf)) reads each socket where its descriptor leads: row and owner belong to
//! one instant, and nothing has to be joined. It takes a third of the time of a dump of the same sockets, and a fifth where the
//! program is loaded already.
//!
//! # What it cannot see, and how that is known
//! Descriptors do not lead to TIME_WAIT, SYN_RECV, orphans, connections that wait to be accepted, sockets in flight in a message,
//! registered in an io_uring alone, or the kernel's own, nor to the subflows of an MPTCP connection. The kernel counts the
//! sockets of each network namespace ([`counters`]), and [`complete`] decides by these counts: either nothing is missing, or
//! what is missing is in states that are cheap to dump, or the whole table is dumped. A row is missing where a dump would have
//! missed it as well, and in the one case that [`complete`] names, which these counts cannot show.
//!
//! # What it is used for
//! [`plan`]: TCP and UDP of the caller's network namespace, where their tables are long, and of all network namespaces
//! ([`all`]), where these are many. Other tables are dumped as without it, and the owners of their rows found in the same pass.

mod all;
mod complete;
mod counters;
mod namespaces;
mod pass;
mod plan;
mod rows;
mod slots;
mod table;
#[cfg(test)]
mod tests;
mod two_threads;

pub(super) use all::{list_all, may_list_all};

use super::owners::OwnerSources;
use super::procfs::{Proc, net};
use super::sock_diag::dumps::Dumps;
use super::sock_diag::request::{Table, tables_of};
use super::{families, sockets};
use crate::model::gap::{Gap, GapKind};
use crate::model::socket::Socket;
use crate::query::Query;
use counters::{CounterFiles, OF_THIS_THREAD};
use pass::{InNamespace, Pass};
use plan::Plan;
use std::ops::ControlFlow;
use table::{Counted, dump_parts};

/// What the pass is to list of the caller's network namespace.
pub(super) struct Planned {
    procfs: Proc,
    tables: Vec<Table>,
    of_families: Vec<families::FamilyTable>,
    plan: Plan,
}

impl Planned {
    /// `None`: nothing.
    pub(super) fn of(query: &Query, search: &OwnerSources<'_>) -> Option<Self> {
        if !plan::may_be_used(query) {
            return None;
        }
        let procfs = *search.procfs().get()?;
        // An error is that of the listing without it.
        let (tables, of_families) = (tables_of(query).ok()?, families::tables_of(query).ok()?);
        let plan = Plan::of(query, &tables, &procfs, search.procfs().open_files(), search.is_later())?;
        Some(Self { procfs, tables, of_families, plan })
    }

    /// Adds the rows that pass the filter, with their owners where the pass has these, and returns the gaps. `None`: the
    /// tables and the search are to be read; nothing has been added. `ahead`: another thread may read.
    pub(super) fn list(
        self,
        dumps: &mut Dumps<'_>,
        query: &Query,
        search: &OwnerSources<'_>,
        rows: &mut Vec<Socket>,
        ahead: bool,
    ) -> Option<Vec<Gap>> {
        let Self { procfs, tables, of_families, plan } = self;
        let iteration = search.in_one_pass(None)?;
        let number = iteration.netns()?;
        let counters = CounterFiles::open(&procfs, OF_THIS_THREAD)?;
        let before = counters.before()?;
        let own = InNamespace { number, netns: None, plan, sockets: before.sockets() };
        let mut pass = Pass::new(query, &[own], iteration.finds_all());
        let ahead = ahead && plan::is_long(before.sockets());
        if let Err(errno) = pass.read(iteration, ahead) {
            search.failed_in_one_pass(errno);
            return None;
        }
        let recount = || counters.after();
        let after = recount();
        let mut gaps = Vec::new();
        let (mut dumped, mut completed) = (0, 0);
        for table in &tables {
            let Some(found) = pass.rows_of(0, table.selection.info.protocol) else {
                read(dumps, query, std::slice::from_ref(table), &[], rows, &mut gaps);
                continue;
            };
            let counted = Counted { query, table, before: &before, after: after.as_ref(), recount: &recount };
            let mut dump = |parts: &_| dump_parts(dumps, table, parts);
            let sockets = before.of(table.selection.info.protocol);
            match counted.complete(found.merged(), &mut dump, rows) {
                Ok(()) => completed += sockets,
                Err(found) => {
                    // The owners of its rows are those that the pass has found.
                    iteration.add_holdings(found.into_holdings());
                    read(dumps, query, std::slice::from_ref(table), &[], rows, &mut gaps);
                    dumped += sockets;
                }
            }
        }
        search.finished_in_one_pass(dumped > completed);
        read(dumps, query, &[], &of_families, rows, &mut gaps);
        Some(gaps)
    }
}

/// Reads tables as without the pass.
fn read(
    dumps: &mut Dumps<'_>,
    query: &Query,
    tables: &[Table],
    of_families: &[families::FamilyTable],
    rows: &mut Vec<Socket>,
    gaps: &mut Vec<Gap>,
) {
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
