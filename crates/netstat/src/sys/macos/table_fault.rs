//! Why a table of sockets could not be read.

use super::kernel::Errno;
use netstat_wire::DecodeError;
use std::fmt;
use std::io;

/// Why a table could not be read.
#[derive(Debug)]
pub(super) enum TableFault {
    Call(Errno),
    Malformed(DecodeError),
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(errno) => errno.fmt(f),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

impl From<TableFault> for io::Error {
    fn from(fault: TableFault) -> Self {
        match fault {
            TableFault::Call(errno) => errno.into(),
            TableFault::Malformed(error) => Self::other(error),
        }
    }
}
