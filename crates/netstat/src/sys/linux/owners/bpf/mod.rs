//! Who holds which socket, by a program that runs in the kernel: an iterator over all descriptors of all tasks.
//!
//! # How it is asked
//! The program ([`program`]) is some thirty instructions, written here for the structures of the running kernel as
//! `/sys/kernel/btf/vmlinux` describes them. It is loaded and attached once; each [`read`] then walks the
//! descriptors, ten times as fast as the links in `/proc`. Nothing is pinned, no event is traced: program and link
//! are descriptors of this process and end with it.
//!
//! # Rights
//! `CAP_BPF` and `CAP_PERFMON`, or `CAP_SYS_ADMIN`, in the first user namespace. [`may_load`] looks at the
//! thread's capabilities alone, so that who has none never tries. No right to trace is asked then: processes that
//! refuse to have their links read are listed too.
//!
//! # What it sees
//! The tasks of the pid namespace of the reading thread, under their numbers there ([`level`]); tables of threads
//! that do not share their leader's. Not: what `/proc` does not show either, sockets that no descriptor leads to.
//!
//! # Since when
//! Linux 5.8, with `CONFIG_DEBUG_INFO_BTF`; in a pid namespace that is not the first, 6.5, since before that the
//! kernel refuses to look further into `struct pid` than its declaration goes.
//!
//! [`read`]: HeldSource::read
//!
//! Sources: bpf(2), the kernel's Documentation/bpf/bpf_iterators.rst, kernel/bpf/{task_iter,bpf_iter}.c.

mod assembler;
mod ffi;
mod level;
mod program;
mod refused;
#[cfg(test)]
mod tests;

pub(crate) use refused::Refused;

use crate::sys::linux::errno::Errno;
use crate::sys::linux::ffi::nanoseconds_since_boot;
use program::{Program, RECORD_BYTES, Types};
use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};

const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The kernel writes into 8 pages, of 64 KiB at the most, between two reads. Each read is to take all of it: what
/// it left would be older than the next read, and memory that no read fills is never touched.
const READ_BYTES: usize = 8 * 64 * 1024;

/// How often reads are repeated that failed for the time being. The kernel breaks off (`EAGAIN`) after a million
/// descriptors of which none is a socket, and goes on from there.
const MOST_RETRIES: u32 = 1000;

/// A descriptor that leads to a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketFile {
    /// The process, by its number in the caller's pid namespace.
    pub(crate) pid: u32,
    /// The descriptor, in the table of one of its threads.
    pub(crate) fd: i32,
    /// The socket.
    pub(crate) inode: u64,
}

/// The seam to the kernel: one walk over all descriptors. A scripted one stands here in tests.
pub(crate) trait HeldSource {
    /// Hands over each descriptor that leads to a socket, once for each process that has it, and a time at which
    /// it had not been looked at yet, in nanoseconds since the machine was started.
    ///
    /// A descriptor may come more than once: from threads whose leader has exited, from threads with tables of
    /// their own, and before Linux 5.10 from every thread.
    fn read(&self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Errno>;
}

impl<T: HeldSource> HeldSource for std::sync::Arc<T> {
    fn read(&self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Errno> {
        T::read(self, each)
    }
}

/// The program in the kernel, loaded and attached until this is dropped.
#[derive(Debug)]
pub(crate) struct TaskFiles {
    link: OwnedFd,
    level: u32,
}

impl TaskFiles {
    /// Loads the program, in two milliseconds. [`may_load`] is to be asked before.
    pub(crate) fn load() -> Result<Self, Refused> {
        if usize::BITS < 64 {
            // The kernel may have wider pointers than this process, which its types do not tell.
            return Err(Refused::other("BTF", "not read by a process of 32 bits"));
        }
        let file = kernel_types().map_err(|errno| Refused::errno(TYPES, errno))?;
        let types = Types::new(&file)?;
        let level = level::of_this_thread(&types)?;
        let link = attach(b"netstat_owners\0\0", &program::socket_files(&types, level)?)?;
        Ok(Self { link, level })
    }

