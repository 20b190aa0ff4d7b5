//! Unix sockets and those of other families: as `ss` lists them, with the holders that `lsof` finds.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::{check_document, listed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::process::Command;
use test_skips::live_skip;

/// Process and descriptor.
type Holders = BTreeSet<(u64, u64)>;

/// What `ss` says of a unix socket: type, state, name, inode of the peer.
type Facts = (String, String, String, u64);

/// Unix sockets by their inode numbers.
type Rows = BTreeMap<u64, (Facts, Holders)>;

/// The rows of `ss`; `None` without it. Names with spaces are not distinguished there, so those rows have no name.
fn ss() -> Option<Rows> {
    let output = Command::new("ss").args(["-H", "-xap"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut rows = Rows::new();
    for line in text.lines() {
        let (ends, users) = line.split_once("users:").unwrap_or((line, ""));
        let words: Vec<&str> = ends.split_whitespace().collect();
        let [kind, state, _, _, name, inode, _, peer] = words[..] else { continue };
        let holders = users.split("pid=").skip(1).filter_map(|text| {
            let (pid, rest) = text.split_once(",fd=")?;
            Some((pid.parse().ok()?, rest.split(')').next()?.parse().ok()?))
        });
        let kind = kind.strip_prefix("u_").unwrap_or(kind).to_owned();
        let facts = (kind, state.to_owned(), name.to_owned(), peer.parse().unwrap_or(0));
        rows.insert(inode.parse().expect("an inode number"), (facts, holders.collect()));
    }
    Some(rows)
}

/// The holders that `lsof` finds, by inode number; `None` without it.
fn lsof() -> Option<BTreeMap<u64, Holders>> {
    let output = Command::new("lsof").args(["-U", "-w", "-F", "pfi"]).output().ok()?;
    let (mut pid, mut fd) = (0, 0);
    let mut holders: BTreeMap<u64, Holders> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (Some(kind), Some(value)) = (line.get(..1), line.get(1..)) else { continue };
        match kind {
            "p" => pid = value.parse().unwrap_or(0),
            "f" => fd = value.parse().unwrap_or(0),
            "i" => {
                holders.entry(value.parse().unwrap_or(0)).or_default().insert((pid, fd));
            }
            _ => {}
        }
    }
    Some(holders)
}

fn unix_sockets() -> Vec<Value> {
    let document: Value = serde_json::from_str(&listed(&["-x", "--json"])).expect("JSON");
    check_document(&document);
    document["unix_sockets"].as_array().expect("a list").clone()
}

fn lsock() -> Rows {
    let holders = |row: &Value| {
        let owners = row["owners"].as_array().expect("a list").iter();
        owners.filter_map(|owner| Some((owner["pid"].as_u64()?, owner["fd"].as_u64()?))).collect()
    };
    let facts = |row: &Value| {
        let kind = match row["type"].as_str() {
            Some("stream") => "str",
            Some("dgram") => "dgr",
            Some("seqpacket") => "seq",
            _ => "?",
        };
        let state = match row["state"].as_str() {
            Some("ESTABLISHED") => "ESTAB",
            Some("CLOSED") => "UNCONN",
            Some(state) => state,
            None => "?",
        };
        let name = row["local"]["name"].as_str().unwrap_or_default();
        let name = match row["local"]["kind"].as_str() {
            Some("path") => name.to_owned(),
            // As ss prints it.
            Some("abstract") => format!("@{}", name.replace('\0', "@")),
            _ => "*".to_owned(),
        };
        (kind.to_owned(), state.to_owned(), name, row["peer_inode"].as_u64().unwrap_or(0))
    };
    let rows = unix_sockets();
    rows.iter().map(|row| (row["inode"].as_u64().expect("an inode"), (facts(row), holders(row)))).collect()
}

/// Sockets of every kind, which stay open while this lives.
fn sockets(name: &str) -> impl Sized + use<> {
    let directory = std::env::temp_dir().join(format!("lsock-unix-{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&directory);
    let listener = UnixListener::bind(&directory).expect("a socket");
    let client = UnixStream::connect(&directory).expect("a socket");
    let (accepted, _) = listener.accept().expect("a socket");
    let waiting = UnixStream::connect(&directory).expect("a socket");
    std::fs::remove_file(&directory).expect("a socket");
    let name = format!("lsock\0{name}-{}", std::process::id());
    let bound =
        UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).expect("a socket")).expect("a socket");
    (
        listener,
        client,
        accepted,
        waiting,
        bound,
        UnixDatagram::pair().expect("a socket"),
        UnixDatagram::unbound().expect("a socket"),
    )
}

/// Runs a comparison up to twenty times: other processes open and close sockets meanwhile.
fn assert_eventually_nothing_is(mut compare: impl FnMut() -> Vec<String>) {
    let mut last = Vec::new();
    for _ in 0..20 {
        last = compare();
        if last.is_empty() {
            return;
        }
    }
    panic!("different: {last:#?}");
}

#[test]
fn unix_rows_are_those_of_ss_with_at_least_its_holders() {
    if ss().is_none() {
        live_skip!("there is no ss on this machine");
    }
    let _sockets = sockets("ss");
    assert_eventually_nothing_is(|| {
        let (before, of_ss, after) = (lsock(), ss().expect("a socket"), lsock());
        let stable = before.iter().filter(|(inode, row)| after.get(inode) == Some(row));
        let mut different = Vec::new();
        for (inode, (facts, holders)) in stable {
            match of_ss.get(inode) {
                // A name with a space or newline, which ss does not quote.
                None if facts.2.contains(char::is_whitespace) => {}
                None => different.push(format!("{inode} {facts:?} is not in ss")),
                Some((of_ss, held)) if of_ss != facts || !held.is_subset(holders) => {
                    different.push(format!("{inode}: {facts:?} {holders:?}, ss {of_ss:?} {held:?}"));
                }
                Some(_) => {}
            }
        }
        let of_ss_again = ss().expect("a socket");
        let missing =
            of_ss.keys().filter(|inode| of_ss_again.contains_key(inode) && !after.contains_key(inode));
        different.extend(missing.map(|inode| format!("{inode} is in ss alone")));
        different
    });
}

#[test]
fn holders_of_unix_sockets_are_those_of_lsof() {
    if lsof().is_none() {
        live_skip!("there is no lsof on this machine");
    }
    let _sockets = sockets("lsof");
    assert_eventually_nothing_is(|| {
        let (before, of_lsof, after) = (lsock(), lsof().expect("a socket"), lsock());
        let stable = before.iter().filter(|(inode, row)| after.get(inode) == Some(row));
        let own = u64::from(std::process::id());
        let mut different = Vec::new();
        let mut own_seen = 0;
        for (inode, (_, holders)) in stable {
            let of_lsof = of_lsof.get(inode).cloned().unwrap_or_default();
            own_seen += of_lsof.iter().filter(|(pid, _)| *pid == own).count();
            // lsof does not find those in threads with a descriptor table of their own.
            if !of_lsof.is_subset(holders)
                || holders.iter().any(|holder| holder.0 == own && !of_lsof.contains(holder))
            {
                different.push(format!("{inode}: {holders:?}, lsof {of_lsof:?}"));
            }
        }
        if own_seen < 8 {
            // A process that another test forks holds copies of all until it runs its program.
            different.push(format!("lsof finds {own_seen} sockets of the test"));
        }
        different
    });
}

#[test]
fn json_lines_and_columns_of_other_families_fit_their_rows() {
    let _sockets = sockets("formats");
    for line in listed(&["-x", "--jsonl"]).lines() {
        common::check_unix_row(&serde_json::from_str(line).expect("a socket"));
    }
    for line in listed(&["-f", "netlink,link", "--jsonl"]).lines() {
        common::check_other_row(&serde_json::from_str(line).expect("a socket"));
    }
    let document: Value = serde_json::from_str(&listed(&["-f", "all", "--json"])).expect("a socket");
    check_document(&document);
    let csv =
        listed(&["-x", "--csv", "--columns", "type,local_addr,inode,peer_inode,socket_path", "--no-header"]);
    let name = format!("lsock\\x00formats-{}", std::process::id());
    assert!(csv.lines().any(|line| line.starts_with(&format!("dgram,'@{name},"))), "{csv}");
    let table = listed(&["-x", "--columns", "local,remote"]);
    let client = table.lines().find(|line| line.starts_with("* ") && line.contains("/lsock-unix-formats-"));
    assert!(client.is_some(), "{table}");
}
