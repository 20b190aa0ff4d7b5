//! What the results of the calls mean: errors, and buffers that were too small.
//!
//! Every function of libproc returns 0 when it fails, and sets `errno`; 0 without `errno` is an empty answer. A list that
//! does not fit is truncated without an error, so a full buffer is enlarged and the call repeated. A structure that does
//! not fit is `ENOMEM`. sysctl returns the size of a table with some slack, which the table may still outgrow.
//!
//! Sources: `libsyscall/wrappers/libproc/libproc.c`, `bsd/kern/proc_info.c`, sysctl(3).

use super::kernel::{Errno, Kernel, Returned};
use netstat_wire::macos::csops::{self, CS_OPS_IDENTITY, CS_OPS_TEAMID};
use netstat_wire::macos::proc_fdinfo::{self, PROC_FDINFO_BYTES, PROX_FDTYPE_SOCKET};
use netstat_wire::macos::proc_pidinfo::{
    PROC_PIDT_SHORTBSDINFO, PROC_PIDTBSDINFO, PROC_PIDUNIQIDENTIFIERINFO, ProcBsdinfo, ProcBsdshortinfo,
    ProcUniqidentifierinfo,
};
use netstat_wire::macos::socket_fdinfo::PROC_PIDFDSOCKETINFO;
use std::ffi::CStr;

const PROC_ALL_PIDS: u32 = 1;
const PROC_UID_ONLY: u32 = 4;
const PROC_PIDLISTFDS: i32 = 1;
const PROC_PIDLISTFILEPORTS: i32 = 14;

/// How often a list is read with twice the buffer: 64 entries become four million.
const MAX_LIST_READS: u32 = 16;

/// How often a table is read that outgrows its buffer.
const MAX_TABLE_READS: u32 = 5;

/// The longest path, `PROC_PIDPATHINFO_MAXSIZE`.
const PATH_BYTES: usize = 4096;

/// A buffer for any structure of libproc. The largest that is known has 792 bytes; a newer kernel may have a larger one,
/// and fails with `ENOMEM` if that does not fit.
pub(super) type StructureBytes = [u8; 1024];

/// The number of bytes that libproc wrote.
fn written(returned: Returned) -> Result<usize, Errno> {
    match usize::try_from(returned.value) {
        Ok(0) if returned.errno != 0 => Err(Errno(returned.errno)),
        Ok(bytes) => Ok(bytes),
        // Not known to happen.
        Err(_) => Err(if returned.errno == 0 { Errno::INVAL } else { Errno(returned.errno) }),
    }
}

/// The major version of Darwin: 25 is macOS 26, 26 is macOS 27.
pub(super) fn darwin_major(kernel: &impl Kernel) -> Option<u32> {
    let mut release = [0; 64];
    let (returned, length) = kernel.sysctl(c"kern.osrelease", Some(&mut release));
    let text = std::str::from_utf8(release.get(..length)?).ok()?;
    if returned.value == 0 { text.split('.').next()?.parse().ok() } else { None }
}

/// A table of sockets.
pub(super) struct TableBytes {
    pub(super) bytes: Vec<u8>,
    /// Whether it was copied to its end.
    pub(super) is_whole: bool,
    /// The result of the sizing call before it was read.
    pub(super) size: usize,
}

/// The size that the kernel returns for a table, with its slack.
pub(super) fn table_size(kernel: &impl Kernel, name: &CStr) -> Result<usize, Errno> {
    match kernel.sysctl(name, None) {
        (returned, size) if returned.value == 0 => Ok(size),
        (returned, _) => Err(Errno(returned.errno)),
    }
}

/// Reads a table of sockets. If it outgrows every buffer, the part that was copied last is returned: the kernel copies
/// whole sets of records.
pub(super) fn table(kernel: &impl Kernel, name: &CStr) -> Result<TableBytes, Errno> {
    let mut part = None;
    let mut room = 0;
    for _ in 0..MAX_TABLE_READS {
        let size = table_size(kernel, name)?;
        room = size.max(room);
        let mut bytes = vec![0; room];
        let (read, length) = kernel.sysctl(name, Some(&mut bytes));
        bytes.truncate(length);
        match Errno(read.errno) {
            _ if read.value == 0 => return Ok(TableBytes { bytes, is_whole: true, size }),
            Errno::NOMEM => part = Some(TableBytes { bytes, is_whole: false, size }),
            Errno::INTR => {}
            errno => return Err(errno),
        }
        room = room.saturating_mul(2);
    }
    part.ok_or(Errno::NOMEM)
}

