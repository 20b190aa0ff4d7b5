//! A scripted `/proc`: processes, threads and descriptors, which change or refuse access at given steps.

use crate::engine::owner_table::ProcessSeen;
use crate::engine::snapshot::{stream, take};
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::{Gap, GapKind};
use crate::model::identity::Identity;
use crate::model::owner::{Owner, OwnerRole, Ownership};
use crate::model::process::{Process, ProcessFields};
use crate::model::protocol::Protocol;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::support::Support;
use crate::query::Query;
use crate::sys::linux::owners::unmapped::Unmapped;
use crate::sys::linux::owners::walk;
use crate::sys::linux::procfs::process::read_all;
use crate::sys::linux::procfs::process_cache::ProcessCache;
use crate::sys::linux::procfs::program_name::is_named;
use crate::sys::linux::procfs::{File, Procfs, Sizes, TableRead};
use crate::sys::linux::unlisted_process::{self, Listing};
use crate::sys::support;
use crate::sys::system::System;
use netstat_wire::linux::proc_pid_fd::network_namespace;
use rustix::io::Errno;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

/// The inode of the one socket that is listed by default.
pub(super) const INODE: u64 = 7;

/// The target of a descriptor's link.
#[derive(Copy, Clone, Debug)]
pub(super) enum Link {
    Socket(u64),
    /// The same, opened with `O_PATH`.
    PathOnly(u64),
    Ring,
    Refused,
}

/// A thread; the leader has the pid as its tid.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// Tasks with the same number share one descriptor table.
    pub(super) table: u32,
    pub(super) links: Vec<(i32, Link)>,
    /// The error of opening its directory of descriptors.
    pub(super) refuses: Option<Errno>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    pub(super) processes: BTreeMap<u32, BTreeMap<u32, Task>>,
    /// When each started, in ticks of a hundredth of a second; the default is 0.
    pub(super) started: BTreeMap<u32, u64>,
    /// The text of files.
    pub(super) files: BTreeMap<String, String>,
    /// The cookies of the sockets behind descriptors that may be copied.
    pub(super) cookies: BTreeMap<(u32, i32), u64>,
    /// The user of every process, if not 5.
    pub(super) user: Option<u32>,
    /// Where the executables of processes are.
    pub(super) executables: BTreeMap<u32, Vec<u8>>,
    /// Processes whose mappings are refused.
    pub(super) maps_refused: BTreeSet<u32>,
    /// Descriptors of other sockets that have the same inode number.
    pub(super) strangers: BTreeSet<(u32, i32)>,
    /// Processes whose name is refused (`hidepid=1`).
    pub(super) names_refused: BTreeSet<u32>,
    /// The protocols of the sockets behind descriptors, if not UDP.
    pub(super) protocols: BTreeMap<(u32, i32), &'static str>,
    /// The text of links.
    pub(super) links: BTreeMap<String, Vec<u8>>,
    /// The error of comparing two tables.
    pub(super) compare_fails: Option<Errno>,
    /// The error of listing all processes.
    pub(super) list_fails: Option<Errno>,
    /// What the iterator reports of descriptors beyond the inode number.
    #[cfg(feature = "bpf")]
    pub(super) evidence: BTreeMap<(u32, i32), crate::sys::linux::owners::bpf::Evidence>,
    /// Whether the kernel cannot iterate over rings.
    #[cfg(feature = "bpf")]
    pub(super) lacks_rings: bool,
    /// The error of the iterator, at the next process.
    #[cfg(feature = "bpf")]
    pub(super) iteration_fails: Option<Errno>,
    /// Processes that exist and are not listed (`hidepid`).
    pub(super) not_shown: BTreeSet<u32>,
    /// The steps so far.
    steps: Vec<String>,
}

type Change = Box<dyn FnOnce(&mut Machine) + Send>;

