//! `lsock why` in the situations in which people ask.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{lsock, refused};
use serde_json::Value;
use socket_world::control_group::Group;
use socket_world::{Transport, binding, holders, kernel, live_skip, namespace, quiet, tcp};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

/// The document of the answer.
fn why(what: &str) -> Value {
    let window = quiet();
    let output = lsock(&["why", what, "--json"]).output().unwrap();
    drop(window);
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The text of the answer.
fn text(what: &str) -> String {
    let window = quiet();
    let output = lsock(&["why", what]).output().unwrap();
    drop(window);
    String::from_utf8(output.stdout).unwrap()
}

fn in_namespace(test: impl FnOnce() + Send) {
    if let Err(why) = namespace::in_network_namespace(test) {
        live_skip!("a network namespace: {why}");
    }
}

fn pids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|it| it["pid"].as_u64().or(it.as_u64()).unwrap()).collect()
}

/// A test that is none: with this variable it listens on the port, says its pid and waits for the end of its input.
const PORT: &str = "LSOCK_TEST_WHY_PORT";

#[test]
fn program_that_listens_for_the_other_tests() {
    let Ok(port) = std::env::var(PORT) else { return };
    let _listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    println!("\npid {}", std::process::id());
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
}

/// Starts that program by a shell with this script, in which `"$@"` is the program; returns the shell and the pid.
fn by_shell(script: &str, port: u16) -> (Child, u32) {
    let window = quiet();
    let mut shell = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "program_that_listens_for_the_other_tests", "--nocapture"])
        .env(PORT, port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(window);
    let mut lines = BufReader::new(shell.stdout.as_mut().unwrap()).lines();
    let pid = lines.find_map(|line| line.unwrap().strip_prefix("pid ").map(|pid| pid.parse().unwrap()));
    (shell, pid.unwrap())
}

#[test]
fn live_job_of_a_shell_names_the_shell_and_the_chain_above_it() {
    in_namespace(|| {
        let (mut shell, pid) = by_shell("exec 3<&0; \"$@\" <&3 & wait", 8001);
        let answer = why("8001");
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(answer["finding"], "listening", "{answer}");
        let subject = &answer["subjects"][0];
        assert_eq!(
            (subject["process"]["pid"].as_u64(), subject["cause"].as_str()),
            (Some(pid.into()), Some("shell"))
        );
        let above = pids(&subject["ancestors"]);
        assert_eq!(above[..2], [u64::from(shell.id()), u64::from(std::process::id())], "{answer}");
        assert_eq!(
            subject["process"]["working_directory"].as_str(),
            std::env::current_dir().unwrap().to_str()
        );
        assert!(subject["process"]["command_line"].as_array().unwrap().len() > 2, "{answer}");
    });
}

#[test]
fn live_orphan_is_not_said_to_be_started_by_the_process_that_took_it_over() {
    in_namespace(|| {
        let (mut shell, pid) = by_shell("exec 3<&0; \"$@\" <&3 & exit", 8002);
        let input = shell.stdin.take();
        shell.wait().unwrap();
        let (answer, shown) = (why("8002"), text("8002"));
        drop(input);
        let subject = &answer["subjects"][0];
        assert_eq!(subject["process"]["pid"].as_u64(), Some(pid.into()), "{answer}");
        // Where the test runs below a process that takes orphans over and shares its session, nothing shows it.
        let adopter = &subject["ancestors"][0];
        let same_session = adopter["session_leader"] == subject["process"]["session_leader"];
        if same_session {
            live_skip!("orphans: the process that takes them over is in the session of the test");
        }
        assert_eq!(subject["cause"], "starter_ended", "{answer}");
        assert!(shown.contains("a process that has ended; "), "{shown}");
    });
}

