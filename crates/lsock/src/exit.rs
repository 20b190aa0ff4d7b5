//! Exit codes: 0 listed (even nothing) or the reader has closed the pipe, 1 failed, 2 usage error. With `-q`: 0 found, 1
//! nothing found, 2 usage error or failure.

use crate::ffi;
use lsock::escape;
use lsock::usage::UsageError;
use std::io::{self, Write};
use std::process::ExitCode;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// The same number on every system that has it.
const EBADF: i32 = 9;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum EarlyExit {
    /// The help or version that clap prints on request.
    Clap(clap::Error),
    /// The command line makes no sense.
    Usage(UsageError),
    /// The query failed.
    Query(netstat::Error),
    /// The command failed and has printed why.
    Reported,
    /// With `-q`: nothing was found.
    NothingFound,
    /// With `-q`: whether there is something could not be found out. The reason is printed.
    Undecided,
    /// Writing to standard output failed.
    Output(io::Error),
}

impl From<UsageError> for EarlyExit {
    fn from(usage: UsageError) -> Self {
        Self::Usage(usage)
    }
}

/// The exit code of a run. Prints on standard error why it failed.
pub(crate) fn code(result: Result<(), EarlyExit>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(EarlyExit::Reported | EarlyExit::NothingFound) => ExitCode::from(FAILED),
        Err(EarlyExit::Undecided) => ExitCode::from(USAGE),
        Err(EarlyExit::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(EarlyExit::Output(error)) => {
            eprint(&format!("cannot write standard output: {error}"));
            ExitCode::from(FAILED)
        }
        Err(EarlyExit::Query(error)) => {
            eprint(&escape::escaped(error.to_string().as_bytes()));
            ExitCode::from(FAILED)
        }
        Err(EarlyExit::Usage(usage)) => {
            eprint(&usage.to_string());
            ExitCode::from(USAGE)
        }
        Err(EarlyExit::Clap(help)) => match check_stdout().and_then(|()| help.print()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => code(Err(EarlyExit::Output(error))),
        },
    }
}

/// Fails if standard output was not open for writing when the process started: the standard library would report success
/// for every write.
pub(crate) fn check_stdout() -> io::Result<()> {
    if ffi::stdout_is_writable() { Ok(()) } else { Err(io::Error::from_raw_os_error(EBADF)) }
}

/// Prints a text on standard output.
pub(crate) fn print(text: &str) -> Result<(), EarlyExit> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(EarlyExit::Output)
}

/// Prints a message on standard error, if that is open.
pub(crate) fn eprint(message: &str) {
    let _ = writeln!(io::stderr().lock(), "lsock: {message}");
}
