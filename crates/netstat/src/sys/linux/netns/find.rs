//! Finds the network namespaces of the machine, as far as this caller sees it.

use super::place::{Place, name_in_run};
use super::process_net::{group_of, namespace_of};
use crate::model::gap::{Gap, GapKind, KEPT_BY_A_SOCKET};
use crate::model::namespace::Namespace;
use crate::sys::linux::owners::without_descriptor::HeldFile;
use crate::sys::linux::procfs::{Proc, Procfs, each_link};
use netstat_wire::linux::proc_pid_fd::network_namespace;
use netstat_wire::linux::proc_pid_mountinfo::{Mount, unescaped};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many namespaces one listing covers.
pub(crate) const MAX_NAMESPACES: usize = 4096;

/// How many places are kept of each: the first may be gone when it is opened.
pub(crate) const MAX_PLACES: usize = 4;

/// How many descriptors are searched for namespaces, at two microseconds each.
const MAX_DESCRIPTORS: u64 = 1 << 16;

/// The longest list of mounts that is read.
const MAX_MOUNT_BYTES: usize = 1 << 20;

/// How long the search in mounts and descriptors may take.
const MAX_TIME: Duration = Duration::from_secs(2);

/// A descriptor of a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketHolder {
    pub(crate) pid: u32,
    pub(crate) fd: i32,
}

/// Some of the sockets that processes hold, by the numbers of the network namespaces in which they were made; or why that
/// is not known.
pub(crate) type SocketsByNamespace = Result<BTreeMap<u64, Vec<SocketHolder>>, String>;

/// What BPF alone sees of namespaces. A closure that returns the sockets is one that sees no more.
pub(crate) trait SeenByBpf {
    fn sockets(&self) -> SocketsByNamespace;

    /// Whether the listing sees that as well, where so many namespaces are known.
    fn is_seen_by_listing(&self, _known: usize) -> bool {
        false
    }

    /// The descriptors of namespaces, where so many are known; `None`: the links in `/proc` are to be read.
    fn namespace_files(&self, _known: usize) -> Option<Vec<HeldFile>> {
        None
    }
}

impl<F: Fn() -> SocketsByNamespace> SeenByBpf for F {
    fn sockets(&self) -> SocketsByNamespace {
        self()
    }
}

/// A namespace that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FoundNamespace {
    /// Its names below `/run/netns`.
    pub(crate) names: BTreeSet<OsString>,
    /// Where it was found, best first.
    pub(crate) places: Vec<Place>,
    /// Some of the processes that live in it, ascending.
    pub(crate) pids: Vec<u32>,
    /// How many do.
    pub(crate) processes: u64,
}

impl FoundNamespace {
    /// One that is found by nothing but these sockets.
    pub(crate) fn kept_by(sockets: impl IntoIterator<Item = SocketHolder>) -> Self {
        let mut namespace = Self::default();
        for SocketHolder { pid, fd } in sockets {
            namespace.add_place(Place::Socket { pid, fd });
        }
        namespace
    }

    fn add_place(&mut self, place: Place) {
        if self.places.len() < MAX_PLACES && !self.places.contains(&place) {
            self.places.push(place);
        }
    }
}

/// So many namespaces were left out.
pub(crate) fn beyond_limit_gap(count: u64) -> Gap {
    Gap::new(GapKind::NamespacesSkipped, count, format!("more than {MAX_NAMESPACES}"))
}

/// Why it is not known which namespaces sockets keep.
pub(crate) fn kept_by_sockets_unknown(why: &str) -> Gap {
    Gap::new(GapKind::NamespacesSkipped, 1, format!("{KEPT_BY_A_SOCKET}: {why}"))
}

/// A search, and what it has found: by the numbers of the namespaces.
pub(crate) struct Search {
    procfs: Proc,
    pub(crate) namespaces: BTreeMap<u64, FoundNamespace>,
    pub(crate) gaps: Vec<Gap>,
    /// The only namespaces that matter; none: all.
    wanted: Vec<u64>,
    beyond_limit: u64,
    /// Whether sockets may keep others: the listing is to see it.
    pub(crate) more: bool,
}

impl Search {
    /// Fails if there is no `/proc` to search.
    pub(crate) fn begin() -> Result<Self, Errno> {
        let procfs = Proc::open()?;
        let (namespaces, gaps, wanted) = Default::default();
        Ok(Self { procfs, namespaces, gaps, wanted, beyond_limit: 0, more: false })
    }

    /// Finds every namespace.
    pub(crate) fn all(mut self, seen: &dyn SeenByBpf) -> Self {
        self.own();
        self.mounts("thread-self", None);
        let pids = self.processes();
        let deadline = Instant::now() + MAX_TIME;
        let refused = self.mounts_of_others(&pids, deadline);
        // Descriptors take long, and BPF is loaded for them.
        if self.is_all_found() {
            return self.finished();
        }
        match seen.namespace_files(self.namespaces.len()) {
            Some(files) => self.descriptors_seen(&files, refused, deadline),
            None => self.descriptors(&pids, deadline),
        }
        self.more = self.wanted.is_empty() && seen.is_seen_by_listing(self.namespaces.len());
        if !self.more && !self.is_all_found() {
            self.kept_by_sockets(seen);
        }
        self.finished()
    }