/// A machine, and the changes to it just before a step such as `sockets 12` or `read 12/stat`.
#[derive(Default)]
pub(super) struct ScriptedProc {
    machine: Mutex<Machine>,
    changes: Mutex<Vec<(&'static str, usize, Change)>>,
    rows: Vec<Socket>,
    closed: BTreeSet<u64>,
    pub(super) unmapped: Arc<Unmapped>,
    /// Nanoseconds that have passed since the time of the first listing.
    later: AtomicU64,
}

/// A thread with its own descriptor table.
pub(super) fn task(table: u32, inodes: &[u64]) -> Task {
    let links = (3..).zip(inodes.iter().map(|inode| Link::Socket(*inode))).collect();
    Task { table, links, refuses: None }
}

/// A process of one thread.
pub(super) fn process(pid: u32, inodes: &[u64]) -> BTreeMap<u32, Task> {
    BTreeMap::from([(pid, task(pid, inodes))])
}

/// A UDP socket.
pub(super) fn row(inode: u64) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Udp, SocketAddr::from(([127, 0, 0, 1], 53)));
    socket.identity = Some(Identity::Inode(inode));
    socket
}

/// The process as an owner, by its descriptor 3.
pub(super) fn holder(pid: u32) -> Owner {
    Owner::new(pid, Some(3), OwnerRole::Holder)
}

/// The process with the pid 12 when its details are read. The pid was seen ten seconds after the start of the
/// machine.
#[derive(Debug)]
pub(super) struct Later {
    /// When it started, in ticks.
    started: u64,
    /// The link of its descriptor 3.
    link: Option<&'static str>,
    pub(super) is_the_same: bool,
}

pub(super) const SEEN_AT_TEN: &[Later] = &[
    Later { started: 999, link: None, is_the_same: true },
    // Within the tick in which it was seen, before or after that.
    Later { started: 1000, link: Some("socket:[7]"), is_the_same: true },
    Later { started: 1000, link: Some("socket:[8]"), is_the_same: false },
    Later { started: 1000, link: Some("/dev/null"), is_the_same: false },
    Later { started: 1000, link: None, is_the_same: false },
    Later { started: 1001, link: Some("socket:[7]"), is_the_same: false },
];

impl Later {
    pub(super) fn apply(&self, machine: &mut Machine) {
        machine.started.insert(12, self.started);
        // A descriptor that is closed by then leads to no socket either.
        machine.links.insert("12/fd/3".to_owned(), self.link.unwrap_or_default().as_bytes().to_vec());
    }
}

impl ScriptedProc {
    /// Whether this is the number of the caller's network namespace, which alone is listed.
    fn is_own_netns(&self, number: u64) -> bool {
        let link = (&self).link("thread-self/ns/net").ok();
        link.and_then(|link| network_namespace(&link)) == Some(number)
    }

    /// The first process, this one (which holds nothing), and the process 12, which holds the socket.
    pub(super) fn new() -> Self {
        let own = std::process::id();
        let mut machine = Machine {
            processes: [(1, process(1, &[])), (12, process(12, &[INODE]))].into(),
            ..Machine::default()
        };
        machine.processes.insert(own, process(own, &[]));
        machine.links.insert("self".to_owned(), own.to_string().into_bytes());
        machine.links.insert("self/ns/pid".to_owned(), b"pid:[4026531836]".to_vec());
        Self { machine: machine.into(), rows: vec![row(INODE)], ..Self::default() }
    }

    /// The same, with a change.
    pub(super) fn with(change: impl FnOnce(&mut Machine)) -> Self {
        let proc = Self::new();
        change(&mut proc.machine());
        proc
    }

    /// Changes the machine just before a step.
    pub(super) fn before(
        self,
        step: &'static str,
        change: impl FnOnce(&mut Machine) + Send + 'static,
    ) -> Self {
        self.after(0, step, change)
    }

    /// Changes the machine just before a step is read that has been read `times` times.
    pub(super) fn after(
        self,
        times: usize,
        step: &'static str,
        change: impl FnOnce(&mut Machine) + Send + 'static,
    ) -> Self {
        self.changes.lock().unwrap().push((step, times, Box::new(change)));
        self
    }

    /// Lists these sockets instead of [`INODE`].
    pub(super) fn listing(self, inodes: &[u64]) -> Self {
        Self { rows: inodes.iter().map(|inode| row(*inode)).collect(), ..self }
    }

    /// Lists these rows instead of the one.
    pub(super) fn listing_rows(self, rows: Vec<Socket>) -> Self {
        Self { rows, ..self }
    }

