//! Owners that hold a socket without a descriptor of it: through an io_uring in which it is registered, or by a mapping
//! of its memory. `/proc/<pid>/fd` and the BPF iterator show neither, so they are searched for when a row has no owner.
//!
//! Sources: io_uring_register(2), proc_pid_fdinfo(5), proc_pid_maps(5), io_uring/fdinfo.c, fs/proc/task_mmu.c.

use crate::engine::owner_table::{Holding, OwnerTable, ProcessSeen, join_key};
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership};
use crate::model::socket::Socket;
use crate::sys::linux::kernel_version::of_release;
use crate::sys::linux::procfs::Procfs;
use netstat_wire::linux::proc_pid_fd::socket_inode;
use netstat_wire::linux::proc_pid_fdinfo::FdInfo;
use netstat_wire::linux::proc_pid_maps::Mapping;
use rustix::io::Errno;
use std::collections::HashSet;
use std::thread;

/// How often the files of a ring are read: the kernel leaves them out while the ring is in use.
const MAX_READS: u32 = 4;

/// How many bytes of mappings one listing reads, of all processes: a process can have 65,530 of a hundred bytes each.
const MAPS_BUDGET: usize = 16 * 1024 * 1024;

/// How many bytes of rings one listing reads: a process can have a million rings, each with as many files.
const RINGS_BUDGET: usize = 16 * 1024 * 1024;

/// What a ring without files counts for: reading it takes as long as writing so many bytes.
const RING_BYTES: usize = 1024;

/// The first kernel that shows registered files by their path, so that no file can have the name of a socket.
const PATHS_SINCE: (u32, u32) = (6, 13);

/// A descriptor of a file that is no socket, such as an io_uring.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HeldFile {
    pub(crate) pid: u32,
    /// The thread that has it in a table of its own; `None`: the leader.
    pub(crate) thread: Option<u32>,
    pub(crate) fd: i32,
}

impl HeldFile {
    /// Its link, below `/proc`.
    pub(crate) fn link(self) -> String {
        let Self { pid, thread, fd } = self;
        match thread {
            None => format!("{pid}/fd/{fd}"),
            Some(tid) => format!("{pid}/task/{tid}/fd/{fd}"),
        }
    }
}

/// A search for owners without a descriptor.
pub(crate) struct WithoutDescriptor<'a, P> {
    procfs: &'a P,
    /// The keys of the sockets looked for, ascending.
    wanted: &'a [u64],
    holdings: Vec<Holding>,
    seen: Vec<ProcessSeen>,
    /// Processes that refuse to be read.
    refused: Vec<u32>,
    /// Rings and processes that could not be read for another reason, and the last one.
    skipped: u64,
    why_skipped: &'static str,
}

impl<'a, P: Procfs> WithoutDescriptor<'a, P> {
    pub(crate) fn new(procfs: &'a P, wanted: &'a [u64]) -> Self {
        let (holdings, seen) = (Vec::new(), Vec::new());
        Self { procfs, wanted, holdings, seen, refused: Vec::new(), skipped: 0, why_skipped: "" }
    }

    fn skip(&mut self, why: &'static str) {
        self.skipped += 1;
        self.why_skipped = why;
    }

    /// Counts why a file of a process could not be read. A process that has ended holds nothing.
    fn count(&mut self, pid: u32, errno: Errno, why: &'static str) {
        match errno {
            Errno::NOENT | Errno::SRCH => {}
            Errno::ACCESS | Errno::PERM => self.refused.push(pid),
            _ => self.skip(why),
        }
    }

    fn found(&mut self, pid: u32, fd: Option<i32>, key: u64, role: OwnerRole) {
        if self.wanted.binary_search(&key).is_ok() {
            self.holdings.push(Holding::new(key, Owner::new(pid, fd, role)));
            self.seen.push(ProcessSeen::new(pid, self.procfs.now()));
        }
    }

    /// Looks into the files that are registered in rings, each of which may come several times.
    pub(crate) fn search_rings(&mut self, rings: &[HeldFile]) {
        const WHY: &str = "/proc/<pid>/fdinfo of an io_uring";
        if rings.is_empty() {
            return;
        }
        let shows_paths = version(self.procfs) >= PATHS_SINCE;
        let mut text = Vec::new();
        let mut seen = HashSet::new();
        let mut budget = RINGS_BUDGET;
        for ring in rings.iter().filter(|ring| seen.insert(**ring)) {
            if budget == 0 {
                self.skip(WHY);
                continue;
            }
            text.clear();
            let read = self.read_ring(*ring, shows_paths, &mut text);
            budget = budget.saturating_sub(text.len().max(RING_BYTES));
            match read {
                Ok(true) => {}
                Ok(false) => self.skip(WHY),
                Err(errno) => self.count(ring.pid, errno, WHY),
            }
        }
    }

