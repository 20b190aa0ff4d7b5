//! Processes as `/proc` shows them. Descriptors are read relative to their directory, so that no path is built for each.
//!
//! Sources: proc_pid_fd(5), proc_pid_task(5), getdents(2), readlink(2), fs/proc/fd.c.

pub(crate) mod net;
pub(crate) mod process;
pub(crate) mod process_cache;
pub(crate) mod program_name;
pub(crate) mod sctp;

use super::clock::nanoseconds_since_boot;
use super::errno::errno_of;
use super::ffi;
use netstat_wire::linux::proc_pid_fd::{number, socket_inode};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawDir, RawMode, ResolveFlags, Statx, StatxFlags, getxattr, open, openat2,
    readlink, readlinkat_raw, statat, statfs, statx,
};
use rustix::io::{Errno, read};
use std::cmp::Ordering;
use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// `AT_STATX_DONT_SYNC` of linux/fcntl.h: what the kernel knows, without a question to a server. rustix has it on Linux, and not
/// on Android.
const DONT_SYNC: AtFlags = AtFlags::from_bits_retain(0x4000);

/// Room for the names of about 2,700 descriptors: most directories are read with one call, and a second that returns
/// nothing.
const DIRECTORY_BYTES: usize = 64 * 1024;

/// Longer than any `socket:[N]` and than [`RING`]: a link that is cut leads to neither.
const LINK_BYTES: usize = 48;

/// The link of an io_uring. No path can be confused with it, since paths start with a slash.
const RING: &[u8] = b"anon_inode:[io_uring]";

/// `PROC_SUPER_MAGIC` of linux/magic.h.
const PROC_SUPER_MAGIC: i128 = 0x9fa0;

/// The extended attribute of a socket in sockfs that names its protocol.
///
/// # Sources
/// net/socket.c, `sockfs_xattr_handlers`; the names are those of `struct proto`.
const PROTOCOL_NAME: &str = "system.sockprotoname";

/// The name of the protocol of the socket that a path below `/proc` leads to, such as `TCP`, `UDPv6`, `UNIX-STREAM` or
/// `NETLINK`. Fails with `ENOENT` if it leads to no socket, or to another one than that with this inode number.
///
/// # Races
/// The process may put another file in the place of its descriptor at any moment, whose file system need not answer. So the
/// attribute is read through a descriptor of this process, after that was seen to be of the socket. `O_PATH` opens no file.
fn protocol_name(path: &str, inode: Option<u64>) -> Result<Vec<u8>, Errno> {
    let is_sought = |link: &[u8]| {
        let number = socket_inode(link);
        number.is_some() && (inode.is_none() || number == inode)
    };
    let leads = |path: &str| readlink(path, Vec::new()).is_ok_and(|link| is_sought(link.as_bytes()));
    if !leads(path) {
        return Err(Errno::NOENT);
    }
    let held = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let path = format!("/proc/self/fd/{}", held.as_raw_fd());
    if !leads(&path) {
        return Err(Errno::NOENT);
    }
    let mut name = [0; 64];
    let length = getxattr(&*path, PROTOCOL_NAME, &mut name)?;
    let name = name.get(..length).unwrap_or_default();
    Ok(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
}

/// What a descriptor leads to, as far as it matters to owners.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// A socket, by its inode number.
    Socket(u64),
    /// An io_uring, in which sockets may be registered.
    Ring,
}

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
    /// Calls `found` with each descriptor of a socket or an io_uring in the descriptor table of a process (its leader's),
    /// or of one of its threads.
    fn files(
        &self,
        pid: u32,
        thread: Option<u32>,
        found: &mut dyn FnMut(i32, File),
    ) -> Result<TableRead, Errno>;
    /// Whether a process's descriptor was opened with `O_PATH`: it allows neither reading nor writing.
    fn is_path_only(&self, pid: u32, fd: i32) -> Result<bool, Errno>;
    /// Compares the open files of two processes' descriptors, as [`ffi::compare_files`].
    fn compare_files(&self, a: (u32, i32), b: (u32, i32)) -> Result<Ordering, Errno>;
    /// The cookie of the socket of a process's descriptor. It needs the right to attach to the process, and for the
    /// moment of the call this process shares the socket.
    fn socket_cookie(&self, pid: u32, fd: i32) -> Result<u64, Errno>;
    /// The protocol of the socket of a descriptor of a process (its leader's), or of one of its threads, as
    /// `/proc/net/protocols` names it: `TCP`, `UDPv6`, `UNIX-STREAM`, `NETLINK`. Fails with `ENOENT` if it leads to no
    /// socket, or to another one than that with this inode number.
    fn socket_protocol(
        &self,
        pid: u32,
        thread: Option<u32>,
        fd: i32,
        inode: Option<u64>,
    ) -> Result<Vec<u8>, Errno>;
    /// Compares the descriptor tables of two tasks, as [`ffi::compare_descriptor_tables`].
    fn compare_tables(&self, a: u32, b: u32) -> Result<Ordering, Errno>;
    /// Reads a file below `/proc` that the kernel writes as a whole, such as `12/stat`, to its end.
    fn read(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Errno>;
    /// Reads a file below `/proc` that the kernel writes line by line, such as `12/maps`, to its end; fails with
    /// `EFBIG` if it is longer than `limit`.
    fn read_lines(&self, path: &str, content: &mut Vec<u8>, limit: usize) -> Result<(), Errno>;
    /// Reads a link below `/proc`, such as `12/exe`.
    fn link(&self, path: &str) -> Result<Vec<u8>, Errno>;
    /// Whether the executable of a process is at this path, which is as the process sees it.
    fn is_executable_at(&self, pid: u32, path: &[u8]) -> Result<bool, Errno>;
    /// Nanoseconds since boot, the clock of process start times.
    fn now(&self) -> u64;
}

