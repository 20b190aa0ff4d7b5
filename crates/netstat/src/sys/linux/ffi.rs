//! System calls that rustix lacks, or has for some arguments only or in a feature that takes long to compile; those of
//! BPF are in `bpf/ffi.rs`.
#![allow(unsafe_code, reason = "foreign calls are made only in files of this name")]

use super::errno::errno_of;
use rustix::io::Errno;
use std::cmp::Ordering;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Comparisons of linux/kcmp.h: of two open files, and of two tasks' descriptor tables.
const KCMP_FILE: libc::c_int = 0;
const KCMP_FILES: libc::c_int = 2;

/// Compares the descriptor tables of two tasks (pid or tid): equal when they share one, otherwise in an
/// order that is fixed while both live, good for sorting.
///
/// Fails with `ENOSYS` on kernels built without it (`CONFIG_KCMP`), with `EPERM` when the caller may not trace one
/// of the tasks or a sandbox refuses, with `ESRCH` when one has exited.
///
/// # Sources
/// kcmp(2).
pub(super) fn compare_descriptor_tables(a: u32, b: u32) -> Result<Ordering, Errno> {
    let (Ok(a), Ok(b)) = (libc::pid_t::try_from(a), libc::pid_t::try_from(b)) else {
        return Err(Errno::SRCH);
    };
    compare(a, b, KCMP_FILES, 0, 0)
}

/// Compares the open files of two processes' descriptors: equal when they are one open file description, as after
/// dup(2), fork(2) or `SCM_RIGHTS`. The descriptors are those of the tasks' own tables.
///
/// Fails as [`compare_descriptor_tables`], and with `EBADF` when a descriptor is not open.
///
/// # Sources
/// kcmp(2).
pub(super) fn compare_files(a: (u32, i32), b: (u32, i32)) -> Result<Ordering, Errno> {
    let task = |(pid, _): (u32, i32)| libc::pid_t::try_from(pid).map_err(|_| Errno::SRCH);
    let fd = |(_, fd): (u32, i32)| libc::c_ulong::try_from(fd).map_err(|_| Errno::BADF);
    compare(task(a)?, task(b)?, KCMP_FILE, fd(a)?, fd(b)?)
}

fn compare(
    a: libc::pid_t,
    b: libc::pid_t,
    what: libc::c_int,
    first: libc::c_ulong,
    second: libc::c_ulong,
) -> Result<Ordering, Errno> {
    // SAFETY: these two comparisons take integers only, and the call touches no memory of this process; the argument
    // types are those of the manual page.
    let answer = unsafe { libc::syscall(libc::SYS_kcmp, a, b, what, first, second) };
    match answer {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        2 | 3 => Ok(Ordering::Greater),
        _ => Err(errno_of(io::Error::last_os_error())),
    }
}

/// A descriptor of the process that has this pid now. rustix has the call on Linux, and not on Android.
///
/// Fails with `ESRCH` when there is none, with `EINVAL` or `ENOENT` when it is the number of a thread, and with `ENOSYS`
/// before Linux 5.3.
///
/// # Sources
/// pidfd_open(2). Not all C libraries have a function for it.
pub(super) fn pidfd_open(pid: u32) -> Result<OwnedFd, Errno> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::SRCH)?;
    PidfdCall::Open { pid }.make()
}

/// A copy of another process's descriptor, for a process given by its own descriptor. rustix has the call on Linux, and
/// not on Android.
///
/// Fails with `EPERM` when the caller may not attach to the process, with `EBADF` when the descriptor is not open, and
/// with `ENOSYS` before Linux 5.6.
///
/// # Sources
/// pidfd_getfd(2). The copy is closed on exec.
pub(super) fn pidfd_getfd(process: BorrowedFd<'_>, fd: i32) -> Result<OwnedFd, Errno> {
    PidfdCall::GetFd { process: process.as_raw_fd(), fd }.make()
}

/// The calls that return a new descriptor.
enum PidfdCall {
    Open { pid: libc::pid_t },
    GetFd { process: RawFd, fd: RawFd },
}

impl PidfdCall {
    fn make(self) -> Result<OwnedFd, Errno> {
        let (number, first, second) = match self {
            Self::Open { pid } => (libc::SYS_pidfd_open, pid, 0),
            Self::GetFd { process, fd } => (libc::SYS_pidfd_getfd, process, fd),
        };
        let flags: libc::c_uint = 0;
        // SAFETY: both calls take integers only and touch no memory of this process. The flags of the first are 0, as those
        // of the second.
        let answer = unsafe { libc::syscall(number, first, second, flags) };
        let fd = libc::c_int::try_from(answer).ok().filter(|fd| *fd >= 0);
        let fd = fd.ok_or_else(|| errno_of(io::Error::last_os_error()))?;
        // SAFETY: the kernel has just opened it for this caller, which alone has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

/// The cookie of a socket. rustix has the option on Linux, and not on Android.
///
/// # Sources
/// getsockopt(2), `SO_COOKIE` of asm/socket.h, Linux 4.12.
pub(super) fn socket_cookie(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    /// `SO_COOKIE` of asm-generic/socket.h, which the libc crate lacks on Android; SPARC has the same number.
    const SO_COOKIE: libc::c_int = 57;
    let mut cookie = 0_u64;
    let mut length: libc::socklen_t = 8;
    let (option, value) = (SO_COOKIE, (&raw mut cookie).cast());
    // SAFETY: the value has room for as many bytes as `length` says, and both are writable.
    match unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, &raw mut length) } {
        0 => Ok(cookie),
        _ => Err(errno_of(io::Error::last_os_error())),
    }
}

