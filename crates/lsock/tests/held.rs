//! Tests with processes that hold sockets in unusual ways or have unusual names.
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{listed, sockets};
use serde_json::Value;
use socket_world::{Child, Held, Made, SocketFacts, live_skip, names, quiet, tcp};

#[test]
fn row_of_an_own_listener_has_pid_fd_inode_and_uid() {
    let _quiet = quiet();
    let made = tcp::listener_v4().unwrap();
    let socket = &made.sockets[0];
    let (held, facts) = (Held::of(socket).unwrap(), SocketFacts::of(socket).unwrap());
    let rows = sockets(&["--json", "-tl", "--local-port", &facts.local.port().to_string()]);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["inode"], held.inode);
    assert_eq!(row["uid"].as_u64(), facts.uid.map(u64::from));
    assert_eq!(row["owners"].as_array().unwrap().len(), 1, "{row}");
    assert_eq!((&row["owners"][0]["pid"], &row["owners"][0]["fd"]), (&held.pid.into(), &held.fd.into()));
    assert_eq!((&row["local"]["addr"], &row["remote"]), (&"127.0.0.1".into(), &Value::Null));
}

#[test]
fn ipv4_mapped_peer_is_printed_as_such() {
    let made = match tcp::pair_mapped() {
        Ok(made) => made,
        Err(error) => live_skip!("IPv6: {error}"),
    };
    let server = SocketFacts::of(&made.sockets[1]).unwrap();
    let rows =
        sockets(&["--json", "-6", "--state", "estab", "--local-port", &server.local.port().to_string()]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["remote"]["addr"], "::ffff:127.0.0.1");
    let text =
        listed(&["--no-header", "-6", "--state", "estab", "--local-port", &server.local.port().to_string()]);
    assert!(text.contains("[::ffff:127.0.0.1]:"), "{text}");
}

#[test]
fn hostile_names_are_escaped_on_one_line() {
    let names = names::hostile();
    let children: Vec<_> = names.iter().map(|name| names::named(name, tcp::listener_v4).unwrap()).collect();
    let pids: Vec<_> = children.iter().map(|child| child.pid().to_string()).collect();
    let pids = pids.join(",");
    for args in [
        &["--no-header", "--columns", "+command,owners"][..],
        &["--csv", "--no-header"],
        &["--jsonl"],
        &["--json"],
    ] {
        let text = listed(&[args, &["-tl", "--pid", &pids]].concat());
        // The document has one line before the rows.
        let lines = names.len() + usize::from(args == ["--json"]);
        assert_eq!(text.lines().count(), lines, "{args:?}: {text:?}");
        let harmful = |c: char| c.is_control() && c != '\n' || ['\u{202e}', '\u{200b}'].contains(&c);
        assert!(!text.contains(harmful), "{args:?}: {text:?}");
    }
    let rows = sockets(&["--json", "-tl", "--pid", &pids]);
    for (name, child) in names.iter().zip(&children) {
        let row = rows.iter().find(|row| row["owners"][0]["pid"] == child.pid()).unwrap();
        assert_eq!(row["owners"][0]["name"], String::from_utf8_lossy(name).as_ref(), "{row}");
    }
}

#[test]
fn all_processes_that_share_a_listener_are_shown() {
    let _quiet = quiet();
    let made = tcp::listener_v4().unwrap();
    let port = SocketFacts::of(&made.sockets[0]).unwrap().local.port();
    let mut children = Vec::new();
    for _ in 0..3 {
        use std::os::fd::AsFd;
        let fd = made.sockets[0].as_fd();
        children.push(Child::fork(Some(b"worker"), &[fd], |_| Ok(())).unwrap());
    }
    drop(made);
    let mut pids: Vec<_> = children.iter().map(Child::pid).collect();
    pids.sort_unstable();
    let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
    let text = listed(&["--no-header", "--columns", "pid,process", "-tl", "--local-port", &port.to_string()]);
    assert_eq!(text, format!("{}  worker\n", pids.join(",")));
}

#[test]
fn connection_in_the_accept_queue_has_that_reason() {
    let made: Made = tcp::accept_queue().unwrap();
    let port = SocketFacts::of(&made.sockets[1]).unwrap().local.port();
    let text = listed(&["--no-header", "--local-port", &port.to_string(), "--state", "established"]);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.ends_with("  -      -    (accept_queue)\n") || text.ends_with("(accept_queue)\n"), "{text}");
}
