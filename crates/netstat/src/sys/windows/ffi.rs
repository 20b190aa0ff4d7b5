//! The calls of Windows.
//!
//! What Windows 10 1809 and Wine have is linked; what they lack, or what is not documented, is looked up when
//! it is used, and may be absent.
#![cfg(windows)]
#![allow(unsafe_code, reason = "foreign calls live in files of this name, and here alone")]

use super::kernel::{Account, Answer, Clock, Kernel};
use super::request::{Class, Table};
use super::system::Windows;
use crate::model::protocol::Protocol;
use netstat_wire::windows::{Family, tcp_table, utf_16};
use std::ffi::{CStr, OsString, c_void};
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::ptr;
use windows_sys::Wdk::System::SystemInformation::{NtQuerySystemInformation, SystemProcessInformation};
use windows_sys::Win32::Foundation::{
    CloseHandle, FILETIME, GetLastError, HANDLE, HMODULE, LocalFree, RtlNtStatusToDosError, UNICODE_STRING,
};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    ConvertInterfaceIndexToLuid, ConvertInterfaceLuidToAlias, GetExtendedTcpTable, GetExtendedUdpTable,
    TCP_TABLE_OWNER_MODULE_ALL, TCP_TABLE_OWNER_MODULE_LISTENER, TCP_TABLE_OWNER_PID_ALL,
    TCP_TABLE_OWNER_PID_LISTENER, UDP_TABLE_OWNER_MODULE, UDP_TABLE_OWNER_PID,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::Security::Authentication::Identity::{
    GetUserNameExW, LSA_HANDLE, LSA_OBJECT_ATTRIBUTES, LsaClose, LsaFreeMemory, LsaOpenPolicy,
    LsaQueryInformationPolicy, NameSamCompatible, POLICY_ACCOUNT_DOMAIN_INFO, POLICY_VIEW_LOCAL_INFORMATION,
    PolicyAccountDomainInformation,
};
use windows_sys::Win32::Security::{
    GetLengthSid, GetTokenInformation, IsValidSid, LookupAccountSidW, PSID, SID_NAME_USE, TOKEN_QUERY,
    TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{GetLogicalDrives, QueryDosDeviceW};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapFree, HeapSize};
use windows_sys::Win32::System::SystemInformation::{
    GetSystemTimeAsFileTime, GetSystemWindowsDirectoryW, GetTickCount64,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetExitCodeProcess, GetProcessTimes, OpenProcess, OpenProcessToken,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_TERMINATE, QueryFullProcessImageNameW, TerminateProcess,
};
use windows_sys::core::w;

/// `AF_INET`, `AF_INET6`.
const fn address_family(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 2,
        Family::Ipv6 => 23,
    }
}

/// `SystemProcessIdInformation`, which the headers lack.
const SYSTEM_PROCESS_ID_INFORMATION_CLASS: i32 = 88;

/// `STATUS_INVALID_INFO_CLASS` and the like stand in this range; Win32 codes do not.
const FIRST_NTSTATUS: u32 = 0x4000_0000;

/// `STILL_ACTIVE`: the exit code of a process that runs.
const STILL_ACTIVE: u32 = 259;

/// What a terminated process ends with, as when the task manager ends it.
const EXIT_CODE: u32 = 1;

/// The longest text that the calls here are given room for: that of a path.
const LONGEST: usize = 32_768;

/// Windows itself.
pub(crate) struct Win32;

/// The system of this build.
pub(crate) type Native = Windows<Win32>;

/// There is nothing to keep.
pub(crate) type Cache = ();

impl Native {
    /// For one listing.
    pub(crate) fn new(_cache: &Cache) -> Self {
        Self::over(Win32)
    }
}

/// A length as the calls want it; more than they can be told is not offered to them.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn last_error() -> u32 {
    // SAFETY: the call has no argument and reads a number of this thread.
    unsafe { GetLastError() }
}

