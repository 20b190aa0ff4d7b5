//! netsock.

use crate::Result;
use crate::contenders::process::{Clock, count};
use crate::results::Count;
use ::netsock::family::AddressFamilyFlags;
use ::netsock::get_sockets;
use ::netsock::protocol::ProtocolFlags;

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    let sockets = clock.time(|| get_sockets(AddressFamilyFlags::all(), ProtocolFlags::all()))?;
    Ok(count(sockets.iter().map(|socket| !socket.processes.is_empty())))
}
