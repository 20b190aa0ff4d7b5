//! The scan over the descriptors of all processes in `/proc`: works everywhere, with any rights.
//!
//! Each descriptor costs two to four microseconds, nearly all of it in the kernel, and the scan takes most of the time of a
//! listing. So it runs on several threads, in parallel with the reading of the tables ([`pid_walk`]).
//!
//! # What it sees that a simple scan misses
//! - Threads with a descriptor table of their own (`unshare(CLONE_FILES)`): `/proc/<pid>/fd` shows that of the leader.
//!   Where a process has more than one thread, kcmp(2) compares their tables.
//! - Processes whose main thread has exited: their `fd` is empty, and that of the other threads is not.
//!
//! # What it cannot see
//! Processes of other users without the right to trace them, processes outside the caller's pid namespace or hidden by
//! `hidepid`, sockets in flight between processes, the kernel's own. Sockets that are registered in an io_uring or mapped,
//! and have no descriptor, are searched for when a row has no owner ([`without_descriptor`](super::without_descriptor)).
//!
//! [`pid_walk`]: crate::engine::pid_walk

use crate::engine::owner_table::OwnerTable;
use crate::engine::owner_table::join_key;
use crate::engine::pid_walk::{Extra, PidWalk, ProcessReader, Unreadable, Visit};
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenReason, Ownership};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::linux::owners::shared::Verifier;
use crate::sys::linux::owners::unmapped::Unmapped;
use crate::sys::linux::owners::without_descriptor::{HeldFile, WithoutDescriptor};
use crate::sys::linux::procfs::{File, Procfs, TableRead};
use crate::sys::system::OwnerSearch;
use rustix::io::Errno;
use std::cmp::Ordering;
use std::sync::Arc;

/// How many links may be read in the threads of a process whose tables cannot be compared.
const UNCOMPARED_LINKS: u64 = 1 << 16;

/// How many links are read in all tables of one process: a process may have a million in one table, and as many tables as
/// threads. Beyond that its threads are a gap.
const MAX_LINKS: u64 = 1 << 20;

/// The inode of the initial pid namespace, `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const INITIAL_PID_NAMESPACE: &[u8] = b"pid:[4026531836]";

/// A search for owners in `/proc`, or why it cannot be searched.
pub(crate) struct ProcfsWalk<P: Procfs> {
    walk: Result<PidWalk<ProcfsReader<P>>, NotSearched>,
    verifier: Verifier,
    unmapped: Arc<Unmapped>,
}

/// Why a `/proc` is not searched.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum NotSearched {
    /// It cannot be read.
    Failed(Errno),
    /// It belongs to another pid namespace: it shows other processes, or the same ones by other numbers.
    OtherNamespace,
}

/// A `/proc` that can be searched, or why it cannot.
#[derive(Copy, Clone)]
pub(crate) struct Searchable<P>(Result<P, NotSearched>);

impl<P: Procfs> Searchable<P> {
    pub(crate) fn new(procfs: Result<P, Errno>) -> Self {
        let of_own_namespace = |procfs: P| own_namespace(&procfs).map(|()| procfs);
        Self(procfs.map_err(NotSearched::Failed).and_then(of_own_namespace))
    }

    /// Names and paths would be read there, of other processes by the same numbers.
    #[cfg(feature = "bpf")]
    pub(crate) fn is_of_other_namespace(&self) -> bool {
        matches!(self.0, Err(NotSearched::OtherNamespace))
    }

    #[cfg(feature = "bpf")]
    pub(crate) fn procfs(&self) -> Option<&P> {
        self.0.as_ref().ok()
    }
}

/// Reads the descriptors of processes in `/proc`.
pub(crate) struct ProcfsReader<P>(P);

/// What a walk finds besides holders.
#[derive(Default)]
pub(crate) struct BesidesHolders {
    /// The number of threads whose descriptor tables were not read, because they could not be compared.
    not_compared: u64,
    rings: Vec<HeldFile>,
}

impl Extra for BesidesHolders {
    fn absorb(&mut self, other: Self) {
        self.not_compared += other.not_compared;
        self.rings.extend(other.rings);
    }

    fn is_complete(&self) -> bool {
        self.not_compared == 0
    }

    fn add_gaps(&self, gap: &mut dyn FnMut(GapKind, u64, String)) {
        gap(GapKind::ThreadsNotCompared, self.not_compared, "kcmp".to_owned());
    }

