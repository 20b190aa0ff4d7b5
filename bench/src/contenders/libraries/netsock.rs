//! netsock.

use crate::Result;
use ::netsock::family::AddressFamilyFlags;
use ::netsock::get_sockets;
use ::netsock::protocol::ProtocolFlags;
use netstat_contender::{Clock, Count, count};

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    let sockets = clock.time(|| get_sockets(AddressFamilyFlags::all(), ProtocolFlags::all()))?;
    Ok(count(sockets.iter().map(|socket| !socket.processes.is_empty())))
}