    /// Finds some namespaces by their numbers.
    pub(crate) fn only(mut self, numbers: &[u64], seen: &dyn SeenByBpf) -> Self {
        self.wanted = numbers.to_vec();
        self.namespaces.retain(|number, _| numbers.contains(number));
        self.all(seen)
    }

    /// The processes that are shown.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.procfs.pids().unwrap_or_default()
    }

    /// Finds names and processes of these namespaces, each of which has a place already.
    pub(crate) fn describe(mut self, known: impl IntoIterator<Item = (u64, Place)>) -> Self {
        for (number, place) in known {
            self.add(number, |namespace| namespace.add_place(place));
        }
        self.wanted = self.namespaces.keys().copied().collect();
        self.mounts("thread-self", None);
        self.processes();
        self.finished()
    }

    /// Finds the names of the namespaces in which these processes live.
    pub(crate) fn of_processes(mut self, pids: &[(u32, u64)]) -> Self {
        for (pid, number) in pids {
            self.add_process(*number, *pid);
        }
        self.wanted = self.namespaces.keys().copied().collect();
        self.mounts("thread-self", None);
        self.finished()
    }

    /// Adds the namespace of this thread.
    pub(crate) fn own(&mut self) {
        if let Ok(number) = namespace_of("thread-self") {
            // For another thread this path is another one.
            self.add(number, |_| ());
        }
    }

    /// Whether there is nothing left to search for.
    fn is_all_found(&self) -> bool {
        !self.wanted.is_empty() && self.wanted.iter().all(|number| self.namespaces.contains_key(number))
    }

    fn finished(mut self) -> Self {
        if self.beyond_limit > 0 {
            self.gaps.push(beyond_limit_gap(self.beyond_limit));
        }
        self
    }

    fn skipped(&mut self, count: u64, why: impl Into<String>) {
        self.gaps.push(Gap::new(GapKind::NamespacesSkipped, count, why.into()));
    }

    fn add(&mut self, number: u64, change: impl FnOnce(&mut FoundNamespace)) {
        if !self.wanted.is_empty() && !self.wanted.contains(&number) {
            return;
        }
        let is_full = self.namespaces.len() >= MAX_NAMESPACES;
        match self.namespaces.get_mut(&number) {
            Some(namespace) => change(namespace),
            None if is_full => self.beyond_limit += 1,
            None => change(self.namespaces.entry(number).or_default()),
        }
    }

    fn add_process(&mut self, number: u64, pid: u32) {
        self.add(number, |namespace| {
            namespace.processes += 1;
            if namespace.pids.len() < Namespace::MAX_PIDS {
                namespace.pids.push(pid);
                namespace.add_place(Place::File(format!("/proc/{pid}/ns/net").into()));
            }
        });
    }

    /// Adds the namespaces of all processes, and returns the pids of these.
    fn processes(&mut self) -> Vec<u32> {
        let mut pids = match self.procfs.pids() {
            Ok(pids) => pids,
            Err(errno) => {
                self.skipped(1, format!("/proc: {}", io::Error::from(errno)));
                return Vec::new();
            }
        };
        pids.sort_unstable();
        let mut refused = Vec::new();
        for pid in &pids {
            match namespace_of(&pid.to_string()) {
                Ok(number) => self.add_process(number, *pid),
                Err(Errno::ACCESS | Errno::PERM) => refused.push(*pid),
                // It has ended, and a zombie lives in none.
                Err(_) => {}
            }
        }
        self.refused(&refused);
        pids
    }

    /// Sorts the processes whose namespace may not be read by what all processes of one namespace share.
    fn refused(&mut self, pids: &[u32]) {
        if pids.is_empty() {
            return;
        }
        let groups: HashMap<u64, u64> = self
            .namespaces
            .iter()
            .filter_map(|(number, namespace)| {
                let pid = namespace.pids.first()?;
                let group = group_of(&pid.to_string()).ok()?;
                (namespace_of(&pid.to_string()) == Ok(*number)).then_some((group, *number))
            })
            .collect();
        let (mut unknown, mut processes) = (HashSet::new(), 0_u64);
        for pid in pids {
            let Ok(group) = group_of(&pid.to_string()) else { continue };
            match groups.get(&group) {
                Some(number) => self.add_process(*number, *pid),
                None => {
                    unknown.insert(group);
                    processes += 1;
                }
            }
        }
        for namespace in self.namespaces.values_mut() {
            namespace.pids.sort_unstable();
        }
        // Which namespaces those are does not matter if only some are wanted.
        if !unknown.is_empty() && self.wanted.is_empty() {
            let count = unknown.len().try_into().unwrap_or(u64::MAX);
            let source = format!("/proc/<pid>/ns/net of {processes}: {}", io::Error::from(Errno::ACCESS));
            self.gaps.push(Gap::new(GapKind::NamespacesUnreadable, count, source));
        }
    }

    /// Adds the namespaces that are mounted where this process (a number, or `thread-self`) sees it. `of`: its pid, if
    /// its mounts are not those of this thread.
    fn mounts(&mut self, process: &str, of: Option<u32>) {
        let mut text = Vec::new();
        match self.procfs.read_lines(&format!("{process}/mountinfo"), &mut text, MAX_MOUNT_BYTES) {
            Ok(()) => {}
            // It has ended, or has no such file: then nothing is mounted there.
            Err(Errno::NOENT | Errno::SRCH | Errno::INVAL) => return,
            Err(errno) => {
                let process = of.map_or("thread-self", |_| "<pid>");
                return self.skipped(1, format!("/proc/{process}/mountinfo: {}", io::Error::from(errno)));
            }
        }
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let Ok(mount) = Mount::decode(line) else { continue };
            let Some(number) = mount.network_namespace() else { continue };
            let path = PathBuf::from(OsString::from_vec(unescaped(mount.mount_point)));
            self.add(number, |namespace| match of {
                None => {
                    namespace.names.extend(name_in_run(&path).map(Into::into));
                    namespace.add_place(Place::Mount(path));
                }
                Some(pid) => namespace.add_place(Place::MountOf { pid, path }),
            });
        }
    }

    /// The same, as one process of each other mount namespace sees it. Returns the processes that refuse to be read, whose
    /// descriptors are refused as well: they are counted with these.
    fn mounts_of_others(&mut self, pids: &[u32], deadline: Instant) -> HashSet<u32> {
        let mut refused = HashSet::new();
        let mut seen = HashSet::new();
        seen.extend(self.procfs.link("thread-self/ns/mnt"));
        for pid in pids {
            let namespace = match self.procfs.link(&format!("{pid}/ns/mnt")) {
                Ok(namespace) => namespace,
                Err(Errno::ACCESS | Errno::PERM) => {
                    refused.insert(*pid);
                    continue;
                }
                Err(_) => continue,
            };
            if !seen.insert(namespace) {
                continue;
            }
            if Instant::now() > deadline {
                self.skipped(1, "/proc/<pid>/mountinfo: too many mounts");
                break;
            }
            self.mounts(&pid.to_string(), Some(*pid));
        }
        refused
    }

    /// Adds the namespaces that are found by nothing but a socket that was made there.
    fn kept_by_sockets(&mut self, seen: &dyn SeenByBpf) {
        match seen.sockets() {
            Ok(sockets) => {
                for (number, holders) in sockets {
                    if self.namespaces.contains_key(&number) {
                        continue;
                    }
                    self.add(number, |namespace| *namespace = FoundNamespace::kept_by(holders));
                }
            }
            Err(why) => self.gaps.push(kept_by_sockets_unknown(&why)),
        }
    }

    /// Adds the namespaces that these descriptors lead to. `refused`: processes that refuse to be read, of which the mounts are
    /// not known.
    fn descriptors_seen(&mut self, files: &[HeldFile], mut refused: HashSet<u32>, deadline: Instant) {
        for (searched, file) in (0_u64..).zip(files) {
            if searched > MAX_DESCRIPTORS || Instant::now() > deadline {
                self.skipped(1, "/proc/<pid>/fd: too many descriptors");
                break;
            }
            let path = file.link();
            let link = match self.procfs.link(&path) {
                Ok(link) => link,
                Err(Errno::ACCESS | Errno::PERM) => {
                    refused.insert(file.pid);
                    continue;
                }
                // It has been closed.
                Err(_) => continue,
            };
            let Some(number) = network_namespace(&link) else { continue };
            let place = Place::File(Path::new("/proc").join(path));
            self.add(number, |namespace| namespace.add_place(place));
        }
        self.skipped_processes(refused.len().try_into().unwrap_or(u64::MAX));
    }

    fn skipped_processes(&mut self, refused: u64) {
        if refused > 0 {
            let why = io::Error::from(Errno::ACCESS);
            self.skipped(refused, format!("/proc/<pid>/fd of {refused}: {why}"));
        }
    }

    /// Adds the namespaces of which these processes have a descriptor.
    fn descriptors(&mut self, pids: &[u32], deadline: Instant) {
        let (mut searched, mut refused) = (0_u64, 0_u64);
        for pid in pids {
            if searched > MAX_DESCRIPTORS || Instant::now() > deadline {
                self.skipped(1, "/proc/<pid>/fd: too many descriptors");
                break;
            }
            let mut held = Vec::new();
            let read = each_link(&format!("{pid}/fd"), &mut |fd, link| {
                searched += 1;
                held.extend(network_namespace(link).map(|number| (fd, number)));
            });
            refused += u64::from(matches!(read, Err(Errno::ACCESS | Errno::PERM)));
            for (fd, number) in held {
                let place = Place::File(format!("/proc/{pid}/fd/{fd}").into());
                self.add(number, |namespace| namespace.add_place(place));
            }
        }
        self.skipped_processes(refused);
    }
}
