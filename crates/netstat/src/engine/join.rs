//! Joins rows with owners: rows of one socket become one row, and each row gets its owners or the reason it has none.

use crate::engine::owner_table::{OwnerTable, join_key};
use crate::engine::parallel::{lock, run_parallel};
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::owner::{HiddenOwner, Owners, Ownership};
use crate::model::socket::{Identity, Protocol, Socket};
use crate::query::Query;
use crate::sys::system::{OwnerSearch, System};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Mutex;

/// Emits the rows of the tables, each socket once, the rows of one protocol together.
pub(crate) fn list(
    system: &impl System,
    query: &Query,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    if !system.rows_repeat(query) {
        return system.sockets(query, sink);
    }
    let mut rows = Vec::new();
    let gaps = system.sockets(query, &mut |row| {
        rows.push(row);
        ControlFlow::Continue(())
    })?;
    let _ = merge(rows).into_iter().try_for_each(sink);
    Ok(gaps)
}

/// Makes one row of the rows of each socket, with all their owners, and groups the rows by protocol. No back end repeats
/// rows today; [`System::rows_repeat`] is the contract for one that reads sockets and owners in one pass.
fn merge(rows: Vec<Socket>) -> Vec<Socket> {
    /// An inode number alone is not enough: the subflows of an MPTCP connection have that of the connection.
    type Key = (Protocol, Identity, SocketAddr, Option<SocketAddr>);
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut merged: Vec<Socket> = Vec::new();
    for row in rows {
        let known = row.identity.and_then(|identity| {
            let key = (row.protocol, identity, row.local, row.remote);
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
    let Socket { state, rx_queue, tx_queue, uid, cookie, interface, v6_only, created, .. } = row;
    let Socket { service, details, ownership, owners, .. } = row;
    to.state = to.state.or(state);
    to.rx_queue = to.rx_queue.or(rx_queue);
    to.tx_queue = to.tx_queue.or(tx_queue);
    to.uid = to.uid.or(uid);
    to.cookie = to.cookie.or(cookie);
    to.interface = to.interface.or(interface);
    to.v6_only = to.v6_only.or(v6_only);
    to.created = to.created.or(created);
    to.service = to.service.take().or(service);
    to.details = to.details.take().or(details);
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

/// What resolving the owners of a row came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// The row has its owners, or the reason it has none.
    Final,
    /// No holder was found, and a second pass may still find one.
    Retry,
}

/// Sets the row's owners to the holders in the table. False: there are none.
fn set_holders(socket: &mut Socket, table: &OwnerTable) -> bool {
    let Some(key) = join_key(socket) else { return false };
    let mut owners: Owners = table.owners(key).collect();
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
        // The table of sockets has named all there is to name; some of these processes may have ended.
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

/// Looks for the holders of these rows once more, since the first pass may have been too early. The rows that are left
/// are looked up themselves: they may have been closed.
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
    if matches!(table.if_missing, Ownership::Hidden { reason: HiddenOwner::NotLookedAt }) {
        // Most of these are the sockets of processes that the query does not ask for, and are not shown.
        return;
    }
    let open = system.recheck(&mut unresolved.iter().map(|socket| &**socket));
    for (socket, is_open) in unresolved.into_iter().zip(open) {
        if !is_open {
            socket.ownership = Ownership::Hidden { reason: HiddenOwner::Vanished };
        }
    }
}

/// The sockets that only the search for owners has seen.
pub(crate) fn unlisted(
    query: &Query,
    search: &mut impl OwnerSearch,
    table: &OwnerTable,
) -> (Vec<Socket>, Vec<Gap>) {
    let (mut sockets, gaps) = search.unlisted();
    sockets.retain(|socket| query.filter.matches(socket));
    for socket in &mut sockets {
        // It was seen in a process, which may have ended since.
        socket.ownership = Ownership::Known { complete: false };
        set_holders(socket, table);
    }
    (sockets, gaps)
}

/// The keys of these rows, ascending, if they are so few that knowing them saves work.
pub(crate) fn keys_of_few(sockets: &[Socket]) -> Option<Vec<u64>> {
    const FEW: usize = 1024;
    (sockets.len() <= FEW).then(|| {
        let mut keys = sockets.iter().filter_map(join_key).collect::<Vec<u64>>();
        keys.sort_unstable();
        keys
    })
}
