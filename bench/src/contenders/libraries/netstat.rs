//! Ours.

use crate::Result;
use crate::contenders::process::{Clock, count};
use crate::results::Count;
use ::netstat::{ProcessFields, Query};

fn list(query: &Query, clock: &mut Clock) -> Result<Count> {
    let snapshot = clock.time(|| query.snapshot())?;
    Ok(count(snapshot.sockets.iter().map(|socket| !socket.owners().is_empty())))
}

pub(in crate::contenders) fn sockets(clock: &mut Clock) -> Result<Count> {
    list(&Query::new(), clock)
}

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    list(&Query::new().owners(true), clock)
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
