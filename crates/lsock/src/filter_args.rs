//! The arguments that select sockets, and the filter they form. The library parses the values and the expression.

use crate::bare_word::{self, BareWord};
use crate::escape;
use crate::family_args::FamilyArgs;
use crate::protocol_args::OfProtocols;
use crate::usage::{LINE, UsageError, quoted};
use clap::ValueHint;
use netstat::{Family, Filter, FilterError, ProtocolKind, Query, Scope, State};

const HEADING: &str = "Filters";

/// The options and words that select sockets: of the listing, and of every command that acts on sockets.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct FilterArgs {
    /// A port, an address, HOST:PORT or the name of a process; or several words, which form a filter as in ss
    #[arg(value_name = "FILTER", value_hint = ValueHint::Other)]
    pub filter: Vec<String>,

    /// TCP sockets
    #[arg(short, long, help_heading = HEADING)]
    pub tcp: bool,
    /// UDP sockets
    #[arg(short, long, help_heading = HEADING)]
    pub udp: bool,
    /// Raw sockets (Linux)
    #[arg(short = 'w', long, help_heading = HEADING)]
    pub raw: bool,
    /// SCTP sockets and associations (Linux)
    #[arg(short = 'S', long, help_heading = HEADING)]
    pub sctp: bool,
    /// MPTCP connections; their subflows are TCP sockets (Linux)
    #[arg(short = 'M', long, help_heading = HEADING)]
    pub mptcp: bool,
    /// Sockets of these protocols: tcp, udp, udplite, icmp (ping), raw, raw:58, sctp, mptcp, unix, netlink, packet, vsock
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', help_heading = HEADING)]
    pub protocol: Vec<String>,
    /// Unix domain sockets (Linux, macOS)
    #[arg(short = 'x', long, help_heading = HEADING)]
    pub unix: bool,
    /// Sockets of these families: inet, inet6, unix, netlink, link (packet), vsock, xdp, tipc, a number, or all: every
    /// socket that a process holds (Linux)
    #[arg(short = 'f', long, value_name = "FAMILY,...", value_delimiter = ',', help_heading = HEADING)]
    pub family: Vec<String>,
    /// Sockets that wait for others: in LISTEN; UDP, UDP-Lite, ping and raw sockets without a remote end; unix datagram
    /// sockets with a name and no peer
    #[arg(short, long, aliases = ["listen", "listeners"], help_heading = HEADING)]
    pub listening: bool,
    /// Of those that wait for others, the ones on an address that other machines may reach: any but loopback. It speaks of
    /// addresses; a firewall may allow less
    #[arg(long, help_heading = HEADING)]
    pub exposed: bool,
    /// TCP sockets that are bound, but neither listen nor connect (Linux 6.8, Windows). Alone: only these; with
    /// --state or --listening: these too; with --all: everything and these
    #[arg(short = 'B', long, alias = "bound-inactive", help_heading = HEADING)]
    pub bound: bool,
    /// IPv4 sockets
    #[arg(short = '4', long, alias = "inet", help_heading = HEADING)]
    pub ipv4: bool,
    /// IPv6 sockets, IPv4 traffic on them included
    #[arg(short = '6', long, alias = "inet6", help_heading = HEADING)]
    pub ipv6: bool,

    /// In this network namespace: of this name (ip netns), of this process, with this file, or all (Linux)
    #[arg(short = 'N', long, alias = "net", value_name = "NAME|PID|PATH|all", help_heading = HEADING)]
    pub netns: Option<String>,
    /// In every network namespace, as --netns all (Linux)
    #[arg(long, help_heading = HEADING)]
    pub all_namespaces: bool,

    /// Sockets in one of these states: established, time-wait, listen ...
    #[arg(long, alias = "states", value_name = "STATE,...", value_delimiter = ',', help_heading = HEADING)]
    pub state: Vec<String>,
    /// Sockets with one of these ports, local or remote
    #[arg(long, alias = "ports", value_name = "N|A-B,...", value_delimiter = ',', help_heading = HEADING)]
    pub port: Vec<String>,
    /// Sockets with one of these local ports
    #[arg(long, alias = "sport", value_name = "N|A-B,...", value_delimiter = ',', help_heading = HEADING)]
    pub local_port: Vec<String>,
    /// Sockets with one of these remote ports
    #[arg(long, alias = "dport", value_name = "N|A-B,...", value_delimiter = ',', help_heading = HEADING)]
    pub remote_port: Vec<String>,
    /// Sockets that one of these processes holds; other holders are then not looked for
    #[arg(long, value_name = "PID,...", value_delimiter = ',', help_heading = HEADING)]
    pub pid: Vec<String>,
    /// Sockets that a process of this name holds (the whole name; Windows: .exe can be left out); can be repeated
    #[arg(long, aliases = ["name", "program"], value_name = "NAME", help_heading = HEADING)]
    pub process: Vec<String>,
    /// Sockets made by one of these users; not on Windows, whose tables have no user
    #[arg(long, value_name = "NAME|UID,...", value_delimiter = ',', value_hint = ValueHint::Username,
          help_heading = HEADING)]
    pub user: Vec<String>,
}