    /// The machine, to change it in another world.
    pub(super) fn take_machine(&self) -> Machine {
        self.machine().clone()
    }

    /// A recheck finds the socket closed.
    pub(super) fn closed(mut self, inode: u64) -> Self {
        self.closed.insert(inode);
        self
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap()
    }

    /// The machine at a step, after the changes just before it.
    pub(super) fn at(&self, step: &str) -> MutexGuard<'_, Machine> {
        let mut machine = self.machine();
        let earlier = machine.steps.iter().filter(|earlier| *earlier == step).count();
        machine.steps.push(step.to_owned());
        let mut changes = self.changes.lock().unwrap();
        while let Some(index) = changes.iter().position(|(at, times, _)| *at == step && earlier >= *times) {
            let (_, _, change) = changes.remove(index);
            change(&mut machine);
        }
        machine
    }

    /// Ten seconds after the start.
    pub(super) fn time(&self) -> u64 {
        10_000_000_000 + self.later.load(SeqCst)
    }

    pub(super) fn pass_time(&self, nanoseconds: u64) {
        self.later.fetch_add(nanoseconds, SeqCst);
    }

    /// The steps so far.
    pub(super) fn steps(&self) -> Vec<String> {
        self.machine().steps.clone()
    }

    /// Takes a snapshot on one thread, so that the order of the steps is fixed.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.ask(Query::new().owners(true))
    }

    pub(super) fn ask(&self, query: Query) -> Snapshot {
        take(&self, &query.threads(1)).unwrap()
    }

    /// Streams the rows: the search for owners runs first, and the table of sockets is read after it.
    pub(super) fn stream(&self) -> (Vec<Socket>, Vec<Gap>) {
        self.stream_of(&Query::new().owners(true))
    }

    pub(super) fn stream_of(&self, query: &Query) -> (Vec<Socket>, Vec<Gap>) {
        let mut rows = Vec::new();
        let gaps = stream(&self, &query.clone().threads(1), &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        });
        (rows, gaps.unwrap())
    }

    /// The one row's owners and ownership, and the kinds of gaps.
    pub(super) fn ownership(&self) -> (Vec<u32>, Ownership, Vec<GapKind>) {
        let snapshot = self.snapshot();
        let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
        let pids = row.owners().iter().map(|owner| owner.pid).collect();
        (pids, row.ownership(), snapshot.gaps.iter().map(|gap| gap.kind).collect())
    }
}

impl Machine {
    pub(super) fn task(&mut self, pid: u32, tid: u32) -> &mut Task {
        self.processes.get_mut(&pid).unwrap().get_mut(&tid).unwrap()
    }

    /// A descriptor in the table of the leader.
    fn link_of(&self, pid: u32, fd: i32) -> Result<Link, Errno> {
        let leader = self.tasks(pid)?.get(&pid).ok_or(Errno::NOENT)?;
        leader.links.iter().find(|(number, _)| *number == fd).map(|(_, link)| *link).ok_or(Errno::NOENT)
    }

    fn tasks(&self, pid: u32) -> Result<&BTreeMap<u32, Task>, Errno> {
        self.processes.get(&pid).filter(|_| !self.not_shown.contains(&pid)).ok_or(Errno::NOENT)
    }
}

impl Procfs for &ScriptedProc {
    fn pids(&self) -> Result<Vec<u32>, Errno> {
        let machine = self.at("pids");
        let shown = machine.processes.keys().filter(|pid| !machine.not_shown.contains(pid));
        machine.list_fails.map_or_else(|| Ok(shown.copied().collect()), Err)
    }

    fn threads(&self, pid: u32) -> Result<Vec<u32>, Errno> {
        Ok(self.at(&format!("threads {pid}")).tasks(pid)?.keys().copied().collect())
    }

    fn sizes(&self, pid: u32) -> Result<Sizes, Errno> {
        let machine = self.at(&format!("sizes {pid}"));
        let tasks = machine.tasks(pid)?;
        let descriptors = tasks.get(&pid).map_or(0, |leader| leader.links.len());
        Ok(Sizes {
            threads: u64::try_from(tasks.len()).unwrap(),
            descriptors: Some(u64::try_from(descriptors).unwrap()),
        })
    }

