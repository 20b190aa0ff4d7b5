//! The system call that rustix lacks, beside those of BPF in `bpf/ffi.rs`.
#![allow(unsafe_code, reason = "foreign calls are made only in files of this name")]

use super::errno::errno_of;
use rustix::io::Errno;
use std::cmp::Ordering;
use std::io;

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
        _ => Err(errno_of(io::Error::last_os_error())),
    }
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
}
