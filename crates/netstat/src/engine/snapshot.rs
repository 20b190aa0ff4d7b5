//! From a query to its answer: the order of things, the same on every system.

use crate::engine::owner_table::{OwnerTable, Sighting, join_key};
use crate::engine::parallel::{run_parallel, thread_count};
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::owner::{HiddenOwner, OwnerRole, Owners, Ownership};
use crate::model::process::{Process, ProcessFields};
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::{self, Search, System};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Refuses what this system cannot decide.
fn check<S: System>(_: &S, query: &Query) -> Result<(), Error> {
    query.filter.check(sys::SUPPORT.socket_fields, S::KERNEL_DECIDES)
}

/// Lists the sockets while other threads search for owners, then joins the two.
pub(crate) fn take_from(system: &impl System, query: &Query) -> Result<Snapshot, Error> {
    check(system, query)?;
    let mut snapshot = Snapshot { taken_at: SystemTime::now(), ..Snapshot::default() };
    let sockets = &mut snapshot.sockets;
    let keep = |sockets: &mut Vec<Socket>, socket: Socket| {
        if query.filter.matches(&socket) {
            if sockets.len() == sockets.capacity() {
                system.make_room(sockets);
            }
            sockets.push(socket);
        }
        ControlFlow::Continue(())
    };
    if !query.wants_owners() {
        snapshot.gaps = system.sockets(query, &mut |socket| keep(sockets, socket.without_owners()))?;
        return Ok(snapshot);
    }

    let threads = thread_count(query);
    let mut search = system.search(query);
    // Whoever is ready before the tables are read has time for what comes after.
    let tables_are_read = AtomicBool::new(false);
    let work = || {
        search.run();
        let holders = if query.fields.is_empty() { Vec::new() } else { search.holders() };
        if !holders.is_empty() && !tables_are_read.load(SeqCst) {
            system.read_ahead(&holders, query.fields, &tables_are_read);
        }
    };
    let mut listed = Ok(Vec::new());
    run_parallel(threads, &work, &mut || {
        listed = system.sockets(query, &mut |socket| keep(sockets, socket));
        tables_are_read.store(true, SeqCst);
        search.sockets_are_listed(keys_of_few(sockets));
        search.run();
    });
    snapshot.gaps = listed?;
    let mut table = search.table();
    let unheld = settle_all(system, &mut snapshot.sockets, &table, threads);
    look_again(system, unheld, &mut search, &mut table, threads);
    let (unlisted, gaps) = unlisted(query, &mut search, &table);
    snapshot.gaps.extend(gaps);
    for socket in unlisted {
        // Behind those of its protocol: where the search is not the only one to see them, they are few.
        let place = snapshot.sockets.partition_point(|listed| listed.protocol <= socket.protocol);
        snapshot.sockets.insert(place, socket);
    }
    if query.needs_owners() {
        let seen = if query.filter.needs_names() { sightings(&snapshot.sockets, &table) } else { Vec::new() };
        let names = Names::new(system, query, &seen);
        snapshot.sockets.retain(|socket| names.pass(socket));
    }
    if !query.fields.is_empty() {
        let owners = sightings(&snapshot.sockets, &table);
        let (processes, gaps) = system.processes(&owners, query.fields, threads);
        snapshot.processes = processes;
        snapshot.gaps.extend(gaps);
    }
    snapshot.owners_from = table.from;
    snapshot.gaps.extend(table.gaps);
    if snapshot.sockets.iter().any(|socket| matches!(socket.ownership, Ownership::Hidden { .. })) {
        snapshot.gaps.extend(table.gaps_if_absent);
    }
    Ok(snapshot)
}

/// Counts rows without keeping them, and without owners unless they decide.
pub(crate) fn count_from(system: &impl System, query: &Query) -> Result<Counts, Error> {
    check(system, query)?;
    let mut counts = Counts::default();
    counts.gaps = if query.needs_owners() {
        stream_from(system, query, &mut |socket| {
            counts.add(socket.protocol, socket.state, 1);
            ControlFlow::Continue(())
        })?
    } else {
        system.count(query, &mut counts)?
    };
    Ok(counts)
}