    fn user(&self, pid: u32) -> Result<u32, Errno> {
        let machine = self.at(&format!("user {pid}"));
        machine.tasks(pid)?;
        Ok(machine.user.unwrap_or(5))
    }

    fn files(
        &self,
        pid: u32,
        thread: Option<u32>,
        found: &mut dyn FnMut(i32, File),
    ) -> Result<TableRead, Errno> {
        let tid = thread.unwrap_or(pid);
        let machine = self.at(&format!("sockets {pid}/{tid}"));
        let task = machine.tasks(pid)?.get(&tid).ok_or(Errno::NOENT)?;
        if let Some(errno) = task.refuses {
            return Err(errno);
        }
        let mut read = TableRead::default();
        for (fd, link) in &task.links {
            read.descriptors += 1;
            match link {
                Link::Socket(inode) | Link::PathOnly(inode) => found(*fd, File::Socket(*inode)),
                Link::Ring => found(*fd, File::Ring),
                Link::Refused => read.refused += 1,
            }
        }
        Ok(read)
    }

    fn is_path_only(&self, pid: u32, fd: i32) -> Result<bool, Errno> {
        match self.at(&format!("mode {pid}/{fd}")).link_of(pid, fd)? {
            Link::PathOnly(_) => Ok(true),
            _ => Ok(false),
        }
    }

    fn compare_files(&self, a: (u32, i32), b: (u32, i32)) -> Result<Ordering, Errno> {
        let machine = self.at(&format!("compare files {}/{} {}/{}", a.0, a.1, b.0, b.1));
        if let Some(errno) = machine.compare_fails {
            return Err(errno);
        }
        let file = |at: (u32, i32)| match machine.link_of(at.0, at.1)? {
            Link::Socket(inode) => Ok((inode, machine.strangers.contains(&at), None)),
            _ => Ok((0, false, Some(at))),
        };
        Ok(file(a)?.cmp(&file(b)?))
    }

    fn socket_cookie(&self, pid: u32, fd: i32) -> Result<u64, Errno> {
        self.at(&format!("cookie {pid}/{fd}")).cookies.get(&(pid, fd)).copied().ok_or(Errno::PERM)
    }

    fn socket_protocol(
        &self,
        pid: u32,
        thread: Option<u32>,
        fd: i32,
        inode: Option<u64>,
    ) -> Result<Vec<u8>, Errno> {
        let machine = self.at(&format!("protocol {pid}/{fd}"));
        let task = machine.tasks(pid)?.get(&thread.unwrap_or(pid)).ok_or(Errno::NOENT)?;
        let link = task.links.iter().find_map(|(number, link)| (*number == fd).then_some(*link));
        match link {
            Some(Link::Socket(number) | Link::PathOnly(number))
                if inode.is_none_or(|inode| inode == number) =>
            {
                Ok(machine.protocols.get(&(pid, fd)).unwrap_or(&"UDP").as_bytes().to_vec())
            }
            _ => Err(Errno::NOENT),
        }
    }

    fn compare_tables(&self, a: u32, b: u32) -> Result<Ordering, Errno> {
        let machine = self.at(&format!("compare {a} {b}"));
        if let Some(errno) = machine.compare_fails {
            return Err(errno);
        }
        let table = |tid| {
            let task = machine.processes.values().find_map(|tasks| tasks.get(&tid));
            task.map(|task| task.table).ok_or(Errno::SRCH)
        };
        Ok(table(a)?.cmp(&table(b)?))
    }

