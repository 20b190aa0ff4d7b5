//! Joins rows with owners: rows of one socket become one row, and each row gets its owners or the reason it has none.

use crate::engine::owner_table::{OwnerTable, join_key};
use crate::engine::parallel::{lock, run_parallel};
use crate::model::endpoint::Endpoint;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::identity::Identity;
use crate::model::owner::{HiddenReason, Owners, Ownership};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::system::{OwnerSearch, System};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

/// Emits the rows of the tables, each socket once, the rows of one protocol together.
pub(crate) fn list<S: System>(
    system: &S,
    query: &Query,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    if S::ROWS_REPEAT {
        let mut rows = Vec::new();
        let gaps = system.sockets(query, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })?;
        let _ = merge(rows).into_iter().try_for_each(sink);
        Ok(gaps)
    } else {
        system.sockets(query, sink)
    }
}

/// Makes one row of the rows of each socket, with all their owners, and groups the rows by protocol. No back end repeats
/// rows today; [`System::ROWS_REPEAT`] is the contract for one that reads sockets and owners in one pass.
fn merge(rows: Vec<Socket>) -> Vec<Socket> {
    /// An inode number alone is not enough: the subflows of an MPTCP connection have that of the connection.
    type Key = (Protocol, Identity, Endpoint, Option<Endpoint>);
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut merged: Vec<Socket> = Vec::new();
    for row in rows {
        let known = row.identity.and_then(|identity| {
            let key = (row.protocol, identity, row.local.clone(), row.remote.clone());
            let place = *places.entry(key).or_insert(merged.len());
            merged.get_mut(place)
        });
        match known {
            Some(known) => add_row(known, row),
            None => merged.push(row),
        }
    }
    merged.sort_by_key(|row| row.protocol);
    merged
}

/// Adds another row of the same socket: its owners, and the fields that the first row lacks.
fn add_row(to: &mut Socket, row: Socket) {
    let Socket { state, queues, uid, cookie, netns, interface, v6_only, created, peer, .. } = row;
    let Socket { rare, ownership, owners, .. } = row;
    to.state = to.state.or(state);
    to.queues = to.queues.or(queues);
    to.uid = to.uid.or(uid);
    to.cookie = to.cookie.or(cookie);
    to.interface = to.interface.or(interface);
    to.v6_only = to.v6_only.or(v6_only);
    to.created = to.created.or(created);
    to.netns = to.netns.or(netns);
    to.peer = to.peer.or(peer);
    to.rare = to.rare.take().or(rare);
    for owner in owners.as_slice() {
        to.owners.add(*owner);
    }
    to.ownership = match (to.ownership, ownership) {
        (Ownership::Known { complete: a }, Ownership::Known { complete: b }) => {
            Ownership::Known { complete: a && b }
        }
        (known @ Ownership::Known { .. }, _) | (_, known @ Ownership::Known { .. }) => known,
        (Ownership::NotAsked, other) => other,
        (first, _) => first,
    };
}

/// The result of resolving the owners of a row.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// The row has its owners, or the reason it has none.
    Final,
    /// No holder was found, and a second pass may still find one.
    Retry,
}

/// Sets the row's owners to the holders in the table. False: there are none.
fn set_holders(socket: &mut Socket, table: &OwnerTable) -> bool {
    if table.is_empty() {
        return false;
    }
    let Some(key) = join_key(socket) else { return false };
    let mut owners: Owners = table.owners(key, socket).collect();
    if owners.as_slice().is_empty() {
        return false;
    }
    // The table of sockets may name others, in another role.
    for named in socket.owners() {
        if owners.as_slice().iter().all(|holder| holder.pid != named.pid) {
            owners.add(*named);
        }
    }
    socket.owners = owners;
    socket.ownership = Ownership::Known { complete: table.complete || table.is_exclusive(key) };
    true
}