    fn absorb_second_pass(&mut self, second: Self) {
        self.rings.extend(second.rings);
    }
}

impl From<Errno> for Unreadable {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::SRCH => Self::Vanished,
            Errno::ACCESS | Errno::PERM => Self::Refused,
            errno => Self::Failed(errno.into()),
        }
    }
}

impl<P: Procfs> ProcessReader for ProcfsReader<P> {
    type Extra = BesidesHolders;
    type Buffers = ();

    const SOURCE: &'static str = "/proc/<pid>/fd";

    fn pids(&self) -> Result<Vec<u32>, Unreadable> {
        Ok(self.0.pids()?)
    }

    fn read(&self, visit: &mut Visit<'_, BesidesHolders>, (): &mut ()) -> Result<(), Unreadable> {
        visit.seen_at = self.0.now();
        Ok(DescriptorTables { procfs: &self.0, pid: visit.pid, visit }.read()?)
    }
}

impl<P: Procfs> ProcfsWalk<P> {
    /// `named`: the processes that the query names; none: all.
    pub(crate) fn over(procfs: Searchable<P>, named: &[u32]) -> Self {
        let walk = procfs.0.and_then(|procfs| {
            let pids = if named.is_empty() { procfs.pids() } else { Ok(named.to_vec()) };
            let pids = pids.map_err(NotSearched::Failed)?;
            Ok(PidWalk::new(ProcfsReader(procfs), pids, !named.is_empty()))
        });
        Self { walk, verifier: Verifier::default(), unmapped: Arc::default() }
    }

    /// The same, with what earlier listings have found.
    pub(crate) fn remembering(self, unmapped: &Arc<Unmapped>) -> Self {
        Self { unmapped: Arc::clone(unmapped), ..self }
    }

    /// How many descriptors the walk has to read, by the sizes that the kernel shows without any right.
    #[cfg(feature = "bpf")]
    pub(crate) fn descriptors(&self) -> u64 {
        /// What a process has where the kernel does not count them.
        const USUAL: u64 = 32;
        let Ok(walk) = &self.walk else { return 0 };
        let sizes = walk.pids().iter().filter_map(|pid| walk.reader.0.sizes(*pid).ok());
        sizes.fold(0, |sum, size| sum.saturating_add(size.descriptors.unwrap_or(USUAL)))
    }
}

impl<P: Procfs + Send> OwnerSearch for ProcfsWalk<P> {
    fn run(&self) {
        if let Ok(walk) = &self.walk {
            walk.run();
        }
    }

    fn tables_complete(&self, _keys: Option<Vec<u64>>) {
        if let Ok(walk) = &self.walk {
            walk.tables_complete();
        }
    }

    fn table(&mut self) -> OwnerTable {
        let walk = match &mut self.walk {
            Ok(walk) => walk,
            Err(NotSearched::Failed(errno)) => {
                return OwnerTable::failed(format_args!("/proc: {}", std::io::Error::from(*errno)));
            }
            Err(NotSearched::OtherNamespace) => {
                let mut table = OwnerTable::failed("/proc: of another pid namespace");
                table.if_missing = Ownership::Hidden { reason: HiddenReason::OtherPidNamespace };
                return table;
            }
        };
        let hidden = hidden_processes(&walk.reader.0, walk.pids(), walk.is_some_only());
        let mut table = walk.table(hidden.map(Hidden::reason));
        if let Some(hidden) = hidden {
            table.gaps_if_missing.push(Gap::new(GapKind::ProcessesHidden, 1, hidden.source()));
        }
        table
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        if let Ok(walk) = &mut self.walk {
            walk.second_pass(table, unresolved, threads);
        }
    }

    fn search_without_descriptor(&mut self, table: &mut OwnerTable, sockets: &[&Socket]) {
        let Ok(walk) = &mut self.walk else { return };
        let rings = std::mem::take(&mut walk.extra().rings);
        search_without_descriptor(&walk.reader.0, &rings, walk.pids(), &self.unmapped, table, sockets);
    }

    fn verify(&self, socket: &mut Socket) {
        if let Ok(walk) = &self.walk {
            self.verifier.verify(&walk.reader.0, socket);
        }
    }
}

/// Whether sockets of this protocol can be mapped: of the IP protocols TCP, and the rings of packet and XDP sockets.
fn can_be_mapped(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Tcp | Protocol::Packet(_) | Protocol::Other(_))
}

