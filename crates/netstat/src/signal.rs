//! Signals to a process that was found as an owner.

use crate::model::error::Error;
use crate::model::process_id::ProcessId;
use crate::sys::system::System;
use crate::sys::{Cache, Native};

impl ProcessId {
    /// Sends a signal to this very process, by the number that the system gives the signal: 9 is `SIGKILL` and 15
    /// `SIGTERM` everywhere, and 0 only asks whether the process is still there.
    ///
    /// - **Linux**: the process is opened as a pidfd, its start compared, and the signal sent through the pidfd: no
    ///   other process can be hit. Before Linux 5.3, which has no pidfd, the signal is refused.
    /// - **macOS**: the start is compared, then the signal sent by pid. In the instant between, the process could end
    ///   and its pid be given to another one.
    /// - **Windows** has no signals. The process is opened, its creation time compared, and with 9 and 15 alike it is
    ///   terminated on the spot with exit code 1: it cannot clean up. Other numbers are refused.
    ///
    /// As with kill(2), success means that the signal was sent, not that the process has ended; and a process that has
    /// ended and that its parent has not waited for yet may still take it.
    ///
    /// # Rights
    /// Those of kill(2): a process of the same user, or root (`CAP_KILL`). Windows: `PROCESS_TERMINATE`.
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the process has ended, whether or not another one has its pid now.
    /// - [`Error::is_permission_denied`]: the right is missing.
    /// - [`Error::is_unsupported`]: the system cannot send this signal, or not safely.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> Result<(), netstat::Error> {
    /// for id in netstat::find::listeners(8080)?.processes.iter().filter_map(netstat::Process::id) {
    ///     id.signal(15)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Sources
    /// pidfd_open(2), pidfd_send_signal(2), proc_pid_stat(5); kill(2), `PROC_PIDTBSDINFO`; `GetProcessTimes`,
    /// `TerminateProcess`.
    #[doc(alias = "kill")]
    #[doc(alias = "pidfd_open")]
    #[doc(alias = "pidfd_send_signal")]
    #[doc(alias = "TerminateProcess")]
    pub fn signal(self, signal: i32) -> Result<(), Error> {
        Native::new(&Cache::default()).signal(self, signal)
    }

    /// Whether this very process has ended. One that its parent has not waited for yet has: it holds nothing any more.
    /// It has not while any of its threads runs.
    ///
    /// Ask again after a while to wait for the end: nothing in this function waits.
    ///
    /// # Rights
    /// Linux: none. Elsewhere those of [`ProcessId::signal`].
    ///
    /// # Errors
    /// - [`Error::is_unsupported`]: Linux before 5.3, and systems without a back end.
    /// - What prevented the system from answering.
    ///
    /// # Sources
    /// Linux: pidfd_open(2), poll(2); elsewhere the sources of [`ProcessId::signal`] with 0.
    #[doc(alias = "waitpid")]
    pub fn has_ended(self) -> Result<bool, Error> {
        Native::new(&Cache::default()).has_ended(self)
    }
}
