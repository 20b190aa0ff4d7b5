//! netstat2.

use crate::Result;
use ::netstat2::{
    AddressFamilyFlags, ProtocolFlags, SocketInfo, get_sockets_info, iterate_sockets_info_without_pids,
};
use netstat_contender::{Clock, Count, count};

fn counted(sockets: &[SocketInfo]) -> Count {
    count(sockets.iter().map(|socket| !socket.associated_pids.is_empty()))
}

pub(in crate::contenders) fn owners(clock: &mut Clock) -> Result<Count> {
    let sockets = clock.time(|| get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all()))?;
    Ok(counted(&sockets))
}

pub(in crate::contenders) fn sockets(clock: &mut Clock) -> Result<Count> {
    let sockets = clock.time(|| {
        iterate_sockets_info_without_pids(AddressFamilyFlags::all(), ProtocolFlags::all())?
            .collect::<std::result::Result<Vec<_>, _>>()
    })?;
    Ok(counted(&sockets))
}
