//! Holders of sockets: a scan over the descriptors of all processes that can be read.
//!
//! One call lists a process's descriptors, and another one describes each socket among them. The scan runs on several
//! threads beside the reading of the tables ([`pid_walk`]). It also collects sockets that no table has listed, which are
//! read once more after the tables: they may have been closed before these were read.
//!
//! # Races
//! Between two calls a descriptor is closed or reused, a process ends, its pid is reused: the scan skips and counts it.
//!
//! Sources: `bsd/kern/proc_info.c`, `bsd/kern/socket_info.c`, `libproc.h`.
//!
//! [`pid_walk`]: crate::engine::pid_walk

use super::calls::{self, Pids, Reference, References, StructureBytes};
use super::kernel::{Errno, Kernel};
use super::listed::{Generations, Listed, ListedTables, TABLES};
use super::local_sockets;
use super::row::{self, SeenSocket};
use super::unix_holders::UnixHolders;
use crate::engine::owner_table::OwnerTable;
use crate::engine::pid_walk::{Extra, PidWalk, ProcessReader, Unreadable, Visit};
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::HiddenReason;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::system::OwnerSearch;
use netstat_wire::macos::proc_pidinfo::SZOMB;
use netstat_wire::macos::socket_fdinfo::{PROC_FP_SHARED, SocketFdinfo};
use std::ffi::CStr;
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

/// A search for owners by libproc.
pub(crate) struct LibprocWalk<K: Kernel>(PidWalk<LibprocReader<K>>);

/// Reads the sockets of processes by libproc.
pub(crate) struct LibprocReader<K> {
    kernel: K,
    tables: Arc<ListedTables>,
    /// Why processes could not be listed, so that only the caller's own is read: a sandbox.
    not_listed: Option<Errno>,
    /// Whether unix sockets are looked for.
    pub(super) with_unix: bool,
    /// Those of unix sockets before the scan.
    generations: Generations,
}

/// What the scan finds beside holders.
#[derive(Default)]
pub(crate) struct Sockets {
    /// The keys of sockets that have one reference, which was seen.
    exclusive: Vec<u64>,
    unlisted: Vec<Unlisted>,
    pub(super) unix: UnixHolders,
    /// Descriptors that were closed or reused before they were read.
    closed: u64,
    /// Answers that could not be decoded.
    malformed: u64,
}

/// A reference to a socket that no table had listed when it was seen.
struct Unlisted {
    socket: SeenSocket,
    pid: u32,
    reference: Reference,
    /// Whether it was seen before its table was read.
    seen_before: bool,
}

impl Extra for Sockets {
    fn absorb(&mut self, other: Self) {
        self.exclusive.extend(other.exclusive);
        self.unlisted.extend(other.unlisted);
        self.unix.absorb(other.unix);
        self.closed += other.closed;
        self.malformed += other.malformed;
    }

    fn is_complete(&self) -> bool {
        self.malformed == 0
    }

    fn absorb_second_pass(&mut self, second: Self) {
        self.unix.absorb(second.unix);
    }

    fn add_gaps(&self, gap: &mut dyn FnMut(GapKind, u64, String)) {
        gap(GapKind::DescriptorsVanished, self.closed, "proc_pidfdinfo".to_owned());
        gap(GapKind::RecordsSkipped, self.malformed, "proc_pidfdinfo".to_owned());
    }

    fn add_to(&mut self, table: &mut OwnerTable) {
        if !table.complete {
            table.add_exclusive(mem::take(&mut self.exclusive));
        }
    }
}

/// What a thread reuses from one process to the next.
#[derive(Default)]
pub(crate) struct Buffers {
    references: References,
    /// What the process holds, until it is certain that all of it belongs to one process.
    held: Vec<SocketHeld>,
}

struct SocketHeld {
    socket: SeenSocket,
    reference: Reference,
    is_exclusive: bool,
}

impl From<Errno> for Unreadable {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::SRCH => Self::Vanished,
            Errno::PERM => Self::Refused,
            errno => Self::Failed(errno.into()),
        }
    }
}

