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
mod pager;
mod terminal;

use crate::cli::{Cli, Command, OverviewArgs};
use crate::commands::{completions, destroy, list, man, overview};
use crate::exit::EarlyExit;
use std::io::{self, IsTerminal};
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
        Some(Command::Overview(args)) => overview::run(args),
        None if std::env::args_os().len() <= 1 && io::stdout().is_terminal() => {
            overview::run(&OverviewArgs::default())
        }
        None => list::run(&cli.list),
    }
}