    fn read(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Errno> {
        let machine = self.at(&format!("read {path}"));
        if let Some(task) = path.strip_suffix("/status").and_then(|task| task.parse::<u32>().ok()) {
            let mut shown = machine.processes.iter().filter(|(pid, _)| !machine.not_shown.contains(pid));
            let (leader, _) = shown.find(|(_, tasks)| tasks.contains_key(&task)).ok_or(Errno::NOENT)?;
            *content = format!("Name:\tname\nTgid:\t{leader}\nNgid:\t0\n").into_bytes();
            return Ok(());
        }
        if let Some((pid, _)) = path.split_once('/').filter(|(pid, _)| pid.parse::<u32>().is_ok()) {
            machine.tasks(pid.parse().unwrap())?;
        }
        if let Some(text) = machine.files.get(path) {
            content.clear();
            content.extend(text.bytes());
            return Ok(());
        }
        let (pid, file) = path.split_once('/').ok_or(Errno::NOENT)?;
        let pid = pid.parse().map_err(|_| Errno::NOENT)?;
        machine.tasks(pid)?;
        let started = machine.started.get(&pid).unwrap_or(&0);
        content.clear();
        match file {
            "stat" if !machine.names_refused.contains(&pid) => content.extend(
                format!("{pid} (name) S 1 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 {started} 0\n").bytes(),
            ),
            "maps" if !machine.maps_refused.contains(&pid) => {}
            _ => return Err(Errno::ACCESS),
        }
        Ok(())
    }

    fn read_lines(&self, path: &str, content: &mut Vec<u8>, limit: usize) -> Result<(), Errno> {
        Procfs::read(self, path, content)?;
        if content.len() > limit { Err(Errno::FBIG) } else { Ok(()) }
    }

    fn link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let machine = self.at(&format!("link {path}"));
        if let Some(link) = machine.links.get(path) {
            return Ok(link.clone());
        }
        let (pid, fd) = path.split_once("/fd/").ok_or(Errno::NOENT)?;
        match machine.link_of(pid.parse().unwrap(), fd.parse().unwrap())? {
            Link::Socket(inode) | Link::PathOnly(inode) => Ok(format!("socket:[{inode}]").into_bytes()),
            Link::Ring => Ok(b"anon_inode:[io_uring]".to_vec()),
            Link::Refused => Err(Errno::ACCESS),
        }
    }

    fn is_executable_at(&self, pid: u32, path: &[u8]) -> Result<bool, Errno> {
        let machine = self.at(&format!("executable {pid}"));
        machine.executables.get(&pid).map(|at| at == path).ok_or(Errno::AGAIN)
    }

    fn now(&self) -> u64 {
        self.time()
    }
}

impl<'a> System for &'a ScriptedProc {
    type OwnerSearch = walk::ProcfsWalk<&'a ScriptedProc>;

    const SUPPORT: Support = support::LINUX;

    const NAME_FIELDS: ProcessFields =
        ProcessFields::NAME.union(ProcessFields::PATH).union(ProcessFields::COMMAND_LINE);

    fn owner_search(&self, query: &Query) -> Self::OwnerSearch {
        self.unmapped.begin();
        walk::ProcfsWalk::over(walk::Searchable::new(Ok(*self)), &query.filter.pids())
            .remembering(&self.unmapped)
    }

    fn sockets(&self, _: &Query, sink: &mut dyn FnMut(Socket) -> ControlFlow<()>) -> Result<Vec<Gap>, Error> {
        drop(self.at("table of sockets"));
        let _ = self.rows.iter().cloned().try_for_each(sink);
        Ok(Vec::new())
    }

    fn processes(
        &self,
        seen: &[ProcessSeen],
        fields: ProcessFields,
        threads: usize,
    ) -> (Vec<Process>, Vec<Gap>) {
        read_all(self, seen, fields, threads, &mut ProcessCache::default())
    }

    fn recheck(&self, sockets: &mut dyn Iterator<Item = &Socket>) -> Vec<bool> {
        sockets.map(|socket| socket.inode().is_some_and(|inode| !self.closed.contains(&inode))).collect()
    }

    fn unlisted_process(&self, query: &Query, pid: u32) -> Vec<Gap> {
        let listing = Listing { query, has_netns: &|netns| self.is_own_netns(netns) };
        unlisted_process::of_pid(self, pid, listing)
    }

    fn unlisted_processes_named(&self, query: &Query, name: &OsStr) -> Vec<Gap> {
        let describe = |pids: &[u32]| {
            let seen: Vec<ProcessSeen> = pids.iter().map(|pid| ProcessSeen::new(*pid, u64::MAX)).collect();
            self.processes(&seen, Self::NAME_FIELDS, 1).0
        };
        let listing = Listing { query, has_netns: &|netns| self.is_own_netns(netns) };
        unlisted_process::of_name(self, name, &describe, listing)
    }

    fn is_named(&self, wanted: &OsStr, process: &Process) -> Option<bool> {
        is_named(wanted, process)
    }
}
