//! A process, told from a later one with the same pid.

/// A process, so that another one with the same pid is not mistaken for it.
///
/// It is the pid together with the kernel's own value of the start: on Linux the clock ticks since boot in field 22 of
/// `/proc/PID/stat`, on macOS the start time in microseconds, on Windows the creation time as a FILETIME. That is not
/// the time of day, which changes when the clock is set.
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
}
