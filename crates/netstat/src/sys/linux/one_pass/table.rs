//! A table of which the pass has seen the sockets that processes hold: what is missing of it is dumped, if that is known.

use super::complete::{self, Missing, Parts, missing_tcp, missing_udp};
use super::counters::Counters;
use super::rows::ProtocolRows;
use crate::engine::tables::TableRows;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::request::Table;
use std::ops::ControlFlow;

/// A table of a network namespace, and how many sockets this had before the pass and after it.
pub(super) struct Counted<'a> {
    pub(super) query: &'a Query,
    pub(super) table: &'a Table,
    pub(super) before: &'a Counters,
    pub(super) after: Option<&'a Counters>,
    /// Counts them again.
    pub(super) recount: &'a dyn Fn() -> Option<Counters>,
}

impl Counted<'_> {
    /// Adds the rows of the table to others, and what is missing of them. They are returned if that is not known. `dump`: all
    /// rows of parts of the table, if these can be read.
    pub(super) fn complete(
        &self,
        found: ProtocolRows,
        dump: &mut dyn FnMut(&Parts) -> Option<Vec<Socket>>,
        rows: &mut Vec<Socket>,
    ) -> Result<(), ProtocolRows> {
        let Self { query, table, before, after, recount } = *self;
        let Some(after) = after else { return Err(found) };
        let missing = match table.selection.info.protocol {
            Protocol::Tcp => missing_tcp(before, after, &found.seen, table.selection.states),
            _ => missing_udp(before, after, &found.seen),
        };
        match missing {
            Missing::Nothing => found.add_to(rows),
            Missing::Unknown => return Err(found),
            Missing::AtMost(hidden, parts) => {
                let Some(others) = dump(&parts) else { return Err(found) };
                // The dump takes its time, or waits for those of other namespaces.
                let Some(now) = recount() else { return Err(found) };
                let others = found.not_seen(others, *before == now);
                let may_stand_for_hidden = complete::has_changed(before, &now, parts.states);
                if hidden > 0 && (may_stand_for_hidden || hidden > complete::full_sockets(&others)) {
                    return Err(found);
                }
                found.add_to(rows);
                rows.extend(others.into_iter().filter(|row| query.filter.matches(row)));
            }
        }
        Ok(())
    }
}

/// All rows of these parts of a table, if they can be read.
pub(super) fn dump_parts(dumps: &mut Dumps<'_>, table: &Table, parts: &Parts) -> Option<Vec<Socket>> {
    let mut rows = Vec::new();
    let in_states = (parts.states != 0).then(|| table.part(parts.states, 0));
    let at_port = parts.port.map(|port| table.part(complete::WAITING, port));
    for part in in_states.into_iter().chain(at_port) {
        let mut sink = |row| {
            rows.push(row);
            ControlFlow::Continue(())
        };
        let mut read = TableRows::new(&mut sink);
        dumps.read(&part, &mut read).ok()?;
        if read.skipped != 0 || read.interrupted {
            return None;
        }
    }
    Some(rows)
}
