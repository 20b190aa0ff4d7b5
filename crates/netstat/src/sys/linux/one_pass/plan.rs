//! For which tables one pass is the better source.

use super::counters::{CounterFiles, Counters, OF_THIS_THREAD};
use crate::model::owner_source::OwnerSource;
use crate::model::protocol::Protocol;
use crate::model::scope::Scope;
use crate::query::Query;
use crate::sys::linux::owners::open_files;
use crate::sys::linux::procfs::{Proc, Procfs};
use crate::sys::linux::sock_diag::request::{Source, Table};
use netstat_wire::linux::tcp_states as states;

/// From how many sockets on the first listing loads the program. For 3,000, dump and search took 7.7 ms and 14 of processor time,
/// the pass with its loading 9.2 and 9; for 5,000 the one 12.2 and 18, the other 10.0 and 10. (`bench 3k 5k 7k 10k --only
/// netstat-bpf,netstat-pass`.)
const MANY_SOCKETS: u64 = 5_000;

/// The same of a later listing of a [`Lister`](crate::Lister), for which the program may be loaded already: for 1,000 the one took
/// 4.1 ms, the other 0.6. (`bench 1k --only netstat-kept-bpf,netstat-kept-pass`.)
const MANY_SOCKETS_LATER: u64 = 1_000;

/// From how many network namespaces on: to dump the tables of so many takes as long as to load the program. (`bench
/// namespaces`.)
const MANY_NAMESPACES: usize = 8;

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

/// Whether the source of owners may be the pass, of this network namespace.
pub(super) fn may_be_used(query: &Query) -> bool {
    query.scope == Scope::Current && matches!(query.owner_source, OwnerSource::Auto | OwnerSource::OnePass)
}

impl Plan {
    /// `None`: neither. `files`: how many are open on the machine. `is_later`: owners have been searched for before.
    pub(super) fn of(
        query: &Query,
        tables: &[Table],
        procfs: &Proc,
        files: Option<u64>,
        is_later: bool,
    ) -> Option<Self> {
        if !may_be_used(query) {
            return None;
        }
        let mut plan = Self::of_tables(query, tables)?;
        let many = if is_later { MANY_SOCKETS_LATER } else { MANY_SOCKETS };
        match query.owner_source {
            OwnerSource::OnePass => {}
            // Most machines have few files, and need no other counters.
            OwnerSource::Auto if files.is_some_and(|files| files >= many) => {
                let counters = CounterFiles::open(procfs, OF_THIS_THREAD)?.before()?;
                let sockets = counters.tcp.iter().sum();
                plan.tcp &= sockets >= many && is_quiet(&counters, sockets);
                // What the pass has seen of few costs less than to dump them.
                plan.udp &= plan.tcp || counters.udp.iter().sum::<u64>() >= many;
            }
            _ => return None,
        }
        plan.is_any()
    }

    /// The same, of a query for all network namespaces, which are so many.
    pub(super) fn of_all(
        query: &Query,
        tables: &[Table],
        procfs: &impl Procfs,
        namespaces: usize,
    ) -> Option<Self> {
        if query.scope != Scope::All {
            return None;
        }
        let plan = Self::of_tables(query, tables)?;
        let has_many_files = || open_files(procfs).is_some_and(|files| files >= MANY_SOCKETS);
        let is_worth_it = match query.owner_source {
            OwnerSource::OnePass => query.wants_owners(),
            // The tables of all namespaces are one, which each dump walks.
            OwnerSource::Auto => are_many(namespaces) || (query.wants_owners() && has_many_files()),
            _ => false,
        };
        plan.is_any().filter(|_| is_worth_it)
    }

    /// What of the plan is for a namespace with these counters, which are not known if its sockets cannot be counted. `all`: how
    /// many sockets all namespaces have.
    pub(super) fn for_namespace(self, query: &Query, counters: Option<&Counters>, all: u64) -> Self {
        let is_quiet = |counters| query.owner_source != OwnerSource::Auto || is_quiet(counters, all);
        Self { tcp: self.tcp && counters.is_some_and(is_quiet), udp: self.udp && counters.is_some() }
    }

    fn of_tables(query: &Query, tables: &[Table]) -> Option<Self> {
        let has = |protocol: Protocol| {
            // Rows of the pass stand for one table: a kernel that dumps each family by itself has two.
            let mut of_protocol = tables.iter().filter(|table| table.selection.info.protocol == protocol);
            of_protocol.next().is_some_and(is_whole) && of_protocol.next().is_none()
        };
        may_answer(query).then(|| Self { tcp: has(Protocol::Tcp), udp: has(Protocol::Udp) })
    }

    fn is_any(self) -> Option<Self> {
        (self.tcp || self.udp).then_some(self)
    }
}

/// Whether the pass takes longer than to start a thread, of so many sockets.
pub(super) fn is_long(sockets: u64) -> bool {
    sockets >= MANY_FOR_A_THREAD
}

/// Whether the tables of so many network namespaces take longer than to load the program.
fn are_many(namespaces: usize) -> bool {
    namespaces >= MANY_NAMESPACES
}

/// Why the pass is the better source for so many.
pub(super) fn why_of_all(namespaces: usize) -> &'static str {
    if are_many(namespaces) { "many network namespaces" } else { "many descriptors" }
}

/// Whether the rows that a query wants can be those of the pass, by what it asks for beside the tables.
fn may_answer(query: &Query) -> bool {
    query.details.is_empty()
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
/// addition. How many close is known by those in TIME_WAIT: if one is to be expected while the pass reads these many sockets, it
/// is left out.
fn is_quiet(counters: &Counters, sockets: u64) -> bool {
    let expected =
        counters.time_wait.saturating_mul(sockets).saturating_mul(NANOSECONDS_A_SOCKET) / TIME_WAIT;
    expected == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(time_wait: u64) -> Counters {
        Counters { tcp: [0, 0], udp: [0, 0], time_wait, orphans: 0, opens: 0 }
    }

    #[test]
    fn pass_is_left_out_where_connections_close_all_the_time() {
        for (sockets, time_wait, expected) in [
            (100_000, 0, true),
            (100_000, 2_900, true),
            (100_000, 3_000, false),
            (20_000, 14_000, true),
            (u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(is_quiet(&counters(time_wait), sockets), expected, "{sockets} {time_wait}");
        }
    }

    #[test]
    fn namespace_whose_sockets_cannot_be_counted_is_dumped() {
        let plan = Plan { tcp: true, udp: true };
        let none = Plan { tcp: false, udp: false };
        let query = Query::new();
        assert_eq!(plan.for_namespace(&query, None, 0), none);
        assert_eq!(plan.for_namespace(&query, Some(&counters(0)), 0), plan);
        let busy = counters(3_000);
        assert_eq!(plan.for_namespace(&query, Some(&busy), 100_000), Plan { tcp: false, udp: true });
        let asked = query.owner_source(OwnerSource::OnePass);
        assert_eq!(plan.for_namespace(&asked, Some(&busy), 100_000), plan);
        assert!(!Plan { tcp: true, udp: false }.for_namespace(&asked, Some(&busy), 0).udp);
    }
}
