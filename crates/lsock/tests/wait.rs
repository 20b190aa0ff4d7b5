//! Tests of `lsock wait`: it returns when such a socket is there, or gone, and no sooner.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[path = "common/public_copy.rs"]
mod public_copy;

use common::{lsock, refused, run};
use public_copy::PublicCopy;
use socket_world::namespace::in_network_namespace;
use socket_world::{Child, live_skip, quiet, tcp};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

macro_rules! in_namespace {
    ($work:expr) => {
        if let Err(why) = in_network_namespace($work) {
            live_skip!("a network namespace: {why}");
        }
    };
}

/// Exit code, standard output, standard error.
fn wait(args: &[&str]) -> (i32, String, String) {
    let output = run(&[&["wait"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn live_socket_that_is_there_is_printed_at_once() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        for typed in [&port, &format!(":{port}"), &format!("tcp:{port}"), &format!("localhost:{port}")] {
            let (code, stdout, stderr) = wait(&["--timeout", "0", typed]);
            assert_eq!((code, stdout.lines().count()), (0, 2), "{typed}: {stdout} {stderr}");
            assert!(stdout.contains(&format!("127.0.0.1:{port}")), "{typed}: {stdout}");
            assert!(stdout.contains(&std::process::id().to_string()), "{typed}: {stdout}");
        }
    });
}

#[test]
fn live_socket_that_appears_ends_the_wait_and_one_that_never_does_ends_it_with_1() {
    in_namespace!(|| {
        let (code, stdout, stderr) = wait(&["--timeout", "50ms", "--interval", "10ms", "4711"]);
        assert_eq!((code, &stdout[..]), (1, ""), "{stderr}");
        assert!(stderr.ends_with("lsock: there is no such socket after 0.05s\n"), "{stderr}");
        let mut waiting = lsock(&["wait", "--timeout", "60s", "4711"]);
        let quiet = quiet();
        let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
        drop(quiet);
        let _listener = TcpListener::bind("127.0.0.1:4711").unwrap();
        let output = waiting.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && stdout.contains("127.0.0.1:4711"), "{stdout}");
    });
}

#[test]
fn live_connection_has_the_port_and_does_not_listen_on_it() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{}", listener.local_addr().unwrap().port());
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap();
        drop(listener);
        let limit = ["--timeout", "50ms"];
        assert_eq!(wait(&[&limit[..], &[&port]].concat()).0, 1);
        assert_eq!(wait(&[&limit[..], &["port", "=", &port]].concat()).0, 0);
        assert_eq!(wait(&[&limit[..], &["--gone", &port]].concat()).0, 0);
        let (code, stdout, stderr) = wait(&[&limit[..], &["--gone", "port", "=", &port]].concat());
        assert_eq!((code, &stdout[..]), (1, ""), "{stderr}");
        assert!(stderr.ends_with("lsock: there still is such a socket after 0.05s\n"), "{stderr}");
        drop((client, server));
    });
}

#[test]
fn live_end_of_a_socket_ends_the_wait_for_it() {
    in_namespace!(|| {
        let server = Child::fork(None, &[], |report| report.made(tcp::listener_v4()?)).unwrap();
        let port = server.sockets()[0].local.port().to_string();
        assert_eq!(wait(&["--gone", "--timeout", "0", &port]).0, 1);
        let mut waiting = lsock(&["wait", "--gone", "--timeout", "60s", &port]);
        let quiet = quiet();
        let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
        drop(quiet);
        server.stop();
        let output = waiting.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    });
}

#[test]
fn live_sockets_whose_owners_are_not_visible_are_not_gone() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    in_namespace!(|| {
        let server = Child::fork(None, &[], |report| report.made(tcp::listener_v4()?)).unwrap();
        let (pid, copy) = (server.pid().to_string(), PublicCopy::new());
        for gone in [&["--gone"][..], &[]] {
            let mut command = Command::new(copy.program());
            command.arg("wait").args(gone).args(["--timeout", "50ms", "--pid", &pid]);
            command.stdin(Stdio::null()).uid(23_456).gid(23_456);
            let output = command.output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
            assert!(stderr.contains("not visible, so it may be meant\n"), "{stderr}");
            assert!(stderr.ends_with("after 0.05s it is not certain\n"), "{stderr}");
        }
    });
}

#[test]
fn wait_without_a_filter_and_times_that_are_none_are_refused() {
    assert!(refused(&["wait"]).contains("example: lsock wait 8080"));
    assert!(refused(&["wait", "--gone", "-t"]).contains("example: lsock wait 8080"));
    for time in ["soon", "-1s", "1e3"] {
        assert!(
            refused(&["wait", &format!("--timeout={time}"), "8080"]).contains("a time is a number"),
            "{time}"
        );
    }
}
