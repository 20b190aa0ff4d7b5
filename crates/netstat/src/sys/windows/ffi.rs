//! The calls of Windows, by subject.
//!
//! Functions that Windows 10 1809 and Wine have are linked. Those that either lacks, and undocumented ones, are looked up
//! by name when they are called, and may be missing.
#![cfg(windows)]
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use super::kernel::{Account, Answer, Clock, Kernel};
use super::request::Table;
use super::system::Windows;
use netstat_wire::windows::Family;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv6Addr, UdpSocket};
use std::os::windows::ffi::OsStringExt;
use windows_sys::Win32::Foundation::{FILETIME, RtlNtStatusToDosError};
use windows_sys::Win32::System::SystemInformation::{GetSystemTimeAsFileTime, GetTickCount64};

mod accounts {
    mod ffi;
    pub(super) use ffi::*;
}
mod common {
    pub(super) mod ffi;
}
mod drives {
    mod ffi;
    pub(super) use ffi::*;
}
mod ip_helper {
    mod ffi;
    pub(super) use ffi::*;
}
mod processes {
    mod ffi;
    pub(super) use ffi::*;
}
mod services {
    mod ffi;
    pub(super) use ffi::*;
}

/// Error codes from here on are `NTSTATUS` values; Win32 codes are smaller.
const FIRST_NTSTATUS: u32 = 0x4000_0000;

/// An address family that Winsock does not have.
const WSAEAFNOSUPPORT: i32 = 10047;

/// Windows itself.
pub(crate) struct Win32;

/// The back end of this build.
pub(crate) type Native = Windows<Win32>;

/// There is nothing to cache.
pub(crate) type Cache = ();

pub(crate) use crate::engine::no_reports::NoReports as Reports;

impl Native {
    /// For one listing.
    pub(crate) fn new(_cache: &Cache) -> Self {
        Self::over(Win32)
    }
}

impl Kernel for Win32 {
    fn socket_table(&self, table: Table, buffer: &mut [u8]) -> Answer {
        ip_helper::socket_table(table, buffer)
    }

    fn bound_tcp_table(&self, family: Family) -> Option<Result<Vec<u8>, u32>> {
        ip_helper::bound_tcp_table(family)
    }

    fn has_ipv6(&self) -> bool {
        let bound = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0));
        bound.map_or_else(|error| error.raw_os_error() != Some(WSAEAFNOSUPPORT), |_| true)
    }

    fn process_information(&self, buffer: &mut [u8]) -> Answer {
        processes::process_information(buffer)
    }

    fn image_name(&self, pid: u32, buffer: &mut [u16]) -> Answer {
        processes::image_name(pid, buffer)
    }

    fn image_path(&self, pid: u32) -> Result<Vec<u16>, u32> {
        processes::image_path(pid)
    }

    fn terminate(&self, pid: u32, created: i64) -> Result<bool, u32> {
        processes::terminate(pid, created)
    }

    fn drives(&self) -> Vec<(u16, Vec<u16>)> {
        drives::drives()
    }

    fn windows_directory(&self) -> Vec<u16> {
        drives::windows_directory()
    }

    fn user(&self, pid: u32) -> Result<Vec<u8>, u32> {
        accounts::user(pid)
    }

    fn process_users(&self) -> Result<Vec<(u32, Vec<u8>)>, u32> {
        accounts::process_users()
    }

    fn own_account(&self) -> Option<Account> {
        accounts::own_account()
    }

    fn machine_sid(&self) -> Option<Vec<u8>> {
        accounts::machine_sid()
    }

    fn account(&self, sid: &[u8]) -> Option<(Vec<u16>, Vec<u16>)> {
        accounts::account(sid)
    }

    fn service(&self, pid: u32, tag: u32) -> Option<Vec<u16>> {
        services::service(pid, tag)
    }

    fn running_services(&self) -> Result<Vec<(u32, Vec<u16>)>, u32> {
        services::running_services()
    }

    fn package(&self, pid: u32) -> Result<Vec<u16>, u32> {
        processes::package(pid)
    }

    fn clock(&self) -> Clock {
        let mut now = FILETIME::default();
        // SAFETY: `now` is valid for writes.
        unsafe { GetSystemTimeAsFileTime(&mut now) };
        // SAFETY: the call has no argument.
        let uptime_ms = unsafe { GetTickCount64() };
        Clock { now: processes::filetime(now), uptime_ms }
    }

    fn interface_name(index: u32) -> Option<String> {
        ip_helper::interface_name(index)
    }

    fn error(&self, status: u32) -> io::Error {
        // The system has message texts for Win32 codes.
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
    use crate::sys::windows::process_list::ProcessList;

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
    fn live_list_of_users_has_the_user_of_this_process() {
        let users = Win32.process_users().unwrap();
        let own = std::process::id();
        let listed: Vec<_> = users.iter().filter(|(pid, _)| *pid == own).map(|(_, sid)| sid).collect();
        assert_eq!(listed, [&Win32.user(own).unwrap()], "{} users", users.len());
    }

    #[test]
    fn live_services_have_processes_and_this_process_is_of_no_package() {
        for (pid, name) in Win32.running_services().unwrap() {
            assert!(pid != 0 && !name.is_empty(), "{pid} {name:?}");
        }
        assert!(Win32.package(0xffff_fffc).is_err());
        // Wine may lack the call.
        assert!(matches!(Win32.package(std::process::id()), Ok(name) if name.is_empty()) || is_wine());
    }

    fn is_wine() -> bool {
        std::env::var_os("WINEPREFIX").is_some()
    }

    #[test]
    fn live_ipv6_is_found_where_a_socket_can_be_bound() {
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            assert!(Win32.has_ipv6());
        }
    }

    #[test]
    fn live_drive_of_windows_maps_to_a_device() {
        let windows = Win32.windows_directory();
        let letter = windows[0];
        let drives = Win32.drives();
        let device = drives.iter().find(|(drive, _)| *drive == letter).map(|(_, device)| device);
        assert!(device.is_some_and(|device| String::from_utf16_lossy(device).starts_with("\\Device\\")));
    }

    #[test]
    fn live_errors_keep_their_kind_from_both_code_spaces() {
        assert_eq!(Win32.error(5).kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(Win32.error(0xc000_0022).kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn live_child_is_terminated_only_with_its_own_creation_time() {
        let mut child = std::process::Command::new("cmd")
            .args(["/c", "pause"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let list = ProcessList::read(&Win32).unwrap();
        let created = list.get(child.id()).unwrap().created;
        assert_eq!(Win32.terminate(child.id(), created + 1), Ok(false));
        assert!(child.try_wait().unwrap().is_none(), "terminated under another creation time");
        assert_eq!(Win32.terminate(child.id(), created), Ok(true));
        assert_eq!(child.wait().unwrap().code(), Some(1));
        // The open handle of the child keeps its pid from being reused.
        assert_eq!(Win32.terminate(child.id(), created), Ok(false));
    }
}
