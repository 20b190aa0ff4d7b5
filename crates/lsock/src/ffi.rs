//! The state of standard output at the start of the process, and the effective user: two calls of the C library.
//!
//! Before `main`, Rust's runtime opens `/dev/null` in place of a closed standard stream, and later its `Stdout` reports success
//! for a write that fails with `EBADF`. So the state is recorded by an initializer, which the loader runs before the runtime.
#![allow(unsafe_code, reason = "calls of the C library, and an initializer in a section of its own")]

#[cfg(unix)]
mod unix {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicBool, Ordering};

    const STDOUT: c_int = 1;
    const F_GETFL: c_int = 3;
    const O_ACCMODE: c_int = 3;
    const O_RDONLY: c_int = 0;

    // SAFETY: the declarations of unistd.h and fcntl.h; geteuid(2) has no preconditions and always succeeds.
    unsafe extern "C" {
        fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
        safe fn geteuid() -> u32;
    }

    static IS_WRITABLE: AtomicBool = AtomicBool::new(true);

    extern "C" fn record() {
        // SAFETY: F_GETFL takes no third argument, and any number is valid as a descriptor.
        let flags = unsafe { fcntl(STDOUT, F_GETFL) };
        IS_WRITABLE.store(flags != -1 && flags & O_ACCMODE != O_RDONLY, Ordering::Relaxed);
    }

    // SAFETY: this section is a list of functions of the C calling convention; `record` ignores the arguments that some
    // loaders pass, and uses nothing that the runtime must prepare.
    #[used]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
    static INITIALIZER: extern "C" fn() = record;

    pub(crate) fn stdout_is_writable() -> bool {
        IS_WRITABLE.load(Ordering::Relaxed)
    }

    pub(crate) fn effective_uid() -> Option<u32> {
        Some(geteuid())
    }
}

#[cfg(unix)]
pub(crate) use unix::{effective_uid, stdout_is_writable};

/// Whether standard output was open for writing when the process started.
#[cfg(not(unix))]
pub(crate) fn stdout_is_writable() -> bool {
    true
}

/// The effective user of this process, on systems with numbered users.
#[cfg(not(unix))]
pub(crate) fn effective_uid() -> Option<u32> {
    None
}
