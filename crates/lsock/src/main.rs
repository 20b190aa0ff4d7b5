//! The program `lsock`: lists the network sockets of this machine and the processes that hold them.
//!
//! [`cli`] is the command line, [`parse`] reads it, [`commands`] has a file for each command, [`exit`] ends the run. What the commands share
//! is in the library of this package.

mod cli;
mod commands;
mod exit;
mod ffi;
mod foreign_options;
mod habits;
mod help;
mod lsof;
mod pager;
mod parse;
mod reference;
mod signals;
mod terminal;

use crate::cli::{Command, OverviewArgs};
#[cfg(feature = "top")]
use crate::commands::top;
use crate::commands::{
    complete, completions, destroy, help_topic, kill, list, man, overview, wait, watch, why,
};
use crate::exit::EarlyExit;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<(), EarlyExit> {
    if complete::is_requested() {
        return complete::run();
    }
    let cli = parse::command_line()?;
    exit::check_stdout().map_err(EarlyExit::Output)?;
    match &cli.command {
        Some(Command::Destroy(args)) => destroy::run(args),
        Some(Command::Why(args)) => why::run(args),
        Some(Command::Kill(args)) => kill::run(args),
        Some(Command::Wait(args)) => wait::run(args),
        #[cfg(feature = "top")]
        Some(Command::Top(args)) => top::run(args),
        Some(Command::Completions { shell }) => completions::run(*shell),
        Some(Command::Man { of }) => man::run(of.as_deref()),
        Some(Command::Help { topic }) => help_topic::run(topic.as_deref()),
        Some(Command::Overview(args)) => overview::run(args),
        Some(Command::Watch(args)) => watch::run(args),
        None if std::env::args_os().len() <= 1 && io::stdout().is_terminal() => {
            overview::run(&OverviewArgs::default())
        }
        None => list::run(&cli.list),
    }
}
