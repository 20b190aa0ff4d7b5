//! `atexit` of the C library: runs a function when the test program ends.
#![allow(unsafe_code)]

use std::ffi::c_int;

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

/// Runs a function when the program ends by `exit` or by the end of `main`. A forked child ends by `_exit` and does
/// not run it.
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: the function is a static one, takes nothing, and lives as long as the program.
    // Without memory it is not registered, and the program ends without it.
    let _ = unsafe { atexit(function) };
}
