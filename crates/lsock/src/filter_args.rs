//! The arguments that select sockets, and the filter they form. The library parses the values and the expression.

use crate::usage::UsageError;
use clap::ValueHint;
use netstat::{Filter, FilterError, Query, Scope, State};

const HEADING: &str = "Filters";

/// The options and words that select sockets: of the listing, and of every command that acts on sockets.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// Which sockets, as to ss: state established '( dport = :443 or dst 10.0.0.0/8 )'; or :8080, process nginx ...
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,

    /// TCP sockets
    #[arg(short, long, help_heading = HEADING)]
    pub tcp: bool,
    /// UDP sockets
    #[arg(short, long, help_heading = HEADING)]
    pub udp: bool,
    /// Sockets that wait for others: TCP in LISTEN, UDP without a remote end
    #[arg(short, long, help_heading = HEADING)]
    pub listening: bool,
    /// TCP sockets that are bound, but neither listen nor connect (Linux 6.8, Windows). Alone: only these; with
    /// --state or --listening: these too; with --all: everything and these
    #[arg(short = 'B', long, alias = "bound-inactive", help_heading = HEADING)]
    pub bound: bool,
    /// IPv4 sockets
    #[arg(short = '4', long, help_heading = HEADING)]
    pub ipv4: bool,
    /// IPv6 sockets, IPv4 traffic on them included
    #[arg(short = '6', long, help_heading = HEADING)]
    pub ipv6: bool,

    /// In this network namespace: of this name (ip netns), of this process, with this file, or all (Linux)
    #[arg(short = 'N', long, alias = "net", value_name = "NAME|PID|PATH|all", help_heading = HEADING)]
    pub netns: Option<String>,
    /// In every network namespace, as --netns all (Linux)
    #[arg(long, help_heading = HEADING)]
    pub all_namespaces: bool,

    /// Sockets in one of these states: established, time-wait, listen ...
    #[arg(long, value_name = "STATE,...", value_delimiter = ',', help_heading = HEADING)]
    pub state: Vec<String>,
    /// Sockets with one of these ports, local or remote
    #[arg(long, value_name = "N|A-B,...", value_delimiter = ',', help_heading = HEADING)]
    pub port: Vec<String>,
    /// Sockets with one of these local ports
    #[arg(long, value_name = "N|A-B,...", value_delimiter = ',', help_heading = HEADING)]
    pub local_port: Vec<String>,
    /// Sockets with one of these remote ports
    #[arg(long, value_name = "N|A-B,...", value_delimiter = ',', help_heading = HEADING)]
    pub remote_port: Vec<String>,
    /// Sockets that one of these processes holds; other holders are then not looked for
    #[arg(long, value_name = "PID,...", value_delimiter = ',', help_heading = HEADING)]
    pub pid: Vec<String>,
    /// Sockets that a process of this name holds (the whole name; Windows: .exe can be left out); can be given again
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    pub process: Vec<String>,
    /// Sockets made by one of these users; not on Windows, whose tables have no user
    #[arg(long, value_name = "NAME|UID,...", value_delimiter = ',', value_hint = ValueHint::Username,
          help_heading = HEADING)]
    pub user: Vec<String>,
}

impl FilterArgs {
    /// The query for all sockets of the selected protocols and families.
    pub(crate) fn query(&self) -> Result<Query, UsageError> {
        let mut query = Query::new();
        if self.tcp {
            query = query.tcp();
        }
        if self.udp {
            query = query.udp();
        }
        if self.ipv4 {
            query = query.ipv4();
        }
        if self.ipv6 {
            query = query.ipv6();
        }
        if self.bound {
            if self.udp && !self.tcp {
                return Err(UsageError::new(
                    "--bound is about TCP sockets, which -u alone leaves out; did you mean -tu?",
                ));
            }
            query = query.bound_inactive(true);
        }
        Ok(query.netns(self.scope()))
    }

    /// The network namespaces that are listed.
    pub(crate) fn scope(&self) -> Scope {
        match self.netns.as_deref() {
            _ if self.all_namespaces => Scope::All,
            None => Scope::Current,
            Some("all") => Scope::All,
            Some(path) if path.contains('/') => Scope::Path(path.into()),
            // A namespace whose name is a number has a path.
            Some(typed) => typed.parse().map_or_else(|_| Scope::Named(typed.into()), Scope::Of),
        }
    }