/// The real `/proc`.
#[derive(Copy, Clone)]
pub(crate) struct Proc {
    /// Whether the size of a `fd` directory is its number of descriptors (Linux 6.2).
    has_descriptor_counts: bool,
}

impl Proc {
    /// Fails with `ENOENT` if no procfs is mounted on `/proc`: other file systems could show anything there.
    pub(crate) fn open() -> Result<Self, Errno> {
        if i128::from(statfs("/proc")?.f_type) != PROC_SUPER_MAGIC {
            return Err(Errno::NOENT);
        }
        // This process has descriptors: those of its standard streams at least.
        let own = metadata("self/fd");
        Ok(Self { has_descriptor_counts: own.is_ok_and(|own| own.size() > 0) })
    }
}

#[cfg(feature = "bpf")]
impl Proc {
    /// Opens a file below it, to be read more than once by [`read_from_start`].
    pub(crate) fn open_file(&self, path: &str) -> Result<OwnedFd, Errno> {
        open_below(path, OFlags::empty())
    }
}

/// Reads all of a file as it is now.
#[cfg(feature = "bpf")]
pub(crate) fn read_from_start(file: &OwnedFd, content: &mut Vec<u8>) -> Result<(), Errno> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Start(0))?;
    read_whole(file, content)
}

/// Reads a file from where it is read to its end.
fn read_whole(file: &OwnedFd, content: &mut Vec<u8>) -> Result<(), Errno> {
    /// Longer than any of these files, except a command line, which is cut.
    const MAX_BYTES: usize = 1024 * 1024;
    // A short read that ends with a line is the whole file, which saves the read that would return nothing.
    read_until(file, content, MAX_BYTES, |text, read, size| read < size && text.ends_with(b"\n"))
}

fn absolute(path: &str) -> String {
    format!("/proc/{path}")
}

fn metadata(path: &str) -> Result<Metadata, Errno> {
    fs::metadata(absolute(path)).map_err(errno_of)
}

/// Opens a file below `/proc`. Something else may be mounted over a single file: opening or reading a FIFO does not
/// wait for a writer.
fn open_below(path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let usual = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    open(absolute(path), usual | flags, Mode::empty())
}

