//! Unix sockets in bytes: `net.local.{stream,dgram}.pcblist_n` (`unp_pcblist_n` of `bsd/kern/uipc_usrreq.c`), and
//! `un_sockinfo` of libproc.

use super::layout::{Record, set_record, xinpgen};
use super::pcblist_n::queue;
use super::{ENOMEM, EPERM, Xnu, ok};
use crate::scripted::world::{Attachment, Target, UnixSocket};
use crate::sys::macos::Returned;
use std::sync::atomic::Ordering::SeqCst;

/// `struct sockaddr_un` in a field of that length; empty without a path.
fn sockaddr_un(path: &str) -> Vec<u8> {
    if path.is_empty() {
        return Vec::new();
    }
    let length = u8::try_from(2 + path.len() + 1).unwrap_or(u8::MAX);
    [&[length, 1], path.as_bytes()].concat()
}

fn so_state(socket: &UnixSocket) -> u16 {
    let queue = match socket.attachment {
        Attachment::AcceptQueue => 0x0001 | 0x1000,
        Attachment::Orphan => 0x0001 | 0x2000,
        _ => 0,
    };
    queue | if socket.peer.is_some() { 0x0002 } else { 0 }
}

fn pcb(socket: &UnixSocket) -> u64 {
    socket.handle ^ 0x2222
}

impl Xnu {
    /// The unix socket at this place, if it exists now.
    pub(super) fn existing_unix(&self, place: usize) -> Option<&UnixSocket> {
        let socket = self.0.world.unix.get(place)?;
        let [stream, datagram] = &self.0.unix_reads;
        let reads = if socket.is_datagram { datagram } else { stream };
        socket.exists.contains(&reads.load(SeqCst)).then_some(socket)
    }

    fn unix_peer(&self, socket: &UnixSocket) -> Option<&UnixSocket> {
        socket.peer.and_then(|peer| self.existing_unix(peer))
    }

    fn unix_set(&self, socket: &UnixSocket) -> Vec<u8> {
        let extras = self.extras();
        let peer = self.unix_peer(socket);
        let mut unpcb = set_record(588 + extras.longer, 0x200);
        unpcb
            .u64(8, pcb(socket))
            .u64(32, peer.map_or(0, pcb))
            .u64(68, socket.generation)
            .bytes(76, &sockaddr_un(socket.path))
            .bytes(332, &sockaddr_un(peer.map_or("", |peer| peer.path)));
        let mut xso = set_record(104 + extras.longer, 0x1);
        if socket.attachment != Attachment::NoSocket {
            xso.u64(8, socket.handle)
                .u16(16, if socket.is_datagram { 2 } else { 1 })
                .u32(20, if socket.is_listening { 0x0002 } else { 0 })
                .u16(26, so_state(socket))
                .u64(28, pcb(socket))
                .u32(40, 1)
                .u16(44, socket.backlog.0)
                .u16(46, socket.backlog.1)
                .u16(48, socket.backlog.2)
                .u32(64, socket.uid)
                .u32(68, socket.last_user);
        }
        let queues = [queue(0x2, socket.received).padded(), queue(0x4, 0).padded()].concat();
        [unpcb.padded(), xso.padded(), queues, set_record(136, 0x8).padded()].concat()
    }

    /// Whether the caller's table contains a socket: a filtered one has those of the caller's own process.
    fn shows_unix(&self, place: usize) -> bool {
        let machine = &self.0.machine;
        let own = self.0.world.process(machine.pid);
        let is_own =
            || own.is_some_and(|own| own.descriptors.iter().any(|it| it.target == Target::Unix(place)));
        !(machine.filters_unix && machine.filters_caller()) || is_own()
    }

    pub(super) fn read_unix_table(&self, datagrams: bool, buffer: Option<&mut [u8]>) -> (Returned, usize) {
        let reads = &self.0.unix_reads[usize::from(datagrams)];
        if reads.load(SeqCst) >= self.0.machine.refuses_unix_after {
            return (Returned { value: -1, errno: EPERM }, 0);
        }
        let existing =
            (0..self.0.world.unix.len()).filter_map(|place| Some((place, self.existing_unix(place)?)));
        let existing: Vec<(usize, &UnixSocket)> = existing.collect();
        // The kernel counts both types together.
        let count = existing.len();
        let generation = existing.iter().map(|(_, socket)| socket.generation).max().unwrap_or(0);
        let mut head = 24 + self.extras().longer;
        let header = xinpgen(head, u32::try_from(count).unwrap_or(u32::MAX), generation, generation + 5_000);
        head = header.len();
        let sets: Vec<Vec<u8>> = existing
            .iter()
            .rev()
            .filter(|(place, socket)| socket.is_datagram == datagrams && self.shows_unix(*place))
            .map(|(_, socket)| self.unix_set(socket))
            .collect();
        let Some(buffer) = buffer else {
            let item = 592 + 104 + 32 + 32 + 136 + 2 * self.extras().longer.next_multiple_of(8);
            return (ok(0), 2 * head + (count + count / 8) * item);
        };
        let mut bytes = header.clone();
        let is_outgrown =
            self.0.outgrown.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() && count > 0;
        for set in sets {
            if is_outgrown || bytes.len() + set.len() > buffer.len() {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                return (Returned { value: -1, errno: ENOMEM }, bytes.len());
            }
            bytes.extend(set);
        }
        if count > 0 {
            bytes.extend(header);
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        reads.fetch_add(1, SeqCst);
        (ok(0), bytes.len())
    }

    /// `struct socket_fdinfo` of a unix socket.
    pub(super) fn unix_fdinfo(&self, place: usize, socket: &UnixSocket) -> Vec<u8> {
        let is_shared = self.0.world.unix_references(place) > 1;
        let peer = self.unix_peer(socket);
        let mut record = Record::new(792);
        record
            .u32(4, u32::from(is_shared))
            .u64(160, socket.handle)
            .u64(168, pcb(socket))
            .u32(176, if socket.is_datagram { 2 } else { 1 })
            .u32(184, 1)
            .u16(188, if socket.is_listening { 0x0002 } else { 0 })
            .u16(192, so_state(socket))
            .u16(194, socket.backlog.0)
            .u16(196, socket.backlog.1)
            .u16(198, socket.backlog.2)
            .u32(208, socket.received)
            .u32(256, 3)
            .u64(264, peer.map_or(0, |peer| peer.handle))
            .u64(272, peer.map_or(0, pcb))
            .bytes(280, &sockaddr_un(socket.path))
            .bytes(535, &sockaddr_un(peer.map_or("", |peer| peer.path)));
        record.0
    }
}