#[test]
fn live_forked_workers_have_one_card_with_the_first_of_them() {
    in_namespace(|| {
        let listener = TcpListener::bind("0.0.0.0:8003").unwrap();
        let workers = holders::inherited(3, &listener).unwrap();
        let answer = why("8003");
        let subjects = answer["subjects"].as_array().unwrap();
        assert_eq!(subjects.len(), 1, "{answer}");
        assert_eq!(subjects[0]["process"]["pid"].as_u64(), Some(std::process::id().into()));
        let mut expected: Vec<u64> = workers.iter().map(|worker| worker.pid().into()).collect();
        expected.sort_unstable();
        assert_eq!(pids(&subjects[0]["workers"]), expected, "{answer}");
        let warnings = subjects[0]["warnings"].as_array().unwrap();
        assert!(warnings.contains(&"every_address".into()), "{answer}");
    });
}

#[test]
fn live_inherited_listener_is_held_by_the_child_alone() {
    in_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:8004").unwrap();
        let child = holders::inherited(1, &listener).unwrap().pop().unwrap();
        drop(listener);
        let answer = why("127.0.0.1:8004");
        let subject = &answer["subjects"][0];
        assert_eq!(subject["process"]["pid"].as_u64(), Some(child.pid().into()), "{answer}");
        assert_eq!(pids(&subject["ancestors"])[0], u64::from(std::process::id()));
        assert_eq!(subject["workers"].as_array().map(Vec::len), Some(0));
    });
}

#[test]
fn live_listener_that_systemd_holds_too_was_passed_on_by_it_and_one_that_it_has_alone_waits() {
    in_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:8014").unwrap();
        let held = |report: &mut socket_world::Report| report.held(&listener).map(drop);
        let systemd = socket_world::Child::fork(Some(b"systemd"), &[listener.as_fd()], held).unwrap();
        let answer = why("8014");
        let subject = &answer["subjects"][0];
        assert_eq!(answer["subjects"].as_array().map(Vec::len), Some(1), "{answer}");
        assert_eq!(subject["process"]["pid"], std::process::id(), "{answer}");
        assert_eq!(subject["socket_activation"], "passed_on");
        assert!(text("8014").contains(&format!("systemd ({}) opened it and passed it on", systemd.pid())));
        drop(listener);
        let answer = why("8014");
        let subject = &answer["subjects"][0];
        assert_eq!(
            (&subject["process"]["pid"], &subject["socket_activation"]),
            (&systemd.pid().into(), &"waiting".into()),
            "{answer}"
        );
    });
}

#[test]
fn live_listener_made_in_the_group_of_a_socket_unit_is_that_units() {
    in_namespace(|| {
        let group = match Group::new(".slice", "web.socket") {
            Err(why) => live_skip!("control groups: {why}"),
            Ok(group) => group,
        };
        let systemd = group.listener("systemd", 8016).unwrap();
        // As systemd, which opens the socket by a process that it puts into the group.
        group.leave(systemd.pid()).unwrap();
        let answer = why("8016");
        let subject = &answer["subjects"][0];
        assert_eq!(subject["socket_activation"], "waiting", "{answer}");
        let units = if kernel::is_before(5, 8) { vec![] } else { vec!["web.socket"] };
        assert_eq!(subject["socket_units"], serde_json::json!(units), "{answer}");
        if !units.is_empty() {
            assert!(
                text("8016").contains("held for web.socket, which starts its service"),
                "{}",
                text("8016")
            );
        }
        drop(systemd);
    });
}

#[test]
fn live_process_is_said_to_be_in_its_control_group() {
    in_namespace(|| {
        let _listener = TcpListener::bind("127.0.0.1:8015").unwrap();
        let answer = why("8015");
        let path = answer["subjects"][0]["process"]["workload"]["cgroup"].as_str().unwrap().to_owned();
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        assert!(groups.lines().any(|line| line.ends_with(&format!(":{path}"))), "{groups}{path}");
    });
}

