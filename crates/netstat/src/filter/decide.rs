//! Evaluates a filter for one row, in three values: passes, fails, unknown.

use super::base::Filter;
use super::expr::Expr;
use super::term::{End, Term};
use crate::model::endpoint::Endpoint;
use crate::model::exposure::{Reach, is_unbound};
use crate::model::family::Family;
use crate::model::owner::OwnerRole;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::model::workload_part::WorkloadPart;
use std::ffi::OsStr;

/// What is known of the owners of rows.
pub(crate) trait OwnerFacts {
    /// Whether the process with this pid has this name; `None` if its names could not be read.
    fn is_named(&self, pid: u32, name: &OsStr) -> Option<bool>;

    /// Whether the process with this pid is in such a container, pod or unit; `None` if that could not be read.
    fn is_part_of(&self, pid: u32, part: WorkloadPart, name: &str) -> Option<bool>;

    /// Whether the row may have an owner for which this term holds, beside those that it shows.
    fn may_be_unseen(&self, socket: &Socket, term: &Term) -> bool;

    /// The row at the other end of one.
    fn peer(&self, _socket: &Socket) -> PeerRow<'_> {
        PeerRow::Unclear
    }
}

/// The row at the other end of one.
#[derive(Copy, Clone, Debug)]
pub(crate) enum PeerRow<'s> {
    Known(&'s Socket),
    /// No process of this machine is there, as far as can be seen.
    None,
    /// There may be one.
    Unclear,
}

/// Whether a row passes a filter.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passes,
    Fails,
    /// It depends on owners, names or users that are not known. `by_those_seen`: what it comes to if there are no others
    /// than are known.
    Undecided {
        by_those_seen: bool,
    },
}

/// The facts by which terms are decided. `None` is unknown.
#[derive(Copy, Clone)]
pub(crate) struct Facts<'a> {
    socket: &'a Socket,
    mark: Option<u32>,
    cgroup: Option<u64>,
    /// The owners are in the row, and this is known of them; `None`: not yet.
    owners: Option<&'a dyn OwnerFacts>,
    /// Whether to take what is not known of owners and users for false.
    closed_world: bool,
}

impl<'a> Facts<'a> {
    /// The facts of a row before its owners are known. No row has its mark or control group.
    pub(crate) fn of(socket: &'a Socket) -> Self {
        Self { socket, mark: None, cgroup: None, owners: None, closed_world: false }
    }

    pub(crate) fn with_owners(self, owners: &'a dyn OwnerFacts) -> Self {
        Self { owners: Some(owners), ..self }
    }

