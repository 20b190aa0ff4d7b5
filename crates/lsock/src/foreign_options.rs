//! What clap rejects, in one line: options of other programs with what to type instead, and slips of the fingers.

use crate::cli;
use crate::exit::EarlyExit;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use lsock::usage::{UsageError, closest, quoted};

/// Options of other programs that lsock does not have, each with what there is instead.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["-K", "--kill"],
        "sockets are closed by lsock destroy FILTER; their processes are ended by lsock kill FILTER",
    ),
    (&["-0", "--packet", "--link"], "packet sockets: lsock -f link"),
    (&["-d", "--dccp"], "DCCP is not supported: Linux 6.16 has removed it"),
    (
        &["--vsock", "--tipc", "--tipcinfo", "--xdp", "--netlink"],
        "sockets of other families: lsock -f vsock (tipc, xdp, netlink)",
    ),
    (&["-E", "--events"], "what changes is printed by: lsock watch"),
    (&["-c"], "a listing every second: lsock --watch"),
    (
        &["-T", "--threads"],
        "threads of one process share its sockets: --columns +owners shows pid and descriptor",
    ),
    (&["-Z", "--context", "-z", "--contexts"], "SELinux contexts are not shown"),
    (&["-b", "--bpf"], "BPF filters of sockets are not shown"),
    (&["--inet-sockopt"], "options of a socket are shown by --details (-i)"),
    (&["-D", "--diag"], "save a listing by: lsock --json > FILE"),
    (&["-F", "--filter"], "a filter is typed as it is: lsock state established dport = :443"),
    (&["-y", "--yes"], "it belongs to: lsock destroy FILTER, lsock kill FILTER"),
    (&["-k", "--kill-port"], "lsock kill 8080 ends what listens on a port"),
    (&["--wait", "--wait-for"], "lsock wait 8080 waits for a port"),
    (
        &["-v", "--verbose"],
        "more is shown by --columns +NAME (lsock help columns) and by -i; the version by -V",
    ),
    (&["-g", "--groups"], "multicast groups are not shown: ip maddr"),
    (&["--route"], "routes are shown by: ip route"),
    (&["--interfaces"], "interfaces are shown by: ip -s link"),
    (&["--statistics"], "lsock -s counts sockets; counters of the protocols: nstat"),
    (&["--tree", "--parents"], "parents of processes: --columns +parent"),
    (&["--yaml", "--xml", "--toml", "--html", "--markdown"], "the formats are --json, --jsonl and --csv"),
    (&["--man"], "lsock man"),
    (
        &["--completions", "--completion", "--generate-completion"],
        "lsock completions bash (zsh, fish, powershell, elvish)",
    ),
    (&["--ip", "--address", "--addr", "--host"], "an address is typed as it is: lsock 10.0.0.1"),
    (
        &["--src", "--dst", "--from", "--to"],
        "ends are typed as words: lsock src 10.0.0.1, lsock dst 10.0.0.0/8",
    ),
    (&["--proto", "--type", "--kind"], "protocols are selected by -t, -u, -w, -S, -M and --protocol NAME"),
    (
        &["--established", "--connected", "-C"],
        "states are typed as words: lsock established, or --state established",
    ),
    (
        &["--closed", "--time-wait", "--close-wait"],
        "states are typed as words: lsock time-wait, or --state time-wait",
    ),
    (
        &["--command", "--cmd", "--exe", "--path"],
        "more of a process: --columns +command,path; by name: --process NAME",
    ),
    (
        &["--top", "--live", "--tui", "--interactive"],
        if cfg!(feature = "top") { "live: lsock top" } else { "a listing every second: lsock --watch" },
    ),
    (&["--limit", "--head", "-L"], "the first rows: lsock -H | head"),
    (&["--count"], "lsock -s counts sockets by protocol and state"),
    (&["--exclude"], "a filter excludes: lsock not :22, lsock exclude time-wait"),
    (&["--pretty"], "for people there is the table; the JSON is indented by: lsock --json | jq"),
];

/// The error for a command line that clap rejects.
pub(crate) fn explain(error: clap::Error) -> EarlyExit {
    match line(&error) {
        Some(line) => UsageError::new(line).into(),
        None => EarlyExit::Clap(error),
    }
}

