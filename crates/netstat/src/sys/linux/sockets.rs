//! The tables of sockets, asked of `NETLINK_SOCK_DIAG`.
//!
//! TCP comes first: on the socket that has received its large datagrams, the kernel makes those of UDP
//! large from the start. One request answers for IPv4 and IPv6 where the kernel can, which saves a walk over
//! a hash table that may have hundreds of thousands of buckets. Only the states are asked for that the
//! filter wants: listeners have a table of their own, and reading it costs next to nothing.
//!
//! # What a dump gets wrong
//! The kernel's place between two chunks of a dump is a bucket and a count inside it. When sockets come and
//! go in that bucket meanwhile, the count points elsewhere: rows come twice, or never. Nothing marks such a
//! dump. TCP's buckets are short: only the last rows of one chunk can come again as the first of the next.
//! UDP keeps all sockets of one port in one bucket. So a UDP table that needed more than one chunk is read
//! again, until two reads agree on the sockets that were known before them.

use super::netlink::{self, BUFFER_BYTES, Ended, Fault, Peer, SockDiag};
use super::row::{self, sock_id};
use crate::error::Error;
use crate::filter::Filter;
use crate::gap::{Gap, GapKind};
use crate::socket::{Family, Protocol, Socket};
use netstat_wire::linux::inet_diag::{
    AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, InetDiagMsg, Request, RequestV2, SockId,
};
use netstat_wire::linux::netlink::NLM_F_DUMP;
use netstat_wire::linux::tcp_states as states;
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::ControlFlow;

/// How often a UDP table is read at the most.
const UDP_READS: u32 = 4;

/// How often a dump that the kernel gave up is begun anew.
const RESTARTS: u32 = 3;

/// How many rows are asked for one by one whether they are still open. A microsecond or two each.
const LOOKUPS: usize = 1024;

/// One table to be read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Table {
    protocol: Protocol,
    /// `None`: both in one pass.
    family: Option<Family>,
    states: u32,
    local_port: u16,
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

const fn ip_protocol(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => IPPROTO_TCP,
        Protocol::Udp => IPPROTO_UDP,
    }
}

const fn address_family(family: Family) -> u8 {
    match family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    }
}

impl Table {
    fn request(&self, seq: u32) -> Vec<u8> {
        let Self { protocol, family, states, local_port } = *self;
        let id = SockId { sport: local_port, ..SockId::default() };
        let number = ip_protocol(protocol);
        match family {
            Some(family) => {
                RequestV2 { family: address_family(family), protocol: number, ext: 0, states, id }
                    .encode(NLM_F_DUMP, seq)
            }
            None => {
                // TCP is what every kernel answers this request with.
                let protocol = (protocol != Protocol::Tcp).then_some(u32::from(number));
                Request { ext: 0, states, id, protocol }.encode(NLM_F_DUMP, seq)
            }
        }
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
/// UDP at once.
fn tables(filter: &Filter, one_pass_udp: bool) -> Vec<Table> {
    let mut tables = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let states = state_mask(filter, protocol);
        if !filter.wants_protocol(protocol) || states == 0 {
            continue;
        }
        let local_port = filter.single_local_port().unwrap_or(0);
        let mut add = |family| tables.push(Table { protocol, family, states, local_port });
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
    tables
}

/// Whether this kernel knows the attribute that asks the older request for another protocol than TCP (5.9).
/// One that does not, leaves it aside and answers with TCP.
fn kernel_has_one_pass_udp() -> bool {
    let name = rustix::system::uname();
    let mut numbers = name.release().to_bytes().split(|byte| !byte.is_ascii_digit()).map(|digits| {
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0)
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 10)
}

/// Hands the sockets of all tables that the filter wants to the sink.
pub(crate) fn sockets(
    filter: &Filter,
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    list(&mut SockDiag::open, &tables(filter, kernel_has_one_pass_udp()), sink)
}

fn list<P: Peer>(
    open: &mut dyn FnMut() -> Result<P, Errno>,
    tables: &[Table],
    sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
) -> Result<Vec<Gap>, Error> {
    let mut reader = TableReader { open, peer: None, buffer: vec![0; BUFFER_BYTES], seq: 0 };
    let mut gaps = Vec::new();
    let mut failed = None;
    let mut any_read = false;
    for table in tables {
        let mut rows = Rows::new(table.protocol, sink);
        let end = match table.protocol {
            Protocol::Tcp => reader.read_tcp(table, &mut rows),
            Protocol::Udp => reader.read_udp(table, &mut rows),
        };
        let Rows { told, skipped, broken_off, .. } = rows;
        if skipped > 0 {
            gaps.push(Gap::new(GapKind::RecordsSkipped, skipped, format!("sock_diag {table}")));
        }
        match end {
            Ok(interrupted) => {
                any_read = true;
                if interrupted {
                    gaps.push(Gap::new(GapKind::TableInterrupted, 1, format!("sock_diag {table}")));
                }
            }
            Err(fault) => {
                let kind = if told > 0 { GapKind::TableInterrupted } else { GapKind::TableUnavailable };
                any_read |= told > 0;
                gaps.push(Gap::new(kind, 1, format!("sock_diag {table}: {fault}")));
                failed.get_or_insert_with(|| Error::system("list", format!("{table} sockets"), fault));
            }
        }
        if broken_off {
            break;
        }
    }
    match failed {
        Some(error) if !any_read => Err(error),
        _ => Ok(gaps),
    }
}

/// Where the rows of one table go.
struct Rows<'a> {
    protocol: Protocol,
    sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>,
    told: u64,
    skipped: u64,
    broken_off: bool,
}

impl<'a> Rows<'a> {
    fn new(protocol: Protocol, sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>) -> Self {
        Self { protocol, sink, told: 0, skipped: 0, broken_off: false }
    }

