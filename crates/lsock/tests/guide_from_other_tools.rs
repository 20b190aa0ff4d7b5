//! Each pair of commands in the guide for users of other tools shows the same sockets, where that tool is installed.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::lsock;
use serde_json::Value;
use socket_world::{namespace, quiet};
use std::collections::BTreeSet;
use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Output};
use test_skips::live_skip;

const GUIDE: &str = include_str!("../../../docs/from-other-tools.md");

/// The pairs of commands for one tool.
fn pairs(tool: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let rows = GUIDE.lines().filter_map(|line| {
        let (theirs, ours) = line.strip_prefix("| `")?.strip_suffix("` |")?.split_once("` | `")?;
        let (theirs, ours) = (words(theirs), words(ours));
        (theirs.len() > 1 && theirs[0] == tool).then(|| (theirs[1..].to_vec(), ours[1..].to_vec()))
    });
    rows.collect()
}

/// The words of a command line; quotation marks group them as in a shell.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    parts.fold(Vec::new(), |mut words, (number, part)| {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
        words
    })
}

/// A socket as every tool shows it: protocol, local address and port, and those of the other end.
type Row = (String, String, String);

fn end(text: &str) -> String {
    let (address, port) = text.rsplit_once(':').unwrap_or((text, "*"));
    let address = address.split('%').next().unwrap_or_default().trim_matches(['[', ']']);
    let address = if ["0.0.0.0", "::", "*"].contains(&address) { "*" } else { address };
    let port = if port == "0" { "*" } else { port };
    format!("{address} {port}")
}

/// `ss` and `netstat`: the first two words that are ends, and the protocol as the first column where it is one. Lines that
/// begin with a space are details.
fn rows_of_columns(text: &str, protocol: &str) -> BTreeSet<Row> {
    let is_end = |word: &str| {
        let port = word.rsplit_once(':').map_or("", |(_, port)| port);
        port == "*" || (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let rows = text.lines().filter(|line| !line.starts_with(char::is_whitespace)).filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let ends = words.windows(2).find(|pair| pair.iter().all(|word| is_end(word)))?;
        let named = words[0].starts_with("tcp") || words[0].starts_with("udp");
        let protocol = if named { &words[0][..3] } else { protocol };
        Some((protocol.to_owned(), end(ends[0]), end(ends[1])))
    });
    rows.collect()
}

/// `lsof`: the protocol and the name, which has both ends of a connection.
fn rows_of_lsof(text: &str) -> BTreeSet<Row> {
    let rows = text.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let place = words.iter().position(|word| ["TCP", "UDP"].contains(word))?;
        let (local, remote) = words.get(place + 1)?.split_once("->").unwrap_or((words[place + 1], "*:*"));
        Some((words[place].to_lowercase(), end(local), end(remote)))
    });
    rows.collect()
}

fn rows_of_lsock(output: &Output) -> BTreeSet<Row> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let end = |end: &Value| match end["addr"].as_str() {
        Some(address) => self::end(&format!("{address}:{}", end["port"])),
        None => "* *".to_owned(),
    };
    let rows = document["sockets"].as_array().unwrap().iter();
    rows.map(|row| (row["protocol"].as_str().unwrap().to_owned(), end(&row["local"]), end(&row["remote"])))
        .collect()
}

/// With what the guide's process is called, and its pid.
fn placed(words: &[String]) -> Vec<String> {
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    let (pid, name) = (std::process::id().to_string(), comm.trim().to_owned());
    let place = |word: &String| match word.as_str() {
        "815" => pid.clone(),
        "nginx" => name.clone(),
        _ => word.clone(),
    };
    words.iter().map(place).collect()
}

fn output(mut command: Command) -> Output {
    let window = quiet();
    let output = command.output().unwrap();
    drop(window);
    output
}

fn run_lsock(args: &[String]) -> Output {
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let output = output(lsock(&args));
    assert!(output.status.success(), "lsock {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What the tool shows; its status is not looked at, since `lsof` fails where it finds nothing.
fn text_of(tool: &str, args: &[String]) -> String {
    let mut command = Command::new(tool);
    command.args(args).env("LC_ALL", "C");
    match tool {
        "lsof" => command.args(["-n", "-P", "-w"]),
        _ => command.arg("-n"),
    };
    // Options after a filter would be part of it.
    if tool == "ss" {
        command = Command::new(tool);
        command.arg("-n").args(args);
    }
    String::from_utf8_lossy(&output(command).stdout).into_owned()
}

/// Compares one pair. Summaries have no rows: both have counted something.
fn assert_same(tool: &str, theirs: &[String], ours: &[String]) -> usize {
    let text = text_of(tool, theirs);
    let what = format!("{tool} {theirs:?}, lsock {ours:?}: {text}");
    if ours == ["-s"] {
        assert!(text.contains("TCP:") && !run_lsock(ours).stdout.is_empty(), "{what}");
        return 1;
    }
    if ours.iter().any(|word| word == "--pids") {
        assert_eq!(text, String::from_utf8_lossy(&run_lsock(ours).stdout), "{what}");
        return text.lines().count();
    }
    let mut with_json = vec!["--json".to_owned()];
    // A table's own options have no meaning for JSON.
    with_json.extend(ours.iter().map(|word| word.replace("-Ht", "-t").replace("-tlW", "-tl")));
    let listed = rows_of_lsock(&run_lsock(&with_json));
    run_lsock(ours);
    let rows = match tool {
        "lsof" => rows_of_lsof(&text),
        // The column of protocols is there only where several are asked for.
        _ => {
            let of_udp = theirs.iter().any(|word| word.starts_with("-u"));
            rows_of_columns(&text, if of_udp { "udp" } else { "tcp" })
        }
    };
    assert_eq!(rows, listed, "{what}");
    rows.len()
}

fn compare_with(tool: &str, least: usize) {
    if !socket_world::is_root() {
        live_skip!("needs root, for a network namespace of its own");
    }
    if let Err(why) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        live_skip!("IPv6: {why}");
    }
    let version = if tool == "lsof" { "-v" } else { "--version" };
    if Command::new(tool).arg(version).output().is_err() {
        live_skip!("there is no {tool} on this machine");
    }
    let compared = namespace::in_network_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let (_client, _server) = (TcpStream::connect("127.0.0.1:8080").unwrap(), listener.accept().unwrap());
        let over_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 8443)).unwrap();
        let _pair = (TcpStream::connect((Ipv6Addr::LOCALHOST, 8443)).unwrap(), over_v6.accept().unwrap());
        let _udp = [UdpSocket::bind("0.0.0.0:5353").unwrap(), UdpSocket::bind("[::1]:53").unwrap()];
        let pairs = pairs(tool);
        assert!(pairs.len() >= least, "{} pairs", pairs.len());
        let rows = pairs.iter().map(|(theirs, ours)| assert_same(tool, &placed(theirs), &placed(ours)));
        rows.filter(|rows| *rows > 0).count()
    });
    // All but a condition that nothing meets.
    assert!(compared.unwrap() >= least - 1);
}

#[test]
fn live_each_pair_of_ss_and_lsock_shows_the_same_sockets() {
    compare_with("ss", 20);
}

#[test]
fn live_each_pair_of_lsof_and_lsock_shows_the_same_sockets() {
    compare_with("lsof", 20);
}

#[test]
fn live_each_pair_of_netstat_and_lsock_shows_the_same_sockets() {
    compare_with("netstat", 17);
}