/// Searches for owners first, then hands over the rows as they come. Rows whose owner is not in the table
/// are held back for a second look.
pub(crate) fn stream_from(
    system: &impl System,
    query: &Query,
    each: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    check(system, query)?;
    if !query.wants_owners() {
        return system.sockets(query, &mut |socket| {
            if query.filter.matches(&socket) {
                each(socket.without_owners())
            } else {
                ControlFlow::Continue(())
            }
        });
    }

    let threads = thread_count(query);
    let mut search = system.search(query);
    run_parallel(threads, &|| search.run(), &mut || search.run());
    let mut table = search.table();
    let names = Names::new(system, query, table.sightings());

    let mut held_back = Vec::new();
    let mut flow = ControlFlow::Continue(());
    let mut gaps = system.sockets(query, &mut |mut socket| {
        if !query.filter.matches(&socket) {
            return ControlFlow::Continue(());
        }
        if settle(system, &mut socket, &table) {
            held_back.push(socket);
        } else if names.pass(&socket) {
            flow = each(socket);
        }
        flow
    })?;
    if flow.is_break() {
        return Ok(gaps);
    }

    look_again(system, held_back.iter_mut().collect(), &mut search, &mut table, threads);
    // Names again: the second look may have met processes that are new.
    let names = Names::new(system, query, table.sightings());
    let hidden = held_back.iter().any(|socket| matches!(socket.ownership, Ownership::Hidden { .. }));
    let (unlisted, more) = unlisted(query, &mut search, &table);
    held_back.extend(unlisted);
    gaps.extend(more);
    for socket in held_back.into_iter().filter(|socket| names.pass(socket)) {
        if each(socket).is_break() {
            break;
        }
    }
    gaps.extend(table.gaps);
    if hidden {
        gaps.extend(table.gaps_if_absent);
    }
    Ok(gaps)
}

/// The sockets that only the search for owners has seen.
fn unlisted(query: &Query, search: &mut impl Search, table: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
    let (mut sockets, gaps) = search.unlisted();
    sockets.retain(|socket| query.filter.matches(socket));
    for socket in &mut sockets {
        // Somebody holds it, or it would not have been seen; nothing is known of others.
        socket.ownership = Ownership::Known { complete: false };
        own(socket, table);
    }
    (sockets, gaps)
}

/// The keys of these rows, ascending, if they are so few that knowing them saves work.
fn keys_of_few(sockets: &[Socket]) -> Option<Vec<u64>> {
    const FEW: usize = 1024;
    (sockets.len() <= FEW).then(|| {
        let mut keys = sockets.iter().filter_map(join_key).collect::<Vec<u64>>();
        keys.sort_unstable();
        keys
    })
}

/// Tells one row its holders, if any was found.
fn own(socket: &mut Socket, table: &OwnerTable) -> bool {
    let Some(key) = join_key(socket) else { return false };
    let mut holders: Owners = table.owners(key).collect();
    if holders.as_slice().is_empty() {
        return false;
    }
    // Beside those that the table of sockets itself has named, unless they are the same processes.
    for named in socket.owners() {
        if holders.as_slice().iter().all(|holder| holder.pid != named.pid) {
            holders.add(*named);
        }
    }
    socket.owners = holders;
    socket.ownership = Ownership::Known { complete: table.complete || table.is_sole(key) };
    true
}

/// Tells one row its owners, or why it has none. Whether nobody was found to hold it, and that is not the
/// last word.
fn settle(system: &impl System, socket: &mut Socket, table: &OwnerTable) -> bool {
    if own(socket, table) {
        return false;
    }
    if socket.ownership != Ownership::NotAsked {
        // The table of sockets has said it all, but for which of these processes are still there.
        if let Some(census) = &table.census {
            census.tell_ended(socket);
        }
        return false;
    }
    if join_key(socket).is_none() {
        socket.ownership = Ownership::None { reason: system.ownerless(socket) };
        return false;
    }
    socket.ownership = match table.absent {
        // Nobody was found to hold it, but the table of sockets names somebody.
        Ownership::Hidden { .. } if !socket.owners().is_empty() => Ownership::Known { complete: false },
        absent => absent,
    };
    true
}

/// The same of all rows, some at a time on each thread if they are many. Gives those of which that is not the last word.
fn settle_all<'s>(
    system: &impl System,
    sockets: &'s mut [Socket],
    table: &OwnerTable,
    threads: usize,
) -> Vec<&'s mut Socket> {
    const AT_ONCE: usize = 2048;
    let threads = if sockets.len() <= 4 * AT_ONCE { 1 } else { threads };
    let mut unheld = Vec::new();
    unheld.resize_with(sockets.len().div_ceil(AT_ONCE), Vec::new);
    let parts = Mutex::new(sockets.chunks_mut(AT_ONCE).zip(&mut unheld));
    let work = || {
        loop {
            let part = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((part, unheld)) = part else { break };
            for socket in part {
                if settle(system, socket, table) {
                    unheld.push(socket);
                }
            }
        }
    };
    run_parallel(threads, &work, &mut || work());
    unheld.into_iter().flatten().collect()
}

