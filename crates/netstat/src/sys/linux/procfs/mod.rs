//! Processes as `/proc` shows them. No path is built for a descriptor: those are asked for by their directory.
//!
//! Sources: proc_pid_fd(5), proc_pid_task(5), getdents(2), readlink(2), fs/proc/fd.c.

pub(crate) mod net;
pub(crate) mod process;
pub(crate) mod process_cache;

use super::errno::Errno;
use super::ffi;
use netstat_wire::linux::dirent64::Names;
use netstat_wire::linux::proc_pid_fd::{number, socket_inode};
use std::cmp::Ordering;
use std::ffi::CStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// The names of about 2,700 descriptors: most processes are read with one call and a second that finds
/// nothing more.
const DIRECTORY_BYTES: usize = 64 * 1024;

/// Longer than any `socket:[N]`. A link that is cut at it is none.
const LINK_BYTES: usize = 48;

/// The sizes of a process that can be told without a right.
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

/// The seam to the kernel: `/proc`. A scripted one stands here in tests.
pub(crate) trait Procfs: Sync {
    /// The processes that are shown.
    fn pids(&self) -> Result<Vec<u32>, Errno>;
    /// The threads of a process, the leader included.
    fn threads(&self, pid: u32) -> Result<Vec<u32>, Errno>;
    /// How many threads and descriptors a process has.
    fn sizes(&self, pid: u32) -> Result<Sizes, Errno>;
    /// The effective user of a process, in the caller's user namespace. The directory of a process belongs to it,
    /// whether or not it may be traced (`task_dump_owner` of fs/proc/base.c); its file `status`, which tells the same,
    /// takes ten times as long to read.
    fn user(&self, pid: u32) -> Result<u32, Errno>;
    /// Hands over descriptor and inode of each socket in the table of a process (its leader's), or of one
    /// of its threads.
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
    /// Nanoseconds since the machine was started, as start times of processes count.
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
    Ok(fs::metadata(absolute(path))?)
}

/// Hands over the names of a directory below `/proc`. Made anew for each receiver, which is then no call between two
/// system calls: see [`ffi::link_in`].
fn each_name(path: &str, mut each: impl FnMut(BorrowedFd<'_>, &CStr)) -> Result<(), Errno> {
    let directory = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(absolute(path))?;
    let directory = directory.as_fd();
    let mut buffer: Vec<u8> = Vec::with_capacity(DIRECTORY_BYTES);
    loop {
        let entries = ffi::entries_of(directory, buffer.spare_capacity_mut())?;
        if entries.is_empty() {
            return Ok(());
        }
        for name in Names::new(entries) {
            each(directory, name.map_err(|_| Errno::BADMSG)?);
        }
    }
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
            match ffi::link_in(directory, name, &mut link) {
                Ok(target) => {
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
        /// More than any file that is read here may have, a command line excepted, which is cut.
        const MOST: usize = 1024 * 1024;
        /// Room for most of them.
        const ROOM: usize = 4096;
        let mut file = File::open(absolute(path))?;
        let mut length = 0;
        while length < MOST {
            if content.len() < length + ROOM {
                content.resize(length + ROOM, 0);
            }
            let room = content.get_mut(length..).unwrap_or_default();
            let all = room.len();
            match file.read(room).map_err(Errno::from) {
                Ok(0) => break,
                Ok(read) => {
                    length += read;
                    // These files are made at one stroke: what ends with a line before the room does is all there is.
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
        Ok(fs::read_link(absolute(path))?.into_os_string().into_vec())
    }

    fn now(&self) -> u64 {
        ffi::nanoseconds_since_boot()
    }
}
