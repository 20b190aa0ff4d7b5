//! Groups and exposure over sockets of the test process.
#![cfg(not(netstat_test_unsupported))]
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{listed, ports, refused, sockets};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};

/// The address of a new listener on loopback, and three connections to it.
fn connections() -> (String, TcpListener, Vec<(TcpStream, TcpStream)>) {
    let (listener, port) = ports::listener();
    let connect = || (TcpStream::connect(("127.0.0.1", port)).unwrap(), listener.accept().unwrap().0);
    let pairs = vec![connect(), connect(), connect()];
    (format!("127.0.0.1:{port}"), listener, pairs)
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&listed(args)).unwrap()
}

#[test]
fn groups_add_up_to_the_rows_and_their_queues() {
    let (address, listener, pairs) = connections();
    // Three bytes that are never read.
    std::io::Write::write_all(&mut &pairs[0].0, b"abc").unwrap();
    while pairs[0].1.peek(&mut [0; 8]).unwrap() < 3 {}
    let rows = sockets(&["--json", "-t", &address]);
    assert_eq!(rows.len(), 7);
    for key in ["process", "user", "state", "remote", "local-port", "exposure"] {
        let document = json(&["--json", "-t", &address, "--group-by", key]);
        assert_eq!((&document["schema"], &document["group_by"]), (&"lsock/1".into(), &key.into()));
        let groups = document["groups"].as_array().unwrap();
        let sum = |field: &str| groups.iter().map(|group| group[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("sockets"), sum("listening"), sum("established")), (7, 1, 6), "{document}");
        let in_rows = |field: &str| {
            let bytes = rows.iter().filter(|row| row["queue_unit"] == "bytes");
            bytes.map(|row| row[field].as_u64().unwrap()).sum::<u64>()
        };
        assert_eq!(sum("receive_bytes"), in_rows("rx_queue"), "{document}");
    }
    let of = |key: &str| {
        let document = json(&["--json", "-t", &address, "--group-by", key]);
        let groups = document["groups"].as_array().unwrap().clone();
        groups
            .iter()
            .map(|group| (group["name"].clone(), group["sockets"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("state"), [("ESTABLISHED".into(), 6), ("LISTEN".into(), 1)]);
    assert_eq!(of("remote"), [("127.0.0.1".into(), 6), (Value::Null, 1)]);
    assert_eq!(of("exposure"), [(Value::Null, 6), ("loopback".into(), 1)]);
    assert_eq!(
        of("local-port").first(),
        Some(&(format!("tcp:{}", listener.local_addr().unwrap().port()).into(), 4))
    );
}

#[test]
fn groups_have_a_table_and_csv_with_a_header() {
    let (address, _listener, _pairs) = connections();
    let table = listed(&["-t", &address, "--group-by", "state"]);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = table.lines().map(words).collect();
    assert_eq!(lines[0][..4], ["STATE", "SOCKETS", "LISTENING", "ESTABLISHED"]);
    assert_eq!(
        (lines[1][..2].join(" "), lines[2][..3].join(" ")),
        ("ESTABLISHED 6".into(), "LISTEN 1 1".into())
    );
    let csv = listed(&["--csv", "-t", &address, "--group-by", "state"]);
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("state,reason,sockets,"), "{csv}");
    assert!(lines.next().unwrap().starts_with("ESTABLISHED,,6,"), "{csv}");
    assert!(listed(&["-H", "-t", &address, "--group-by", "state"]).starts_with("ESTABLISHED"));
}

#[test]
fn groups_that_cannot_be_made_are_refused() {
    assert!(refused(&["--group-by", "process", "--no-owners"]).contains("needs owners"));
    assert!(refused(&["--group-by", "colour"]).contains("colour"));
    assert!(refused(&["--group-by", "state", "-s"]).contains("--group-by"));
}

#[test]
fn exposed_listeners_are_selected_by_their_address() {
    let (everywhere, here) =
        (TcpListener::bind("0.0.0.0:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
    let both = format!("{},{}", port(&everywhere), port(&here));
    let reaches = |args: &[&str]| {
        let rows = sockets(&[&["--json", "-t", "--local-port", &both], args].concat());
        rows.iter().map(|row| row["exposure"]["reach"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(reaches(&["--exposed"]), ["any"]);
    assert_eq!(reaches(&["exposed"]), ["any"]);
    assert_eq!(reaches(&["local"]), ["loopback"]);
    let column = listed(&["-H", "-t", "--columns", "local,exposure", "--local-port", &both, "-l"]);
    assert!(column.contains(&format!("0.0.0.0:{}", port(&everywhere))) && column.contains("any"), "{column}");
}
