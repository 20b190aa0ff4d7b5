//! Which tables a filter needs, and the requests for them.
//!
//! TCP comes first: on the socket that has received its large datagrams, the kernel makes those of UDP
//! large from the start. One request answers for IPv4 and IPv6 where the kernel can, which saves a walk over
//! a hash table that may have hundreds of thousands of buckets. Only the states are asked for that the
//! filter wants: listeners have a table of their own, and reading it costs next to nothing.

use super::bytecode::{Compiled, Program, compile};
use super::details;
use super::netlink::Fault;
use crate::filter::{Filter, Term};
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::socket::{Family, Protocol};
use crate::model::tcp_state::TcpState;
use crate::query::Query;
use crate::sys::linux::errno::Errno;
use crate::sys::linux::ffi;
use crate::sys::linux::row::{self, address_family, ip_protocol};
use netstat_wire::linux::inet_diag::{INET_DIAG_REQ_BYTECODE, Request, RequestV2, SockId};
use netstat_wire::linux::netlink::{NLM_F_DUMP, put_attribute};
use netstat_wire::linux::tcp_states as states;
use std::fmt;

/// One table to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) protocol: Protocol,
    /// `None`: both in one pass.
    pub(crate) family: Option<Family>,
    pub(crate) states: u32,
    /// 0: any.
    pub(crate) local_port: u16,
    /// 0: any, or none.
    pub(crate) remote_port: u16,
    /// What else the kernel is asked to leave out.
    pub(crate) program: Option<Program>,
    /// Whether the rows of `/proc` tell what the filter asks for.
    pub(crate) is_in_proc: bool,
    /// What is wanted of its sockets beyond rows.
    pub(crate) details: DetailFields,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self.family {
            None => "",
            Some(Family::Ipv4) => " over IPv4",
            Some(Family::Ipv6) => " over IPv6",
        };
        write!(f, "{}{family}", self.protocol)
    }
}

impl Table {
    /// The families that it covers.
    pub(crate) fn families(&self) -> &'static [Family] {
        match self.family {
            None => &[Family::Ipv4, Family::Ipv6],
            Some(Family::Ipv4) => &[Family::Ipv4],
            Some(Family::Ipv6) => &[Family::Ipv6],
        }
    }

    /// The request for a dump of it.
    pub(crate) fn request(&self, seq: u32) -> Vec<u8> {
        let Self { protocol, family, states, local_port, remote_port, details, .. } = *self;
        let ext = details::extensions(details);
        let id = SockId { sport: local_port, dport: remote_port, ..SockId::default() };
        let number = ip_protocol(protocol);
        let mut message = match family {
            Some(family) => RequestV2 { family: address_family(family), protocol: number, ext, states, id }
                .encode(NLM_F_DUMP, seq),
            None => {
                // TCP is what every kernel answers this request with.
                let protocol = (protocol != Protocol::Tcp).then_some(u32::from(number));
                Request { ext, states, id, protocol }.encode(NLM_F_DUMP, seq)
            }
        };
        if let Some(program) = &self.program {
            // No program is longer than an attribute.
            put_attribute(&mut message, INET_DIAG_REQ_BYTECODE, &program.bytes);
        }
        message
    }

    /// The same table without a program, where the kernel has refused that and it can be done without.
    pub(crate) fn without_program(&self, fault: &Fault) -> Option<Self> {
        let is_needed = self.program.as_ref()?.is_needed;
        let Fault::Refused(error) = fault else { return None };
        // An instruction that this kernel does not know; one that this caller may not use.
        let refusals = [Errno::INVAL, Errno::PERM].map(|errno| Some(errno.raw_os_error()));
        let is_refusal = refusals.contains(&error.raw_os_error());
        (is_refusal && !is_needed).then(|| Self { program: None, ..self.clone() })
    }

    /// What is true of all its states, or false of all.
    pub(crate) fn all_states(&self, is_such: &dyn Fn(TcpState) -> bool) -> Option<bool> {
        let numbers = states::TCP_ESTABLISHED..=states::TCP_CLOSING;
        let asked = numbers.filter(|number| self.states & states::mask(*number) != 0);
        let mut answers = asked.map(|number| is_such(row::tcp_state(number)));
        let first = answers.next()?;
        answers.all(|answer| answer == first).then_some(first)
    }
}

