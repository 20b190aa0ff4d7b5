//! Decides which dumps a query needs, and encodes the requests.
//!
//! One request returns IPv4 and IPv6 where the kernel can do that, which saves a walk over a hash table that may have
//! hundreds of thousands of buckets. Only the states are requested that the filter wants: listeners have a table of
//! their own, and reading it costs next to nothing.

use super::bytecode::{Compiled, Program, compile};
use super::netlink::Fault;
use super::selection::Selection;
use crate::filter::{Filter, Term, listening_state};
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::state::State;
use crate::query::{Ends, Query};
use crate::sys::linux::details;
use crate::sys::linux::kernel_version::kernel_version;
use crate::sys::linux::protocols::{Dump, ProtocolInfo};
use crate::sys::linux::row::{address_family, tcp_state};
use netstat_wire::linux::inet_diag::{INET_DIAG_REQ_BYTECODE, Request, RequestV2, SockId};
use netstat_wire::linux::inet_diag_raw::RequestRaw;
use netstat_wire::linux::netlink::{NLM_F_DUMP, put_attribute};
use netstat_wire::linux::tcp_states as states;
use rustix::io::Errno;
use std::fmt;

/// One table, or the part of it that is wanted: what is read with one dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) selection: Selection,
    /// The conditions by which the kernel omits further sockets.
    pub(crate) program: Option<Program>,
    pub(crate) source: Source,
    /// Whether the rows of `/proc` have what the filter needs.
    pub(crate) is_in_proc: bool,
    /// The details that are wanted of its sockets.
    pub(crate) details: DetailFields,
    /// Whether listeners have a dump of their own, since the program leaves out some of them.
    pub(crate) listeners_apart: bool,
    /// The only connections that are wanted, if the kernel can look these up instead of dumping the table.
    pub(crate) connections: Vec<Ends>,
}

/// The first source of a table.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Dump,
    /// Files in `/proc/net`.
    Proc,
    /// None, because this kernel is too old for its dump.
    Missing,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.selection.family {
            Some(Family::Ipv4) => " over IPv4",
            Some(Family::Ipv6) => " over IPv6",
            _ => "",
        };
        write!(f, "{}{family}", self.selection.info.protocol.kind())
    }
}

impl Table {
    /// The request for a dump of it.
    pub(crate) fn request(&self, seq: u32) -> Vec<u8> {
        let Selection { info, family, states, local_port, remote_port } = self.selection;
        let ext = details::extensions(self.details);
        let id = SockId { sport: local_port, dport: remote_port, ..SockId::default() };
        let mut message = match family.map(address_family) {
            Some(family) if info.dump == Dump::Raw => {
                RequestRaw { family, ext, raw_protocol: 0, id }.encode(NLM_F_DUMP, seq)
            }
            Some(family) => {
                RequestV2 { family, protocol: info.number_byte(), ext, states, id }.encode(NLM_F_DUMP, seq)
            }
            None => {
                let protocol = (info.dump != Dump::Plain).then_some(u32::from(info.number));
                Request { ext, states, id, protocol }.encode(NLM_F_DUMP, seq)
            }
        };
        if let Some(program) = &self.program {
            // No program is longer than an attribute.
            put_attribute(&mut message, INET_DIAG_REQ_BYTECODE, &program.bytes);
        }
        message
    }

    /// What the whole table has in these states, over both families, with this local port unless it is 0.
    #[cfg_attr(not(feature = "bpf"), allow(dead_code))]
    pub(crate) fn part(&self, states: u32, local_port: u16) -> Self {
        let selection = Selection { family: None, states, local_port, ..self.selection };
        Self { selection, program: None, ..self.clone() }
    }

    /// The listeners, and the other sockets; `None` if one dump returns both.
    pub(crate) fn in_parts(&self) -> Option<[Self; 2]> {
        let with = |states, program: Option<&Program>| {
            let selection = Selection { states, ..self.selection };
            Self { selection, program: program.cloned(), listeners_apart: false, ..self.clone() }
        };
        let states = self.selection.states;
        self.listeners_apart
            .then(|| [with(states & LISTENERS, None), with(states & !LISTENERS, self.program.as_ref())])
    }

    /// The same table without a program, if the kernel has refused the program and the predicate can decide without
    /// it.
    pub(crate) fn without_program(&self, fault: &Fault) -> Option<Self> {
        let is_needed = self.program.as_ref()?.is_needed;
        let Fault::Refused(error) = fault else { return None };
        // An instruction that this kernel does not know; one that this caller may not use.
        let refusals = [Errno::INVAL, Errno::PERM].map(|errno| Some(errno.raw_os_error()));
        let is_refusal = refusals.contains(&error.raw_os_error());
        (is_refusal && !is_needed).then(|| Self { program: None, ..self.clone() })
    }
}

