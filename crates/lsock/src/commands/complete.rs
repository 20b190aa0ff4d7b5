//! `lsock __complete SHELL ...`: what may stand at the cursor, one candidate per line, with its meaning behind a tab. The
//! scripts of `lsock completions` call it; nothing in it prints an error, since it runs while a person types.

use crate::cli;
use crate::commands::completions::Shell;
use crate::exit::{self, EarlyExit};
use crate::help;
use clap::{Arg, ValueEnum};
use lsock::{columns, escape};
use netstat::{ProcessFields, Query, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

const REQUEST: &str = "__complete";

/// Whether this process was started by a script of completions.
pub(crate) fn is_requested() -> bool {
    std::env::args_os().nth(1).is_some_and(|arg| arg == REQUEST)
}

/// Prints the candidates.
pub(crate) fn run() -> Result<(), EarlyExit> {
    let args: Vec<String> = std::env::args_os().skip(2).map(lossy).collect();
    let Some((shell, args)) = args.split_first() else { return Ok(()) };
    let Ok(shell) = Shell::from_str(shell, true) else { return Ok(()) };
    let (words, current, cut) = match (shell, args) {
        (Shell::Bash, [breaks, line]) => {
            let (words, current) = split(line);
            let cut = current.rfind([':', '=']).filter(|at| breaks.contains(&current[*at..=*at]));
            (words, current, cut.map_or(0, |at| at + 1))
        }
        (Shell::Bash, _) => return Ok(()),
        (Shell::Fish | Shell::Powershell, [words @ .., dashes, current]) if dashes == "--" => {
            (words.to_vec(), current.clone(), 0)
        }
        (Shell::Fish | Shell::Powershell, [words @ .., dashes]) if dashes == "--" => {
            (words.to_vec(), String::new(), 0)
        }
        (_, [words @ .., current]) => (words.to_vec(), current.clone(), 0),
        (_, []) => (Vec::new(), String::new(), 0),
    };
    let mut out = String::new();
    for Candidate { value, meaning } in candidates(&words, &current) {
        // What the shell has not typed yet, where it completes a part of the word.
        let Some(value) = value.get(cut..) else { continue };
        out.push_str(value);
        if shell != Shell::Bash && !meaning.is_empty() {
            out.push('\t');
            out.push_str(&meaning);
        }
        out.push('\n');
    }
    exit::print(&out)
}

fn lossy(arg: OsString) -> String {
    arg.to_string_lossy().into_owned()
}

/// The words of a line of bash before the cursor without the program, and the word that is being typed. Quotation marks
/// group, as far as completions need it.
fn split(line: &str) -> (Vec<String>, String) {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = words.len() - 1;
        match (c, quote) {
            ('\\', None | Some('"')) => words[last].extend(chars.next()),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if !words[last].is_empty() {
                    words.push(String::new());
                }
            }
            (c, _) => words[last].push(c),
        }
    }
    let current = words.pop().unwrap_or_default();
    if words.is_empty() { (words, String::new()) } else { (words.split_off(1), current) }
}

#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    value: String,
    meaning: String,
}

/// What may stand in place of the last word.
fn candidates(words: &[String], current: &str) -> Vec<Candidate> {
    let root = cli::command();
    let sub = words.first().and_then(|word| root.get_subcommands().find(|sub| sub.get_name() == word));
    let command = sub.unwrap_or(&root);
    let after_command = if sub.is_some() { &words[1..] } else { words };
    let mut found = Found { start: current, values: Vec::new() };
    match sub.map(clap::Command::get_name) {
        Some("completions") => return found.all(Shell::value_variants().iter().filter_map(named)),
        Some("man") => {
            return found.all(root.get_subcommands().map(|sub| (sub.get_name().to_owned(), about(sub))));
        }
        Some("help") => {
            return found.all(help::topics().into_iter().map(|topic| (topic.to_owned(), String::new())));
        }
        _ => {}
    }
    // The value of an option: in the same word, or in the one after it.
    if let Some((name, value)) = current.split_once('=')
        && let Some(arg) = name.strip_prefix("--").and_then(|name| by_long(command, name))
    {
        let mut found = Found { start: value, values: Vec::new() };
        values_of(arg, value, &mut found);
        for candidate in &mut found.values {
            candidate.value.insert_str(0, &format!("{name}="));
        }
        return found.values;
    }
    if let Some(arg) =
        after_command.last().and_then(|word| word.strip_prefix("--")).and_then(|name| by_long(command, name))
        && arg.get_action().takes_values()
    {
        values_of(arg, current, &mut found);
        return found.values;
    }
    if current.starts_with('-') {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            if let Some(short) = arg.get_short().filter(|_| current == "-") {
                found.add(format!("-{short}"), &help);
            }
            if let Some(long) = arg.get_long() {
                found.add(format!("--{long}"), &help);
            }
        }
        found.add("--help".to_owned(), "the first screen of the help");
        if sub.is_none() {
            found.add("--version".to_owned(), "the version");
        }
        return found.values;
    }
    if sub.is_none() && words.is_empty() {
        for sub in root.get_subcommands() {
            found.add(sub.get_name().to_owned(), &about(sub));
        }
    }
    of_filter(after_command, current, &mut found);
    found.values
}