/// The states that a filter wants, as the kernel's mask. Never more than the states of real sockets: the
/// pseudo state of bound but idle ones makes the kernel walk another large table.
fn state_mask(filter: &Filter, protocol: Protocol) -> u32 {
    let numbers = match protocol {
        // Asking for SYN_RECV brings the requests too, which have a number of their own (12).
        Protocol::Tcp => states::TCP_ESTABLISHED..=states::TCP_CLOSING,
        Protocol::Udp => states::TCP_ESTABLISHED..=states::TCP_CLOSE,
    };
    numbers
        .filter(|number| {
            protocol == Protocol::Tcp || matches!(*number, states::TCP_ESTABLISHED | states::TCP_CLOSE)
        })
        .filter(|number| filter.wants_state(protocol, row::tcp_state(*number)))
        .fold(0, |mask, number| mask | states::mask(number))
}

/// The tables to read for a filter, in order. `one_pass_udp`: the kernel can answer for both families of
/// UDP at once. An error where nobody could decide what passes.
pub(crate) fn tables(filter: &Filter, one_pass_udp: bool) -> Result<Vec<Table>, Error> {
    let mut tables = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let states = state_mask(filter, protocol);
        if !filter.wants_protocol(protocol) || states == 0 {
            continue;
        }
        let local_port = filter.single_local_port().unwrap_or(0);
        let remote_port = filter.single_remote_port().unwrap_or(0);
        let mut add = |family| {
            let (program, is_in_proc, details) = (None, true, DetailFields::empty());
            tables.push(Table {
                protocol,
                family,
                states,
                local_port,
                remote_port,
                program,
                is_in_proc,
                details,
            });
        };
        let (ipv4, ipv6) = (filter.wants_family(Family::Ipv4), filter.wants_family(Family::Ipv6));
        if ipv4 && ipv6 && (protocol == Protocol::Tcp || one_pass_udp) {
            add(None);
        } else {
            for (wanted, family) in [(ipv4, Family::Ipv4), (ipv6, Family::Ipv6)] {
                if wanted {
                    add(Some(family));
                }
            }
        }
    }
    let is_in_proc = !filter.expr().has(&|term| matches!(term, Term::Interface(_)));
    let mut wanted = Vec::new();
    for table in tables {
        match compile(filter, &table)? {
            Compiled::Nothing => {}
            Compiled::Everything => wanted.push(Table { is_in_proc, ..table }),
            Compiled::Some(program) => {
                let is_in_proc = is_in_proc && !program.is_needed;
                wanted.push(Table { is_in_proc, program: Some(program), ..table });
            }
        }
    }
    Ok(wanted)
}

/// The tables to read for a query, with what is wanted beyond rows.
pub(crate) fn tables_of(query: &Query) -> Result<Vec<Table>, Error> {
    let mut tables = tables(&query.filter, kernel_has_one_pass_udp())?;
    for table in &mut tables {
        table.details = query.details;
        if query.bound_inactive
            && table.states & BOUND_INACTIVE_SHOWN_AS != 0
            && table.protocol == Protocol::Tcp
        {
            table.states |= BOUND_INACTIVE;
        }
    }
    Ok(tables)
}

/// TCP sockets that are bound but idle: not a state, only a way to ask. The kernel walks its table of bound ports
/// for them, which all connections made from here are in too.
const BOUND_INACTIVE: u32 = states::mask(states::TCP_BOUND_INACTIVE);
const BOUND_INACTIVE_SHOWN_AS: u32 = states::mask(states::TCP_CLOSE);

/// Whether these tables hold what this kernel (before 6.8) leaves out without saying so.
pub(crate) fn lack_bound_inactive(tables: &[Table]) -> bool {
    tables.iter().any(|table| table.states & BOUND_INACTIVE != 0) && kernel_version() < (6, 8)
}

/// Whether this kernel knows the attribute that asks the older request for another protocol than TCP (5.9).
/// One that does not, leaves it aside and answers with TCP.
pub(crate) fn kernel_has_one_pass_udp() -> bool {
    kernel_version() >= (5, 10)
}

/// The first two numbers of this kernel's release.
pub(crate) fn kernel_version() -> (u32, u32) {
    let release = ffi::kernel_release();
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|digits| {
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
