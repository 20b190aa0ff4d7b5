//! The seam to the kernel: the calls of libSystem that this back end makes.
//!
//! They do not interpret return values. That is done above the seam ([`super::calls`]), where tests with a scripted
//! kernel reach it.

use std::ffi::{CStr, OsString};
use std::fmt;
use std::io;

/// The return value of a call, and `errno`, which was zero before the call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) value: i32,
    pub(crate) errno: i32,
}

/// The running kernel, or a scripted one.
pub(crate) trait Kernel: Clone + Send + Sync {
    /// The name of the system in [`Support`](crate::Support).
    const SYSTEM: &'static str = "macos";
    /// sysctlbyname(3) without a new value. Also returns the length: without a buffer that of the value, with one the
    /// number of bytes copied, even if these are not all (`ENOMEM`).
    fn sysctl(&self, name: &CStr, buffer: Option<&mut [u8]>) -> (Returned, usize);
    /// `proc_listpids` of libproc.h.
    fn proc_listpids(&self, kind: u32, typeinfo: u32, buffer: Option<&mut [u8]>) -> Returned;
    /// `proc_pidinfo`.
    fn proc_pidinfo(&self, pid: i32, flavor: i32, arg: u64, buffer: Option<&mut [u8]>) -> Returned;
    /// `proc_pidfdinfo`.
    fn proc_pidfdinfo(&self, pid: i32, fd: i32, flavor: i32, buffer: &mut [u8]) -> Returned;
    /// `proc_pidfileportinfo`.
    fn proc_pidfileportinfo(&self, pid: i32, port: u32, flavor: i32, buffer: &mut [u8]) -> Returned;
    /// `proc_pidpath`.
    fn proc_pidpath(&self, pid: i32, buffer: &mut [u8]) -> Returned;
    /// `csops` of sys/codesign.h.
    fn csops(&self, pid: i32, operation: u32, buffer: &mut [u8]) -> Returned;
    /// kill(2).
    fn kill(&self, pid: i32, signal: i32) -> Returned;
    /// geteuid(2).
    fn geteuid(&self) -> u32;
    /// getpid(2).
    fn getpid(&self) -> u32;
    /// The content of `/etc/passwd`.
    fn passwd(&self) -> Vec<u8>;
    /// if_indextoname(3).
    fn interface_name(_index: u32) -> Option<String> {
        None
    }
    /// A name made of these bytes.
    fn os_string(&self, bytes: Vec<u8>) -> OsString;
}

/// An error number of Darwin, which may differ from that of the system that runs the tests.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    pub(crate) const PERM: Self = Self(1);
    pub(crate) const NOENT: Self = Self(2);
    pub(crate) const SRCH: Self = Self(3);
    pub(crate) const INTR: Self = Self(4);
    pub(crate) const BADF: Self = Self(9);
    pub(crate) const NOMEM: Self = Self(12);
    pub(crate) const INVAL: Self = Self(22);
    pub(crate) const NOTSOCK: Self = Self(38);
    pub(crate) const BADMSG: Self = Self(94);
    pub(crate) const OPNOTSUPP: Self = Self(102);
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errno {}", self.0)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}
