//! Services: by their tags, and by the processes that they run in.
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use crate::sys::windows::ffi::common::ffi::{MAX_TEXT, last_error, length, optional_function};
use std::ptr;
use windows_sys::Win32::Foundation::{ERROR_MORE_DATA, LocalFree};
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, ENUM_SERVICE_STATUS_PROCESSW, EnumServicesStatusExW, OpenSCManagerW,
    SC_ENUM_PROCESS_INFO, SC_HANDLE, SC_MANAGER_ENUMERATE_SERVICE, SERVICE_ACTIVE, SERVICE_WIN32,
};
use windows_sys::core::w;

/// `SC_SERVICE_TAG_QUERY`, undocumented; from System Informer (`phnt/include/subprocesstag.h`, 2026).
#[repr(C)]
struct ServiceTagQuery {
    process_id: u32,
    service_tag: u32,
    tag_type: u32,
    /// To be freed with `LocalFree`.
    name: *mut u16,
}

const _: () = assert!(size_of::<ServiceTagQuery>() == if size_of::<usize>() == 8 { 24 } else { 16 });

/// `I_QueryTagInformation`, from the same header.
type QueryTag = unsafe extern "system" fn(*const u16, i32, *mut ServiceTagQuery) -> u32;

/// `TagInfoLevelNameFromTag`.
const NAME_FROM_TAG: i32 = 1;

pub(crate) fn service(pid: u32, tag: u32) -> Option<Vec<u16>> {
    let name = c"I_QueryTagInformation";
    let function =
        optional_function(w!("sechost.dll"), name).or_else(|| optional_function(w!("advapi32.dll"), name))?;
    // SAFETY: the function has that type.
    let function = unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, QueryTag>(function) };
    let mut query = ServiceTagQuery { process_id: pid, service_tag: tag, tag_type: 0, name: ptr::null_mut() };
    // SAFETY: no name means this machine; the structure is that of the level. The returned number is undocumented and
    // ignored: the call has succeeded if it has set a name.
    unsafe { function(ptr::null(), NAME_FROM_TAG, &mut query) };
    if query.name.is_null() {
        return None;
    }
    // SAFETY: the string is NUL-terminated.
    let service = unsafe { text_at(query.name) };
    // SAFETY: the call allocated the string for its caller, and it is not used after this.
    unsafe { LocalFree(query.name.cast()) };
    Some(service)
}

/// The text at an address, to its NUL.
///
/// # Safety
/// `start` points to units that are valid for reads up to a NUL.
unsafe fn text_at(start: *const u16) -> Vec<u16> {
    let mut text = Vec::new();
    for index in 0..MAX_TEXT {
        // SAFETY: by the caller's promise, since no unit before this one was the NUL.
        let unit = unsafe { start.add(index).read() };
        if unit == 0 {
            break;
        }
        text.push(unit);
    }
    text
}

/// The connection to the service control manager, closed on drop.
struct Manager(SC_HANDLE);

impl Drop for Manager {
    fn drop(&mut self) {
        // SAFETY: the handle is valid and owned by this value alone, so it is closed once.
        unsafe { CloseServiceHandle(self.0) };
    }
}

/// The most that one call returns, as documented: 256 KiB.
const LIST_BYTES: usize = 256 * 1024;

/// More services than any machine has, some thousand a call.
const MAX_CALLS: usize = 16;

pub(crate) fn running_services() -> Result<Vec<(u32, Vec<u16>)>, u32> {
    // SAFETY: no names mean this machine and its active services.
    let manager = unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_ENUMERATE_SERVICE) };
    if manager.is_null() {
        return Err(last_error());
    }
    let manager = Manager(manager);
    // u64 keeps the pointers in it aligned.
    let mut buffer = vec![0_u64; LIST_BYTES / size_of::<u64>()];
    let mut services = Vec::new();
    let mut resume = 0;
    for _ in 0..MAX_CALLS {
        let (mut needed, mut count) = (0, 0);
        let size = length(size_of_val(&*buffer));
        // SAFETY: the handle is open with the right for it; the buffer has `size` bytes; the numbers are valid for writes; no
        // name means all groups.
        let done = unsafe {
            EnumServicesStatusExW(
                manager.0,
                SC_ENUM_PROCESS_INFO,
                SERVICE_WIN32,
                SERVICE_ACTIVE,
                buffer.as_mut_ptr().cast(),
                size,
                &mut needed,
                &mut count,
                &mut resume,
                ptr::null(),
            )
        };
        let status = if done == 0 { last_error() } else { 0 };
        if !matches!(status, 0 | ERROR_MORE_DATA) {
            return Err(status);
        }
        let first: *const ENUM_SERVICE_STATUS_PROCESSW = buffer.as_ptr().cast();
        for index in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: the buffer begins with `count` such structures, and is aligned for them.
            let service = unsafe { first.add(index).read() };
            let pid = service.ServiceStatusProcess.dwProcessId;
            if pid != 0 && !service.lpServiceName.is_null() {
                // SAFETY: the name is NUL-terminated, in the same buffer.
                services.push((pid, unsafe { text_at(service.lpServiceName) }));
            }
        }
        if status == 0 {
            return Ok(services);
        }
    }
    Err(ERROR_MORE_DATA)
}
