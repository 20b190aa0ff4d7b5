//! Raw, SCTP and MPTCP sockets as `ss` lists them, in a network namespace that holds only those of the test.
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::{check_document, listed, refused, run};
use serde_json::Value;
use socket_world::namespace::in_network_namespace;
use socket_world::protocols;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::process::Command;
use test_skips::{live_skip, skipped};

/// Protocol, state as `ss` has it, local and remote end, and the descriptors of this process that hold it. A child that
/// another test starts has all of them too, until it becomes another program.
type Row = (String, String, String, String, BTreeSet<u64>);

fn own(pid: u64, fd: u64) -> Option<u64> {
    (pid == u64::from(std::process::id())).then_some(fd)
}

/// The sockets of the protocols that this kernel has.
fn made() -> Vec<OwnedFd> {
    let mut made = protocols::raw().expect("raw sockets");
    for (name, more) in [("MPTCP", protocols::mptcp()), ("SCTP", protocols::sctp())] {
        match more {
            Ok(more) => made.extend(more),
            Err(why) => skipped(format_args!("{name}: {why}")),
        }
    }
    made
}

/// Any address is `*` in `ss`, or zeros, or left out.
fn end(address: &str, port: &str) -> String {
    let address = address.trim_start_matches('[').trim_end_matches(']');
    format!("{}|{port}", if ["0.0.0.0", "::", "*"].contains(&address) { "*" } else { address })
}

fn ss(options: &str) -> BTreeSet<Row> {
    let output = Command::new("ss").args(["-H", options]).output().expect("ss");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [protocol, state, _, _, local, remote, ..] = words[..] else { panic!("a line of ss: {line:?}") };
        // With the dump of raw sockets, ss names them by their IP protocol or not at all.
        let protocol = if ["mptcp", "sctp"].contains(&protocol) { protocol } else { "raw" };
        let ends = [local, remote].map(|text| {
            let (address, port) = text.rsplit_once(':').expect("address and port");
            end(address, port)
        });
        let [local, remote] = ends;
        let holders = line.split("pid=").skip(1).filter_map(|text| {
            let (pid, rest) = text.split_once(",fd=")?;
            own(pid.parse().ok()?, rest.split(')').next()?.parse().ok()?)
        });
        (protocol.to_owned(), state.to_owned(), local, remote, holders.collect())
    };
    text.lines().map(row).collect()
}

fn lsock(options: &str) -> BTreeSet<Row> {
    let document: Value = serde_json::from_str(&listed(&[options, "--json"])).expect("JSON");
    check_document(&document);
    let row = |row: &Value| {
        let port = |value: &Value| value.as_u64().map_or("*".to_owned(), |port| port.to_string());
        let ends = ["local", "remote"].map(|name| match row[name]["addr"].as_str() {
            // In the place of the port ss has the IP protocol.
            Some(address) if name == "local" && row["protocol"] == "raw" => {
                end(address, &port(&row["protocol_number"]))
            }
            Some(address) => end(address, &port(&row[name]["port"])),
            None => "*|*".to_owned(),
        });
        let state = match (row["state"].as_str(), row["remote"].is_null()) {
            (None, true) | (Some("CLOSED"), _) => "UNCONN",
            (None, false) | (Some("ESTABLISHED"), _) => "ESTAB",
            (Some(state), _) => state,
        };
        let [local, remote] = ends;
        let holders = row["owners"].as_array().expect("a list").iter();
        let holders = holders.filter_map(|owner| own(owner["pid"].as_u64()?, owner["fd"].as_u64()?));
        let protocol = row["protocol"].as_str().expect("a string").to_owned();
        (protocol, state.to_owned(), local, remote, holders.collect())
    };
    document["sockets"].as_array().expect("a list").iter().map(row).collect()
}

#[test]
fn raw_sctp_and_mptcp_sockets_are_those_of_ss_with_their_holders() {
    if Command::new("ss").arg("-V").output().is_err() {
        live_skip!("there is no ss on this machine");
    }
    let done = in_network_namespace(|| {
        let made = made();
        // Of one kind alone ss does not print the protocol.
        for letters in ["-wM", "-wlM"] {
            // ss -a is every state, as lsock without a letter.
            let of_ss = ss(&format!("{letters}np{}", if letters.contains('l') { "" } else { "a" }));
            assert_eq!(lsock(letters), of_ss, "{letters}");
            assert!(of_ss.iter().all(|row| row.4.len() == 1), "{of_ss:?}");
        }
        assert!(ss("-wMSanp").is_subset(&lsock("-wMS")));
        let rows = lsock("-wMS");
        assert_eq!(rows.len(), made.len(), "{rows:?}");
        assert_eq!(lsock("-twM"), &lsock("-t") | &lsock("-wM"));
    });
    if let Err(why) = done {
        live_skip!("a network namespace: {why}");
    }
}

#[test]
fn protocols_are_named_by_letter_option_and_filter_alike() {
    let done = in_network_namespace(|| {
        let _made = made();
        // Children that another test starts hold the sockets for a moment too.
        let list = |args: &[&str]| listed(&[args, &["--no-owners"]].concat());
        let by_letter = list(&["-w"]);
        assert_eq!(list(&["--protocol", "raw"]), by_letter);
        assert_eq!(list(&["raw"]), by_letter);
        assert!(by_letter.contains("raw:58 ") && by_letter.contains(" ::1 "), "{by_letter}");
        assert_eq!(list(&["--protocol", "raw:58"]), list(&["raw:58"]));
        assert_eq!(list(&["--protocol", "raw,icmp"]), by_letter);
        let columns = "protocol,local_addr,local_port,type";
        let csv = list(&["--protocol", "raw:58", "--csv", "--columns", columns]);
        assert!(csv.lines().eq([columns, "raw:58,::1,,raw"]), "{csv}");
        assert_eq!(list(&[]).lines().filter(|line| line.contains("raw")).count(), 0);
    });
    if let Err(why) = done {
        live_skip!("a network namespace: {why}");
    }
}

#[test]
fn protocol_without_a_name_is_refused_and_one_that_the_kernel_lacks_is_an_error() {
    let said = refused(&["--protocol", "ip"]);
    assert!(said.contains("\"ip\" is not tcp, udp, udplite"), "{said}");
    assert!(refused(&["--bound", "-w"]).contains("--bound is about TCP sockets"));
    if let Err(why) = protocols::sctp() {
        let output = run(&["-S"]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()), "{said}");
        assert!(said.starts_with("lsock: cannot list sctp sockets"), "{said}");
        skipped(format_args!("SCTP: {why}"));
    }
}