fn line(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let invalid = text(ContextKind::InvalidArg).unwrap_or_default();
    // `--color <WHEN>` without its value.
    let name = invalid.split([' ', '=']).next().unwrap_or_default();
    Some(match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::UnknownArgument => unknown(invalid),
        ErrorKind::InvalidValue => {
            let known = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(known)) => known.as_slice(),
                _ => &[],
            };
            let name = if name.starts_with('-') {
                name.to_owned()
            } else {
                name.trim_matches(['<', '>', '[', ']']).to_owned()
            };
            match text(ContextKind::InvalidValue).unwrap_or_default() {
                "" if known.is_empty() => format!("{name} needs a value"),
                "" => format!("{name} needs a value: {}", any_of(known)),
                value => format!("{name}: {} is not {}", quoted(value), any_of(known)),
            }
        }
        ErrorKind::ArgumentConflict => {
            let other = match error.get(ContextKind::PriorArg) {
                Some(ContextValue::String(other)) => other.as_str(),
                Some(ContextValue::Strings(others)) => {
                    others.first().map_or("another option", String::as_str)
                }
                _ => "another option",
            };
            format!("{name} cannot be used with {}", other.split([' ', '=']).next().unwrap_or(other))
        }
        ErrorKind::TooManyValues => format!("{name} takes no value"),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => {
            let rendered = error.to_string();
            let lines: Vec<&str> =
                rendered.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            lines.join(" ").trim_start_matches("error: ").to_owned()
        }
    })
}

fn any_of(names: &[String]) -> String {
    match names {
        [] => "a value that it takes".to_owned(),
        [name] => name.clone(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}

fn unknown(option: &str) -> String {
    if !option.starts_with('-') {
        return format!("{} is one word too many", quoted(option));
    }
    if let Some((_, instead)) = INSTEAD.iter().find(|(options, _)| options.contains(&option)) {
        return format!("there is no {option}: {instead}");
    }
    let command = cli::command();
    let options = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(clap::Arg::get_long);
    match option.strip_prefix("--").and_then(|name| closest(name, options)) {
        Some(name) => format!("there is no {}; did you mean --{name}?", shown(option)),
        None => format!("there is no option {} (all options: lsock help options)", shown(option)),
    }
}

/// An option without what acts on a terminal, and cut if it is long.
fn shown(option: &str) -> String {
    let quoted = quoted(option);
    quoted.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn said(words: &[&str]) -> String {
        let typed = [&["lsock"], words].concat();
        let error = cli::command().try_get_matches_from(typed).unwrap_err();
        line(&error).unwrap()
    }

    #[test]
    fn no_option_of_the_table_exists_and_replacements_do() {
        let command = cli::command();
        let mut seen = HashSet::new();
        for (options, instead) in INSTEAD {
            for option in *options {
                assert!(seen.insert(option), "{option} is there twice");
                let taken = command.clone().try_get_matches_from(["lsock", option]);
                assert_eq!(taken.unwrap_err().kind(), ErrorKind::UnknownArgument, "{option}");
                let line = said(&[option]);
                assert!(line.contains(instead) && line.chars().count() + "lsock: ".len() <= 120, "{line}");
            }
            for word in instead.split([' ', ',', ':', ')']).filter(|word| word.starts_with("--")) {
                let is_there = |arg: &clap::Arg| arg.get_long() == word.strip_prefix("--");
                assert!(command.get_arguments().any(is_there), "{word}");
            }
        }
    }

    #[test]
    fn suggestion_appears_only_for_a_slip_of_the_fingers() {
        assert_eq!(said(&["--coloms", "pid"]), "there is no --coloms; did you mean --columns?");
        assert_eq!(said(&["--foo"]), "there is no option --foo (all options: lsock help options)");
        assert_eq!(said(&["-X"]), "there is no option -X (all options: lsock help options)");
    }

    #[test]
    fn everything_else_that_clap_rejects_is_one_line_too() {
        for (typed, expected) in [
            (&["--color", "sometimes"][..], "--color: \"sometimes\" is not auto, always or never"),
            (&["--color"], "--color needs a value: auto, always or never"),
            (&["--format", "wide"], "--format: \"wide\" is not table, json, jsonl or csv"),
            (&["--port"], "--port needs a value"),
            (&["--json", "--csv"], "--json cannot be used with --csv"),
            (&["--json=1"], "--json takes no value"),
            (&["completions", "csh"], "SHELL: \"csh\" is not bash, zsh, fish, powershell or elvish"),
        ] {
            assert_eq!(said(typed), expected, "{typed:?}");
        }
    }
}