#[test]
fn live_container_without_a_name_in_any_file_is_said_to_have_none_that_is_known() {
    let id = "f".repeat(64);
    let group = match Group::new("", &format!("docker-{id}.scope")) {
        Err(why) => live_skip!("control groups: {why}"),
        Ok(group) => group,
    };
    in_namespace(|| {
        let child = group.listener("grouped", 8017).unwrap();
        let answer = why("8017");
        let subject = &answer["subjects"][0];
        assert_eq!(subject["process"]["workload"]["container"]["id"], id, "{answer}");
        assert_eq!(subject["unknown"], serde_json::json!(["container_name"]), "{answer}");
        let gaps = answer["gaps"].as_array().unwrap();
        assert!(gaps.iter().any(|gap| gap["kind"] == "workloads_unavailable"), "{answer}");
        let text = text("8017");
        let line = text.lines().find(|line| line.contains("not known"));
        assert!(line.is_some_and(|line| line.contains("the name of its container (")), "{text}");
        drop(child);
        // Of a process of this machine nothing is missing.
        let _listener = TcpListener::bind("127.0.0.1:8018").unwrap();
        let own = why("8018");
        let unknown = own["subjects"][0]["unknown"].as_array().unwrap();
        assert!(unknown.iter().all(|unknown| unknown == "above_root"), "{own}");
    });
}

#[test]
fn live_port_of_closed_connections_has_no_process_and_the_reason() {
    in_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:8005").unwrap();
        let client = TcpStream::connect("127.0.0.1:8005").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        drop(listener);
        // The end that closes first keeps the port in TIME_WAIT.
        server.shutdown(std::net::Shutdown::Both).unwrap();
        drop(client);
        let _ = server.read(&mut [0]);
        drop(server);
        let answer = why("8005");
        assert_eq!(answer["finding"], "closed", "{answer}");
        assert_eq!(answer["subjects"].as_array().map(Vec::len), Some(0));
        assert!(text("8005").contains("TIME_WAIT"));
    });
}

#[test]
fn live_connections_and_other_machines_ports_are_told_from_listeners() {
    in_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:8006").unwrap();
        let client = TcpStream::connect("127.0.0.1:8006").unwrap();
        let accepted = listener.accept().unwrap();
        let answer = why("8006");
        let subject = &answer["subjects"][0];
        assert_eq!(answer["finding"], "listening");
        assert_eq!(subject["connections"].as_array().map(Vec::len), Some(2), "{answer}");
        assert!(text("8006").contains("connected  2 with 127.0.0.1"), "{}", text("8006"));
        drop(listener);
        assert_eq!(why("8006")["finding"], "connected");
        let port = client.local_addr().unwrap().port();
        assert_eq!(why(&port.to_string())["finding"], "connected");
        drop(accepted);
    });
}

#[test]
fn live_port_that_is_only_bound_is_found_with_its_process() {
    in_namespace(|| {
        let bound = binding::named_port(Transport::Tcp, Ipv4Addr::LOCALHOST.into()).unwrap();
        let answer = why(&tcp::local_address(&bound).unwrap().port().to_string());
        if kernel::is_before(6, 8) {
            live_skip!("bound sockets: Linux before 6.8 leaves them out");
        }
        assert_eq!(answer["finding"], "bound", "{answer}");
        assert_eq!(answer["subjects"][0]["process"]["pid"].as_u64(), Some(std::process::id().into()));
    });
}

#[test]
fn live_process_is_found_by_pid_and_by_name_with_and_without_sockets() {
    in_namespace(|| {
        let _listener = TcpListener::bind("127.0.0.1:8008").unwrap();
        let pid = std::process::id().to_string();
        let by_pid = why(&pid);
        assert_eq!(
            (&by_pid["finding"], &by_pid["subjects"][0]["process"]["pid"]),
            (&"process".into(), &std::process::id().into())
        );
        let name = by_pid["subjects"][0]["process"]["name"].as_str().unwrap().to_owned();
        let by_name = why(&name);
        assert!(
            pids(&by_name["subjects"].as_array().unwrap().iter().map(|it| it["process"].clone()).collect())
                .contains(&std::process::id().into()),
            "{by_name}"
        );
        assert_eq!(by_name["subjects"][0]["listeners"].as_array().map(Vec::len), Some(1));
    });
}

#[test]
fn nothing_is_said_to_be_nothing_and_a_filter_is_refused() {
    assert_eq!(why("no-process-of-this-name")["finding"], "nothing");
    assert!(refused(&["why", "tcp"]).contains("is not a port, a pid or a name; example: lsock why 8080"));
    assert!(refused(&["why"]).contains("PORT|PID|NAME"));
}
