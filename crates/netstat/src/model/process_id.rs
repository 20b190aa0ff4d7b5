//! A process, distinguished from a later one with the same pid.

use crate::model::error::Error;
use std::io;

/// A process, so that another one with the same pid is not mistaken for it.
///
/// It is the pid together with the kernel's own value of the start: on Linux the clock ticks since boot in field 22 of
/// `/proc/PID/stat`, on macOS the start time in microseconds, on Windows the creation time as a FILETIME. That is not
/// the time of day, which changes when the clock is set.
///
/// Comparing two of them says whether they are the same process; [`ProcessId::signal`] reaches that process or none.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "pidfd")]
pub struct ProcessId {
    pid: u32,
    start: u64,
}

impl ProcessId {
    pub(crate) fn new(pid: u32, start: u64) -> Self {
        Self { pid, start }
    }

    /// The pid.
    pub fn pid(self) -> u32 {
        self.pid
    }

    /// The kernel's own value of the start.
    #[allow(dead_code, reason = "compared by the back ends that can signal")]
    pub(crate) fn start(self) -> u64 {
        self.start
    }

    /// Why a signal could not be sent.
    #[allow(dead_code, reason = "returned by the back ends that can signal")]
    pub(crate) fn not_signalled(self, cause: impl Into<io::Error>) -> Error {
        Error::system("signal", self.subject(), cause)
    }

    /// A signal could not be sent because the process is no more.
    #[allow(dead_code, reason = "returned by the back ends that can signal")]
    pub(crate) fn ended(self) -> Error {
        self.not_signalled(io::Error::new(io::ErrorKind::NotFound, "the process has ended"))
    }

    /// The process as an error message names it.
    pub(crate) fn subject(self) -> String {
        format!("process {}", self.pid)
    }
}
