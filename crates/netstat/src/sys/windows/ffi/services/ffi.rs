//! Services by their tags.
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use crate::sys::windows::ffi::common::ffi::{MAX_TEXT, optional_function};
use std::ptr;
use windows_sys::Win32::Foundation::LocalFree;
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
    let mut service = Vec::new();
    for index in 0..MAX_TEXT {
        // SAFETY: the string is NUL-terminated, and no unit before this one was the NUL.
        let unit = unsafe { query.name.add(index).read() };
        if unit == 0 {
            break;
        }
        service.push(unit);
    }
    // SAFETY: the call allocated the string for its caller, and it is not used after this.
    unsafe { LocalFree(query.name.cast()) };
    Some(service)
}
