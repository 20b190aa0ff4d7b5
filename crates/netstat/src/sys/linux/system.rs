//! The Linux implementation of `System`, and the cache that a `Lister` keeps between listings.

#[cfg(feature = "bpf")]
use super::netns::SeenByBpf;
use super::netns::readers::NamespaceReaders;
use super::netns::{Target, namespace_of, plan};
#[cfg(feature = "bpf")]
use super::one_pass;
use super::owners::{KeptProgram, NamespacesByBpf, OwnerSources};
use super::procfs::process::{prefetch_processes, processes};
use super::procfs::process_cache::ProcessCache;
use super::procfs::program_name::is_named;
use super::procfs::{Proc, Procfs};
use super::sock_diag::dumps::Dumps;
use super::sock_diag::netlink::SockDiag;
use super::sock_diag::{counts, destroy, recheck};
use super::unlisted_process::Listing;
use super::unlisted_socket::Listed;
use super::{
    families, ffi, procfs, resolve, signal, sockets, unlisted_process, user_namespace, users, workload,
};
use crate::engine::owner_table::ProcessSeen;
use crate::engine::parallel::lock;
use crate::engine::tables::Sink;
use crate::log::debug;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::NetnsId;
use crate::model::namespace::Namespace;
use crate::model::owner::Ownership;
use crate::model::process::{Process, ProcessFields};
use crate::model::process_id::ProcessId;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::model::workload::Workload;
use crate::query::Query;
use crate::sys::support;
use crate::sys::system::{System, count_rows};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;

/// State that the next listing reuses.
pub(crate) struct Cache {
    socket: Mutex<NamespacedSocket>,
    processes: Mutex<ProcessCache>,
    program: KeptProgram,
}

impl Default for Cache {
    fn default() -> Self {
        let socket = NamespacedSocket { opened_in: None, dumps: Dumps::new(SockDiag::open) };
        Self { socket: Mutex::new(socket), processes: Mutex::default(), program: KeptProgram::default() }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

/// A netlink socket and where it was opened. It stays in that network namespace. A child forked since then has it
/// too, and would receive the answers of its parent.
struct NamespacedSocket {
    /// The process, and the links that name its namespaces: a pid alone is not unique, as every pid namespace has a
    /// pid 1.
    opened_in: Option<(u32, [PathBuf; 2])>,
    dumps: Dumps<'static>,
}

impl NamespacedSocket {
    /// The socket of this process for the network namespace of this thread.
    fn dumps(&mut self) -> &mut Dumps<'static> {
        let link = |path| fs::read_link(path).ok();
        let namespaces = link("/proc/thread-self/ns/net").zip(link("/proc/thread-self/ns/pid"));
        let current = namespaces.map(|(net, pid)| (std::process::id(), [net, pid]));
        if current.is_none() || current != self.opened_in {
            if self.opened_in.is_some() {
                debug!("the kept netlink socket is closed: another process or network namespace opened it");
            }
            self.dumps.close();
            self.opened_in = current;
        }
        &mut self.dumps
    }
}

/// The gap that a listing without owners leaves.
fn unlisted_not_seen() -> Gap {
    let source = "sockets that no table lists are seen with their owners only";
    Gap::new(GapKind::TableUnavailable, 1, source)
}

/// Lists the tables. A user without a number in this user namespace is none.
fn list(
    dumps: &mut Dumps<'_>,
    readers: Option<&NamespaceReaders>,
    receive_ahead: bool,
    query: &Query,
    sink: &mut Sink<'_>,
) -> Result<Vec<Gap>, Error> {
    let mut tables = |sink: &mut Sink<'_>| match readers {
        None => sockets::sockets(dumps, query, sink),
        Some(readers) => readers.sockets(dumps, receive_ahead, query, sink),
    };
    let Some(stand_in) = user_namespace::stand_in_uid() else { return tables(sink) };
    tables(&mut |mut row| {
        row.uid = row.uid.filter(|uid| *uid != stand_in);
        sink(row)
    })
}

/// The system, during one listing.
pub(crate) struct Native<'c> {
    cache: &'c Cache,
    /// The network namespaces that are listed, once they are known; `None`: this thread's alone.
    readers: OnceLock<Option<NamespaceReaders>>,
    /// The inode numbers of the listed sockets, where the search for owners is to add the others.
    listed: Listed,
}

impl<'c> Native<'c> {
    pub(crate) fn new(cache: &'c Cache) -> Self {
        lock(&cache.processes).begin();
        Self { cache, readers: OnceLock::new(), listed: Listed::default() }
    }

