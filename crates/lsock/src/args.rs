//! What was typed, as it was typed. What it means is told by `plan`.

use crate::exit::Stop;
use crate::{elsewhere, help};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

/// Lists the network sockets of this machine and the processes that hold them
///
/// With nothing said: every TCP and UDP socket of this network namespace with its owners, ordered by protocol, local
/// and remote end. Options of the same kind unite; options of different kinds and the filter narrow.
#[derive(Parser, Debug, Default)]
#[command(name = "lsock", version, args_override_self = true, args_conflicts_with_subcommands = true,
          disable_help_subcommand = true, after_help = format!("Examples:\n{}", help::EXAMPLES))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) which: Which,

    /// The columns to show; +NAME adds to the usual ones
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = OUTPUT)]
    pub(crate) columns: Vec<String>,
    /// The columns to sort by; -NAME or NAME:desc turns one round
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', allow_hyphen_values = true, help_heading = OUTPUT)]
    pub(crate) sort: Vec<String>,
    /// All that is known of each socket beyond its row, as the column "details" and in the JSON (Linux)
    #[arg(short = 'i', long, help_heading = OUTPUT)]
    pub(crate) details: bool,
    /// Don't look for owners, which is nearly all of the work
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) no_owners: bool,
    /// How to find owners, where the system has more than one way: Linux. Elsewhere it changes nothing
    #[arg(long, value_name = "SOURCE", value_enum, default_value_t, hide_default_value = true, help_heading = OUTPUT)]
    pub(crate) owner_source: Source,
    /// No header line
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) no_header: bool,
    /// One JSON document: sockets, their processes, and what could not be seen
    #[arg(long, group = "format", help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// One JSON object a line and socket
    #[arg(long, group = "format", help_heading = OUTPUT)]
    pub(crate) jsonl: bool,
    /// Comma-separated values, one line a socket
    #[arg(long, group = "format", help_heading = OUTPUT)]
    pub(crate) csv: bool,
    /// When to colour the table
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, hide_default_value = true, help_heading = OUTPUT)]
    pub(crate) color: Color,

    /// Sockets in every state; this is so anyway, but beside --bound
    #[arg(short, long, help_heading = HABITS)]
    pub(crate) all: bool,
    /// Numbers, not names, for addresses and ports; this is so anyway
    #[arg(short, long, help_heading = HABITS)]
    pub(crate) numeric: bool,
    /// Show the processes; this is so anyway
    #[arg(short = 'p', long, help_heading = HABITS)]
    pub(crate) processes: bool,

    /// Print a completion script
    #[arg(long, value_name = "SHELL", value_enum)]
    pub(crate) completions: Option<Shell>,
    /// Print the manual page: lsock --man | man -l -
    #[arg(long)]
    pub(crate) man: bool,
}

