//! Tests of `--details` and its columns on live sockets.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{check_row, listed, ports, run};
use serde_json::{Map, Value};
use socket_world::{Made, binding, kernel, live_skip, tcp};
use std::collections::BTreeMap;
use std::io;

/// Sockets whose ports no other socket has.
fn alone(make: impl Fn() -> io::Result<Made>) -> Made {
    ports::alone(|| make().unwrap(), |made| made.facts.iter().map(|facts| facts.local.port()).collect())
}

/// The JSON rows with this local port, checked, each with its details taken out.
fn rows(args: &[&str], port: u16) -> Vec<(Value, Option<Map<String, Value>>)> {
    let filter = format!(":{port}");
    let document: Value = serde_json::from_str(&listed(&[&["--json", &filter], args].concat())).unwrap();
    let rows = document["sockets"].as_array().unwrap().iter().cloned();
    rows.map(|mut row| {
        let details = row.as_object_mut().unwrap().remove("details");
        check_row(&row);
        (row, details.map(|details| details.as_object().unwrap().clone()))
    })
    .collect()
}

#[test]
fn json_has_details_only_on_request() {
    let made = alone(tcp::pair_v4);
    let port = made.facts[0].local.port();
    assert!(rows(&[], port).iter().all(|(_, details)| details.is_none()));
    for (row, details) in rows(&["--details"], port) {
        let details = details.unwrap();
        let parts = [
            "tcp",
            "congestion",
            "memory",
            "timer",
            "tos",
            "traffic_class",
            "class_id",
            "mark",
            "shutdown",
            "cgroup_id",
            "ulp",
            "options",
            "backlog",
        ];
        assert!(parts.iter().all(|part| details.contains_key(*part)), "{details:?}");
        assert_eq!(details.len(), parts.len());
        let tcp = &details["tcp"];
        for number in ["rto_us", "snd_mss", "snd_cwnd", "rtt_us", "total_retrans", "bytes_acked"] {
            assert!(tcp[number].is_u64(), "{number}: {tcp}");
        }
        assert!(tcp["options"].as_array().unwrap().contains(&Value::from("sack")), "{tcp}");
        assert_eq!(tcp["ca_state"], "open");
        assert!(details["congestion"]["name"].is_string() && details["memory"]["rcvbuf"].is_u64());
        assert_eq!(details["shutdown"]["send"], false, "{row}");
        assert!(details["backlog"].is_null() && details["ulp"].is_null());
    }
    // A column requests the details that it shows.
    for (_, details) in rows(&["--columns", "rtt"], port) {
        let details = details.unwrap();
        assert!(details["tcp"].is_object() && details["memory"].is_null());
    }
}

#[test]
fn columns_show_single_details_and_csv_has_them_under_their_names() {
    let made = alone(tcp::accept_queue);
    let listener = made.facts.iter().find(|facts| facts.remote.is_none()).unwrap();
    let port = format!("{}", listener.local.port());
    let csv = |columns: &str| {
        let text = listed(&["--csv", "-l", "--local-port", &port, "--columns", columns]);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let row: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
        row[0].clone()
    };
    let row = csv("backlog,backlog_limit,rtt,congestion,rcvbuf,sndbuf,details,rx_queue");
    assert_eq!(row["backlog"], row["rx_queue"]);
    assert!(row["backlog_limit"].parse::<u32>().unwrap() >= row["backlog"].parse().unwrap());
    assert_eq!(row["rtt"], "");
    assert!(row["rcvbuf"].parse::<u32>().unwrap() > 0 && row["sndbuf"].parse::<u32>().unwrap() > 0);
    let words: Vec<&str> = row["details"].split(' ').collect();
    assert!(
        words.contains(&format!("backlog:{}/{}", row["backlog"], row["backlog_limit"]).as_str()),
        "{words:?}"
    );
    assert!(words.contains(&row["congestion"].as_str()), "{words:?}");
}

#[test]
fn table_has_details_last_and_one_line_per_socket() {
    let made = alone(tcp::pair_v4);
    let filter = format!(":{}", made.facts[0].local.port());
    let text = listed(&["-i", "state", "established", &filter]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("DETAILS") && lines.len() == 3, "{text}");
    for line in &lines[1..] {
        for wanted in [" ts sack ", " rto:", " rtt:", " cwnd:", "skmem:(r0,rb"] {
            assert!(line.contains(wanted), "{wanted}: {line}");
        }
    }
}

#[test]
fn live_port_that_is_only_bound_is_hinted_at() {
    if kernel::is_before(6, 8) {
        live_skip!("bound sockets: Linux before 6.8 leaves them out");
    }
    let made = alone(binding::tcp_bound_alone);
    let port = format!(":{}", made.facts[0].local.port());
    let said = |args: &[&str]| {
        let output = run(args);
        assert!(output.status.success());
        // Beside it there may be a line on what could not be read.
        let said = String::from_utf8(output.stderr).unwrap();
        said.lines().filter(|line| line.contains("bound")).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let hint =
        "lsock: 1 socket that is bound, but neither listening nor connected, left out: add -B to see it";
    assert_eq!(said(&[&port]), hint);
    assert_eq!(said(&["--json", &port]), hint);
    assert_eq!(said(&["-B", &port]), "");
    drop(made);
    assert_eq!(said(&[&port]), "");
}

#[test]
fn live_bound_sockets_are_shown_alone_or_with_all() {
    let made = binding::tcp_bound_alone().unwrap();
    let local = made.facts[0].local.to_string();
    let states = |args: &[&str]| -> Vec<String> {
        let text = listed(&[&["--no-owners", "--no-header", "--columns", "state,local"], args].concat());
        text.lines().map(str::to_owned).collect()
    };
    let is_it = |line: &String| line.contains(&local);
    let bound = states(&["-B"]);
    if kernel::is_before(6, 8) && !bound.iter().any(is_it) {
        live_skip!("bound sockets: Linux before 6.8 leaves them out");
    }
    assert!(bound.iter().any(is_it), "{local} in {bound:?}");
    assert!(bound.iter().all(|line| line.starts_with("CLOSED")), "{bound:?}");
    assert!(!states(&[]).iter().any(is_it));
    let _listener = tcp::listener_v4().unwrap();
    let all = states(&["-aB"]);
    assert!(all.iter().any(is_it) && all.iter().any(|line| line.starts_with("LISTEN")), "{all:?}");
    let both = states(&["-lB"]);
    assert!(both.iter().any(is_it) && both.iter().any(|line| line.starts_with("LISTEN")), "{both:?}");
}
