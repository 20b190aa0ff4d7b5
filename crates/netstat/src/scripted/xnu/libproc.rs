//! The structures of libproc (`bsd/sys/proc_info.h`).

use super::address::{sixteen, vflag};
use super::layout::Record;
use super::pcblist_n::{family, protocol, so_state, t_state};
use crate::scripted::world::{Attachment, Process, Protocol, Socket};

/// `struct socket_fdinfo` of a socket.
pub(super) fn socket_fdinfo(socket: &Socket, is_shared: bool, major: u32) -> Vec<u8> {
    let mut record = Record::new(792);
    // struct proc_fileinfo: open for reading and writing, close-on-exec.
    record.u32(0, 3).u32(4, 2 | u32::from(is_shared)).u32(16, 2);
    record
        .u64(160, socket.handle)
        .u64(168, socket.handle ^ 0x2222)
        .u32(176, if socket.protocol == Protocol::Tcp { 1 } else { 2 })
        .u32(180, protocol(socket))
        .u32(184, family(socket))
        .u16(192, so_state(socket))
        .u16(194, socket.backlog.0)
        .u16(196, socket.backlog.1)
        .u16(198, socket.backlog.2)
        .u32(208, socket.received)
        .u32(212, 131_072)
        .u32(232, socket.to_send)
        .u32(236, 131_072);
    let is_tcp = socket.protocol == Protocol::Tcp && socket.attachment != Attachment::Uninitialised;
    record
        .u32(256, if is_tcp { 2 } else { 1 })
        .port_in_int(264, socket.remote.map_or(0, |remote| remote.port()))
        .port_in_int(268, socket.local.port())
        .u64(272, socket.generation)
        .u32(280, 0x0080_0000)
        .u8(288, vflag(socket, major))
        .u8(289, 64)
        .bytes(296, &sixteen(socket.remote))
        .bytes(312, &sixteen(Some(socket.local)));
    if is_tcp {
        record.u32(344, t_state(socket)).u32(364, 1448).u64(376, socket.handle ^ 0x3333);
    }
    record.0
}

/// `struct socket_fdinfo` of a local socket, connected, with a name.
pub(super) fn local_socket() -> Vec<u8> {
    let mut record = Record::new(792);
    record.u64(160, 0x5151).u32(176, 1).u32(184, 1).u16(192, 2).u32(256, 3).u64(264, 0x6161);
    record.u8(280, 20).u8(281, 1).bytes(282, b"/var/run/mDNSResp");
    record.0
}

/// `struct proc_bsdshortinfo`.
pub(super) fn shortinfo(process: &Process, is_zombie: bool) -> Vec<u8> {
    let mut record = Record::new(64);
    let comm: Vec<u8> = process.name.bytes().take(15).collect();
    record
        .u32(0, process.pid)
        .u32(4, process.parent)
        .u32(8, process.pid)
        .u32(12, if is_zombie { 5 } else { 2 })
        .bytes(16, &comm)
        .u32(32, 0x4000)
        .u32(36, process.uid)
        .u32(40, 20)
        .u32(44, process.uid + 7);
    record.0
}

/// `struct proc_bsdinfo`.
pub(super) fn bsdinfo(process: &Process) -> Vec<u8> {
    let mut record = Record::new(136);
    record.u32(12, process.pid).u32(16, process.parent).u32(20, process.uid);
    record.u64(120, process.started).u64(128, 250_000);
    record.0
}

/// `struct proc_uniqidentifierinfo`.
pub(super) fn uniqidentifierinfo(unique_id: u64) -> Vec<u8> {
    let mut record = Record::new(56);
    record.u64(0, u64::MAX).u64(8, u64::MAX).u64(16, unique_id).u64(24, 1).u32(32, 9);
    record.0
}
