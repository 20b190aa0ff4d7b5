//! The search for owners by the selected source: BPF or the walk.

use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::log::debug;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::netns::{ListedNamespaces, MAX_PLACES, SeenByBpf, SocketHolder, SocketsByNamespace};
use crate::sys::linux::owners::bpf::{BpfSource, DISCARD, Families, HeldSource};
use crate::sys::linux::owners::select::{
    KeptProgram, OneProcfs, Strategy, Wanted, after_refusals, is_worth_it, kept_or_loaded, refuse_rows,
    select,
};
use crate::sys::linux::owners::without_descriptor::HeldFile;
use crate::sys::linux::owners::{task_files, walk};
use crate::sys::linux::procfs::Proc;
use crate::sys::linux::unlisted_socket::{Listed, Unlisted};
use crate::sys::system::OwnerSearch;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The families of which a query lists sockets.
fn families(query: &Query) -> Families {
    if query.wants_other_families() { Families::All } else { Families::Internet }
}

/// What BPF sees of namespaces, for a query.
pub(crate) struct NamespacesByBpf<'a> {
    kept: &'a KeptProgram,
    query: &'a Query,
    is_seen_by_listing: fn(&Query, usize) -> bool,
}

impl<'a> NamespacesByBpf<'a> {
    pub(crate) fn new(kept: &'a KeptProgram, query: &'a Query) -> Self {
        Self { kept, query, is_seen_by_listing: |_, _| false }
    }

    /// The same, for a listing that sees the sockets of all namespaces itself if this is true, where so many are known.
    pub(crate) fn beside_listing(self, is_seen_by_listing: fn(&Query, usize) -> bool) -> Self {
        Self { is_seen_by_listing, ..self }
    }

    fn program(&self, rows: bool) -> Result<Arc<BpfSource>, String> {
        if self.query.owner_source == OwnerSource::Procfs {
            return Err("BPF was not to be used".to_owned());
        }
        kept_or_loaded(self.kept, families(self.query), rows)
    }
}

impl SeenByBpf for NamespacesByBpf<'_> {
    fn sockets(&self) -> SocketsByNamespace {
        sockets_by_namespace(&*self.program(false)?)
    }

    fn is_seen_by_listing(&self, known: usize) -> bool {
        (self.is_seen_by_listing)(self.query, known)
    }

    fn namespace_files(&self, known: usize) -> Option<Vec<HeldFile>> {
        let is_asked = matches!(self.query.owner_source, OwnerSource::Bpf | OwnerSource::OnePass);
        // The links of few are read sooner than a program is loaded.
        let are_few = || Proc::open().is_ok_and(|procfs| is_worth_it(&procfs).is_err());
        if !is_asked && are_few() {
            return None;
        }
        // That of the listing, if one is loaded for it anyway.
        let of_listing = self.is_seen_by_listing(known).then(|| self.program(true).ok()).flatten();
        of_listing.or_else(|| self.program(false).ok())?.namespace_files()
    }
}

/// The network namespaces of sockets that processes hold, as BPF sees them.
fn sockets_by_namespace(program: &BpfSource) -> SocketsByNamespace {
    let mut sockets: BTreeMap<u64, Vec<SocketHolder>> = BTreeMap::new();
    let mut has_evidence = true;
    let mut read = || {
        sockets.clear();
        program.read(&mut |_, file| {
            has_evidence &= file.evidence.is_some();
            let Some(evidence) = file.evidence else { return };
            let holders = sockets.entry(evidence.netns.into()).or_default();
            if holders.len() < MAX_PLACES {
                holders.push(SocketHolder { pid: file.pid, fd: file.fd });
            }
        })
    };
    let read = match read() {
        Err(DISCARD) => read(),
        read => read,
    };
    match read {
        Err(errno) => Err(format!("BPF: {}", std::io::Error::from(errno))),
        Ok(()) if sockets.is_empty() && !has_evidence => {
            Err("BPF sees no namespaces before Linux 5.11".to_owned())
        }
        Ok(()) => Ok(sockets),
    }
}

/// A search for owners by the selected source.
pub(crate) struct OwnerSources<'c> {
    kept: &'c KeptProgram,
    asked: OwnerSource,
    families: Families,
    pids: Vec<u32>,
    unlisted: Unlisted,
    /// The network namespaces whose sockets are listed.
    netns: ListedNamespaces,
    /// Set if the tables of sockets were complete before the source was selected.
    complete_tables: OnceLock<Option<Vec<u64>>>,
    selected: OnceLock<Selected>,
    procfs: OneProcfs,
}

/// The source that was selected.
enum Selected {
    Walk(Box<walk::ProcfsWalk<Proc>>, OwnerSourceUsed),
    Iterate(Box<Iteration>),
}

pub(crate) type Iteration = task_files::TaskFileSearch<Arc<BpfSource>, Proc, fn() -> Result<Proc, Errno>>;

impl Selected {
    fn search(&self) -> &dyn OwnerSearch {
        match self {
            Self::Walk(search, _) => &**search,
            Self::Iterate(search) => &**search,
        }
    }
}

