//! Compiles a filter to the program that the kernel runs over each socket of a dump.
//!
//! A program can test ports, addresses, the device, mark, control group and whether the port was chosen explicitly;
//! it cannot test users, inodes or processes. It accepts every socket that the filter accepts, and more where the
//! filter has terms that a program cannot test: those count as true, and as false under a negation. The predicate
//! decides on the rows that the kernel returns.
//!
//! Terms that only the kernel can test (mark, control group, automatic port) have to be decided by the program. The
//! filter is split into its conjuncts, and the program must test each conjunct with such a term exactly.

use super::selection::Selection;
use crate::filter::{End, Expr, Filter, Net, Term, listening_state};
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::protocol::Protocol;
use netstat_wire::linux::inet_diag_bytecode::{self as wire, Bytecode, Condition, HostCond};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest program that is sent if the predicate can decide without it. The kernel verifies a program in a time that
/// grows with the square of its length.
const MAX_OPTIONAL_BYTES: usize = 4096;

/// A program that drops sockets from a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) bytes: Vec<u8>,
    /// Whether rows can be decided only by the program.
    pub(crate) is_needed: bool,
}

/// The result of compiling a filter for one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compiled {
    /// No row can pass.
    Nothing,
    /// Every row may pass, as far as the kernel can decide.
    Everything,
    Some(Program),
}

/// A condition, or what is known without one.
#[derive(Clone, Debug)]
enum Code {
    Known(bool),
    Program(Bytecode),
}

impl Code {
    fn not(self) -> Option<Self> {
        Some(match self {
            Self::Known(known) => Self::Known(!known),
            Self::Program(program) => Self::Program(program.not()?),
        })
    }

    fn and(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Known(false), _) | (_, Self::Known(false)) => Self::Known(false),
            (Self::Known(true), other) | (other, Self::Known(true)) => other,
            (Self::Program(a), Self::Program(b)) => Self::Program(a.and(&b)?),
        })
    }

    fn or(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Known(true), _) | (_, Self::Known(true)) => Self::Known(true),
            (Self::Known(false), other) | (other, Self::Known(false)) => other,
            (Self::Program(a), Self::Program(b)) => Self::Program(a.or(&b)?),
        })
    }

    fn on(condition: Condition) -> Option<Self> {
        Bytecode::condition(&condition).map(Self::Program)
    }
}

/// Compiles a filter for the rows that the fixed part of a request selects.
pub(crate) fn compile(filter: &Filter, selection: &Selection) -> Result<Compiled, Error> {
    let expr = filter.expr().given(&|term| known(term, selection));
    let mut is_needed = false;
    let mut parts = Vec::new();
    for part in expr.conjuncts() {
        let (code, is_exact) = approximate(part, true);
        if let Some(term) = part.find(&Term::is_of_kernel) {
            if !is_exact {
                let subject = format!("{term} together with what the kernel does not know, in {part}");
                return Err(Error::unsupported("filter by", subject));
            }
            is_needed = true;
        }
        parts.push(code);
    }
    // From the last to the first: each step copies what it prepends.
    let mut all = Some(Code::Known(true));
    for part in parts.into_iter().rev() {
        all = all.and_then(|all| part.and(all));
    }
    Ok(match all {
        Some(Code::Known(false)) => Compiled::Nothing,
        Some(Code::Known(true)) => Compiled::Everything,
        Some(Code::Program(program)) if is_needed || program.as_bytes().len() <= MAX_OPTIONAL_BYTES => {
            Compiled::Some(Program { bytes: program.as_bytes().to_vec(), is_needed })
        }
        None if is_needed => {
            return Err(Error::unsupported("filter by", "so many terms that only the kernel can decide"));
        }
        Some(Code::Program(_)) | None => Compiled::Everything,
    })
}

/// What is known of a term for all selected rows.
fn known(term: &Term, selection: &Selection) -> Option<bool> {
    let is_port = |wanted: u16, ports: &std::ops::RangeInclusive<u16>| wanted != 0 && ports.contains(&wanted);
    match term {
        // A number that belongs to the protocol differs from row to row.
        Term::Protocol(protocol) => {
            let is_kind = protocol.kind() == selection.info.protocol.kind();
            (!is_kind || protocol.number().is_none()).then_some(is_kind)
        }
        Term::ProtocolKind(kind) => Some(*kind == selection.info.protocol.kind()),
        Term::Type(socket_type) => selection.info.socket_type.map(|it| it == *socket_type),
        Term::Port(..) if !selection.info.has_ports() => Some(false),
        Term::Family(family) => selection.family.map(|it| it == *family),
        Term::States(states) => selection.all_states(&|state| states.contains(state)),
        Term::Listening => {
            selection.all_states(&|state| state == listening_state(selection.info.protocol.kind()))
        }
        Term::Exposed | Term::Local => (known(&Term::Listening, selection) == Some(false)).then_some(false),
        Term::Port(End::Local, ports) => is_port(selection.local_port, ports).then_some(true),
        Term::Port(End::Remote, ports) => is_port(selection.remote_port, ports).then_some(true),
        _ => None,
    }
}

