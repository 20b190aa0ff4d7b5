//! listeners. It reports no remote ends, so that the connections of one listener are one row, and no sockets
//! without an owner.

use crate::Result;
use netstat_contender::{Clock, Count, count};

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    let listeners = clock.time(::listeners::get_all).map_err(|error| error.to_string())?;
    Ok(count(listeners.iter().map(|_| true)))
}
