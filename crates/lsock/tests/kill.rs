//! Tests of `lsock kill`: it ends exactly the processes that are meant, after confirmation.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[path = "common/public_copy.rs"]
mod public_copy;

use common::{lsock, refused, run};
use public_copy::PublicCopy;
use socket_world::namespace::in_network_namespace;
use socket_world::terminal::Session;
use socket_world::{Child, holders, live_skip, tcp, wait_until};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test in a network namespace of its own, or skips it. One at a time: a process that another test has just forked
/// holds the sockets of this one until it runs its program, and would be ended.
macro_rules! in_namespace {
    ($work:expr) => {
        static_lock(|| {
            if let Err(why) = in_network_namespace($work) {
                live_skip!("a network namespace: {why}");
            }
        })
    };
}

fn static_lock(work: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    work();
}

/// A process with a listener, and the filter of its port.
fn server() -> (Child, String) {
    let server = Child::fork(Some(b"test-server"), &[], |report| report.made(tcp::listener_v4()?)).unwrap();
    let port = format!(":{}", server.sockets()[0].local.port());
    (server, port)
}

/// A process with a connection to this port, and the listener that would accept it.
fn client(port: &str) -> Child {
    let address: SocketAddr = format!("127.0.0.1{port}").parse().unwrap();
    Child::fork(Some(b"test-client"), &[], move |report| {
        report.keep(TcpStream::connect(address)?)?;
        Ok(())
    })
    .unwrap()
}

/// Whether a process runs: a zombie does not.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// Exit code, standard output, standard error.
fn text(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn kill(args: &[&str]) -> (i32, String, String) {
    text(run(&[&["kill"], args].concat()))
}

/// A program that ignores SIGTERM and has a listener as its standard input.
fn stubborn() -> (std::process::Child, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!(":{}", listener.local_addr().unwrap().port());
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' TERM; exec sleep 600"]);
    let child = command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).spawn().unwrap();
    let is_set = || std::fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap() == "sleep\n";
    assert!(wait_until(LIMIT, is_set));
    (child, port)
}

#[test]
fn live_holder_of_a_listener_is_ended_and_its_client_is_not() {
    in_namespace!(|| {
        let (server, port) = server();
        let client = client(&port);
        let (code, stdout, stderr) = kill(&["--yes", &port[1..]]);
        assert_eq!((code, stdout), (0, format!("ended test-server ({})\n", server.pid())), "{stderr}");
        // It is a zombie: this process has not waited for it.
        assert!(!runs(server.pid()) && runs(client.pid()), "{stderr}");
        let (code, stdout, stderr) = kill(&["--yes", &port]);
        assert_eq!((code, &stdout[..]), (0, ""), "{stderr}");
        assert!(stderr.contains("no process holds a matching socket"), "{stderr}");
    });
}

#[test]
fn live_process_with_connections_alone_is_ended_only_if_it_is_named() {
    in_namespace!(|| {
        let (server, port) = server();
        let client = client(&port);
        let pid = client.pid().to_string();
        let to_port = format!("dport = {port}");
        for filter in [&[&to_port[..]][..], &[&to_port, "and", "not", "pid", "1"]] {
            let (code, stdout, stderr) = kill(&[&["--yes"], filter].concat());
            assert_eq!((code, &stdout[..]), (1, ""), "{stderr}");
            // A process that could not be read may be the one that is excluded: it is not decided then whether the socket is
            // meant.
            let is_undecided = filter.len() > 1 && stderr.contains("could not be read");
            let said = if is_undecided {
                "left alone tcp ".to_owned()
            } else {
                format!("test-client ({pid}) only has connections")
            };
            assert!(stderr.contains(&said), "{stderr}");
        }
        assert!(runs(client.pid()));
        let (code, stdout, stderr) = kill(&["--yes", &to_port, "and", "process", "test-client"]);
        assert_eq!((code, stdout), (0, format!("ended test-client ({pid})\n")), "{stderr}");
        assert!(runs(server.pid()));
    });
}