fn about(command: &clap::Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn named(shell: &Shell) -> Option<(String, String)> {
    Some((shell.to_possible_value()?.get_name().to_owned(), String::new()))
}

/// The option with this long name, or with this other spelling of it.
fn by_long<'c>(command: &'c clap::Command, name: &str) -> Option<&'c Arg> {
    let is_called = |arg: &&Arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    };
    command.get_arguments().find(is_called)
}

/// The candidates that begin with what is typed.
struct Found<'t> {
    start: &'t str,
    values: Vec<Candidate>,
}

impl Found<'_> {
    fn add(&mut self, value: String, meaning: &str) {
        // Names come from other processes, and a shell puts a candidate on its command line as it is.
        let is_plain = |c: char| c.is_alphanumeric() || "_-./:,=+@".contains(c);
        if value.starts_with(self.start) && value.chars().all(is_plain) {
            let meaning = meaning.lines().next().unwrap_or_default().split(". ").next().unwrap_or_default();
            self.values.push(Candidate { value, meaning: escape::escaped(meaning.as_bytes()) });
        }
    }

    fn all(mut self, values: impl Iterator<Item = (String, String)>) -> Vec<Candidate> {
        for (value, meaning) in values {
            self.add(value, &meaning);
        }
        self.values
    }
}

/// The values of an option, each behind those of a list that are typed already.
fn values_of(arg: &Arg, typed: &str, found: &mut Found<'_>) {
    let before = match arg.get_value_delimiter().and_then(|delimiter| typed.rfind(delimiter)) {
        Some(at) => &typed[..=at],
        None => "",
    };
    let mut add = |value: &str, meaning: &str| found.add(format!("{before}{value}"), meaning);
    match arg.get_id().as_str() {
        "columns" => {
            let plus = if typed.starts_with('+') { "+" } else { "" };
            for column in columns::all() {
                let sign = if before.is_empty() { plus } else { "" };
                add(&format!("{sign}{}", column.name), column.help);
            }
        }
        "sort" => {
            let minus = if typed[before.len()..].starts_with('-') { "-" } else { "" };
            for column in columns::all() {
                add(&format!("{minus}{}", column.name), column.help);
            }
        }
        "state" => help::STATES.iter().for_each(|state| add(state, "")),
        "port" => numbered_ports(Ports::Either).iter().for_each(|(port, owner)| add(port, owner)),
        "local_port" => numbered_ports(Ports::Local).iter().for_each(|(port, owner)| add(port, owner)),
        "remote_port" => numbered_ports(Ports::Remote).iter().for_each(|(port, owner)| add(port, owner)),
        "pid" => pids().iter().for_each(|(pid, name)| add(pid, name)),
        "process" => process_names().iter().for_each(|name| add(name, "")),
        "user" => user_names().iter().for_each(|name| add(name, "")),
        _ => {
            for value in arg.get_possible_values() {
                add(value.get_name(), &value.get_help().map(ToString::to_string).unwrap_or_default());
            }
        }
    }
}

