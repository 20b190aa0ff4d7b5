//! System calls without a safe wrapper elsewhere: `wait4`, and those of `bpf`.
#![allow(unsafe_code, reason = "neither has a safe form")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// How a child ended, and the resources that it used.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Its processor time, in user mode and in the kernel, and that of the children that it waited for.
    pub(crate) cpu: Duration,
    /// Its peak memory.
    pub(crate) peak_kib: u64,
}

/// Waits for this child.
///
/// # Errors
/// There is no such child.
pub(crate) fn wait4(pid: u32) -> io::Result<Ended> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to live variables of the types that the call writes.
        let result = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        if result == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: a struct of integers alone, which were zero before the call wrote them.
    let usage = unsafe { usage.assume_init() };
    Ok(Ended {
        status: ExitStatus::from_raw(status),
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    })
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let microseconds = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(microseconds)
}

/// A program for an iterator of the kernel that does nothing: `return 0`. `function` is the id of `bpf_iter_NAME`
/// in the kernel's BTF.
///
/// # Errors
/// Permission denied without the rights for BPF; the kernel has no such iterator.
pub(crate) fn load_empty_iterator(function: u32) -> io::Result<OwnedFd> {
    /// The part of `union bpf_attr` for BPF_PROG_LOAD, in the order of `linux/bpf.h`.
    #[repr(C)]
    struct Load {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log: [u64; 2],
        kern_version: u32,
        prog_flags: u32,
        prog_name: [u8; 16],
        prog_ifindex: u32,
        expected_attach_type: u32,
        debug_info: [u64; 4],
        line_info_cnt: u32,
        attach_btf_id: u32,
        attach_prog_fd: u64,
    }
    const { assert!(std::mem::offset_of!(Load, attach_btf_id) == 108 && size_of::<Load>() == 120) }
    const PROG_LOAD: libc::c_int = 5;
    const TYPE_TRACING: u32 = 26;
    // BPF_ALU64 | BPF_MOV | BPF_K on r0, and BPF_JMP | BPF_EXIT: `r0 = 0; exit`.
    let instructions: [[u8; 8]; 2] = [[0xb7, 0, 0, 0, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    // Any license will do: the program calls no function that requires one.
    let license = c"Dual MIT/GPL";
    let load = Load {
        prog_type: TYPE_TRACING,
        insn_cnt: 2,
        insns: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log: [0; 2],
        kern_version: 0,
        prog_flags: 0,
        prog_name: *b"empty\0\0\0\0\0\0\0\0\0\0\0",
        prog_ifindex: 0,
        expected_attach_type: TRACE_ITER,
        debug_info: [0; 4],
        line_info_cnt: 0,
        attach_btf_id: function,
        attach_prog_fd: 0,
    };
    // SAFETY: `insns` points to `insn_cnt` instructions and `license` to a text with its NUL, which both live
    // through the call; there is no log. The kernel checks the program before it takes it.
    unsafe { bpf(PROG_LOAD, &load) }
}

/// BPF_TRACE_ITER
const TRACE_ITER: u32 = 28;

/// Attaches a program to its iterator.
///
/// # Errors
/// As [`load_empty_iterator`].
pub(crate) fn link_iterator(program: &OwnedFd) -> io::Result<OwnedFd> {
    const LINK_CREATE: libc::c_int = 28;
    let create = [number(program), 0, TRACE_ITER, 0];
    // SAFETY: `prog_fd`, `target_fd`, `attach_type` and `flags`: no pointers.
    unsafe { bpf(LINK_CREATE, &create) }
}

/// A descriptor of which a read to the end is one run of a linked iterator.
///
/// # Errors
/// As [`load_empty_iterator`].
pub(crate) fn create_iterator(link: &OwnedFd) -> io::Result<OwnedFd> {
    const ITER_CREATE: libc::c_int = 33;
    let create = [number(link), 0];
    // SAFETY: `link_fd` and `flags`: no pointers.
    unsafe { bpf(ITER_CREATE, &create) }
}

fn number(fd: &OwnedFd) -> u32 {
    // An open descriptor is not negative.
    u32::try_from(fd.as_raw_fd()).unwrap_or(u32::MAX)
}

/// A command of bpf(2) that returns a descriptor.
///
/// # Safety
/// `attribute` is what the command takes, and what it points to lives through the call.
unsafe fn bpf<A>(command: libc::c_int, attribute: &A) -> io::Result<OwnedFd> {
    let attribute: *const A = attribute;
    // SAFETY: the kernel reads as many bytes as the size says, from a live value; the rest is the callers' part.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attribute, size_of::<A>()) };
    match RawFd::try_from(result) {
        // SAFETY: these commands return a new descriptor, which nothing else owns yet.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
