//! The system calls that the standard library lacks, one a function. Those of netlink are in `netlink/ffi.rs`, those
//! of BPF in `bpf/ffi.rs`.
#![allow(unsafe_code, reason = "foreign calls are made only in files of this name")]

use super::errno::Errno;
use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The comparison of two tasks' descriptor tables, `KCMP_FILES` of linux/kcmp.h.
const KCMP_FILES: libc::c_int = 2;

/// Compares the descriptor tables of two tasks (pid or tid): equal when they share one, otherwise in an
/// order that is fixed while both live, good for sorting.
///
/// Fails with `ENOSYS` on kernels built without it (`CONFIG_KCMP`), with `EPERM` when the caller may not
/// trace one of the tasks or a sandbox refuses, with `ESRCH` when one is gone.
///
/// # Sources
/// kcmp(2).
pub(super) fn compare_descriptor_tables(a: u32, b: u32) -> Result<Ordering, Errno> {
    let (Ok(a), Ok(b)) = (libc::pid_t::try_from(a), libc::pid_t::try_from(b)) else {
        return Err(Errno::SRCH);
    };
    let unused: libc::c_ulong = 0;
    // SAFETY: the call takes integers only and touches no memory of this process; the argument types are
    // those of the manual page.
    let answer = unsafe { libc::syscall(libc::SYS_kcmp, a, b, KCMP_FILES, unused, unused) };
    match answer {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        2 | 3 => Ok(Ordering::Greater),
        _ => Err(Errno::last()),
    }
}

/// A descriptor of the process that has this pid now.
///
/// Fails with `ESRCH` when there is none, with `EINVAL` or `ENOENT` when it is the number of a thread, and with `ENOSYS`
/// before Linux 5.3.
///
/// # Sources
/// pidfd_open(2). Not all C libraries have a function for it.
pub(super) fn pidfd_open(pid: u32) -> Result<OwnedFd, Errno> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::SRCH)?;
    let flags: libc::c_uint = 0;
    // SAFETY: the call takes integers only and touches no memory of this process.
    let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
    let fd = libc::c_int::try_from(answer).ok().filter(|fd| *fd >= 0).ok_or_else(Errno::last)?;
    // SAFETY: the kernel has just opened it for this caller, who alone has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the process of a descriptor.
///
/// # Sources
/// pidfd_send_signal(2), Linux 5.1.
pub(super) fn pidfd_send_signal(process: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    let no_information: *const libc::siginfo_t = std::ptr::null();
    let (fd, flags): (_, libc::c_uint) = (process.as_raw_fd(), 0);
    // SAFETY: without information the kernel makes that of kill(2); the call touches no memory of this process.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_information, flags) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// Nanoseconds since the machine was started, time asleep included.
///
/// # Sources
/// clock_gettime(2), `CLOCK_BOOTTIME`.
pub(super) fn nanoseconds_since_boot() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of this function's own, which the call fills in and keeps no hold of.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    if answer != 0 {
        return 0;
    }
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// How many processors this thread may run on. Unlike the standard library it does not read the quotas of control
/// groups, which takes several files and up to a tenth of a millisecond.
///
/// # Sources
/// sched_getaffinity(2). Fails with `EINVAL` on a machine with more than 1,024 processors.
pub(super) fn processors() -> Result<usize, Errno> {
    // SAFETY: a set of processors is an array of numbers, for which all zeros is a value: no processor.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a set of this function's own, with its size, which the call fills in and keeps no hold of.
    let answer = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if answer != 0 {
        return Err(Errno::last());
    }
    // SAFETY: the function reads the set, which is initialised.
    let count = unsafe { libc::CPU_COUNT(&set) };
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Errno::INVAL)
}

/// The ticks in a second that `/proc` counts times in, `USER_HZ`.
///
/// # Sources
/// sysconf(3), `_SC_CLK_TCK`.
pub(super) fn ticks_per_second() -> u64 {
    // SAFETY: the call takes a number and gives one, and touches no memory of this process.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Reads entries of an open directory into the buffer, as many as there is room for, and gives the bytes that were
/// written: none at the end. [`dirent64`](netstat_wire::linux::dirent64) takes the names out of them.
///
/// # Sources
/// getdents64(2), which the C library has under no name that all of them share.
pub(super) fn entries_of<'b>(
    directory: BorrowedFd<'_>,
    buffer: &'b mut [MaybeUninit<u8>],
) -> Result<&'b [u8], Errno> {
    let (fd, start, length) = (directory.as_raw_fd(), buffer.as_mut_ptr(), buffer.len());
    // SAFETY: the buffer may be written to its length.
    let answer = unsafe { libc::syscall(libc::SYS_getdents64, fd, start, length) };
    let written = usize::try_from(answer).map_err(|_| Errno::last())?;
    // SAFETY: the kernel has written so many of them.
    Ok(unsafe { written_part(buffer, written) })
}

