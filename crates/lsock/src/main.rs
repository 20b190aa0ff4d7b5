//! The program `lsock`: lists the network sockets of this machine and the processes that hold them.
//!
//! [`cli`] is the command line, [`commands`] has a file for each command, [`exit`] ends the run. What the commands share
//! is in the library of this package.

mod cli;
mod commands;
mod exit;
mod ffi;
mod foreign_options;
mod help;

use crate::cli::{Cli, Command};
use crate::commands::{completions, destroy, list, man};
use crate::exit::EarlyExit;
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<(), EarlyExit> {
    let cli = Cli::from_command_line()?;
    exit::check_stdout().map_err(EarlyExit::Output)?;
    if let Some(shell) = cli.completions {
        return completions::run(shell);
    }
    if cli.man {
        return man::run();
    }
    match &cli.command {
        Some(Command::Destroy(args)) => destroy::run(args),
        None => list::run(&cli.list),
    }
}