/// Looks for owners of these sockets in rings, and in the mappings of processes.
pub(crate) fn search_without_descriptor(
    procfs: &impl Procfs,
    rings: &[HeldFile],
    pids: &[u32],
    unmapped: &Unmapped,
    table: &mut OwnerTable,
    sockets: &[&Socket],
) {
    let mut wanted: Vec<u64> = sockets.iter().filter_map(|socket| join_key(socket)).collect();
    wanted.sort_unstable();
    let mut search = WithoutDescriptor::new(procfs, &wanted);
    search.search_rings(rings);
    // Mappings take long to read, so they are not where another reason hides most owners.
    let may_hide =
        matches!(table.if_missing, Ownership::Hidden { reason } if reason != HiddenReason::NotSearched);
    let own_user = procfs.user(std::process::id()).ok();
    let is_sought = |socket: &&Socket| !may_hide || (socket.uid.is_some() && socket.uid == own_user);
    let is_mappable = |socket: &&Socket| can_be_mapped(socket.protocol) && is_sought(socket);
    let mappable: Vec<&Socket> = sockets.iter().copied().filter(is_mappable).collect();
    // What is remembered is of all processes.
    let names_some = matches!(table.if_missing, Ownership::Hidden { reason: HiddenReason::NotSearched });
    let now = procfs.now();
    let known = if names_some { None } else { unmapped.refused_if_known(&mappable, now) };
    match known {
        _ if mappable.is_empty() => {}
        Some(refused) => search.add_refused(&refused),
        None => {
            let refused = search.search_mappings(pids);
            if let Some(refused) = refused.filter(|_| !names_some) {
                unmapped.set(mappable.into_iter().filter(|socket| !search.has_found(socket)), &refused, now);
            }
        }
    }
    search.add_to(table);
}

/// Why processes may exist that `/proc` does not show.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// This process is in a nested pid namespace.
    Namespace,
    /// `/proc` is mounted with `hidepid`.
    Mount,
}

impl Hidden {
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Namespace => "pid namespace",
            Self::Mount => "hidepid",
        }
    }

    fn reason(self) -> HiddenReason {
        match self {
            Self::Namespace => HiddenReason::OtherPidNamespace,
            Self::Mount => HiddenReason::UnreadableProcess,
        }
    }
}

/// A `/proc` that shows this process by its own number, and so all others by theirs. In a nested pid namespace with the
/// `/proc` of the outer one, a process finds itself by another number, or by the same one by chance: then `NSpid` lists two.
/// With the `/proc` of an unrelated namespace it does not find itself at all.
fn own_namespace(procfs: &impl Procfs) -> Result<(), NotSearched> {
    match procfs.link("self") {
        Ok(own) if own == std::process::id().to_string().as_bytes() => {
            let shows_others = match procfs.link("self/ns/pid") {
                // A process of the initial namespace has one number alone.
                Ok(own) if own != INITIAL_PID_NAMESPACE => {
                    !is_of_first(procfs, &own) && has_several_numbers(procfs)
                }
                _ => false,
            };
            if shows_others { Err(NotSearched::OtherNamespace) } else { Ok(()) }
        }
        Ok(_) => Err(NotSearched::OtherNamespace),
        Err(Errno::NOENT) => match procfs.pids() {
            Ok(pids) if !pids.is_empty() => Err(NotSearched::OtherNamespace),
            // A directory with nothing mounted on it.
            Ok(_) => Err(NotSearched::Failed(Errno::NOENT)),
            Err(errno) => Err(NotSearched::Failed(errno)),
        },
        Err(_) => Ok(()),
    }
}

/// Whether this pid namespace is that of the first process that is shown, and so that of the `/proc`: what `NSpid` says as well,
/// which takes ten times as long to read. False also where the link may not be read.
fn is_of_first(procfs: &impl Procfs, namespace: &[u8]) -> bool {
    procfs.link("1/ns/pid").is_ok_and(|first| first == namespace)
}

/// Whether this process has several numbers in the namespaces from that of `/proc` down to its own. False before Linux 4.1,
/// which has no such line.
fn has_several_numbers(procfs: &impl Procfs) -> bool {
    let mut status = Vec::new();
    if procfs.read("self/status", &mut status).is_err() {
        return false;
    }
    let numbers = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"));
    numbers.is_some_and(|numbers| {
        numbers.split(u8::is_ascii_whitespace).filter(|number| !number.is_empty()).count() > 1
    })
}

