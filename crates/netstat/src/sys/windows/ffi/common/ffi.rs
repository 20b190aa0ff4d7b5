//! Handles, buffers and optional functions, as all calls need them.
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use std::ffi::CStr;
use windows_sys::Win32::Foundation::{CloseHandle, GetLastError, HANDLE, HMODULE};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::{OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION};

/// The longest text that a call gets space for: that of a path.
pub(crate) const MAX_TEXT: usize = 32_768;

/// A length as a `DWORD`. A longer buffer is used in part.
pub(crate) fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(crate) fn last_error() -> u32 {
    // SAFETY: the call has no argument and reads a number of this thread.
    unsafe { GetLastError() }
}

/// A handle, closed on drop.
pub(crate) struct Handle(pub(crate) HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is valid and owned by this value alone, so it is closed once.
        unsafe { CloseHandle(self.0) };
    }
}

/// Opens a process with the least right that queries take.
pub(crate) fn open_process(pid: u32) -> Result<Handle, u32> {
    open_process_for(pid, PROCESS_QUERY_LIMITED_INFORMATION)
}

pub(crate) fn open_process_for(pid: u32, rights: u32) -> Result<Handle, u32> {
    // SAFETY: the call takes numbers only.
    let handle = unsafe { OpenProcess(rights, 0, pid) };
    if handle.is_null() { Err(last_error()) } else { Ok(Handle(handle)) }
}

/// A function of a loaded library by name; `None` if the library has no such function.
pub(crate) fn optional_function(
    library: *const u16,
    name: &CStr,
) -> Option<unsafe extern "system" fn() -> isize> {
    // SAFETY: a NUL-terminated string. The call adds no reference to the library; the callers name libraries that
    // this program imports, which are never unloaded.
    let module: HMODULE = unsafe { GetModuleHandleW(library) };
    if module.is_null() {
        return None;
    }
    // SAFETY: the module is loaded, and the name is NUL-terminated.
    unsafe { GetProcAddress(module, name.as_ptr().cast()) }
}

/// Text that a call writes into a buffer, which is enlarged once. `call` returns the number of units written; 0, or more
/// than the buffer has: it was too small.
pub(crate) fn read_text(call: &mut dyn FnMut(&mut [u16]) -> usize) -> Option<Vec<u16>> {
    for size in [260, MAX_TEXT] {
        let mut text = vec![0; size];
        let written = call(&mut text);
        if (1..size).contains(&written) {
            text.truncate(written);
            return Some(text);
        }
    }
    None
}
