//! Who holds which socket: two ways to find out, behind one search.
//!
//! | | [`walk`] | [`task_files`] |
//! |---|---|---|
//! | how | the links in `/proc/<pid>/fd` | a BPF iterator over all descriptors |
//! | needs | nothing; the right to trace a process to see what it has | `CAP_BPF` and `CAP_PERFMON`, BTF |
//! | a descriptor costs | 2 to 4 microseconds | 0.3 microseconds, and 3 milliseconds to set it up |
//!
//! Which one is taken is told by [`choice`].

mod choice;
pub(super) mod task_files;
pub(super) mod walk;

pub(super) use choice::KeptProgram;

use super::bpf::TaskFiles;
use super::procfs::Proc;
use crate::owner_source::OwnersFrom;
use crate::owner_table::OwnerTable;
use crate::query::Query;
use crate::sys::Search;
use choice::{Choice, choose};
use rustix::io::Errno;
use std::sync::Arc;

type Iteration = task_files::Search<Arc<TaskFiles>, Proc, fn() -> Result<Proc, Errno>>;

/// A search for owners.
pub(crate) enum OwnerSearch {
    Walk(walk::Search<Proc>, OwnersFrom),
    Iterate(Iteration),
}

impl OwnerSearch {
    pub(super) fn new(kept: &KeptProgram, query: &Query) -> Self {
        let pids = &query.filter.pids();
        match choose(kept, query.owner_source, !pids.is_empty()) {
            Choice::Walk(from) => Self::Walk(walk::Search::over(Proc::open(), pids), from),
            Choice::Iterate { program, reason } => {
                let nested = program.level() > 0;
                Self::Iterate(task_files::Search::over(program, nested, reason, pids, Proc::open))
            }
        }
    }
}

impl Search for OwnerSearch {
    fn run(&self) {
        match self {
            Self::Walk(search, _) => search.run(),
            Self::Iterate(search) => search.run(),
        }
    }

    fn sockets_are_listed(&self, keys: Option<Vec<u64>>) {
        match self {
            Self::Walk(search, _) => search.sockets_are_listed(keys),
            Self::Iterate(search) => search.sockets_are_listed(keys),
        }
    }

    fn table(&mut self) -> OwnerTable {
        match self {
            Self::Walk(search, from) => {
                let mut table = search.table();
                table.from = Some(from.clone());
                table
            }
            Self::Iterate(search) => search.table(),
        }
    }

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize) {
        match self {
            Self::Walk(search, _) => search.again(table, missed, threads),
            Self::Iterate(search) => search.again(table, missed, threads),
        }
    }
}