/// Reads a list, into a larger buffer as long as it fills the buffer. Returns its length in bytes, and whether it still
/// filled the last buffer.
fn fill(
    buffer: &mut Vec<u8>,
    mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
) -> Result<(usize, bool), Errno> {
    let mut reads = 0;
    loop {
        let length = read(buffer)?.min(buffer.len());
        reads += 1;
        if length < buffer.len() {
            return Ok((length, false));
        }
        if reads == MAX_LIST_READS {
            return Ok((length, true));
        }
        let room = buffer.len().max(64 * PROC_FDINFO_BYTES).saturating_mul(2);
        *buffer = vec![0; room];
    }
}

/// Pids, ascending, with those of zombies and without the kernel's.
pub(super) struct Pids {
    pub(super) pids: Vec<u32>,
    /// Whether these are all.
    pub(super) is_whole: bool,
}

fn pids(kernel: &impl Kernel, kind: u32, typeinfo: u32) -> Result<Pids, Errno> {
    // The size that the kernel returns has room for twenty more.
    let room = written(kernel.proc_listpids(kind, typeinfo, None))?;
    let mut buffer = vec![0; room.max(4)];
    let (length, is_cut) =
        fill(&mut buffer, |buffer| written(kernel.proc_listpids(kind, typeinfo, Some(buffer))))?;
    let mut pids: Vec<u32> =
        proc_fdinfo::pids(buffer.get(..length).unwrap_or_default()).filter(|pid| *pid != 0).collect();
    pids.sort_unstable();
    pids.dedup();
    Ok(Pids { pids, is_whole: !is_cut })
}

/// Every process.
pub(super) fn all_pids(kernel: &impl Kernel) -> Result<Pids, Errno> {
    pids(kernel, PROC_ALL_PIDS, 0)
}

/// The processes with this effective user, which are those that this user can read.
pub(super) fn pids_of(kernel: &impl Kernel, uid: u32) -> Result<Pids, Errno> {
    pids(kernel, PROC_UID_ONLY, uid)
}

fn signed(pid: u32) -> Result<i32, Errno> {
    i32::try_from(pid).map_err(|_| Errno::SRCH)
}

/// What refers to a socket in a process.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// A descriptor.
    Fd(i32),
    /// A Mach port.
    FilePort(u32),
}

impl Reference {
    /// Its number, if it is a descriptor.
    pub(super) fn fd(self) -> Option<i32> {
        match self {
            Self::Fd(fd) => Some(fd),
            Self::FilePort(_) => None,
        }
    }
}

/// The references to sockets in a process.
#[derive(Default)]
pub(super) struct References {
    buffer: Vec<u8>,
    pub(super) list: Vec<Reference>,
}

impl References {
    /// Lists the references. Returns why some may be missing; if the process has ended, all are.
    pub(super) fn read(&mut self, kernel: &impl Kernel, pid: u32) -> Result<Option<Errno>, Errno> {
        let pid = signed(pid)?;
        self.list.clear();
        let is_cut = self.read_fds(kernel, pid)?;
        match self.read_file_ports(kernel, pid) {
            Err(Errno::SRCH) => Err(Errno::SRCH),
            Err(errno) => Ok(Some(errno)),
            Ok(is_cut_too) => Ok((is_cut || is_cut_too).then_some(Errno::NOMEM)),
        }
    }

    /// Whether the list is truncated.
    fn read_fds(&mut self, kernel: &impl Kernel, pid: i32) -> Result<bool, Errno> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; 512 * PROC_FDINFO_BYTES];
        }
        let (length, is_cut) = fill(&mut self.buffer, |buffer| {
            written(kernel.proc_pidinfo(pid, PROC_PIDLISTFDS, 0, Some(buffer)))
        })?;
        let entries = proc_fdinfo::descriptors(self.buffer.get(..length).unwrap_or_default());
        let sockets = entries.filter(|entry| entry.kind == PROX_FDTYPE_SOCKET);
        self.list.extend(sockets.map(|entry| Reference::Fd(entry.fd)));
        Ok(is_cut)
    }

    /// Whether the list is truncated.
    fn read_file_ports(&mut self, kernel: &impl Kernel, pid: i32) -> Result<bool, Errno> {
        // Few processes have file ports, and the sizing call is cheap. A kernel without this list has no file ports.
        match written(kernel.proc_pidinfo(pid, PROC_PIDLISTFILEPORTS, 0, None)) {
            Ok(0) | Err(Errno::INVAL) => return Ok(false),
            Ok(_) => {}
            Err(errno) => return Err(errno),
        }
        let (length, is_cut) = fill(&mut self.buffer, |buffer| {
            written(kernel.proc_pidinfo(pid, PROC_PIDLISTFILEPORTS, 0, Some(buffer)))
        })?;
        let entries = proc_fdinfo::fileports(self.buffer.get(..length).unwrap_or_default());
        let sockets = entries.filter(|entry| entry.kind == PROX_FDTYPE_SOCKET);
        self.list.extend(sockets.map(|entry| Reference::FilePort(entry.port)));
        Ok(is_cut)
    }
}

