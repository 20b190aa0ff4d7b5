//! Tests of `lsock destroy`: it closes exactly the selected sockets, after confirmation.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[path = "common/public_copy.rs"]
mod public_copy;

use common::{lsock, refused, run};
use public_copy::PublicCopy;
use socket_world::namespace::in_network_namespace;
use socket_world::{Made, kernel, live_skip, tcp, udp};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// Runs a test in a network namespace of its own, or skips it.
macro_rules! in_namespace {
    ($work:expr) => {
        if let Err(why) = in_network_namespace($work) {
            live_skip!("a network namespace: {why}");
        }
    };
}

/// Skips the test where the kernel cannot close sockets.
macro_rules! needs_destroy {
    () => {
        if let Err(why) = kernel::destroys_sockets() {
            live_skip!("SOCK_DESTROY: {why}");
        }
    };
}

fn port(made: &Made, nth: usize) -> String {
    format!(":{}", made.facts[nth].local.port())
}

/// The error of a read from the nth socket.
fn read_error(made: &Made, nth: usize) -> Option<ErrorKind> {
    let mut file = File::from(made.sockets[nth].as_fd().try_clone_to_owned().unwrap());
    file.read(&mut [0; 8]).err().map(|error| error.kind())
}

fn listed(filter: &str) -> usize {
    common::listed(&["--no-owners", "--no-header", filter]).lines().count()
}

#[test]
fn live_selected_sockets_are_closed_with_a_line_each_and_no_others() {
    in_namespace!(|| {
        needs_destroy!();
        let (made, other) = (tcp::pair_v4().unwrap(), tcp::pair_v4().unwrap());
        // Client, server and listener.
        let port = port(&made, 1);
        assert_eq!(listed(&port), 3);
        let output = run(&["destroy", "--yes", &port]);
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{stderr}");
        let ends = |from: usize, to: usize| format!("{} {}", made.facts[from].local, made.facts[to].local);
        assert!(stdout.contains(&format!("closed tcp {}\n", made.facts[2].local)), "{stdout}");
        for ends in [ends(0, 1), ends(1, 0)] {
            let has_line = |what: &str| stdout.contains(&format!("{what} tcp {ends}\n"));
            assert!(has_line("closed") || has_line("gone already"), "{stdout}");
        }
        assert_eq!((stdout.lines().count(), listed(&port)), (3, 0));
        assert!(!stderr.contains("cannot close"), "{stderr}");
        let failures = [read_error(&made, 0), read_error(&made, 1)];
        assert!(failures.contains(&Some(ErrorKind::ConnectionAborted)), "{failures:?}");
        assert_eq!(listed(&self::port(&other, 1)), 3);
    });
}

