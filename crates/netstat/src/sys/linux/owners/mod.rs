//! Who holds which socket: two ways to find out, behind one search.
//!
//! | | [`walk`] | [`task_files`] |
//! |---|---|---|
//! | how | the links in `/proc/<pid>/fd` | a BPF iterator over all descriptors |
//! | needs | nothing; the right to trace a process to see what it has | `CAP_BPF` and `CAP_PERFMON`, BTF |
//! | a descriptor costs | 2 to 4 microseconds | 0.3 microseconds, and 3 milliseconds to set it up |
//!
//! Which one is taken is told by [`choice`]. That is done when the search runs, which is beside the reading of
//! the tables: the set-up costs nothing there.

pub(crate) mod bpf;
pub(crate) mod select;
pub(crate) mod task_files;
pub(crate) mod walk;

pub(crate) use select::KeptProgram;

use super::errno::Errno;
use super::procfs::Proc;
use crate::engine::owner_table::{OwnerTable, Sighting};
use crate::model::gap::GapKind;
use crate::model::owner_source::{OwnerSource, OwnersFrom};
use crate::query::Query;
use crate::sys::Search;
use crate::sys::linux::owners::bpf::TaskFiles;
use select::{Choice, choose, load};
use std::sync::{Arc, OnceLock};

/// A search for owners.
pub(crate) struct OwnerSearch<'k> {
    kept: &'k KeptProgram,
    source: OwnerSource,
    pids: Vec<u32>,
    /// What it was told before the way was chosen: the table of sockets is complete, with these keys.
    listed: OnceLock<Option<Vec<u64>>>,
    way: OnceLock<Way>,
}

/// The way that was chosen.
enum Way {
    Walk(walk::Search<Proc>, OwnersFrom),
    Iterate(Iteration),
}

type Iteration = task_files::Search<Arc<TaskFiles>, Proc, fn() -> Result<Proc, Errno>>;

impl Way {
    fn search(&self) -> &dyn Search {
        match self {
            Self::Walk(search, _) => search,
            Self::Iterate(search) => search,
        }
    }
}

impl<'k> OwnerSearch<'k> {
    pub(crate) fn new(kept: &'k KeptProgram, query: &Query) -> Self {
        Self {
            kept,
            source: query.owner_source,
            pids: query.filter.pids(),
            listed: OnceLock::new(),
            way: OnceLock::new(),
        }
    }

    fn iteration(&self, program: Arc<TaskFiles>, reason: &'static str) -> Iteration {
        let nested = program.level() > 0;
        task_files::Search::over(program, nested, reason, &self.pids, Proc::open)
    }

    /// What a walk could not see for want of rights an iterator may: who may load one is refused nothing then.
    fn iterate_after(&self, walked: &OwnerTable) -> Option<Iteration> {
        let refused = walked.gaps.iter().any(|gap| gap.kind == GapKind::ProcessesUnreadable);
        if self.source != OwnerSource::Auto || !self.pids.is_empty() || !refused {
            return None;
        }
        let iteration = self.iteration(load(self.kept)?, "processes that refuse to be read");
        if let Some(keys) = self.listed.get() {
            iteration.sockets_are_listed(keys.clone());
        }
        iteration.run();
        Some(iteration)
    }

    fn way(&self) -> &Way {
        let way = self.way.get_or_init(|| match choose(self.kept, self.source, !self.pids.is_empty()) {
            Choice::Walk(from) => Way::Walk(walk::Search::over(Proc::open(), &self.pids), from),
            Choice::Iterate { program, reason } => Way::Iterate(self.iteration(program, reason)),
        });
        if let Some(keys) = self.listed.get() {
            way.search().sockets_are_listed(keys.clone());
        }
        way
    }
}

impl Search for OwnerSearch<'_> {
    fn run(&self) {
        self.way().search().run();
    }

    fn sockets_are_listed(&self, keys: Option<Vec<u64>>) {
        // Told once; a second time would change nothing.
        let _ = self.listed.set(keys.clone());
        if let Some(way) = self.way.get() {
            way.search().sockets_are_listed(keys);
        }
    }

    fn holders(&self) -> Vec<Sighting> {
        self.way.get().map_or_else(Vec::new, |way| way.search().holders())
    }

    fn table(&mut self) -> OwnerTable {
        let walked = match self.way.get_mut() {
            Some(Way::Walk(search, from)) => {
                let mut table = search.table();
                table.from = Some(from.clone());
                table
            }
            Some(Way::Iterate(search)) => return search.table(),
            None => return OwnerTable::unsearched("the search has not run"),
        };
        let Some(mut iteration) = self.iterate_after(&walked) else { return walked };
        let table = iteration.table();
        self.way = OnceLock::from(Way::Iterate(iteration));
        table
    }

    fn again(&mut self, table: &mut OwnerTable, missed: &[u64], threads: usize) {
        match self.way.get_mut() {
            Some(Way::Walk(search, _)) => search.again(table, missed, threads),
            Some(Way::Iterate(search)) => search.again(table, missed, threads),
            None => {}
        }
    }
}
