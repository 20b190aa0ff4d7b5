//! The calls of netstat that have no base; the others are in [`netstat_contender::calls`].

use crate::Result;
use ::netstat::{Filter, Lister, OwnerSource, ProcessFields, Query, Snapshot, State};
use netstat_contender::calls::{list, named};
use netstat_contender::{Clock, Count, Unavailable, count_owners};
use std::net::Ipv4Addr;

/// The call of this name, if it finds owners by BPF alone.
fn by_bpf(name: &str, clock: &mut Clock) -> Result<Count> {
    let count = named(name).ok_or("there is no such call")?(clock)?;
    let snapshot = Query::new().owners(true).owner_source(OwnerSource::Bpf).snapshot()?;
    match &snapshot.owner_source {
        Some(from) if from.source == OwnerSource::Bpf => Ok(count),
        Some(from) => Err(Unavailable(from.to_string()).into()),
        None => Err(Unavailable("the library does not report how it found owners".to_owned()).into()),
    }
}

pub(in crate::contenders) fn owners_by_bpf(clock: &mut Clock) -> Result<Count> {
    by_bpf("netstat-bpf", clock)
}

pub(in crate::contenders) fn port_owners_by_bpf(clock: &mut Clock) -> Result<Count> {
    by_bpf("netstat-port-bpf", clock)
}

/// What one source has found, if it is the one that was asked for.
fn list_by(source: OwnerSource, clock: &mut Clock) -> Result<Count> {
    let query = Query::new().owners(true).owner_source(source);
    let snapshot = clock.time(|| query.snapshot())?;
    match &snapshot.owner_source {
        Some(from) if from.source != source => Err(Unavailable(from.to_string()).into()),
        _ => Ok(count(&snapshot)),
    }
}

/// The same by a program that polls, which loads and fills its caches before.
fn kept_by(source: OwnerSource, clock: &mut Clock) -> Result<Count> {
    let query = Query::new().owners(true).owner_source(source);
    let mut lister = Lister::new();
    let first = lister.snapshot(&query)?;
    if let Some(from) = first.owner_source.filter(|from| from.source != source) {
        return Err(Unavailable(from.to_string()).into());
    }
    let mut found = Count::default();
    for _ in 0..REPEATS {
        found = count(&clock.time(|| lister.snapshot(&query))?);
    }
    Ok(found)
}

/// How often a program that polls lists.
const REPEATS: usize = 5;

fn count(snapshot: &Snapshot) -> Count {
    count_owners(snapshot.sockets.iter().map(|socket| socket.owners().iter().map(|owner| owner.pid)))
}

/// Rows and owners in one pass, where a table of this length would be dumped by default, too.
pub(in crate::contenders) fn owners_in_one_pass(clock: &mut Clock) -> Result<Count> {
    list_by(OwnerSource::OnePass, clock)
}

pub(in crate::contenders) fn kept_in_one_pass(clock: &mut Clock) -> Result<Count> {
    kept_by(OwnerSource::OnePass, clock)
}

pub(in crate::contenders) fn kept_by_bpf(clock: &mut Clock) -> Result<Count> {
    kept_by(OwnerSource::Bpf, clock)
}

/// A filter that the kernel can decide, and that no socket passes.
pub(in crate::contenders) fn nothing(clock: &mut Clock) -> Result<Count> {
    // An address for documentation, RFC 5737.
    let filter = Filter::remote_net(Ipv4Addr::new(203, 0, 113, 0), 24);
    list(&Query::new().filter(filter), clock)
}

/// How many lookups are timed. One takes microseconds, and the first one in a process more than the others.
const LOOKUPS: usize = 101;

/// The row of one connection, looked up by its ends, which are determined beforehand.
pub(in crate::contenders) fn connection(clock: &mut Clock) -> Result<Count> {
    let of_port = Query::new().tcp().local_port(clock.port).state(State::Established);
    let snapshot = of_port.snapshot()?;
    let ends = snapshot.into_iter().find_map(|socket| socket.local_addr().zip(socket.remote_addr()));
    let (local, remote) = ends.ok_or("the port has no connection")?;
    let query = Query::new().connection(local, remote);
    let mut count = Count::default();
    for _ in 0..LOOKUPS {
        count = list(&query, clock)?;
    }
    Ok(count)
}

/// With the name of each owner, read anew.
pub(in crate::contenders) fn names(clock: &mut Clock) -> Result<Count> {
    list(&Query::new().processes(ProcessFields::NAME), clock)
}

/// With what each owner belongs to, beside its name.
pub(in crate::contenders) fn workloads(clock: &mut Clock) -> Result<Count> {
    list(&Query::new().processes(ProcessFields::NAME | ProcessFields::WORKLOAD), clock)
}

/// With all that the JSON of lsock has.
pub(in crate::contenders) fn details(clock: &mut Clock) -> Result<Count> {
    let fields = ProcessFields::NAME
        | ProcessFields::PATH
        | ProcessFields::PARENT
        | ProcessFields::UID
        | ProcessFields::USER
        | ProcessFields::START_TIME;
    list(&Query::new().processes(fields), clock)
}
