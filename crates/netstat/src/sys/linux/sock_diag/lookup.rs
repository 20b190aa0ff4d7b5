//! Connections looked up by their ends, each with one request that is no dump.
//!
//! The kernel finds a connection by its hash in a microsecond, in TIME_WAIT and SYN_RECV too. A lookup over IPv4 also
//! finds the IPv6 sockets that carry IPv4. Traps:
//!
//! - Without such a connection the kernel answers with the listener, or with the UDP socket, that would get its packets.
//! - A socket that is bound to a network interface is found only by a request that names the interface.
//!
//! So what is not found is not known to be missing: the table is dumped then.
//!
//! Sources: net/ipv4/inet_diag.c, `inet_diag_find_one_icsk`; net/ipv4/udp_diag.c, `udp_dump_one`.

use super::dumps::Dumps;
use super::netlink::Fault;
use super::request::Table;
use crate::model::socket::Socket;
use crate::query::Ends;
use crate::sys::linux::row::address_bytes;
use crate::sys::linux::{details, row};
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6, InetDiagMsg, RequestV2, SockId};
use std::net::SocketAddr;

/// The rows of the connections that are wanted of this table. `None`: not all of them were found, or none is named.
pub(super) fn connections(dumps: &mut Dumps<'_>, table: &Table) -> Option<Vec<Socket>> {
    if table.connections.is_empty() {
        return None;
    }
    table.connections.iter().map(|ends| connection(dumps, table, *ends).ok().flatten()).collect()
}

fn connection(dumps: &mut Dumps<'_>, table: &Table, (local, remote): Ends) -> Result<Option<Socket>, Fault> {
    let info = table.selection.info;
    let family = match (local, remote) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => AF_INET,
        (SocketAddr::V6(_), SocketAddr::V6(_)) => AF_INET6,
        // No socket has such ends.
        _ => return Ok(None),
    };
    let scope = |end| if let SocketAddr::V6(end) = end { end.scope_id() } else { 0 };
    let mut id = SockId {
        sport: local.port(),
        dport: remote.port(),
        src: address_bytes(local),
        dst: address_bytes(remote),
        interface: scope(local).max(scope(remote)),
        cookie: u64::MAX,
    };
    if info.lookup_by_packet {
        std::mem::swap(&mut id.sport, &mut id.dport);
        std::mem::swap(&mut id.src, &mut id.dst);
    }
    let ext = details::extensions(table.details);
    let request = RequestV2 { family, protocol: info.number, ext, states: u32::MAX, id };
    let mut answer = dumps.ask(|seq| request.encode(0, seq))?;
    let Some(record) = answer.next()? else { return Ok(None) };
    let Ok(message) = InetDiagMsg::decode(record.payload) else { return Ok(None) };
    let is_it = |row: &Socket| {
        let is_end = |found: Option<SocketAddr>, end: SocketAddr| {
            found.is_some_and(|found| (found.ip().to_canonical(), found.port()) == (end.ip(), end.port()))
        };
        is_end(row.local_addr(), local)
            && is_end(row.remote_addr(), remote)
            && table.selection.families().contains(&row.family)
    };
    let Some(mut row) = row::row(&message, info).filter(is_it) else { return Ok(None) };
    if !table.details.is_empty() {
        let Ok(details) = details::details(table.details, info, &message, record.payload) else {
            return Ok(None);
        };
        row.set_details(details);
    }
    Ok(Some(row))
}
