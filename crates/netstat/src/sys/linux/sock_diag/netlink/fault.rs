//! Why an exchange with the kernel failed.

use rustix::io::Errno;
use std::fmt;
use std::io;

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The socket could not be opened, or a call on it failed.
    Call(&'static str, Errno),
    /// The kernel answered with an error code.
    Refused(io::Error),
    /// The kernel could not queue an answer: the dump stops, and no more answers follow.
    Overrun,
    /// An answer was longer than the buffer.
    Truncated,
    /// An answer is not a valid netlink message.
    Malformed(netstat_wire::DecodeError),
    /// No answer came in time, or only what other processes sent.
    TimedOut,
}

impl Fault {
    /// Whether the kernel has no handler for the family or protocol of the request.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call, errno) => write!(f, "{call}: {}", io::Error::from(*errno)),
            Self::Refused(error) => error.fmt(f),
            Self::Overrun => f.write_str("the kernel dropped an answer for want of memory"),
            Self::Truncated => f.write_str("an answer did not fit into the buffer"),
            Self::Malformed(error) => error.fmt(f),
            Self::TimedOut => f.write_str("no answer in time"),
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            // This kernel has no such interface, or a sandbox makes it appear so.
            Fault::Call(_, errno @ (Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT | Errno::OPNOTSUPP)) => {
                Self::new(io::ErrorKind::Unsupported, Self::from(errno))
            }
            Fault::Call(_, errno) => errno.into(),
            // It has the interface, without a handler for this family or protocol.
            Fault::Refused(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => {
                Self::new(io::ErrorKind::Unsupported, error)
            }
            Fault::Refused(error) => error,
            Fault::TimedOut => Self::new(io::ErrorKind::TimedOut, Fault::TimedOut.to_string()),
            other => Self::other(other.to_string()),
        }
    }
}