/// Where a link leads that lies in a directory; of a text that does not fit into the buffer, the beginning.
///
/// # Sources
/// readlinkat(2).
#[inline]
pub(super) fn link_in<'b>(
    directory: BorrowedFd<'_>,
    name: &CStr,
    buffer: &'b mut [MaybeUninit<u8>],
) -> Result<&'b [u8], Errno> {
    // SAFETY: the name ends with NUL, and the buffer may be written to its length.
    let written = unsafe {
        readlinkat(directory.as_raw_fd(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len())
    }?;
    // SAFETY: the kernel has written so many of them.
    Ok(unsafe { written_part(buffer, written) })
}

/// The one call that is made for every descriptor of the machine, so without the function of the C library around
/// it: on processors whose kernel guards its returns (Zen, "Safe RET"), a call and a return of the caller between
/// two system calls cost a quarter of the call itself, and a walk took a seventh longer. On other
/// processors than x86-64 it is that function.
///
/// # Safety
/// The name ends with NUL, and the buffer may be written to its length.
///
/// # Sources
/// syscall(2): number and answer in `rax`, arguments in `rdi`, `rsi`, `rdx`, `r10`; `rcx` and `r11` are lost.
#[inline]
unsafe fn readlinkat(
    directory: libc::c_int,
    name: *const libc::c_char,
    buffer: *mut u8,
    length: usize,
) -> Result<usize, Errno> {
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    {
        let answer: i64;
        // SAFETY: registers are those of the system calls of this processor; memory is written as the caller allows,
        // and the stack is left alone.
        unsafe {
            std::arch::asm!(
                "syscall",
                inlateout("rax") libc::SYS_readlinkat => answer,
                in("rdi") i64::from(directory),
                in("rsi") name,
                in("rdx") buffer,
                in("r10") length,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        usize::try_from(answer)
            .map_err(|_| Errno::from_raw_os_error(i32::try_from(-answer).unwrap_or(libc::EIO)))
    }
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
    {
        // SAFETY: as the caller promised.
        let answer = unsafe { libc::readlinkat(directory, name, buffer.cast(), length) };
        usize::try_from(answer).map_err(|_| Errno::last())
    }
}

/// The part of a buffer that a call has written, from its start.
///
/// # Safety
/// The call has written so many bytes.
unsafe fn written_part(buffer: &[MaybeUninit<u8>], written: usize) -> &[u8] {
    let part = buffer.get(..written).unwrap_or_default();
    // SAFETY: all of them were written, as the caller promised, and MaybeUninit has the layout of what is in it.
    unsafe { std::slice::from_raw_parts(part.as_ptr().cast(), part.len()) }
}

/// Which kind of file system an open file lies in: its magic number in linux/magic.h.
///
/// # Sources
/// fstatfs(2), `f_type`.
#[cfg(any(feature = "bpf", test))]
pub(super) fn file_system(file: BorrowedFd<'_>) -> Result<i128, Errno> {
    // SAFETY: a structure of numbers, all of which may be zero.
    let mut answer: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the structure is the one of the call, which writes nothing beyond it.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut answer) } != 0 {
        return Err(Errno::last());
    }
    // Of another type on each kind of machine; this one takes them all.
    Ok(i128::from(answer.f_type))
}

/// The same of what a path leads to, for which it is not opened and need not be readable.
///
/// # Sources
/// statfs(2), `f_type`.
pub(super) fn file_system_at(path: &CStr) -> Result<i128, Errno> {
    // SAFETY: a structure of numbers, all of which may be zero.
    let mut answer: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the path ends with NUL, and the structure is the one of the call.
    if unsafe { libc::statfs(path.as_ptr(), &raw mut answer) } != 0 {
        return Err(Errno::last());
    }
    Ok(i128::from(answer.f_type))
}

/// The release of the running kernel, such as `6.1.0-13-amd64`.
///
/// # Sources
/// uname(2).
pub(super) fn kernel_release() -> Vec<u8> {
    // SAFETY: a structure of characters, all of which may be zero.
    let mut name: libc::utsname = unsafe { mem::zeroed() };
    // SAFETY: the structure is the one of the call. It cannot fail with one that may be written.
    unsafe { libc::uname(&raw mut name) };
    // SAFETY: the kernel ends each field with NUL; if it wrote none, they are all NUL.
    unsafe { CStr::from_ptr(name.release.as_ptr()) }.to_bytes().to_vec()
}