/// The `socket_fdinfo` of a reference.
pub(super) fn socket_info<'a>(
    kernel: &impl Kernel,
    pid: u32,
    reference: Reference,
    buffer: &'a mut StructureBytes,
) -> Result<&'a [u8], Errno> {
    let pid = signed(pid)?;
    let returned = match reference {
        Reference::Fd(fd) => kernel.proc_pidfdinfo(pid, fd, PROC_PIDFDSOCKETINFO, buffer),
        Reference::FilePort(port) => kernel.proc_pidfileportinfo(pid, port, PROC_PIDFDSOCKETINFO, buffer),
    };
    let length = written(returned)?;
    Ok(buffer.get(..length).unwrap_or(buffer))
}

/// The structure of a process that a flavor returns.
fn process_info<'a>(
    kernel: &impl Kernel,
    pid: u32,
    flavor: i32,
    arg: u64,
    buffer: &'a mut StructureBytes,
) -> Result<&'a [u8], Errno> {
    let length = written(kernel.proc_pidinfo(signed(pid)?, flavor, arg, Some(buffer)))?;
    Ok(buffer.get(..length).unwrap_or(buffer))
}

/// A number that distinguishes a process from a later one with the same pid. Available for every process that is not a
/// zombie.
pub(super) fn unique_id(kernel: &impl Kernel, pid: u32) -> Result<u64, Errno> {
    let mut buffer = [0; size_of::<StructureBytes>()];
    let bytes = process_info(kernel, pid, PROC_PIDUNIQIDENTIFIERINFO, 0, &mut buffer)?;
    ProcUniqidentifierinfo::decode(bytes).map(|info| info.unique_id).map_err(|_| Errno::INVAL)
}

/// Name, parent and user of a process. Available for every process, for zombies only with `zombies`.
pub(super) fn short_info(kernel: &impl Kernel, pid: u32, zombies: bool) -> Result<ProcBsdshortinfo, Errno> {
    let mut buffer = [0; size_of::<StructureBytes>()];
    let bytes = process_info(kernel, pid, PROC_PIDT_SHORTBSDINFO, u64::from(zombies), &mut buffer)?;
    ProcBsdshortinfo::decode(bytes).map_err(|_| Errno::INVAL)
}

/// The start of a process, for callers that may read the process.
pub(super) fn bsd_info(kernel: &impl Kernel, pid: u32) -> Result<ProcBsdinfo, Errno> {
    let mut buffer = [0; size_of::<StructureBytes>()];
    let bytes = process_info(kernel, pid, PROC_PIDTBSDINFO, 0, &mut buffer)?;
    ProcBsdinfo::decode(bytes).map_err(|_| Errno::INVAL)
}

/// The start of a process in microseconds, which distinguishes it from a later one with the same pid.
pub(super) fn start(info: &ProcBsdinfo) -> u64 {
    info.start_seconds.saturating_mul(1_000_000).saturating_add(info.start_microseconds)
}

/// Sends a signal to the process that has this pid now.
pub(super) fn kill(kernel: &impl Kernel, pid: u32, signal: i32) -> Result<(), Errno> {
    let returned = kernel.kill(signed(pid)?, signal);
    if returned.value == 0 { Ok(()) } else { Err(Errno(returned.errno)) }
}

/// The path of a process's executable; an error if it has been deleted.
pub(super) fn path(kernel: &impl Kernel, pid: u32) -> Result<Vec<u8>, Errno> {
    let mut buffer = [0; PATH_BYTES];
    let length = written(kernel.proc_pidpath(signed(pid)?, &mut buffer))?;
    Ok(buffer.get(..length).unwrap_or(&buffer).to_vec())
}

/// Identifier and team.
type SignedBy = (Vec<u8>, Option<Vec<u8>>);

/// The identifier and the team in the signature of a process's program; `None` if it has none that is valid
/// (or was until it was debugged).
pub(super) fn signature(kernel: &impl Kernel, pid: u32) -> Result<Option<SignedBy>, Errno> {
    let mut buffer = [0; size_of::<StructureBytes>()];
    let pid = signed(pid)?;
    let mut text = |operation| {
        let returned = kernel.csops(pid, operation, &mut buffer);
        match returned.value {
            // INVAL would mean that it is not signed.
            0 => csops::text(&buffer).map(<[u8]>::to_vec).map_err(|_| Errno::BADMSG),
            _ => Err(Errno(returned.errno)),
        }
    };
    let identifier = match text(CS_OPS_IDENTITY) {
        Ok(identifier) => identifier,
        // Not signed, or not valid any more.
        Err(Errno::NOENT | Errno::INVAL) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    match text(CS_OPS_TEAMID) {
        Ok(team) => Ok(Some((identifier, Some(team)))),
        Err(Errno::NOENT) => Ok(Some((identifier, None))),
        Err(errno) => Err(errno),
    }
}
