//! Processes: their list, the paths of their programs, and their termination.
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use crate::sys::windows::ffi::common::ffi::{
    Handle, MAX_TEXT, last_error, length, open_process, open_process_for, optional_function, read_text,
};
use crate::sys::windows::kernel::Answer;
use std::ptr;
use windows_sys::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemProcessInformation};
use windows_sys::Win32::Foundation::{
    APPMODEL_ERROR_NO_PACKAGE, ERROR_CALL_NOT_IMPLEMENTED, ERROR_INSUFFICIENT_BUFFER, FILETIME, HANDLE,
    UNICODE_STRING,
};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, GetProcessTimes, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_TERMINATE,
    QueryFullProcessImageNameW, TerminateProcess,
};
use windows_sys::core::w;

/// `SystemProcessIdInformation`, which the headers lack.
const SYSTEM_PROCESS_ID_INFORMATION_CLASS: i32 = 88;

/// `SYSTEM_PROCESS_ID_INFORMATION`.
#[repr(C)]
struct SystemProcessIdInformation {
    process_id: usize,
    image_name: UNICODE_STRING,
}

const _: () =
    assert!(size_of::<SystemProcessIdInformation>() == if size_of::<usize>() == 8 { 24 } else { 12 });

/// `STILL_ACTIVE`: the exit code of a running process.
const STILL_ACTIVE: u32 = 259;

/// The exit code of a terminated process, as Task Manager sets it.
const EXIT_CODE: u32 = 1;

/// The bits of an `NTSTATUS`.
fn status_bits(status: i32) -> u32 {
    u32::from_ne_bytes(status.to_ne_bytes())
}

/// A `FILETIME` as one number.
pub(crate) fn filetime(time: FILETIME) -> i64 {
    let number = u64::from(time.dwLowDateTime) | u64::from(time.dwHighDateTime) << 32;
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn process_information(buffer: &mut [u8]) -> Answer {
    let (start, size) = (buffer.as_mut_ptr().cast(), length(buffer.len()));
    let mut used = 0;
    // SAFETY: the buffer is valid for writes of `size` bytes, and aligned to 8.
    let status = unsafe { NtQuerySystemInformation(SystemProcessInformation, start, size, &mut used) };
    Answer { status: status_bits(status), bytes: usize::try_from(used).unwrap_or(usize::MAX) }
}

pub(crate) fn image_name(pid: u32, buffer: &mut [u16]) -> Answer {
    let maximum = u16::try_from(size_of_val(buffer)).unwrap_or(u16::MAX - 1);
    let image_name = UNICODE_STRING { Length: 0, MaximumLength: maximum, Buffer: buffer.as_mut_ptr() };
    let mut query = SystemProcessIdInformation { process_id: pid as usize, image_name };
    let size = length(size_of_val(&query));
    let class = SYSTEM_PROCESS_ID_INFORMATION_CLASS;
    // SAFETY: the structure is that of the class, its length exact; the buffer inside is valid for writes of
    // `MaximumLength` bytes. A null pointer leaves out the returned length.
    let status = unsafe { NtQuerySystemInformation(class, (&raw mut query).cast(), size, ptr::null_mut()) };
    let status = status_bits(status);
    // A null pointer, or one to other memory: the process has no name.
    let name = query.image_name;
    let is_ours = ptr::eq(name.Buffer, buffer.as_ptr());
    let bytes = match status {
        0 if is_ours => name.Length.min(maximum).into(),
        0 => 0,
        _ => name.MaximumLength.into(),
    };
    Answer { status, bytes }
}

pub(crate) fn image_path(pid: u32) -> Result<Vec<u16>, u32> {
    let process = open_process(pid)?;
    let mut call = |buffer: &mut [u16]| {
        let mut size = length(buffer.len());
        // SAFETY: the handle is open with the right for it; the buffer has `size` units.
        let done = unsafe { QueryFullProcessImageNameW(process.0, 0, buffer.as_mut_ptr(), &mut size) };
        if done == 0 { 0 } else { usize::try_from(size).unwrap_or(0) }
    };
    read_text(&mut call).ok_or_else(last_error)
}

/// `GetPackageFamilyName` of appmodel.h, since Windows 8.
type PackageFamilyName = unsafe extern "system" fn(HANDLE, *mut u32, *mut u16) -> u32;

pub(crate) fn package(pid: u32) -> Result<Vec<u16>, u32> {
    let function = optional_function(w!("kernel32.dll"), c"GetPackageFamilyName");
    let function = function.ok_or(ERROR_CALL_NOT_IMPLEMENTED)?;
    // SAFETY: the function has that type.
    let function =
        unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, PackageFamilyName>(function) };
    let process = open_process(pid)?;
    // A name of a family has at most 64 units and a NUL (`PACKAGE_FAMILY_NAME_MAX_LENGTH`).
    for size in [128, MAX_TEXT] {
        let mut name = vec![0; size];
        let mut units = length(size);
        // SAFETY: the handle is open with the right for it; the buffer has `units` units.
        match unsafe { function(process.0, &mut units, name.as_mut_ptr()) } {
            0 => {
                // With the NUL.
                name.truncate(usize::try_from(units).unwrap_or(0).saturating_sub(1));
                return Ok(name);
            }
            APPMODEL_ERROR_NO_PACKAGE => return Ok(Vec::new()),
            ERROR_INSUFFICIENT_BUFFER => {}
            status => return Err(status),
        }
    }
    Err(ERROR_INSUFFICIENT_BUFFER)
}

pub(crate) fn terminate(pid: u32, created_at: i64) -> Result<bool, u32> {
    let process = open_process_for(pid, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE)?;
    // While the handle is open, no other process gets this pid.
    if created(&process)? != created_at || has_ended(&process) {
        return Ok(false);
    }
    // SAFETY: the handle is open with the right for it.
    if unsafe { TerminateProcess(process.0, EXIT_CODE) } != 0 {
        return Ok(true);
    }
    let code = last_error();
    // Windows denies access to a process that has ended in the meantime. (Wine does not.)
    if has_ended(&process) { Ok(false) } else { Err(code) }
}

/// When a process was created.
fn created(process: &Handle) -> Result<i64, u32> {
    let mut times = [FILETIME::default(); 4];
    let [created, exited, kernel, user] = &mut times;
    // SAFETY: the handle is open with the right for it, and each pointer is valid for writes.
    if unsafe { GetProcessTimes(process.0, created, exited, kernel, user) } == 0 {
        return Err(last_error());
    }
    Ok(filetime(*created))
}

/// Whether a process has ended. (One that ended with the code 259 counts as running.)
fn has_ended(process: &Handle) -> bool {
    let mut code = 0;
    // SAFETY: the handle is open with the right for it, and `code` is valid for writes.
    unsafe { GetExitCodeProcess(process.0, &mut code) != 0 && code != STILL_ACTIVE }
}