/// Advises huge pages for the whole pages of memory that is not written yet. Nothing changes if the kernel has none, or
/// is configured to use none.
///
/// # Sources
/// madvise(2), `MADV_HUGEPAGE`.
pub(super) fn advise_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    // SAFETY: the call takes a number and gives one, and touches no memory of this process.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(0).max(1);
    let bytes = size_of_val(memory);
    let start = memory.as_mut_ptr().cast::<libc::c_void>();
    let before = start.addr().next_multiple_of(page) - start.addr();
    let whole = bytes.saturating_sub(before) / page * page;
    if whole > 0 {
        // SAFETY: so many whole pages of this memory begin there. What is in them stays what it is.
        let _ = unsafe { libc::madvise(start.wrapping_byte_add(before), whole, libc::MADV_HUGEPAGE) };
    }
}

/// The index of a network interface in the network namespace of this thread.
///
/// A name that is too long for one is that of none; some C libraries would cut it, and find another interface.
///
/// # Sources
/// if_nametoindex(3).
pub(super) fn interface_index(name: &CStr) -> Result<u32, Errno> {
    if name.to_bytes().len() >= libc::IF_NAMESIZE {
        return Err(Errno::NODEV);
    }
    // SAFETY: the name ends with NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Errno::last()),
        index => Ok(index),
    }
}

/// The name of a network interface in the network namespace of this thread.
///
/// # Sources
/// if_indextoname(3).
pub(super) fn interface_name(index: u32) -> Result<CString, Errno> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: the call writes `IF_NAMESIZE` characters at the most.
    if unsafe { libc::if_indextoname(index, name.as_mut_ptr()) }.is_null() {
        return Err(Errno::last());
    }
    // SAFETY: on success it has written a name that ends with NUL.
    Ok(unsafe { CStr::from_ptr(name.as_ptr()) }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat_wire::linux::dirent64::Names;
    use std::os::fd::AsFd;

    #[test]
    fn clock_since_boot_runs_and_is_the_one_of_proc_uptime() {
        let before = nanoseconds_since_boot();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let after = nanoseconds_since_boot();
        let (before, after) = (before / 10_000_000, after / 10_000_000 + 1);
        assert!(
            (before..=after).any(|hundredths| (seconds * 100.0).round() == hundredths as f64),
            "{uptime}"
        );
    }

    #[test]
    fn release_is_the_one_in_proc() {
        let release = std::fs::read("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(kernel_release(), release.strip_suffix(b"\n").unwrap());
    }

    #[test]
    fn interfaces_have_a_name_for_an_index_and_an_index_for_a_name() {
        let index = interface_index(c"lo").unwrap();
        assert_eq!(interface_name(index).as_deref(), Ok(c"lo"));
        assert!(interface_index(c"no-such0").is_err());
        assert_eq!(interface_index(c"no-such-interface"), Err(Errno::NODEV));
        assert!(interface_name(u32::MAX >> 1).is_err());
    }

    #[test]
    fn entries_of_a_directory_come_until_there_are_no_more_and_links_are_cut_at_the_room() {
        let directory = std::fs::File::open("/proc/self/fd").unwrap();
        let own = directory.as_raw_fd().to_string();
        // Room for one or two at a time.
        let mut buffer = [MaybeUninit::uninit(); 64];
        let mut found = Vec::new();
        loop {
            let entries = entries_of(directory.as_fd(), &mut buffer).unwrap();
            if entries.is_empty() {
                break;
            }
            found.extend(Names::new(entries).map(|name| name.unwrap().to_owned()));
        }
        let name = found.into_iter().find(|name| name.to_bytes() == own.as_bytes()).unwrap();
        let link = |room| {
            link_in(directory.as_fd(), &name, &mut vec![MaybeUninit::uninit(); room]).map(<[u8]>::to_vec)
        };
        let whole = format!("/proc/{}/fd", std::process::id());
        assert_eq!(link(64).unwrap(), whole.as_bytes());
        assert_eq!(link(5).unwrap(), b"/proc");
        let missing = link_in(directory.as_fd(), c"no such", &mut buffer);
        assert_eq!(missing, Err(Errno::NOENT));
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(entries_of(file.as_fd(), &mut buffer).is_err(), "a file has none");
        let proc = Ok(i128::from(libc::PROC_SUPER_MAGIC));
        assert_eq!((file_system(directory.as_fd()), file_system_at(c"/proc")), (proc, proc));
        assert_eq!(file_system_at(c"/proc/no such"), Err(Errno::NOENT));
    }

    #[test]
    fn a_process_shares_its_descriptors_with_itself() {
        let own = std::process::id();
        assert_eq!(compare_descriptor_tables(own, own), Ok(Ordering::Equal));
        assert_eq!(compare_descriptor_tables(own, u32::MAX), Err(Errno::SRCH));
    }
}
