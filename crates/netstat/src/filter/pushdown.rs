//! Conservative questions about a filter, by which back ends and the engine skip work for rows that cannot pass.
//!
//! Nearly all of it is the expression decided with little known: what is false whatever the rest may be need not
//! be asked for. Such an answer never leaves out a row that would pass.

use super::base::Filter;
use super::decide::{listening, may_have_address, never_listens};
use super::expr::Expr;
use super::term::{End, Term};
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::state::State;
use crate::model::support::SocketFields;
use crate::model::workload_part::WorkloadPart;
use std::ffi::OsString;
use std::io;
use std::ops::RangeInclusive;

/// What is known of a socket without seeing it.
#[derive(Copy, Clone, Default)]
pub(crate) struct PartlyKnown {
    pub(crate) protocol: Option<ProtocolKind>,
    pub(crate) family: Option<Family>,
    /// With the protocol known too.
    pub(crate) state: Option<State>,
}

impl PartlyKnown {
    pub(crate) fn decide(&self, term: &Term) -> Option<bool> {
        match term {
            // A number that belongs to the protocol is not known.
            Term::Protocol(protocol) => {
                let is_kind = self.protocol? == protocol.kind();
                (!is_kind || protocol.number().is_none()).then_some(is_kind)
            }
            Term::ProtocolKind(kind) => self.protocol.map(|it| it == *kind),
            Term::Family(family) => self.family.map(|it| it == *family),
            Term::UnixName(..) => match (self.protocol, self.family) {
                (Some(kind), _) if kind != ProtocolKind::Unix => Some(false),
                (_, Some(family)) if family != Family::Unix => Some(false),
                _ => None,
            },
            Term::States(states) => self.state.map(|it| states.contains(it)),
            // A datagram socket with a name waits for others in either state.
            Term::Listening if self.protocol == Some(ProtocolKind::Unix) => match self.state? {
                State::Listen => Some(true),
                State::Closed | State::Established => None,
                _ => Some(false),
            },
            Term::Listening if self.protocol.is_some_and(never_listens) => Some(false),
            Term::Listening => self.protocol.zip(self.state).map(|(protocol, it)| it == listening(protocol)),
            Term::Exposed | Term::Local => {
                let is_ip = self.family.is_none_or(may_have_address);
                (!is_ip || self.decide(&Term::Listening) == Some(false)).then_some(false)
            }
            _ => None,
        }
    }
}

impl Filter {
    /// Whether which sockets pass depends on the processes that own them: a query with such a filter looks up
    /// owners, which is nearly all of its work.
    pub fn needs_owners(&self) -> bool {
        self.0.has(&Term::is_of_owners)
    }

    /// Whether every socket that passes is one that is named: by a port, an address, an interface, an owner, a user,
    /// an inode, a control group or a mark. What is to be done to sockets, and not only to be shown, is better not
    /// done to all that are of some kind.
    ///
    /// Each side of an `|` must name something, and nothing under a `!` does. A protocol, a family, a state and
    /// [`Filter::autobound`] are kinds; and no name is what nearly every socket has: all ports together (an `|` of
    /// port ranges may be that), a network of prefix length 0, no interface, no mark.
    ///
    /// # Examples
    /// ```
    /// use netstat::Filter;
    ///
    /// assert!((Filter::tcp() & Filter::local_port(8080)).is_selective());
    /// assert!(!(Filter::tcp() | Filter::local_port(8080)).is_selective());
    /// assert!(!(!Filter::pid(1)).is_selective());
    /// ```
    pub fn is_selective(&self) -> bool {
        // The lowest port outside of all ranges is the first there is, or follows the end of a range. No socket that
        // can be reached has port 0.
        let mut candidates = vec![1];
        self.0.each(true, &mut |term, _| {
            if let Term::Port(_, ports) = term {
                candidates.extend(ports.end().checked_add(1));
            }
        });
        candidates.into_iter().any(|port| keeps_out(&self.0, true, port))
    }
}

/// Some of this is of use to some systems only.
#[allow(dead_code, reason = "what kernels can be asked for differs")]
impl Filter {
    fn wants(&self, kind: PartlyKnown) -> bool {
        self.0.decide(&|term| kind.decide(term)) != Some(false)
    }

    pub(crate) fn wants_protocol(&self, kind: impl Into<ProtocolKind>) -> bool {
        self.wants(PartlyKnown { protocol: Some(kind.into()), ..PartlyKnown::default() })
    }

    pub(crate) fn wants_family(&self, family: Family) -> bool {
        self.wants(PartlyKnown { family: Some(family), ..PartlyKnown::default() })
    }