impl<'c> OwnerSources<'c> {
    /// `netns`: the listed network namespaces; `None`: that of this thread.
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
            families: families(query),
            pids: query.table_filter().pids(),
            unlisted: Unlisted::new(query, listed),
            netns: netns.unwrap_or_else(ListedNamespaces::of_this_thread),
            complete_tables: OnceLock::new(),
            selected: OnceLock::new(),
            procfs: OneProcfs::default(),
        }
    }

    fn iteration(&self, program: Arc<BpfSource>, from: OwnerSourceUsed) -> Iteration {
        let nested = program.level().is_nested();
        let ListedNamespaces { all: netns, unnamed: unnamed_netns, more: more_netns } = self.netns.clone();
        let scope = task_files::Scope {
            nested,
            netns,
            unnamed_netns,
            more_netns,
            pids: self.pids.clone(),
            unlisted: self.unlisted.is_wanted(),
        };
        let search: Iteration = task_files::TaskFileSearch::over(program, scope, from, Proc::open);
        search.remembering(&self.kept.unmapped)
    }

    /// If the walk was denied access to some processes, retries with the iterator, which needs no right to trace.
    fn iterate_after(&self, walked: &OwnerTable) -> Option<Iteration> {
        let refused = walked.gaps.iter().any(|gap| gap.kind == GapKind::ProcessesUnreadable);
        if self.asked != OwnerSource::Auto || !self.pids.is_empty() || !refused {
            return None;
        }
        let reason = "processes that refuse to be read";
        let from = OwnerSourceUsed::new(OwnerSource::Bpf, reason);
        let iteration = self.iteration(after_refusals(self.kept, self.families)?, from);
        debug!("owners by BPF, after procfs: {reason}");
        if let Some(keys) = self.complete_tables.get() {
            iteration.tables_complete(keys.clone());
        }
        iteration.run();
        Some(iteration)
    }

    pub(crate) fn procfs(&self) -> &OneProcfs {
        &self.procfs
    }

    /// Whether owners have been searched for before.
    pub(crate) fn is_later(&self) -> bool {
        self.kept.was_asked()
    }

    /// The search that finds the rows of the listing too, if that source is selected. Asked before the search runs. `worth`: why
    /// it is worth its set-up, if that is known.
    pub(crate) fn in_one_pass(&self, worth: Option<&'static str>) -> Option<&Iteration> {
        if self.asked == OwnerSource::Auto && self.kept.is_in_vain() {
            return None;
        }
        match self.select(true, worth) {
            Selected::Iterate(search) if search.source() == OwnerSource::OnePass => Some(search),
            _ => None,
        }
    }

    /// After that search has failed: what its program has shown to be wrong is not used by a later listing.
    pub(crate) fn failed_in_one_pass(&self, errno: Errno) {
        if errno == DISCARD {
            refuse_rows(self.kept, self.families);
        }
    }

    /// After that search has succeeded. `in_vain`: most of what it has seen had to be dumped in addition.
    pub(crate) fn finished_in_one_pass(&self, in_vain: bool) {
        self.kept.note_in_vain(in_vain);
    }

    fn selected(&self) -> &Selected {
        self.select(false, None)
    }

    fn select(&self, rows: bool, worth: Option<&'static str>) -> &Selected {
        let selected = self.selected.get_or_init(|| {
            let (asked, families) = (self.asked, self.families);
            let wanted = Wanted { asked, families, some_only: !self.pids.is_empty(), rows, worth };
            match select(self.kept, wanted, &self.procfs) {
                Strategy::Walk(from) => {
                    if self.asked != OwnerSource::Procfs {
                        debug!("owners by procfs, not by BPF: {}", from.reason);
                    }
                    let walk = walk::ProcfsWalk::over(*self.procfs.searchable(), &self.pids);
                    Selected::Walk(Box::new(walk.remembering(&self.kept.unmapped)), from)
                }
                Strategy::Iterate { program, from } => {
                    Selected::Iterate(Box::new(self.iteration(program, from)))
                }
            }
        });
        if let Some(keys) = self.complete_tables.get() {
            selected.search().tables_complete(keys.clone());
        }
        selected
    }
}

impl OwnerSearch for OwnerSources<'_> {
    fn run(&self) {
        self.selected().search().run();
    }

    fn tables_complete(&self, keys: Option<Vec<u64>>) {
        // It is called once.
        let _ = self.complete_tables.set(keys.clone());
        if let Some(selected) = self.selected.get() {
            selected.search().tables_complete(keys);
        }
    }

    fn holders(&self) -> Vec<ProcessSeen> {
        self.selected.get().map_or_else(Vec::new, |selected| selected.search().holders())
    }

    fn table(&mut self) -> OwnerTable {
        let walked = match self.selected.get_mut() {
            Some(Selected::Walk(search, from)) => {
                let mut table = search.table();
                table.from = Some(from.clone());
                table
            }
            Some(Selected::Iterate(search)) => return search.table(),
            None => return OwnerTable::failed("the search has not run"),
        };
        let Some(mut iteration) = self.iterate_after(&walked) else { return walked };
        let table = iteration.table();
        self.selected = OnceLock::from(Selected::Iterate(Box::new(iteration)));
        table
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        match self.selected.get_mut() {
            Some(Selected::Walk(search, _)) => search.second_pass(table, unresolved, threads),
            Some(Selected::Iterate(search)) => search.second_pass(table, unresolved, threads),
            None => {}
        }
    }

    fn search_without_descriptor(&mut self, table: &mut OwnerTable, sockets: &[&Socket]) {
        match self.selected.get_mut() {
            Some(Selected::Walk(search, _)) => search.search_without_descriptor(table, sockets),
            Some(Selected::Iterate(search)) => search.search_without_descriptor(table, sockets),
            None => {}
        }
    }

    fn unlisted(&mut self, table: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
        let seen = match self.selected.get_mut() {
            Some(Selected::Iterate(search)) => search.sockets(),
            _ => Vec::new(),
        };
        self.unlisted.rows(Proc::open, table, seen, &self.netns)
    }

    fn verify(&self, socket: &mut Socket) {
        if let Some(selected) = self.selected.get() {
            selected.search().verify(socket);
        }
    }
}
