//! The map that the program writes to and the reader reads. It has a part for each thread that may read: what the program
//! keeps from call to call, then the records.

use super::super::program::{RECORD_BYTES, ROW_BYTES};

/// The number of records that the map holds, a power of two.
pub(crate) const MAX_RECORDS: i16 = 1024;
/// Where the first record is in a part.
pub(crate) const RECORDS_AT: i16 = 704;

/// What is written of a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// What identifies it and its holder: [`RECORD_BYTES`].
    Record,
    /// The same, and what a row of a listing has: [`ROW_BYTES`].
    Row,
}

impl Layout {
    pub(crate) const fn bytes(self) -> i16 {
        match self {
            Self::Record => row::LOCAL,
            Self::Row => row::END,
        }
    }

    /// The bytes of a part of the map's value, as a power of two. Each is mapped by itself, and the largest pages have 64 KiB.
    pub(crate) const fn part_shift(self) -> u8 {
        match self {
            Self::Record => 16,
            Self::Row => 17,
        }
    }

    pub(crate) const fn part_bytes(self) -> usize {
        1 << self.part_shift()
    }

    const fn has_room(self) -> bool {
        let records = MAX_RECORDS.unsigned_abs() as usize * self.bytes().unsigned_abs() as usize;
        RECORDS_AT.unsigned_abs() as usize + records <= self.part_bytes()
    }
}

const _: () = assert!(row::LOCAL.unsigned_abs() as usize == RECORD_BYTES);
const _: () = assert!(row::END.unsigned_abs() as usize == ROW_BYTES);
const _: () = assert!(Layout::Record.has_room() && Layout::Row.has_room());

/// Where the fields of a row are. Those before the addresses are those of a record.
pub(crate) mod row {
    pub(crate) const INODE: i16 = 0;
    pub(crate) const FAMILY: i16 = 4;
    pub(crate) const TYPE: i16 = 6;
    pub(crate) const COOKIE: i16 = 8;
    pub(crate) const PROCESS: i16 = 16;
    pub(crate) const DESCRIPTOR: i16 = 20;
    pub(crate) const NAMESPACE: i16 = 24;
    pub(crate) const PORT: i16 = 28;
    pub(crate) const PROTOCOL: i16 = 30;
    /// The addresses, of 16 bytes each.
    pub(crate) const LOCAL: i16 = 32;
    pub(crate) const REMOTE: i16 = 48;
    /// The address of the sock.
    pub(crate) const SOCK: i16 = 64;
    /// Up to four numbers of 4 bytes. TCP: `rcv_nxt`, `copied_seq`, `write_seq`, `snd_una`; its listeners: `sk_ack_backlog`,
    /// `sk_max_ack_backlog`, `qlen` of `icsk_accept_queue`; others: `rmem_alloc`, `sk_wmem_alloc`, of UDP `forward_deficit`.
    pub(crate) const QUEUES: i16 = 72;
    pub(crate) const UID: i16 = 88;
    pub(crate) const INTERFACE: i16 = 92;
    /// In network byte order.
    pub(crate) const REMOTE_PORT: i16 = 96;
    pub(crate) const STATE: i16 = 98;
    /// Not 0: IPv6 only.
    pub(crate) const V6_ONLY: i16 = 99;
    pub(crate) const END: i16 = 104;
}

/// What the program keeps in a part of the map, a number of 8 bytes each. The reader reads the first ones.
pub(crate) mod state {
    /// The number of records in the map.
    pub(crate) const RECORDS: i16 = 0;
    /// Set when a call ended early: the records are to be taken, and the iterator read again.
    pub(crate) const STOPPED: i16 = 8;
    /// The number of slots that kept changing.
    pub(crate) const LOST: i16 = 16;
    /// The number of tasks without a number in the reader's pid namespace.
    pub(crate) const FOREIGN: i16 = 24;
    /// The run that the state is of, `bpf_iter_meta.session_id`.
    pub(crate) const SESSION: i16 = 32;
    /// The operations of a socket's file: the address distinguishes sockets from other files.
    pub(crate) const OPERATIONS: i16 = 40;
    /// The same of a file that was opened with `O_PATH`, whatever it leads to.
    pub(crate) const OPERATIONS_OF_PATHS: i16 = 648;
    /// 1 if only half of the descriptors are read, and which half: 0 or 1.
    pub(crate) const IS_HALF: i16 = 656;
    pub(crate) const HALF: i16 = 664;
    pub(crate) const TASK: i16 = 48;
    pub(crate) const CURRENT: i16 = 56;
    /// The table that is read: `files_struct`, its `fdtable`, and of that slots, bit map and number of slots.
    pub(crate) const FILES: i16 = 64;
    pub(crate) const TABLE: i16 = 72;
    pub(crate) const SLOTS: i16 = 80;
    pub(crate) const OPEN: i16 = 88;
    pub(crate) const SLOT_COUNT: i16 = 96;
    /// The next descriptor, and which of its eight are to be read, a bit each.
    pub(crate) const DESCRIPTOR: i16 = 104;
    pub(crate) const WANTED: i16 = 112;
    pub(crate) const REPEATS: i16 = 120;
    /// How many slots this call may still read.
    pub(crate) const SLOTS_LEFT: i16 = 128;
    pub(crate) const PROCESS: i16 = 136;
    /// Where to continue: thread and its start, descriptor, which of its eight, and the table.
    pub(crate) const RESUME_THREAD: i16 = 144;
    pub(crate) const RESUME_START: i16 = 152;
    pub(crate) const RESUME_DESCRIPTOR: i16 = 160;
    pub(crate) const RESUME_WANTED: i16 = 168;
    pub(crate) const RESUME_FILES: i16 = 640;
    /// The last table of a thread other than the leader: its process and `files_struct`.
    pub(crate) const LAST_PROCESS: i16 = 176;
    pub(crate) const LAST_FILES: i16 = 184;
    /// Where barriers are made.
    pub(crate) const BARRIER: i16 = 192;
    pub(crate) const THREAD: i16 = 200;
    pub(crate) const START: i16 = 208;
    /// Not 0: the task is not the leader.
    pub(crate) const IS_THREAD: i16 = 216;
    /// How many records there are with those of this step.
    pub(crate) const PENDING: i16 = 224;
    /// Which of the eight records did not hold, a bit each.
    pub(crate) const FAILED: i16 = 232;
    /// Not 0: something has changed.
    pub(crate) const CHANGED: i16 = 240;
    /// Not 0: the record is not wanted: it is of another family, or another file.
    pub(crate) const NOT_WANTED: i16 = 248;
    /// The `dentry` of a file.
    pub(crate) const DENTRY: i16 = EIGHT_SOCKETS;
    /// Where a number of the reader's pid namespace is in any `struct pid`, and that place for the task.
    pub(crate) const NUMBER: i16 = EIGHT_FILES;
    pub(crate) const PID: i16 = EIGHT_SOCKETS;
    /// The sockets among the eight: [`entry`](super::entry).
    pub(crate) const ENTRIES: i16 = 256;
    /// The eight files, and the sockets of those that are one.
    pub(crate) const EIGHT_FILES: i16 = 512;
    pub(crate) const EIGHT_SOCKETS: i16 = 576;
}

/// A socket to record: its file, the socket, the sock, and which of the eight slots it is in.
pub(crate) mod entry {
    pub(crate) const BYTES: i16 = 32;
    pub(crate) const FILE: i16 = 0;
    pub(crate) const SOCKET: i16 = 8;
    pub(crate) const SOCK: i16 = 16;
    pub(crate) const SLOT: i16 = 24;
}