/// A handle that is closed with its owner.
struct Owned(HANDLE);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the handle came from a call that gives it to the caller, and nobody else closes it.
        unsafe { CloseHandle(self.0) };
    }
}

/// Opens a process with the least right there is: what it runs, whose it is, when it was created.
fn open_process(pid: u32) -> Result<Owned, u32> {
    open_process_for(pid, PROCESS_QUERY_LIMITED_INFORMATION)
}

fn open_process_for(pid: u32, rights: u32) -> Result<Owned, u32> {
    // SAFETY: the call takes numbers only.
    let handle = unsafe { OpenProcess(rights, 0, pid) };
    if handle.is_null() { Err(last_error()) } else { Ok(Owned(handle)) }
}

/// When a process was created.
fn created(process: &Owned) -> Result<i64, u32> {
    let mut times = [FILETIME::default(); 4];
    let [created, exited, kernel, user] = &mut times;
    // SAFETY: the handle is open with the right for it, and each pointer is to a place for a time.
    if unsafe { GetProcessTimes(process.0, created, exited, kernel, user) } == 0 {
        return Err(last_error());
    }
    Ok(number(*created))
}

/// Whether a process has ended. (One that ended with the code 259 is taken for a running one.)
fn has_ended(process: &Owned) -> bool {
    let mut code = 0;
    // SAFETY: the handle is open with the right for it, and `code` is a place for the number.
    unsafe { GetExitCodeProcess(process.0, &mut code) != 0 && code != STILL_ACTIVE }
}

/// A time as one number.
fn number(time: FILETIME) -> i64 {
    let number = u64::from(time.dwLowDateTime) | u64::from(time.dwHighDateTime) << 32;
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The bytes of a SID.
///
/// # Safety
/// `sid` is null, or points to a SID that is valid for reads during the call.
unsafe fn sid_bytes(sid: PSID) -> Option<Vec<u8>> {
    // SAFETY: not null, and by the caller's promise a SID.
    if sid.is_null() || unsafe { IsValidSid(sid) } == 0 {
        return None;
    }
    // SAFETY: the SID is valid, so it has the length that it says.
    let length = usize::try_from(unsafe { GetLengthSid(sid) }).ok()?;
    // SAFETY: a valid SID is so many bytes, all of them initialised, and lives during this call.
    Some(unsafe { std::slice::from_raw_parts(sid.cast::<u8>(), length) }.to_vec())
}

/// The user of a process by its handle, which may be the pseudo handle of this one.
fn user_of(process: HANDLE) -> Result<Vec<u8>, u32> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the handle is open (or the pseudo handle), and `token` is a place for the answer.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) } == 0 {
        return Err(last_error());
    }
    let token = Owned(token);
    // TOKEN_USER and the longest SID are 84 bytes; the words keep its pointer aligned.
    let mut answer = [0_u64; 16];
    let mut used = 0;
    // SAFETY: the token is open with TOKEN_QUERY; the buffer is as long as said.
    let done = unsafe {
        GetTokenInformation(
            token.0,
            TokenUser,
            answer.as_mut_ptr().cast(),
            length(size_of_val(&answer)),
            &mut used,
        )
    };
    if done == 0 {
        return Err(last_error());
    }
    // SAFETY: on success the buffer begins with a TOKEN_USER; it is aligned to 8, and large enough.
    let user = unsafe { answer.as_ptr().cast::<TOKEN_USER>().read() };
    // SAFETY: the SID stands behind the structure in the same buffer, which lives until the end.
    unsafe { sid_bytes(user.User.Sid) }.ok_or(0)
}

