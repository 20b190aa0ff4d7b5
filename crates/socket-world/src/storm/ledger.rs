//! What the processes of a storm write down, in memory that they share: whose which socket and which process is.

use crate::facts::Held;
use crate::ffi::Shared;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// One more than the largest number of a process, `PID_MAX_LIMIT` of linux/threads.h.
const PROCESSES: usize = 1 << 22;
/// Later sockets replace those whose inode numbers have the same lower bits.
const SOCKETS: usize = 1 << 22;

/// The first descriptor of a socket. Those before it are for pipes and for what is made before it gets its descriptor; with
/// some more, the table is still the small one that is a part of the kernel's `files_struct`.
pub(super) const FIRST: i32 = 40;

/// The number of descriptors that have a port for each family.
const SLOTS: u32 = 4096;
/// The first port.
const PORTS: u32 = 1024;

/// The last two bytes of the addresses of the ends of a connection; those of a UDP socket are its descriptor.
pub(super) const ADDRESS_OF_LISTENER: u32 = 0xff01;
pub(super) const ADDRESS_OF_CLIENTS: u32 = 0xff02;

/// The descriptors of UDP sockets are less than this; listener and clients of a family have the ports beyond.
pub(super) const MOST_SLOTS: i32 = 3000;
const CLIENTS: u32 = 3000;
const LISTENER: u32 = 4095;

/// How much has happened in a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StormCounts {
    pub forks: u64,
    pub unshares: u64,
    pub accepts: u64,
    /// Descriptors that were bound, closed or replaced.
    pub changes: u64,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Right,
    /// The process never held the socket, as far as is known yet.
    WrongProcess,
    /// The socket never had this descriptor.
    WrongDescriptor,
    /// Inode and port are of two sockets.
    Torn,
}

pub(super) struct Ledger {
    /// By process: the families whose sockets it may hold, a bit each; in the upper half those of the process that had the
    /// number before.
    processes: Shared<PROCESSES>,
    /// By inode number: the whole number, family (16 bits) and descriptor (16 bits).
    sockets: Shared<SOCKETS>,
    counts: Shared<4>,
}

impl Ledger {
    /// One more than the largest number of a family; 0 is none.
    pub(super) const FAMILIES: u32 = 15;

    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { processes: Shared::new()?, sockets: Shared::new()?, counts: Shared::new()? })
    }

    pub(super) fn counts(&self) -> StormCounts {
        let [forks, unshares, accepts, changes] =
            self.counts.get().each_ref().map(|count| count.load(SeqCst));
        StormCounts { forks, unshares, accepts, changes }
    }

    pub(super) fn count_fork(&self) {
        self.counts.get()[0].fetch_add(1, SeqCst);
    }

    pub(super) fn count_unshare(&self) {
        self.counts.get()[1].fetch_add(1, SeqCst);
    }

    pub(super) fn count_accept(&self) {
        self.counts.get()[2].fetch_add(1, SeqCst);
    }

    pub(super) fn count_change(&self) {
        self.counts.get()[3].fetch_add(1, SeqCst);
    }

    fn process(&self, pid: u32) -> &AtomicU64 {
        &self.processes.get()[usize::try_from(pid).unwrap_or(0) % PROCESSES]
    }

    fn socket(&self, inode: u64) -> &AtomicU64 {
        &self.sockets.get()[usize::try_from(inode % SOCKETS as u64).unwrap_or(0)]
    }

    /// Notes the families of a process: the process itself and its parent do, and either may be the first.
    pub(super) fn note_process(&self, pid: u32, families: u32) {
        let of_number = self.process(pid);
        let is_other = |noted: u64| {
            (noted & 0xffff_ffff != families.into()).then_some(noted << 32 | u64::from(families))
        };
        let _ = of_number.fetch_update(SeqCst, SeqCst, is_other);
    }

    pub(super) fn note_socket(&self, inode: u64, family: u32, slot: i32) {
        let slot = u64::from(slot.unsigned_abs() & 0xffff);
        self.socket(inode).store(inode << 32 | u64::from(family) << 16 | slot, SeqCst);
    }

    pub(super) fn judge(&self, held: Held, port: u16) -> Verdict {
        // Not bound yet, or just being closed.
        let Some(of_port) = u32::from(port).checked_sub(PORTS) else {
            return if port == 0 { Verdict::Right } else { Verdict::Torn };
        };
        let (family, slot) = (of_port / SLOTS, of_port % SLOTS);
        let noted = self.socket(held.inode).load(SeqCst);
        let is_noted = noted >> 32 == held.inode;
        // Where descriptor and inode are not noted, a connection has just been made, or another socket has replaced it.
        let mut expected = is_noted.then_some(noted & 0xffff);
        if is_noted && noted >> 16 & 0xffff != family.into() {
            return Verdict::Torn;
        }
        if slot < CLIENTS {
            if expected.is_some_and(|noted| noted != slot.into()) {
                return Verdict::Torn;
            }
            expected = Some(slot.into());
        }
        if expected.is_some_and(|slot| u64::try_from(held.fd) != Ok(slot)) {
            return Verdict::WrongDescriptor;
        }
        let families = self.process(held.pid).load(SeqCst);
        if (families | families >> 32) >> family & 1 == 1 { Verdict::Right } else { Verdict::WrongProcess }
    }
}