/// Whether a `/proc` shows the processes of another pid namespace than this one, or by other numbers.
pub(crate) fn is_of_other_namespace(procfs: &impl Procfs) -> bool {
    matches!(own_namespace(procfs), Err(NotSearched::OtherNamespace))
}

/// Whether this process is in a nested pid namespace.
pub(crate) fn is_nested(procfs: &impl Procfs) -> bool {
    procfs.link("self/ns/pid").is_ok_and(|namespace| namespace != INITIAL_PID_NAMESPACE)
}

fn hidden_processes(procfs: &impl Procfs, pids: &[u32], some_only: bool) -> Option<Hidden> {
    if is_nested(procfs) {
        return Some(Hidden::Namespace);
    }
    // Process 1 always exists. A caller that is not shown it is not shown others either.
    (!some_only && pids.binary_search(&1).is_err()).then_some(Hidden::Mount)
}

/// The descriptors of one process.
struct DescriptorTables<'a, 'v, P> {
    procfs: &'a P,
    pid: u32,
    visit: &'a mut Visit<'v, BesidesHolders>,
}

impl<P: Procfs> DescriptorTables<'_, '_, P> {
    fn read(&mut self) -> Result<(), Errno> {
        let sizes = self.procfs.sizes(self.pid)?;
        if sizes.threads <= 1 && sizes.descriptors == Some(0) {
            // A kernel thread, mostly. With more threads it may be a leader that has exited.
            return Ok(());
        }
        let leader = match self.table(None) {
            // A leader that has exited belongs to root; its threads still hold what it held.
            Err(errno @ (Errno::ACCESS | Errno::PERM)) if sizes.threads > 1 => {
                return self.threads(0).and(Err(errno));
            }
            leader => leader?,
        };
        if leader.refused > 0 {
            // The links of its threads are refused by the same rule.
            return Err(Errno::ACCESS);
        }
        if sizes.threads > 1 { self.threads(leader.descriptors) } else { Ok(()) }
    }

    /// Reads one descriptor table.
    fn table(&mut self, thread: Option<u32>) -> Result<TableRead, Errno> {
        let Self { procfs, pid, visit } = self;
        procfs.files(*pid, thread, &mut |fd, file| match file {
            File::Socket(inode) => visit.holds(Some(fd), inode),
            File::Ring => visit.extra().rings.push(HeldFile { pid: *pid, thread, fd }),
        })
    }

    /// Reads the tables of those threads that share neither the leader's nor that of a thread before them.
    fn threads(&mut self, descriptors: u64) -> Result<(), Errno> {
        // One task for each table that has been read, in the order that kcmp gives them.
        let leader = self.pid;
        let mut tables = vec![leader];
        let threads = self.procfs.threads(leader)?;
        let mut failure = Ok(());
        let mut budget = UNCOMPARED_LINKS;
        let mut links = MAX_LINKS.saturating_sub(descriptors);
        for thread in threads.into_iter().filter(|thread| *thread != leader) {
            let place = match self.place(&tables, thread) {
                // Shares a table that has been read.
                Ok(Ok(_)) => continue,
                Ok(Err(place)) => Some(place),
                // Cannot be compared, or the task to compare with has ended: read it, within the budget. Owners are a
                // set, so reading a table twice does no harm.
                Err(_) => {
                    let Some(rest) = budget.checked_sub(descriptors.max(1)) else {
                        self.visit.extra().not_compared += 1;
                        continue;
                    };
                    budget = rest;
                    None
                }
            };
            if links == 0 {
                self.visit.extra().not_compared += 1;
                continue;
            }
            match self.table(Some(thread)) {
                Ok(read) => {
                    links = links.saturating_sub(read.descriptors);
                    self.visit.merge_holdings();
                    if let Some(place) = place {
                        tables.insert(place, thread);
                    }
                    if read.refused > 0 {
                        failure = Err(Errno::ACCESS);
                    }
                }
                // Ended in the meantime. If another task shares its table, it is read there.
                Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => failure = Err(errno),
            }
        }
        failure
    }

    /// The position of a task among the tasks read: `Ok(Ok)` with the one whose table it shares, else `Ok(Err)` with
    /// the position to insert it at.
    fn place(&self, tables: &[u32], thread: u32) -> Result<Result<usize, usize>, Errno> {
        let mut failure = None;
        let place = tables.binary_search_by(|task| {
            self.procfs.compare_tables(*task, thread).unwrap_or_else(|errno| {
                failure = Some(errno);
                Ordering::Equal
            })
        });
        failure.map_or(Ok(place), Err)
    }
}
