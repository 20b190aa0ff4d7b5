//! The world `states`: a socket in every state that can be made on one machine, with every kind of holder.

use crate::Result;
use socket_world::holders::{self, InFlight};
use socket_world::{Child, Made, binding, names, tcp, udp};
use std::os::fd::OwnedFd;

/// The sockets and processes, which end when this is dropped.
pub(super) struct States {
    _made: Vec<Made>,
    _children: Vec<Child>,
    _duplicates: Vec<OwnedFd>,
    _in_flight: InFlight,
}

impl States {
    /// # Errors
    /// A socket or a process cannot be made.
    pub(super) fn make() -> Result<Self> {
        let mut made = Vec::new();
        for (name, make) in tcp::ALL.iter().chain(udp::ALL).chain(binding::ALL) {
            made.push(make().map_err(|error| format!("{name}: {error}"))?);
        }
        made.push(binding::tcp_bound_alone()?);
        let shared = made.first().and_then(|made| made.sockets.first()).ok_or("no sockets")?;
        let mut children = holders::inherited(2, shared)?;
        let duplicates = holders::duplicated(2, shared)?;
        children.push(holders::shared_table(shared)?);
        children.push(holders::passed(listener()?)?);
        let in_flight = holders::in_flight(listener()?)?;
        for name in names::hostile() {
            children.push(names::named(name, udp::unconnected_v4)?);
        }
        children.push(names::other_user(USER, udp::unconnected_v4)?);
        children.push(names::not_dumpable(udp::unconnected_v4)?);
        Ok(Self { _made: made, _children: children, _duplicates: duplicates, _in_flight: in_flight })
    }
}

/// An unprivileged user.
const USER: u32 = 54_321;

fn listener() -> Result<OwnedFd> {
    Ok(tcp::listener_v4()?.sockets.pop().ok_or("no socket")?)
}
