//! The command line of the program.

use crate::exit::EarlyExit;
use crate::{foreign_options, help};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use lsock::filter_args::FilterArgs;
use lsock::list_args::{ColorWhen, ListArgs};

/// Lists the network sockets of this machine and the processes that hold them
///
/// With nothing said: every TCP and UDP socket of this network namespace with its owners, ordered by protocol, local
/// and remote end. Options of the same kind unite; options of different kinds and the filter narrow.
#[derive(Parser, Debug, Default)]
#[command(name = "lsock", version, args_override_self = true, args_conflicts_with_subcommands = true,
          disable_help_subcommand = true, after_help = format!("Examples:\n{}", help::EXAMPLES))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Print a completion script
    #[arg(long, value_name = "SHELL", value_enum)]
    pub(crate) completions: Option<Shell>,
    /// Print the manual page: lsock --man | man -l -
    #[arg(long)]
    pub(crate) man: bool,
}

/// The commands beside the listing.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// What listens and who is connected, folded to one screen
    ///
    /// As lsock alone shows it on a terminal. Listeners come first, those with the widest reach at the top: red for every
    /// address, yellow for an address that others reach, green for loopback. That is the address to which the socket is
    /// bound: a firewall may allow less. Connections are counted by process, port, peer and state; an arrow to the left
    /// was accepted, one to the right opened.
    Overview(OverviewArgs),
    /// Close sockets of other processes (Linux, with CAP_NET_ADMIN)
    ///
    /// Shows what would be closed and asks. The holders keep their descriptors, and their next call on one fails; the
    /// other end of a connection gets a reset. A socket that takes the same addresses meanwhile is not hit.
    Destroy(DestroyArgs),
}

/// The arguments of `lsock overview`.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct OverviewArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Everything, even if it does not fit on the screen
    #[arg(short = 'W', long)]
    pub(crate) wide: bool,
    /// No pager, even if the output is longer than the screen
    #[arg(long)]
    pub(crate) no_pager: bool,
    /// When to colour the output
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, hide_default_value = true)]
    pub(crate) color: ColorWhen,
}

/// The arguments of `lsock destroy`.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Don't ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

impl Cli {
    /// Parses the arguments of this process.
    pub(crate) fn from_command_line() -> Result<Self, EarlyExit> {
        let matches = command().try_get_matches().map_err(foreign_options::explain)?;
        Self::from_arg_matches(&matches).map_err(EarlyExit::Clap)
    }
}

/// The command with its whole help.
pub(crate) fn command() -> clap::Command {
    Cli::command().after_long_help(help::long()).mut_subcommand("destroy", |destroy| {
        // `--bound` of the listing mentions --all, which closing does not take.
        destroy.mut_arg("bound", |arg| arg.help(help::BOUND_TO_CLOSE)).after_help(help::destroy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn short_options_can_be_bundled_and_repeated() {
        let args = Cli::try_parse_from(["lsock", "-tulpn", "-t", "-a46"]).unwrap();
        let which = &args.list.filters;
        assert!(which.tcp && which.udp && which.listening && args.list.processes && args.list.numeric);
        assert!(args.list.all && which.ipv4 && which.ipv6);
    }

    #[test]
    fn lists_and_repetitions_add_up() {
        let args = Cli::try_parse_from(["lsock", "--port", "1,2", "--port=3", "--sort", "-pid", ":4", ":5"]);
        let args = args.unwrap();
        assert_eq!(args.list.filters.port, ["1", "2", "3"]);
        assert_eq!(args.list.sort, ["-pid"]);
        assert_eq!(args.list.filters.filter, [":4", ":5"]);
    }

    #[test]
    fn two_formats_are_refused() {
        assert!(Cli::try_parse_from(["lsock", "--json", "--csv"]).is_err());
    }
}