/// Reads on from `length` bytes of `content`, in steps of some kilobytes, until `is_end` or the
/// file's end.
fn read_until(
    file: &OwnedFd,
    content: &mut Vec<u8>,
    limit: usize,
    is_end: impl Fn(&[u8], usize, usize) -> bool,
) -> Result<(), Errno> {
    /// Longer than most files.
    const STEP: usize = 4096;
    let mut length = 0;
    while length < limit {
        if content.len() < length + STEP {
            content.resize(length + STEP, 0);
        }
        let space = content.get_mut(length..).unwrap_or_default();
        let size = space.len();
        match read(file, space) {
            Ok(0) => break,
            Ok(read) => {
                length += read;
                if is_end(content.get(..length).unwrap_or_default(), read, size) {
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

/// Calls `each` with every descriptor in such a directory as `12/fd`, and with the text of its link, cut after
/// [`LINK_BYTES`]. Fails if the links may not be read.
pub(crate) fn each_link(path: &str, each: &mut dyn FnMut(i32, &[u8])) -> Result<(), Errno> {
    let mut link = [MaybeUninit::uninit(); LINK_BYTES];
    let mut refused = None;
    each_name(path, |directory, name| {
        let Some(fd) = number(name.to_bytes()).and_then(|fd| i32::try_from(fd).ok()) else { return };
        // One refusal is that of all.
        if refused.is_some() {
            return;
        }
        match readlinkat_raw(directory, name, &mut link) {
            Ok((target, _)) => each(fd, target),
            // Closed since the directory was read.
            Err(Errno::NOENT) => {}
            Err(errno) => refused = Some(errno),
        }
    })?;
    refused.map_or(Ok(()), Err)
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

    fn files(
        &self,
        pid: u32,
        thread: Option<u32>,
        found: &mut dyn FnMut(i32, File),
    ) -> Result<TableRead, Errno> {
        let path = match thread {
            None => format!("{pid}/fd"),
            Some(tid) => format!("{pid}/task/{tid}/fd"),
        };
        let mut link = [MaybeUninit::uninit(); LINK_BYTES];
        let mut table = TableRead::default();
        let mut is_readable = false;
        each_name(&path, |directory, name| {
            let Some(fd) = number(name.to_bytes()).and_then(|fd| i32::try_from(fd).ok()) else {
                return;
            };
            table.descriptors += 1;
            // The kernel allows or refuses all links of a task: one refusal is that of all, unless the task has changed its
            // user or its program in between.
            if table.refused > 0 && !is_readable {
                return;
            }
            // Not stat, which would ask the file system behind the descriptor: one that does not answer
            // (NFS, FUSE) would hold up the listing for good.
            match readlinkat_raw(directory, name, &mut link) {
                Ok((target, _)) => {
                    is_readable = true;
                    if let Some(inode) = socket_inode(target) {
                        found(fd, File::Socket(inode));
                    } else if target == RING {
                        found(fd, File::Ring);
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

    fn is_path_only(&self, pid: u32, fd: i32) -> Result<bool, Errno> {
        let path = absolute(&format!("{pid}/fd/{fd}"));
        let mode = Mode::from_raw_mode(statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?.st_mode as RawMode);
        // The permissions of the link are those for which the file is open.
        Ok(!mode.intersects(Mode::RUSR | Mode::WUSR))
    }

    fn compare_files(&self, a: (u32, i32), b: (u32, i32)) -> Result<Ordering, Errno> {
        ffi::compare_files(a, b)
    }

    fn socket_cookie(&self, pid: u32, fd: i32) -> Result<u64, Errno> {
        let process = ffi::pidfd_open(pid)?;
        ffi::socket_cookie(ffi::pidfd_getfd(process.as_fd(), fd)?.as_fd())
    }

    fn socket_protocol(
        &self,
        pid: u32,
        thread: Option<u32>,
        fd: i32,
        inode: Option<u64>,
    ) -> Result<Vec<u8>, Errno> {
        let path = match thread {
            None => format!("{pid}/fd/{fd}"),
            Some(tid) => format!("{pid}/task/{tid}/fd/{fd}"),
        };
        protocol_name(&absolute(&path), inode)
    }

    fn read(&self, path: &str, content: &mut Vec<u8>) -> Result<(), Errno> {
        read_whole(&open_below(path, OFlags::empty())?, content)
    }

    fn read_lines(&self, path: &str, content: &mut Vec<u8>, limit: usize) -> Result<(), Errno> {
        let file = open_below(path, OFlags::empty())?;
        read_until(&file, content, limit.saturating_add(1), |_, _, _| false)?;
        if content.len() > limit { Err(Errno::FBIG) } else { Ok(()) }
    }

    fn link(&self, path: &str) -> Result<Vec<u8>, Errno> {
        Ok(readlink(absolute(path), Vec::new())?.into_bytes())
    }

    fn is_executable_at(&self, pid: u32, path: &[u8]) -> Result<bool, Errno> {
        let mask = StatxFlags::INO | StatxFlags::NLINK;
        // No file system is asked that may not answer: only what the kernel has in memory counts.
        let link = absolute(&format!("{pid}/exe"));
        let executable = statx(CWD, link, DONT_SYNC, mask)?;
        if executable.stx_nlink == 0 {
            return Ok(false);
        }
        let root = open_below(&format!("{pid}/root"), OFlags::PATH | OFlags::DIRECTORY)?;
        let path = path.strip_prefix(b"/").ok_or(Errno::NOENT)?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::CACHED;
        match openat2(root, path, flags, Mode::empty(), resolve) {
            Ok(found) => {
                let found = statx(found, c"", AtFlags::EMPTY_PATH | DONT_SYNC, mask)?;
                let id = |file: &Statx| (file.stx_ino, file.stx_dev_major, file.stx_dev_minor);
                Ok(id(&found) == id(&executable))
            }
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn now(&self) -> u64 {
        nanoseconds_since_boot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::net::UdpSocket;

    #[test]
    fn protocol_is_asked_of_the_socket_that_is_meant_and_of_no_other_file() {
        let path = |file: &dyn AsRawFd| format!("/proc/self/fd/{}", file.as_raw_fd());
        let (socket, file) = (UdpSocket::bind("127.0.0.1:0").unwrap(), File::open("/dev/null").unwrap());
        let inode = metadata(&format!("self/fd/{}", socket.as_raw_fd())).unwrap().ino();
        assert_eq!(protocol_name(&path(&socket), None), Ok(b"UDP".to_vec()));
        assert_eq!(protocol_name(&path(&socket), Some(inode)), Ok(b"UDP".to_vec()));
        assert_eq!(protocol_name(&path(&socket), Some(inode + 1)), Err(Errno::NOENT));
        assert_eq!(protocol_name(&path(&file), None), Err(Errno::NOENT));
    }
}
