//! Accounts: the users of processes, and names of security identifiers (SIDs).
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use crate::sys::windows::ffi::common::ffi::{Handle, last_error, length, open_process, read_text};
use crate::sys::windows::kernel::Account;
use netstat_wire::windows::utf_16;
use std::ffi::c_void;
use std::ptr;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::Authentication::Identity::{
    GetUserNameExW, LSA_HANDLE, LSA_OBJECT_ATTRIBUTES, LsaClose, LsaFreeMemory, LsaOpenPolicy,
    LsaQueryInformationPolicy, NameSamCompatible, POLICY_ACCOUNT_DOMAIN_INFO, POLICY_VIEW_LOCAL_INFORMATION,
    PolicyAccountDomainInformation,
};
use windows_sys::Win32::Security::{
    GetLengthSid, GetTokenInformation, IsValidSid, LookupAccountSidW, PSID, SID_NAME_USE, TOKEN_QUERY,
    TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SERVER_HANDLE, WTS_PROCESS_INFOW, WTSEnumerateProcessesExW, WTSFreeMemoryExW,
    WTSTypeProcessInfoLevel0,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows_sys::core::PWSTR;

/// `WTS_ANY_SESSION`, which windows-sys lacks.
const WTS_ANY_SESSION: u32 = 0xffff_fffe;

// The longest SID has 68 bytes.
const _: () = assert!(size_of::<TOKEN_USER>() + 68 <= 16 * size_of::<u64>());

/// The bytes of a SID.
///
/// # Safety
/// `sid` is null, or points to a SID that is valid for reads during the call.
unsafe fn sid_bytes(sid: PSID) -> Option<Vec<u8>> {
    // SAFETY: not null, and by the caller's promise a SID.
    if sid.is_null() || unsafe { IsValidSid(sid) } == 0 {
        return None;
    }
    // SAFETY: the SID is valid.
    let length = usize::try_from(unsafe { GetLengthSid(sid) }).ok()?;
    // SAFETY: a valid SID has `length` initialised bytes, and stays in place during this call.
    Some(unsafe { std::slice::from_raw_parts(sid.cast::<u8>(), length) }.to_vec())
}

/// The user of a process by its handle, which may be the pseudo handle of the calling process.
fn token_user(process: HANDLE) -> Result<Vec<u8>, u32> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the handle is open (or the pseudo handle), and `token` is valid for writes.
    if unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) } == 0 {
        return Err(last_error());
    }
    let token = Handle(token);
    // TOKEN_USER and the longest SID have 84 bytes; u64 keeps its pointer aligned.
    let mut answer = [0_u64; 16];
    let mut used = 0;
    // SAFETY: the token is open with TOKEN_QUERY; the buffer has as many bytes as the call is passed.
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
    // SAFETY: the SID follows the structure in the same buffer, which is still there.
    unsafe { sid_bytes(user.User.Sid) }.ok_or(0)
}

pub(crate) fn user(pid: u32) -> Result<Vec<u8>, u32> {
    token_user(open_process(pid)?.0)
}

pub(crate) fn process_users() -> Result<Vec<(u32, Vec<u8>)>, u32> {
    let (mut level, mut count) = (0, 0);
    let mut processes: PWSTR = ptr::null_mut();
    // SAFETY: the current server needs no handle; the pointers are valid for writes.
    let done = unsafe {
        WTSEnumerateProcessesExW(
            WTS_CURRENT_SERVER_HANDLE,
            &mut level,
            WTS_ANY_SESSION,
            &mut processes,
            &mut count,
        )
    };
    if done == 0 {
        return Err(last_error());
    }
    let mut users = Vec::new();
    if !processes.is_null() {
        let first: *const WTS_PROCESS_INFOW = processes.cast();
        for index in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: level 0 returns an array of `count` such structures, allocated by the call and aligned for them.
            let process = unsafe { first.add(index).read() };
            // SAFETY: the SID is null or valid, in memory that is freed below.
            let sid = unsafe { sid_bytes(process.pUserSid) };
            users.extend(sid.map(|sid| (process.ProcessId, sid)));
        }
        // SAFETY: the memory came from the call, with this type and count, and is not used after this.
        unsafe { WTSFreeMemoryExW(WTSTypeProcessInfoLevel0, processes.cast(), count) };
    }
    Ok(users)
}