/// A function of a library that this process has loaded, by name; `None` if it has no such function.
fn optional(library: *const u16, name: &CStr) -> Option<unsafe extern "system" fn() -> isize> {
    // SAFETY: a string with a NUL at its end; the call counts no reference, and the libraries asked for here
    // are never unloaded, since this program or what it is linked with needs them.
    let module: HMODULE = unsafe { GetModuleHandleW(library) };
    if module.is_null() {
        return None;
    }
    // SAFETY: the module is loaded, and the name ends with a NUL.
    unsafe { GetProcAddress(module, name.as_ptr().cast()) }
}

/// `InternalGetBoundTcpEndpointTable` and its kin: a table on the heap that is passed in.
type HeapTable = unsafe extern "system" fn(*mut *mut c_void, HANDLE, u32) -> u32;

/// Calls one of those that allocate their table, and copies it. `row_size` and `first_row`: how much of it
/// is read at the most for the rows it counts.
fn heap_table(name: &CStr, first_row: usize, row_size: usize) -> Option<Result<Vec<u8>, u32>> {
    let function = optional(w!("iphlpapi.dll"), name)?;
    // SAFETY: all functions that this is called for have that type, as System Informer declares and calls
    // them; a function pointer is cast to another.
    let function =
        unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, HeapTable>(function) };
    // SAFETY: no argument; the heap of the process lives as long as it.
    let heap = unsafe { GetProcessHeap() };
    let mut table: *mut c_void = ptr::null_mut();
    // SAFETY: a place for the pointer, a heap that exists, no flags.
    let status = unsafe { function(&mut table, heap, 0) };
    if table.is_null() {
        return Some(if status == 0 { Ok(0_u32.to_ne_bytes().to_vec()) } else { Err(status) });
    }
    // SAFETY: the table is a block of that heap, which the call has allocated for its caller.
    let size = unsafe { HeapSize(heap, 0, table) };
    let mut copy = Vec::new();
    if status == 0 && size != usize::MAX && size >= first_row {
        // SAFETY: the block is `size` bytes; a count of 4 stands at its start, which is aligned for it.
        let count = usize::try_from(unsafe { table.cast::<u32>().read() }).unwrap_or(usize::MAX);
        // No more than the rows it counts: the rest of the block may not be initialised.
        let used = count.saturating_mul(row_size).saturating_add(first_row).min(size);
        // SAFETY: `used` bytes lie inside of the block, are written when the call has succeeded, and are
        // copied before it is freed.
        copy = unsafe { std::slice::from_raw_parts(table.cast::<u8>(), used) }.to_vec();
    }
    // SAFETY: the block is of that heap, and not used any more.
    unsafe { HeapFree(heap, 0, table) };
    Some(if status == 0 { Ok(copy) } else { Err(status) })
}

/// `SC_SERVICE_TAG_QUERY` of `subprocesstag.h`.
#[repr(C)]
struct ServiceTagQuery {
    process_id: u32,
    service_tag: u32,
    tag_type: u32,
    /// To be freed with `LocalFree`.
    name: *mut u16,
}

/// `I_QueryTagInformation`.
type QueryTag = unsafe extern "system" fn(*const u16, i32, *mut ServiceTagQuery) -> u32;

/// `TagInfoLevelNameFromTag`.
const NAME_FROM_TAG: i32 = 1;

/// `SYSTEM_PROCESS_ID_INFORMATION`.
#[repr(C)]
struct SystemProcessIdInformation {
    process_id: usize,
    image_name: UNICODE_STRING,
}

const _: () = {
    let pointer = size_of::<usize>();
    assert!(size_of::<ServiceTagQuery>() == if pointer == 8 { 24 } else { 16 });
    assert!(size_of::<SystemProcessIdInformation>() == if pointer == 8 { 24 } else { 12 });
    assert!(size_of::<TOKEN_USER>() + 68 <= 16 * size_of::<u64>());
};

/// The status of a call that answers with an `NTSTATUS`.
fn nt(status: i32) -> u32 {
    u32::from_ne_bytes(status.to_ne_bytes())
}