/// Sets a row's owners, or the reason it has none.
pub(crate) fn resolve_owner(system: &impl System, socket: &mut Socket, table: &OwnerTable) -> Resolution {
    if set_holders(socket, table) {
        return Resolution::Final;
    }
    if socket.ownership != Ownership::NotAsked {
        // The table of sockets has named all owners; some of these processes may have ended.
        if let Some(process_starts) = &table.process_starts {
            process_starts.mark_ended(socket);
        }
        return Resolution::Final;
    }
    if join_key(socket).is_none() {
        socket.ownership = Ownership::None { reason: system.unowned_reason(socket) };
        return Resolution::Final;
    }
    socket.ownership = match table.if_missing {
        // No holder was found, but the table of sockets names another owner.
        Ownership::Hidden { .. } if !socket.owners().is_empty() => Ownership::Known { complete: false },
        if_missing => if_missing,
    };
    Resolution::Retry
}

/// Resolves the owners of all rows; many rows are shared between threads. Returns the rows to retry.
pub(crate) fn resolve_owners<'s>(
    system: &impl System,
    sockets: &'s mut [Socket],
    table: &OwnerTable,
    threads: usize,
) -> Vec<&'s mut Socket> {
    const BATCH: usize = 2048;
    let threads = if sockets.len() <= 4 * BATCH { 1 } else { threads };
    let mut unresolved = Vec::new();
    unresolved.resize_with(sockets.len().div_ceil(BATCH), Vec::new);
    let batches = Mutex::new(sockets.chunks_mut(BATCH).zip(&mut unresolved));
    let work = || {
        loop {
            let batch = lock(&batches).next();
            let Some((batch, unresolved)) = batch else { break };
            for socket in batch {
                if resolve_owner(system, socket, table) == Resolution::Retry {
                    unresolved.push(socket);
                }
            }
        }
    };
    run_parallel(threads, &work, &mut || work());
    unresolved.into_iter().flatten().collect()
}

/// Searches for the holders of these rows once more, since the first pass may have been too early. Rows still without a
/// holder are looked up in the kernel's table: they may have been closed.
pub(crate) fn second_pass<S: System>(
    system: &S,
    mut unresolved: Vec<&mut Socket>,
    search: &mut S::OwnerSearch,
    table: &mut OwnerTable,
    threads: usize,
) {
    let mut keys = unresolved.iter().filter_map(|socket| join_key(socket)).collect::<Vec<u64>>();
    keys.sort_unstable();
    search.second_pass(table, &keys, threads);
    unresolved.retain_mut(|socket| {
        socket.ownership = Ownership::NotAsked;
        resolve_owner(system, socket, table) == Resolution::Retry
    });
    // Most sockets of processes that the query does not name are not shown, so whether they are open is not asked.
    if !matches!(table.if_missing, Ownership::Hidden { reason: HiddenReason::NotSearched }) {
        let mut open = system.recheck(&mut unresolved.iter().map(|socket| &**socket)).into_iter();
        unresolved.retain_mut(|socket| {
            let is_open = open.next().unwrap_or(true);
            if !is_open {
                socket.ownership = Ownership::Hidden { reason: HiddenReason::Vanished };
            }
            is_open
        });
    }
    if unresolved.is_empty() {
        return;
    }
    let sockets = unresolved.iter().map(|socket| &**socket).collect::<Vec<&Socket>>();
    search.search_without_descriptor(table, &sockets);
    for socket in unresolved {
        socket.ownership = Ownership::NotAsked;
        let _ = resolve_owner(system, socket, table);
    }
}

/// Verifies the owners of rows that several descriptors lead to.
pub(crate) fn verify_shared(search: &impl OwnerSearch, sockets: &mut [Socket]) {
    for socket in sockets {
        verify(search, socket);
    }
}

/// Verifies the owners of a row if several descriptors lead to it.
pub(crate) fn verify(search: &impl OwnerSearch, socket: &mut Socket) {
    if socket.owners().len() > 1 {
        search.verify(socket);
    }
}

