//! Compares lsock with `ss`, where installed: the same sockets in the same states, and at least the same holders. A row is
//! compared only if two runs around the other program both list it.
#![cfg(not(netstat_test_unsupported))]

mod common;

use common::sockets;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use test_skips::live_skip;

/// Protocol, state as `ss` has it, local end, remote end.
type Row = (String, String, String, String);
/// With the processes and descriptors that hold it.
type Rows = BTreeMap<Row, BTreeSet<(u64, u64)>>;

/// The rows of `ss`; `None` without it.
fn ss() -> Option<Rows> {
    let output = Command::new("ss").args(["-H", "-tuanp"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut rows = Rows::new();
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [protocol, state, _, _, local, remote, ..] = words[..] else { panic!("a line of ss: {line:?}") };
        let row = (protocol.to_owned(), state.to_owned(), end(local), end(remote));
        let holders = line.split("pid=").skip(1).filter_map(|text| {
            let (pid, rest) = text.split_once(",fd=")?;
            Some((pid.parse().ok()?, rest.split(')').next()?.parse().ok()?))
        });
        rows.entry(row).or_default().extend(holders);
    }
    Some(rows)
}

/// An endpoint as `ss` prints it, without the name of an interface, with `*` for any address.
fn end(text: &str) -> String {
    let (address, port) = text.rsplit_once(':').expect("address and port");
    let address = address.split('%').next().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    format!("{}|{port}", if ["0.0.0.0", "::"].contains(&address) { "*" } else { address })
}

fn lsock() -> Rows {
    let mut rows = Rows::new();
    for row in sockets(&["--json"]) {
        let end = |end: &Value| match (end["addr"].as_str(), end["port"].as_u64()) {
            (Some(addr), Some(port)) => {
                let addr = if ["0.0.0.0", "::"].contains(&addr) { "*" } else { addr };
                format!("{addr}|{}", if port == 0 { "*".to_owned() } else { port.to_string() })
            }
            _ => "*|*".to_owned(),
        };
        let state = match (row["state"].as_str(), row["remote"].is_null()) {
            (None, true) | (Some("CLOSED"), _) => "UNCONN".to_owned(),
            (None, false) | (Some("ESTABLISHED"), _) => "ESTAB".to_owned(),
            (Some("SYN_RCVD"), _) => "SYN-RECV".to_owned(),
            (Some(state), _) => state.replace('_', "-"),
        };
        let key = (
            row["protocol"].as_str().expect("a string").to_owned(),
            state,
            end(&row["local"]),
            end(&row["remote"]),
        );
        let holders = row["owners"].as_array().expect("a list").iter();
        let holders = holders.filter_map(|owner| Some((owner["pid"].as_u64()?, owner["fd"].as_u64()?)));
        rows.entry(key).or_default().extend(holders);
    }
    rows
}

/// Rows, and holders of rows, that are in `before` and `after` but not in `between`.
fn missing(before: &Rows, between: &Rows, after: &Rows) -> Vec<String> {
    let mut missing = Vec::new();
    for (row, holders) in before {
        match (after.get(row), between.get(row)) {
            (None, _) => {}
            (Some(_), None) => missing.push(format!("{row:?}")),
            (Some(still), Some(found)) => {
                let lost = holders.intersection(still).filter(|holder| !found.contains(holder));
                missing.extend(lost.map(|holder| format!("{row:?} held by {holder:?}")));
            }
        }
    }
    missing
}

/// Runs a comparison up to five times: `ss` itself loses rows of a table that changes while it reads.
fn assert_eventually_nothing_is(mut compare: impl FnMut() -> Vec<String>) {
    let mut last = Vec::new();
    for _ in 0..5 {
        last = compare();
        if last.is_empty() {
            return;
        }
    }
    panic!("missing: {last:#?}");
}

#[test]
fn every_row_and_holder_of_ss_is_listed() {
    if ss().is_none() {
        live_skip!("there is no ss on this machine");
    }
    let _udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eventually_nothing_is(|| {
        let (before, between, after) = (ss().unwrap(), lsock(), ss().unwrap());
        missing(&before, &between, &after)
    });
}

#[test]
fn every_listed_row_is_in_ss() {
    if ss().is_none() {
        live_skip!("there is no ss on this machine");
    }
    let _tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let rows_alone = |mut rows: Rows| {
        // ss does not find holders in threads with a descriptor table of their own.
        rows.values_mut().for_each(BTreeSet::clear);
        rows
    };
    assert_eventually_nothing_is(|| {
        let (before, between, after) = (rows_alone(lsock()), ss().unwrap(), lsock());
        missing(&before, &between, &after)
    });
}