/// Words that may begin a condition.
const CONDITIONS: &[(&str, &str)] = &[
    ("tcp", "TCP sockets"),
    ("udp", "UDP sockets"),
    ("ipv4", "IPv4 sockets"),
    ("ipv6", "IPv6 sockets"),
    ("listening", "sockets that wait for others"),
    ("exposed", "those that other machines may reach"),
    ("local", "those on loopback"),
    ("established", "connections"),
    ("state", "in a state"),
    ("exclude", "in no such state"),
    ("sport", "local port"),
    ("dport", "remote port"),
    ("port", "port on either end"),
    ("src", "local address"),
    ("dst", "remote address"),
    ("host", "address on either end"),
    ("process", "held by a process"),
    ("pid", "held by this process"),
    ("container", "held in a container"),
    ("pod", "held in a pod"),
    ("unit", "held in a unit of systemd"),
    ("workload", "held in any of these"),
    ("peer", "held by a process at the other end"),
    ("user", "made by this user"),
    ("uid", "made by this user"),
    ("inode", "with this inode"),
    ("dev", "bound to an interface"),
    ("fwmark", "with this mark"),
    ("cgroup", "made in a control group"),
    ("autobound", "with a port chosen by the system"),
    ("not", "what is not"),
];

/// The candidates for a word of a filter.
fn of_filter(words: &[String], current: &str, found: &mut Found<'_>) {
    const SIGNS: &[&str] = &["=", "==", "!=", "<", "<=", ">", ">=", "eq", "ne", "lt", "le", "gt", "ge"];
    let mut before = words.iter().rev().map(String::as_str);
    let mut last = before.next().unwrap_or_default();
    if SIGNS.contains(&last) {
        last = before.next().unwrap_or_default();
    }
    let ports = |which: Ports, found: &mut Found<'_>| {
        for (port, owner) in numbered_ports(which) {
            // With a colon, as the filter writes it; without one only if a digit was typed so.
            let colon = if current.starts_with(|c: char| c.is_ascii_digit()) { "" } else { ":" };
            found.add(format!("{colon}{port}"), &owner);
        }
    };
    match last {
        "state" | "exclude" => help::STATES.iter().for_each(|state| found.add((*state).to_owned(), "")),
        "sport" => ports(Ports::Local, found),
        "dport" => ports(Ports::Remote, found),
        "port" => ports(Ports::Either, found),
        "process" => process_names().into_iter().for_each(|name| found.add(name, "")),
        "pid" => pids().into_iter().for_each(|(pid, name)| found.add(pid, &name)),
        "peer" => ["process", "pid"].into_iter().for_each(|word| found.add(word.to_owned(), "")),
        "user" | "uid" => user_names().into_iter().for_each(|name| found.add(name, "")),
        "src" | "dst" | "host" => addresses(last).into_iter().for_each(|address| found.add(address, "")),
        "inode" | "dev" | "fwmark" | "mark" | "cgroup" => {}
        _ => {
            if current.starts_with([':', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
                ports(Ports::Either, found);
                return;
            }
            let operators = [("and", "both"), ("or", "either")];
            let operators =
                operators.iter().filter(|_| !words.is_empty() && !["and", "or", "not"].contains(&last));
            for (word, meaning) in CONDITIONS.iter().chain(operators) {
                found.add((*word).to_owned(), meaning);
            }
            if words.iter().all(|word| word.starts_with('-')) {
                process_names().into_iter().for_each(|name| found.add(name, "process"));
            }
        }
    }
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Ports {
    Local,
    Remote,
    Either,
}

fn snapshot(query: Query) -> Snapshot {
    query.snapshot().unwrap_or_default()
}

fn with_names() -> Snapshot {
    snapshot(Query::new().owners(true).processes(ProcessFields::NAME))
}

/// The ports in use with the name of a process that holds one.
fn numbered_ports(which: Ports) -> Vec<(String, String)> {
    let snapshot = with_names();
    let mut ports: BTreeMap<u16, String> = BTreeMap::new();
    for socket in &snapshot {
        let ends = [
            socket.local_addr().filter(|_| which != Ports::Remote),
            socket.remote_addr().filter(|_| which != Ports::Local),
        ];
        for end in ends.into_iter().flatten().filter(|end| end.port() != 0) {
            let owner = ports.entry(end.port()).or_default();
            let name = snapshot.holders(socket).find_map(|holder| holder.process?.name.as_ref());
            if let (true, Some(name)) = (owner.is_empty(), name) {
                *owner = name.to_string_lossy().into_owned();
            }
        }
    }
    ports.into_iter().map(|(port, owner)| (port.to_string(), owner)).collect()
}

/// The addresses in use on this end.
fn addresses(term: &str) -> BTreeSet<String> {
    let snapshot = snapshot(Query::new());
    let ends = snapshot.sockets.iter().flat_map(|socket| {
        [socket.local_addr().filter(|_| term != "dst"), socket.remote_addr().filter(|_| term != "src")]
    });
    ends.flatten().filter(|end| !end.ip().is_unspecified()).map(|end| end.ip().to_string()).collect()
}

/// The names of processes that hold sockets.
fn process_names() -> BTreeSet<String> {
    let names = with_names().processes.into_iter().filter_map(|process| process.name);
    names.filter_map(|name| name.into_string().ok()).collect()
}

fn pids() -> Vec<(String, String)> {
    let named = |process: netstat::Process| {
        (process.pid.to_string(), process.name.unwrap_or_default().to_string_lossy().into_owned())
    };
    with_names().processes.into_iter().map(named).collect()
}

/// The users who have made sockets.
fn user_names() -> BTreeSet<String> {
    let uids = snapshot(Query::new()).sockets.into_iter().filter_map(|socket| socket.uid);
    netstat::user_names(uids).into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(words: &[&str], current: &str) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        candidates(&words, current).into_iter().map(|candidate| candidate.value).collect()
    }

    fn has(words: &[&str], current: &str, wanted: &[&str]) {
        let offered = offered(words, current);
        for wanted in wanted {
            assert!(offered.iter().any(|it| it == wanted), "{words:?} {current}: {offered:?}");
        }
        assert!(offered.iter().all(|it| it.starts_with(current)), "{offered:?}");
    }

    #[test]
    fn options_columns_states_and_words_are_offered_where_they_may_stand() {
        has(&[], "", &["destroy", "watch", "completions", "man", "help", "tcp", "state", "sport"]);
        has(&[], "--col", &["--columns", "--color"]);
        has(&["destroy"], "--", &["--yes", "--port"]);
        has(&["watch"], "--", &["--interval", "--port"]);
        has(&["kill"], "--", &["--yes", "--signal", "--dry-run", "--port"]);
        has(&["wait"], "--", &["--gone", "--timeout", "--port"]);
        has(&["--columns"], "bytes", &["bytes_sent", "bytes_received"]);
        has(&["--columns"], "+bytes", &["+bytes_sent"]);
        has(&["--columns"], "pid,ino", &["pid,inode"]);
        has(&[], "--columns=pid,ino", &["--columns=pid,inode"]);
        has(&["--sort"], "-rt", &["-rtt"]);
        has(&["--state"], "est", &["established"]);
        has(&["-t", "state"], "time", &["time-wait"]);
        has(&["completions"], "", &["bash", "zsh", "fish", "powershell", "elvish"]);
        has(&["man"], "d", &["destroy"]);
        has(&["help"], "fil", &["filters"]);
        has(&["--color"], "", &["auto", "always", "never"]);
        has(&["tcp"], "", &["and", "or", "udp"]);
        assert!(!offered(&["destroy"], "--").contains(&"--json".to_owned()));
        assert!(!offered(&[], "").contains(&"and".to_owned()));
        assert_eq!(offered(&["--pid="], "zzz"), [""; 0]);
    }

    #[test]
    #[cfg(not(netstat_test_unsupported))]
    fn listener_of_this_process_is_offered_by_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        has(&[], &format!(":{port}"), &[&format!(":{port}")]);
        has(&["sport", "="], ":", &[&format!(":{port}")]);
        has(&["--local-port"], "", &[&port]);
        has(&["--port"], &format!("1,{port}"), &[&format!("1,{port}")]);
        has(&["src"], "127", &["127.0.0.1"]);
    }

    #[test]
    fn lines_of_bash_are_split_as_bash_does() {
        let split = |line: &str| {
            let (words, current) = super::split(line);
            (words.join("|"), current)
        };
        assert_eq!(split("lsock"), (String::new(), String::new()));
        assert_eq!(split("lsock "), (String::new(), String::new()));
        assert_eq!(split("lsock -t  sport = :8"), ("-t|sport|=".to_owned(), ":8".to_owned()));
        assert_eq!(split("lsock 'process \"a b\"' and "), ("process \"a b\"|and".to_owned(), String::new()));
        assert_eq!(split("lsock a\\ b"), (String::new(), "a b".to_owned()));
    }
}