/// Which sockets: what the listing takes, and what closing takes.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Which {
    /// Which sockets, as to ss: state established '( dport = :443 or dst 10.0.0.0/8 )'; or :8080, process nginx ...
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,

    /// TCP sockets
    #[arg(short, long, help_heading = FILTERS)]
    pub(crate) tcp: bool,
    /// UDP sockets
    #[arg(short, long, help_heading = FILTERS)]
    pub(crate) udp: bool,
    /// Sockets that wait for others: TCP in LISTEN, UDP without a remote end
    #[arg(short, long, help_heading = FILTERS)]
    pub(crate) listening: bool,
    /// TCP sockets that are bound, but neither listen nor connect (Linux 6.8, Windows). Alone: only these; with
    /// --state or --listening: these too; with --all: everything and these
    #[arg(short = 'B', long, alias = "bound-inactive", help_heading = FILTERS)]
    pub(crate) bound: bool,
    /// IPv4 sockets
    #[arg(short = '4', long, help_heading = FILTERS)]
    pub(crate) ipv4: bool,
    /// IPv6 sockets, IPv4 traffic on them included
    #[arg(short = '6', long, help_heading = FILTERS)]
    pub(crate) ipv6: bool,

    /// Sockets in one of these states: established, time-wait, listen ...
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', help_heading = FILTERS)]
    pub(crate) state: Vec<String>,
    /// Sockets with one of these ports, local or remote
    #[arg(long, value_name = "N|A-B,...", value_delimiter = ',', help_heading = FILTERS)]
    pub(crate) port: Vec<String>,
    /// Sockets with one of these local ports
    #[arg(long, value_name = "N|A-B,...", value_delimiter = ',', help_heading = FILTERS)]
    pub(crate) local_port: Vec<String>,
    /// Sockets with one of these remote ports
    #[arg(long, value_name = "N|A-B,...", value_delimiter = ',', help_heading = FILTERS)]
    pub(crate) remote_port: Vec<String>,
    /// Sockets that one of these processes holds; other holders are then not looked for
    #[arg(long, value_name = "PID,...", value_delimiter = ',', help_heading = FILTERS)]
    pub(crate) pid: Vec<String>,
    /// Sockets that a process of this name holds (the whole name; Windows: .exe can be left out); can be given again
    #[arg(long, value_name = "NAME", help_heading = FILTERS)]
    pub(crate) process: Vec<String>,
    /// Sockets made by one of these users; Windows does not tell whose they are
    #[arg(long, value_name = "NAME|UID,...", value_delimiter = ',', value_hint = ValueHint::Username,
          help_heading = FILTERS)]
    pub(crate) user: Vec<String>,
}

/// What can be done but list.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Close sockets from outside, whoever holds them (Linux, with CAP_NET_ADMIN)
    ///
    /// Shows what would be closed and asks. The holders keep their descriptors, and their next call on one fails; the
    /// other end of a connection gets a reset. A socket that takes the same addresses meanwhile is not hit.
    Destroy(Destroy),
}

/// What to close.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Destroy {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Don't ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

const FILTERS: &str = "Which sockets";
const OUTPUT: &str = "What to show, and how";
const HABITS: &str = "For hands that know ss and netstat";

/// When to colour.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether standard output is to be coloured.
    pub(crate) fn wanted(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        }
    }
}

/// How to find owners.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// BPF with the rights for it and where it pays, else procfs
    #[default]
    Auto,
    /// The links in /proc/PID/fd of all processes
    Procfs,
    /// A BPF iterator over all descriptors; where it cannot be had, procfs, and a line on standard error
    Bpf,
}

impl From<Source> for netstat::OwnerSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Auto => Self::Auto,
            Source::Procfs => Self::Procfs,
            Source::Bpf => Self::Bpf,
        }
    }
}

impl Args {
    /// Reads the command line.
    pub(crate) fn from_command_line() -> Result<Self, Stop> {
        let matches = command().try_get_matches().map_err(elsewhere::stop)?;
        Self::from_arg_matches(&matches).map_err(Stop::Clap)
    }
}

/// The command with its whole help.
pub(crate) fn command() -> clap::Command {
    Args::command().after_long_help(help::long()).mut_subcommand("destroy", |destroy| {
        // Beside the listing's own text: closing takes no --all.
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
        let args = Args::try_parse_from(["lsock", "-tulpn", "-t", "-a46"]).unwrap();
        let which = &args.which;
        assert!(which.tcp && which.udp && which.listening && args.processes && args.numeric);
        assert!(args.all && which.ipv4 && which.ipv6);
    }

    #[test]
    fn lists_and_repetitions_add_up() {
        let args = Args::try_parse_from(["lsock", "--port", "1,2", "--port=3", "--sort", "-pid", ":4", ":5"]);
        let args = args.unwrap();
        assert_eq!(args.which.port, ["1", "2", "3"]);
        assert_eq!(args.sort, ["-pid"]);
        assert_eq!(args.which.filter, [":4", ":5"]);
    }

    #[test]
    fn two_formats_are_refused() {
        assert!(Args::try_parse_from(["lsock", "--json", "--csv"]).is_err());
    }
}