impl FilterArgs {
    fn families(&self) -> Result<FamilyArgs, UsageError> {
        let flags = [(self.ipv4, Family::Ipv4), (self.ipv6, Family::Ipv6), (self.unix, Family::Unix)];
        FamilyArgs::new(&flags, &self.family)
    }

    /// The query for all sockets of the selected protocols and families.
    pub(crate) fn query(&self) -> Result<Query, UsageError> {
        let letters = [
            (self.tcp, ProtocolKind::Tcp),
            (self.udp, ProtocolKind::Udp),
            (self.raw, ProtocolKind::Raw),
            (self.sctp, ProtocolKind::Sctp),
            (self.mptcp, ProtocolKind::Mptcp),
        ];
        let letters = letters.into_iter().filter_map(|(is_set, kind)| is_set.then_some(kind));
        let OfProtocols { query, is_named, has_tcp } = OfProtocols::new(letters, &self.protocol)?;
        let mut query = self.families()?.select(query, is_named)?;
        if self.bound {
            if !has_tcp {
                return Err(UsageError::new(
                    "--bound is about TCP sockets, which -u alone leaves out; did you mean -tu?",
                ));
            }
            query = query.bound_inactive(true);
        }
        Ok(query.netns(self.scope()))
    }

    /// The network namespaces that are listed.
    pub fn scope(&self) -> Scope {
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
    /// different kinds and the words AND-ed. `all`: with `--all`, beside which `--bound` adds to the rest and is no
    /// condition.
    pub fn filter(&self, all: bool) -> Result<Filter, UsageError> {
        let words = match BareWord::of(&self.filter)? {
            Some(word) => word.filter(),
            None => {
                // Names of network interfaces are those of the listed namespaces.
                expression(&self.filter, &self.query()?.filter(self.filter_with(all, Filter::all())?))?
            }
        };
        self.filter_with(all, words)
    }

    /// The same with another filter in place of that of the words.
    pub fn filter_with(&self, all: bool, words: Filter) -> Result<Filter, UsageError> {
        let listening = self.listening.then(Filter::listening);
        let bound = (self.bound && !all).then(|| Filter::tcp() & Filter::state(State::Closed));
        let states = any_of("state", "state", &self.state)?;
        let kinds = [
            self.exposed.then(Filter::exposed),
            listening.into_iter().chain(bound).chain(states).reduce(|any, state| any | state),
            any_of("local-port", "sport", &self.local_port)?,
            any_of("remote-port", "dport", &self.remote_port)?,
            any_of("port", "port", &self.port)?,
            any_of("user", "user", &self.user)?,
            any_of("pid", "pid", &self.pid)?,
            any_of("process", "process", &self.process)?,
            Some(words),
        ];
        Ok(kinds.into_iter().flatten().fold(Filter::all(), |all, kind| all & kind))
    }
}

/// A filter that matches any of an option's values, each parsed as the value of this term; `None` without values.
fn any_of(option: &str, term: &str, values: &[String]) -> Result<Option<Filter>, UsageError> {
    let mut any: Option<Filter> = None;
    for typed in values {
        // Quoted, so that the parser takes all of it as one value.
        let quoted_value = typed.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("{term} \"{quoted_value}\"").parse::<Filter>().map_err(|error| {
            let instead = match option {
                "state" => "; example: --state established (all: lsock help states)".to_owned(),
                "pid" if !typed.is_empty() && quoted(typed) == format!("\"{typed}\"") => {
                    format!("; by name: --process {typed}")
                }
                _ => String::new(),
            };
            shortest(&format!("--{option}: {} is not", quoted(typed)), &error, &instead)
        })?;
        any = Some(match any {
            Some(any) => any | filter,
            None => filter,
        });
    }
    Ok(any)
}

/// The filter that the bare words form together, for this query.
fn expression(words: &[String], query: &Query) -> Result<Filter, UsageError> {
    let text = words.join(" ");
    let filter = query.parse_filter(&text).map_err(|error| parse_error(&text, &error))?;
    match two_ports(&text) {
        Some(usage) => Err(usage),
        None => Ok(filter),
    }
}

/// The error for a text that the parser rejects: the reason, the likely intention or an example, and the place marked
/// below it.
fn parse_error(text: &str, error: &FilterError) -> UsageError {
    let marks = marked_text(text, error);
    let found = error.found();
    if found == "destroy" {
        return UsageError::new(format!("destroy must come first: lsock destroy FILTER{marks}"));
    }
    if error.range().start == 0
        && let Some(usage) = bare_word::no_command(found)
    {
        return usage;
    }
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() > 1 && words.iter().all(|word| is_number(word)) {
        let listed = format!(":{}", words.join(","));
        if listed.len() < 60 && listed.parse::<Filter>().is_ok() {
            return UsageError::new(format!("for several ports type: lsock {listed}{marks}"));
        }
    }
    let place = place(error);
    let with = |inserted: &str| {
        let mut changed = text.to_owned();
        changed.insert_str(error.range().start, inserted);
        changed.parse::<Filter>().is_ok() && found.len() < 30
    };
    // What follows a condition may be as wrong: only what stands before it is certain.
    let is_name = found.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) && !found.is_empty();
    let instead = if error.expected().starts_with("a term") && words.contains(&"~") {
        Some("names are compared as a whole; one word alone finds parts of them: lsock ngin".to_owned())
    } else if is_number(found) && with(":") {
        Some(format!("did you mean :{found} (a port)?"))
    } else if !is_number(found) && with("host ") {
        Some(format!("did you mean host {found}?"))
    } else if is_name && with("process ") {
        Some(match bare_word::similar_word(found) {
            Some(word) => format!("did you mean {word}?"),
            None => format!("did you mean process {found}?"),
        })
    } else {
        None
    };
    match instead {
        Some(instead) => UsageError::new(format!("{place}: {}: {instead}{marks}", quoted(found))),
        None => {
            let what = match found {
                "" => format!("{place}: it ends where there should be"),
                found => format!("{place}: {} is not", quoted(found)),
            };
            let example = match error.example() {
                // That of the library for a whole filter has more in it than the place needs.
                long if long.len() > 32 => "state established and dport = :443",
                example => example,
            };
            let line = shortest(&what, error, &format!("; example: {example}"));
            UsageError::new(format!("{line}{marks}"))
        }
    }
}

