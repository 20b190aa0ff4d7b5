//! The command line of the program.

use crate::commands::completions::Shell;
use crate::help;
use clap::{CommandFactory, Parser, Subcommand};
use lsock::duration;
use lsock::filter_args::FilterArgs;
use lsock::list_args::{ColorWhen, ListArgs};
use std::time::Duration;

/// Lists the network sockets of this machine and the processes that hold them
///
/// Without arguments: on a terminal the overview, else every TCP and UDP socket of this network namespace with its owners,
/// sorted by protocol, local and remote end. Options of the same kind are OR-ed; options of different kinds and the filter are AND-ed.
#[derive(Parser, Debug, Default)]
#[command(
    name = "lsock",
    version,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) list: ListArgs,
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
    /// What a port, a process or a name is used by, since when, and what started it
    ///
    /// A card for each process: its command, directory and user, the processes above it up to the first one, what it listens
    /// on, who is connected, and what is worth a look. Of forked processes the first has the card.
    Why(WhyArgs),
    /// Close sockets of other processes (Linux, with CAP_NET_ADMIN)
    ///
    /// Shows what would be closed and asks. The holders keep their descriptors, and their next call on one fails; the
    /// other end of a connection gets a reset. A socket that takes the same addresses meanwhile is not closed.
    Destroy(DestroyArgs),
    /// What happens to sockets, one line for each change
    ///
    /// A line begins with the local time and + (opened), - (closed) or = (changed: state or holders); of what closed it has
    /// how long it was open and, on Linux, how many bytes it received and sent. What lives between two listings is seen
    /// where the kernel reports it; what is not seen is said once on standard error.
    Watch(WatchArgs),
    /// Print the completions for a shell, which complete columns, states, users, processes and ports in use
    Completions {
        /// The shell
        #[arg(value_name = "SHELL", value_enum)]
        shell: Option<Shell>,
    },
    /// Print a manual page: lsock man | man -l -
    Man {
        /// The command whose page it is; without one, that of lsock
        #[arg(value_name = "COMMAND")]
        of: Option<String>,
    },
    /// Explain one topic: filters, columns, options ...
    Help {
        /// The topic or command; without one, the first screen
        #[arg(value_name = "TOPIC")]
        topic: Option<String>,
    },
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

/// The arguments of `lsock why`.
#[derive(clap::Args, Debug)]
pub(crate) struct WhyArgs {
    /// A port, the pid or name of a process, or an address with a port
    #[arg(value_name = "PORT|PID|NAME")]
    pub(crate) what: String,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
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
    /// Close without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// The arguments of `lsock watch`.
#[derive(clap::Args, Debug)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// The time between two listings: 1s, 500ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::parse_interval)]
    pub(crate) interval: Duration,
    /// One JSON object per line and event
    #[arg(long, alias = "json")]
    pub(crate) jsonl: bool,
    /// Also what remains of closed connections: TIME_WAIT
    #[arg(short, long)]
    pub(crate) all: bool,
    /// When to colour the output
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, hide_default_value = true)]
    pub(crate) color: ColorWhen,
}

/// The definition of the command line.
pub(crate) fn command() -> clap::Command {
    // `--bound` of the listing mentions --all, which closing does not take.
    Cli::command()
        .mut_subcommand("destroy", |destroy| destroy.mut_arg("bound", |arg| arg.help(help::BOUND_TO_CLOSE)))
}

/// The same with the help of one screen for `--help`.
pub(crate) fn with_screens() -> clap::Command {
    command()
        .override_help(help::SCREEN)
        .mut_subcommand("overview", |overview| overview.override_help(help::OVERVIEW_SCREEN))
        .mut_subcommand("why", |why| why.override_help(help::WHY_SCREEN))
        .mut_subcommand("destroy", |destroy| destroy.override_help(help::DESTROY_SCREEN))
        .mut_subcommand("watch", |watch| watch.override_help(help::WATCH_SCREEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_definition_is_sound() {
        with_screens().debug_assert();
    }

    #[test]
    fn short_options_can_be_bundled_and_repeated() {
        let args = Cli::try_parse_from(["lsock", "-tulpn", "-t", "-a46"]).unwrap();
        let which = &args.list.filters;
        assert!(which.tcp && which.udp && which.listening && args.list.processes && args.list.numeric);
        assert!(args.list.all && which.ipv4 && which.ipv6);
    }

    #[test]
    fn letters_that_scripts_give_to_ss_are_there() {
        let args = Cli::try_parse_from(["lsock", "-Htna"]).unwrap();
        assert!(args.list.no_header && args.list.filters.tcp && args.list.numeric && args.list.all);
        for letter in "haltuneompirsBOQPH46qj".chars().filter(|letter| *letter != 'h') {
            assert!(Cli::try_parse_from(["lsock".to_owned(), format!("-{letter}")]).is_ok(), "-{letter}");
        }
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
        for pair in [["--json", "--csv"], ["--json", "--pids"], ["--quiet", "--csv"], ["--summary", "--pids"]]
        {
            assert!(Cli::try_parse_from(["lsock"].iter().chain(&pair)).is_err(), "{pair:?}");
        }
    }
}