/// The processes that this caller can read: those of the same effective user, or all.
fn readable_pids(kernel: &impl Kernel) -> Result<Pids, Errno> {
    match kernel.geteuid() {
        0 => calls::all_pids(kernel),
        user => calls::pids_of(kernel, user),
    }
}

/// Whether a process is a zombie: it is listed, and holds nothing.
fn is_zombie(kernel: &impl Kernel, pid: u32) -> bool {
    calls::short_info(kernel, pid, true).is_ok_and(|info| info.status == SZOMB)
}

/// Whether a process runs. Zombies and processes that have ended since they were listed do not.
fn is_running(kernel: &impl Kernel, pid: u32) -> bool {
    !matches!(calls::short_info(kernel, pid, false), Err(Errno::SRCH))
}

impl<K: Kernel> ProcessReader for LibprocReader<K> {
    type Extra = Sockets;
    type Buffers = Buffers;

    const SOURCE: &'static str = "proc_pidinfo";

    fn pids(&self) -> Result<Vec<u32>, Unreadable> {
        match self.not_listed {
            None => Ok(readable_pids(&self.kernel)?.pids),
            Some(_) => Ok(Vec::new()),
        }
    }

    fn read(&self, visit: &mut Visit<'_, Sockets>, buffers: &mut Buffers) -> Result<(), Unreadable> {
        buffers.held.clear();
        match self.process(visit, buffers) {
            Ok(unique_id) => visit.seen_at = unique_id,
            Err(Errno::SRCH) if is_zombie(&self.kernel, visit.pid) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        let (pid, is_first_pass) = (visit.pid, visit.is_first_pass());
        for SocketHeld { socket, reference, is_exclusive } in buffers.held.drain(..) {
            let key = socket.key();
            visit.holds(reference.fd(), key);
            let extra = visit.extra();
            extra.exclusive.extend(is_exclusive.then_some(key));
            if socket.protocol == Protocol::Unix {
                extra.unix.add(socket, pid, reference);
            }
            let listed = self.tables.of(socket.protocol);
            if is_first_pass && listed.is_none_or(|listed| !listed.has(socket.listed_key())) {
                let seen_before = !self.tables.is_requested(socket.protocol);
                extra.unlisted.push(Unlisted { socket, pid, reference, seen_before });
            }
        }
        Ok(())
    }
}

impl<K: Kernel> LibprocReader<K> {
    /// Looks for unix sockets too. Their tables are read first, for the generations of handles.
    pub(super) fn add_unix(&mut self) {
        self.with_unix = true;
        self.generations = local_sockets::generations(&self.kernel).unwrap_or_default();
    }

    /// The generation of a unix socket that is seen now: by the table of the listing, or by the one before the scan.
    fn generation(&self, handle: u64) -> Option<NonZeroU64> {
        let listed = self.tables.of(Protocol::Unix).map(|listed| &listed.generations);
        listed.unwrap_or(&self.generations).get(&handle).copied()
    }

    /// The socket behind a descriptor; `None` if it is of another kind.
    fn seen(&self, info: &SocketFdinfo<'_>) -> Option<SeenSocket> {
        if !local_sockets::is_unix(info) {
            return SeenSocket::of_ip(info);
        }
        let (protocol, handle) = (Protocol::Unix, info.so);
        self.with_unix.then(|| SeenSocket { protocol, handle, generation: self.generation(handle) })
    }

