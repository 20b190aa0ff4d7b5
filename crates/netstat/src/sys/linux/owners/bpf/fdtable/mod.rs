//! The source that walks descriptor tables: see [`program`].

mod ahead;
mod files;
mod files_offsets;
mod memory;
mod offsets;
pub(super) mod program;
mod row_offsets;
mod self_check;
pub(super) mod settings;

pub(super) use files::FileTables;
pub(super) use files_offsets::Files;
pub(super) use memory::Layout;
pub(super) use program::Needs;
pub(super) use self_check::SelfCheck;

use super::ffi;
use super::iterator::attach;
use super::record::{Families, SocketFile, SocketRow, decode, decode_row};
use super::refused::Refused;
use super::types::{Name, Types};
use crate::sys::linux::clock::nanoseconds_since_boot;
use crate::sys::linux::errno::errno_of;
use ahead::{Take, read_ahead};
use memory::{RECORDS_AT, state};
use program::fdtable_sockets;
use row_offsets::RowOffsets;
use rustix::io::Errno;
use settings::Settings;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// How often an iterator is read, in some ten seconds: each read takes thousands of slots, or fills the map.
const MAX_READS: u32 = 1 << 16;

/// The program in the kernel, loaded and attached until this is dropped, and the map that it writes to.
#[derive(Debug)]
pub(super) struct FdTables {
    pub(super) link: OwnedFd,
    map: ffi::Mapping,
    layout: Layout,
    /// What it was assembled by, for other programs.
    needs: Box<Needs>,
    /// Sockets of this process, until a run has reported them as they are.
    pub(super) checks: Vec<SelfCheck>,
}

/// What is looked for where rows are to be reported.
const fn names_with_rows() -> [Name; 12] {
    let [a, b, c, d, e, f, g, h, i] = Needs::NAMES;
    let [j, k, l] = RowOffsets::NAMES;
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

impl FdTables {
    /// Looks for the names that [`load`](Self::load) finds, in one pass with those of the level of a pid namespace.
    pub(super) fn look_ahead(types: &Types<'_>, layout: Layout) {
        // What is missing is said where it is needed.
        let _ = match layout {
            Layout::Record => types.look_for(Needs::NAMES).map(drop),
            Layout::Row => types.look_for(names_with_rows()).map(drop),
        };
    }

    pub(super) fn load(types: &Types<'_>, families: Families, layout: Layout) -> Result<Self, Refused> {
        Self::load_with(types, families, layout, Settings::DEFAULT)
    }

    pub(super) fn load_with(
        types: &Types<'_>,
        families: Families,
        layout: Layout,
        settings: Settings,
    ) -> Result<Self, Refused> {
        let needs = Needs::of(types, layout)?;
        let checks = match layout {
            Layout::Record => SelfCheck::new().map(|check| vec![check]),
            Layout::Row => SelfCheck::bound(),
        };
        let refused = |errno| Refused::errno("socket for the self-check", errno);
        let checks = checks.map_err(refused)?;
        let reference = checks.first().ok_or(refused(Errno::NOTSOCK))?.socket.as_raw_fd();
        let (map, mapping) = ffi::Mapping::of_new_array(b"netstat_records\0", layout.map_bytes())
            .map_err(|errno| Refused::errno("bpf(BPF_MAP_CREATE)", errno))?;
        let program = fdtable_sockets(needs.clone(), families, map.as_raw_fd(), reference, settings);
        // The program keeps the map.
        let link = attach(b"netstat_owners\0\0", &program)?;
        Ok(Self { link, map: mapping, layout, needs: Box::new(needs), checks })
    }

    /// What a program that finds files needs.
    pub(super) fn needs_for_files(&self, types: &Types<'_>) -> Result<Needs, Refused> {
        self.needs.for_files(types)
    }

    /// Runs the program once. `Err(Fault::Check)`: it does not see on this kernel what it should, and what was reported may
    /// be wrong.
    pub(super) fn read(&mut self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Fault> {
        if self.layout == Layout::Row {
            return self.read_rows(false, &mut |at, row| each(at, row.file));
        }
        self.read_with(false, decode, SelfCheck::note, each)
    }

    /// The same, of a program that writes rows. `ahead`: another thread may read while `each` is called on this one.
    pub(super) fn read_rows(
        &mut self,
        ahead: bool,
        each: &mut dyn FnMut(u64, SocketRow),
    ) -> Result<(), Fault> {
        if self.layout != Layout::Row {
            return Err(Fault::Errno(Errno::OPNOTSUPP));
        }
        self.read_with(ahead, decode_row, SelfCheck::note_row, each)
    }

    fn read_with<const N: usize, T>(
        &mut self,
        ahead: bool,
        decode: impl Fn(&[u8; N]) -> Option<T> + Copy,
        note: fn(&mut SelfCheck, &T) -> bool,
        each: &mut dyn FnMut(u64, T),
    ) -> Result<(), Fault> {
        let mut checks = std::mem::take(&mut self.checks);
        if checks.is_empty() {
            return self.run(ahead, decode, each).map_err(Fault::Errno);
        }
        let run = self.run(ahead, decode, &mut |at, record| {
            // Its own sockets are no part of an answer, nor are copies of them that a fork made.
            if !checks.iter_mut().any(|check| note(check, &record)) {
                each(at, record);
            }
        });
        let done = match run {
            // Not one task had what the program looks for first.
            Ok(()) | Err(Errno::NXIO) => checks.iter().try_for_each(SelfCheck::verdict).map_err(Fault::Check),
            Err(errno) => Err(Fault::Errno(errno)),
        };
        if done.is_err() {
            // Not passed yet: the next run is checked.
            self.checks = checks;
        }
        done
    }

    fn run<const N: usize, T>(
        &mut self,
        ahead: bool,
        decode: impl Fn(&[u8; N]) -> Option<T> + Copy,
        each: &mut dyn FnMut(u64, T),
    ) -> Result<(), Errno> {
        let mut take = |at: u64, mut records: &[u8]| {
            while let Some((record, after)) = records.split_first_chunk::<N>() {
                if let Some(record) = decode(record) {
                    each(at, record);
                }
                records = after;
            }
        };
        if ahead { read_ahead(&mut |take| self.iterate(take), &mut take) } else { self.iterate(&mut take) }
    }

    /// Runs the program once. `take` gets the records of each read, and a time before it.
    fn iterate(&mut self, take: &mut Take<'_>) -> Result<(), Errno> {
        let mut iterator = File::from(ffi::start_iterator(self.link.as_fd())?);
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
                // Without the operations of a socket nothing was read.
                return if self.number(state::OPERATIONS) == 0 { Err(Errno::NXIO) } else { Ok(()) };
            }
        }
        Err(Errno::AGAIN)
    }

    /// The records in the map.
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

/// Why a run failed.
#[derive(Debug)]
pub(super) enum Fault {
    Errno(Errno),
    Check(Refused),
}
