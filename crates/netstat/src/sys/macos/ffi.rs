//! The calls to libSystem: the real kernel behind the seam.
#![cfg(all(target_vendor = "apple", not(netstat_test_unsupported)))]
#![allow(unsafe_code, reason = "foreign calls are in files of this name")]

use super::kernel::{Kernel, Returned};
use super::system::Macos;
use std::ffi::{CStr, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use std::ptr;

/// The real kernel.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Xnu;

/// The system of this build.
pub(crate) type Native = Macos<Xnu>;

/// Nothing is cached.
pub(crate) type Cache = ();

pub(crate) use crate::engine::no_reports::NoReports as Reports;

// libproc.h, a part of libSystem. libc declares these functions for macOS only.
unsafe extern "C" {
    fn proc_listpids(kind: u32, typeinfo: u32, buffer: *mut c_void, buffersize: c_int) -> c_int;
    fn proc_pidinfo(pid: c_int, flavor: c_int, arg: u64, buffer: *mut c_void, buffersize: c_int) -> c_int;
    fn proc_pidfdinfo(pid: c_int, fd: c_int, flavor: c_int, buffer: *mut c_void, buffersize: c_int) -> c_int;
    fn proc_pidfileportinfo(
        pid: c_int,
        fileport: u32,
        flavor: c_int,
        buffer: *mut c_void,
        buffersize: c_int,
    ) -> c_int;
    fn proc_pidpath(pid: c_int, buffer: *mut c_void, buffersize: u32) -> c_int;
    fn csops(pid: c_int, operation: u32, buffer: *mut c_void, size: usize) -> c_int;
}

fn set_errno(value: c_int) {
    // SAFETY: `__error` returns the address of the calling thread's errno, valid and aligned as long as the
    // thread lives; this thread has no other reference to it.
    unsafe { *libc::__error() = value }
}

/// Makes a call with errno cleared, since 0 means an error only if it was set.
fn returned(call: impl FnOnce() -> c_int) -> Returned {
    set_errno(0);
    let value = call();
    // SAFETY: as in `set_errno`; the value is an initialised integer.
    let errno = unsafe { *libc::__error() };
    Returned { value, errno }
}

/// The pointer and the length of a buffer. No buffer is a null pointer and 0.
fn raw(buffer: Option<&mut [u8]>) -> (*mut c_void, c_int) {
    match buffer {
        None => (ptr::null_mut(), 0),
        // The calls take an int: a longer buffer is used in part.
        Some(buffer) => (buffer.as_mut_ptr().cast(), c_int::try_from(buffer.len()).unwrap_or(c_int::MAX)),
    }
}

impl Kernel for Xnu {
    /// The back end is the same on the other systems of Apple, where a sandbox leaves the caller's own sockets.
    const SYSTEM: &'static str = if cfg!(target_os = "macos") { "macos" } else { "apple" };

    fn sysctl(&self, name: &CStr, buffer: Option<&mut [u8]>) -> (Returned, usize) {
        let (pointer, mut length) = match buffer {
            None => (ptr::null_mut(), 0),
            Some(buffer) => (buffer.as_mut_ptr().cast::<c_void>(), buffer.len()),
        };
        let room = length;
        let answer = returned(|| {
            // SAFETY: `name` ends with NUL. `pointer` is null, or points to `length` writable bytes that are
            // borrowed for the call; the kernel writes at most that many, and stores their number in
            // `length`. There is no new value: null and 0.
            unsafe { libc::sysctlbyname(name.as_ptr(), pointer, &raw mut length, ptr::null_mut(), 0) }
        });
        // Without a buffer, `length` is the size of the value.
        (answer, if pointer.is_null() { length } else { length.min(room) })
    }

    fn proc_listpids(&self, kind: u32, typeinfo: u32, buffer: Option<&mut [u8]>) -> Returned {
        let (pointer, size) = raw(buffer);
        // SAFETY: `pointer` is null with size 0, or points to `size` writable bytes that are borrowed for the
        // call; the kernel writes no more than fit.
        returned(|| unsafe { proc_listpids(kind, typeinfo, pointer, size) })
    }

    fn proc_pidinfo(&self, pid: i32, flavor: i32, arg: u64, buffer: Option<&mut [u8]>) -> Returned {
        let (pointer, size) = raw(buffer);
        // SAFETY: as in `proc_listpids`; a flavor with a structure that does not fit writes nothing.
        returned(|| unsafe { proc_pidinfo(pid, flavor, arg, pointer, size) })
    }

    fn proc_pidfdinfo(&self, pid: i32, fd: i32, flavor: i32, buffer: &mut [u8]) -> Returned {
        let (pointer, size) = raw(Some(buffer));
        // SAFETY: `pointer` points to `size` writable bytes that are borrowed for the call; a flavor with a
        // structure that does not fit writes nothing.
        returned(|| unsafe { proc_pidfdinfo(pid, fd, flavor, pointer, size) })
    }

    fn proc_pidfileportinfo(&self, pid: i32, port: u32, flavor: i32, buffer: &mut [u8]) -> Returned {
        let (pointer, size) = raw(Some(buffer));
        // SAFETY: as in `proc_pidfdinfo`.
        returned(|| unsafe { proc_pidfileportinfo(pid, port, flavor, pointer, size) })
    }

    fn proc_pidpath(&self, pid: i32, buffer: &mut [u8]) -> Returned {
        let size = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        // SAFETY: the pointer points to `size` writable bytes that are borrowed for the call; the kernel writes
        // no more, with a NUL.
        returned(|| unsafe { proc_pidpath(pid, buffer.as_mut_ptr().cast(), size) })
    }

    fn csops(&self, pid: i32, operation: u32, buffer: &mut [u8]) -> Returned {
        // SAFETY: the pointer points to as many writable bytes as the call is passed, which are borrowed for the call; the
        // kernel writes no more.
        returned(|| unsafe { csops(pid, operation, buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    fn kill(&self, pid: i32, signal: i32) -> Returned {
        // SAFETY: takes numbers, and accesses no memory of this process.
        returned(|| unsafe { libc::kill(pid, signal) })
    }

    fn geteuid(&self) -> u32 {
        // SAFETY: has no arguments, accesses no memory, cannot fail.
        unsafe { libc::geteuid() }
    }

    fn getpid(&self) -> u32 {
        std::process::id()
    }

    fn passwd(&self) -> Vec<u8> {
        let mut text = String::new();
        let _ = crate::etc::lines(crate::sys::users::PASSWD, |line| {
            text.extend([line, "\n"]);
            std::ops::ControlFlow::Continue(())
        });
        text.into_bytes()
    }

    fn interface_name(index: u32) -> Option<String> {
        let mut name = [0_u8; libc::IF_NAMESIZE];
        // SAFETY: the buffer has the length that the call requires, and is borrowed for the call.
        let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast::<c_char>()) };
        if found.is_null() {
            return None;
        }
        CStr::from_bytes_until_nul(&name).ok()?.to_str().ok().map(str::to_owned)
    }

    fn os_string(&self, bytes: Vec<u8>) -> OsString {
        OsString::from_vec(bytes)
    }
}

impl Native {
    /// One listing of this machine.
    pub(crate) fn new(_cache: &Cache) -> Self {
        Self::over(Xnu)
    }
}

/// The layouts that the decoders assume, where libc has the structure too.
#[cfg(target_os = "macos")]
mod layout {
    use netstat_wire::macos::proc_pidinfo as wire;
    use std::mem::{offset_of, size_of};

    const _: () = {
        assert!(size_of::<libc::proc_bsdshortinfo>() == wire::PROC_BSDSHORTINFO_BYTES);
        assert!(offset_of!(libc::proc_bsdshortinfo, pbsi_pid) == 0);
        assert!(offset_of!(libc::proc_bsdshortinfo, pbsi_ppid) == 4);
        assert!(offset_of!(libc::proc_bsdshortinfo, pbsi_status) == 12);
        assert!(offset_of!(libc::proc_bsdshortinfo, pbsi_comm) == 16);
        assert!(offset_of!(libc::proc_bsdshortinfo, pbsi_uid) == 36);
        assert!(offset_of!(libc::proc_bsdshortinfo, pbsi_ruid) == 44);

        assert!(size_of::<libc::proc_bsdinfo>() == wire::PROC_BSDINFO_BYTES);
        assert!(offset_of!(libc::proc_bsdinfo, pbi_start_tvsec) == 120);
        assert!(offset_of!(libc::proc_bsdinfo, pbi_start_tvusec) == 128);

        assert!(libc::PROC_PIDTBSDINFO == wire::PROC_PIDTBSDINFO);
        assert!(libc::PROC_PIDT_SHORTBSDINFO == wire::PROC_PIDT_SHORTBSDINFO);
        assert!(size_of::<libc::pid_t>() == 4);
    };
}
