//! Tests of what the program shows on a terminal: fitted to its size, in colour, through a pager.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

#[path = "common/public_copy.rs"]
mod public_copy;

use public_copy::PublicCopy;
use serde_json::Value;
use socket_world::{binding, holders, live_skip, namespace, quiet, skipped, tcp, terminal};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// The program in a known environment.
fn lsock(args: &[&str]) -> Command {
    lsock_at(env!("CARGO_BIN_EXE_lsock").as_ref(), args)
}

fn lsock_at(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    for name in ["COLUMNS", "LINES", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LESS", "LC_ALL", "LC_CTYPE"] {
        command.env_remove(name);
    }
    command.args(args).env("LANG", "C.UTF-8").env("TERM", "xterm-256color").env("PAGER", "cat");
    command
}

fn on_terminal(command: Command, columns: u16, rows: u16) -> String {
    let (status, output) = terminal::output(command, columns, rows).unwrap();
    let text = String::from_utf8(output).unwrap();
    assert!(status.success(), "{text}");
    text.replace("\r\n", "\n")
}

fn in_pipe(mut command: Command) -> String {
    let quiet = quiet();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(quiet);
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// The lines that a terminal shows; none of them wraps.
fn screen(text: &str, columns: u16) -> Vec<String> {
    let rows = u16::try_from(text.lines().count() + 1).unwrap();
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(text.replace('\n', "\r\n").as_bytes());
    let screen = terminal.screen();
    assert!((0..rows).all(|row| !screen.row_wrapped(row)), "{}", screen.contents());
    screen.rows(0, columns).map(|row| row.trim_end().to_owned()).collect()
}

const DEVICES: [&str; 2] = ["red", "blue"];

/// In a network namespace: a listener with 25 holders and 59 connections, of which this process has both ends, one for
/// both families and one for IPv6 alone, UDP over both families, and a UDP socket on each of two devices.
///
/// One at a time: children that another test forks hold the sockets of this world too, until they run their program.
fn in_trial_world(test: impl FnOnce() + Send) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let ran = namespace::in_network_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:8080").unwrap();
        let _workers = holders::inherited(24, &listener).unwrap();
        let connect = |_| (TcpStream::connect("127.0.0.1:8080").unwrap(), listener.accept().unwrap());
        let _connections: Vec<_> = (0..59).map(connect).collect();
        let _dual = tcp::listener_dual_stack().unwrap();
        let _v6_only = tcp::listener_v6_only().unwrap();
        let _udp = ["0.0.0.0:5353", "[::1]:5353"]
            .map(|end| UdpSocket::bind::<SocketAddr>(end.parse().unwrap()).unwrap());
        let _on_devices = match namespace::add_devices(DEVICES[0], DEVICES[1]) {
            Ok(()) => DEVICES.map(|device| binding::udp_of_port_on_device(device, 3784).unwrap()).into(),
            Err(why) => {
                skipped(format_args!("two devices: {why}"));
                Vec::new()
            }
        };
        test();
    });
    if let Err(why) = ran {
        live_skip!("a network namespace: {why}");
    }
}

#[test]
fn live_program_alone_shows_an_overview_on_a_terminal_and_rows_in_a_pipe() {
    in_trial_world(|| {
        let text = on_terminal(lsock(&[]), 80, 24);
        let lines = screen(&text, 80);
        assert!(lines[0].starts_with("LISTENING      ADDRESS"), "{text}");
        let of_listener: Vec<_> =
            lines.iter().filter(|line| line.contains("8080 tcp4   localhost")).collect();
        let pid = std::process::id();
        assert_eq!(of_listener.len(), 1, "{text}");
        assert!(of_listener[0].starts_with('○') && of_listener[0].contains(&format!("{pid} +24")), "{text}");
        let pairs = "  59 ←  terminal-";
        let of_pairs = lines.iter().filter(|line| line.starts_with(pairs)).count();
        assert_eq!(of_pairs, 1, "{text}");
        assert!(text.lines().count() < 24, "{text}");
        assert!(in_pipe(lsock(&[])).starts_with("PROTO  STATE"));
        assert!(in_pipe(lsock(&["overview"])).starts_with("LISTENING"));
    });
}