/// Text that a call writes, which is told to be too short until it fits. `call` gets the buffer and answers
/// how many units it wrote; 0 or more than there is room for: not enough.
fn grown(call: &mut dyn FnMut(&mut [u16]) -> usize) -> Option<Vec<u16>> {
    for size in [260, LONGEST] {
        let mut text = vec![0; size];
        let written = call(&mut text);
        if (1..size).contains(&written) {
            text.truncate(written);
            return Some(text);
        }
    }
    None
}

impl Kernel for Win32 {
    fn socket_table(&self, table: Table, buffer: &mut [u8]) -> Answer {
        let family = address_family(table.family);
        let mut size = length(buffer.len());
        let start = buffer.as_mut_ptr().cast::<c_void>();
        let status = match table.protocol {
            Protocol::Tcp => {
                let class = match (table.class, table.listeners) {
                    (Class::OwnerModule, false) => TCP_TABLE_OWNER_MODULE_ALL,
                    (Class::OwnerModule, true) => TCP_TABLE_OWNER_MODULE_LISTENER,
                    (Class::OwnerPid, false) => TCP_TABLE_OWNER_PID_ALL,
                    (Class::OwnerPid, true) => TCP_TABLE_OWNER_PID_LISTENER,
                };
                // SAFETY: `size` is the length of the buffer, which is valid for writes and aligned to 8.
                unsafe { GetExtendedTcpTable(start, &mut size, 0, family, class, 0) }
            }
            // There is no table of another protocol.
            _ => {
                let class = match table.class {
                    Class::OwnerModule => UDP_TABLE_OWNER_MODULE,
                    Class::OwnerPid => UDP_TABLE_OWNER_PID,
                };
                // SAFETY: as above.
                unsafe { GetExtendedUdpTable(start, &mut size, 0, family, class, 0) }
            }
        };
        Answer { status, bytes: usize::try_from(size).unwrap_or(usize::MAX) }
    }

    fn bound_tcp_table(&self, family: Family) -> Option<Result<Vec<u8>, u32>> {
        let name = match family {
            Family::Ipv4 => c"InternalGetBoundTcpEndpointTable",
            Family::Ipv6 => c"InternalGetBoundTcp6EndpointTable",
        };
        let layout = tcp_table::Layout::Table2;
        heap_table(name, layout.first_row(), layout.row_size(family))
    }

    fn process_information(&self, buffer: &mut [u8]) -> Answer {
        let (start, size) = (buffer.as_mut_ptr().cast(), length(buffer.len()));
        let mut used = 0;
        // SAFETY: the buffer is valid for writes, as long as said, and aligned to 8.
        let status = unsafe { NtQuerySystemInformation(SystemProcessInformation, start, size, &mut used) };
        Answer { status: nt(status), bytes: usize::try_from(used).unwrap_or(usize::MAX) }
    }

    fn image_name(&self, pid: u32, buffer: &mut [u16]) -> Answer {
        let maximum = u16::try_from(size_of_val(buffer)).unwrap_or(u16::MAX - 1);
        let image_name = UNICODE_STRING { Length: 0, MaximumLength: maximum, Buffer: buffer.as_mut_ptr() };
        let mut query = SystemProcessIdInformation { process_id: pid as usize, image_name };
        let size = length(size_of_val(&query));
        let class = SYSTEM_PROCESS_ID_INFORMATION_CLASS;
        // SAFETY: the structure is that of the class, its length exact; the buffer inside is valid for writes
        // of `MaximumLength` bytes. The length that was used is not asked for.
        let status =
            unsafe { NtQuerySystemInformation(class, (&raw mut query).cast(), size, ptr::null_mut()) };
        let status = nt(status);
        // A pointer to nothing, or to something else than was passed in: no name.
        let name = query.image_name;
        let ours = ptr::eq(name.Buffer, buffer.as_ptr());
        let bytes = match status {
            0 if ours => name.Length.min(maximum).into(),
            0 => 0,
            _ => name.MaximumLength.into(),
        };
        Answer { status, bytes }
    }

