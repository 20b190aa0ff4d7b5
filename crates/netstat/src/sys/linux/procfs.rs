//! Processes as `/proc` shows them, through directory descriptors: no path is built for a descriptor.
//!
//! Sources: proc_pid_fd(5), proc_pid_task(5), getdents(2), readlink(2), fs/proc/fd.c.

use super::ffi;
use netstat_wire::linux::proc_pid_fd::{number, socket_inode};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, openat, readlinkat_raw, statat};
use rustix::io::Errno;
use std::cmp::Ordering;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

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
    root: OwnedFd,
    /// Whether the size of a `fd` directory is its number of descriptors (Linux 6.2).
    has_descriptor_counts: bool,
}

fn open_directory(at: impl std::os::fd::AsFd, path: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

impl Proc {
    pub(crate) fn open() -> Result<Self, Errno> {
        let root = open_directory(CWD, c"/proc")?;
        // This process has descriptors: the one just opened at least.
        let own = statat(&root, c"self/fd", AtFlags::empty());
        let has_descriptor_counts = own.is_ok_and(|own| own.st_size > 0);
        Ok(Self { root, has_descriptor_counts })
    }

    /// The numbers that name entries of a directory.
    fn numbers(&self, path: &str) -> Result<Vec<u32>, Errno> {
        let directory = open_directory(&self.root, path)?;
        let mut buffer = directory_buffer();
        let mut entries = RawDir::new(&directory, &mut buffer);
        let mut numbers = Vec::new();
        while let Some(entry) = entries.next() {
            numbers.extend(number(entry?.file_name().to_bytes()));
        }
        Ok(numbers)
    }
}

fn directory_buffer() -> Vec<MaybeUninit<u8>> {
    vec![MaybeUninit::uninit(); DIRECTORY_BYTES]
}

impl Procfs for Proc {
    fn pids(&self) -> Result<Vec<u32>, Errno> {
        self.numbers(".")
    }

    fn threads(&self, pid: u32) -> Result<Vec<u32>, Errno> {
        self.numbers(&format!("{pid}/task"))
    }

    fn sizes(&self, pid: u32) -> Result<Sizes, Errno> {
        let task = statat(&self.root, format!("{pid}/task"), AtFlags::empty())?;
        // A link for the directory, one for its own ".", and one for each thread.
        #[allow(clippy::useless_conversion, reason = "32 bits wide on some processors")]
        let threads = u64::from(task.st_nlink).saturating_sub(2);
        let descriptors = if self.has_descriptor_counts {
            let fd = statat(&self.root, format!("{pid}/fd"), AtFlags::empty())?;
            u64::try_from(fd.st_size).ok()
        } else {
            None
        };
        Ok(Sizes { threads, descriptors })
    }

    fn user(&self, pid: u32) -> Result<u32, Errno> {
        statat(&self.root, format!("{pid}"), AtFlags::empty()).map(|directory| directory.st_uid)
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
        let directory = open_directory(&self.root, path)?;
        let mut buffer = directory_buffer();
        let mut entries = RawDir::new(&directory, &mut buffer);
        let mut link = [MaybeUninit::<u8>::uninit(); LINK_BYTES];
        let mut table = TableRead::default();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            let Some(fd) = number(name.to_bytes()).and_then(|fd| i32::try_from(fd).ok()) else {
                continue;
            };
            table.descriptors += 1;
            // Not stat, which would ask the file system behind the descriptor: one that does not answer
            // (NFS, FUSE) would hold up the listing for good.
            match readlinkat_raw(&directory, name, &mut link[..]) {
                Ok((target, _)) => {
                    if let Some(inode) = socket_inode(target) {
                        found(fd, inode);
                    }
                }
                // Closed since the directory was read.
                Err(Errno::NOENT) => {}
                Err(_) => table.refused += 1,
            }
        }
        Ok(table)
    }

    fn compare_tables(&self, a: u32, b: u32) -> Result<Ordering, Errno> {
        ffi::compare_descriptor_tables(a, b)
    }

    fn read(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Errno> {
        /// More than any file that is read here may have, a command line excepted, which is cut.
        const MOST: usize = 1024 * 1024;
        let file = openat(&self.root, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        content.clear();
        while content.len() < MOST {
            content.reserve(4096);
            match rustix::io::read(&file, rustix::buffer::spare_capacity(content)) {
                Ok(0) => break,
                // These files are made at one stroke: what ends with a line before the room does is all there is.
                Ok(_) if content.len() < content.capacity() && content.ends_with(b"\n") => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        rustix::fs::readlinkat(&self.root, path, Vec::new()).map(std::ffi::CString::into_bytes)
    }

    fn now(&self) -> u64 {
        ffi::nanoseconds_since_boot()
    }
}
