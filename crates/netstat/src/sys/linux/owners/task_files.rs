//! Owners by a BPF program that reads the descriptors of all processes: see [`bpf`](crate::sys::linux::owners::bpf).
//!
//! One thread iterates, since the kernel returns the tasks in order; two where rows are listed, of half the descriptors each.
//! It takes a thirtieth of the time of the walk.
//!
//! # Races
//! The iteration runs in parallel with the reading of the tables, and reads a process once. A socket that was opened or
//! passed on after that is found by a second iteration, which runs if a listed socket has no holder.
//!
//! An iteration that fails does not report which processes are missing, so its records are discarded and the walk
//! replaces it.

use super::walk::{ProcfsWalk, Searchable, search_without_descriptor};
use crate::engine::owner_table::{Holding, OWN_NETNS, OwnerTable, ProcessSeen, netns_tag};
use crate::engine::parallel::lock;
use crate::log::debug;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::NetnsId;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership};
use crate::model::owner_source::{OwnerSource, OwnerSourceUsed};
use crate::model::socket::Socket;
use crate::sys::linux::owners::bpf::{DISCARD, EachRow, Evidence, HeldSource, SocketFile, SocketRow};
use crate::sys::linux::owners::unmapped::Unmapped;
use crate::sys::linux::procfs::Procfs;
use crate::sys::linux::protocols::{IPPROTO_MPTCP, IPPROTO_SCTP};
use crate::sys::linux::unlisted_socket::SeenSocket;
use crate::sys::system::OwnerSearch;
use rustix::io::Errno;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How many descriptors the walk reads to look for owners without a descriptor, at three microseconds each.
const MAX_WALKED: u64 = 1 << 16;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The name of the iterator in gaps and reasons.
const ITERATOR: &str = "bpf_iter_task_file";

/// A search by the iterator, which the walk replaces if the iterator fails.
pub(crate) struct TaskFileSearch<S, P: Procfs, O> {
    source: S,
    /// The name of this source, and why it was selected.
    from: OwnerSourceUsed,
    scope: Scope,
    /// Why the rows of the listing could not come with their owners.
    not_in_one_pass: OnceLock<String>,
    started: AtomicBool,
    tables_complete: AtomicBool,
    /// The keys of the listed sockets, ascending, if they are few: the others need not be sorted.
    wanted: OnceLock<Option<Vec<u64>>>,
    found: Mutex<Iterated>,
    open_procfs: O,
    walk: OnceLock<ProcfsWalk<P>>,
    unmapped: Arc<Unmapped>,
}

/// Which processes and sockets a search is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Whether this is a nested pid namespace: the processes of those above it are not seen.
    pub(crate) nested: bool,
    /// The inode numbers of the network namespaces whose sockets are listed; none: not known.
    pub(crate) netns: Vec<u32>,
    /// The one among several of these whose rows do not name it.
    pub(crate) unnamed_netns: Option<u32>,
    /// Whether there may be others, whose sockets are listed too.
    pub(crate) more_netns: bool,
    /// The processes that the query names; none: all.
    pub(crate) pids: Vec<u32>,
    /// Whether sockets are wanted that no table lists.
    pub(crate) unlisted: bool,
}

impl Scope {
    fn has_process(&self, pid: u32) -> bool {
        self.pids.is_empty() || self.pids.contains(&pid)
    }

    /// The holding that a descriptor is; `None` if its socket or its process is out of the scope.
    fn holding(&self, file: &SocketFile) -> Option<Holding> {
        if !self.has_process(file.pid) {
            return None;
        }
        let owner = Owner::new(file.pid, Some(file.fd), OwnerRole::Holder);
        let holding = Holding::new(file.inode, owner);
        let Some(Evidence { family, netns, cookie, port, protocol, .. }) = file.evidence else {
            return Some(holding);
        };
        if !self.more_netns && !self.netns.is_empty() && !self.netns.contains(&netns) {
            return None;
        }
        let holding = holding.in_netns(self.netns_tag(netns));
        match protocol {
            // Its subflows have its inode, and cookies and ports of their own.
            IPPROTO_MPTCP => return Some(holding),
            // Its associations have its cookie.
            IPPROTO_SCTP => return Some(holding.of_socket(cookie, 0, protocol)),
            _ => {}
        }
        if ![AF_INET, AF_INET6].contains(&family) {
            return Some(holding);
        }
        // Without a port it was not bound yet, and is in no table.
        (port != 0 || self.unlisted).then(|| holding.of_socket(cookie, port, protocol))
    }

