//! The system calls that rustix lacks, or that would make it much longer to build.
#![allow(unsafe_code, reason = "foreign calls live in files of this name, and here alone")]

use rustix::io::Errno;
use std::cmp::Ordering;

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
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
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

/// The ticks in a second that `/proc` counts times in, `USER_HZ`.
///
/// # Sources
/// sysconf(3), `_SC_CLK_TCK`.
pub(super) fn ticks_per_second() -> u64 {
    // SAFETY: the call takes a number and gives one, and touches no memory of this process.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_process_shares_its_descriptors_with_itself() {
        let own = std::process::id();
        assert_eq!(compare_descriptor_tables(own, own), Ok(Ordering::Equal));
        assert_eq!(compare_descriptor_tables(own, u32::MAX), Err(Errno::SRCH));
    }
}