    /// Reads one ring. False: it may have files that were not shown.
    fn read_ring(&mut self, ring: HeldFile, shows_paths: bool, text: &mut Vec<u8>) -> Result<bool, Errno> {
        let HeldFile { pid, thread, fd } = ring;
        let path = match thread {
            None => format!("{pid}/fdinfo/{fd}"),
            Some(tid) => format!("{pid}/task/{tid}/fdinfo/{fd}"),
        };
        for _ in 0..MAX_READS {
            self.procfs.read(&path, text)?;
            let Ok(info) = FdInfo::decode(text) else { return Ok(false) };
            if let Some(files) = info.user_files {
                if files.slots == 0 {
                    return Ok(true);
                }
                if !shows_paths {
                    return Ok(false);
                }
                for inode in files.filter_map(|file| socket_inode(file.name)) {
                    self.found(pid, Some(fd), inode, OwnerRole::IoUring);
                }
                return Ok(true);
            }
            thread::yield_now();
        }
        Ok(false)
    }

    /// Whether an owner of this socket was found.
    pub(crate) fn has_found(&self, socket: &Socket) -> bool {
        join_key(socket).is_some_and(|key| self.holdings.iter().any(|holding| holding.key == key))
    }

    /// Adds processes that refused to be read when they were asked last.
    pub(crate) fn add_refused(&mut self, pids: &[u32]) {
        self.refused.extend(pids);
    }

    /// Looks into the mappings of processes. Returns those that refused to be read; `None`: some could not be read for
    /// another reason.
    pub(crate) fn search_mappings(&mut self, pids: &[u32]) -> Option<Vec<u32>> {
        const WHY: &str = "/proc/<pid>/maps";
        let unread = (self.refused.len(), self.skipped);
        let mut budget = MAPS_BUDGET;
        let mut text = Vec::new();
        for pid in pids {
            if budget == 0 {
                self.skip(WHY);
                continue;
            }
            text.clear();
            let read = self.read_maps(*pid, &mut text, budget);
            // What was read in vain counts too.
            budget = budget.saturating_sub(text.len());
            match read {
                Ok(()) => {
                    for inode in text.split_inclusive(|byte| *byte == b'\n').filter_map(mapped_socket) {
                        self.found(*pid, None, inode, OwnerRole::Mapping);
                    }
                }
                Err(errno) => self.count(*pid, errno, WHY),
            }
        }
        let refused = self.refused.get(unread.0..).unwrap_or_default();
        (unread.1 == self.skipped).then(|| refused.to_vec())
    }

    fn read_maps(&self, pid: u32, text: &mut Vec<u8>, budget: usize) -> Result<(), Errno> {
        self.procfs.read_lines(&format!("{pid}/maps"), text, budget)?;
        if !text.is_empty() {
            return Ok(());
        }
        // A thread of the kernel, or a leader that has exited, whose threads still have the mappings.
        if let Some(thread) = self.procfs.threads(pid)?.into_iter().find(|thread| *thread != pid) {
            self.procfs.read_lines(&format!("{pid}/task/{thread}/maps"), text, budget)?;
        }
        Ok(())
    }

    /// Adds what was found. If something could not be read, sockets that are still without an owner may have one.
    pub(crate) fn add_to(mut self, table: &mut OwnerTable) {
        if !self.holdings.is_empty() {
            table.add(self.holdings, self.seen);
        }
        self.refused.sort_unstable();
        self.refused.dedup();
        let refused = u64::try_from(self.refused.len()).unwrap_or(u64::MAX);
        if refused == 0 && self.skipped == 0 {
            return;
        }
        if matches!(table.if_missing, Ownership::None { .. }) {
            table.if_missing = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
            table.unread = Some(Vec::new());
            if refused > 0 {
                let gap = Gap::new(GapKind::ProcessesUnreadable, refused, "/proc/<pid>/maps");
                table.gaps_if_missing.push(gap);
            }
        }
        match &mut table.unread {
            Some(unread) if self.skipped == 0 => unread.extend(self.refused),
            unread => *unread = None,
        }
        if self.skipped > 0 {
            table.gaps_if_missing.push(Gap::new(GapKind::ProcessesSkipped, self.skipped, self.why_skipped));
        }
    }
}

/// The inode number of a socket, if this line is a mapping of one.
fn mapped_socket(line: &[u8]) -> Option<u64> {
    // Nearly all lines end otherwise, which is faster to see.
    if !line.ends_with(b"]\n") {
        return None;
    }
    Mapping::decode(line).ok()?.socket_inode()
}

/// The version of the running kernel.
fn version(procfs: &impl Procfs) -> (u32, u32) {
    let mut text = Vec::new();
    match procfs.read("sys/kernel/osrelease", &mut text) {
        Ok(()) => of_release(&text),
        Err(_) => (0, 0),
    }
}
