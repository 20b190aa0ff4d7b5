//! Looks up connections by their ends, each with one request that is not a dump.
//!
//! The kernel finds a connection by its hash in a microsecond, in TIME_WAIT and SYN_RECV too. A lookup over IPv4 also
//! finds the IPv6 sockets that carry IPv4. Traps:
//!
//! - Without such a connection the kernel answers with the listener, or the UDP socket, that would receive its
//!   packets.
//! - A socket that is bound to a network interface is found only by a request that names the interface.
//!
//! So a connection that is not found may still exist: then the table is dumped.
//!
//! Sources: net/ipv4/inet_diag.c, `inet_diag_find_one_icsk`; net/ipv4/udp_diag.c, `udp_dump_one`.

use super::request::Table;
use crate::model::socket::Socket;
use crate::query::Ends;
use crate::sys::linux::protocols::ProtocolInfo;
use crate::sys::linux::row::address_bytes;
use crate::sys::linux::{details, row};
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6, InetDiagMsg, RequestV2, SockId};
use std::mem;
use std::net::SocketAddr;

/// The request for the connection between these ends; `None` if no socket can have both.
pub(super) fn request(table: &Table, (local, remote): Ends) -> Option<RequestV2> {
    let info = table.selection.info;
    let family = match (local, remote) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => AF_INET,
        (SocketAddr::V6(_), SocketAddr::V6(_)) => AF_INET6,
        _ => return None,
    };
    let scope = |end| if let SocketAddr::V6(end) = end { end.scope_id() } else { 0 };
    let id = SockId {
        sport: local.port(),
        dport: remote.port(),
        src: address_bytes(local),
        dst: address_bytes(remote),
        interface: scope(local).max(scope(remote)),
        cookie: u64::MAX,
    };
    Some(exact(info, family, details::extensions(table.details), id))
}

/// The request for the socket with this identity, in any state.
pub(super) fn exact(info: &ProtocolInfo, family: u8, ext: u8, mut id: SockId) -> RequestV2 {
    if info.lookup_by_packet {
        mem::swap(&mut id.sport, &mut id.dport);
        mem::swap(&mut id.src, &mut id.dst);
    }
    RequestV2 { family, protocol: info.number_byte(), ext, states: u32::MAX, id }
}

/// The row of the answer; `None` if it is another socket, or cannot be decoded.
pub(super) fn row(table: &Table, (local, remote): Ends, answer: &[u8]) -> Option<Socket> {
    let info = table.selection.info;
    let message = InetDiagMsg::decode(answer).ok()?;
    let mut row = row::row(&message, info)?;
    let is_end = |found: Option<SocketAddr>, end: SocketAddr| {
        found.is_some_and(|found| (found.ip().to_canonical(), found.port()) == (end.ip(), end.port()))
    };
    let is_it = is_end(row.local_addr(), local)
        && is_end(row.remote_addr(), remote)
        && table.selection.families().contains(&row.family);
    if !is_it {
        return None;
    }
    if !table.details.is_empty() {
        row.set_details(details::details(table.details, info, &message, answer).ok()?);
    }
    Some(row)
}
