//! `net.inet.{tcp,udp}.pcblist_n` in bytes (`get_pcblist_n` of `bsd/netinet/in_pcblist.c`).

use super::address::{sixteen, vflag};
use super::layout::{Record, set_record, xinpgen};
use crate::scripted::world::{Hands, Protocol, Socket, State};

/// `t_state`.
pub(super) fn number(state: State) -> u32 {
    match state {
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
        State::Unheard => 77,
    }
}

/// `so_state`: what else stands there besides whether a descriptor refers to it is of no matter, so there is
/// something.
pub(super) fn so_state(socket: &Socket) -> u16 {
    let connected = 0x0002;
    connected
        | match socket.hands {
            Hands::HalfOpen => 0x0001 | 0x0800,
            Hands::Waiting => 0x0001 | 0x1000,
            Hands::Orphan => 0x0001 | 0x2000,
            Hands::Subflow => 0x0001,
            _ => 0,
        }
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

/// The size of one set, as the kernel reckons it.
fn item(protocol: Protocol, major: u32) -> usize {
    let xsocket = if major >= 13 { 104 } else { 80 };
    104 + xsocket + 32 + 32 + 136 + if protocol == Protocol::Tcp { 208 } else { 0 }
}

/// What the kernel answers who asks for the size: room for an eighth more, and one.
pub(super) fn estimate(protocol: Protocol, major: u32, count: usize) -> usize {
    2 * 24 + (count + count / 8 + 1) * item(protocol, major)
}

fn queue(kind: u32, bytes: u32) -> Record {
    let mut record = set_record(32, kind);
    record.u32(8, bytes).u32(12, 131_072).u32(24, 1);
    record
}

/// The set of one socket.
pub(super) fn set(socket: &Socket, major: u32, extras: Extras) -> Vec<u8> {
    let is_flow = socket.hands == Hands::Flow;
    let has_socket = socket.hands != Hands::NoSocket;
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
            let subflow = if socket.hands == Hands::Subflow { 0x0100_0000 } else { 0 };
            xso.u64(76, socket.generation + 1_000).u32(84, subflow | 0x40);
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
        tcpcb.u32(36, number(socket.state)).u32(96, 65_535).u32(132, 1448);
        out.extend(tcpcb.padded());
    }
    out
}

/// Oddities of a stream.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Extras {
    /// A record of a kind that nobody has heard of in each set.
    pub(super) unknown_kinds: bool,
    /// So many bytes more in records that may grow.
    pub(super) longer: usize,
}

/// A table, as far as it fits into so many bytes. Whole sets are copied or not at all; if one was not, there is
/// no trailer.
pub(super) fn table(
    sockets: &[&Socket],
    count: usize,
    generation: u64,
    major: u32,
    room: usize,
    extras: Extras,
) -> (Vec<u8>, bool) {
    let header = xinpgen(u32::try_from(count).unwrap_or(u32::MAX), generation, generation + 5_000);
    let mut out = header.clone();
    if count == 0 {
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
