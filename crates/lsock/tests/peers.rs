//! `--peers`: the other end of each connection and its direction, in every format.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(not(netstat_test_unsupported))]

mod common;

use common::ports::connection;
use common::{check_document, check_row, listed, refused};
use serde_json::Value;

/// The members of a row about its other end, which are removed from it.
fn taken(row: &mut Value) -> [Value; 4] {
    let members = row.as_object_mut().unwrap();
    ["peer", "direction", "accepted", "direction_basis"].map(|name| members.remove(name).unwrap())
}

fn is_held_by_me(peer: &Value) -> bool {
    peer["owners"].as_array().unwrap().iter().any(|owner| owner["pid"] == std::process::id())
}

#[test]
fn json_has_the_other_end_and_the_direction_of_each_row_and_other_ends_that_the_filter_leaves_out() {
    let (_listener, client, _server) = connection();
    let (local, remote) = (client.local_addr().unwrap().port(), client.peer_addr().unwrap().port());
    let args = ["--json", "--peers", "-t", "--local-port", &local.to_string()];
    let mut document: Value = serde_json::from_str(&listed(&args)).unwrap();
    let mut peers = document.as_object_mut().unwrap().remove("peers").unwrap();
    let rows = document["sockets"].as_array_mut().unwrap();
    let at = |row: &Value| (row["local"]["port"].as_u64(), row["remote"]["port"].as_u64());
    let [mut row, mut other] = [rows, peers.as_array_mut().unwrap()].map(|rows| {
        let [row] = &mut rows[..] else { panic!("one row: {rows:?}") };
        let found = row.clone();
        let _ = taken(row);
        (found, row.clone())
    });
    assert_eq!(
        (at(&row.0), at(&other.0)),
        ((Some(local.into()), Some(remote.into())), (Some(remote.into()), Some(local.into())))
    );
    check_row(&other.1);
    check_document(&document);
    for (row, accepted, basis) in [(&mut row.0, false, "peer_listener"), (&mut other.0, true, "listener")] {
        let [peer, direction, is_accepted, is_basis] = taken(row);
        assert!(is_held_by_me(&peer), "{peer}");
        assert_eq!((direction, is_accepted, is_basis), ("local".into(), accepted.into(), basis.into()));
    }
    let lines = listed(&["--jsonl", "--peers", "-t", "--local-port", &local.to_string()]);
    let mut row: Value = serde_json::from_str(&lines).unwrap();
    assert!(is_held_by_me(&taken(&mut row)[0]), "{row}");
}

#[test]
fn columns_show_the_process_at_the_other_end_and_the_direction() {
    let (_listener, client, _server) = connection();
    let port = client.local_addr().unwrap().port().to_string();
    let me = std::process::id();
    let table = listed(&["--peers", "-t", "--local-port", &port]);
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert!(header.ends_with(&["PROCESS", "DIRECTION", "PEER"]), "{table}");
    let row = table.lines().nth(1).unwrap();
    assert!(row.contains("  local  ") && row.contains(&format!("({me}")), "{table}");
    let csv = listed(&["--csv", "--columns", "direction,peer", "-t", "--remote-port", &port]);
    let row = csv.lines().nth(1).unwrap();
    assert!(
        csv.starts_with("direction,peer") && row.contains("local,") && row.contains(&format!("({me}")),
        "{csv}"
    );
    let bare = listed(&["--peers", "--no-owners", "-H", "-t", "--local-port", &port]);
    assert!(bare.trim_end().ends_with("local"), "{bare}");
    assert!(refused(&["--columns", "peer", "--no-owners"]).contains("--no-owners"));
}

#[test]
fn filter_selects_sockets_by_the_process_at_the_other_end() {
    let (_listener, client, _server) = connection();
    let port = client.local_addr().unwrap().port();
    let ends = format!(":{port}");
    let me = std::process::id().to_string();
    let rows = |words: &[&str]| listed(&[&["-H", "-t"], words].concat()).lines().count();
    assert_eq!(rows(&["peer", "pid", &me, "and", "port", &ends]), 2);
    assert_eq!(rows(&["not", "peer", "pid", &me, "and", "port", &ends]), 0);
    assert!(refused(&["peer", "user", "root"]).contains("peer process = nginx"));
}
