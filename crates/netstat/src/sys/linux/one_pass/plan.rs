//! For which tables one pass is the better source.

use super::counters::Counters;
use crate::model::owner_source::OwnerSource;
use crate::model::protocol::Protocol;
use crate::model::scope::Scope;
use crate::query::Query;
use crate::sys::linux::owners::open_files;
use crate::sys::linux::procfs::Procfs;
use crate::sys::linux::sock_diag::request::{Source, Table};
use netstat_wire::linux::tcp_states as states;

/// From how many sockets on. Fewer are dumped in a few milliseconds, and whether a dump is complete is no question. (`bench 10k
/// --base CHECKOUT`, with a base of before this pass.)
const MANY_SOCKETS: u64 = 10_000;

/// From how many sockets on the pass takes longer than to start a thread.
const MANY_FOR_A_THREAD: u64 = 2_000;

/// How long the pass takes for a socket, in nanoseconds, by which the expected changes are estimated.
const NANOSECONDS_A_SOCKET: u64 = 200;

/// How long the kernel keeps a connection in TIME_WAIT, in nanoseconds.
const TIME_WAIT: u64 = 60_000_000_000;

/// The protocols whose rows come from the pass.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) tcp: bool,
    pub(super) udp: bool,
}

impl Plan {
    /// `None`: neither.
    pub(super) fn of(query: &Query, tables: &[Table], procfs: &impl Procfs) -> Option<Self> {
        if !may_answer(query) {
            return None;
        }
        let has = |protocol: Protocol| {
            // Rows of the pass stand for one table: a kernel that dumps each family by itself has two.
            let mut of_protocol = tables.iter().filter(|table| table.selection.info.protocol == protocol);
            of_protocol.next().is_some_and(is_whole) && of_protocol.next().is_none()
        };
        let mut plan = Self { tcp: has(Protocol::Tcp), udp: has(Protocol::Udp) };
        match query.owner_source {
            OwnerSource::OnePass => {}
            // Most machines have few files, and need no other counters.
            OwnerSource::Auto if open_files(procfs).is_some_and(|files| files >= MANY_SOCKETS) => {
                let counters = Counters::before(procfs)?;
                plan.tcp &= is_worth_it_for_tcp(&counters);
                plan.udp &= counters.udp.iter().sum::<u64>() >= MANY_SOCKETS;
            }
            _ => return None,
        }
        (plan.tcp || plan.udp).then_some(plan)
    }
}

/// Whether the pass takes longer than to start a thread.
pub(super) fn is_long(counters: &Counters) -> bool {
    counters.tcp.iter().chain(&counters.udp).any(|count| *count >= MANY_FOR_A_THREAD)
}

/// Whether the rows that a query wants can be those of the pass, by what it asks for beside the tables.
fn may_answer(query: &Query) -> bool {
    query.scope == Scope::Current
        && query.details.is_empty()
        && !query.bound_inactive
        && !query.cookies
        // Rows that the filter leaves out may be the other ends of those that it does not.
        && !query.wants_peers()
        && query.connections().is_empty()
        // All sockets of the tables must be known then, to find those that no table lists.
        && !query.wants_unlisted()
        && query.filter.pids().is_empty()
}

/// Whether most of a table is wanted. What the kernel selects is dumped: one port, addresses, listeners.
fn is_whole(table: &Table) -> bool {
    let selection = &table.selection;
    table.source == Source::Dump
        && table.program.is_none()
        && (selection.local_port, selection.remote_port) == (0, 0)
        && selection.states & states::mask(states::TCP_ESTABLISHED) != 0
}

/// While connections open and close, the kernel's counts do not show that nothing is missing, and the table is dumped in
/// addition. How many close is known by those in TIME_WAIT: if one is to be expected while the pass runs, it is left out.
fn is_worth_it_for_tcp(counters: &Counters) -> bool {
    let sockets: u64 = counters.tcp.iter().sum();
    let expected =
        counters.time_wait.saturating_mul(sockets).saturating_mul(NANOSECONDS_A_SOCKET) / TIME_WAIT;
    sockets >= MANY_SOCKETS && expected == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(tcp: u64, time_wait: u64) -> Counters {
        Counters { tcp: [tcp, 0], udp: [0, 0], time_wait, orphans: 0, opens: 0 }
    }

    #[test]
    fn long_tables_are_worth_it_unless_connections_close_all_the_time() {
        for (tcp, time_wait, expected) in [
            (9_999, 0, false),
            (10_000, 0, true),
            (100_000, 0, true),
            (100_000, 2_900, true),
            (100_000, 3_000, false),
            (20_000, 14_000, true),
            (u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(is_worth_it_for_tcp(&counters(tcp, time_wait)), expected, "{tcp} {time_wait}");
        }
    }
}