    /// If a thread panicked with the lock held, it has dropped the socket with its unfinished dump.
    fn socket(&self) -> MutexGuard<'c, NamespacedSocket> {
        lock(&self.cache.socket)
    }

    /// Whether the sockets of this network namespace, given by its number, have been listed.
    fn has_listed(&self, netns: u64) -> bool {
        match self.readers.get().and_then(Option::as_ref) {
            Some(readers) => readers.has_read(netns),
            None => namespace_of("thread-self") == Ok(netns),
        }
    }

    /// What the names of these processes are compared with.
    fn describe(&self, pids: &[u32]) -> Vec<Process> {
        let seen: Vec<ProcessSeen> = pids.iter().map(|pid| ProcessSeen::new(*pid, u64::MAX)).collect();
        self.processes(&seen, Self::NAME_FIELDS, 1).0
    }

    /// Those of these processes that have this name.
    fn with_name(&self, name: &OsStr, pids: &[u32]) -> Vec<u32> {
        let named = self.describe(pids).into_iter().filter(|process| is_named(name, process) == Some(true));
        named.map(|process| process.pid).collect()
    }

    /// The sockets of all network namespaces from one pass, without the owners that it finds. `None`: the namespaces are to be
    /// dumped.
    #[cfg(feature = "bpf")]
    fn rows_of_all(
        &self,
        dumps: &mut Dumps<'_>,
        readers: &NamespaceReaders,
        query: &Query,
        sink: &mut Sink<'_>,
    ) -> Option<Vec<Gap>> {
        // The program reads the users of the first user namespace.
        let reads_users = user_namespace::stand_in_uid().is_none();
        if query.wants_owners() || !reads_users || !one_pass::may_list_all(query, readers.len()) {
            return None;
        }
        let search = self.owner_sources(query, Some(readers));
        let mut rows = Vec::new();
        let ahead = Self::reads_ahead(query);
        let gaps = one_pass::list_all(dumps, readers, query, &search, &mut rows, ahead)?;
        let _ = rows.into_iter().try_for_each(sink);
        Some(gaps)
    }

    /// Finds the network namespaces that sockets alone keep, if that was left to the one pass, which does not answer.
    fn find_more(&self, query: &Query, readers: &NamespaceReaders) {
        #[cfg(feature = "bpf")]
        if readers.may_be_more() {
            readers.add_kept_by(NamespacesByBpf::new(&self.cache.program, query).sockets());
        }
        #[cfg(not(feature = "bpf"))]
        let _ = (query, readers);
    }

    fn owner_sources(&self, query: &Query, readers: Option<&NamespaceReaders>) -> OwnerSources<'c> {
        let listed = Arc::clone(&self.listed);
        OwnerSources::new(&self.cache.program, query, listed, readers.map(NamespaceReaders::listed))
    }

    /// Whether two threads may read. With one processor they would only alternate.
    fn reads_ahead(query: &Query) -> bool {
        query.may_receive_ahead() && Self::processors() > 1
    }

    /// The network namespaces that the query lists.
    fn readers(&self, query: &Query) -> Result<Option<&NamespaceReaders>, Error> {
        if let Some(known) = self.readers.get() {
            return Ok(known.as_ref());
        }
        let seen = NamespacesByBpf::new(&self.cache.program, query);
        #[cfg(feature = "bpf")]
        let seen = seen.beside_listing(one_pass::may_list_all);
        let found = plan::readers(query, &|name, pids| self.with_name(name, pids), &seen)?;
        Ok(self.readers.get_or_init(|| found).as_ref())
    }
}

impl<'c> System for Native<'c> {
    type OwnerSearch = OwnerSources<'c>;

    const SUPPORT: Support = support::LINUX;

    const NAME_FIELDS: ProcessFields =
        ProcessFields::NAME.union(ProcessFields::PATH).union(ProcessFields::COMMAND_LINE);

    const KERNEL_DECIDES: bool = true;

