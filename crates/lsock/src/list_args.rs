//! The arguments of a listing, as they were typed.

use crate::filter_args::FilterArgs;
use clap::ValueEnum;

const OUTPUT: &str = "Output";
const COMPATIBILITY: &str = "Compatibility (accepted, no effect)";

/// The options of a listing: which sockets, what to show of them, and how.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ListArgs {
    /// Which sockets.
    #[command(flatten)]
    pub filters: FilterArgs,

    /// The columns to show; +NAME adds to the usual ones
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = OUTPUT)]
    pub columns: Vec<String>,
    /// Sort by these columns; -NAME or NAME:desc for descending
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', allow_hyphen_values = true, help_heading = OUTPUT)]
    pub sort: Vec<String>,
    /// All that is known of each socket beyond its row, as the column "details" and in the JSON (Linux)
    #[arg(short = 'i', long, help_heading = OUTPUT)]
    pub details: bool,
    /// Don't look for owners, which is nearly all of the work
    #[arg(long, help_heading = OUTPUT)]
    pub no_owners: bool,
    /// How to find owners, where the system has more than one way: Linux. Elsewhere it changes nothing
    #[arg(long, value_name = "SOURCE", value_enum, default_value_t, hide_default_value = true, help_heading = OUTPUT)]
    pub owner_source: OwnerSourceArg,
    /// No header line
    #[arg(long, help_heading = OUTPUT)]
    pub no_header: bool,
    /// One JSON document: sockets, their processes, and what could not be seen
    #[arg(long, group = "format", help_heading = OUTPUT)]
    pub json: bool,
    /// One JSON object a line and socket
    #[arg(long, group = "format", help_heading = OUTPUT)]
    pub jsonl: bool,
    /// Comma-separated values, one line a socket
    #[arg(long, group = "format", help_heading = OUTPUT)]
    pub csv: bool,
    /// The table as in a pipe: nothing is shortened, folded or left out, however wide it becomes
    #[arg(short = 'W', long, help_heading = OUTPUT)]
    pub wide: bool,
    /// No pager, even if the output is longer than the screen
    #[arg(long, help_heading = OUTPUT)]
    pub no_pager: bool,
    /// When to colour the table
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, hide_default_value = true, help_heading = OUTPUT)]
    pub color: ColorWhen,

    /// Sockets in every state; this is so anyway, but beside --bound
    #[arg(short, long, help_heading = COMPATIBILITY)]
    pub all: bool,
    /// Numbers, not names, for addresses and ports; this is so anyway
    #[arg(short, long, help_heading = COMPATIBILITY)]
    pub numeric: bool,
    /// Show the processes; this is so anyway
    #[arg(short = 'p', long, help_heading = COMPATIBILITY)]
    pub processes: bool,
}

/// When the table is coloured.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorWhen {
    /// Whether the table on standard output is coloured.
    pub fn is_wanted(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        }
    }
}

/// How owners are found.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OwnerSourceArg {
    /// BPF with the rights for it and where it pays, else procfs
    #[default]
    Auto,
    /// The links in /proc/PID/fd of all processes
    Procfs,
    /// A BPF iterator over all descriptors; where it cannot be had, procfs, and a line on standard error
    Bpf,
}

impl From<OwnerSourceArg> for netstat::OwnerSource {
    fn from(source: OwnerSourceArg) -> Self {
        match source {
            OwnerSourceArg::Auto => Self::Auto,
            OwnerSourceArg::Procfs => Self::Procfs,
            OwnerSourceArg::Bpf => Self::Bpf,
        }
    }
}

#[cfg(test)]
impl ListArgs {
    /// Parses the words of a command line, of which the first is the program.
    pub(crate) fn try_parse_from(
        words: impl IntoIterator<Item: Into<std::ffi::OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        use clap::{Args, FromArgMatches};
        let command = Self::augment_args(clap::Command::new("lsock")).args_override_self(true);
        command.try_get_matches_from(words).and_then(|matches| Self::from_arg_matches(&matches))
    }
}