    fn image_path(&self, pid: u32) -> Result<Vec<u16>, u32> {
        let process = open_process(pid)?;
        let mut call = |buffer: &mut [u16]| {
            let mut size = length(buffer.len());
            // SAFETY: the handle is open with the right for it; the buffer has room for `size` units.
            let done = unsafe { QueryFullProcessImageNameW(process.0, 0, buffer.as_mut_ptr(), &mut size) };
            if done == 0 { 0 } else { usize::try_from(size).unwrap_or(0) }
        };
        grown(&mut call).ok_or_else(last_error)
    }

    fn terminate(&self, pid: u32, created_at: i64) -> Result<bool, u32> {
        let process = open_process_for(pid, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE)?;
        // The handle keeps the process from being replaced by another one with its pid.
        if created(&process)? != created_at || has_ended(&process) {
            return Ok(false);
        }
        // SAFETY: the handle is open with the right for it.
        if unsafe { TerminateProcess(process.0, EXIT_CODE) } != 0 {
            return Ok(true);
        }
        let code = last_error();
        // Windows denies it for a process that has ended since. (Wine allows it.)
        if has_ended(&process) { Ok(false) } else { Err(code) }
    }

    fn drives(&self) -> Vec<(u16, Vec<u16>)> {
        // SAFETY: the call has no argument.
        let present = unsafe { GetLogicalDrives() };
        let letters = (0_u16..26).filter(|bit| present & (1 << bit) != 0).map(|bit| u16::from(b'A') + bit);
        letters
            .filter_map(|letter| {
                let name = [letter, u16::from(b':'), 0];
                let mut call = |buffer: &mut [u16]| {
                    let size = length(buffer.len());
                    // SAFETY: the name ends with a NUL; the buffer has room for `size` units.
                    let written = unsafe { QueryDosDeviceW(name.as_ptr(), buffer.as_mut_ptr(), size) };
                    usize::try_from(written).unwrap_or(0)
                };
                // A list of strings, of which the first is what the letter stands for now.
                let devices = grown(&mut call)?;
                Some((letter, utf_16::until_nul(&devices).to_vec()))
            })
            .collect()
    }

    fn windows_directory(&self) -> Vec<u16> {
        let mut call = |buffer: &mut [u16]| {
            // SAFETY: the buffer has room for as many units as said.
            let written = unsafe { GetSystemWindowsDirectoryW(buffer.as_mut_ptr(), length(buffer.len())) };
            usize::try_from(written).unwrap_or(0)
        };
        grown(&mut call).unwrap_or_default()
    }

    fn user(&self, pid: u32) -> Result<Vec<u8>, u32> {
        user_of(open_process(pid)?.0)
    }

    fn own_account(&self) -> Option<Account> {
        // SAFETY: the call has no argument; the pseudo handle needs no closing.
        let sid = user_of(unsafe { GetCurrentProcess() }).ok()?;
        let mut call = |buffer: &mut [u16]| {
            let mut size = length(buffer.len());
            // SAFETY: the buffer has room for `size` units.
            let done = unsafe { GetUserNameExW(NameSamCompatible, buffer.as_mut_ptr(), &mut size) };
            if done { usize::try_from(size).unwrap_or(0) } else { 0 }
        };
        let name = grown(&mut call)?;
        Some(Account { sid, name: utf_16::until_nul(&name).to_vec() })
    }