    fn sockets(
        &self,
        query: &Query,
        sink: &mut dyn FnMut(Socket) -> ControlFlow<()>,
    ) -> Result<Vec<Gap>, Error> {
        let receive_ahead = Self::reads_ahead(query);
        let readers = self.readers(query)?;
        let mut socket = self.socket();
        let dumps = socket.dumps().receive_ahead(receive_ahead);
        let mut tables = |sink: &mut Sink<'_>| {
            #[cfg(feature = "bpf")]
            if let Some(gaps) = readers.and_then(|readers| self.rows_of_all(dumps, readers, query, sink)) {
                return Ok(gaps);
            }
            if let Some(readers) = readers {
                self.find_more(query, readers);
            }
            list(dumps, readers, receive_ahead, query, sink)
        };
        if !query.wants_unlisted() {
            return tables(sink);
        }
        let listed = &self.listed;
        let mut gaps = tables(&mut |row| {
            // The socket with the number of a line that may be forged is possibly another one, which no table lists.
            if !matches!(row.ownership, Ownership::Hidden { .. }) {
                lock(listed).extend(row.inode());
            }
            sink(row)
        })?;
        if !query.wants_owners() {
            gaps.push(unlisted_not_seen());
        }
        Ok(gaps)
    }

    fn namespaces(&self) -> Vec<Namespace> {
        self.readers.get().and_then(Option::as_ref).map_or_else(Vec::new, NamespaceReaders::describe)
    }

    fn count(&self, query: &Query, by_family: bool, counts: &mut Counts) -> Result<Vec<Gap>, Error> {
        if self.readers(query)?.is_some() {
            return count_rows(query, counts, |sink| self.sockets(query, sink));
        }
        let procfs = Proc::open();
        let mut read = |path: &str, text: &mut Vec<u8>| match &procfs {
            Ok(procfs) => procfs.read(path, text),
            Err(errno) => Err(*errno),
        };
        let mut socket = self.socket();
        let dumps = socket.dumps().receive_ahead(false);
        let mut gaps = counts::count(dumps, &mut procfs::net::open, &mut read, query, by_family, counts)?;
        gaps.extend(query.wants_unlisted().then(unlisted_not_seen));
        Ok(gaps)
    }

    fn owner_search(&self, query: &Query) -> Self::OwnerSearch {
        self.socket().dumps().open_early();
        // A failure is that of the tables.
        let readers = self.readers(query).ok().flatten();
        if let Some(readers) = readers {
            // One pass may answer without entering any.
            #[cfg(feature = "bpf")]
            let may_be_needed = !one_pass::may_list_all(query, readers.len());
            #[cfg(not(feature = "bpf"))]
            let may_be_needed = true;
            if may_be_needed {
                self.find_more(query, readers);
                readers.open_early();
            }
        }
        self.owner_sources(query, readers)
    }

    fn open_early(&self, query: &Query) {
        if let Ok(Some(readers)) = self.readers(query) {
            self.find_more(query, readers);
            readers.open_early();
        }
    }

    #[cfg(feature = "bpf")]
    fn sockets_with_owners(
        &self,
        query: &Query,
        search: &Self::OwnerSearch,
        rows: &mut Vec<Socket>,
    ) -> Option<Vec<Gap>> {
        // The program reads the users of the first user namespace.
        let reads_users = || user_namespace::stand_in_uid().is_none();
        let ahead = || Self::reads_ahead(query);
        let Some(readers) = self.readers(query).ok()? else {
            let planned = one_pass::Planned::of(query, search).filter(|_| reads_users())?;
            let mut socket = self.socket();
            let ahead = ahead();
            return planned.list(socket.dumps().receive_ahead(ahead), query, search, rows, ahead);
        };
        let listed = reads_users().then(|| {
            let mut socket = self.socket();
            let ahead = ahead();
            let dumps = socket.dumps().receive_ahead(ahead);
            one_pass::list_all(dumps, readers, query, search, rows, ahead)
        });
        let listed = listed.flatten();
        if listed.is_none() {
            self.find_more(query, readers);
            // Before the search takes the descriptors that are left.
            readers.open_early();
        }
        listed
    }

    fn recheck(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        let sockets: Vec<&Socket> = sockets.collect();
        let mut socket = self.socket();
        let dumps = socket.dumps().receive_ahead(false);
        if let Some(readers) = self.readers.get().and_then(Option::as_ref) {
            return readers.still_open(dumps, &sockets);
        }
        let mut open =
            recheck::still_open(dumps, &mut sockets.iter().copied(), &mut { recheck::MAX_LOOKUPS });
        families::still_open(dumps, &sockets, &mut open);
        open
    }

    fn processes(
        &self,
        seen: &[ProcessSeen],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        processes(seen, fields, threads, &mut lock(&self.cache.processes))
    }

    fn prefetch_processes(&self, seen: &[ProcessSeen], fields: ProcessFields, stop: &AtomicBool) {
        prefetch_processes(seen, fields, stop, &mut lock(&self.cache.processes));
    }

    fn is_named(&self, wanted: &OsStr, process: &Process) -> Option<bool> {
        is_named(wanted, process)
    }

    fn unlisted_process(&self, query: &Query, pid: u32) -> Vec<Gap> {
        // Where it cannot be opened, owners are not searched for, which is a gap.
        let Ok(procfs) = Proc::open() else { return Vec::new() };
        let listing = Listing { query, has_netns: &|netns| self.has_listed(netns) };
        unlisted_process::of_pid(&procfs, pid, listing)
    }

    fn unlisted_processes_named(&self, query: &Query, name: &OsStr) -> Vec<Gap> {
        let Ok(procfs) = Proc::open() else { return Vec::new() };
        let listing = Listing { query, has_netns: &|netns| self.has_listed(netns) };
        unlisted_process::of_name(&procfs, name, &|pids| self.describe(pids), listing)
    }

    fn processors() -> usize {
        // Unlike `available_parallelism`, without the quotas of control groups: these are in several files, which
        // take up to a tenth of a millisecond to read.
        let allowed = ffi::processors_allowed().ok().and_then(|count| usize::try_from(count).ok());
        // `sched_getaffinity` fails on a machine with more than 1,024 processors.
        let counted = || thread::available_parallelism().map_or(1, usize::from);
        allowed.filter(|count| *count > 0).unwrap_or_else(counted)
    }

    fn interface_name(index: u32) -> Option<String> {
        resolve::interface_name(index)
    }

    fn interface_name_in(namespace: &Namespace, index: u32) -> Option<String> {
        let target = Target::of(namespace)?;
        target.run(&|| resolve::interface_name(index)).ok().flatten()
    }

    fn interface_indexes(&self, query: &Query, name: &str) -> Result<Vec<(Option<NetnsId>, u32)>, Error> {
        match self.readers(query)? {
            Some(readers) => {
                self.find_more(query, readers);
                readers.interface_indexes(name)
            }
            None => resolve::interface_index(name).map(|index| vec![(None, index)]),
        }
    }

    fn interface_index(name: &str) -> Result<u32, Error> {
        resolve::interface_index(name)
    }

    fn user_id(name: &str) -> Result<u32, Error> {
        users::user_id(name)
    }

    fn user_names(wanted: &[u32]) -> HashMap<u32, String> {
        users::names(wanted)
    }

    fn cgroup_id(path: &Path) -> Result<u64, Error> {
        resolve::cgroup_id(path)
    }

    fn cgroup_workloads(ids: &[u64]) -> HashMap<u64, Workload> {
        let paths = workload::paths::of_ids(ids).into_iter();
        let sees_root = procfs::Proc::open().is_ok_and(|procfs| workload::sees_root(&procfs));
        paths.map(|(id, path)| (id, workload::of_path(&path, sees_root))).collect()
    }

    fn netns_id(name: &str) -> Result<NetnsId, Error> {
        plan::netns_id(name)
    }

    fn current_netns() -> Option<NetnsId> {
        namespace_of("thread-self").ok().and_then(NonZeroU64::new).map(NetnsId)
    }

    fn signal(&self, process: ProcessId, number: i32) -> Result<(), Error> {
        signal::signal(process, number)
    }

    fn has_ended(&self, process: ProcessId) -> Result<bool, Error> {
        signal::has_ended(process)
    }

    fn destroy(socket: &Socket) -> Result<(), Error> {
        let own = namespace_of("thread-self");
        let Some(netns) = socket.netns.filter(|netns| own != Ok(netns.0.get())) else {
            return destroy::destroy(socket);
        };
        // Never in this thread's namespace, where another socket may have the same ends.
        let (program, query) = (KeptProgram::default(), Query::new());
        let seen = NamespacesByBpf::new(&program, &query);
        let Some(target) = Target::find(netns.0.get(), &seen) else {
            let why = format!("network namespace {netns} is not found");
            return Err(Error::system("close", socket.subject(), io::Error::new(ErrorKind::NotFound, why)));
        };
        let mut dumps = Dumps::new(move || target.open().map_err(|why| why.errno)).opening_by("setns");
        destroy::destroy_over(&mut dumps, socket)
    }
}

#[cfg(all(test, feature = "log"))]
mod tests {
    use super::*;

    #[test]
    fn socket_of_another_process_is_closed_with_one_line_in_the_log() {
        let mut socket = NamespacedSocket { opened_in: None, dumps: Dumps::new(SockDiag::open) };
        let mut lines = || crate::log::recorder::lines_of(|| _ = socket.dumps()).1;
        assert_eq!(lines(), [""; 0], "there was none");
        assert_eq!(lines(), [""; 0], "it is the same");
        socket.opened_in.as_mut().unwrap().0 += 1;
        let closed = "the kept netlink socket is closed: another process or network namespace opened it";
        assert_eq!(crate::log::recorder::lines_of(|| _ = socket.dumps()).1, [closed]);
    }
}