/// The sockets that only the search for owners has seen.
pub(crate) fn unlisted(
    query: &Query,
    search: &mut impl OwnerSearch,
    table: &OwnerTable,
) -> (Vec<Socket>, Vec<Gap>) {
    let (mut sockets, gaps) = search.unlisted(table);
    sockets.retain(|socket| query.filter.matches(socket));
    for socket in &mut sockets {
        // It was seen in a process, which may have ended since.
        socket.ownership = Ownership::Known { complete: false };
        set_holders(socket, table);
    }
    (sockets, gaps)
}

/// The keys of these rows, ascending, if they are so few that knowing them saves work.
pub(crate) fn keys_of_few(sockets: &[Socket], beside: &[Socket]) -> Option<Vec<u64>> {
    const FEW: usize = 1024;
    (sockets.len() + beside.len() <= FEW).then(|| {
        let mut keys = sockets.iter().chain(beside).filter_map(join_key).collect::<Vec<u64>>();
        keys.sort_unstable();
        keys
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::owner_table::ProcessSeen;
    use crate::engine::snapshot::{count, count_by, stream, take};
    use crate::model::family::Family;
    use crate::model::group::GroupKey;
    use crate::model::owner::{Owner, OwnerRole, UnownedReason};
    use crate::model::process::{Process, ProcessFields};
    use crate::model::state::State;
    use crate::model::support::Support;
    use crate::sys::support;
    use std::net::SocketAddr;

    const ALL: Ownership = Ownership::Known { complete: true };

    /// One pass over all descriptor tables: a row for each descriptor, with its owner, on two threads.
    struct OnePass([Vec<Socket>; 2]);

    impl System for OnePass {
        type OwnerSearch = FoundAlready;
        const SUPPORT: Support = support::LINUX;
        const ROWS_REPEAT: bool = true;

        fn sockets(
            &self,
            _query: &Query,
            sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
        ) -> Result<Vec<Gap>, Error> {
            let found = std::thread::scope(|scope| {
                let [one, other] = self.0.each_ref().map(|rows| scope.spawn(|| rows.clone()));
                [one.join().unwrap(), other.join().unwrap()]
            });
            let _ = found.into_iter().flatten().try_for_each(sink);
            Ok(Vec::new())
        }

        fn owner_search(&self, _query: &Query) -> FoundAlready {
            FoundAlready
        }

        fn processes(
            &self,
            seen: &[ProcessSeen],
            _fields: ProcessFields,
            _threads: usize,
        ) -> (Vec<Process>, Vec<Gap>) {
            (seen.iter().map(|seen| Process::new(seen.pid)).collect(), Vec::new())
        }
    }

    /// The rows have their owners.
    struct FoundAlready;

    impl OwnerSearch for FoundAlready {
        fn run(&self) {}

        fn tables_complete(&self, _keys: Option<Vec<u64>>) {}

        fn table(&mut self) -> OwnerTable {
            let mut table = OwnerTable::default();
            table.set_reach(true, false, None);
            table
        }
    }

    fn row(protocol: Protocol, inode: u64, owner: Option<u32>) -> Socket {
        let mut row = Socket::new(Family::Ipv4, protocol, SocketAddr::from(([127, 0, 0, 1], 80)));
        row.identity = Some(Identity::Inode(inode));
        if let Some(pid) = owner {
            row.set_owners([Owner::new(pid, Some(3), OwnerRole::Holder)], ALL);
        }
        row
    }

    /// The rows of one thread and of the other, which has TIME_WAIT from the tables besides.
    fn system() -> OnePass {
        let time_wait = |port| {
            let mut row = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], port)));
            row.state = Some(State::TimeWait);
            row
        };
        let mut with_uid = row(Protocol::Tcp, 7, Some(12));
        with_uid.uid = Some(33);
        let one = vec![row(Protocol::Udp, 9, Some(11)), row(Protocol::Tcp, 7, Some(13)), time_wait(1)];
        let other =
            vec![with_uid, row(Protocol::Udp, 9, Some(11)), row(Protocol::Tcp, 8, None), time_wait(2)];
        OnePass([one, other])
    }

    /// Protocol, inode, pids, ownership.
    type Joined = (Protocol, Option<u64>, Vec<u32>, Ownership);

    fn joined(rows: &[Socket]) -> Vec<Joined> {
        let pids = |row: &Socket| row.owners().iter().map(|owner| owner.pid).collect();
        let mut joined: Vec<Joined> =
            rows.iter().map(|row| (row.protocol, row.inode(), pids(row), row.ownership())).collect();
        // The order inside a protocol says nothing.
        joined.sort_by_key(|(protocol, inode, ..)| (*protocol, *inode));
        joined
    }

    fn expected() -> Vec<Joined> {
        let none = |reason| Ownership::None { reason };
        vec![
            (Protocol::Tcp, None, vec![], none(UnownedReason::TimeWait)),
            (Protocol::Tcp, None, vec![], none(UnownedReason::TimeWait)),
            (Protocol::Tcp, Some(7), vec![12, 13], ALL),
            (Protocol::Tcp, Some(8), vec![], none(UnownedReason::KernelOrInFlight)),
            (Protocol::Udp, Some(9), vec![11], ALL),
        ]
    }

    #[test]
    fn rows_of_one_socket_become_one_row_with_all_owners_grouped_by_protocol() {
        let snapshot = take(&system(), &Query::new().processes(ProcessFields::NAME)).unwrap();
        assert_eq!(joined(&snapshot.sockets), expected());
        assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
        let seven = snapshot.sockets.iter().find(|row| row.inode() == Some(7)).unwrap();
        assert_eq!(seven.uid, Some(33), "what only the second row has");
        let pids: Vec<u32> = snapshot.processes.iter().map(|process| process.pid).collect();
        assert_eq!(pids, [11, 12, 13]);
    }

    #[test]
    fn streamed_and_counted_sockets_are_those_of_a_snapshot() {
        let mut rows = Vec::new();
        let mut each = |row| {
            rows.push(row);
            ControlFlow::Continue(())
        };
        stream(&system(), &Query::new().owners(true), &mut each).unwrap();
        assert_eq!(joined(&rows), expected());
        assert_eq!(count(&system(), &Query::new(), false).unwrap().total(), 5);
        assert_eq!(count(&system(), &Query::new().pid(12), false).unwrap().total(), 1);
        // What a key needs is looked up, and nothing else.
        for key in [GroupKey::Process, GroupKey::State, GroupKey::Netns] {
            let listed = take(&system(), &Query::new().processes(key.process_fields())).unwrap();
            assert_eq!(
                count_by(&system(), &Query::new(), key).unwrap().groups,
                listed.group_by(key),
                "{key}"
            );
        }
        let without = take(&system(), &Query::new()).unwrap().sockets;
        assert!(without.len() == 5 && without.iter().all(|row| row.owners().is_empty()));
    }

    #[test]
    fn sockets_that_share_an_inode_number_stay_apart() {
        let mut subflow = row(Protocol::Tcp, 7, Some(12));
        subflow.remote = Some(SocketAddr::from(([127, 0, 0, 2], 80)).into());
        let merged = merge(vec![row(Protocol::Tcp, 7, Some(12)), subflow, row(Protocol::Udp, 7, Some(12))]);
        assert_eq!(merged.len(), 3);
    }

    #[test]
    fn owners_are_complete_only_if_every_row_says_so_and_known_before_unknown() {
        let joined = |first: Ownership, second: Ownership| {
            let rows = [first, second].map(|ownership| {
                let mut row = row(Protocol::Tcp, 7, Some(12));
                row.ownership = ownership;
                row
            });
            merge(rows.into()).pop().unwrap().ownership()
        };
        let some = Ownership::Known { complete: false };
        let none = Ownership::None { reason: UnownedReason::Orphan };
        assert_eq!((joined(ALL, ALL), joined(ALL, some), joined(some, ALL)), (ALL, some, some));
        assert_eq!((joined(none, ALL), joined(ALL, Ownership::NotAsked)), (ALL, ALL));
        assert_eq!((joined(Ownership::NotAsked, none), joined(none, Ownership::NotAsked)), (none, none));
    }
}
