//! The sockets of all network namespaces from one pass.
//!
//! A dump walks the table that all namespaces share, so those of many namespaces take the time of all sockets for each of them.
//! The pass sees all of them at once, and the counters of each namespace show whether it has seen all there is. Only where they
//! do not, the namespace is entered and dumped.

use super::counters::Counters;
use super::pass::{InNamespace, Pass};
use super::plan::{self, Plan};
use super::table::{Counted, dump_parts};
use crate::model::gap::Gap;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::families;
use crate::sys::linux::netns::readers::{Countable, NamespaceReaders};
use crate::sys::linux::owners::OwnerSources;
use crate::sys::linux::procfs::Proc;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::request::tables_of;
use std::ops::ControlFlow;
use std::slice;

/// Whether [`list_all`] may answer the query: then no namespace needs to be entered before it has been tried.
pub(crate) fn may_list_all(query: &Query, readers: &NamespaceReaders) -> bool {
    let tables = tables_of(query).unwrap_or_default();
    Proc::open().is_ok_and(|procfs| Plan::of_all(query, &tables, &procfs, readers.len()).is_some())
}

/// As [`list`](super::list), for the sockets of all network namespaces.
pub(crate) fn list_all(
    dumps: &mut Dumps<'_>,
    readers: &NamespaceReaders,
    query: &Query,
    search: &OwnerSources<'_>,
    rows: &mut Vec<Socket>,
    ahead: bool,
) -> Option<Vec<Gap>> {
    let procfs = Proc::open().ok()?;
    let (tables, of_families) = (tables_of(query).ok()?, families::tables_of(query).ok()?);
    let plan = Plan::of_all(query, &tables, &procfs, readers.len())?;
    let iteration = search.in_one_pass(plan::are_many(readers.len()).then_some("many network namespaces"))?;
    let countable = readers.countable();
    let count = |read: &(dyn Fn(&str) -> Option<Counters> + Sync), of: &Countable| of.count(read);
    let before: Vec<_> =
        countable.iter().map(|of| count(&|directory| Counters::before(&procfs, directory), of)).collect();
    let sockets = before.iter().flatten().map(Counters::sockets).fold(0, u64::saturating_add);
    let planned = |(of, counters): (&Countable, &Option<Counters>)| InNamespace {
        number: of.number,
        netns: of.netns,
        plan: plan.for_namespace(query, counters.as_ref(), sockets),
        sockets: counters.as_ref().map_or(0, Counters::sockets),
    };
    let namespaces: Vec<_> = countable.iter().zip(&before).map(planned).collect();
    let mut pass = Pass::new(query, &namespaces, iteration.finds_all());
    if let Err(errno) = iteration.list(ahead && plan::is_long(sockets), &mut |row| pass.add(row)) {
        search.failed_in_one_pass(errno);
        return None;
    }
    let after = countable.iter().zip(&before).map(|(of, before)| {
        before.as_ref()?;
        count(&|directory| Counters::after(&procfs, directory), of)
    });
    let after: Vec<_> = after.collect();
    let mut reading = readers.beside_pass(dumps, ahead);
    let sink = |rows: &mut Vec<Socket>, row: Socket| {
        if query.filter.matches(&row) {
            rows.push(row);
        }
        ControlFlow::Continue(())
    };
    let (mut dumped, mut completed, mut holdings) = (0, 0, Vec::new());
    let has_rows = rows.len();
    for table in &tables {
        for (place, of) in countable.iter().enumerate() {
            if let Some(found) = pass.rows_of(place, table.selection.info.protocol) {
                let counters = before.get(place).and_then(Option::as_ref);
                let after = after.get(place).and_then(Option::as_ref);
                let mut dump = |parts: &_| {
                    let dump = |dumps: &mut Dumps<'_>| dump_parts(dumps, table, parts);
                    let mut others = reading.with_dumps(place, dump)?;
                    others.iter_mut().for_each(|row| row.netns = of.netns);
                    Some(others)
                };
                let found = found.merged();
                let sockets = found.sockets();
                let recount = || count(&|directory| Counters::after(&procfs, directory), of);
                let recount: &dyn Fn() -> Option<Counters> = &recount;
                let result = match counters {
                    Some(before) => {
                        Counted { query, table, before, after, recount }.complete(found, &mut dump, rows)
                    }
                    None => Err(found),
                };
                match result {
                    Ok(()) => {
                        completed += sockets;
                        reading.note_complete(place);
                        continue;
                    }
                    Err(found) => holdings.extend(found.into_holdings()),
                }
                dumped += sockets;
            }
            reading.read(place, (slice::from_ref(table), &[]), &mut |row| sink(rows, row));
        }
    }
    for table in &of_families {
        for place in 0..countable.len() {
            reading.read(place, (&[], slice::from_ref(table)), &mut |row| sink(rows, row));
        }
    }
    // The owners of the rows of dumps are those that the pass has found.
    iteration.add_holdings(holdings);
    search.finished_in_one_pass(dumped > completed);
    let gaps = reading.finish();
    if gaps.is_none() {
        rows.truncate(has_rows);
    }
    gaps
}
