//! `lsock watch` and `lsock --watch`, which run until they are stopped or nobody reads what they write.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{check_row, lsock};
use serde_json::Value;
use socket_world::{quiet, wait_until};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// The program, stopped at the end of the test at the latest.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let window = quiet();
        let mut child = lsock(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(window);
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{line:?}");
        line
    }

    /// The next event of the program about a local port.
    fn event(&mut self, port: u16) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.line()).unwrap();
            let row = if event["event"] == "changed" { &event["after"] } else { &event["socket"] };
            if row["local"]["port"] == port {
                // The last counters of a connection.
                let mut row = row.clone();
                row.as_object_mut().unwrap().remove("details");
                check_row(&row);
                return event;
            }
        }
    }

    /// Closes its output and waits until it ends.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.lines);
        assert!(wait_until(SOON, || self.child.try_wait().unwrap().is_some()), "it goes on without a reader");
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// Opens a socket once the program watches: only then it is reported as opened.
fn open_until_seen(running: &mut Running, open: impl Fn() -> (u16, Box<dyn Send>)) -> (Value, Box<dyn Send>) {
    // The first rows are not events: a socket that was opened before them is not reported.
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| running.line());
        let mut held = Vec::new();
        wait_until(SOON, || {
            held.push(open());
            std::thread::sleep(Duration::from_millis(50));
            reader.is_finished()
        });
        let event: Value = serde_json::from_str(&reader.join().unwrap()).unwrap();
        let port = event["socket"]["local"]["port"].as_u64().unwrap();
        let at = held.iter().position(|(held, _)| u64::from(*held) == port).expect("a port of this test");
        let (_, kept) = held.swap_remove(at);
        (event, kept)
    })
}

#[test]
fn live_json_lines_have_each_change_with_its_row_and_the_program_ends_with_its_reader() {
    let address = "127.0.46.7";
    let mut running = Running::start(&["watch", "--jsonl", "--interval", "50ms", "-t", "src", address]);
    let open = || -> (u16, Box<dyn Send>) {
        let listener = TcpListener::bind((address, 0)).unwrap();
        (listener.local_addr().unwrap().port(), Box::new(listener))
    };
    let (event, kept) = open_until_seen(&mut running, open);
    assert_eq!(event["event"], "opened");
    check_row(&event["socket"]);
    assert_eq!(event["socket"]["owners"][0]["pid"], std::process::id());
    assert!(event["at"].as_str().unwrap().ends_with('Z') && event["source"].is_string());
    let port = u16::try_from(event["socket"]["local"]["port"].as_u64().unwrap()).unwrap();
    drop(kept);
    // What a report did not say, such as the inode, the next listing adds: that is a change.
    let event =
        std::iter::repeat_with(|| running.event(port)).find(|event| event["event"] != "changed").unwrap();
    assert_eq!(event["event"], "closed");
    assert!(event["open_for_ms"].is_u64(), "{event}");
    assert_eq!(event["socket"]["owners"][0]["pid"], std::process::id());
    let (code, said) = running.end();
    assert_eq!(code, Some(0), "{said}");
    // Without BPF, a listener that is seen before it is in a table cannot be decided.
    let lines = said.lines().filter(|line| !line.contains("may be meant too")).count();
    assert!(said.contains("not every change is seen") && lines == 1, "{said}");
}

#[test]
fn live_lines_for_people_have_time_sign_socket_and_process() {
    let address = "127.0.46.8";
    let mut running = Running::start(&["watch", "--interval", "50ms", "src", address]);
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let mut held = Vec::new();
    let line = std::thread::scope(|scope| {
        let reader = scope.spawn(|| running.line());
        wait_until(SOON, || {
            held.push(UdpSocket::bind((address, 0)).unwrap());
            std::thread::sleep(Duration::from_millis(50));
            reader.is_finished()
        });
        reader.join().unwrap()
    });
    let words: Vec<&str> = line.split_whitespace().collect();
    let [time, "+", "udp", local, "*", "-", process, pid] = words[..] else { panic!("{line}") };
    assert!(time.len() >= 12 && time.as_bytes()[2] == b':' && time.as_bytes()[8] == b'.', "{line}");
    assert!(local.starts_with(address) && process.starts_with(name.trim()), "{line}");
    // A child that another test forks may be a holder for a moment.
    assert!(pid.starts_with(&std::process::id().to_string()) || line.contains(" +"), "{line}");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn live_listing_is_repeated_in_a_pipe_and_ends_with_its_reader() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let port = format!(":{}", listener.local_addr().unwrap().port());
    let mut running = Running::start(&["-l", "--watch", "--interval", "10ms", &port]);
    for nth in 0..3 {
        if nth > 0 {
            assert_eq!(running.line(), "\n");
        }
        assert!(running.line().starts_with("PROTO "));
        assert!(running.line().contains(&address));
    }
    assert_eq!(running.end().0, Some(0));
    let mut running = Running::start(&["-l", "--interval", "10ms", "--json", &port]);
    let mut document = String::new();
    while !document.ends_with("}\n") {
        document.push_str(&running.line());
    }
    common::check_document(&serde_json::from_str(&document).unwrap());
    assert_eq!(running.end().0, Some(0));
}