#[test]
fn live_udp_sockets_of_a_process_are_closed() {
    in_namespace!(|| {
        needs_destroy!();
        let made = udp::pair_v6().unwrap();
        let pid = std::process::id().to_string();
        let output = run(&["destroy", "-y", "-u", "--pid", &pid]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert_eq!(read_error(&made, 0), Some(ErrorKind::ConnectionAborted));
    });
}

#[test]
fn live_udp_socket_that_stays_bound_is_marked() {
    in_namespace!(|| {
        needs_destroy!();
        let chosen = UdpSocket::bind("127.0.0.1:0").unwrap();
        let named = UdpSocket::bind("127.0.0.1:4711").unwrap();
        let port_of = |socket: &UdpSocket| format!(":{}", socket.local_addr().unwrap().port());
        let (chosen_port, named_port) = (port_of(&chosen), port_of(&named));
        let output = run(&["destroy", "--yes", &chosen_port, "or", &named_port]);
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{stderr}");
        assert!(stdout.contains("closed udp 127.0.0.1:4711 (stays bound)\n"), "{stdout}");
        assert!(stdout.contains(&format!("closed udp 127.0.0.1{chosen_port}\n")), "{stdout}");
        assert_eq!((listed(&chosen_port), listed(&named_port)), (0, 1));
    });
}

#[test]
fn live_nothing_is_closed_without_a_selective_filter_and_confirmation() {
    in_namespace!(|| {
        let made = tcp::pair_v4().unwrap();
        let port = port(&made, 1);
        assert!(refused(&["destroy"]).contains("destroy needs more than a protocol or state"));
        assert!(
            refused(&["destroy", "--yes", "-tul46"]).contains("destroy needs more than a protocol or state")
        );
        for kind in [
            &["--state", "all"][..],
            &["--state", "big"],
            &["state", "listen"],
            &["exclude", "time-wait"],
            &["src", "*"],
            &["src", "*:*"],
            &["port", "0-65535"],
            &["--port", "0-32767,32768-65535"],
            &["not", "pid", "1"],
            &["tcp or :1"],
            &["autobound"],
            &["autobound or not autobound"],
            &["-t", "-B"],
        ] {
            let said = refused(&[&["destroy", "--yes"], kind].concat());
            assert!(said.contains("destroy needs more than a protocol or state"), "{kind:?}: {said}");
        }
        assert!(refused(&["destroy", &port]).contains("--yes"));
        assert!(refused(&["destroy", "--yes", "80", "443"]).contains(":80,443"));
        // A part of a name, and a number that is a pid, are no names for what closes sockets.
        for word in ["estroy", &std::process::id().to_string()] {
            let output = run(&["destroy", "--yes", word]);
            assert!(output.stdout.is_empty() && listed(&port) == 3, "{word}: {output:?}");
        }
        assert_eq!(listed(&port), 3);
        let output = run(&["destroy", "--yes", ":1"]);
        assert!(output.status.success() && output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with("lsock: no matching sockets\n"), "{said}");
    });
}

/// Exit code and output of a run on a terminal with this answer typed; `None` where there is no `script`.
fn run_on_terminal(answer: &str, port: &str) -> Option<(i32, String)> {
    let program = lsock(&[]).get_program().to_str().unwrap().to_owned();
    let mut child = Command::new("script")
        .args(["-qec", &format!("{program} destroy {port}"), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(answer.as_bytes()).unwrap();
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    drop(stdin);
    Some((child.wait().unwrap().code().unwrap(), shown))
}

#[test]
fn live_prompt_shows_the_sockets_and_only_yes_closes_them() {
    in_namespace!(|| {
        needs_destroy!();
        let made = tcp::listener_v4().unwrap();
        let port = port(&made, 0);
        let Some((code, shown)) = run_on_terminal("n\n", &port) else {
            live_skip!("there is no script on this machine")
        };
        assert_eq!(code, 1, "{shown}");
        for wanted in
            ["PROTO", &made.facts[0].local.to_string(), "Close this socket? [y/N]", "nothing was closed"]
        {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert_eq!(listed(&port), 1);
        let (code, shown) = run_on_terminal("y\n", &port).unwrap();
        assert!(code == 0 && shown.contains(&format!("closed tcp {}", made.facts[0].local)), "{shown}");
        assert_eq!(listed(&port), 0);
    });
}

fn run_as_other_user(args: &[&str]) -> Output {
    let copy = PublicCopy::new();
    let mut command = Command::new(copy.program());
    command.args(args).stdin(Stdio::null()).uid(23_456).gid(23_456);
    loop {
        match command.output() {
            // A child that another test has just forked still has the copy open for writing.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {}
            output => return output.unwrap(),
        }
    }
}

#[test]
fn live_socket_whose_owner_is_not_visible_is_left_open_and_named() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    in_namespace!(|| {
        let made = tcp::pair_v4().unwrap();
        let port = port(&made, 1);
        let pid = std::process::id().to_string();
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        let name = name.trim_end();
        let (not_pid, not_name) = (format!("not pid {pid}"), format!("not process \"{name}\""));
        let destroy = |args: &[&str]| {
            let output = run_as_other_user(&[&["destroy", "--yes"], args].concat());
            assert!(output.stdout.is_empty());
            (output.status.code(), String::from_utf8(output.stderr).unwrap())
        };
        for undecided in [
            &["--pid", &pid][..],
            &["--process", name],
            &[&not_pid, "and", "port", "=", &port],
            &[&not_name, "and", "port", "=", &port],
        ] {
            let (code, said) = destroy(undecided);
            assert_eq!(code, Some(1), "{undecided:?}: {said}");
            let left_open = said.lines().filter(|line| line.starts_with("lsock: left open tcp 127.0.0.1:"));
            assert_eq!(left_open.count(), 3, "{undecided:?}: {said}");
            assert!(!said.contains("cannot close"), "{undecided:?}: {said}");
        }
        // Names can be read of processes whose descriptors cannot: but not at the moment of an exec, which another test's
        // child may be at.
        for decided in [&["process", "no-such-process"][..], &["inode", "1"]] {
            let answers = (0..20).map(|_| destroy(decided));
            let is_decided =
                |(code, said): &(_, String)| *code == Some(0) && said.ends_with("no matching sockets\n");
            assert!(answers.into_iter().any(|answer| is_decided(&answer)), "{decided:?}");
        }
        assert_eq!(listed(&port), 3);
    });
}

#[test]
fn live_filter_by_mark_without_cap_net_admin_is_an_error_that_names_it() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    let output = run_as_other_user(&["--no-owners", "not", "fwmark", "1"]);
    let said = String::from_utf8(output.stderr).unwrap();
    if kernel::is_before(4, 9) && said.contains("not supported") {
        live_skip!("marks: Linux before 4.9");
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(" sockets by fwmark, which takes CAP_NET_ADMIN: "), "{said}");
}

#[test]
fn live_destroy_without_cap_net_admin_fails_and_names_it() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    in_namespace!(|| {
        needs_destroy!();
        let made = tcp::pair_v4().unwrap();
        let port = port(&made, 1);
        let output = run_as_other_user(&["destroy", "--yes", &port]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let refusals =
            said.lines().filter(|line| line.starts_with("lsock: cannot close tcp socket 127.0.0.1:"));
        let is_reason = |line: &str| line.ends_with("(os error 1): CAP_NET_ADMIN is needed");
        let refusals: Vec<bool> = refusals.map(is_reason).collect();
        assert_eq!(refusals, [true; 3], "{said}");
        assert!(output.stdout.is_empty());
        assert_eq!(listed(&port), 3);
    });
}
