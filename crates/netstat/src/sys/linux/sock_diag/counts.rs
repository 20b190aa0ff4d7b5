//! Counts sockets by state from the kernel's own counters, without listing all of them.
//!
//! The cost of a dump is not the walk over the kernel's table but the record that it makes of each socket, and
//! nearly all sockets of a busy machine are in ESTABLISHED or TIME_WAIT. The kernel counts them: `sockstat` has the
//! number of sockets in the table of TCP, and of those in TIME_WAIT. So only the other states are dumped, a walk
//! that skips nearly all sockets, and the rest of the kernel's number is ESTABLISHED.
//!
//! That is a number and nothing else, so it answers only queries that accept every socket in these states. While
//! connections open and close it is as accurate as a dump, which takes time as well. Of the sockets in TIME_WAIT the
//! kernel does not know the families, so where these are wanted, TIME_WAIT is dumped too. Where the numbers contradict
//! one another, or cannot be read, the rows are counted.

use super::dumps::Dumps;
use super::request::{Table, tables_of};
use crate::model::counts::Counts;
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::Gap;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::families;
use crate::sys::linux::kernel_version::kernel_version;
use crate::sys::linux::procfs::net;
use crate::sys::linux::protocols;
use crate::sys::linux::sockets::list;
use crate::sys::system::count_rows;
use netstat_wire::linux::proc_net_sockstat::Sockstat;
use netstat_wire::linux::tcp_states as states;
use rustix::io::Errno;

/// Reads a file below `/proc`.
pub(crate) type Read<'a> = &'a mut dyn FnMut(&str, &mut Vec<u8>) -> Result<(), Errno>;

const ESTABLISHED: u32 = states::mask(states::TCP_ESTABLISHED);

/// The states that most sockets are in, which the kernel has counted.
const COUNTED: u32 = ESTABLISHED | states::mask(states::TCP_TIME_WAIT);

/// Counts the sockets that the query wants.
pub(crate) fn count(
    dumps: &mut Dumps<'_>,
    open_file: net::Open<'_>,
    read: Read<'_>,
    query: &Query,
    by_family: bool,
    counts: &mut Counts,
) -> Result<Vec<Gap>, Error> {
    let mut tables = tables_of(query)?;
    let of_families = families::tables_of(query)?;
    for table in &mut tables {
        table.details = DetailFields::empty();
    }
    // The kernel has not counted sockets that are only bound.
    let takes_all = |state| !query.bound_inactive && query.filter.takes_all_in(Protocol::Tcp, state);
    if [State::Established, State::TimeWait].into_iter().all(takes_all) {
        let mut by_kernel = Counts::default();
        let difference = Difference { query, tables: &tables, by_family };
        if let Some(gaps) = difference.count(dumps, open_file, read, &mut by_kernel) {
            *counts = by_kernel;
            return Ok(gaps);
        }
    }
    count_rows(query, counts, |sink| list(dumps, open_file, &tables, &of_families, sink))
}

/// What is to be counted by the kernel's numbers.
struct Difference<'a> {
    query: &'a Query,
    tables: &'a [Table],
    by_family: bool,
}

impl Difference<'_> {
    /// Counts the rows of the other states, and subtracts them from the kernel's numbers; `None` if these contradict
    /// the rows.
    fn count(
        &self,
        dumps: &mut Dumps<'_>,
        open_file: net::Open<'_>,
        read: Read<'_>,
        counts: &mut Counts,
    ) -> Option<Vec<Gap>> {
        if kernel_version() < (4, 11) {
            // Its count of TIME_WAIT is that of all network namespaces.
            return None;
        }
        // TIME_WAIT is counted for both families together, so both must be wanted.
        let mut tables = self.tables.to_vec();
        let tcp = tables.iter_mut().find(|table| {
            let selection = &table.selection;
            let is_tcp = selection.info.protocol == Protocol::Tcp;
            is_tcp && selection.family.is_none() && selection.states & COUNTED == COUNTED
        })?;
        let by_kernel = if self.by_family { ESTABLISHED } else { COUNTED };
        tcp.selection.states = protocols::TCP.states & !by_kernel;
        // It was compiled for other states, and the sockets that it leaves out would be taken for ESTABLISHED.
        tcp.program = None;

        let mut others = Others { by_family: self.by_family, ..Others::default() };
        let listed = count_rows(self.query, counts, |sink| {
            list(dumps, open_file, &tables, &families::tables_of(self.query)?, &mut |socket| {
                others.add(&socket);
                sink(socket)
            })
        });
        // Sockets that are missing would be taken for ESTABLISHED.
        let gaps = listed.ok().filter(|gaps| gaps.is_empty() && !others.ignored_state_mask)?;
        let kernel = KernelCounts::read(read)?;
        let ipv4 = kernel.ipv4.checked_sub(others.ipv4)?;
        let ipv6 = kernel.ipv6.checked_sub(others.ipv6)?;
        let mut add = |state, family, count| counts.add(Protocol::Tcp, Some(state), family, count);
        add(State::Established, Some(Family::Ipv4), ipv4);
        add(State::Established, Some(Family::Ipv6), ipv6);
        if !self.by_family {
            add(State::TimeWait, None, kernel.minisocks.checked_sub(others.minisocks)?);
        }
        Some(gaps)
    }
}

/// The TCP sockets in other states, whether they pass the filter or not, by how the kernel counts them.
#[derive(Default)]
struct Others {
    /// Whether TIME_WAIT is one of them.
    by_family: bool,
    ipv4: u64,
    ipv6: u64,
    minisocks: u64,
    /// Some were in a state that was not requested: the source ignores the mask, as `/proc` does.
    ignored_state_mask: bool,
}

impl Others {
    fn add(&mut self, socket: &Socket) {
        match (socket.protocol, socket.state) {
            (Protocol::Tcp, Some(State::TimeWait)) if self.by_family => {}
            (Protocol::Tcp, Some(State::Established | State::TimeWait)) => self.ignored_state_mask = true,
            // Counted in neither: a request, which is no socket yet.
            (Protocol::Tcp, Some(State::SynReceived)) if socket.queues.is_none() => {}
            (Protocol::Tcp, _) if socket.queues.is_none() => self.minisocks += 1,
            (Protocol::Tcp, _) if socket.family == Family::Ipv6 => self.ipv6 += 1,
            (Protocol::Tcp, _) => self.ipv4 += 1,
            _ => {}
        }
    }
}

/// The kernel's counts of TCP sockets.
struct KernelCounts {
    ipv4: u64,
    ipv6: u64,
    minisocks: u64,
}

impl KernelCounts {
    /// Reads them for the network namespace of this thread.
    fn read(read: Read<'_>) -> Option<Self> {
        let mut text = Vec::new();
        let mut line = |file: &str, protocol: &str| {
            read(&format!("thread-self/net/{file}"), &mut text)?;
            Ok(Sockstat::decode(&text, protocol).ok())
        };
        let ipv4 = line("sockstat", "TCP").ok()??;
        let ipv6 = match line("sockstat6", "TCP6") {
            Ok(line) => line?.inuse,
            // A kernel without IPv6.
            Err(Errno::NOENT) => 0,
            Err(_) => return None,
        };
        Some(Self { ipv4: ipv4.inuse, ipv6, minisocks: ipv4.tw? })
    }
}