    /// Whether a term about owners holds for one of those seen, or for another one.
    fn of_any_seen(&self, term: &Term, holds: &dyn Fn(&dyn OwnerFacts, u32) -> Option<bool>) -> Option<bool> {
        let owners = self.owners?;
        let seen = self.socket.owners().iter().filter(|owner| owner.role != OwnerRole::EndedBinder);
        let mut unknown = false;
        for owner in seen {
            match holds(owners, owner.pid) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
        self.of_none_seen(term, owners, unknown)
    }

    /// Whether a term about owners holds at the other end.
    fn at_peer(&self, term: &Term) -> Option<bool> {
        match self.owners?.peer(self.socket) {
            PeerRow::Known(socket) => term.decide(&Facts { socket, ..*self }),
            PeerRow::None => Some(false),
            PeerRow::Unclear => self.closed_world.then_some(false),
        }
    }

    /// What a term about owners comes to that holds for none of those seen. `unknown`: whether that of one is unknown.
    fn of_none_seen(&self, term: &Term, owners: &dyn OwnerFacts, unknown: bool) -> Option<bool> {
        let undecided = !self.closed_world && (unknown || owners.may_be_unseen(self.socket, term));
        (!undecided).then_some(false)
    }
}

/// The state of a row. A socket without states counts as established when it has a remote end, and as closed when it
/// has none. `None`: it has a state, which is not known.
pub(crate) fn state(socket: &Socket) -> Option<State> {
    match (socket.state, &socket.remote) {
        (Some(state), _) => Some(state),
        (None, _) if listening(socket.protocol.kind()) == State::Listen => None,
        (None, Some(_)) => Some(State::Established),
        (None, None) => Some(State::Closed),
    }
}

/// The state in which a socket of this protocol is listening: LISTEN, or without a peer where there are no connections.
pub(crate) fn listening(kind: ProtocolKind) -> State {
    match kind {
        ProtocolKind::Udp
        | ProtocolKind::UdpLite
        | ProtocolKind::Icmp
        | ProtocolKind::Raw
        | ProtocolKind::Netlink
        | ProtocolKind::Packet => State::Closed,
        _ => State::Listen,
    }
}

/// Whether sockets of this protocol have no state and do not wait for others: their programs take what the kernel sends.
pub(crate) fn never_listens(kind: ProtocolKind) -> bool {
    matches!(kind, ProtocolKind::Netlink | ProtocolKind::Packet)
}

/// Whether an end that is not known may be an IP address with a port.
pub(crate) fn may_have_address(family: Family) -> bool {
    const AF_UNSPEC: u16 = 0;
    const AF_RDS: u16 = 21;
    const AF_RXRPC: u16 = 33;
    const AF_SMC: u16 = 43;
    family.is_ip() || matches!(family, Family::Other(AF_UNSPEC | AF_RDS | AF_RXRPC | AF_SMC))
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
            Self::ProtocolKind(kind) => socket.protocol.kind() == *kind,
            Self::Type(wanted) => socket.socket_type? == *wanted,
            Self::Family(family) => socket.family == *family,
            Self::States(states) => states.contains(state(socket)?),
            Self::Listening if socket.protocol == Protocol::Unix => {
                socket.state?;
                socket.is_listening()
            }
            Self::Listening if never_listens(socket.protocol.kind()) => false,
            Self::Listening => state(socket)? == listening(socket.protocol.kind()),
            Self::Port(..) | Self::Net(..) | Self::Exposed | Self::Local
                if !may_have_address(socket.family) =>
            {
                false
            }
            Self::Exposed | Self::Local if is_unbound(socket) => false,
            Self::Exposed | Self::Local => {
                let is_exposed = Reach::of_socket(socket).map(|reach| reach > Reach::Loopback);
                let is_so = is_exposed.map(|exposed| exposed == (*self == Self::Exposed));
                match (Self::Listening.decide(facts), is_so) {
                    (Some(false), _) | (_, Some(false)) => false,
                    (Some(true), Some(true)) => true,
                    _ => return None,
                }
            }
            Self::Port(end, ports) => {
                let in_range =
                    |end: &Endpoint| end.socket_addr().is_some_and(|addr| ports.contains(&addr.port()));
                at_ends(*end, socket, &in_range)?
            }
            Self::Net(end, net) => at_ends(*end, socket, &|end| end.ip().is_some_and(|ip| net.contains(ip)))?,
            Self::UnixName(..) if socket.family != Family::Unix => false,
            Self::UnixName(end, pattern) => {
                let is_named = |end: &Endpoint| matches!(end, Endpoint::Unix(name) if pattern.matches(name));
                at_ends(*end, socket, &is_named)?
            }
            Self::Interface(index) => socket.interface.is_some_and(|interface| interface.get() == *index),
            Self::Uid(uid) => match socket.uid {
                Some(user) => user == *uid,
                None if facts.closed_world || !socket.has_unknown_user() => false,
                None => return None,
            },
            Self::Inode(inode) => socket.inode() == Some(*inode),
            Self::Netns(netns) => socket.netns? == *netns,
            Self::Pid(pid) => {
                let owners = facts.owners?;
                let is_seen = socket.owners().iter().any(|owner| owner.pid == *pid);
                is_seen || facts.of_none_seen(self, owners, false)?
            }
            Self::Process(name) => facts.of_any_seen(self, &|owners, pid| owners.is_named(pid, name))?,
            Self::Workload(part, name) => {
                facts.of_any_seen(self, &|owners, pid| owners.is_part_of(pid, *part, name))?
            }
            Self::PeerPid(pid) => return facts.at_peer(&Self::Pid(*pid)),
            Self::PeerProcess(name) => return facts.at_peer(&Self::Process(name.clone())),
            Self::Cgroup(id) => facts.cgroup? == *id,
            Self::Mark { value, mask } => facts.mark? & mask == *value,
            Self::Autobound | Self::TooDeep => return None,
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

    /// Whether a row passes, with what is known of its owners.
    pub(crate) fn judge(&self, socket: &Socket, owners: &dyn OwnerFacts) -> Verdict {
        let facts = Facts::of(socket).with_owners(owners);
        match self.decide_beside_kernel(&facts) {
            Some(true) => Verdict::Passes,
            Some(false) => Verdict::Fails,
            None => {
                let closed_world = Facts { closed_world: true, ..facts };
                Verdict::Undecided { by_those_seen: self.decide_beside_kernel(&closed_world) != Some(false) }
            }
        }
    }

    /// As [`decide`](Self::decide), with conjuncts that only the kernel can decide taken for true: the row would not have
    /// come otherwise.
    fn decide_beside_kernel(&self, facts: &Facts<'_>) -> Option<bool> {
        beside_kernel(&self.0, true, &|term| term.decide(facts))
    }
}

/// Decides an expression, or its negation unless it is `positive`, conjunct by conjunct.
fn beside_kernel(expr: &Expr, positive: bool, term: &dyn Fn(&Term) -> Option<bool>) -> Option<bool> {
    match (expr, positive) {
        (Expr::Not(inner), _) => beside_kernel(inner, !positive, term),
        (Expr::All(parts), true) | (Expr::Any(parts), false) => {
            let mut answer = Some(true);
            for part in parts {
                match beside_kernel(part, positive, term) {
                    Some(true) => {}
                    Some(false) => return Some(false),
                    None => answer = None,
                }
            }
            answer
        }
        _ => match expr.decide(term) {
            Some(known) => Some(known == positive),
            None => {
                // What is known of the row may make terms about owners irrelevant.
                let rest = expr.given(term);
                (rest.has(&Term::is_of_kernel) && !rest.has(&Term::is_of_owners)).then_some(true)
            }
        },
    }
}
