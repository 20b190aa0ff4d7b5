//! Evaluates a filter for one row, in three values: passes, fails, unknown.

use super::base::Filter;
use super::term::{End, Term};
use crate::model::endpoint::Endpoint;
use crate::model::owner::OwnerRole;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use std::ffi::OsStr;

/// Whether the process with this pid has this name.
pub(crate) type Names<'a> = &'a dyn Fn(u32, &OsStr) -> bool;

/// The facts by which terms are decided. `None` is unknown.
#[derive(Copy, Clone)]
pub(crate) struct Facts<'a> {
    socket: &'a Socket,
    mark: Option<u32>,
    cgroup: Option<u64>,
    /// The owners stand in the row, and these are their names.
    names: Option<Names<'a>>,
}

impl<'a> Facts<'a> {
    /// The facts of a row before its owners are known. No row has its mark or control group.
    pub(crate) fn of(socket: &'a Socket) -> Self {
        Self { socket, mark: None, cgroup: None, names: None }
    }

    pub(crate) fn with_owners(self, names: Names<'a>) -> Self {
        Self { names: Some(names), ..self }
    }
}

/// The state of a row. A socket without states counts as established when it has a remote end, and as closed when it
/// has none. `None`: it has a state, which is not known.
pub(crate) fn state(socket: &Socket) -> Option<State> {
    match (socket.state, &socket.remote) {
        (Some(state), _) => Some(state),
        (None, _) if listening(socket.protocol) == State::Listen => None,
        (None, Some(_)) => Some(State::Established),
        (None, None) => Some(State::Closed),
    }
}

/// The state in which a socket of this protocol is listening: LISTEN, or without a peer where there are no connections.
pub(crate) fn listening(protocol: Protocol) -> State {
    match protocol {
        Protocol::Udp
        | Protocol::UdpLite
        | Protocol::Icmp
        | Protocol::Raw(_)
        | Protocol::Netlink(_)
        | Protocol::Packet(_) => State::Closed,
        _ => State::Listen,
    }
}

/// Whether one of the ends holds; `None` where that end is not known. A socket without a remote end has none that
/// could hold.
fn at_ends(end: End, socket: &Socket, holds: &dyn Fn(&Endpoint) -> bool) -> Option<bool> {
    let known = |endpoint: &Endpoint| (*endpoint != Endpoint::Unknown).then(|| holds(endpoint));
    let local = || known(&socket.local);
    let remote = || socket.remote.as_ref().map_or(Some(false), known);
    match end {
        End::Local => local(),
        End::Remote => remote(),
        End::Either => match (local(), remote()) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
    }
}

impl Term {
    /// Whether it holds; `None` where these facts do not decide it.
    pub(crate) fn decide(&self, facts: &Facts<'_>) -> Option<bool> {
        let socket = facts.socket;
        Some(match self {
            Self::Protocol(protocol) => socket.protocol == *protocol,
            Self::Family(family) => socket.family == *family,
            Self::States(states) => states.contains(state(socket)?),
            Self::Listening => state(socket)? == listening(socket.protocol),
            Self::Port(end, ports) => {
                let in_range =
                    |end: &Endpoint| end.socket_addr().is_some_and(|addr| ports.contains(&addr.port()));
                at_ends(*end, socket, &in_range)?
            }
            Self::Net(end, net) => at_ends(*end, socket, &|end| end.ip().is_some_and(|ip| net.contains(ip)))?,
            Self::Interface(index) => socket.interface.is_some_and(|interface| interface.get() == *index),
            Self::Uid(uid) => socket.uid == Some(*uid),
            Self::Inode(inode) => socket.inode() == Some(*inode),
            Self::Pid(pid) => {
                facts.names?;
                socket.owners().iter().any(|owner| owner.pid == *pid)
            }
            Self::Process(name) => {
                let is_named = facts.names?;
                let mut owners = socket.owners().iter().filter(|owner| owner.role != OwnerRole::EndedBinder);
                owners.any(|owner| is_named(owner.pid, name))
            }
            Self::Cgroup(id) => facts.cgroup? == *id,
            Self::Mark { value, mask } => facts.mark? & mask == *value,
            Self::Autobound => return None,
        })
    }
}

impl Filter {
    /// Whether it holds; `None` where these facts do not decide it.
    pub(crate) fn decide(&self, facts: &Facts<'_>) -> Option<bool> {
        self.0.decide(&|term| term.decide(facts))
    }

    /// Whether a row may pass, as far as that can be decided without its owners. What only the kernel knows it
    /// has decided before: a back end that cannot ask it hands over no rows.
    pub(crate) fn matches(&self, socket: &Socket) -> bool {
        self.decide(&Facts::of(socket)) != Some(false)
    }

    /// Whether a row with its owners passes, as far as these are known.
    pub(crate) fn matches_owned(&self, socket: &Socket, names: Names<'_>) -> bool {
        self.decide(&Facts::of(socket).with_owners(names)) != Some(false)
    }
}
