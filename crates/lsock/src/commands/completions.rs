//! `lsock --completions SHELL`: a completion script, generated from the definition of the command line.

use crate::cli;
use crate::exit::EarlyExit;
use clap_complete::Shell;
use std::io::{self, Write};

/// Prints the script for this shell.
pub(crate) fn run(shell: Shell) -> Result<(), EarlyExit> {
    // Into memory first: the generator panics when its output fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "lsock", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script).and_then(|()| out.flush()).map_err(EarlyExit::Output)
}
