//! The source that walks descriptor tables: see [`program`].

mod files;
mod files_offsets;
mod memory;
mod offsets;
mod part;
pub(super) mod program;
mod row_offsets;
mod self_check;
pub(super) mod settings;

pub(super) use files::FileTables;
pub(super) use files_offsets::Files;
pub(super) use memory::Layout;
pub(super) use program::Needs;
pub(super) use self_check::SelfCheck;

use super::iterator::attach;
use super::record::{EachRow, Families, SocketFile, decode, decode_row};
use super::refused::Refused;
use super::types::{Name, Types};
use part::{Part, PartOfMap, read_halves};
use program::fdtable_sockets;
use row_offsets::RowOffsets;
use rustix::io::Errno;
use settings::Settings;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The program in the kernel, loaded and attached until this is dropped, and the map that it writes to.
#[derive(Debug)]
pub(super) struct FdTables {
    pub(super) link: OwnedFd,
    parts: [PartOfMap; 2],
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
        let (map, parts) = PartOfMap::of_new(layout)?;
        let program = fdtable_sockets(needs.clone(), families, map.as_raw_fd(), reference, settings);
        // The program keeps the map.
        let link = attach(b"netstat_owners\0\0", &program)?;
        Ok(Self { link, parts, needs: Box::new(needs), checks })
    }

    /// What a program that finds files needs.
    pub(super) fn needs_for_files(&self, types: &Types<'_>) -> Result<Needs, Refused> {
        self.needs.for_files(types)
    }

    /// Runs the program once. `Err(Fault::Check)`: it does not see on this kernel what it should, and what was reported may
    /// be wrong.
    pub(super) fn read(&mut self, each: &mut (dyn FnMut(u64, SocketFile) + Send)) -> Result<(), Fault> {
        if self.layout() == Layout::Row {
            return self.read_rows(&mut [&mut |at, row| each(at, row.file)]);
        }
        self.read_with(decode, SelfCheck::note, &mut [each])
    }

    /// The same, of a program that writes rows. With two of `each` two threads read, and each of `each` gets what one of them
    /// finds.
    pub(super) fn read_rows(&mut self, each: &mut [EachRow<'_>]) -> Result<(), Fault> {
        if self.layout() != Layout::Row {
            return Err(Fault::Errno(Errno::OPNOTSUPP));
        }
        self.read_with(decode_row, SelfCheck::note_row, each)
    }

    fn layout(&self) -> Layout {
        let [first, _] = &self.parts;
        first.layout
    }

    fn read_with<const N: usize, T>(
        &mut self,
        decode: impl Fn(&[u8; N]) -> Option<T> + Copy + Sync,
        note: fn(&SelfCheck, &T) -> bool,
        each: &mut [&mut (dyn FnMut(u64, T) + Send)],
    ) -> Result<(), Fault> {
        let checks = std::mem::take(&mut self.checks);
        // Its own sockets are no part of an answer, nor are copies of them that a fork made.
        let decode =
            |record: &_| decode(record).filter(|record| !checks.iter().any(|check| note(check, record)));
        let run = self.run(decode, each);
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
        decode: impl Fn(&[u8; N]) -> Option<T> + Copy + Sync,
        each: &mut [&mut (dyn FnMut(u64, T) + Send)],
    ) -> Result<(), Errno> {
        let (link, [first, second]) = (self.link.as_fd(), &mut self.parts);
        let run = |of_map: &mut PartOfMap, part, each: &mut (dyn FnMut(u64, T) + Send)| {
            of_map.iterate(link, part, &mut |at, mut records| {
                while let Some((record, after)) = records.split_first_chunk::<N>() {
                    if let Some(record) = decode(record) {
                        each(at, record);
                    }
                    records = after;
                }
            })
        };
        match each {
            [] => Ok(()),
            [all] => run(first, Part::All, all),
            [one, other, ..] => read_halves(&mut || run(first, Part::FirstHalf, one), &mut || {
                run(second, Part::SecondHalf, other)
            }),
        }
    }
}

/// Why a run failed.
#[derive(Debug)]
pub(super) enum Fault {
    Errno(Errno),
    Check(Refused),
}
