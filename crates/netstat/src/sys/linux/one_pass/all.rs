//! The sockets of all network namespaces from one pass.
//!
//! A dump walks the table that all namespaces share, so those of many namespaces take the time of all sockets for each of them.
//! The pass sees all of them at once, and the counters of each namespace show whether it has seen all there is. Only where they
//! do not, the namespace is entered and dumped.

use super::counters::Counters;
use super::namespaces::{CountedNamespace, counted, counted_after};
use super::pass::{InNamespace, Pass};
use super::plan::{self, Plan};
use super::table::{Counted, dump_parts};
use crate::model::gap::Gap;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::families;
use crate::sys::linux::netns::readers::NamespaceReaders;
use crate::sys::linux::owners::OwnerSources;
use crate::sys::linux::procfs::Proc;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::request::tables_of;
use std::ops::ControlFlow;
use std::slice;

/// Whether [`list_all`] may answer the query, where so many namespaces are known: then none needs to be entered before it has
/// been tried.
pub(crate) fn may_list_all(query: &Query, namespaces: usize) -> bool {
    let tables = tables_of(query).unwrap_or_default();
    Proc::open().is_ok_and(|procfs| Plan::of_all(query, &tables, &procfs, namespaces).is_some())
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
    let iteration = search.in_one_pass(Some(plan::why_of_all(readers.len())))?;
    let countable = readers.countable();
    let counted = counted(&procfs, &countable, ahead);
    let sockets = counted
        .iter()
        .filter_map(CountedNamespace::before)
        .map(Counters::sockets)
        .fold(0, u64::saturating_add);
    let planned = |of: &CountedNamespace<'_>| InNamespace {
        number: of.countable.number,
        netns: of.countable.netns,
        plan: plan.for_namespace(query, of.before(), sockets),
        sockets: of.before().map_or(0, Counters::sockets),
    };
    let namespaces: Vec<_> = counted.iter().map(planned).collect();
    let mut pass = Pass::new(query, &namespaces, iteration.finds_all());
    if readers.may_be_more() {
        pass = pass.looking_for_more();
    }
    if let Err(errno) = pass.read(iteration, ahead && plan::is_long(sockets)) {
        search.failed_in_one_pass(errno);
        return None;
    }
    let after = counted_after(&procfs, &counted, ahead);
    if let Some(others) = pass.others() {
        readers.add_kept_by(Ok(others));
    }
    let all = readers.len();
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
        for (place, of) in counted.iter().enumerate() {
            if let Some(found) = pass.rows_of(place, table.selection.info.protocol) {
                let after = after.get(place).and_then(Option::as_ref);
                let mut dump = |parts: &_| {
                    let dump = |dumps: &mut Dumps<'_>| dump_parts(dumps, table, parts);
                    let mut others = reading.with_dumps(place, dump)?;
                    others.iter_mut().for_each(|row| row.netns = of.countable.netns);
                    Some(others)
                };
                let found = found.merged();
                let sockets = of.before().map_or(0, |before| before.of(table.selection.info.protocol));
                let recount: &dyn Fn() -> Option<Counters> = &|| of.after(&procfs);
                let result = match of.before() {
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
        // They were not counted before the pass.
        for place in counted.len()..all {
            reading.read(place, (slice::from_ref(table), &[]), &mut |row| sink(rows, row));
        }
    }
    for table in &of_families {
        for place in 0..all {
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
