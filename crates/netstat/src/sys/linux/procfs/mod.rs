//! Processes as `/proc` shows them. Descriptors are read relative to their directory, so that no path is built for each.
//!
//! Sources: proc_pid_fd(5), proc_pid_task(5), getdents(2), readlink(2), fs/proc/fd.c.

pub(crate) mod net;
pub(crate) mod process;
pub(crate) mod process_cache;

use super::clock::nanoseconds_since_boot;
use super::errno::errno_of;
use super::ffi;
use netstat_wire::linux::proc_pid_fd::{number, socket_inode};
use rustix::fs::{Mode, OFlags, RawDir, open, readlink, readlinkat_raw};
use rustix::io::{Errno, read};
use std::cmp::Ordering;
use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// Room for the names of about 2,700 descriptors: most directories are read with one call, and a second that returns
/// nothing.
const DIRECTORY_BYTES: usize = 64 * 1024;

/// Longer than any `socket:[N]`: a link that is cut does not lead to a socket.
const LINK_BYTES: usize = 48;

/// The sizes of a process that can be read without any right.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Threads, the leader included, even when it has exited.
    pub(crate) threads: u64,
    /// Descriptors of the leader, 0 when it has exited; `None` before Linux 6.2.
    pub(crate) descriptors: Option<u64>,
}

/// What a descriptor table was found to hold, sockets aside.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableRead {
    /// Descriptors in all.
    pub(crate) descriptors: u64,
    /// Descriptors whose link was refused.
    pub(crate) refused: u64,
}

/// The seam to the kernel: `/proc`. Tests replace it with a scripted one.
pub(crate) trait Procfs: Sync {
    /// The processes that are shown.
    fn pids(&self) -> Result<Vec<u32>, Errno>;
    /// The threads of a process, the leader included.
    fn threads(&self, pid: u32) -> Result<Vec<u32>, Errno>;
    /// How many threads and descriptors a process has.
    fn sizes(&self, pid: u32) -> Result<Sizes, Errno>;
    /// The effective user of a process, in the caller's user namespace. The directory of a process belongs to it,
    /// whether or not it may be traced (`task_dump_owner` of fs/proc/base.c). Its file `status` has the user too, but
    /// takes ten times as long to read.
    fn user(&self, pid: u32) -> Result<u32, Errno>;
    /// Calls `found` with descriptor and inode of each socket in the descriptor table of a process (its leader's), or of
    /// one of its threads.
    fn sockets(
        &self,
        pid: u32,
        thread: Option<u32>,
        found: &mut dyn FnMut(i32, u64),
    ) -> Result<TableRead, Errno>;
    /// Compares the descriptor tables of two tasks, as [`ffi::compare_descriptor_tables`].
    fn compare_tables(&self, a: u32, b: u32) -> Result<Ordering, Errno>;
    /// Reads a file below `/proc`, such as `12/stat`, to its end.
    fn read(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Errno>;
    /// Reads a link below `/proc`, such as `12/exe`.
    fn link(&self, path: &str) -> Result<Vec<u8>, Errno>;
    /// Nanoseconds since boot, the clock of process start times.
    fn now(&self) -> u64;
}

/// The real `/proc`.
pub(crate) struct Proc {
    /// Whether the size of a `fd` directory is its number of descriptors (Linux 6.2).
    has_descriptor_counts: bool,
}

impl Proc {
    pub(crate) fn open() -> Result<Self, Errno> {
        metadata("")?;
        // This process has descriptors: those of its standard streams at least.
        let own = metadata("self/fd");
        Ok(Self { has_descriptor_counts: own.is_ok_and(|own| own.size() > 0) })
    }
}

fn absolute(path: &str) -> String {
    format!("/proc/{path}")
}

fn metadata(path: &str) -> Result<Metadata, Errno> {
    fs::metadata(absolute(path)).map_err(errno_of)
}

fn open_below(path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    open(absolute(path), OFlags::RDONLY | OFlags::CLOEXEC | flags, Mode::empty())
}

/// Calls `each` with every name in a directory below `/proc`.
fn each_name(path: &str, mut each: impl FnMut(BorrowedFd<'_>, &CStr)) -> Result<(), Errno> {
    let directory = open_below(path, OFlags::DIRECTORY)?;
    let directory = directory.as_fd();
    let mut buffer: Vec<u8> = Vec::with_capacity(DIRECTORY_BYTES);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        each(directory, entry?.file_name());
    }
    Ok(())
}

/// The numbers that name entries of a directory.
fn numbers(path: &str) -> Result<Vec<u32>, Errno> {
    let mut numbers = Vec::new();
    each_name(path, |_, name| numbers.extend(number(name.to_bytes())))?;
    Ok(numbers)
}

impl Procfs for Proc {
    fn pids(&self) -> Result<Vec<u32>, Errno> {
        numbers("")
    }