/// A second look for rows that nobody was found to hold: the first may have been too early. Those that are
/// left are asked after themselves: they may be gone.
fn look_again<S: System>(
    system: &S,
    mut unheld: Vec<&mut Socket>,
    search: &mut S::Search,
    table: &mut OwnerTable,
    threads: usize,
) {
    let mut keys = unheld.iter().filter_map(|socket| join_key(socket)).collect::<Vec<u64>>();
    keys.sort_unstable();
    search.again(table, &keys, threads);
    unheld.retain_mut(|socket| {
        socket.ownership = Ownership::NotAsked;
        settle(system, socket, table)
    });
    if matches!(table.absent, Ownership::Hidden { reason: HiddenOwner::NotLookedAt }) {
        // Most of these are the sockets of processes that were not asked for, and are not shown.
        return;
    }
    let still_open = system.still_open(&mut unheld.iter().map(|socket| &**socket));
    for (socket, still_open) in unheld.into_iter().zip(still_open) {
        if !still_open {
            socket.ownership = Ownership::Hidden { reason: HiddenOwner::Vanished };
        }
    }
}

/// The processes that own one of these rows, ascending.
fn sightings(sockets: &[Socket], table: &OwnerTable) -> Vec<Sighting> {
    let mut pids: Vec<u32> = Vec::new();
    // The last of each remainder: most rows are of a process that is among them, and sorting takes longer.
    let mut recent = [None; 1024];
    let owners = sockets.iter().flat_map(Socket::owners);
    for owner in owners.filter(|owner| owner.role != OwnerRole::EndedBinder) {
        let place = recent.get_mut(owner.pid as usize % 1024);
        if place.is_some_and(|place| place.replace(owner.pid) != Some(owner.pid)) {
            pids.push(owner.pid);
        }
    }
    // A process that only the table of sockets names was not seen at any one time.
    let unseen = |pid| Sighting::new(pid, u64::MAX);
    pids.sort_unstable();
    pids.dedup();
    let mut sightings = Vec::with_capacity(pids.len());
    for pid in pids {
        sightings.push(table.sighting(pid).unwrap_or_else(|| unseen(pid)));
    }
    sightings
}

/// The names of processes, as far as the filter of a query needs them.
struct Names<'a, S> {
    system: &'a S,
    query: &'a Query,
    /// Ascending by pid.
    known: RefCell<Vec<(u32, Option<OsString>)>>,
}

impl<'a, S: System> Names<'a, S> {
    fn new(system: &'a S, query: &'a Query, sightings: &[Sighting]) -> Self {
        let names = Self { system, query, known: RefCell::default() };
        if query.filter.needs_names() {
            names.learn(sightings);
        }
        names
    }

    fn learn(&self, sightings: &[Sighting]) {
        let threads = thread_count(self.query);
        let (processes, _) = self.system.processes(sightings, ProcessFields::NAME, threads);
        let mut known = self.known.borrow_mut();
        for Process { pid, name, .. } in processes {
            // Mostly at the end: they come in order.
            let place = known.partition_point(|(known, _)| *known < pid);
            known.insert(place, (pid, name));
        }
    }

    fn is_named(&self, pid: u32, wanted: &OsStr) -> bool {
        let place = || self.known.borrow().binary_search_by_key(&pid, |(pid, _)| *pid);
        if place().is_err() {
            // Named by the table of sockets alone, so it was not seen at any one time.
            self.learn(&[Sighting::new(pid, u64::MAX)]);
        }
        let Ok(place) = place() else { return false };
        let known = self.known.borrow();
        let Some((_, Some(name))) = known.get(place) else { return false };
        wanted == name || self.system.is_short_name(wanted, name)
    }

    /// Whether a row passes, now that its owners are told.
    fn pass(&self, socket: &Socket) -> bool {
        !self.query.needs_owners()
            || self.query.filter.matches_owned(socket, &|pid, name| self.is_named(pid, name))
    }
}