    /// What selects among the sockets of these protocols and families: options of one kind are OR-ed, those of
    /// different kinds and the expression AND-ed. `all`: with `--all`, beside which `--bound` adds to the rest and is no
    /// condition. `after_p`: with `-p`, after which a bare number is probably a process id.
    pub fn filter(&self, all: bool, after_p: bool) -> Result<Filter, UsageError> {
        let listening = self.listening.then(Filter::listening);
        let bound = (self.bound && !all).then(|| Filter::tcp() & Filter::state(State::Closed));
        let states = any_of("state", "state", &self.state)?;
        let kinds = [
            listening.into_iter().chain(bound).chain(states).reduce(|any, state| any | state),
            any_of("local-port", "sport", &self.local_port)?,
            any_of("remote-port", "dport", &self.remote_port)?,
            any_of("port", "port", &self.port)?,
            any_of("user", "user", &self.user)?,
            any_of("pid", "pid", &self.pid)?,
            any_of("process", "process", &self.process)?,
            Some(expression(&self.filter, after_p)?),
        ];
        Ok(kinds.into_iter().flatten().fold(Filter::all(), |all, kind| all & kind))
    }
}

/// A filter that matches any of an option's values, each parsed as the value of this term; `None` without values.
fn any_of(option: &str, term: &str, values: &[String]) -> Result<Option<Filter>, UsageError> {
    let mut any: Option<Filter> = None;
    for typed in values {
        // Quoted, so that the parser takes all of it as one value.
        let quoted = typed.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("{term} \"{quoted}\"").parse::<Filter>().map_err(|error| {
            UsageError::new(format!("--{option}: {typed:?} is not {expected}", expected = error.expected()))
        })?;
        any = Some(match any {
            Some(any) => any | filter,
            None => filter,
        });
    }
    Ok(any)
}

/// The filter that the bare words form together.
fn expression(words: &[String], after_p: bool) -> Result<Filter, UsageError> {
    let text = words.join(" ");
    let filter = text.parse().map_err(|error| parse_error(&text, &error, after_p))?;
    match two_ports(&text) {
        Some(usage) => Err(usage),
        None => Ok(filter),
    }
}

/// The error for a text that the parser rejects: the reason, the place marked below it, and the likely intention.
fn parse_error(text: &str, error: &FilterError, after_p: bool) -> UsageError {
    let found = error.found();
    if found == "destroy" {
        return UsageError::new(format!(
            "destroy must come first: lsock destroy FILTER{}",
            marked_text(error)
        ));
    }
    let mut as_port = text.to_owned();
    as_port.insert(error.range().start, ':');
    let is_number = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || as_port.parse::<Filter>().is_err() {
        return UsageError::new(format!("{error:#}"));
    }
    // `-p 123` is how other programs take a process id.
    let hint =
        if after_p { format!("--pid {found} (a process) or :{found} (a port)") } else { format!(":{found}") };
    UsageError::new(format!("cannot filter by {found:?}: did you mean {hint}?{}", marked_text(error)))
}

/// The last two lines of an error: the text and the marks below it.
fn marked_text(error: &FilterError) -> String {
    let (line, all) = (error.to_string(), format!("{error:#}"));
    all.strip_prefix(&line).unwrap_or_default().to_owned()
}

/// The error for an expression of ports alone. As in `ss` it means a socket with all of them, but most people who
/// type it mean any of them.
fn two_ports(text: &str) -> Option<UsageError> {
    let (first, rest) = text.trim_start().split_once(char::is_whitespace)?;
    let second = rest.split_whitespace().next()?;
    if !text.split_whitespace().all(|word| word.starts_with(':')) {
        return None;
    }
    let before = text.chars().count() - rest.trim_start().chars().count();
    let (either, marks) = (second.trim_start_matches(':'), "^".repeat(second.len()));
    Some(UsageError::new(format!(
        "filter, column {}: {second} after {first}: write {first},{either} for either of them, \
         '{first} and {second}' for both\n  {text}\n  {:before$}{marks}",
        before + 1,
        ""
    )))
}

#[cfg(test)]
#[path = "filter_args_tests.rs"]
mod tests;
