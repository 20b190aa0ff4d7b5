//! The seam to Windows: a trait with every call of the system that the back end makes.

use super::request::Table;
use netstat_wire::windows::Family;
use std::ffi::OsString;
use std::io;

/// The result of a call that writes into a buffer of the caller.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// A Win32 error code or an `NTSTATUS`; 0 is success with both.
    pub(crate) status: u32,
    /// The number of bytes written; if the buffer was too small, the number needed.
    pub(crate) bytes: usize,
}

/// The machine's clock.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The time of day, a `FILETIME`.
    pub(crate) now: i64,
    /// How long the machine has been up, time asleep included.
    pub(crate) uptime_ms: u64,
}

/// The account that the caller runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) sid: Vec<u8>,
    /// `DOMAIN\user`.
    pub(crate) name: Vec<u16>,
}

/// Windows, or the scripted machine of a test. Text is in 16-bit units, without a NUL at its end.
pub(crate) trait Kernel: Send + Sync + 'static {
    /// `GetExtendedTcpTable`, `GetExtendedUdpTable`: a table of sockets. The buffer is aligned to 8.
    fn socket_table(&self, table: Table, buffer: &mut [u8]) -> Answer;

    /// `InternalGetBoundTcpEndpointTable` (Windows 10 1809): a `MIB_TCPTABLE2` of the bound endpoints.
    /// `None`: this system does not have the call.
    fn bound_tcp_table(&self, family: Family) -> Option<Result<Vec<u8>, u32>>;

    /// Whether this machine has IPv6: false only if Winsock has no such address family (`WSAEAFNOSUPPORT`). Creates a
    /// socket, binds it to a port of the loopback address, and closes it.
    fn has_ipv6(&self) -> bool;

    /// `NtQuerySystemInformation(SystemProcessInformation)`: all processes. The buffer is aligned to 8.
    fn process_information(&self, buffer: &mut [u8]) -> Answer;

    /// `NtQuerySystemInformation(SystemProcessIdInformation)`: the NT path of a process's program, without opening
    /// the process. Nothing written: it has none.
    fn image_name(&self, pid: u32, buffer: &mut [u16]) -> Answer;

    /// `OpenProcess`, `QueryFullProcessImageNameW`: the path of a process's program with its drive letter.
    fn image_path(&self, pid: u32) -> Result<Vec<u16>, u32>;

    /// `OpenProcess`, `GetProcessTimes`, `TerminateProcess`: terminates a process if it was created at this time, a
    /// `FILETIME`. False: the process with that pid was created at another time, or has ended already.
    fn terminate(&self, pid: u32, created: i64) -> Result<bool, u32>;

    /// `GetLogicalDrives`, `QueryDosDeviceW`: each drive letter with its device.
    fn drives(&self) -> Vec<(u16, Vec<u16>)>;

    /// `GetSystemWindowsDirectoryW`.
    fn windows_directory(&self) -> Vec<u16>;

    /// `OpenProcessToken`, `GetTokenInformation`: the security identifier (SID) of a process's user, as bytes.
    fn user(&self, pid: u32) -> Result<Vec<u8>, u32>;

    /// `WTSEnumerateProcessesExW`: pid and user (SID) of all processes, without opening them. Of processes of other
    /// sessions only for administrators. Calls Remote Desktop Services.
    fn process_users(&self) -> Result<Vec<(u32, Vec<u8>)>, u32>;

    /// `GetUserNameExW`: the caller's own account, as this session knows it.
    fn own_account(&self) -> Option<Account>;

    /// `LsaQueryInformationPolicy`: the SID that the SIDs of this machine's own accounts begin with.
    fn machine_sid(&self) -> Option<Vec<u8>>;

    /// `LookupAccountSidW`: domain and name of an account. For an account of another machine it may query a server.
    fn account(&self, sid: &[u8]) -> Option<(Vec<u16>, Vec<u16>)>;

    /// `I_QueryTagInformation`: the name of the service with a tag. `None`: there is no such service.
    fn service(&self, pid: u32, tag: u32) -> Option<Vec<u16>>;

    /// `EnumServicesStatusExW` with `SC_ENUM_PROCESS_INFO`: pid and name of each service that runs. Calls the service control
    /// manager.
    fn running_services(&self) -> Result<Vec<(u32, Vec<u16>)>, u32>;

    /// `OpenProcess`, `GetPackageFamilyName`: the family of the package that a process is of, empty if it is of none.
    fn package(&self, pid: u32) -> Result<Vec<u16>, u32>;

    /// `GetSystemTimePreciseAsFileTime` or the like, `GetTickCount64`.
    fn clock(&self) -> Clock;

    /// `ConvertInterfaceIndexToLuid`, `ConvertInterfaceLuidToAlias`: the alias of a network interface, such as
    /// `Ethernet`, `Wi-Fi`.
    fn interface_name(_index: u32) -> Option<String> {
        None
    }

    /// The error of a status.
    fn error(&self, status: u32) -> io::Error;

    /// Text as this system's programs have it. Lossless on Windows.
    fn os_string(&self, units: &[u16]) -> OsString;
}