#[test]
fn live_rows_of_two_devices_do_not_look_alike_and_are_one_line_of_the_overview() {
    in_trial_world(|| {
        let piped = in_pipe(lsock(&["--no-header", "-ul", "--columns", "local", ":3784"]));
        if piped.is_empty() {
            // The kernel has no such devices, as was said.
            return;
        }
        let mut rows: Vec<&str> = piped.lines().collect();
        rows.sort_unstable();
        assert_eq!(rows, ["0.0.0.0%blue:3784", "0.0.0.0%red:3784"]);
        for columns in [80, 132] {
            let table = screen(&on_terminal(lsock(&["-ul", ":3784"]), columns, 40), columns);
            let of =
                |device: &str| table.iter().filter(|line| line.contains(&format!("%{device}:3784"))).count();
            assert_eq!((of("red"), of("blue")), (1, 1), "{table:#?}");
            let overview = screen(&on_terminal(lsock(&[]), columns, 24), columns);
            let lines: Vec<&String> = overview.iter().filter(|line| line.contains("3784 udp4")).collect();
            assert!(matches!(&lines[..], [line] if line.contains("*%blue,red")), "{overview:#?}");
        }
        let by_name = in_pipe(lsock(&["--no-header", "--columns", "local", "dev", "red"]));
        assert_eq!(by_name, "0.0.0.0%red:3784\n");
        // JSON and CSV have the device too.
        let document: Value = serde_json::from_str(&in_pipe(lsock(&["--json", "dev", "blue"]))).unwrap();
        assert_eq!(document["sockets"][0]["interface"]["name"], "blue");
        assert!(in_pipe(lsock(&["--csv", "dev", "blue"])).contains(",0.0.0.0%blue,3784,"));
    });
}

#[test]
fn live_table_fits_the_terminal_of_each_run() {
    in_trial_world(|| {
        for columns in [40, 60, 80, 132] {
            let text = on_terminal(lsock(&["-t"]), columns, 300);
            let rows = screen(&text, columns).into_iter().skip(1).take_while(|line| !line.is_empty()).count();
            assert_eq!(rows, 121, "{text}");
        }
        let mut narrow = lsock(&["-t"]);
        narrow.env("COLUMNS", "50");
        let text = on_terminal(narrow, 132, 300);
        let widest = screen(&text, 132).iter().map(|line| line.chars().count()).max();
        assert!(widest <= Some(50), "{text}");
        let listening = on_terminal(lsock(&["-tl"]), 80, 24);
        assert!(!listening.contains("REMOTE\u{1b}") && listening.contains("REMOTE left out"), "{listening}");
        assert!(listening.contains("*:") && listening.contains("[::]:"), "{listening}");
    });
}

#[test]
fn live_wide_option_shows_the_table_of_a_pipe() {
    in_trial_world(|| {
        let piped = in_pipe(lsock(&["-t"]));
        let wide = on_terminal(lsock(&["-t", "-W", "--color", "never"]), 80, 24);
        // Standard error is the terminal too: a process that this machine refuses to let read is named there.
        let is_of_table = |line: &&str| !line.starts_with("lsock: ");
        let table: String = wide.split_inclusive('\n').filter(is_of_table).collect();
        assert_eq!(table, piped);
        assert_eq!(in_pipe(lsock(&["-t", "-W"])), piped);
        assert!(piped.lines().count() == 122 && piped.contains(",") && !piped.contains('…'), "{piped}");
    });
}

