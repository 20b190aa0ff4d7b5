//! Whether a row passes.

use super::base::Filter;
use super::term::{End, Term};
use crate::model::owner::OwnerRole;
use crate::model::socket::{Protocol, Socket};
use crate::model::tcp_state::TcpState;
use std::ffi::OsStr;
use std::net::SocketAddr;

/// Whether the process with this pid has this name.
pub(crate) type Names<'a> = &'a dyn Fn(u32, &OsStr) -> bool;

/// Everything that terms can be told by. What is `None` cannot be told.
#[derive(Copy, Clone)]
pub(crate) struct Facts<'a> {
    socket: &'a Socket,
    mark: Option<u32>,
    cgroup: Option<u64>,
    /// The owners stand in the row, and these are their names.
    names: Option<Names<'a>>,
}

impl<'a> Facts<'a> {
    /// What a row tells before its owners are known. No row tells mark and control group.
    pub(crate) fn of(socket: &'a Socket) -> Self {
        Self { socket, mark: None, cgroup: None, names: None }
    }

    pub(crate) fn with_owners(self, names: Names<'a>) -> Self {
        Self { names: Some(names), ..self }
    }
}

/// The state of a row, of UDP too: established with a remote end, closed without.
pub(crate) fn state(socket: &Socket) -> TcpState {
    match (socket.state, socket.remote) {
        (Some(state), _) => state,
        (None, Some(_)) => TcpState::Established,
        (None, None) => TcpState::Closed,
    }
}

/// What a socket that waits for others is in.
pub(crate) fn listening(protocol: Protocol) -> TcpState {
    match protocol {
        Protocol::Tcp => TcpState::Listen,
        Protocol::Udp => TcpState::Closed,
    }
}

impl Term {
    /// Whether it holds; `None` where these facts do not tell.
    pub(crate) fn decide(&self, facts: &Facts<'_>) -> Option<bool> {
        let socket = facts.socket;
        let at = |end: &End, holds: &dyn Fn(SocketAddr) -> bool| {
            let (local, remote) = (*end != End::Remote, *end != End::Local);
            (local && holds(socket.local)) || (remote && socket.remote.is_some_and(holds))
        };
        Some(match self {
            Self::Protocol(protocol) => socket.protocol == *protocol,
            Self::Family(family) => socket.family == *family,
            Self::States(states) => states.contains(state(socket)),
            Self::Listening => state(socket) == listening(socket.protocol),
            Self::Port(end, ports) => at(end, &|address| ports.contains(&address.port())),
            Self::Net(end, net) => at(end, &|address| net.contains(address.ip())),
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
    /// Whether it holds; `None` where these facts do not tell.
    pub(crate) fn decide(&self, facts: &Facts<'_>) -> Option<bool> {
        self.0.decide(&|term| term.decide(facts))
    }

    /// Whether a row may pass, as far as that can be told without its owners. What only the kernel knows it
    /// has decided before: a back end that cannot ask it hands over no rows.
    pub(crate) fn matches(&self, socket: &Socket) -> bool {
        self.decide(&Facts::of(socket)) != Some(false)
    }

    /// Whether a row passes whose owners are told, as far as they are known.
    pub(crate) fn matches_owned(&self, socket: &Socket, names: Names<'_>) -> bool {
        self.decide(&Facts::of(socket).with_owners(names)) != Some(false)
    }
}
