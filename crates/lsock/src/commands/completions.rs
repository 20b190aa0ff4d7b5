//! `lsock completions SHELL`: a script that makes the shell ask `lsock` itself, so that it offers what there is now.

use crate::exit::{self, EarlyExit};
use clap::ValueEnum;
use lsock::usage::UsageError;

/// A shell with completions.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(aliases = ["pwsh", "power-shell"])]
    Powershell,
    Elvish,
}

/// Prints the script for this shell.
pub(crate) fn run(shell: Option<Shell>) -> Result<(), EarlyExit> {
    let Some(shell) = shell else {
        return Err(UsageError::new(
            "completions needs a shell: bash, zsh, fish, powershell or elvish; example: lsock completions bash",
        )
        .into());
    };
    exit::print(match shell {
        Shell::Bash => include_str!("completions/lsock.bash"),
        Shell::Zsh => include_str!("completions/_lsock"),
        Shell::Fish => include_str!("completions/lsock.fish"),
        Shell::Powershell => include_str!("completions/lsock.ps1"),
        Shell::Elvish => include_str!("completions/lsock.elv"),
    })
}
