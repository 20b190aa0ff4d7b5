//! The phases of a listing, the same on every system.

use crate::engine::both_ends::{BothEnds, OwnersOfBothEnds};
use crate::engine::decisions::{Decision, Decisions, NotLookedUp};
use crate::engine::join::{self, Resolution};
use crate::engine::owner_table::OwnerTable;
use crate::engine::parallel::{run_parallel, thread_count};
use crate::engine::process_names::{ProcessNames, owning_processes};
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::group::{GroupCounter, GroupKey, Groups};
use crate::model::owner::Ownership;
use crate::model::process::ProcessFields;
use crate::model::scope::Scope;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::support::SocketFields;
use crate::query::Query;
use crate::sys::system::{OwnerSearch, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::SystemTime;

/// Lists sockets. While this thread reads the tables, others search for owners; then the two are joined.
pub(crate) fn take<S: System>(system: &S, query: &Query) -> Result<Snapshot, Error> {
    let unsupported = refuse_unsupported::<S>(query)?;
    let mut snapshot = Snapshot { taken_at: SystemTime::now(), ..Snapshot::default() };
    let mut decisions = Decisions::of(query);
    let mut both_ends = BothEnds::default();
    if !query.wants_owners() {
        let Snapshot { sockets, undecided, .. } = &mut snapshot;
        let mut gaps = join::list(system, &BothEnds::query_of_rows(query), &mut |row| {
            if !query.filter.matches(&row) {
                both_ends.offer(query, row);
                return ControlFlow::Continue(());
            }
            let list = match decisions.decide(&row, &NotLookedUp) {
                Decision::Keep => &mut *sockets,
                Decision::PutAside => {
                    both_ends.offer(query, row.clone());
                    &mut *undecided
                }
                Decision::LeaveOut => {
                    both_ends.offer(query, row);
                    return ControlFlow::Continue(());
                }
            };
            // In the list, since a row has nearly 200 bytes, which each step may move.
            list.push(row);
            list.last_mut().map(Socket::clear_owners);
            ControlFlow::Continue(())
        })?;
        if query.wants_peers() {
            both_ends.join(system, query, sockets, &mut gaps)?;
            both_ends.beside.iter_mut().for_each(Socket::clear_owners);
            snapshot.peers = both_ends.beside;
            snapshot.connections = Some(both_ends.connections);
        }
        snapshot.namespaces = system.namespaces();
        gaps.extend(unsupported);
        decisions.add_gaps(system, &mut gaps);
        snapshot.gaps = gaps;
        return Ok(snapshot);
    }
    let threads = thread_count(query, S::processors);
    let mut search = system.owner_search(query);
    match system.sockets_with_owners(query, &search, &mut snapshot.sockets) {
        Some(gaps) => {
            snapshot.gaps = gaps;
            // It may still have to look for the owners of some.
            search.run();
        }
        None => read_tables_beside_search(system, query, &search, threads, &mut snapshot, &mut both_ends)?,
    }
    let listed = snapshot.sockets.len();
    // Their owners are found in one go.
    snapshot.sockets.append(&mut both_ends.beside);
    snapshot.namespaces = system.namespaces();
    snapshot.gaps.extend(unsupported);
    let mut owners = search.table();
    let unresolved = join::resolve_owners(system, &mut snapshot.sockets, &owners, threads);
    join::second_pass(system, unresolved, &mut search, &mut owners, threads);
    join::verify_shared(&search, &mut snapshot.sockets);
    both_ends.beside = snapshot.sockets.split_off(listed);
    add_unlisted(query, &mut search, &owners, &mut snapshot);
    filter_by_owner(system, query, &owners, &mut decisions, &mut snapshot, &mut both_ends);
    decisions.add_gaps(system, &mut snapshot.gaps);
    if query.wants_peers() {
        both_ends.connections.settle(&snapshot.sockets, &mut both_ends.beside);
        snapshot.peers = both_ends.beside;
        snapshot.connections = Some(both_ends.connections);
    }
    describe_processes(system, query, &owners, threads, &mut snapshot);
    snapshot.owner_source = owners.from.take();
    let is_hidden =
        !owners.gaps_if_missing.is_empty() && snapshot.sockets.iter().chain(&snapshot.peers).any(is_hidden);
    add_gaps_of_search(owners, is_hidden, &mut snapshot.gaps);
    Ok(snapshot)
}

/// Refuses a filter that this system cannot decide, namespaces that it does not have, and a query for nothing but protocols
/// that it does not list; beside others, each such protocol is a gap.
fn refuse_unsupported<S: System>(query: &Query) -> Result<Vec<Gap>, Error> {
    if query.scope != Scope::Current && !S::SUPPORT.socket_fields.contains(SocketFields::NETNS) {
        return Err(Error::unsupported("list", "sockets of other network namespaces"));
    }
    query.filter.check(S::SUPPORT.socket_fields, S::KERNEL_DECIDES)?;
    let filter = &query.filter;
    let unsupported = match S::SUPPORT.process_fields.contains(ProcessFields::WORKLOAD) {
        false => filter.workload_term(),
        true => filter.cgroup_workload_term().filter(|_| !S::HAS_CONTROL_GROUPS),
    };
    if let Some(term) = unsupported {
        return Err(Error::unsupported("filter by", term.to_string()));
    }
    let listed = S::SUPPORT.protocols;
    let Some(first) = query.wanted_protocols().find(|kind| !listed.contains(kind)) else {
        return Ok(Vec::new());
    };
    if !query.wanted_protocols().any(|kind| listed.contains(&kind)) {
        return Err(Error::unsupported("list", format!("{first} sockets")));
    }
    let unlisted = query.wanted_protocols().filter(|kind| !listed.contains(kind));
    let gap = |kind| Gap::new(GapKind::TableUnavailable, 1, format!("{kind}: not listed on this system"));
    Ok(unlisted.map(gap).collect())
}

/// Keeps a row that passes the filter, as far as that does not depend on owners.
#[inline] // A row has nearly 200 bytes, which each call may move.
fn keep(query: &Query, sockets: &mut Vec<Socket>, both_ends: &mut BothEnds, row: Socket) -> ControlFlow<()> {
    if query.filter.matches(&row) {
        sockets.push(row);
    } else {
        both_ends.offer(query, row);
    }
    ControlFlow::Continue(())
}

fn read_tables_beside_search<S: System>(
    system: &S,
    query: &Query,
    search: &S::OwnerSearch,
    threads: usize,
    snapshot: &mut Snapshot,
    both_ends: &mut BothEnds,
) -> Result<(), Error> {
    let sockets = &mut snapshot.sockets;
    let tables_are_read = AtomicBool::new(false);
    let work = || {
        search.run();
        // A search that ends before the tables are read leaves time for the last phase.
        let holders = if query.fields.is_empty() { Vec::new() } else { search.holders() };
        if !holders.is_empty() && !tables_are_read.load(SeqCst) {
            system.prefetch_processes(&holders, query.fields, &tables_are_read);
        }
    };
    let mut read = Ok(Vec::new());
    run_parallel(threads, &work, &mut || {
        read = join::list(system, &BothEnds::query_of_rows(query), &mut |row| {
            keep(query, sockets, both_ends, row)
        });
        if query.wants_peers() {
            read = std::mem::replace(&mut read, Ok(Vec::new())).and_then(|mut gaps| {
                both_ends.join(system, query, sockets, &mut gaps)?;
                Ok(gaps)
            });
        }
        tables_are_read.store(true, SeqCst);
        search.tables_complete(join::keys_of_few(sockets, &both_ends.beside));
        search.run();
    });
    snapshot.gaps = read?;
    Ok(())
}

/// Adds the sockets that only the search for owners has seen.
fn add_unlisted(query: &Query, search: &mut impl OwnerSearch, owners: &OwnerTable, snapshot: &mut Snapshot) {
    let (unlisted, gaps) = join::unlisted(query, search, owners);
    snapshot.gaps.extend(gaps);
    if !unlisted.is_empty() {
        // Behind those of its protocol.
        snapshot.sockets.extend(unlisted);
        snapshot.sockets.sort_by_key(|socket| socket.protocol);
    }
}

/// Keeps the rows that pass the filter with their owners. Those for which it is undecided are put aside if the query wants
/// only rows that surely pass, and otherwise kept if they pass by what is known.
fn filter_by_owner(
    system: &impl System,
    query: &Query,
    owners: &OwnerTable,
    decisions: &mut Decisions<'_>,
    snapshot: &mut Snapshot,
    both_ends: &mut BothEnds,
) {
    if !query.needs_decisions() {
        return;
    }
    let Snapshot { sockets, undecided, .. } = snapshot;
    let needs_names = query.filter.needs_names();
    let rows = sockets.iter().chain(&both_ends.beside);
    let processes = if needs_names { owning_processes(rows, owners) } else { Vec::new() };
    let names = ProcessNames::new(system, query, owners, &processes);
    if query.wants_peers() {
        // Rows that no table lists may have moved the others.
        both_ends.connections.settle(sockets, &mut both_ends.beside);
        let facts = OwnersOfBothEnds { owners: &names, both_ends, listed: sockets };
        let decided: Vec<Decision> = sockets.iter().map(|socket| decisions.decide(socket, &facts)).collect();
        let mut listed = Vec::new();
        for (socket, decision) in std::mem::take(sockets).into_iter().zip(decided) {
            match decision {
                Decision::Keep => listed.push(socket),
                // It may be the other end of one that is listed.
                Decision::LeaveOut => both_ends.beside.push(socket),
                Decision::PutAside => {
                    undecided.push(socket.clone());
                    both_ends.beside.push(socket);
                }
            }
        }
        *sockets = listed;
        return;
    }
    sockets.retain(|socket| {
        let decision = decisions.decide(socket, &names);
        if decision == Decision::PutAside {
            undecided.push(socket.clone());
        }
        decision == Decision::Keep
    });
}

fn describe_processes(
    system: &impl System,
    query: &Query,
    owners: &OwnerTable,
    threads: usize,
    snapshot: &mut Snapshot,
) {
    if !query.fields.is_empty() {
        let processes = owning_processes(snapshot.sockets.iter().chain(&snapshot.peers), owners);
        let (processes, gaps) = system.processes(&processes, query.fields, threads);
        snapshot.processes = processes;
        snapshot.gaps.extend(gaps);
    }
}

fn is_hidden(socket: &Socket) -> bool {
    matches!(socket.ownership, Ownership::Hidden { .. })
}

fn add_gaps_of_search(owners: OwnerTable, is_hidden: bool, gaps: &mut Vec<Gap>) {
    let of_missing = if is_hidden { owners.gaps_if_missing } else { Vec::new() };
    for gap in owners.gaps.into_iter().chain(of_missing) {
        // Why a process has no row may have been the same.
        if !gaps.contains(&gap) {
            gaps.push(gap);
        }
    }
}

/// Counts sockets without keeping them, and without their owners unless the filter depends on these.
pub(crate) fn count<S: System>(system: &S, query: &Query, by_family: bool) -> Result<Counts, Error> {
    let unsupported = refuse_unsupported::<S>(query)?;
    // Which sockets are at the other end does not matter, unless the filter says so.
    let only_rows;
    let query = if query.filter.needs_peers() || !query.wants_peers() {
        query
    } else {
        only_rows = query.without_peers();
        &only_rows
    };
    let mut counts = Counts::default();
    if query.needs_decisions() || query.adds_unlisted() || S::ROWS_REPEAT {
        counts.gaps = stream(system, query, &mut |socket| {
            counts.add(socket.protocol, socket.state, Some(socket.family), 1);
            ControlFlow::Continue(())
        })?;
    } else {
        counts.gaps = system.count(query, by_family, &mut counts)?;
        counts.gaps.extend(unsupported);
    }
    Ok(counts)
}

/// Counts sockets by what they have in common, without keeping them where the key allows it.
pub(crate) fn count_by<S: System>(system: &S, query: &Query, key: GroupKey) -> Result<Groups, Error> {
    let fields = key.process_fields();
    let mut query = query.clone().owners(false).processes(fields);
    if !query.filter.needs_peers() {
        query = query.without_peers();
    }
    let (groups, gaps) = if key.needs_snapshot() {
        let mut snapshot = take(system, &query)?;
        (snapshot.group_by(key), std::mem::take(&mut snapshot.gaps))
    } else {
        let nothing = Snapshot::default();
        let mut groups = GroupCounter::new(key, &nothing);
        let gaps = stream(system, &query, &mut |socket| {
            groups.add(&socket);
            ControlFlow::Continue(())
        })?;
        (groups.groups(), gaps)
    };
    Ok(Groups { groups, gaps })
}

/// Searches for owners, then hands over rows as they are read. Rows without a holder wait for the second pass.
pub(crate) fn stream<S: System>(
    system: &S,
    query: &Query,
    each: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    if query.wants_peers() {
        // Both ends must be read before the first row can be decided.
        let Snapshot { sockets, gaps, .. } = take(system, query)?;
        let _ = sockets.into_iter().try_for_each(each);
        return Ok(gaps);
    }
    let unsupported = refuse_unsupported::<S>(query)?;
    let mut decisions = Decisions::of(query);
    let mut flow = ControlFlow::Continue(());
    if !query.wants_owners() {
        let mut gaps = join::list(system, query, &mut |mut row| {
            if query.filter.matches(&row) && decisions.decide(&row, &NotLookedUp) == Decision::Keep {
                row.clear_owners();
                flow = each(row);
            }
            flow
        })?;
        gaps.extend(unsupported);
        if flow.is_continue() {
            decisions.add_gaps(system, &mut gaps);
        }
        return Ok(gaps);
    }
    let threads = thread_count(query, S::processors);
    let mut search = system.owner_search(query);
    system.open_early(query);
    run_parallel(threads, &|| search.run(), &mut || search.run());
    let mut owners = search.table();
    let names = ProcessNames::new(system, query, &owners, owners.processes());
    let mut waiting = Vec::new();
    let mut gaps = join::list(system, query, &mut |mut row| {
        if !query.filter.matches(&row) {
            return ControlFlow::Continue(());
        }
        if join::resolve_owner(system, &mut row, &owners) == Resolution::Retry {
            waiting.push(row);
            return flow;
        }
        join::verify(&search, &mut row);
        if decisions.decide(&row, &names) == Decision::Keep {
            flow = each(row);
        }
        flow
    })?;
    gaps.extend(unsupported);
    if flow.is_break() {
        return Ok(gaps);
    }

    join::second_pass(system, waiting.iter_mut().collect(), &mut search, &mut owners, threads);
    join::verify_shared(&search, &mut waiting);
    // The second pass may have found processes that are new.
    let names = ProcessNames::new(system, query, &owners, owners.processes());
    let is_hidden = waiting.iter().any(is_hidden);
    let (unlisted, more) = join::unlisted(query, &mut search, &owners);
    waiting.extend(unlisted);
    gaps.extend(more);
    for socket in waiting {
        if decisions.decide(&socket, &names) == Decision::Keep && each(socket).is_break() {
            flow = ControlFlow::Break(());
            break;
        }
    }
    if flow.is_continue() {
        decisions.add_gaps(system, &mut gaps);
    }
    add_gaps_of_search(owners, is_hidden, &mut gaps);
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::protocol::Protocol;
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    /// A search that has seen so many sockets of TCP which no table lists.
    struct Seen(u16);

    fn row(protocol: Protocol, port: u16) -> Socket {
        Socket::new(Family::Ipv4, protocol, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    impl OwnerSearch for Seen {
        fn run(&self) {}

        fn tables_complete(&self, _: Option<Vec<u64>>) {}

        fn table(&mut self) -> OwnerTable {
            OwnerTable::default()
        }

        fn unlisted(&mut self, _: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
            ((0..self.0).map(|port| row(Protocol::Tcp, port)).collect(), Vec::new())
        }
    }

    #[test]
    fn rows_that_no_table_lists_stand_behind_those_of_their_protocol_in_time_that_grows_with_their_number() {
        const MANY: u16 = 60_000;
        let mut snapshot = Snapshot::default();
        snapshot.sockets.push(row(Protocol::Tcp, u16::MAX));
        snapshot.sockets.extend((0..MANY).map(|port| row(Protocol::Udp, port)));
        let began = Instant::now();
        add_unlisted(&Query::new(), &mut Seen(MANY), &OwnerTable::default(), &mut snapshot);
        // To move all rows for each takes more than twice as long.
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        let ports = |protocol| {
            let rows = snapshot.sockets.iter().filter(move |row| row.protocol == protocol);
            rows.map(|row| row.local_addr().unwrap().port()).collect::<Vec<_>>()
        };
        assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
        assert_eq!(ports(Protocol::Tcp), [vec![u16::MAX], (0..MANY).collect()].concat());
        assert_eq!(ports(Protocol::Udp), (0..MANY).collect::<Vec<_>>());
    }
}