#[test]
fn live_long_output_goes_through_the_pager_and_short_output_does_not() {
    in_trial_world(|| {
        let paged = |args: &[&str], rows| {
            let mut command = lsock(args);
            command.env("PAGER", "sed 's/^/paged: /'; echo \"$LESS\"");
            on_terminal(command, 80, rows)
        };
        let text = paged(&["-t"], 24);
        assert!(text.lines().take(100).all(|line| line.starts_with("paged: ")), "{text}");
        assert!(text.ends_with("FRX\n"), "{text}");
        assert!(paged(&["-t", "-W"], 24).starts_with("paged: "));
        assert!(!paged(&["-t", "--no-pager"], 24).contains("paged: "));
        assert!(!paged(&["-t"], 300).contains("paged: "));
        assert!(!paged(&["--json"], 24).contains("paged: "));
        // One that cannot be started.
        let mut command = lsock(&["-t"]);
        command.env("PAGER", "no-such-pager-of-lsock");
        assert_eq!(
            screen(&on_terminal(command, 80, 24), 80).iter().filter(|line| line.starts_with("tcp ")).count(),
            121
        );
    });
}

#[test]
fn live_colour_and_marks_follow_the_environment() {
    in_trial_world(|| {
        let coloured = on_terminal(lsock(&[]), 80, 24);
        assert!(coloured.contains("\u{1b}[31m●"), "{coloured}");
        let mut plain = lsock(&[]);
        plain.env("NO_COLOR", "1").env("LC_ALL", "C");
        let plain = on_terminal(plain, 80, 24);
        assert!(plain.is_ascii() && !plain.contains('\u{1b}'), "{plain}");
        assert!(plain.lines().any(|line| line.starts_with(".  8080 tcp4")), "{plain}");
        assert!(plain.lines().any(|line| line.starts_with("  59 <-")), "{plain}");
    });
}

#[test]
fn live_user_sees_rows_without_their_owners_and_what_to_type() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    in_trial_world(|| {
        let copy = PublicCopy::new();
        let as_user = |args: &[&str]| {
            let mut command = lsock_at(&copy.program(), args);
            command.uid(23_456).gid(23_456);
            on_terminal(command, 80, 300)
        };
        let table = as_user(&["-tl"]);
        let lines = screen(&table, 80);
        assert_eq!(lines.iter().filter(|line| line.contains("(not visible: sudo)")).count(), 3, "{table}");
        assert!(table.contains("3 owners not visible (sudo)") && table.contains("run: sudo"), "{table}");
        let overview = as_user(&["overview"]);
        let lines = screen(&overview, 80);
        assert!(lines.iter().any(|line| line.starts_with("○  8080 tcp4   localhost")), "{overview}");
        assert!(lines.iter().any(|line| line.contains("owners not seen (sudo)")), "{overview}");
    });
}

#[test]
fn live_times_are_those_of_the_local_zone() {
    in_trial_world(|| {
        let pid = std::process::id().to_string();
        let document: Value =
            serde_json::from_str(&in_pipe(lsock(&["--json", "-tl", "--pid", &pid]))).unwrap();
        let started = document["processes"][0]["start_time"].as_str().unwrap().to_owned();
        let mut command = lsock(&["-tl", "--pid", &pid, "--columns", "started", "--no-header"]);
        // Half an hour, five hours ahead: no zone of a machine that runs tests.
        command.env("TZ", "TEST-5:30");
        let shown = on_terminal(command, 80, 24);
        let time = |text: &str| {
            let digits: Vec<u32> = text.split(':').map(|part| part.parse().unwrap()).collect();
            digits.iter().fold(0, |sum, part| sum * 60 + part)
        };
        let utc = time(&started[11..19]);
        let last = shown.split_whitespace().last().unwrap();
        // With the date alone, if the day has changed since.
        if last.matches(':').count() == 2 {
            let ahead = (time(last) + 86_400 - utc) % 86_400;
            assert_eq!(ahead, 5 * 3600 + 1800, "{started} {shown}");
        }
    });
}