#[test]
fn live_all_workers_that_share_a_listener_are_ended() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{}", listener.local_addr().unwrap().port());
        let workers = holders::inherited(5, &listener).unwrap();
        drop(listener);
        let (code, stdout, stderr) = kill(&["--yes", &port]);
        assert_eq!((code, stdout.lines().count()), (0, 5), "{stdout} {stderr}");
        assert!(workers.iter().all(|worker| !runs(worker.pid())), "{stdout} {stderr}");
    });
}

#[test]
fn live_process_from_which_it_was_started_is_left_alone_and_named() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{}", listener.local_addr().unwrap().port());
        let (code, stdout, stderr) = kill(&["--yes", &port]);
        assert_eq!((code, &stdout[..]), (1, ""), "{stderr}");
        let left = format!(" ({}): this program runs in it\n", std::process::id());
        assert!(stderr.contains("left alone ") && stderr.contains(&left), "{stderr}");
        // By a shell that waits for it.
        let mut command = Command::new("sh");
        command.args(["-c", "\"$0\" kill --yes \"$1\"; exit $?", env!("CARGO_BIN_EXE_lsock"), &port]);
        let (code, stdout, stderr) = text(command.stdin(Stdio::null()).output().unwrap());
        assert!(code == 1 && stdout.is_empty() && stderr.contains(&left), "{stderr}");
    });
}

#[test]
fn live_process_that_ignores_the_signal_is_killed_unless_one_signal_was_asked_for() {
    in_namespace!(|| {
        let (mut child, port) = stubborn();
        let name = format!("sleep ({})", child.id());
        let (code, stdout, stderr) = kill(&["-y", "-WINCH", &port]);
        assert_eq!((code, stdout), (0, format!("signalled {name} with SIGWINCH\n")), "{stderr}");
        let (code, stdout, stderr) = kill(&["-y", "--signal", "TERM", "--timeout", "50ms", &port]);
        assert_eq!((code, &stdout[..]), (1, ""), "{stderr}");
        assert!(stderr.contains(&format!("{name} has not ended\n")), "{stderr}");
        assert!(stderr.contains(&format!("still open: tcp 127.0.0.1{port}, held by {name}")), "{stderr}");
        assert!(runs(child.id()));
        let (code, stdout, stderr) = kill(&["-y", "--timeout", "50ms", &port]);
        assert_eq!((code, stdout), (0, format!("killed {name}\n")), "{stderr}");
        assert!(stderr.contains(&format!("{name} has not ended after SIGTERM: it is killed\n")), "{stderr}");
        child.wait().unwrap();
    });
}

#[test]
fn live_nothing_is_signalled_without_a_selective_filter_and_confirmation() {
    in_namespace!(|| {
        let (server, port) = server();
        for kind in [&[][..], &["-tl"], &["--state", "listen"], &["not", "pid", "1"], &["port", "0-65535"]] {
            let said = refused(&[&["kill", "--yes"], kind].concat());
            assert!(said.contains("kill needs more than a protocol or state"), "{kind:?}: {said}");
        }
        assert!(refused(&["kill", &port]).contains("add --yes"));
        let (code, stdout, stderr) = kill(&["--dry-run", &port]);
        assert!(code == 0 && stdout.starts_with("PID") && stdout.lines().count() == 2, "{stdout} {stderr}");
        let line = format!("tcp 127.0.0.1{port}\n");
        assert!(stdout.contains("test-server") && stdout.ends_with(&line), "{stdout}");
        // A part of a name, and a number that is a pid, name no process.
        for word in ["test-serve", &server.pid().to_string()] {
            let (_, stdout, stderr) = kill(&["--yes", word]);
            assert!(stdout.is_empty(), "{word}: {stdout} {stderr}");
        }
        assert!(runs(server.pid()));
    });
}

/// A run on a terminal that has asked.
fn asked(port: &str) -> Session {
    let mut session = Session::start(lsock(&["kill", port]), 100, 24).unwrap();
    let has_asked = |output: &[u8]| String::from_utf8_lossy(output).contains("[y/N] ");
    let is_there = session.read_until(LIMIT, has_asked).unwrap();
    assert!(is_there, "{}", String::from_utf8_lossy(session.output()));
    session
}

/// Exit code and all that was shown after an answer.
fn answered(mut session: Session, answer: &str) -> (i32, String) {
    session.type_in(answer.as_bytes()).unwrap();
    let (status, output) = session.finish().unwrap();
    (status.code().unwrap(), String::from_utf8(output).unwrap().replace("\r\n", "\n"))
}