    /// The level of the pid namespace whose numbers are told, that of the thread that loaded: 0 is the first.
    pub(crate) const fn level(&self) -> u32 {
        self.level
    }
}

impl HeldSource for TaskFiles {
    fn read(&self, each: &mut dyn FnMut(u64, SocketFile)) -> Result<(), Errno> {
        run::<RECORD_BYTES>(&self.link, &mut |at, record| {
            let [i0, i1, i2, i3, i4, i5, i6, i7, p0, p1, p2, p3, f0, f1, f2, f3] = record;
            let inode = u64::from_ne_bytes([i0, i1, i2, i3, i4, i5, i6, i7]);
            let pid = u32::from_ne_bytes([p0, p1, p2, p3]);
            let fd = i32::from_ne_bytes([f0, f1, f2, f3]);
            // A task that ended while it was looked at has no number any more.
            if pid != 0 {
                each(at, SocketFile { pid, fd, inode });
            }
        })
    }
}

/// Whether this thread has the capabilities to load, without trying.
pub(crate) fn may_load() -> Result<(), Refused> {
    const SYS_ADMIN: u32 = 21;
    const PERFMON: u32 = 38;
    const BPF: u32 = 39;
    let what = "capabilities";
    let effective = ffi::effective_capabilities().map_err(|errno| Refused::errno(what, errno))?;
    let has = |capability: u32| effective >> capability & 1 == 1;
    match (has(BPF) || has(SYS_ADMIN), has(PERFMON) || has(SYS_ADMIN)) {
        (true, true) => Ok(()),
        (true, false) => Err(Refused::other(what, "no CAP_PERFMON")),
        (false, true) => Err(Refused::other(what, "no CAP_BPF")),
        (false, false) => Err(Refused::other(what, "no CAP_BPF and no CAP_PERFMON")),
    }
}

/// The bytes of the kernel's types: mapped where that can be, which saves copying five megabytes.
fn kernel_types() -> Result<Box<dyn Deref<Target = [u8]>>, Errno> {
    let mut file = File::open(TYPES)?;
    if let Ok(mapping) = ffi::Mapping::of_sysfs(&file) {
        return Ok(Box::new(mapping));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Box::new(bytes))
}

/// Loads a program and attaches it; the link, which is returned, holds it from there on.
fn attach(name: &[u8; 16], program: &Program) -> Result<OwnedFd, Refused> {
    let loaded = ffi::load_iterator(name, &program.instructions, program.attach_to, &mut []);
    let loaded = loaded.map_err(|errno| Refused::errno("bpf(BPF_PROG_LOAD)", errno))?;
    ffi::link_iterator(loaded.as_fd()).map_err(|errno| Refused::errno("bpf(BPF_LINK_CREATE)", errno))
}

/// Runs a program once and hands over what it writes, in records of `N` bytes.
fn run<const N: usize>(link: &OwnedFd, each: &mut dyn FnMut(u64, [u8; N])) -> Result<(), Errno> {
    records(File::from(ffi::start_iterator(link.as_fd())?), each)
}

/// Reads records of `N` bytes to the end, and tells of each when the read began that brought it.
fn records<const N: usize>(mut file: impl Read, each: &mut dyn FnMut(u64, [u8; N])) -> Result<(), Errno> {
    let mut buffer = vec![0; READ_BYTES + N];
    // What has been read of the next record: a read ends with a record, but nobody promises that.
    let mut begun = 0;
    let mut retries = MOST_RETRIES;
    loop {
        let at = nanoseconds_since_boot();
        let read = match file.read(buffer.get_mut(begun..).unwrap_or_default()).map_err(Errno::from) {
            Ok(0) if begun == 0 => return Ok(()),
            // Half a record, which the kernel does not write.
            Ok(0) => return Err(Errno::BADMSG),
            Ok(read) => read,
            Err(Errno::INTR | Errno::AGAIN) if retries > 0 => {
                retries -= 1;
                continue;
            }
            Err(errno) => return Err(errno),
        };
        let filled = begun + read;
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some((record, after)) = rest.split_first_chunk::<N>() {
            each(at, *record);
            rest = after;
        }
        begun = rest.len();
        buffer.copy_within(filled - begun..filled, 0);
    }
}
