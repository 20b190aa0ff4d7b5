//! Which process holds which socket: a scan over the descriptors of all processes that can be read.
//!
//! A call lists a process's descriptors, and another one describes each socket among them. The scan runs on several
//! threads beside the reading of the tables ([`pid_walk`]). It keeps the sockets that it sees: the tables may not have
//! listed them.
//!
//! # Races
//! Between two calls a descriptor is closed or used again, a process ends, its pid is given to another one: such is
//! passed over and counted.
//!
//! Sources: `bsd/kern/proc_info.c`, `bsd/kern/socket_info.c`, `libproc.h`.
//!
//! [`pid_walk`]: crate::engine::pid_walk

use super::calls::{self, Descriptors, Pids, SocketInfoBytes};
use super::kernel::{Errno, Kernel};
use super::listed::{ListedTables, TABLES};
use super::row;
use crate::engine::owner_table::OwnerTable;
use crate::engine::pid_walk::{Extra, PidWalk, ProcessReader, Unreadable, Visit};
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::HiddenReason;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::system::OwnerSearch;
use netstat_wire::macos::proc_pidinfo::SZOMB;
use netstat_wire::macos::socket_fdinfo::{PROC_FP_SHARED, SOCKET_FDINFO_BYTES, SocketFdinfo};
use std::ffi::CStr;
use std::mem;
use std::sync::Arc;

/// A search for owners by libproc.
pub(crate) struct LibprocWalk<K: Kernel>(PidWalk<LibprocReader<K>>);

/// Reads the sockets of processes by libproc.
pub(crate) struct LibprocReader<K> {
    kernel: K,
    tables: Arc<ListedTables>,
    /// Why processes other than the caller's own could not even be listed: a sandbox.
    not_listed: Option<Errno>,
}

/// What is found beside holders.
#[derive(Default)]
pub(crate) struct Sockets {
    /// The keys of sockets whose only descriptor has been seen.
    exclusive: Vec<u64>,
    /// The sockets that no table had listed when they were seen, with their keys, each perhaps more than once.
    rows: Vec<(u64, Socket)>,
    /// Descriptors that were closed, or became something else, before they were asked for.
    closed: u64,
    /// Answers that could not be decoded.
    malformed: u64,
}

impl Extra for Sockets {
    fn absorb(&mut self, other: Self) {
        self.exclusive.extend(other.exclusive);
        self.rows.extend(other.rows);
        self.closed += other.closed;
        self.malformed += other.malformed;
    }

    fn is_complete(&self) -> bool {
        self.malformed == 0
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
    descriptors: Descriptors,
    /// What the process holds, kept until it is certain that all of it is of one process.
    holdings: Vec<SocketHeld>,
}

/// A socket behind a descriptor, or behind a port without one.
struct SocketHeld {
    fd: Option<i32>,
    key: u64,
    is_exclusive: bool,
    row: Option<Socket>,
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

/// Whether a process has ended and was not waited for: it is listed, holds nothing, and hides nothing.
fn is_zombie(kernel: &impl Kernel, pid: u32) -> bool {
    calls::short_info(kernel, pid, true).is_ok_and(|info| info.status == SZOMB)
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
        buffers.holdings.clear();
        match self.process(visit, buffers) {
            Ok(unique_id) => visit.seen_at = unique_id,
            Err(Errno::SRCH) if is_zombie(&self.kernel, visit.pid) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        for SocketHeld { fd, key, is_exclusive, row } in buffers.holdings.drain(..) {
            visit.holds(fd, key);
            let extra = visit.extra();
            extra.exclusive.extend(is_exclusive.then_some(key));
            extra.rows.extend(row.map(|row| (key, row)));
        }
        Ok(())
    }
}

impl<K: Kernel> LibprocReader<K> {
    /// Reads every socket of the process, and returns the number that tells the process from others.
    fn process(&self, visit: &mut Visit<'_, Sockets>, buffers: &mut Buffers) -> Result<u64, Errno> {
        let (kernel, pid) = (&self.kernel, visit.pid);
        let Buffers { descriptors, holdings } = buffers;
        if !descriptors.read(kernel, pid)? {
            visit.count(Errno::NOMEM.into());
        }
        let Descriptors { fds, ports, .. } = &*descriptors;
        if fds.is_empty() && ports.is_empty() {
            return Ok(u64::MAX);
        }
        let unique_id = match calls::unique_id(kernel, pid) {
            Err(Errno::SRCH) => return Err(Errno::SRCH),
            // Refused: then nothing tells the process from others.
            unique_id => unique_id.ok(),
        };
        let mut info: SocketInfoBytes = [0; SOCKET_FDINFO_BYTES];
        for fd in fds {
            let read = calls::socket_of_fd(kernel, pid, *fd, &mut info);
            holdings.extend(self.socket(visit, Some(*fd), read)?);
        }
        for port in ports {
            let read = calls::socket_of_port(kernel, pid, *port, &mut info);
            holdings.extend(self.socket(visit, None, read)?);
        }
        match unique_id {
            None => Ok(u64::MAX),
            // Another process under the same pid, and it is not known which of the sockets are whose.
            Some(before) if calls::unique_id(kernel, pid)? != before => Err(Errno::SRCH),
            Some(before) => Ok(before),
        }
    }

