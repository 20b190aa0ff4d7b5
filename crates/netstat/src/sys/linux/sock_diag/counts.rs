//! Counting without listing.
//!
//! What a dump costs is not the walk over the kernel's table but the record that it makes of each socket, and
//! nearly all sockets of a busy machine are in ESTABLISHED or TIME_WAIT. The kernel counts: `sockstat` tells how many
//! sockets are in the table of TCP, and how many in TIME_WAIT. So all other states are dumped, which the walk
//! passes over the many for, and what is left of the kernel's number is ESTABLISHED.
//!
//! That is how many there are and nothing else of them, so it answers only questions that take them all, whatever
//! else they are. While connections come and go it is as true as a dump, which takes its time as
//! well; where the numbers contradict one another, or are not to be had, the rows are counted.

use super::dumps::Dumps;
use super::netlink::Peer;
use crate::model::counts::Counts;
use crate::model::details::DetailFields;
use crate::model::error::Error;
use crate::model::gap::Gap;
use crate::model::socket::{Protocol, Socket};
use crate::model::tcp_state::TcpState;
use crate::query::Query;
use crate::sys::linux::errno::Errno;
use crate::sys::linux::procfs::net;
use crate::sys::linux::sock_diag::request::{Table, kernel_version, tables_of};
use crate::sys::linux::sockets::list;
use crate::sys::system::count_rows;
use netstat_wire::linux::proc_net_sockstat::Sockstat;
use netstat_wire::linux::tcp_states as states;

/// Reads a file below `/proc`.
pub(crate) type Read<'a> = &'a mut dyn FnMut(&str, &mut Vec<u8>) -> Result<(), Errno>;

/// The states that most sockets are in.
const MANY: u32 = states::mask(states::TCP_ESTABLISHED) | states::mask(states::TCP_TIME_WAIT);

/// Counts the sockets that the query wants.
pub(crate) fn count<P: Peer, O: FnMut() -> Result<P, Errno>>(
    dumps: &mut Dumps<P, O>,
    open_file: net::Open<'_>,
    read: Read<'_>,
    query: &Query,
    counts: &mut Counts,
) -> Result<Vec<Gap>, Error> {
    let mut tables = tables_of(query)?;
    for table in &mut tables {
        table.details = DetailFields::empty();
    }
    // The kernel has not counted sockets that are only bound.
    let is_whole = |state| !query.bound_inactive && query.filter.takes_all_in(Protocol::Tcp, state);
    if [TcpState::Established, TcpState::TimeWait].into_iter().all(is_whole) {
        let mut by_kernel = Counts::default();
        if let Some(gaps) = by_difference(dumps, open_file, read, query, &tables, &mut by_kernel) {
            *counts = by_kernel;
            return Ok(gaps);
        }
    }
    count_rows(query, counts, |sink| list(dumps, open_file, &tables, sink))
}

/// Counts what the kernel has not counted, and takes the rest from it; `None` where that does not add up.
fn by_difference<P: Peer, O: FnMut() -> Result<P, Errno>>(
    dumps: &mut Dumps<P, O>,
    open_file: net::Open<'_>,
    read: Read<'_>,
    query: &Query,
    tables: &[Table],
    counts: &mut Counts,
) -> Option<Vec<Gap>> {
    if kernel_version() < (4, 11) {
        // Its count of TIME_WAIT is that of all network namespaces.
        return None;
    }
    // TIME_WAIT is counted for both families together, so both must be wanted.
    let mut tables = tables.to_vec();
    let tcp = tables.iter_mut().find(|table| {
        table.protocol == Protocol::Tcp && table.family.is_none() && table.states & MANY == MANY
    })?;
    let every = states::TCP_ESTABLISHED..=states::TCP_CLOSING;
    tcp.states = every.fold(0, |mask, number| mask | states::mask(number)) & !MANY;
    // It was made for other states, and what it left out would be taken for ESTABLISHED.
    tcp.program = None;

    let mut others = Others::default();
    let listed = count_rows(query, counts, |sink| {
        list(dumps, open_file, &tables, &mut |socket| {
            others.see(&socket);
            sink(socket)
        })
    });
    // What is missing would be taken for ESTABLISHED.
    let gaps = listed.ok().filter(|gaps| gaps.is_empty() && !others.has_many)?;
    let kernel = KernelCounts::read(read)?;
    let established = kernel.sockets.checked_sub(others.sockets)?;
    let time_wait = kernel.short_forms.checked_sub(others.short_forms)?;
    counts.add(Protocol::Tcp, Some(TcpState::Established), established);
    counts.add(Protocol::Tcp, Some(TcpState::TimeWait), time_wait);
    Some(gaps)
}

/// The TCP sockets in other states, wanted or not, by how the kernel counts them.
#[derive(Default)]
struct Others {
    sockets: u64,
    short_forms: u64,
    /// Some were in one of those states after all: the source takes no heed of what it was asked.
    has_many: bool,
}

impl Others {
    fn see(&mut self, socket: &Socket) {
        match (socket.protocol, socket.state) {
            (Protocol::Tcp, Some(TcpState::Established | TcpState::TimeWait)) => self.has_many = true,
            // Counted nowhere: no socket yet, as most in this state.
            (Protocol::Tcp, Some(TcpState::SynReceived)) if socket.rx_queue.is_none() => {}
            (Protocol::Tcp, _) if socket.rx_queue.is_none() => self.short_forms += 1,
            (Protocol::Tcp, _) => self.sockets += 1,
            (Protocol::Udp, _) => {}
        }
    }
}

/// What the kernel has counted of TCP.
struct KernelCounts {
    sockets: u64,
    short_forms: u64,
}

impl KernelCounts {
    /// Of the network namespace of this thread.
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
        Some(Self { sockets: ipv4.inuse.checked_add(ipv6)?, short_forms: ipv4.tw? })
    }
}