/// Where the error is: `filter, column 5`.
fn place(error: &FilterError) -> String {
    let line = error.to_string();
    line.split(": ").next().unwrap_or("filter").to_owned()
}

/// `what` with what was expected in its place and an end: without the end, or without the system's reason, if the line
/// would be too long.
fn shortest(what: &str, error: &FilterError, end: &str) -> UsageError {
    let expected = expected(error.expected());
    let without_reason = expected.split(" (").next().unwrap_or(&expected).to_owned();
    let lines =
        [format!("{what} {expected}{end}"), format!("{what} {expected}"), format!("{what} {without_reason}")];
    let fits = lines.iter().find(|line| line.chars().count() <= LINE);
    UsageError::new(fits.unwrap_or(&lines[2]).as_str())
}

/// What the library expected, in fewer words and without characters that act on a terminal.
fn expected(text: &str) -> String {
    for (start, short) in [
        ("a term", "a condition"),
        ("an operator, a term or the end", "an operator, a condition or the end"),
        ("an operator, a term or a closing", "an operator, a condition or a closing parenthesis"),
        ("a state", "a state"),
        ("a numeric address", "an address (names of hosts are not looked up)"),
        ("an address without its zone", "an address without a zone: write src [fe80::1]:80 and dev lo"),
        ("a port (0 to 65535)", "a port (0 to 65535), a range, a list or a service"),
        ("`state", "understood: each state needs the word state before it"),
    ] {
        if text.starts_with(start) {
            return short.to_owned();
        }
    }
    escape::escaped(text.as_bytes())
}

/// The text of a filter of several words, and the marks below it, each after a line break.
fn marked_text(text: &str, error: &FilterError) -> String {
    let (line, all) = (error.to_string(), format!("{error:#}"));
    let marked = all.strip_prefix(&line).unwrap_or_default();
    if text.split_whitespace().count() > 1 { marked.to_owned() } else { String::new() }
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