    /// Where sockets of several namespaces are listed, the number by which a holding says which is meant.
    fn netns_tag(&self, netns: u32) -> u8 {
        match NonZeroU64::new(netns.into()) {
            _ if !self.more_netns && self.netns.len() < 2 => 0,
            _ if self.unnamed_netns == Some(netns) => OWN_NETNS,
            Some(number) => netns_tag(NetnsId(number)),
            None => 0,
        }
    }
}

fn seen_socket(file: &SocketFile) -> Option<SeenSocket> {
    let Evidence { family, socket_type, netns, protocol, .. } = file.evidence?;
    Some(SeenSocket { inode: file.inode, netns, family, socket_type, protocol })
}

/// The result of an iteration.
#[derive(Default)]
struct Iterated {
    holdings: Vec<Holding>,
    seen: Vec<ProcessSeen>,
    /// It began after the tables of sockets were complete.
    after_tables: bool,
    /// How many holdings there may be before repeats are removed, and how many sockets.
    most_holdings: usize,
    most_sockets: usize,
    /// What was seen of the sockets, if those that no table lists are wanted.
    sockets: Vec<SeenSocket>,
    failure: Option<Errno>,
}

impl Iterated {
    /// Removes repeats as soon as there are many: the tables of the threads of a process may be copies of one another, and
    /// any user can have thousands of threads. What is left may double before the next time, so that memory and work stay in
    /// proportion to what is held.
    fn merge_repeats(&mut self) {
        /// Six megabytes of holdings: more than nearly all machines have.
        const MANY: usize = 1 << 18;
        if self.holdings.len() >= self.most_holdings.max(MANY) {
            self.holdings.sort();
            self.holdings.dedup();
            self.most_holdings = 2 * self.holdings.len();
        }
        if self.sockets.len() >= self.most_sockets.max(MANY) {
            self.sockets.sort();
            self.sockets.dedup();
            self.most_sockets = 2 * self.sockets.len();
        }
    }

    /// Both, of two halves.
    fn with(mut self, other: Self) -> Self {
        self.holdings.extend(other.holdings);
        self.seen.extend(other.seen);
        self.sockets.extend(other.sockets);
        self
    }

    /// Iterates once, and once more if another program has replaced the first.
    fn read(
        source: &impl HeldSource,
        scope: &Scope,
        wanted: Option<&[u64]>,
        replaced: impl FnOnce(),
    ) -> Result<Self, Errno> {
        match Self::read_once(source, scope, wanted) {
            Err(DISCARD) => {
                replaced();
                Self::read_once(source, scope, wanted)
            }
            read => read,
        }
    }

    fn read_once(source: &impl HeldSource, scope: &Scope, wanted: Option<&[u64]>) -> Result<Self, Errno> {
        let mut found = Self::default();
        source.read(&mut |at, file| found.note(scope, wanted, at, &file, false))?;
        Ok(found)
    }

    /// Notes a descriptor. `is_listed`: its socket has a row with this owner.
    fn note(&mut self, scope: &Scope, wanted: Option<&[u64]>, at: u64, file: &SocketFile, is_listed: bool) {
        if wanted.is_some_and(|wanted| wanted.binary_search(&file.inode).is_err()) {
            return;
        }
        if !is_listed {
            self.merge_repeats();
            if scope.unlisted && scope.has_process(file.pid) {
                self.sockets.extend(seen_socket(file));
            }
            let Some(holding) = scope.holding(file) else { return };
            self.holdings.push(holding);
        }
        // The descriptors of a process follow one another.
        match self.seen.last_mut() {
            Some(last) if last.pid == file.pid => last.note_socket(file.fd, file.inode),
            _ => {
                let mut seen = ProcessSeen::new(file.pid, at);
                seen.note_socket(file.fd, file.inode);
                self.seen.push(seen);
            }
        }
    }
}