    /// Tells the row of a record, unless `is_new` says that its cookie has been told already.
    fn record(&mut self, payload: &[u8], is_new: impl FnOnce(u64) -> bool) -> ControlFlow<()> {
        let row =
            InetDiagMsg::decode(payload).map(|record| (record.id.cookie, row::row(&record, self.protocol)));
        let Ok((cookie, Some(row))) = row else {
            self.skipped += 1;
            return ControlFlow::Continue(());
        };
        if !is_new(cookie) {
            return ControlFlow::Continue(());
        }
        self.told += 1;
        let flow = (self.sink)(row);
        self.broken_off = flow.is_break();
        flow
    }
}

/// The cookies of a dump in short buckets: a row that comes twice is one of the last of a chunk, and comes
/// again as one of the first of the next.
#[derive(Default)]
struct ChunkCookies {
    chunk: u32,
    before: Vec<u64>,
    current: Vec<u64>,
    /// Nothing new has come in this chunk yet.
    at_head: bool,
}

impl ChunkCookies {
    fn is_new(&mut self, chunk: u32, cookie: u64) -> bool {
        if chunk != self.chunk {
            self.chunk = chunk;
            std::mem::swap(&mut self.before, &mut self.current);
            self.current.clear();
            self.at_head = true;
        }
        if self.at_head && self.before.contains(&cookie) {
            return false;
        }
        self.at_head = false;
        self.current.push(cookie);
        true
    }
}

/// Reads tables over one socket, which is opened when it is needed and again when it has failed.
struct TableReader<'a, P> {
    open: &'a mut dyn FnMut() -> Result<P, Errno>,
    peer: Option<P>,
    buffer: Vec<u8>,
    seq: u32,
}

