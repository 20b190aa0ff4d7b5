//! What tests change in the program, to see what each part of it is for.

use super::memory::MAX_RECORDS;

/// How many slots of a table one call reads.
const MAX_SLOTS: i32 = 8192;

/// The checks that the program makes, the bounds of a call, and where it waits.
#[derive(Copy, Clone, Debug)]
pub(in super::super) struct Settings {
    /// Checks A, B and C.
    pub(in super::super) checks: Checks,
    /// A call ends when this many records are in the map, at the most [`MAX_RECORDS`], or so many slots were read.
    pub(in super::super) max_records: i32,
    pub(in super::super) max_slots: i32,
    pub(in super::super) waits: Waits,
}

/// Whether the task must have the table before its pointers are followed, the slot hold the socket after it was recorded,
/// and the task still have the table then.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Checks {
    pub(in super::super) before: bool,
    pub(in super::super) record: bool,
    pub(in super::super) after: bool,
}

/// How often the program reads the clock, which takes some 30 nanoseconds: before eight slots are read, before the sockets
/// among them are, and before and after each record.
#[derive(Copy, Clone, Debug)]
pub(in super::super) struct Waits {
    pub(in super::super) slots: i32,
    pub(in super::super) sockets: i32,
    pub(in super::super) record: i32,
}

impl Settings {
    /// Those of every listing.
    pub(in super::super) const DEFAULT: Self = Self {
        checks: Checks { before: true, record: true, after: true },
        max_records: MAX_RECORDS as i32,
        max_slots: MAX_SLOTS,
        waits: Waits { slots: 0, sockets: 0, record: 0 },
    };
}