    /// Whether a socket of this protocol and family may pass.
    pub(crate) fn wants_kind(&self, kind: ProtocolKind, family: Family) -> bool {
        self.wants(PartlyKnown { protocol: Some(kind), family: Some(family), state: None })
    }

    /// Whether it depends on what only the kernel knows for a socket of this protocol, and of this family if it is given.
    pub(crate) fn needs_kernel(&self, kind: ProtocolKind, family: Option<Family>) -> bool {
        let kind = PartlyKnown { protocol: Some(kind), family, state: None };
        self.0.given(&|term| kind.decide(term)).has(&Term::is_of_kernel)
    }

    /// Whether a socket of this protocol and family passes whatever else it is, if its owners are those that are asked for.
    pub(crate) fn takes_all_owned(&self, kind: ProtocolKind, family: Family) -> bool {
        let kind = PartlyKnown { protocol: Some(kind), family: Some(family), state: None };
        self.0.decide(&|term| if term.is_of_owners() { Some(true) } else { kind.decide(term) }) == Some(true)
    }

    /// Whether a socket in this state may pass. A UDP socket counts as ESTABLISHED when it has a remote
    /// end and as CLOSED when it has none, in the kernel as in `ss`.
    pub(crate) fn wants_state(&self, kind: impl Into<ProtocolKind>, state: State) -> bool {
        self.wants(PartlyKnown { protocol: Some(kind.into()), state: Some(state), family: None })
    }

    /// Whether every socket in this state passes, whatever else it is.
    pub(crate) fn takes_all_in(&self, kind: impl Into<ProtocolKind>, state: State) -> bool {
        let protocol = Some(kind.into());
        [Family::Ipv4, Family::Ipv6].into_iter().all(|family| {
            let kind = PartlyKnown { protocol, family: Some(family), state: Some(state) };
            self.0.decide(&|term| kind.decide(term)) == Some(true)
        })
    }

    /// Whether this state is asked for by name, and not only because none is.
    pub(crate) fn names_state(&self, state: State) -> bool {
        let mut names = false;
        self.0.each(true, &mut |term, positive| {
            names |= positive && matches!(term, Term::States(states) if states.contains(state));
        });
        names
    }

    /// The one local port that a row must have, if there is one.
    pub(crate) fn single_local_port(&self) -> Option<u16> {
        single(&ports(&self.0, End::Local, true))
    }

    /// The one remote port that a row must have, if there is one.
    pub(crate) fn single_remote_port(&self) -> Option<u16> {
        single(&ports(&self.0, End::Remote, true))
    }

    /// Whether which rows pass depends on the names of their owners, or on what these belong to.
    pub(crate) fn needs_names(&self) -> bool {
        let is_name =
            |term: &Term| matches!(term, Term::Process(_) | Term::PeerProcess(_) | Term::Workload(..));
        self.0.has(&is_name)
    }

    /// The first term about what processes belong to.
    pub(crate) fn workload_term(&self) -> Option<Term> {
        self.0.find(&|term| matches!(term, Term::Workload(..))).cloned()
    }

    /// The first term about what only control groups say.
    pub(crate) fn cgroup_workload_term(&self) -> Option<Term> {
        let is_it = |term: &Term| matches!(term, Term::Workload(part, _) if *part != WorkloadPart::Workload);
        self.0.find(&is_it).cloned()
    }

    /// Whether it may stay undecided of a row, other than by what is in every row that the sources of this system emit.
    pub(crate) fn may_be_undecided(&self) -> bool {
        self.0.has(&|term| term.is_of_owners() || matches!(term, Term::Uid(_)))
    }

    /// Whether the kernel is to compare marks.
    pub(crate) fn needs_mark(&self) -> bool {
        self.0.has(&|term| matches!(term, Term::Mark { .. }))
    }

    /// The processes that decide alone: one of them is among the owners of every row that passes, and no
    /// other process matters. Empty: any may matter.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let held_by_none = |term: &Term| matches!(term, Term::Pid(_)).then_some(false);
        if self.needs_names() || self.0.decide(&held_by_none) != Some(false) {
            return Vec::new();
        }
        let mut pids = Vec::new();
        self.0.each(true, &mut |term, _| {
            if let Term::Pid(pid) = term {
                pids.push(*pid);
            }
        });
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The processes of which one, at least, owns each row that passes: by pid or by name. Both empty: a row may pass
    /// without them.
    pub(crate) fn named_processes(&self) -> (Vec<u32>, Vec<OsString>) {
        let (mut pids, mut names) = (Vec::new(), Vec::new());
        if self.0.decide(&|term| term.is_of_owners().then_some(false)) == Some(false) {
            self.0.each(true, &mut |term, positive| match term {
                Term::Pid(pid) if positive && !pids.contains(pid) => pids.push(*pid),
                Term::Process(name) if positive && !names.contains(name) => names.push(name.clone()),
                _ => {}
            });
        }
        (pids, names)
    }