    /// Reads every socket of the process, and returns the number that distinguishes it from others with its pid. What
    /// has been read is discarded only if the process has ended; any other failure is counted.
    fn process(&self, visit: &mut Visit<'_, Sockets>, buffers: &mut Buffers) -> Result<u64, Errno> {
        let (kernel, pid) = (&self.kernel, visit.pid);
        let Buffers { references, held } = buffers;
        let mut failure = references.read(kernel, pid)?;
        let mut unique_id = Ok(u64::MAX);
        if !references.list.is_empty() {
            unique_id = calls::unique_id(kernel, pid);
            if let Err(Errno::SRCH) = unique_id {
                return Err(Errno::SRCH);
            }
            let mut info = [0; size_of::<StructureBytes>()];
            for reference in &references.list {
                let read = calls::socket_info(kernel, pid, *reference, &mut info);
                match self.socket(visit, *reference, read) {
                    Ok(socket) => held.extend(socket),
                    Err(Errno::SRCH) => return Err(Errno::SRCH),
                    Err(errno) => failure = Some(errno),
                }
            }
            match (unique_id, calls::unique_id(kernel, pid)) {
                (_, Err(Errno::SRCH)) => return Err(Errno::SRCH),
                // Another process has the pid. Which of the two holds which socket is not known.
                (Ok(before), Ok(after)) if before != after => return Err(Errno::SRCH),
                _ => {}
            }
        }
        if let Some(errno) = failure {
            visit.count(errno.into());
        }
        // Without the number, a process that is described later is not compared with this one.
        Ok(unique_id.unwrap_or(u64::MAX))
    }

    /// Decodes one socket; `None` if the pass does not look for it.
    fn socket(
        &self,
        visit: &mut Visit<'_, Sockets>,
        reference: Reference,
        read: Result<&[u8], Errno>,
    ) -> Result<Option<SocketHeld>, Errno> {
        let bytes = match read {
            Ok(bytes) => bytes,
            // Closed, or reused for something else: EOPNOTSUPP up to macOS 10.15, and for a file port in every version.
            // A file port that is gone is EINVAL.
            Err(Errno::BADF | Errno::NOTSOCK | Errno::OPNOTSUPP | Errno::INVAL) => {
                visit.extra().closed += 1;
                return Ok(None);
            }
            Err(errno) => return Err(errno),
        };
        let Ok(info) = SocketFdinfo::decode(bytes) else {
            visit.extra().malformed += 1;
            return Ok(None);
        };
        let socket = self.seen(&info).filter(|socket| visit.is_wanted(socket.key()));
        let is_exclusive = info.status & PROC_FP_SHARED == 0;
        Ok(socket.map(|socket| SocketHeld { socket, reference, is_exclusive }))
    }
}

impl Unlisted {
    /// The socket's row, if the reference still refers to it.
    fn reread(&self, kernel: &impl Kernel) -> Option<Socket> {
        let mut info = [0; size_of::<StructureBytes>()];
        let bytes = calls::socket_info(kernel, self.pid, self.reference, &mut info).ok()?;
        let info = SocketFdinfo::decode(bytes).ok()?;
        if self.socket.protocol == Protocol::Unix {
            return local_sockets::of_fdinfo(&info, self.socket.generation)
                .filter(|_| info.so == self.socket.handle);
        }
        row::of_fdinfo(&info).filter(|_| SeenSocket::of_ip(&info) == Some(self.socket))
    }
}

/// The effective user of these processes, if it is the same: only a table names the user who created a socket.
fn user_of_all(kernel: &impl Kernel, holders: &[Unlisted]) -> Option<u32> {
    let mut users = holders.iter().map(|holder| Some(calls::short_info(kernel, holder.pid, false).ok()?.uid));
    let first = users.next()??;
    users.all(|user| user == Some(first)).then_some(first)
}

impl<K: Kernel> LibprocWalk<K> {
    /// `named`: the processes that the query names; none: all.
    pub(super) fn new(kernel: K, tables: Arc<ListedTables>, named: &[u32]) -> Self {
        let (with_unix, generations) = Default::default();
        let mut reader = LibprocReader { kernel, tables, not_listed: None, with_unix, generations };
        if !named.is_empty() {
            return Self(PidWalk::new(reader, named.to_vec(), true));
        }
        let (pids, is_whole) = match readable_pids(&reader.kernel) {
            Ok(Pids { pids, is_whole }) => (pids, is_whole),
            Err(errno) => {
                reader.not_listed = Some(errno);
                (vec![reader.kernel.getpid()], true)
            }
        };
        let mut foreign = 0;
        if reader.not_listed.is_none() && reader.kernel.geteuid() != 0 {
            let is_foreign = |pid: &u32| pids.binary_search(pid).is_err() && is_running(&reader.kernel, *pid);
            match calls::all_pids(&reader.kernel) {
                Ok(all) => foreign = all.pids.into_iter().filter(is_foreign).count(),
                Err(errno) => reader.not_listed = Some(errno),
            }
        }
        let mut walk = PidWalk::new(reader, pids, false);
        walk.add_refused(u64::try_from(foreign).unwrap_or(u64::MAX));
        if !is_whole {
            walk.count(Errno::NOMEM.into());
        }
        Self(walk)
    }

