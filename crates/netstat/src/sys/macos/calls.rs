//! What the kernel's answers mean: errors, and buffers that were too small.
//!
//! All of libproc returns 0 when it fails, and sets `errno`; 0 without an `errno` is an answer: none. It says
//! nothing when a buffer was too small, but fills it to the end; so a full buffer is asked for again with more
//! room. sysctl tells the size beforehand with room to spare, and may still be overtaken.
//!
//! Sources: `libsyscall/wrappers/libproc/libproc.c`, `bsd/kern/proc_info.c`, sysctl(3).

use super::kernel::{Errno, Kernel, Returned};
use netstat_wire::macos::proc_fdinfo::{self, PROC_FDINFO_BYTES, PROX_FDTYPE_SOCKET};
use netstat_wire::macos::proc_pidinfo::{
    PROC_BSDINFO_BYTES, PROC_BSDSHORTINFO_BYTES, PROC_PIDT_SHORTBSDINFO, PROC_PIDTBSDINFO,
    PROC_PIDUNIQIDENTIFIERINFO, PROC_UNIQIDENTIFIERINFO_BYTES, ProcBsdinfo, ProcBsdshortinfo,
    ProcUniqidentifierinfo,
};
use netstat_wire::macos::socket_fdinfo::{PROC_PIDFDSOCKETINFO, SOCKET_FDINFO_BYTES};
use std::ffi::CStr;

const PROC_ALL_PIDS: u32 = 1;
const PROC_UID_ONLY: u32 = 4;
const PROC_PIDLISTFDS: i32 = 1;
const PROC_PIDLISTFILEPORTS: i32 = 14;

/// How often a buffer is made larger. Each time it doubles: 64 entries of a list become four million.
const TRIES: u32 = 16;

/// How often a table is asked for that outgrows its buffer.
const TABLE_TRIES: u32 = 5;

/// The longest path, `PROC_PIDPATHINFO_MAXSIZE`.
const PATH_BYTES: usize = 4096;

/// How much libproc wrote.
fn written(returned: Returned) -> Result<usize, Errno> {
    match usize::try_from(returned.value) {
        Ok(0) if returned.errno != 0 => Err(Errno(returned.errno)),
        Ok(bytes) => Ok(bytes),
        // Not known to happen.
        Err(_) => Err(if returned.errno == 0 { Errno::INVAL } else { Errno(returned.errno) }),
    }
}

/// A table, and whether it is all of it.
pub(super) struct TableBytes {
    pub(super) bytes: Vec<u8>,
    pub(super) whole: bool,
}

/// Reads a table of sockets. One that grows faster than its buffer is taken as far as it was copied, in the
/// end: the kernel copies whole sets of records.
pub(super) fn table(kernel: &impl Kernel, name: &CStr) -> Result<TableBytes, Errno> {
    let mut part = None;
    let mut room = 0;
    for _ in 0..TABLE_TRIES {
        let (sized, size) = kernel.sysctl(name, None);
        if sized.value != 0 {
            return Err(Errno(sized.errno));
        }
        room = size.max(room);
        let mut bytes = vec![0; room];
        let (read, length) = kernel.sysctl(name, Some(&mut bytes));
        bytes.truncate(length);
        match Errno(read.errno) {
            _ if read.value == 0 => return Ok(TableBytes { bytes, whole: true }),
            Errno::NOMEM => part = Some(bytes),
            Errno::INTR => {}
            errno => return Err(errno),
        }
        room = room.saturating_mul(2);
    }
    part.map(|bytes| TableBytes { bytes, whole: false }).ok_or(Errno::NOMEM)
}

/// Fills a buffer, making it larger while the answer reaches its end. How many bytes are answer, and whether
/// it still reached the end.
fn fill(
    buffer: &mut Vec<u8>,
    mut ask: impl FnMut(&mut [u8]) -> Result<usize, Errno>,
) -> Result<(usize, bool), Errno> {
    let mut tries = 0;
    loop {
        let length = ask(buffer)?.min(buffer.len());
        tries += 1;
        if length < buffer.len() {
            return Ok((length, false));
        }
        if tries == TRIES {
            return Ok((length, true));
        }
        let room = buffer.len().max(64 * PROC_FDINFO_BYTES).saturating_mul(2);
        *buffer = vec![0; room];
    }
}

/// Process ids, ascending, and whether these are all. With zombies, without the kernel.
pub(super) struct Pids {
    pub(super) pids: Vec<u32>,
    pub(super) whole: bool,
}

fn pids(kernel: &impl Kernel, kind: u32, typeinfo: u32) -> Result<Pids, Errno> {
    // The first answer has room for twenty more than there are.
    let room = written(kernel.proc_listpids(kind, typeinfo, None))?;
    let mut buffer = vec![0; room.max(4)];
    let (length, full) =
        fill(&mut buffer, |buffer| written(kernel.proc_listpids(kind, typeinfo, Some(buffer))))?;
    let mut pids: Vec<u32> =
        proc_fdinfo::pids(buffer.get(..length).unwrap_or_default()).filter(|pid| *pid != 0).collect();
    pids.sort_unstable();
    pids.dedup();
    Ok(Pids { pids, whole: !full })
}

/// Every process.
pub(super) fn all_pids(kernel: &impl Kernel) -> Result<Pids, Errno> {
    pids(kernel, PROC_ALL_PIDS, 0)
}

