//! The arguments of a listing, as they were typed.

use crate::duration;
use crate::filter_args::FilterArgs;
use crate::render::Format;
use clap::ValueEnum;
use std::time::Duration;

const OUTPUT: &str = "Output";
const COMPATIBILITY: &str = "Compatibility (accepted, no effect)";

/// The options of a listing: which sockets, what to show of them, and how.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ListArgs {
    /// Which sockets.
    #[command(flatten)]
    pub filters: FilterArgs,

    /// The columns to show; +NAME adds to the default ones (lsock help columns)
    #[arg(long, aliases = ["cols", "column", "fields"], value_name = "NAME,...", value_delimiter = ',',
          help_heading = OUTPUT)]
    pub columns: Vec<String>,
    /// Sort by these columns; -NAME or NAME:desc for descending
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', allow_hyphen_values = true, help_heading = OUTPUT)]
    pub sort: Vec<String>,
    /// All that is known of each socket beyond its row, as the column "details" and in the JSON (Linux)
    #[arg(short = 'i', long, alias = "info", help_heading = OUTPUT)]
    pub details: bool,
    /// Both ends of connections within this machine: adds the columns direction and peer, and to the JSON the other ends
    #[arg(long, alias = "peer", help_heading = OUTPUT)]
    pub peers: bool,
    /// Add the column timer (Linux)
    #[arg(short = 'o', long, aliases = ["timer", "options"], help_heading = OUTPUT)]
    pub timers: bool,
    /// Add the columns uid, inode and cookie
    #[arg(short = 'e', long, help_heading = OUTPUT)]
    pub extended: bool,
    /// Add the columns rcvbuf, sndbuf and drops (Linux)
    #[arg(short = 'm', long, alias = "mem", help_heading = OUTPUT)]
    pub memory: bool,
    /// Add the column tos (Linux)
    #[arg(long, help_heading = OUTPUT)]
    pub tos: bool,
    /// Add the column cgroup (Linux)
    #[arg(long, help_heading = OUTPUT)]
    pub cgroup: bool,
    /// Names of hosts in place of addresses, as far as the resolver returns them within two seconds
    #[arg(short, long, aliases = ["names", "dns"], help_heading = OUTPUT)]
    pub resolve: bool,
    /// Don't look up owners, which is nearly all of the work
    #[arg(long, help_heading = OUTPUT)]
    pub no_owners: bool,
    /// How to find owners: Linux has several sources; no effect elsewhere
    #[arg(long, value_name = "SOURCE", value_enum, default_value_t, hide_default_value = true, help_heading = OUTPUT)]
    pub owner_source: OwnerSourceArg,
    /// No header line
    #[arg(short = 'H', long, aliases = ["no-headers", "noheader", "noheaders"], help_heading = OUTPUT)]
    pub no_header: bool,
    /// One JSON document: sockets, their processes, and what could not be seen
    #[arg(short = 'j', long, group = "output", help_heading = OUTPUT)]
    pub json: bool,
    /// One JSON object per line and socket
    #[arg(long, alias = "ndjson", group = "output", help_heading = OUTPUT)]
    pub jsonl: bool,
    /// Comma-separated values, one line per socket
    #[arg(long, group = "output", help_heading = OUTPUT)]
    pub csv: bool,
    /// The same by name: table, json, jsonl or csv
    #[arg(long, alias = "output", value_name = "FORMAT", value_enum, group = "output", help_heading = OUTPUT)]
    pub format: Option<FormatArg>,
    /// The pids of the owners alone, one per line
    #[arg(long, group = "output", conflicts_with = "no_owners", help_heading = OUTPUT)]
    pub pids: bool,
    /// How many sockets there are of each protocol and in each state, as a table, JSON or CSV
    #[arg(short, long, conflicts_with_all = ["pids", "quiet"], help_heading = OUTPUT)]
    pub summary: bool,
    /// How many sockets each of these has, with their queues, as a table, JSON or CSV
    #[arg(long, value_name = "KEY", value_enum, conflicts_with_all = ["pids", "summary", "quiet", "columns", "sort", "watch", "interval"],
          help_heading = OUTPUT)]
    pub group_by: Option<GroupByArg>,
    /// Nothing but the exit status: 0 found, 1 nothing found, 2 usage error or failure
    #[arg(short, long, aliases = ["silent"], group = "output", help_heading = OUTPUT)]
    pub quiet: bool,
    /// The table as in a pipe: nothing is shortened, folded or left out, however wide it becomes
    #[arg(short = 'W', long, help_heading = OUTPUT)]
    pub wide: bool,
    /// List again and again; on a terminal in place
    #[arg(long, aliases = ["follow", "repeat", "continuous"], conflicts_with_all = ["pids", "summary", "quiet"],
          help_heading = OUTPUT)]
    pub watch: bool,
    /// As --watch, and the time between two listings: 2s, 500ms (without it: 1s)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["pids", "summary", "quiet"],
          value_parser = duration::parse_interval, help_heading = OUTPUT)]
    pub interval: Option<Duration>,
    /// No pager, even if the output is longer than the screen
    #[arg(long, help_heading = OUTPUT)]
    pub no_pager: bool,
    /// When to colour the table
    #[arg(long, alias = "colour", value_name = "WHEN", value_enum, default_value_t, hide_default_value = true,
          help_heading = OUTPUT)]
    pub color: ColorWhen,
    /// As --color never
    #[arg(long, aliases = ["no-colour", "nocolor"], hide = true)]
    pub no_color: bool,

    /// Sockets in every state: the default, except with --bound
    #[arg(short, long, help_heading = COMPATIBILITY)]
    pub all: bool,
    /// Numbers, not names, for addresses and ports: the default
    #[arg(short, long, help_heading = COMPATIBILITY)]
    pub numeric: bool,
    /// Show the processes: the default
    #[arg(short = 'p', long, help_heading = COMPATIBILITY)]
    pub processes: bool,
    /// One line per socket: the default (-O, --oneline); no queues (-Q); numeric ports (-P)
    #[arg(short = 'O', long, hide = true)]
    pub oneline: bool,
    #[arg(short = 'Q', long, hide = true)]
    #[allow(missing_docs, reason = "as the option before it")]
    pub no_queues: bool,
    #[arg(short = 'P', long, hide = true, aliases = ["numeric-hosts", "numeric-users"])]
    #[allow(missing_docs, reason = "as the option before it")]
    pub numeric_ports: bool,
}