impl<S, P, O> TaskFileSearch<S, P, O>
where
    S: HeldSource,
    P: Procfs,
    O: Fn() -> Result<P, Errno>,
{
    pub(crate) fn over(source: S, scope: Scope, from: OwnerSourceUsed, open_procfs: O) -> Self {
        Self {
            source,
            from,
            scope,
            not_in_one_pass: OnceLock::new(),
            started: AtomicBool::new(false),
            tables_complete: AtomicBool::new(false),
            wanted: OnceLock::new(),
            found: Mutex::default(),
            open_procfs,
            walk: OnceLock::new(),
            unmapped: Arc::default(),
        }
    }

    /// Iterates for the rows of the listing and their owners. `each` gets every descriptor of a socket, and returns whether it
    /// has made a row of it. The others are found as by [`run`](OwnerSearch::run), which does nothing after that. On an error
    /// what `each` has made is to be discarded, and `run` iterates. With two of `each` two threads read, and each of `each` gets
    /// what one of them finds.
    pub(crate) fn list(&self, each: &mut [&mut (dyn FnMut(&SocketRow) -> bool + Send)]) -> Result<(), Errno> {
        let scope = &self.scope;
        let mut found: Vec<_> = each.iter().map(|_| Iterated::default()).collect();
        let mut noting: Vec<_> = each
            .iter_mut()
            .zip(&mut found)
            .map(|(each, found)| {
                move |at, row: SocketRow| {
                    let is_listed = each(&row);
                    found.note(scope, None, at, &row.file, is_listed);
                }
            })
            .collect();
        let mut each: Vec<_> = noting.iter_mut().map(|each| each as EachRow<'_>).collect();
        let read = self.source.read_rows(&mut each);
        drop(each);
        drop(noting);
        if let Err(errno) = read {
            let why = format!("{ITERATOR}: {}", std::io::Error::from(errno));
            // It is tried once.
            let _ = self.not_in_one_pass.set(why);
            return Err(errno);
        }
        let mut found = found.into_iter().reduce(Iterated::with).unwrap_or_default();
        found.holdings.sort();
        *lock(&self.found) = found;
        self.started.store(true, SeqCst);
        Ok(())
    }

    /// Adds holders of listed sockets, which are to be found as those of others.
    pub(crate) fn add_holdings(&self, holdings: impl IntoIterator<Item = Holding>) {
        let mut found = lock(&self.found);
        found.holdings.extend(holdings);
        found.holdings.sort();
    }

    /// The name of this source.
    pub(crate) fn source(&self) -> OwnerSource {
        self.from.source
    }

    /// Whether all holders of a socket have been found if one has.
    pub(crate) fn finds_all(&self) -> bool {
        !self.scope.nested && self.scope.pids.is_empty()
    }

    /// The network namespace whose sockets are listed, if it is one whose number is known.
    pub(crate) fn netns(&self) -> Option<u32> {
        match self.scope.netns[..] {
            [number] => Some(number),
            _ => None,
        }
    }

    /// What was seen of the sockets, of every network namespace.
    pub(crate) fn sockets(&mut self) -> Vec<SeenSocket> {
        std::mem::take(&mut self.found.get_mut().unwrap_or_else(PoisonError::into_inner).sockets)
    }

    /// The same, with what earlier listings have found.
    pub(crate) fn remembering(self, unmapped: &Arc<Unmapped>) -> Self {
        Self { unmapped: Arc::clone(unmapped), ..self }
    }

    /// The walk that replaces the iterator.
    fn open_walk(&self) -> ProcfsWalk<P> {
        ProcfsWalk::over(Searchable::new((self.open_procfs)()), &self.scope.pids).remembering(&self.unmapped)
    }

    fn iterate(&self) {
        let after_tables = self.tables_complete.load(SeqCst);
        let found = Iterated::read(&self.source, &self.scope, None, || {
            if self.from.source == OwnerSource::OnePass {
                let _ = self.not_in_one_pass.set(format!("{ITERATOR}: {}", std::io::Error::from(DISCARD)));
            }
        });
        if found.is_err() {
            self.walk.get_or_init(|| self.open_walk());
        }
        let mut found =
            found.unwrap_or_else(|errno| Iterated { failure: Some(errno), ..Iterated::default() });
        if let Some(Some(wanted)) = self.wanted.get().filter(|_| !self.scope.unlisted) {
            found.holdings.retain(|holding| wanted.binary_search(&holding.key).is_ok());
        }
        // Sorted on this thread, while another may still read the tables of sockets.
        found.holdings.sort();
        *lock(&self.found) = Iterated { after_tables, ..found };
    }
}

impl<S, P, O> OwnerSearch for TaskFileSearch<S, P, O>
where
    S: HeldSource + Sync,
    P: Procfs + Send,
    O: Fn() -> Result<P, Errno> + Sync,
{
    fn run(&self) {
        if !self.started.swap(true, SeqCst) {
            self.iterate();
        }
        if let Some(walk) = self.walk.get() {
            walk.run();
        }
    }

    fn tables_complete(&self, keys: Option<Vec<u64>>) {
        // It is called once.
        let _ = self.wanted.set(keys.clone());
        self.tables_complete.store(true, SeqCst);
        if let Some(walk) = self.walk.get() {
            walk.tables_complete(keys);
        }
    }

    fn holders(&self) -> Vec<ProcessSeen> {
        lock(&self.found).seen.clone()
    }

    fn table(&mut self) -> OwnerTable {
        let found = self.found.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(walk) = self.walk.get_mut() {
            let mut table = walk.table();
            let failure = found.failure.map(|errno| format!("{ITERATOR}: {}", std::io::Error::from(errno)));
            table.from = failure.map(|failure| {
                debug!("owners by procfs, not by BPF: {failure}");
                OwnerSourceUsed::new(OwnerSource::Procfs, failure)
            });
            return table;
        }
        let mut table = OwnerTable::default();
        table.add(std::mem::take(&mut found.holdings), std::mem::take(&mut found.seen));
        table.from = Some(match self.not_in_one_pass.get() {
            Some(why) => OwnerSourceUsed::new(OwnerSource::Bpf, why.clone()),
            None => self.from.clone(),
        });
        let hidden = self.scope.nested.then_some(HiddenReason::OtherPidNamespace);
        table.set_reach(true, !self.scope.pids.is_empty(), hidden);
        // The iterator reads every process that it names.
        table.unread = hidden.is_none().then(Vec::new);
        if self.scope.nested {
            table.gaps_if_missing.push(Gap::new(GapKind::ProcessesHidden, 1, "pid namespace"));
        }
        table
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        if let Some(walk) = self.walk.get_mut() {
            return walk.second_pass(table, unresolved, threads);
        }
        let after_tables = self.found.get_mut().unwrap_or_else(PoisonError::into_inner).after_tables;
        if unresolved.is_empty() || after_tables {
            return;
        }
        match Iterated::read(&self.source, &self.scope, Some(unresolved), || ()) {
            Ok(found) if found.holdings.is_empty() => {}
            Ok(found) => table.add(found.holdings, found.seen),
            Err(errno) => {
                // Processes that started after the first iteration were not seen.
                table.complete = false;
                table.if_missing = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
                let failure = format!("{ITERATOR}: {}", std::io::Error::from(errno));
                table.gaps.push(Gap::new(GapKind::OwnersUnavailable, 1, failure));
            }
        }
    }

    fn search_without_descriptor(&mut self, table: &mut OwnerTable, sockets: &[&Socket]) {
        if let Some(walk) = self.walk.get_mut() {
            return walk.search_without_descriptor(table, sockets);
        }
        if let Some(mut rings) = self.source.rings() {
            if let Ok((procfs, pids)) =
                (self.open_procfs)().and_then(|procfs| procfs.pids().map(|pids| (procfs, pids)))
            {
                let named = &self.scope.pids;
                rings.retain(|ring| named.is_empty() || named.contains(&ring.pid));
                let pids = if named.is_empty() { &pids } else { named };
                return search_without_descriptor(&procfs, &rings, pids, &self.unmapped, table, sockets);
            }
        }
        // The walk looks for rings where the iterator cannot, and says what it could not see.
        let mut walk = self.open_walk();
        let is_affordable = walk.descriptors() <= MAX_WALKED;
        if is_affordable {
            walk.run();
            walk.search_without_descriptor(table, sockets);
        }
        let walked = walk.table();
        if !matches!(table.if_missing, Ownership::None { .. }) {
            return;
        }
        if !is_affordable {
            table.if_missing = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
            table.unread = None;
            let why = "/proc/<pid>/fd: too many descriptors to look for an io_uring";
            table.gaps_if_missing.push(Gap::new(GapKind::ProcessesSkipped, 1, why));
        } else if matches!(walked.if_missing, Ownership::Hidden { .. }) {
            // The iterator has read their descriptors, but one of them may hold a socket otherwise.
            table.if_missing = walked.if_missing;
            table.unread = walked.unread;
            table.gaps_if_missing.extend(walked.gaps);
            table.gaps_if_missing.extend(walked.gaps_if_missing);
        }
    }

    fn verify(&self, socket: &mut Socket) {
        if let Some(walk) = self.walk.get() {
            walk.verify(socket);
        }
    }
}
