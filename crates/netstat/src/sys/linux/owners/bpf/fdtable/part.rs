//! The parts of a run: one thread reads all descriptors, or two a half each.

use super::super::ffi;
use super::super::refused::Refused;
use super::memory::{Layout, RECORDS_AT, state};
use crate::engine::parallel::run_both;
use crate::sys::linux::clock::nanoseconds_since_boot;
use crate::sys::linux::errno::errno_of;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};

/// How often an iterator is read, in some ten seconds: each read takes thousands of slots, or fills the map.
const MAX_READS: u32 = 1 << 16;

/// Which descriptors an iterator reads.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    FirstHalf,
    SecondHalf,
}

impl Part {
    /// The flags of the iterator's file by which the program knows. To the kernel they mean nothing there.
    pub(super) const IS_HALF: i32 = as_operand(OFlags::APPEND);
    pub(super) const IS_SECOND: i32 = as_operand(OFlags::NONBLOCK);

    const fn flags(self) -> OFlags {
        match self {
            Self::All => OFlags::empty(),
            Self::FirstHalf => OFlags::APPEND,
            Self::SecondHalf => OFlags::APPEND.union(OFlags::NONBLOCK),
        }
    }
}

/// Flags as instructions have them.
const fn as_operand(flags: OFlags) -> i32 {
    i32::from_ne_bytes(flags.bits().to_ne_bytes())
}

/// The part of the map that the program writes to for one thread.
#[derive(Debug)]
pub(super) struct PartOfMap {
    map: ffi::Mapping,
    pub(super) layout: Layout,
}

impl PartOfMap {
    /// Those of a new map.
    pub(super) fn of_new(layout: Layout) -> Result<(OwnedFd, [Self; 2]), Refused> {
        let made = ffi::Mapping::of_new_array(b"netstat_records\0", layout.part_bytes());
        let (map, parts) = made.map_err(|errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno))?;
        Ok((map, parts.map(|map| Self { map, layout })))
    }

    /// Runs the program once. `take` gets the records of each read, and a time before it.
    pub(super) fn iterate(
        &mut self,
        link: BorrowedFd<'_>,
        part: Part,
        take: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), Errno> {
        let mut iterator = File::from(ffi::start_iterator(link)?);
        if part != Part::All {
            fcntl_setfl(&iterator, part.flags())?;
        }
        let earlier = self.number(state::SESSION);
        let mut at = nanoseconds_since_boot();
        for _ in 0..MAX_READS {
            let is_done = match iterator.read(&mut [0; 8]).map_err(errno_of) {
                Ok(read) => read == 0,
                Err(Errno::AGAIN | Errno::INTR) => false,
                Err(errno) => return Err(errno),
            };
            if self.number(state::LOST) != 0 {
                return Err(Errno::BUSY);
            }
            if self.number(state::FOREIGN) != 0 {
                // It was started in another pid namespace than the one of this thread.
                return Err(Errno::XDEV);
            }
            // The kernel also pauses by itself, after a million tasks; the program knows nothing of that.
            if is_done || self.number(state::STOPPED) != 0 {
                take(at, self.records());
                at = nanoseconds_since_boot();
            }
            if is_done {
                return match (self.number(state::SESSION), self.number(state::OPERATIONS)) {
                    // It has written to the other part of the map.
                    (session, _) if session == earlier => Err(Errno::PROTO),
                    // Without the operations of a socket nothing was read.
                    (_, 0) => Err(Errno::NXIO),
                    _ => Ok(()),
                };
            }
        }
        Err(Errno::AGAIN)
    }

    /// The records.
    fn records(&self) -> &[u8] {
        let count = usize::try_from(self.number(state::RECORDS)).unwrap_or(usize::MAX);
        let bytes = count.saturating_mul(usize::from(self.layout.bytes().unsigned_abs()));
        let all = self.map.get(usize::from(RECORDS_AT.unsigned_abs())..).unwrap_or_default();
        all.get(..bytes).unwrap_or(all)
    }

    /// A number that the program keeps.
    fn number(&self, place: i16) -> u64 {
        let bytes = usize::try_from(place).ok().and_then(|place| self.map.get(place..)?.first_chunk());
        bytes.map_or(u64::MAX, |bytes| u64::from_ne_bytes(*bytes))
    }
}

/// Reads both halves, the second on another thread, or after the first where no thread can be started.
pub(super) fn read_halves(
    first: &mut dyn FnMut() -> Result<(), Errno>,
    second: &mut (dyn FnMut() -> Result<(), Errno> + Send),
) -> Result<(), Errno> {
    let (mut of_first, mut of_second) = (Ok(()), Ok(()));
    run_both(&mut || of_second = second(), &mut || of_first = first());
    of_first.and(of_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_either_half_is_that_of_the_run() {
        let run = |first, second| read_halves(&mut || first, &mut || second);
        assert_eq!(run(Ok(()), Ok(())), Ok(()));
        assert_eq!(run(Err(Errno::BUSY), Ok(())), Err(Errno::BUSY));
        assert_eq!(run(Ok(()), Err(Errno::XDEV)), Err(Errno::XDEV));
    }
}