    /// The network namespaces of which each row that passes is one's. Empty: it may be of any.
    pub(crate) fn namespaces(&self) -> Vec<NetnsId> {
        let mut namespaces = Vec::new();
        if self.0.decide(&|term| matches!(term, Term::Netns(_)).then_some(false)) == Some(false) {
            self.0.each(true, &mut |term, positive| match term {
                Term::Netns(netns) if positive => namespaces.push(*netns),
                _ => {}
            });
        }
        namespaces
    }

    /// Whether it compares network namespaces.
    pub(crate) fn needs_netns(&self) -> bool {
        self.0.has(&|term| matches!(term, Term::Netns(_)))
    }

    /// Refuses terms that no row on this system can decide. `kernel`: whether the kernel can be asked for what
    /// it alone knows.
    pub(crate) fn check(&self, fields: SocketFields, kernel: bool) -> Result<(), Error> {
        if self.0.has(&|term| matches!(term, Term::TooDeep)) {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "it is nested too deeply");
            return Err(Error::system("use", "the filter", why));
        }
        let is_missing = |term: &Term| match term {
            Term::Interface(_) => !fields.contains(SocketFields::INTERFACE),
            Term::Uid(_) => !fields.contains(SocketFields::UID),
            Term::Inode(_) => !fields.contains(SocketFields::INODE),
            Term::Netns(_) => !fields.contains(SocketFields::NETNS),
            term => term.is_of_kernel() && !kernel,
        };
        match self.0.find(&is_missing) {
            Some(term) => Err(Error::unsupported("filter by", term.to_string())),
            None => Ok(()),
        }
    }
}

/// Whether a socket with this port on both ends and with none of the names that stand there is kept out, of
/// whichever kind it is.
fn keeps_out(expr: &Expr, positive: bool, port: u16) -> bool {
    let mut parts = match expr {
        Expr::Term(term) => return positive && is_name_other_than(term, port),
        Expr::Not(inner) => return keeps_out(inner, !positive, port),
        Expr::All(parts) | Expr::Any(parts) => parts.iter().map(|part| keeps_out(part, positive, port)),
    };
    if matches!(expr, Expr::All(_)) == positive { parts.any(|it| it) } else { parts.all(|it| it) }
}

/// Whether it names some sockets among all, and not by this port.
fn is_name_other_than(term: &Term, port: u16) -> bool {
    match term {
        Term::Protocol(_)
        | Term::ProtocolKind(_)
        | Term::Type(_)
        | Term::Family(_)
        | Term::States(_)
        | Term::Listening
        | Term::Exposed
        | Term::Local
        | Term::Netns(_)
        | Term::Autobound
        | Term::TooDeep => false,
        Term::Port(_, ports) => !ports.contains(&port),
        Term::Net(_, net) => net.prefix() > 0,
        Term::UnixName(_, pattern) => !pattern.is_any(),
        Term::Interface(index) => *index != 0,
        Term::Mark { value, .. } => *value != 0,
        Term::Uid(_) | Term::Inode(_) | Term::Cgroup(_) => true,
        Term::Pid(_) | Term::Process(_) | Term::PeerPid(_) | Term::PeerProcess(_) | Term::Workload(..) => {
            true
        }
    }
}

/// Between which ports that end must be.
fn ports(expr: &Expr, end: End, positive: bool) -> RangeInclusive<u16> {
    const EVERY: RangeInclusive<u16> = 0..=u16::MAX;
    match (expr, positive) {
        (Expr::Term(Term::Port(of, ports)), true) if *of == end => ports.clone(),
        (Expr::Term(_), _) => EVERY,
        (Expr::Not(inner), _) => ports(inner, end, !positive),
        (Expr::All(parts), true) | (Expr::Any(parts), false) => parts
            .iter()
            .map(|part| ports(part, end, positive))
            .fold(EVERY, |all, part| *all.start().max(part.start())..=*all.end().min(part.end())),
        (Expr::Any(parts), true) | (Expr::All(parts), false) => parts
            .iter()
            .map(|part| ports(part, end, positive))
            .filter(|part| !part.is_empty())
            .reduce(|any, part| *any.start().min(part.start())..=*any.end().max(part.end()))
            .unwrap_or(EVERY),
    }
}

/// Port 0 is how the kernel is asked for any.
fn single(ports: &RangeInclusive<u16>) -> Option<u16> {
    (ports.start() == ports.end() && *ports.start() != 0).then(|| *ports.start())
}
