//! Tests of the listing with sockets of the test process.
#![cfg(not(netstat_test_unsupported))]

mod common;

use common::{check_row, listed, lsock, sockets, start, text_of};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;
use test_skips::live_skip;

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("loopback");
    // Wine records the owner of a socket at the first call that fetches its descriptor.
    let _ = listener.ttl();
    (listener, address)
}

/// Rows with this process as the only owner.
fn with_self_only(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        row["owners"].as_array_mut().expect("a list").retain(|owner| owner["pid"] == std::process::id());
    }
    rows
}

/// A listener, and both ends of a connection to it.
fn connection() -> (TcpListener, TcpStream, TcpStream) {
    let (listener, address) = listener();
    let client = TcpStream::connect(address).expect("loopback");
    let (server, _) = listener.accept().expect("loopback");
    (listener, client, server)
}

fn me() -> String {
    std::process::id().to_string()
}

/// Whether this process is among those in a column. Children of other tests may be too: they share the
/// descriptors until exec.
fn has_me(pids: &str) -> bool {
    pids.split([',', ' ']).any(|pid| pid == me())
}

/// The only line that starts with these words.
fn line<'a>(text: &'a str, start: &[&str]) -> Vec<&'a str> {
    let words = |line: &'a str| line.split_whitespace().collect::<Vec<_>>();
    let mut found = text.lines().map(words).filter(|words| words.starts_with(start));
    let line = found.next().unwrap_or_else(|| panic!("{start:?} in\n{text}"));
    assert_eq!(found.next(), None, "{start:?} once in\n{text}");
    line
}

#[test]
fn tulpn_lists_what_listens_with_its_process() {
    let (_listener, client, _server) = connection();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (address, udp_address) =
        (client.peer_addr().unwrap().to_string(), udp.local_addr().unwrap().to_string());
    let text = listed(&["-tulpn"]);
    assert!(text.starts_with("PROTO  STATE"), "{text}");
    let found = line(&text, &["tcp", "LISTEN", &address, "*:*"]);
    assert!(has_me(found[5]), "{found:?}");
    assert!(found[6].starts_with("listing"), "{found:?}");
    assert!(has_me(line(&text, &["udp", "-", &udp_address, "*:*"])[5]), "{text}");
    assert!(!text.contains("ESTABLISHED"), "{text}");
    assert!(!listed(&["-tlpn"]).contains("\nudp"));
    assert!(!listed(&["-ulpn"]).contains("\ntcp"));
}

#[test]
fn port_finds_both_ends() {
    let (_listener, client, _server) = connection();
    let (other, other_address) = listener();
    let port = client.peer_addr().unwrap().port();
    let text = listed(&["--no-header", "--pid", &me(), &format!(":{port}")]);
    assert_eq!(text.lines().count(), 3, "{text}");
    let text = listed(&["--no-header", "--pid", &me(), &format!(":{port},{}", other_address.port())]);
    assert_eq!(text.lines().count(), 4, "{text}");
    let client_port = client.local_addr().unwrap().port();
    let text =
        listed(&["--no-header", "--pid", &me(), &format!(":{port}"), "and", &format!(":{client_port}")]);
    assert_eq!(text.lines().count(), 2, "{text}");
    let text = listed(&["--no-header", "--pid", &me(), "--local-port", &port.to_string()]);
    assert_eq!(text.lines().count(), 2, "{text}");
    let text = listed(&["--no-header", "--pid", &me(), "--remote-port", &port.to_string()]);
    assert_eq!(text.lines().count(), 1, "{text}");
    drop(other);
}

