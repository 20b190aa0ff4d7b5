//! How a run ends: 0 listed (even nothing) or the reader has closed the pipe, 1 failed, 2 typed wrongly.

use crate::plan::Usage;
use crate::text;
use std::io::{self, Write};
use std::process::ExitCode;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Why a run ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What clap refused, or printed because it was asked to (help, version).
    Clap(clap::Error),
    /// What was typed makes no sense.
    Usage(Usage),
    /// The sockets could not be listed.
    Listing(netstat::Error),
    /// What failed has been said already.
    Said,
    /// Standard output took no more.
    Output(io::Error),
}

impl From<Usage> for Stop {
    fn from(usage: Usage) -> Self {
        Self::Usage(usage)
    }
}

/// The exit code of a run, after saying on standard error what is to be said.
pub(crate) fn code(result: Result<(), Stop>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Said) => ExitCode::from(FAILED),
        Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Output(error)) => {
            complain(&format!("cannot write standard output: {error}"));
            ExitCode::from(FAILED)
        }
        Err(Stop::Listing(error)) => {
            let mut line = String::new();
            text::push_harmless(error.to_string().as_bytes(), &mut line);
            complain(&line);
            ExitCode::from(FAILED)
        }
        Err(Stop::Usage(usage)) => {
            complain(&format!("{usage}\nTry 'lsock --help'."));
            ExitCode::from(USAGE)
        }
        Err(Stop::Clap(error)) if error.use_stderr() => {
            let said = error.render().to_string();
            complain(said.trim_end().trim_start_matches("error: "));
            ExitCode::from(USAGE)
        }
        Err(Stop::Clap(help)) => match help.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => code(Err(Stop::Output(error))),
        },
    }
}

/// Says something on standard error. If that is closed too, nobody listens.
pub(crate) fn complain(what: &str) {
    let _ = writeln!(io::stderr().lock(), "lsock: {what}");
}