    /// What an answer says of one socket; `None` if it is not wanted.
    fn socket(
        &self,
        visit: &mut Visit<'_, Sockets>,
        fd: Option<i32>,
        read: Result<&[u8], Errno>,
    ) -> Result<Option<SocketHeld>, Errno> {
        let bytes = match read {
            Ok(bytes) => bytes,
            // Closed, or used again as something else. Up to macOS 10.15 that is EOPNOTSUPP, and for a file
            // port still; of a port that is gone, EINVAL.
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
        let Some((protocol, key)) = row::key_of_fdinfo(&info).filter(|(_, key)| visit.is_wanted(*key)) else {
            return Ok(None);
        };
        let is_listed = || self.tables.of(protocol).is_some_and(|listed| listed.has(key));
        let is_row = visit.is_first_pass() && !is_listed();
        let row = if is_row { row::of_fdinfo(&info) } else { None };
        Ok(Some(SocketHeld { fd, key, is_exclusive: info.status & PROC_FP_SHARED == 0, row }))
    }
}

impl<K: Kernel> LibprocWalk<K> {
    /// `named`: the processes that the query names; none: all.
    pub(super) fn new(kernel: K, tables: Arc<ListedTables>, named: &[u32]) -> Self {
        let mut reader = LibprocReader { kernel, tables, not_listed: None };
        if !named.is_empty() {
            return Self(PidWalk::new(reader, named.to_vec(), true));
        }
        let (pids, whole) = match readable_pids(&reader.kernel) {
            Ok(Pids { pids, whole }) => (pids, whole),
            Err(errno) => {
                reader.not_listed = Some(errno);
                (vec![reader.kernel.getpid()], true)
            }
        };
        let mut foreign = 0;
        if reader.not_listed.is_none() && reader.kernel.geteuid() != 0 {
            match calls::all_pids(&reader.kernel) {
                Ok(all) => foreign = all.pids.iter().filter(|pid| pids.binary_search(pid).is_err()).count(),
                Err(errno) => reader.not_listed = Some(errno),
            }
        }
        let mut walk = PidWalk::new(reader, pids, false);
        walk.add_refused(u64::try_from(foreign).unwrap_or(u64::MAX));
        if !whole {
            walk.count(Errno::NOMEM.into());
        }
        Self(walk)
    }

    /// The sockets of one protocol that the scan has seen and the table did not list.
    pub(super) fn unlisted_of(&mut self, table: (Protocol, &CStr)) -> (Vec<Socket>, Option<Gap>) {
        let all = mem::take(&mut self.0.extra().rows);
        let (mut rows, others) = all.into_iter().partition(|(_, socket)| socket.protocol == table.0);
        self.0.extra().rows = others;
        let gap = self.0.reader.tables.retain_unlisted(table, &mut rows);
        // Seen in every process that holds it.
        rows.sort_by_key(|(key, _)| *key);
        rows.dedup_by_key(|(key, _)| *key);
        // In the order in which they were made, as far as that is known.
        rows.sort_by_key(|(_, socket)| socket.cookie);
        (rows.into_iter().map(|(_, socket)| socket).collect(), gap)
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
        table
    }

    fn second_pass(&mut self, table: &mut OwnerTable, unresolved: &[u64], threads: usize) {
        self.0.second_pass(table, unresolved, threads);
    }

    fn unlisted(&mut self) -> (Vec<Socket>, Vec<Gap>) {
        let (mut sockets, mut gaps) = (Vec::new(), Vec::new());
        for table in TABLES {
            let (rows, gap) = self.unlisted_of(table);
            sockets.extend(rows);
            gaps.extend(gap);
        }
        (sockets, gaps)
    }
}