    fn machine_sid(&self) -> Option<Vec<u8>> {
        let attributes = LSA_OBJECT_ATTRIBUTES::default();
        let mut policy: LSA_HANDLE = Default::default();
        let access = POLICY_VIEW_LOCAL_INFORMATION.unsigned_abs();
        // SAFETY: no name means this machine; the attributes are all zero, as the documentation wants them;
        // `policy` is a place for the handle.
        if unsafe { LsaOpenPolicy(ptr::null(), &attributes, access, &mut policy) } != 0 {
            return None;
        }
        let mut information: *mut c_void = ptr::null_mut();
        // SAFETY: the handle is open; `information` is a place for the pointer.
        let status =
            unsafe { LsaQueryInformationPolicy(policy, PolicyAccountDomainInformation, &mut information) };
        let mut sid = None;
        if status == 0 && !information.is_null() {
            // SAFETY: for this class the answer is that structure, in memory of LSA's that is freed below; its
            // SID is null or lies in the same memory.
            sid = unsafe { sid_bytes((*information.cast::<POLICY_ACCOUNT_DOMAIN_INFO>()).DomainSid) };
            // SAFETY: the memory came from LSA, and is not used any more.
            unsafe { LsaFreeMemory(information) };
        }
        // SAFETY: the handle is open, and not used any more.
        unsafe { LsaClose(policy) };
        sid
    }

    fn account(&self, sid: &[u8]) -> Option<(Vec<u16>, Vec<u16>)> {
        // A SID is made of 32-bit numbers: give it a place that is aligned for them.
        let mut words = vec![0_u32; sid.len().div_ceil(4)];
        for (word, bytes) in words.iter_mut().zip(sid.chunks(4)) {
            let mut four = [0; 4];
            for (to, from) in four.iter_mut().zip(bytes) {
                *to = *from;
            }
            *word = u32::from_ne_bytes(four);
        }
        let whole = sid.len() >= 8 && sid.len() >= 8 + 4 * usize::from(*sid.get(1)?);
        let place: PSID = words.as_mut_ptr().cast();
        // SAFETY: as many bytes are there as the SID's own count of numbers says.
        if !whole || unsafe { IsValidSid(place) } == 0 {
            return None;
        }
        // Names of accounts and of domains are at most 256 units long.
        let (mut name, mut domain) = ([0_u16; 257], [0_u16; 257]);
        let (mut name_size, mut domain_size) = (length(name.len()), length(domain.len()));
        let mut kind: SID_NAME_USE = 0;
        // SAFETY: no name means this machine; the SID is valid; both buffers have room for as many units as
        // said; `kind` is a place for a number.
        let done = unsafe {
            LookupAccountSidW(
                ptr::null(),
                place,
                name.as_mut_ptr(),
                &mut name_size,
                domain.as_mut_ptr(),
                &mut domain_size,
                &mut kind,
            )
        };
        (done != 0).then(|| (utf_16::until_nul(&domain).to_vec(), utf_16::until_nul(&name).to_vec()))
    }