    fn threads(&self, pid: u32) -> Result<Vec<u32>, Errno> {
        numbers(&format!("{pid}/task"))
    }

    fn sizes(&self, pid: u32) -> Result<Sizes, Errno> {
        let task = metadata(&format!("{pid}/task"))?;
        // A link for the directory, one for its own ".", and one for each thread.
        let threads = task.nlink().saturating_sub(2);
        let descriptors = match self.has_descriptor_counts {
            true => Some(metadata(&format!("{pid}/fd"))?.size()),
            false => None,
        };
        Ok(Sizes { threads, descriptors })
    }

    fn user(&self, pid: u32) -> Result<u32, Errno> {
        Ok(metadata(&pid.to_string())?.uid())
    }

    fn sockets(
        &self,
        pid: u32,
        thread: Option<u32>,
        found: &mut dyn FnMut(i32, u64),
    ) -> Result<TableRead, Errno> {
        let path = match thread {
            None => format!("{pid}/fd"),
            Some(tid) => format!("{pid}/task/{tid}/fd"),
        };
        let mut link = [MaybeUninit::uninit(); LINK_BYTES];
        let mut table = TableRead::default();
        each_name(&path, |directory, name| {
            let Some(fd) = number(name.to_bytes()).and_then(|fd| i32::try_from(fd).ok()) else {
                return;
            };
            table.descriptors += 1;
            // Not stat, which would ask the file system behind the descriptor: one that does not answer
            // (NFS, FUSE) would hold up the listing for good.
            match readlinkat_raw(directory, name, &mut link) {
                Ok((target, _)) => {
                    if let Some(inode) = socket_inode(target) {
                        found(fd, inode);
                    }
                }
                // Closed since the directory was read.
                Err(Errno::NOENT) => {}
                Err(_) => table.refused += 1,
            }
        })?;
        Ok(table)
    }

    fn compare_tables(&self, a: u32, b: u32) -> Result<Ordering, Errno> {
        ffi::compare_descriptor_tables(a, b)
    }

    fn read(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Errno> {
        /// Longer than any of these files, except a command line, which is cut.
        const MOST: usize = 1024 * 1024;
        /// Longer than most of them.
        const ROOM: usize = 4096;
        let file = open_below(path, OFlags::empty())?;
        let mut length = 0;
        while length < MOST {
            if content.len() < length + ROOM {
                content.resize(length + ROOM, 0);
            }
            let room = content.get_mut(length..).unwrap_or_default();
            let all = room.len();
            match read(&file, room) {
                Ok(0) => break,
                Ok(read) => {
                    length += read;
                    // The kernel makes such a file in one step: a short read that ends with a line is the whole file.
                    if read < all && content.get(..length).is_some_and(|read| read.ends_with(b"\n")) {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        content.truncate(length);
        Ok(())
    }

    fn link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        Ok(readlink(absolute(path), Vec::new())?.into_bytes())
    }

    fn now(&self) -> u64 {
        nanoseconds_since_boot()
    }
}