impl<P: Peer> TableReader<'_, P> {
    fn converse(
        &mut self,
        request: &dyn Fn(u32) -> Vec<u8>,
        one: bool,
        record: &mut dyn FnMut(u32, &[u8]) -> ControlFlow<()>,
    ) -> Result<Ended, Fault> {
        let peer = match &mut self.peer {
            Some(peer) => peer,
            empty => empty.insert((self.open)().map_err(|errno| Fault::Call("socket", errno))?),
        };
        self.seq = self.seq.wrapping_add(1);
        let ended = netlink::converse(peer, &mut self.buffer, &request(self.seq), one, record);
        // A conversation that has ended leaves nothing behind; any other would go on into the next.
        if !matches!(&ended, Ok(Ended { broken_off: false, .. }) | Err(Fault::Refused(_))) {
            self.peer = None;
        }
        ended
    }

    /// Reads a table; one that the kernel gave up for want of memory is begun anew.
    fn dump(
        &mut self,
        table: &Table,
        mut record: impl FnMut(u32, u32, &[u8]) -> ControlFlow<()>,
    ) -> Result<Ended, Fault> {
        let mut restarts = 0;
        loop {
            let ended = self.converse(&|seq| table.request(seq), false, &mut |chunk, payload| {
                record(restarts, chunk, payload)
            });
            match ended {
                Err(Fault::Overrun) if restarts < RESTARTS => restarts += 1,
                ended => return ended,
            }
        }
    }

    fn read_tcp(&mut self, table: &Table, rows: &mut Rows<'_>) -> Result<bool, Fault> {
        let mut cookies = ChunkCookies::default();
        // What was told before the dump was begun anew; what has been told since.
        let mut before: HashSet<u64> = HashSet::new();
        let mut told: Vec<u64> = Vec::new();
        let mut restart = 0;
        let ended = self.dump(table, |restarts, chunk, payload| {
            if restarts != restart {
                restart = restarts;
                before.extend(told.drain(..));
                cookies = ChunkCookies::default();
            }
            rows.record(payload, |cookie| {
                let new = cookies.is_new(chunk, cookie) && !before.contains(&cookie);
                if new {
                    told.push(cookie);
                }
                new
            })
        })?;
        Ok(ended.interrupted)
    }

    fn read_udp(&mut self, table: &Table, rows: &mut Rows<'_>) -> Result<bool, Fault> {
        // In which reads each cookie was seen, one bit a read.
        let mut seen: HashMap<u64, u8> = HashMap::new();
        let mut interrupted = false;
        for read in 0..UDP_READS {
            let bit = 1_u8 << read;
            let ended = self.dump(table, |_, _, payload| {
                rows.record(payload, |cookie| {
                    let reads = seen.entry(cookie).or_default();
                    let new = *reads == 0;
                    *reads |= bit;
                    new
                })
            })?;
            interrupted = ended.interrupted;
            if ended.broken_off || (read == 0 && ended.chunks <= 1) || agree(&seen, read) {
                break;
            }
        }
        Ok(interrupted)
    }
}

/// Whether this read and the one before it saw the same of the sockets that were known before both; whether
/// they saw the same altogether, as long as there was none before.
fn agree(seen: &HashMap<u64, u8>, read: u32) -> bool {
    let Some(before) = read.checked_sub(1) else {
        return false;
    };
    let known = (1_u8 << before).wrapping_sub(1);
    seen.values()
        .filter(|reads| known == 0 || **reads & known != 0)
        .all(|reads| (reads >> before) & 1 == (reads >> read) & 1)
}

/// Which of these rows are still open, asked for one by one. True for those that cannot be told: beyond a
/// bound, without a cookie, and when the kernel does not answer.
pub(crate) fn still_open(sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
    ask_still_open(&mut SockDiag::open, sockets)
}

fn ask_still_open<P: Peer>(
    open: &mut dyn FnMut() -> Result<P, Errno>,
    sockets: &mut dyn Iterator<Item = &Socket>,
) -> Vec<bool> {
    let mut reader = TableReader { open, peer: None, buffer: vec![0; 4096], seq: 0 };
    let mut lookups = 0;
    sockets
        .map(|socket| {
            if lookups >= LOOKUPS || socket.cookie.is_none() {
                return true;
            }
            lookups += 1;
            let mut id = sock_id(socket);
            if socket.protocol == Protocol::Udp {
                // Looked up from the packet's side: what is local here is its destination.
                std::mem::swap(&mut id.sport, &mut id.dport);
                std::mem::swap(&mut id.src, &mut id.dst);
            }
            let request = RequestV2 {
                family: address_family(socket.family),
                protocol: ip_protocol(socket.protocol),
                ext: 0,
                states: u32::MAX,
                id,
            };
            let answer =
                reader.converse(&|seq| request.encode(0, seq), true, &mut |_, _| ControlFlow::Continue(()));
            match answer {
                // Not there. ESTALE, another socket with these addresses, proves nothing: several may share
                // a UDP port, and the kernel looks up but one of them.
                Err(Fault::Refused(error)) => error.raw_os_error() != Some(Errno::NOENT.raw_os_error()),
                Ok(_) => true,
                Err(_) => {
                    lookups = LOOKUPS;
                    true
                }
            }
        })
        .collect()
}