/// The processes with this effective user: those that this user can read.
pub(super) fn pids_of(kernel: &impl Kernel, uid: u32) -> Result<Pids, Errno> {
    pids(kernel, PROC_UID_ONLY, uid)
}

fn signed(pid: u32) -> Result<i32, Errno> {
    i32::try_from(pid).map_err(|_| Errno::SRCH)
}

/// The sockets of a process.
#[derive(Default)]
pub(super) struct Descriptors {
    buffer: Vec<u8>,
    pub(super) fds: Vec<i32>,
    pub(super) ports: Vec<u32>,
}

impl Descriptors {
    /// Which of a process's descriptors are sockets, and which of its file ports. Whether these are all.
    pub(super) fn read(&mut self, kernel: &impl Kernel, pid: u32) -> Result<bool, Errno> {
        let pid = signed(pid)?;
        self.fds.clear();
        self.ports.clear();
        if self.buffer.is_empty() {
            self.buffer = vec![0; 512 * PROC_FDINFO_BYTES];
        }
        let (length, cut) = fill(&mut self.buffer, |buffer| {
            written(kernel.proc_pidinfo(pid, PROC_PIDLISTFDS, 0, Some(buffer)))
        })?;
        let entries = proc_fdinfo::descriptors(self.buffer.get(..length).unwrap_or_default());
        self.fds.extend(entries.filter(|entry| entry.kind == PROX_FDTYPE_SOCKET).map(|entry| entry.fd));

        // Few processes have any; the question alone is cheap. A kernel that knows no such list has none.
        match written(kernel.proc_pidinfo(pid, PROC_PIDLISTFILEPORTS, 0, None)) {
            Ok(0) | Err(Errno::INVAL) => return Ok(!cut),
            Ok(_) => {}
            Err(errno) => return Err(errno),
        }
        let (length, cut_ports) = fill(&mut self.buffer, |buffer| {
            written(kernel.proc_pidinfo(pid, PROC_PIDLISTFILEPORTS, 0, Some(buffer)))
        })?;
        let entries = proc_fdinfo::fileports(self.buffer.get(..length).unwrap_or_default());
        self.ports.extend(entries.filter(|entry| entry.kind == PROX_FDTYPE_SOCKET).map(|entry| entry.port));
        Ok(!cut && !cut_ports)
    }
}

/// Room for what is told of a socket.
pub(super) type SocketInfoBytes = [u8; SOCKET_FDINFO_BYTES];

fn socket_info(returned: Returned, info: &SocketInfoBytes) -> Result<&[u8], Errno> {
    let length = written(returned)?;
    Ok(info.get(..length).unwrap_or(info))
}

/// The socket behind a descriptor.
pub(super) fn socket_of_fd<'a>(
    kernel: &impl Kernel,
    pid: u32,
    fd: i32,
    info: &'a mut SocketInfoBytes,
) -> Result<&'a [u8], Errno> {
    socket_info(kernel.proc_pidfdinfo(signed(pid)?, fd, PROC_PIDFDSOCKETINFO, info), info)
}

/// The socket behind a file port.
pub(super) fn socket_of_port<'a>(
    kernel: &impl Kernel,
    pid: u32,
    port: u32,
    info: &'a mut SocketInfoBytes,
) -> Result<&'a [u8], Errno> {
    socket_info(kernel.proc_pidfileportinfo(signed(pid)?, port, PROC_PIDFDSOCKETINFO, info), info)
}

/// What is told of a process by a flavor that fills a structure. One that decodes less than was written
/// finds out itself.
fn info<const N: usize>(
    kernel: &impl Kernel,
    pid: u32,
    flavor: i32,
    arg: u64,
) -> Result<([u8; N], usize), Errno> {
    let mut buffer = [0; N];
    let length = written(kernel.proc_pidinfo(signed(pid)?, flavor, arg, Some(&mut buffer)))?;
    Ok((buffer, length.min(N)))
}

/// The number that tells a process from a later one with the same pid. Told of every process but a zombie.
pub(super) fn unique_id(kernel: &impl Kernel, pid: u32) -> Result<u64, Errno> {
    let (buffer, length) = info::<PROC_UNIQIDENTIFIERINFO_BYTES>(kernel, pid, PROC_PIDUNIQIDENTIFIERINFO, 0)?;
    let told = ProcUniqidentifierinfo::decode(buffer.get(..length).unwrap_or_default());
    told.map(|told| told.unique_id).map_err(|_| Errno::INVAL)
}

/// Name, parent and user of a process: told of every process, zombies included if asked for.
pub(super) fn short_info(kernel: &impl Kernel, pid: u32, zombies: bool) -> Result<ProcBsdshortinfo, Errno> {
    let (buffer, length) =
        info::<PROC_BSDSHORTINFO_BYTES>(kernel, pid, PROC_PIDT_SHORTBSDINFO, u64::from(zombies))?;
    ProcBsdshortinfo::decode(buffer.get(..length).unwrap_or_default()).map_err(|_| Errno::INVAL)
}

/// The start of a process, told to those who may read it.
pub(super) fn bsd_info(kernel: &impl Kernel, pid: u32) -> Result<ProcBsdinfo, Errno> {
    let (buffer, length) = info::<PROC_BSDINFO_BYTES>(kernel, pid, PROC_PIDTBSDINFO, 0)?;
    ProcBsdinfo::decode(buffer.get(..length).unwrap_or_default()).map_err(|_| Errno::INVAL)
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
