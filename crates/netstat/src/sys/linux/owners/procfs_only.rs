//! The search for owners without the feature `bpf`: always the walk.

use crate::engine::owner_table::OwnerTable;
use crate::log::debug;
use crate::model::gap::Gap;
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::netns::{ListedNamespaces, SeenByBpf, SocketsByNamespace};
use crate::sys::linux::owners::unmapped::Unmapped;
use crate::sys::linux::owners::walk::{ProcfsWalk, Searchable};
use crate::sys::linux::procfs::Proc;
use crate::sys::linux::unlisted_socket::{Listed, Unlisted};
use crate::sys::system::OwnerSearch;
use std::sync::{Arc, OnceLock};

/// Without BPF there is no program to keep for the next listing.
#[derive(Default)]
pub(crate) struct KeptProgram {
    unmapped: Arc<Unmapped>,
}

/// What BPF sees of namespaces: nothing.
pub(crate) struct NamespacesByBpf;

impl NamespacesByBpf {
    pub(crate) const fn new(_kept: &KeptProgram, _query: &Query) -> Self {
        Self
    }
}

impl SeenByBpf for NamespacesByBpf {
    fn sockets(&self) -> SocketsByNamespace {
        Err("built without BPF".to_owned())
    }
}

/// A search for owners in `/proc`.
pub(crate) struct OwnerSources<'c> {
    kept: &'c KeptProgram,
    asked: OwnerSource,
    pids: Vec<u32>,
    unlisted: Unlisted,
    netns: ListedNamespaces,
    /// Set if the tables of sockets were complete before the walk began.
    tables_complete: OnceLock<Option<Vec<u64>>>,
    walk: OnceLock<ProcfsWalk<Proc>>,
}

impl<'c> OwnerSources<'c> {
    pub(crate) fn new(
        kept: &'c KeptProgram,
        query: &Query,
        listed: Listed,
        netns: Option<ListedNamespaces>,
    ) -> Self {
        kept.unmapped.begin();
        Self {
            kept,
            asked: query.owner_source,
            pids: query.table_filter().pids(),
            unlisted: Unlisted::new(query, listed),
            netns: netns.unwrap_or_else(ListedNamespaces::of_this_thread),
            tables_complete: OnceLock::new(),
            walk: OnceLock::new(),
        }
    }
}

impl OwnerSearch for OwnerSources<'_> {
    fn run(&self) {
        let walk = || {
            let procfs = Searchable::new(Proc::open());
            ProcfsWalk::over(procfs, &self.pids).remembering(&self.kept.unmapped)
        };
        let walk = self.walk.get_or_init(walk);
        if let Some(keys) = self.tables_complete.get() {
            walk.tables_complete(keys.clone());
        }
        walk.run();
    }

    fn tables_complete(&self, keys: Option<Vec<u64>>) {
        // It is called once.
        let _ = self.tables_complete.set(keys.clone());
        if let Some(walk) = self.walk.get() {
            walk.tables_complete(keys);
        }
    }

    fn table(&mut self) -> OwnerTable {
        let Some(walk) = self.walk.get_mut() else { return OwnerTable::failed("the search has not run") };
        let mut table = walk.table();
        let reason = if self.asked == OwnerSource::Procfs { "asked for" } else { "built without bpf" };
        if matches!(self.asked, OwnerSource::Bpf | OwnerSource::OnePass) {
            debug!("owners by procfs, not by BPF: {reason}");
        }
        table.from = Some(OwnerSourceUsed::new(OwnerSource::Procfs, reason));
        table
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        if let Some(walk) = self.walk.get_mut() {
            walk.second_pass(table, unresolved, threads);
        }
    }

    fn search_without_descriptor(&mut self, table: &mut OwnerTable, sockets: &[&Socket]) {
        if let Some(walk) = self.walk.get_mut() {
            walk.search_without_descriptor(table, sockets);
        }
    }

    fn unlisted(&mut self, table: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
        self.unlisted.rows(Proc::open, table, Vec::new(), &self.netns)
    }

    fn verify(&self, socket: &mut Socket) {
        if let Some(walk) = self.walk.get() {
            walk.verify(socket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walk_replaces_bpf_and_reports_why() {
        for (asked, reason) in [
            (OwnerSource::Auto, "built without bpf"),
            (OwnerSource::Bpf, "built without bpf"),
            (OwnerSource::OnePass, "built without bpf"),
            (OwnerSource::Procfs, "asked for"),
        ] {
            let query = Query::new().owners(true).owner_source(asked).pid(std::process::id());
            let from = query.snapshot().unwrap().owner_source.unwrap();
            assert_eq!((from.source, &*from.reason), (OwnerSource::Procfs, reason));
        }
    }
}
