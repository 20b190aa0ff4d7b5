//! The calls of netstat that are measured, by name.

use crate::account::{Count, count_owners};
use crate::clock::Clock;
use crate::{Call, Result};
use netstat::{
    AddressFamilyFlags, Lister, OwnerSource, ProcessFields, ProtocolFlags, Query, SocketInfo,
    get_sockets_info, iterate_sockets_info_without_pids,
};
use std::ops::ControlFlow;

/// All of them by name.
pub const ALL: &[(&str, Call)] = &[
    ("netstat", owners),
    ("netstat-bpf", owners_by_bpf),
    ("netstat-walk", owners_by_walk),
    ("netstat-kept", kept),
    ("netstat-names", names),
    ("netstat-old", old_interface),
    ("netstat-sockets", sockets),
    ("netstat-each", each),
    ("netstat-old-sockets", old_interface_without_pids),
    ("netstat-port", port_owners),
    ("netstat-port-bpf", port_owners_by_bpf),
    ("netstat-port-walk", port_owners_by_walk),
    ("netstat-listeners", listeners),
    ("netstat-listeners-walk", listeners_by_walk),
    ("netstat-counts", counts),
];

/// How many listings by a reused `Lister` are timed, after the first, which is not.
const REPEATS: usize = 5;

/// The call of this name.
pub fn named(name: &str) -> Option<Call> {
    ALL.iter().find(|(other, _)| *other == name).map(|(_, call)| *call)
}

/// Makes a query and counts its rows.
///
/// # Errors
/// The listing fails.
pub fn list(query: &Query, clock: &mut Clock) -> Result<Count> {
    let snapshot = clock.time(|| query.snapshot())?;
    Ok(count_owners(snapshot.sockets.iter().map(|socket| socket.owners().iter().map(|owner| owner.pid))))
}

fn list_by_bpf(query: Query, clock: &mut Clock) -> Result<Count> {
    list(&query.owner_source(OwnerSource::Bpf), clock)
}

fn list_by_walk(query: Query, clock: &mut Clock) -> Result<Count> {
    list(&query.owner_source(OwnerSource::Procfs), clock)
}

fn everything() -> Query {
    Query::new().owners(true)
}

fn port(clock: &Clock) -> Query {
    everything().local_port(clock.port)
}

fn listening() -> Query {
    everything().listening()
}

fn sockets(clock: &mut Clock) -> Result<Count> {
    list(&Query::new(), clock)
}

fn owners(clock: &mut Clock) -> Result<Count> {
    list(&everything(), clock)
}

/// The library falls back to procfs where BPF is unavailable; the bench checks that beforehand.
fn owners_by_bpf(clock: &mut Clock) -> Result<Count> {
    list_by_bpf(everything(), clock)
}

fn owners_by_walk(clock: &mut Clock) -> Result<Count> {
    list_by_walk(everything(), clock)
}

/// A program that polls: the first listing, which fills the caches, is not timed.
fn kept(clock: &mut Clock) -> Result<Count> {
    let (query, mut lister) = (everything(), Lister::new());
    lister.snapshot(&query)?;
    let mut count = Count::default();
    for _ in 0..REPEATS {
        let snapshot = clock.time(|| lister.snapshot(&query))?;
        count =
            count_owners(snapshot.sockets.iter().map(|socket| socket.owners().iter().map(|owner| owner.pid)));
    }
    Ok(count)
}

fn port_owners(clock: &mut Clock) -> Result<Count> {
    list(&port(clock), clock)
}

fn port_owners_by_bpf(clock: &mut Clock) -> Result<Count> {
    list_by_bpf(port(clock), clock)
}

fn port_owners_by_walk(clock: &mut Clock) -> Result<Count> {
    list_by_walk(port(clock), clock)
}

fn listeners(clock: &mut Clock) -> Result<Count> {
    list(&listening(), clock)
}

fn listeners_by_walk(clock: &mut Clock) -> Result<Count> {
    list_by_walk(listening(), clock)
}

/// The numbers by state, without rows.
fn counts(clock: &mut Clock) -> Result<Count> {
    let counts = clock.time(|| Query::new().count())?;
    Ok(Count { rows: counts.total(), owned: 0, pids: Some(0) })
}

/// Row by row, without keeping them.
fn each(clock: &mut Clock) -> Result<Count> {
    let mut rows = 0;
    clock.time(|| {
        Query::new().for_each(|_| {
            rows += 1;
            ControlFlow::Continue(())
        })
    })?;
    Ok(Count { rows, owned: 0, pids: Some(0) })
}

/// With the fields that lsock needs for its table.
fn names(clock: &mut Clock) -> Result<Count> {
    list(&Query::new().processes(ProcessFields::NAME), clock)
}

fn counted(sockets: &[SocketInfo]) -> Count {
    count_owners(sockets.iter().map(|socket| socket.associated_pids.iter().copied()))
}

/// As a program written for netstat2 calls it.
fn old_interface(clock: &mut Clock) -> Result<Count> {
    let sockets = clock.time(|| get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all()))?;
    Ok(counted(&sockets))
}

/// As a program written for netstat2 calls it, collected.
fn old_interface_without_pids(clock: &mut Clock) -> Result<Count> {
    let sockets = clock.time(|| {
        iterate_sockets_info_without_pids(AddressFamilyFlags::all(), ProtocolFlags::all())?
            .collect::<std::result::Result<Vec<_>, _>>()
    })?;
    Ok(counted(&sockets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_a_name_of_its_own() {
        for (name, call) in ALL {
            let found = named(name).expect("a call");
            assert!(std::ptr::fn_addr_eq(found, *call), "{name}");
        }
        assert!(named("netstat2").is_none());
    }
}