    pub(super) fn reader(&mut self) -> &mut LibprocReader<K> {
        &mut self.0.reader
    }

    /// Removes holders of unix sockets whose handle may have been another socket's when they were seen.
    fn verify_unix(&mut self, table: &mut OwnerTable) {
        let seen = mem::take(&mut self.0.extra().unix);
        seen.verify(&self.0.reader.kernel, table);
    }

    /// The sockets of a table that the scan has seen, that are still open, and that the table did not list; with a gap
    /// if that means that the table was filtered. Called after the table was read.
    pub(super) fn unlisted_of(&mut self, (protocol, name): (Protocol, &CStr)) -> (Vec<Socket>, Option<Gap>) {
        let all = mem::take(&mut self.0.extra().unlisted);
        let (mut unlisted, others): (Vec<_>, _) =
            all.into_iter().partition(|it| it.socket.protocol == protocol);
        self.0.extra().unlisted = others;
        let LibprocReader { kernel, tables, .. } = &self.0.reader;
        let listed = tables.of(protocol);
        unlisted.retain(|it| listed.is_none_or(|listed| !listed.has(it.socket.listed_key())));
        // Every process that holds a socket has seen it.
        unlisted.sort_by_key(|it| it.socket.key());
        let mut rows = Vec::new();
        let mut filtered: Option<&Listed> = None;
        for holders in unlisted.chunk_by(|a, b| a.socket.key() == b.socket.key()) {
            let Some(mut row) = holders.iter().find_map(|holder| holder.reread(kernel)) else { continue };
            row.uid = user_of_all(kernel, holders);
            let seen_before = holders.iter().any(|holder| holder.seen_before);
            filtered = filtered.or(listed.filter(|listed| listed.omitted(&row, seen_before)));
            rows.push(row);
        }
        // In the order of their creation, as far as it is known.
        rows.sort_by_key(|row| row.cookie);
        (rows, filtered.and_then(|listed| listed.filtered(name)))
    }
}

impl<K: Kernel> OwnerSearch for LibprocWalk<K> {
    fn run(&self) {
        self.0.run();
    }

    fn tables_complete(&self, _keys: Option<Vec<u64>>) {
        self.0.tables_complete();
    }

    fn table(&mut self) -> OwnerTable {
        let LibprocReader { kernel, not_listed, .. } = &self.0.reader;
        let not_listed = *not_listed;
        let is_all_shown = kernel.geteuid() == 0 && not_listed.is_none();
        let mut table = self.0.table((!is_all_shown).then_some(HiddenReason::UnreadableProcess));
        if let Some(errno) = not_listed {
            table.gaps.push(Gap::new(GapKind::ProcessesHidden, 1, format!("proc_listpids: {errno}")));
        }
        self.verify_unix(&mut table);
        table
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        self.0.second_pass(table, unresolved, threads);
        self.verify_unix(table);
    }

    fn unlisted(&mut self, _table: &OwnerTable) -> (Vec<Socket>, Vec<Gap>) {
        let (mut sockets, mut gaps) = (Vec::new(), Vec::new());
        for table in TABLES {
            if !self.0.reader.tables.is_requested(table.0) {
                continue;
            }
            let (rows, gap) = self.unlisted_of(table);
            sockets.extend(rows);
            gaps.extend(gap);
        }
        (sockets, gaps)
    }
}