impl ListArgs {
    /// The format of the rows.
    pub fn format(&self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { jsonl: true, .. } => Format::JsonLines,
            Self { csv: true, .. } => Format::Csv,
            _ => self.format.map_or(Format::Table, Format::from),
        }
    }

    /// When the table is coloured.
    pub fn color(&self) -> ColorWhen {
        if self.no_color { ColorWhen::Never } else { self.color }
    }

    /// The columns that options of `ss` add.
    pub(crate) fn added_columns(&self) -> impl Iterator<Item = &'static str> {
        let groups: [(bool, &[&str]); 6] = [
            (self.extended, &["uid", "inode", "cookie"]),
            (self.memory, &["rcvbuf", "sndbuf", "drops"]),
            (self.timers, &["timer"]),
            (self.tos, &["tos"]),
            (self.cgroup, &["cgroup"]),
            (self.peers, &["direction", "peer"]),
        ];
        groups.into_iter().filter(|(is_set, _)| *is_set).flat_map(|(_, columns)| columns.iter().copied())
    }
}

/// A format by name.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// The table for people
    #[value(alias = "text")]
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line and socket
    #[value(aliases = ["ndjson", "jsonlines"])]
    Jsonl,
    /// Comma-separated values
    Csv,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Table => Self::Table,
            FormatArg::Json => Self::Json,
            FormatArg::Jsonl => Self::JsonLines,
            FormatArg::Csv => Self::Csv,
        }
    }
}

/// What sockets are grouped by.
#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupByArg {
    /// The names of their owners
    Process,
    /// Who created them
    User,
    /// What their owners belong to: pod, container, unit ... (Linux)
    Workload,
    /// The unit of systemd (Linux)
    Unit,
    /// The container (Linux)
    Container,
    /// The pod (Linux)
    Pod,
    /// Their state
    State,
    /// The remote address
    Remote,
    /// The local port
    #[value(alias = "port")]
    LocalPort,
    /// How far the address of a listener reaches
    Exposure,
    /// The network namespace (Linux)
    Netns,
}

impl From<GroupByArg> for netstat::GroupKey {
    fn from(key: GroupByArg) -> Self {
        match key {
            GroupByArg::Process => Self::Process,
            GroupByArg::User => Self::User,
            GroupByArg::Workload => Self::Workload,
            GroupByArg::Unit => Self::Unit,
            GroupByArg::Container => Self::Container,
            GroupByArg::Pod => Self::Pod,
            GroupByArg::State => Self::State,
            GroupByArg::Remote => Self::Remote,
            GroupByArg::LocalPort => Self::LocalPort,
            GroupByArg::Exposure => Self::Exposure,
            GroupByArg::Netns => Self::Netns,
        }
    }
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
    /// BPF where the rights suffice and it is faster, else procfs
    #[default]
    Auto,
    /// The links in /proc/PID/fd of all processes
    Procfs,
    /// A BPF iterator over all descriptors; if that is not available, procfs and a line on standard error
    Bpf,
    /// One pass of a BPF program for sockets and owners together; if that is not available, bpf or procfs and a line on standard error
    OnePass,
}

impl From<OwnerSourceArg> for netstat::OwnerSource {
    fn from(source: OwnerSourceArg) -> Self {
        match source {
            OwnerSourceArg::Auto => Self::Auto,
            OwnerSourceArg::Procfs => Self::Procfs,
            OwnerSourceArg::Bpf => Self::Bpf,
            OwnerSourceArg::OnePass => Self::OnePass,
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