/// The last three bytes of the loopback address of the socket with this port.
pub(super) fn address_of(port: u16) -> Option<u32> {
    let of_port = u32::from(port).checked_sub(PORTS)?;
    let (family, place) = (of_port / SLOTS, of_port % SLOTS);
    let of_family = match place {
        LISTENER => ADDRESS_OF_LISTENER,
        CLIENTS.. => ADDRESS_OF_CLIENTS,
        slot => slot,
    };
    Some(family << 16 | of_family)
}

/// The port of the socket that a family has under this number.
pub(super) fn port_of_slot(family: u32, slot: i32) -> u16 {
    port(family, slot.clamp(FIRST, MOST_SLOTS - 1).unsigned_abs())
}

pub(super) fn port_of_listener(family: u32) -> u16 {
    port(family, LISTENER)
}

/// The port of the client of a connection.
pub(super) fn port_of_client(family: u32, number: u32) -> u16 {
    port(family, CLIENTS + number % (LISTENER - CLIENTS))
}

fn port(family: u32, place: u32) -> u16 {
    u16::try_from(PORTS + family * SLOTS + place).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Held = Held { pid: 77, fd: 50, inode: 1 << 30 | 5 };

    #[test]
    fn ports_of_the_last_family_are_ports() {
        let last = Ledger::FAMILIES - 1;
        assert_eq!([port_of_listener(last), port_of_slot(0, FIRST)], [62_463, 1064]);
    }

    #[test]
    fn record_of_a_noted_socket_and_process_is_right_and_any_other_is_not() {
        let ledger = Ledger::new().unwrap();
        ledger.note_process(77, 1 << 3);
        ledger.note_socket(HELD.inode, 3, 50);
        let judge = |held, port| ledger.judge(held, port);
        let port = port_of_slot(3, 50);
        assert_eq!(judge(HELD, port), Verdict::Right);
        assert_eq!(judge(HELD, 0), Verdict::Right, "not bound");
        assert_eq!(judge(Held { pid: 78, ..HELD }, port), Verdict::WrongProcess);
        assert_eq!(judge(Held { fd: 51, ..HELD }, port), Verdict::WrongDescriptor);
        for torn in [port_of_slot(3, 51), port_of_slot(4, 50), port_of_listener(4), 80, u16::MAX] {
            assert_eq!(judge(HELD, torn), Verdict::Torn, "{torn}");
        }
        // The inode number is not noted: descriptor and family are those of the port.
        let other = Held { inode: 9, ..HELD };
        assert_eq!(judge(other, port), Verdict::Right);
        assert_eq!(judge(other, port_of_slot(3, 51)), Verdict::WrongDescriptor);
        assert_eq!(judge(other, port_of_slot(4, 50)), Verdict::WrongProcess);
    }

    #[test]
    fn connection_has_the_descriptor_that_is_noted_for_its_inode() {
        let ledger = Ledger::new().unwrap();
        ledger.note_process(77, 1 << 3);
        let (client, listener) = (port_of_client(3, 12), port_of_listener(3));
        for port in [client, listener] {
            assert_eq!(ledger.judge(HELD, port), Verdict::Right, "not noted yet");
        }
        ledger.note_socket(HELD.inode, 3, 9);
        for port in [client, listener] {
            assert_eq!(ledger.judge(HELD, port), Verdict::WrongDescriptor);
            assert_eq!(ledger.judge(Held { fd: 9, ..HELD }, port), Verdict::Right);
        }
    }

    #[test]
    fn number_of_a_process_is_given_away_and_its_last_holder_remembered() {
        let ledger = Ledger::new().unwrap();
        let judge = |family| ledger.judge(HELD, port_of_slot(family, 50));
        ledger.note_process(77, 1 << 3);
        ledger.note_process(77, 1 << 4);
        ledger.note_process(77, 1 << 4);
        assert_eq!([3, 4, 5].map(judge), [Verdict::Right, Verdict::Right, Verdict::WrongProcess]);
        ledger.note_process(77, 1 << 5);
        assert_eq!([3, 4, 5].map(judge), [Verdict::WrongProcess, Verdict::Right, Verdict::Right]);
    }
}