#[test]
fn live_prompt_shows_the_processes_and_only_yes_ends_them() {
    in_namespace!(|| {
        let (server, port) = server();
        let pid = server.pid();
        let (code, shown) = answered(asked(&port), "n\n");
        assert_eq!(code, 1, "{shown}");
        let ends = format!("tcp 127.0.0.1{port}");
        for wanted in ["PID", "test-server", &ends, "End this process? [y/N]", "no process was signalled"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert!(runs(pid));
        let (code, shown) = answered(asked(&port), "y\n");
        assert!(code == 0 && shown.contains(&format!("ended test-server ({pid})\n")), "{shown}");
        assert!(!runs(pid));
    });
}

#[test]
fn live_process_that_took_the_place_of_the_shown_one_is_left_alone() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{}", listener.local_addr().unwrap().port());
        let first = holders::inherited(1, &listener).unwrap().remove(0);
        let first_pid = first.pid();
        let session = asked(&port);
        let second = holders::inherited(1, &listener).unwrap().remove(0);
        drop(listener);
        first.stop();
        let (code, shown) = answered(session, "y\n");
        let left = format!(" ({}): it has such a socket since a moment ago\n", second.pid());
        assert!(code == 1 && shown.contains(&left), "{shown}");
        assert!(shown.contains("ended ") && shown.contains(&format!("({first_pid})\n")), "{shown}");
        assert!(shown.contains(&format!("still open: tcp 127.0.0.1{port}, held by ")), "{shown}");
        assert!(runs(second.pid()));
    });
}

#[test]
fn live_process_that_has_the_pid_of_the_shown_one_is_left_alone() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{}", listener.local_addr().unwrap().port());
        let shown = holders::inherited(1, &listener).unwrap().remove(0);
        let pid = shown.pid();
        let session = asked(&port);
        shown.stop();
        // Another process may take the pid first.
        let later = match holders::inherited_as(pid, &listener) {
            Ok(later) => later,
            Err(error) => live_skip!("a process with a chosen pid: {error}"),
        };
        drop(listener);
        assert_eq!(later.held()[0].pid, pid);
        let (code, shown) = answered(session, "y\n");
        assert!(
            code == 1 && shown.contains(&format!(" ({pid}): it has such a socket since a moment ago\n")),
            "{shown}"
        );
        assert!(runs(pid), "{shown}");
    });
}

#[test]
fn live_process_that_has_closed_its_socket_since_is_left_alone() {
    in_namespace!(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{}", listener.local_addr().unwrap().port());
        let mut command = Command::new("sh");
        command.args(["-c", "read line; exec >/dev/null; read line"]).stdin(Stdio::piped());
        let mut child = command.stdout(OwnedFd::from(listener)).spawn().unwrap();
        drop(command);
        let session = asked(&port);
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, b"\n").unwrap();
        assert!(wait_until(LIMIT, || run(&["-q", &port]).status.code() == Some(1)));
        let (code, shown) = answered(session, "y\n");
        let left = format!(" ({}): it no longer holds such a socket\n", child.id());
        assert!(code == 1 && shown.contains(&left), "{shown}");
        assert!(runs(child.id()));
        drop(stdin);
        child.wait().unwrap();
    });
}

#[test]
fn live_holder_that_is_not_visible_is_left_alone_and_named() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    in_namespace!(|| {
        let (server, port) = server();
        let (pid, copy) = (server.pid().to_string(), PublicCopy::new());
        for (args, why) in [
            (&[&port[..]][..], "the process that holds it is not visible"),
            (&["--pid", &pid], "it depends on owners or names that are not visible"),
        ] {
            let mut command = Command::new(copy.program());
            command.args(["kill", "--yes"]).args(args).stdin(Stdio::null()).uid(23_456).gid(23_456);
            let (code, stdout, stderr) = text(command.output().unwrap());
            assert_eq!((code, &stdout[..]), (1, ""), "{stderr}");
            assert!(stderr.contains(&format!("left alone tcp 127.0.0.1{port}: {why}")), "{stderr}");
        }
        assert!(runs(server.pid()));
    });
}