pub(crate) fn own_account() -> Option<Account> {
    // SAFETY: the call has no argument; the pseudo handle needs no closing.
    let sid = token_user(unsafe { GetCurrentProcess() }).ok()?;
    let mut call = |buffer: &mut [u16]| {
        let mut size = length(buffer.len());
        // SAFETY: the buffer has `size` units.
        let done = unsafe { GetUserNameExW(NameSamCompatible, buffer.as_mut_ptr(), &mut size) };
        if done { usize::try_from(size).unwrap_or(0) } else { 0 }
    };
    let name = read_text(&mut call)?;
    Some(Account { sid, name: utf_16::until_nul(&name).to_vec() })
}

pub(crate) fn machine_sid() -> Option<Vec<u8>> {
    let attributes = LSA_OBJECT_ATTRIBUTES::default();
    let mut policy: LSA_HANDLE = Default::default();
    let access = POLICY_VIEW_LOCAL_INFORMATION.unsigned_abs();
    // SAFETY: no name means this machine; the attributes are all zero, as documented; `policy` is valid for writes.
    if unsafe { LsaOpenPolicy(ptr::null(), &attributes, access, &mut policy) } != 0 {
        return None;
    }
    let mut information: *mut c_void = ptr::null_mut();
    // SAFETY: the handle is open; `information` is valid for writes.
    let status =
        unsafe { LsaQueryInformationPolicy(policy, PolicyAccountDomainInformation, &mut information) };
    let mut sid = None;
    if status == 0 && !information.is_null() {
        // SAFETY: this class returns that structure, in memory of LSA that is freed below; its SID is null or lies in
        // the same memory.
        sid = unsafe { sid_bytes((*information.cast::<POLICY_ACCOUNT_DOMAIN_INFO>()).DomainSid) };
        // SAFETY: the memory came from LSA, and is not used after this.
        unsafe { LsaFreeMemory(information) };
    }
    // SAFETY: the handle is open, and not used after this.
    unsafe { LsaClose(policy) };
    sid
}

pub(crate) fn account(sid: &[u8]) -> Option<(Vec<u16>, Vec<u16>)> {
    // A SID consists of 32-bit numbers and must be aligned for them.
    let mut words: Vec<u32> = Vec::with_capacity(sid.len().div_ceil(4));
    for bytes in sid.chunks(4) {
        let mut word = [0; 4];
        word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        words.push(u32::from_ne_bytes(word));
    }
    let is_whole = sid.len() >= 8 && sid.len() >= 8 + 4 * usize::from(*sid.get(1)?);
    let aligned: PSID = words.as_mut_ptr().cast();
    // SAFETY: the buffer has as many bytes as the count of numbers in the SID requires.
    if !is_whole || unsafe { IsValidSid(aligned) } == 0 {
        return None;
    }
    // Names of accounts and of domains have at most 256 units.
    let (mut name, mut domain) = ([0_u16; 257], [0_u16; 257]);
    let (mut name_size, mut domain_size) = (length(name.len()), length(domain.len()));
    let mut name_use: SID_NAME_USE = 0;
    // SAFETY: no name means this machine; the SID is valid; both buffers have as many units as the call is passed;
    // `name_use` is valid for writes.
    let done = unsafe {
        LookupAccountSidW(
            ptr::null(),
            aligned,
            name.as_mut_ptr(),
            &mut name_size,
            domain.as_mut_ptr(),
            &mut domain_size,
            &mut name_use,
        )
    };
    (done != 0).then(|| (utf_16::until_nul(&domain).to_vec(), utf_16::until_nul(&name).to_vec()))
}
