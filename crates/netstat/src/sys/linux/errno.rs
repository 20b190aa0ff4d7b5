//! Converts errors of the standard library to error numbers.

use rustix::io::Errno;
use std::io;

/// `EIO` for an error that is not from a system call.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn errno_of(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}