/// The tables to read for the rows of a query, in order. Whole ones where every socket must be known to find those that no
/// table lists, unless only the kernel can decide which rows pass. `names_protocol`: this kernel knows the attribute that the
/// request for both families of some protocols needs. An error if neither the kernel nor the predicate could decide
/// which rows pass.
pub(crate) fn tables(query: &Query, names_protocol: bool) -> Result<Vec<Table>, Error> {
    let filter = query.table_filter();
    let knows_interface = query.filter.expr().has(&|term| matches!(term, Term::Interface(_)));
    let mut tables = Vec::new();
    for info in query.wanted_protocols().filter_map(ProtocolInfo::of) {
        let is_whole = query.adds_unlisted() && !filter.needs_kernel(info.protocol.kind(), None);
        let states = if is_whole { info.states } else { wanted_states(filter, info) };
        if states == 0 {
            continue;
        }
        for family in wanted_families(filter, info, names_protocol) {
            let port = |of: Option<u16>| {
                of.filter(|_| info.has_program && info.has_ports() && !is_whole).unwrap_or(0)
            };
            let mut selection = Selection {
                info,
                family,
                states,
                local_port: port(filter.single_local_port()),
                remote_port: port(filter.single_remote_port()),
            };
            // All listeners may be wanted, of which there are few, beside some of the connections: a program cannot test
            // the state.
            let others = Selection { states: states & !LISTENERS, ..selection };
            let is_mixed =
                query.wants_peers() && !is_whole && lists_listeners(info) && others.states != states;
            let compiled = match is_whole {
                true => Compiled::Everything,
                false => compile(filter, if is_mixed { &others } else { &selection })?,
            };
            let program = match compiled {
                Compiled::Nothing if is_mixed => {
                    selection.states = states & LISTENERS;
                    None
                }
                Compiled::Nothing => continue,
                Compiled::Everything => None,
                Compiled::Some(program) if !info.has_program && program.is_needed => {
                    let subject = format!("what only the kernel knows of {} sockets", info.protocol.kind());
                    return Err(Error::unsupported("filter by", subject));
                }
                Compiled::Some(program) => Some(program).filter(|_| info.has_program),
            };
            let listeners_apart = is_mixed && program.is_some();
            let source = match info.dump {
                Dump::Never => Source::Proc,
                Dump::ByAttributeAlone if !names_protocol => Source::Missing,
                _ => Source::Dump,
            };
            let is_needed = program.as_ref().is_some_and(|program| program.is_needed);
            let is_in_proc = info.proc_file.is_some() && !knows_interface && !is_needed;
            let (details, connections) = (DetailFields::empty(), Vec::new());
            tables.push(Table {
                selection,
                program,
                source,
                is_in_proc,
                details,
                listeners_apart,
                connections,
            });
        }
    }
    Ok(tables)
}

/// The state in which a dump returns the listeners, which the kernel keeps in a table of their own.
const LISTENERS: u32 = states::mask(states::TCP_LISTEN);

fn lists_listeners(info: &ProtocolInfo) -> bool {
    info.has_tcp_numbers && listening_state(info.protocol.kind()) == State::Listen
}

/// The states that a filter wants, as the kernel's mask.
fn wanted_states(filter: &Filter, info: &ProtocolInfo) -> u32 {
    if !info.has_tcp_numbers {
        return info.states;
    }
    info.state_numbers()
        .filter(|number| filter.wants_state(info.protocol, tcp_state(*number)))
        .fold(0, |mask, number| mask | states::mask(number))
}

/// The families to request: `None` for both in one dump.
fn wanted_families(filter: &Filter, info: &ProtocolInfo, names_protocol: bool) -> Vec<Option<Family>> {
    let mut families = vec![Family::Ipv4, Family::Ipv6];
    families.retain(|family| filter.wants_family(*family));
    match info.dump {
        Dump::Plain if families.len() > 1 => vec![None],
        Dump::ByAttribute if families.len() > 1 && names_protocol => vec![None],
        // There is no other request for it.
        Dump::ByAttributeAlone if !families.is_empty() => vec![None],
        // One table of two dumps, or of two files.
        Dump::Raw | Dump::Never if families.len() > 1 => vec![None],
        _ => families.into_iter().map(Some).collect(),
    }
}

/// The tables to read for a query, with what is wanted beyond rows.
pub(crate) fn tables_of(query: &Query) -> Result<Vec<Table>, Error> {
    let mut tables = tables(query, kernel_has_protocol_attribute())?;
    for table in &mut tables {
        table.details = query.table_details();
        // A lookup does not run a program in the kernel, and finds no other sockets.
        if !query.adds_unlisted()
            && !query.wants_peers()
            && table.selection.info.has_exact
            && !table.program.as_ref().is_some_and(|program| program.is_needed)
        {
            table.connections = query.connections().to_vec();
        }
        let states = &mut table.selection.states;
        let has_bound_inactive = table.selection.info.has_bound_inactive;
        if query.bound_inactive && has_bound_inactive && *states & BOUND_INACTIVE_SHOWN_AS != 0 {
            *states |= BOUND_INACTIVE;
        }
    }
    Ok(tables)
}

/// Sockets that are bound but idle: not a state, only a bit of a request. The kernel walks its table of bound ports
/// for them, which also holds every connection made from this machine.
const BOUND_INACTIVE: u32 = states::mask(states::TCP_BOUND_INACTIVE);
const BOUND_INACTIVE_SHOWN_AS: u32 = states::mask(states::TCP_CLOSE);

/// Whether these tables need what this kernel (before 6.8) omits without an error.
pub(crate) fn lack_bound_inactive(tables: &[Table]) -> bool {
    tables.iter().any(|table| table.selection.states & BOUND_INACTIVE != 0) && kernel_version() < (6, 8)
}

/// Whether this kernel knows the attribute that names another protocol than TCP in the older request (5.9). A kernel
/// that does not know it ignores it and returns TCP.
fn kernel_has_protocol_attribute() -> bool {
    kernel_version() >= (5, 10)
}