/// A descriptor of the network namespace in which a socket was made.
///
/// Fails with `EPERM` without `CAP_NET_ADMIN` over that namespace.
///
/// # Sources
/// `SIOCGSKNS` of linux/sockios.h, netdevice(7), Linux 4.10.
pub(super) fn namespace_of_socket(socket: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    /// Libraries differ in the type of the second argument.
    const SIOCGSKNS: u16 = 0x894c;
    // SAFETY: the request takes no argument and touches no memory of this process.
    let fd = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSKNS.into()) };
    if fd < 0 {
        return Err(errno_of(io::Error::last_os_error()));
    }
    // SAFETY: the kernel has just opened it for this caller, which alone has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// How many messages the kernel could not deliver to a socket, because its buffer was full.
///
/// # Sources
/// `SO_MEMINFO` of asm-generic/socket.h and `SK_MEMINFO_DROPS` of linux/sock_diag.h, Linux 4.12.
pub(super) fn dropped_messages(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
    /// The libc crate lacks it on Android.
    const SO_MEMINFO: libc::c_int = 55;
    const SK_MEMINFO_DROPS: usize = 8;
    let mut numbers = [0_u32; SK_MEMINFO_DROPS + 1];
    let mut length = libc::socklen_t::try_from(size_of_val(&numbers)).map_err(|_| Errno::INVAL)?;
    let (option, value) = (SO_MEMINFO, numbers.as_mut_ptr().cast());
    // SAFETY: the value has room for as many bytes as `length` says, and both are writable.
    match unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, &raw mut length) } {
        0 => numbers.last().copied().ok_or(Errno::INVAL),
        _ => Err(errno_of(io::Error::last_os_error())),
    }
}

/// Sends a signal to the process of a descriptor. rustix has the call for signals with a name; this one takes any
/// number, 0 (only check) and real-time signals too.
///
/// # Sources
/// pidfd_send_signal(2), Linux 5.1.
pub(super) fn pidfd_send_signal(process: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    let no_information: *const libc::siginfo_t = std::ptr::null();
    let (fd, flags): (_, libc::c_uint) = (process.as_raw_fd(), 0);
    // SAFETY: without information the kernel makes that of kill(2); the call touches no memory of this process.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_information, flags) } {
        0 => Ok(()),
        _ => Err(errno_of(io::Error::last_os_error())),
    }
}

/// The number of processors that the calling thread may run on.
///
/// Fails with `EINVAL` on a kernel built for more than 1,024 processors.
///
/// # Sources
/// sched_getaffinity(2).
pub(super) fn processors_allowed() -> Result<u32, Errno> {
    // The bytes of `cpu_set_t`. The kernel writes whole words of the size of a pointer, of either byte order: the number
    // of bits is the same.
    let mut set = [0_u64; 1024 / 64];
    // SAFETY: the set is writable, of the size given, and aligned for words; 0 is the calling thread.
    let answer = unsafe { libc::sched_getaffinity(0, size_of_val(&set), set.as_mut_ptr().cast()) };
    if answer < 0 {
        Err(errno_of(io::Error::last_os_error()))
    } else {
        Ok(set.iter().map(|word| word.count_ones()).sum())
    }
}

/// Asks the kernel for huge pages where a list will grow, if that are megabytes: each page that is touched for the first time takes
/// half a microsecond to two, which for a hundred thousand rows is a third of the time of a listing. It is advice: the kernel may
/// have none, or be told to give none.
///
/// # Sources
/// madvise(2), `MADV_HUGEPAGE`; the kernel's Documentation/admin-guide/mm/transhuge.rst.
#[cfg(feature = "bpf")]
pub(super) fn advise_huge_pages<T>(list: &mut Vec<T>) {
    /// A huge page of most processors.
    const WORTH: usize = 2 << 20;
    let room = list.spare_capacity_mut();
    if size_of_val(room) < WORTH {
        return;
    }
    // SAFETY: it takes a constant and touches no memory.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page @ 1..) = usize::try_from(page) else { return };
    // From the beginning of its page, or the mapping would be of two kinds.
    let start = room.as_mut_ptr().cast::<libc::c_void>();
    let before = start.addr() % page;
    let length = size_of_val(room) + before;
    // SAFETY: the advice leaves as it is what memory has and what may be done with it: that of the list, and what shares its
    // first page. Nothing can be done about a failure.
    let _ = unsafe { libc::madvise(start.wrapping_byte_sub(before), length, libc::MADV_HUGEPAGE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_shares_its_descriptors_with_itself() {
        let own = std::process::id();
        assert_eq!(compare_descriptor_tables(own, own), Ok(Ordering::Equal));
        assert_eq!(compare_descriptor_tables(own, u32::MAX), Err(Errno::SRCH));
    }

    #[test]
    fn descriptors_of_one_open_file_are_equal_and_others_are_not() {
        let own = std::process::id();
        let file = std::fs::File::open("/dev/null").unwrap();
        let (copy, other) = (file.try_clone().unwrap(), std::fs::File::open("/dev/null").unwrap());
        let compare = |fd: &std::fs::File| compare_files((own, file.as_raw_fd()), (own, fd.as_raw_fd()));
        assert_eq!(compare(&copy), Ok(Ordering::Equal));
        assert_ne!(compare(&other).unwrap(), Ordering::Equal);
        assert_eq!(compare_files((own, file.as_raw_fd()), (own, i32::MAX)), Err(Errno::BADF));
    }

    #[test]
    fn processors_are_those_of_the_status_file() {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:")).unwrap();
        let bits = mask.chars().filter_map(|digit| digit.to_digit(16)).map(u32::count_ones).sum();
        assert_eq!(processors_allowed(), Ok(bits));
    }
}