/// A condition that holds in every case in which the expression does if `above`, else only in such cases; and whether it
/// holds in exactly those cases.
fn approximate(expr: &Expr, above: bool) -> (Code, bool) {
    let unknown = (Code::Known(above), false);
    match expr {
        Expr::Term(term) => atom(term).map_or(unknown, |code| (code, true)),
        Expr::Not(inner) => {
            let (code, is_exact) = approximate(inner, !above);
            code.not().map_or(unknown, |code| (code, is_exact))
        }
        Expr::All(parts) => {
            let parts = parts.iter().rev().map(|part| approximate(part, above));
            fold(parts, true, |all, part| part.and(all)).unwrap_or(unknown)
        }
        Expr::Any(parts) => {
            let parts = parts.iter().map(|part| approximate(part, above));
            fold(parts, false, Code::or).unwrap_or(unknown)
        }
    }
}

fn fold(
    mut parts: impl Iterator<Item = (Code, bool)>,
    of_none: bool,
    join: fn(Code, Code) -> Option<Code>,
) -> Option<(Code, bool)> {
    parts.try_fold((Code::Known(of_none), true), |(all, all_exact), (part, is_exact)| {
        Some((join(all, part)?, all_exact && is_exact))
    })
}

/// The condition of a term; `None` if a program cannot test it.
fn atom(term: &Term) -> Option<Code> {
    match term {
        Term::Family(family) if !family.is_ip() => Some(Code::Known(false)),
        Term::UnixName(..) => Some(Code::Known(false)),
        Term::Family(family) => {
            let is_ipv6 = prefix(wire::End::Local, Ipv6Addr::UNSPECIFIED, 0)?;
            if *family == Family::Ipv6 { Some(is_ipv6) } else { is_ipv6.not() }
        }
        Term::Port(end, ports) => at(*end, |end| port(end, *ports.start(), *ports.end())),
        Term::Net(end, net) => at(*end, |end| network(end, net)),
        // To the kernel, 0 means bound to no device.
        Term::Interface(0) => Some(Code::Known(false)),
        Term::Interface(index) => Code::on(Condition::Device(*index)),
        Term::Cgroup(id) => Code::on(Condition::Cgroup(*id)),
        Term::Mark { value, mask } => Code::on(Condition::Mark { mark: *value, mask: *mask }),
        Term::Autobound => Code::on(Condition::BoundAutomatically),
        // The kernel has the number of a raw socket in place of its port.
        Term::Protocol(Protocol::Raw(0)) => Some(Code::Known(false)),
        Term::Protocol(Protocol::Raw(number)) => {
            Code::on(Condition::PortIs(wire::End::Local, (*number).into()))
        }
        Term::Protocol(_)
        | Term::ProtocolKind(_)
        | Term::Type(_)
        | Term::States(_)
        | Term::Listening
        | Term::Exposed
        | Term::Local
        | Term::Uid(_)
        | Term::Inode(_)
        | Term::Netns(_)
        | Term::Pid(_)
        | Term::Process(_)
        | Term::Workload(..)
        | Term::PeerPid(_)
        | Term::PeerProcess(_)
        | Term::TooDeep => None,
    }
}

fn at(end: End, code: impl Fn(wire::End) -> Option<Code>) -> Option<Code> {
    match end {
        End::Local => code(wire::End::Local),
        End::Remote => code(wire::End::Remote),
        End::Either => code(wire::End::Local)?.or(code(wire::End::Remote)?),
    }
}

fn port(end: wire::End, first: u16, last: u16) -> Option<Code> {
    if first == last && first != 0 {
        return Code::on(Condition::PortIs(end, first));
    }
    let least = match (end, first) {
        (wire::End::Local, 0) => Code::Known(true),
        (wire::End::Remote, 0) => remote_exists()?,
        (_, first) => Code::on(Condition::PortAtLeast(end, first))?,
    };
    let most = if last == u16::MAX { Code::Known(true) } else { Code::on(Condition::PortAtMost(end, last))? };
    least.and(most)
}

fn network(end: wire::End, net: &Net) -> Option<Code> {
    let is_in_it = prefix(end, net.address(), net.prefix())?;
    // A socket without a remote end has an address of zeros.
    let may_be_none = end == wire::End::Remote && net.address().is_unspecified();
    if may_be_none { is_in_it.and(remote_exists()?) } else { Some(is_in_it) }
}

fn prefix(end: wire::End, address: impl Into<IpAddr>, bits: u8) -> Option<Code> {
    Code::on(Condition::Host(end, HostCond { prefix: Some((address.into(), bits)), port: None }))
}

/// Whether there is a remote end: without one, address and port are all zeros.
fn remote_exists() -> Option<Code> {
    let remote = wire::End::Remote;
    let is_ipv6 = prefix(remote, Ipv6Addr::UNSPECIFIED, 0)?;
    let no_ipv6 = prefix(remote, Ipv6Addr::UNSPECIFIED, 128)?;
    // For an IPv6 socket `::ffff:0.0.0.0` is in this as well, and it is not all zeros.
    let no_ipv4 = prefix(remote, Ipv4Addr::UNSPECIFIED, 32)?.and(is_ipv6.not()?)?;
    Code::on(Condition::PortAtLeast(remote, 1))?.or(no_ipv6.or(no_ipv4)?.not()?)
}