#[test]
fn state_columns_and_sort_options_apply() {
    let (_listener, client, _server) = connection();
    let (local, remote) = (client.local_addr().unwrap().to_string(), client.peer_addr().unwrap().to_string());
    let columns = "proto,local,remote,pid,process";
    let text = listed(&["--state", "established", "--columns", columns, "--sort", "local"]);
    assert_eq!(
        text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["PROTO", "LOCAL", "REMOTE", "PID", "PROCESS"]
    );
    assert!(has_me(line(&text, &["tcp", &local, &remote])[3]), "{text}");
    let v4 = |row: &str| {
        let local = row.split_whitespace().nth(1).unwrap();
        local.parse::<SocketAddr>().ok()
    };
    let order: Vec<_> = text.lines().skip(1).filter_map(v4).collect();
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn empty_listing_is_success() {
    let (listener, address) = listener();
    drop(listener);
    let text = listed(&["--no-header", "--state", "listen", "--local-port", &address.port().to_string()]);
    assert_eq!(text, "");
}

#[test]
fn pid_and_process_narrow_to_what_they_hold() {
    let (_listener, address) = listener();
    let rows = sockets(&["--json", "--pid", &me()]);
    assert!(rows.iter().any(|row| row["local"]["port"] == address.port()), "{rows:?}");
    for row in &rows {
        assert!(
            row["owners"].as_array().unwrap().iter().any(|owner| owner["pid"] == std::process::id()),
            "{row}"
        );
    }
    let port = format!("--local-port={}", address.port());
    let listed = |args: &[&str]| with_self_only(sockets(args));
    let rows = listed(&["--json", "-tl", &port]);
    let name = rows[0]["owners"][0]["name"].as_str().unwrap().to_owned();
    assert_eq!(listed(&["--json", "-tl", &port, "--process", &name]), rows);
    assert_eq!(sockets(&["--json", "-tl", &port, "--process", "no such process"]), [] as [Value; 0]);
}

#[test]
fn owner_source_option_works_everywhere_and_is_reported_on_linux() {
    for asked in ["auto", "procfs", "bpf", "one-pass"] {
        let text = listed(&["--json", "-tl", "--owner-source", asked]);
        let document: Value = serde_json::from_str(&text).unwrap();
        common::check_document(&document);
        let used = &document["owner_source"]["used"];
        match std::env::consts::OS {
            "linux" | "android" if asked == "procfs" => assert_eq!(used, "procfs"),
            "linux" | "android" => {
                assert!(used == "procfs" || used == "bpf" || (used == "one-pass" && asked == used))
            }
            _ => assert!(used.is_null(), "{used}"),
        }
        let without = listed(&["--json", "-tl", "--no-owners", "--owner-source", asked]);
        assert!(without.ends_with("\"owner_source\":null}\n"), "{without}");
    }
}

#[test]
fn user_option_selects_sockets_of_that_user() {
    let (_listener, address) = listener();
    let port = format!("--local-port={}", address.port());
    let rows = sockets(&["--json", "-tl", &port]);
    if std::env::consts::OS == "windows" {
        assert!(rows[0]["uid"].is_null());
        live_skip!("Windows has no user of a socket");
    }
    let uid = rows[0]["uid"].as_u64().unwrap();
    assert_eq!(sockets(&["--json", "-tl", &port, "--user", &uid.to_string()]).len(), 1);
    assert_eq!(sockets(&["--json", "-tl", &port, "--user", &(uid + 1).to_string()]).len(), 0);
}

#[test]
fn jsonl_has_the_rows_of_json() {
    let (_listener, client, _server) = connection();
    let port = format!(":{}", client.peer_addr().unwrap().port());
    let text = listed(&["--jsonl", "--pid", &me(), &port]);
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.iter().for_each(check_row);
    let rows = with_self_only(rows);
    assert_eq!(rows, with_self_only(sockets(&["--json", "--pid", &me(), &port])));
    assert_eq!(rows.len(), 3);
}

#[test]
fn csv_has_the_usual_columns() {
    let (_listener, address) = listener();
    let text = listed(&["--csv", "-tl", "--local-port", &address.port().to_string()]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 1);
    let field = |name: &str| &records[0][header.iter().position(|column| column == name).unwrap()];
    assert_eq!((field("protocol"), field("state")), ("tcp", "LISTEN"));
    assert_eq!(
        (field("local_addr"), field("local_port")),
        ("127.0.0.1", address.port().to_string().as_str())
    );
    assert_eq!((field("remote_addr"), field("remote_port")), ("", ""));
    assert!(has_me(field("pid")), "{records:?}");
    assert_eq!(field("owner_status"), "known");
}

#[test]
fn no_owners_reports_not_asked() {
    let (_listener, address) = listener();
    let port = format!("--local-port={}", address.port());
    let rows = sockets(&["--json", "--no-owners", "-tl", &port]);
    assert_eq!((rows.len(), &rows[0]["owner_status"]), (1, &Value::from("not_asked")));
    assert!(!listed(&["--no-owners", &port]).contains("PID"));
}

#[test]
fn closed_pipe_is_success_and_silent() {
    // More than fits into a pipe, so that a write meets the closed end.
    let _sockets: Vec<_> = (0..400).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for args in
        [&["--jsonl"], &["--json"], &["--csv", "--sort=-pid"][..], &["--columns", "+path,command,owners"]]
    {
        let mut child = start(|| lsock(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
        let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
        if args != ["--json"] {
            reader.read_line(&mut String::new()).unwrap();
        }
        drop(reader);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{args:?}: {said}");
        // If the pipe took the whole table before its reader closed it, the line about gaps follows.
        assert!(said.is_empty() || said.contains("could not be read"), "{args:?}: {said}");
        assert!(args[0] != "--jsonl" || said.is_empty(), "{args:?}: {said}");
    }
}

#[test]
fn colour_is_for_terminals_or_on_request() {
    let (_listener, address) = listener();
    let port = format!(":{}", address.port());
    let colored = |args: &[&str], environment: &[(&str, &str)]| {
        let mut command = lsock(args);
        command.arg(&port).envs(environment.iter().copied());
        text_of(args, start(|| command.output())).contains('\x1b')
    };
    assert!(!colored(&[], &[]));
    assert!(colored(&["--color", "always"], &[]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    // CLICOLOR_FORCE acts like a terminal, where NO_COLOR applies.
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["--json", "--color", "always"], &[]));
    assert!(!colored(&["--csv", "--color", "always"], &[]));
}

#[test]
fn whole_listing_matches_the_documented_json() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let rows = sockets(&["--json"]);
    assert!(rows.iter().any(|row| row["local"]["port"] == udp.local_addr().unwrap().port()));
    let text = listed(&[]);
    assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}
