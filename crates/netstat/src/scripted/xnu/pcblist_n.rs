//! `net.inet.{tcp,udp}.pcblist_n` in bytes (`get_pcblist_n` of `bsd/netinet/in_pcblist.c`).

use super::address::{sixteen, vflag};
use super::layout::{Record, set_record, xinpgen};
use crate::scripted::world::{Attachment, Protocol, Socket, State};

/// `t_state`.
pub(super) fn t_state(socket: &Socket) -> u32 {
    if socket.attachment == Attachment::Detached || socket.diverted {
        return 0;
    }
    match socket.state {
        State::Closed => 0,
        State::Listen => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::Established => 4,
        State::CloseWait => 5,
        State::FinWait1 => 6,
        State::Closing => 7,
        State::LastAck => 8,
        State::FinWait2 => 9,
        State::TimeWait => 10,
        State::Unknown => 77,
    }
}

/// `so_state`: connected, being connected or neither, and whether a descriptor refers to the socket. The bit 0x80, which
/// has no meaning for the back end, is always set.
pub(super) fn so_state(socket: &Socket) -> u16 {
    let connection = match socket.state {
        _ if socket.remote.is_none() || socket.attachment == Attachment::Detached => 0,
        State::SynSent => 0x0004,
        _ => 0x0002,
    };
    let queue = match socket.attachment {
        Attachment::HalfOpen => 0x0001 | 0x0800,
        Attachment::AcceptQueue => 0x0001 | 0x1000,
        Attachment::Orphan => 0x0001 | 0x2000,
        Attachment::Subflow => 0x0001,
        _ => 0,
    };
    0x0080 | connection | queue
}

pub(super) fn protocol(socket: &Socket) -> u32 {
    match socket.protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

pub(super) fn family(socket: &Socket) -> u32 {
    if socket.ipv6 { 30 } else { 2 }
}

/// The size of one set.
fn item(protocol: Protocol, major: u32, extras: Extras) -> usize {
    let xsocket = if major >= 13 { 104 + extras.longer } else { 76 };
    let tcpcb = if protocol == Protocol::Tcp { 204 } else { 0 };
    let unknown = if extras.unknown_kinds { 44 } else { 0 };
    let records = [104 + extras.longer, xsocket, 32, 32, 136, tcpcb, unknown];
    records.into_iter().map(|length| length.next_multiple_of(8)).sum()
}

/// The answer to a sizing call: an eighth more sets than there are, and one.
pub(super) fn size(protocol: Protocol, major: u32, count: usize, extras: Extras) -> usize {
    let header = (24 + extras.longer).next_multiple_of(8);
    2 * header + (count + count / 8 + 1) * item(protocol, major, extras)
}

pub(super) fn queue(kind: u32, bytes: u32) -> Record {
    let mut record = set_record(32, kind);
    record.u32(8, bytes).u32(12, 131_072).u32(24, 1);
    record
}

/// The set of one socket.
pub(super) fn set(socket: &Socket, major: u32, extras: Extras) -> Vec<u8> {
    let is_flow = socket.attachment == Attachment::Flow;
    let has_socket = socket.attachment != Attachment::NoSocket;
    let mut out = Vec::new();

    let mut inpcb = set_record(104 + extras.longer, 0x10);
    inpcb
        .port(16, socket.remote.map_or(0, |remote| remote.port()))
        .port(18, socket.local.port())
        .u64(8, if is_flow { 0 } else { socket.handle ^ 0x1111 })
        .u64(20, if is_flow { 0 } else { socket.handle ^ 0x2222 })
        .u64(28, if is_flow { 0 } else { socket.generation })
        .u32(36, 0x0080_0000)
        .u8(44, vflag(socket, major))
        .u8(45, 64)
        .bytes(48, &sixteen(socket.remote))
        .bytes(64, &sixteen(Some(socket.local)));
    out.extend(inpcb.padded());

    let mut xso = set_record(if major >= 13 { 104 + extras.longer } else { 76 }, 0x1);
    if has_socket {
        xso.u32(36, protocol(socket)).u32(68, socket.last_user).u32(72, socket.effective);
    }
    if has_socket && !is_flow {
        xso.u64(8, socket.handle)
            .u16(16, if socket.protocol == Protocol::Tcp { 1 } else { 2 })
            .u16(26, so_state(socket))
            .u64(28, socket.handle ^ 0x2222)
            .u32(40, family(socket))
            .u16(44, socket.backlog.0)
            .u16(46, socket.backlog.1)
            .u16(48, socket.backlog.2)
            .u32(64, socket.uid);
        if major >= 13 {
            let subflow = if socket.attachment == Attachment::Subflow { 0x0100_0000 } else { 0 };
            let (diverted, filter) = if socket.diverted { (0x0080_0000, 0x8 | 0x1) } else { (0, 0x1) };
            xso.u64(76, socket.generation + 1_000).u32(84, subflow | diverted | 0x40).u32(100, filter);
        }
    }
    out.extend(xso.padded());
    if extras.unknown_kinds {
        let mut unknown = set_record(44, 0x400);
        unknown.u64(8, u64::MAX);
        out.extend(unknown.padded());
    }

    let (rcv, snd) = if has_socket { (0x2, 0x4) } else { (0, 0) };
    let sent = if is_flow && socket.protocol == Protocol::Udp { 0 } else { socket.to_send };
    out.extend(queue(rcv, if has_socket { socket.received } else { 0 }).padded());
    out.extend(queue(snd, if has_socket { sent } else { 0 }).padded());
    out.extend(set_record(136, 0x8).padded());

    if socket.protocol == Protocol::Tcp {
        let mut tcpcb = set_record(204, 0x20);
        tcpcb.u32(36, t_state(socket)).u32(96, 65_535).u32(132, 1448);
        out.extend(tcpcb.padded());
    }
    out
}

/// Oddities of a stream.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Extras {
    /// A record of an unknown kind in each set.
    pub(super) unknown_kinds: bool,
    /// So many bytes more in the header and in records that may grow.
    pub(super) longer: usize,
}

/// The header of a table.
pub(super) struct Head {
    pub(super) count: usize,
    pub(super) generation: u64,
    /// Whether the kernel has no socket of the protocol, so that there is no trailer.
    pub(super) is_empty: bool,
}

/// A table, as far as it fits into so many bytes. A set is copied whole or not at all; if one was not, there is no
/// trailer.
pub(super) fn table(
    sockets: &[&Socket],
    head: Head,
    major: u32,
    room: usize,
    extras: Extras,
) -> (Vec<u8>, bool) {
    let count = u32::try_from(head.count).unwrap_or(u32::MAX);
    let header = xinpgen(24 + extras.longer, count, head.generation, head.generation + 5_000);
    let mut out = header.clone();
    if head.is_empty {
        return (out, true);
    }
    for socket in sockets {
        let set = set(socket, major, extras);
        if out.len() + set.len() > room {
            return (out, false);
        }
        out.extend(set);
    }
    if out.len() + header.len() > room {
        return (out, false);
    }
    out.extend(header);
    (out, true)
}
