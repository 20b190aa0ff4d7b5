//! From the arguments of this process to what they ask for.

use crate::cli::{self, Cli};
use crate::exit::EarlyExit;
use crate::{foreign_options, habits};
use clap::FromArgMatches;

/// Parses the arguments of this process.
pub(crate) fn command_line() -> Result<Cli, EarlyExit> {
    let words = habits::translated(std::env::args_os().skip(1).collect())?;
    let typed = std::iter::once("lsock".into()).chain(words);
    let matches = cli::with_screens().try_get_matches_from(typed).map_err(foreign_options::explain)?;
    Cli::from_arg_matches(&matches).map_err(foreign_options::explain)
}