    fn service(&self, pid: u32, tag: u32) -> Option<Vec<u16>> {
        let name = c"I_QueryTagInformation";
        let function = optional(w!("sechost.dll"), name).or_else(|| optional(w!("advapi32.dll"), name))?;
        // SAFETY: the function has that type, as System Informer declares and calls it.
        let function =
            unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, QueryTag>(function) };
        let mut query =
            ServiceTagQuery { process_id: pid, service_tag: tag, tag_type: 0, name: ptr::null_mut() };
        // SAFETY: no name means this machine; the structure is that of the level. What the call returns is
        // not documented: a name is success.
        unsafe { function(ptr::null(), NAME_FROM_TAG, &mut query) };
        if query.name.is_null() {
            return None;
        }
        let mut service = Vec::new();
        for index in 0..LONGEST {
            // SAFETY: the string ends with a NUL, which has not been met yet.
            let unit = unsafe { query.name.add(index).read() };
            if unit == 0 {
                break;
            }
            service.push(unit);
        }
        // SAFETY: the string was allocated for the caller, who frees it so, and is not used any more.
        unsafe { LocalFree(query.name.cast()) };
        Some(service)
    }

    fn clock(&self) -> Clock {
        let mut now = FILETIME::default();
        // SAFETY: a place for the time.
        unsafe { GetSystemTimeAsFileTime(&mut now) };
        // SAFETY: the call has no argument.
        let uptime_ms = unsafe { GetTickCount64() };
        Clock { now: number(now), uptime_ms }
    }

    fn interface_name(index: u32) -> Option<String> {
        let mut luid = NET_LUID_LH { Value: 0 };
        // SAFETY: a number, and a place for the answer.
        if unsafe { ConvertInterfaceIndexToLuid(index, &mut luid) } != 0 {
            return None;
        }
        // NDIS_IF_MAX_STRING_SIZE and a NUL.
        let mut alias = [0_u16; 257];
        // SAFETY: the buffer has room for as many units as said.
        if unsafe { ConvertInterfaceLuidToAlias(&luid, alias.as_mut_ptr(), alias.len()) } != 0 {
            return None;
        }
        let alias = utf_16::until_nul(&alias);
        (!alias.is_empty()).then(|| String::from_utf16_lossy(alias))
    }

    fn error(&self, status: u32) -> io::Error {
        // The system has texts for Win32 codes.
        let code = match status {
            FIRST_NTSTATUS.. => {
                // SAFETY: the call takes a number.
                unsafe { RtlNtStatusToDosError(i32::from_ne_bytes(status.to_ne_bytes())) }
            }
            code => code,
        };
        io::Error::from_raw_os_error(i32::from_ne_bytes(code.to_ne_bytes()))
    }

    fn os_string(&self, units: &[u16]) -> OsString {
        OsString::from_wide(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::windows::processes::ProcessList;

    #[test]
    fn live_this_process_is_in_the_list_and_has_a_user_and_a_path() {
        let own = std::process::id();
        let list = ProcessList::read(&Win32).unwrap();
        assert!(list.get(own).is_some_and(|listed| listed.created > 0));
        let path = OsString::from_wide(&Win32.image_path(own).unwrap());
        assert_eq!(Some(path), std::env::current_exe().ok().map(Into::into));
        let account = Win32.own_account().unwrap();
        assert_eq!(Win32.user(own), Ok(account.sid));
        assert!(!account.name.is_empty());
    }

    #[test]
    fn live_process_that_does_not_exist_is_an_error() {
        assert!(Win32.image_path(0xffff_fffc).is_err());
        assert!(Win32.user(0xffff_fffc).is_err());
    }

    #[test]
    fn live_well_known_account_has_a_name() {
        let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        assert!(Win32.account(&system).is_some_and(|(_, name)| !name.is_empty()));
        assert_eq!(Win32.account(&system[..8]), None);
        assert_eq!(Win32.account(&[]), None);
    }

    #[test]
    fn live_drive_of_windows_stands_for_a_device() {
        let windows = Win32.windows_directory();
        let letter = windows[0];
        let drives = Win32.drives();
        let device = drives.iter().find(|(drive, _)| *drive == letter).map(|(_, device)| device);
        assert!(device.is_some_and(|device| String::from_utf16_lossy(device).starts_with("\\Device\\")));
    }

    #[test]
    fn live_error_says_what_windows_says() {
        assert_eq!(Win32.error(5).kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(Win32.error(0xc000_0022).kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn live_child_is_terminated_only_under_its_own_creation_time() {
        let mut child = std::process::Command::new("cmd")
            .args(["/c", "pause"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let list = ProcessList::read(&Win32).unwrap();
        let created = list.get(child.id()).unwrap().created;
        assert_eq!(Win32.terminate(child.id(), created + 1), Ok(false));
        assert!(child.try_wait().unwrap().is_none(), "it was hit");
        assert_eq!(Win32.terminate(child.id(), created), Ok(true));
        assert_eq!(child.wait().unwrap().code(), Some(1));
        // The handle of the child keeps its pid.
        assert_eq!(Win32.terminate(child.id(), created), Ok(false));
    }
}
