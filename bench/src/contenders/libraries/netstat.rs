//! Ours.

use crate::Result;
use crate::contenders::process::{Clock, Unavailable, count_owners};
use crate::results::Count;
use ::netstat::{Lister, OwnerSource, ProcessFields, Query, Snapshot};

/// How many listings of a kept value are timed, after the first, which is not.
const AGAIN: usize = 5;

fn counted(snapshot: &Snapshot) -> Count {
    count_owners(snapshot.sockets.iter().map(|socket| socket.owners().iter().map(|owner| owner.pid)))
}

fn list(query: &Query, clock: &mut Clock) -> Result<Count> {
    let snapshot = clock.time(|| query.snapshot())?;
    Ok(counted(&snapshot))
}

/// By BPF, and by nothing else.
fn list_by_bpf(query: Query, clock: &mut Clock) -> Result<Count> {
    let snapshot = clock.time(|| query.owner_source(OwnerSource::Bpf).snapshot())?;
    match &snapshot.owners_from {
        Some(from) if from.source == OwnerSource::Bpf => Ok(counted(&snapshot)),
        Some(from) => Err(Unavailable(from.to_string()).into()),
        None => Err(Unavailable("the library does not say how it found owners".to_owned()).into()),
    }
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

pub(in crate::contenders) fn sockets(clock: &mut Clock) -> Result<Count> {
    list(&Query::new(), clock)
}

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    list(&everything(), clock)
}

pub(in crate::contenders) fn owners_by_bpf(clock: &mut Clock) -> Result<Count> {
    list_by_bpf(everything(), clock)
}

pub(in crate::contenders) fn owners_by_walk(clock: &mut Clock) -> Result<Count> {
    list_by_walk(everything(), clock)
}

/// What a program that polls sees: the first listing, which makes everything ready, is not timed.
pub(in crate::contenders) fn kept(clock: &mut Clock) -> Result<Count> {
    let (query, mut lister) = (everything(), Lister::new());
    let mut count = counted(&lister.snapshot(&query)?);
    for _ in 0..AGAIN {
        count = counted(&clock.time(|| lister.snapshot(&query))?);
    }
    Ok(count)
}

pub(in crate::contenders) fn port_owners(clock: &mut Clock) -> Result<Count> {
    list(&port(clock), clock)
}

pub(in crate::contenders) fn port_owners_by_bpf(clock: &mut Clock) -> Result<Count> {
    list_by_bpf(port(clock), clock)
}

pub(in crate::contenders) fn port_owners_by_walk(clock: &mut Clock) -> Result<Count> {
    list_by_walk(port(clock), clock)
}

pub(in crate::contenders) fn listeners(clock: &mut Clock) -> Result<Count> {
    list(&listening(), clock)
}

pub(in crate::contenders) fn listeners_by_walk(clock: &mut Clock) -> Result<Count> {
    list_by_walk(listening(), clock)
}

/// How many in each state, without a row.
pub(in crate::contenders) fn counts(clock: &mut Clock) -> Result<Count> {
    let counts = clock.time(|| Query::new().count())?;
    Ok(Count { rows: counts.total(), owned: 0, pids: Some(0) })
}

/// As the table of lsock asks.
pub(in crate::contenders) fn names(clock: &mut Clock) -> Result<Count> {
    list(&Query::new().processes(ProcessFields::NAME), clock)
}

/// As the JSON of lsock asks.
pub(in crate::contenders) fn details(clock: &mut Clock) -> Result<Count> {
    let fields = ProcessFields::NAME
        | ProcessFields::PATH
        | ProcessFields::PARENT
        | ProcessFields::UID
        | ProcessFields::USER
        | ProcessFields::START_TIME;
    list(&Query::new().processes(fields), clock)
}
