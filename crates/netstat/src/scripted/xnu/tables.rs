//! The tables of sockets: which sockets they contain at the time of a call, and what fits into a buffer.

use super::pcblist_n::{self, Extras};
use super::{ENOMEM, Xnu, ok};
use crate::scripted::world::{Attachment, Lifetime, Protocol, Socket, State, Target};
use crate::sys::macos::Returned;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

impl Xnu {
    fn reads(&self, protocol: Protocol) -> &AtomicU32 {
        let [tcp, udp] = &self.0.reads;
        if protocol == Protocol::Tcp { tcp } else { udp }
    }

    pub(super) fn tables_are_read(&self, protocol: Protocol) -> bool {
        self.reads(protocol).load(SeqCst) > 0
    }

    /// The sockets of a protocol that the kernel counts now, in a sizing call or while it copies the table.
    fn counted(&self, protocol: Protocol, is_sizing: bool) -> Vec<&Socket> {
        let is_read = self.tables_are_read(protocol);
        let exists = |socket: &&Socket| match socket.lifetime {
            Lifetime::Always | Lifetime::DetachedBeforeTables => true,
            Lifetime::OpenedAfterTables => is_read,
            Lifetime::ClosedAfterTables => !is_read,
            Lifetime::ClosedBeforeTables => is_sizing && !is_read,
        };
        let sockets = self.0.world.sockets.iter();
        sockets.filter(|socket| socket.protocol == protocol).filter(exists).collect()
    }

    /// Whether the caller's table contains a socket. A filtered one contains those of the caller's own process.
    fn is_shown(&self, socket: &Socket) -> bool {
        let is_dead = matches!(socket.attachment, Attachment::Detached | Attachment::Uninitialised)
            || socket.lifetime == Lifetime::DetachedBeforeTables;
        if is_dead {
            return false;
        }
        let machine = &self.0.machine;
        if !machine.filters_caller() || socket.last_user == machine.pid {
            return true;
        }
        let is_socket = |target| match target {
            Target::Socket(place) => {
                self.0.world.sockets.get(place).is_some_and(|it| std::ptr::eq(it, socket))
            }
            _ => false,
        };
        let own = self.0.world.process(machine.pid);
        own.is_some_and(|own| own.descriptors.iter().any(|descriptor| is_socket(descriptor.target)))
    }

    /// The table of a protocol as far as it fits into `room` bytes, and whether that is all of it.
    fn table(&self, protocol: Protocol, room: usize) -> (Vec<u8>, bool) {
        let counted = self.counted(protocol, false);
        let kernel_sockets = counted.iter().filter(|socket| socket.attachment != Attachment::Flow);
        let generation = kernel_sockets.map(|socket| socket.generation).max().unwrap_or(0);
        let is_empty = counted.is_empty();
        let mut shown = counted.clone();
        shown.retain(|socket| self.is_shown(socket));
        shown.sort_by_key(|socket| {
            let rank = match socket.attachment {
                Attachment::Flow => 2,
                _ if socket.state == State::TimeWait => 1,
                _ => 0,
            };
            (rank, u64::MAX - socket.generation)
        });
        let machine = &self.0.machine;
        let count =
            if machine.filters_caller() && machine.counts_shown { shown.len() } else { counted.len() };
        let head = pcblist_n::Head { count, generation, is_empty };
        pcblist_n::table(&shown, head, machine.major, room, self.extras())
    }

    pub(super) fn extras(&self) -> Extras {
        Extras { unknown_kinds: self.0.machine.unknown_kinds, longer: self.0.machine.longer }
    }

    pub(super) fn read_table(&self, protocol: Protocol, buffer: Option<&mut [u8]>) -> (Returned, usize) {
        let Some(buffer) = buffer else {
            let count = self.counted(protocol, true).len();
            return (ok(0), pcblist_n::size(protocol, self.0.machine.major, count, self.extras()));
        };
        let mut room = buffer.len();
        if self.0.outgrown.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            // So many sockets have been created since the sizing call that only a part fits.
            let (whole, _) = self.table(protocol, room);
            room = whole.len() / 2;
        }
        let (bytes, is_whole) = self.table(protocol, room);
        buffer[..bytes.len()].copy_from_slice(&bytes);
        if is_whole {
            self.reads(protocol).fetch_add(1, SeqCst);
        }
        let returned = if is_whole { ok(0) } else { Returned { value: -1, errno: ENOMEM } };
        (returned, bytes.len())
    }
}
