//! The program beside sockets of this test's own.

mod common;

use common::{can_list, check_row, listed, lsock, sockets, start, text_of};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("loopback");
    // Wine knows whose socket one is only after a call that fetches the socket's descriptor, as this one does.
    let _ = listener.ttl();
    (listener, address)
}

/// A listener, and both ends of a connection to it.
fn connection() -> (TcpListener, TcpStream, TcpStream) {
    let (listener, address) = listener();
    let client = TcpStream::connect(address).expect("loopback");
    let (server, _) = listener.accept().expect("loopback");
    (listener, client, server)
}

fn me() -> String {
    std::process::id().to_string()
}

/// The one line that begins so.
fn line<'a>(text: &'a str, start: &[&str]) -> Vec<&'a str> {
    let words = |line: &'a str| line.split_whitespace().collect::<Vec<_>>();
    let mut found = text.lines().map(words).filter(|words| words.starts_with(start));
    let line = found.next().unwrap_or_else(|| panic!("{start:?} in\n{text}"));
    assert_eq!(found.next(), None, "{start:?} once in\n{text}");
    line
}

#[test]
fn tulpn_lists_what_listens_with_its_process() {
    if !can_list() {
        return;
    }
    let (_listener, client, _server) = connection();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (address, udp_address) =
        (client.peer_addr().unwrap().to_string(), udp.local_addr().unwrap().to_string());
    let text = listed(&["-tulpn"]);
    assert!(text.starts_with("PROTO  STATE"), "{text}");
    let found = line(&text, &["tcp", "LISTEN", &address, "*:*"]);
    assert_eq!(found[5], me());
    assert!(found[6].starts_with("listing"), "{found:?}");
    assert_eq!(line(&text, &["udp", "-", &udp_address, "*:*"])[5], me());
    assert!(!text.contains("ESTABLISHED"), "{text}");
    assert!(!listed(&["-tlpn"]).contains("\nudp"));
    assert!(!listed(&["-ulpn"]).contains("\ntcp"));
}

#[test]
fn port_finds_both_ends() {
    if !can_list() {
        return;
    }
    let (_listener, client, _server) = connection();
    let (other, other_address) = listener();
    let port = client.peer_addr().unwrap().port();
    let text = listed(&["--no-header", "--pid", &me(), &format!(":{port}")]);
    assert_eq!(text.lines().count(), 3, "{text}");
    let text = listed(&["--no-header", "--pid", &me(), &format!(":{port},{}", other_address.port())]);
    assert_eq!(text.lines().count(), 4, "{text}");
    let client_port = client.local_addr().unwrap().port();
    let text =
        listed(&["--no-header", "--pid", &me(), &format!(":{port}"), "and", &format!(":{client_port}")]);
    assert_eq!(text.lines().count(), 2, "{text}");
    let text = listed(&["--no-header", "--pid", &me(), "--local-port", &port.to_string()]);
    assert_eq!(text.lines().count(), 2, "{text}");
    let text = listed(&["--no-header", "--pid", &me(), "--remote-port", &port.to_string()]);
    assert_eq!(text.lines().count(), 1, "{text}");
    drop(other);
}

#[test]
fn chosen_state_columns_and_order_are_shown() {
    if !can_list() {
        return;
    }
    let (_listener, client, _server) = connection();
    let (local, remote) = (client.local_addr().unwrap().to_string(), client.peer_addr().unwrap().to_string());
    let columns = "proto,local,remote,pid,process";
    let text = listed(&["--state", "established", "--columns", columns, "--sort", "local"]);
    assert_eq!(
        text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(),
        ["PROTO", "LOCAL", "REMOTE", "PID", "PROCESS"]
    );
    assert_eq!(line(&text, &["tcp", &local, &remote])[3], me());
    let v4 = |row: &str| {
        let local = row.split_whitespace().nth(1).unwrap();
        local.parse::<SocketAddr>().ok()
    };
    let order: Vec<_> = text.lines().skip(1).filter_map(v4).collect();
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn nothing_that_fits_is_success() {
    if !can_list() {
        return;
    }
    let (listener, address) = listener();
    drop(listener);
    let text = listed(&["--no-header", "--state", "listen", "--local-port", &address.port().to_string()]);
    assert_eq!(text, "");
}

#[test]
fn pid_and_process_narrow_to_what_they_hold() {
    if !can_list() {
        return;
    }
    let (_listener, address) = listener();
    let rows = sockets(&["--json", "--pid", &me()]);
    assert!(rows.iter().any(|row| row["local"]["port"] == address.port()), "{rows:?}");
    for row in &rows {
        assert!(
            row["owners"].as_array().unwrap().iter().any(|owner| owner["pid"] == std::process::id()),
            "{row}"
        );
    }
    let port = format!("--local-port={}", address.port());
    // Programs that other tests start have this process's descriptors until they are executed.
    let listed = |args: &[&str]| {
        let mut rows = sockets(args);
        for row in &mut rows {
            row["owners"].as_array_mut().unwrap().retain(|owner| owner["pid"] == std::process::id());
        }
        rows
    };
    let rows = listed(&["--json", "-tl", &port]);
    let name = rows[0]["owners"][0]["name"].as_str().unwrap().to_owned();
    assert_eq!(listed(&["--json", "-tl", &port, "--process", &name]), rows);
    assert_eq!(sockets(&["--json", "-tl", &port, "--process", "no such process"]), [] as [Value; 0]);
}

#[test]
fn source_of_owners_can_be_chosen_everywhere_and_is_told_where_there_is_a_choice() {
    if !can_list() {
        return;
    }
    for asked in ["auto", "procfs", "bpf"] {
        let text = listed(&["--json", "-tl", "--owner-source", asked]);
        let document: Value = serde_json::from_str(&text).unwrap();
        common::check_document(&document);
        let used = &document["owner_source"]["used"];
        match netstat::Support::current().system {
            "linux" if asked == "procfs" => assert_eq!(used, "procfs"),
            "linux" => assert!(used == "procfs" || used == "bpf"),
            _ => assert!(used.is_null(), "{used}"),
        }
        let without = listed(&["--json", "-tl", "--no-owners", "--owner-source", asked]);
        assert!(without.ends_with("\"owner_source\":null}\n"), "{without}");
    }
}

#[test]
fn user_narrows_to_sockets_of_that_user() {
    if !can_list() {
        return;
    }
    let (_listener, address) = listener();
    let port = format!("--local-port={}", address.port());
    let rows = sockets(&["--json", "-tl", &port]);
    let Some(uid) = rows[0]["uid"].as_u64() else {
        common::skipped("this system does not tell the user of a socket");
        return;
    };
    assert_eq!(sockets(&["--json", "-tl", &port, "--user", &uid.to_string()]).len(), 1);
    assert_eq!(sockets(&["--json", "-tl", &port, "--user", &(uid + 1).to_string()]).len(), 0);
}

#[test]
fn jsonl_has_the_rows_of_json() {
    if !can_list() {
        return;
    }
    let (_listener, client, _server) = connection();
    let port = format!(":{}", client.peer_addr().unwrap().port());
    let text = listed(&["--jsonl", "--pid", &me(), &port]);
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.iter().for_each(check_row);
    assert_eq!(rows, sockets(&["--json", "--pid", &me(), &port]));
    assert_eq!(rows.len(), 3);
}

#[test]
fn csv_has_the_usual_columns() {
    if !can_list() {
        return;
    }
    let (_listener, address) = listener();
    let text = listed(&["--csv", "-tl", "--local-port", &address.port().to_string()]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 1);
    let field = |name: &str| &records[0][header.iter().position(|column| column == name).unwrap()];
    assert_eq!((field("protocol"), field("state")), ("tcp", "LISTEN"));
    assert_eq!(
        (field("local_addr"), field("local_port")),
        ("127.0.0.1", address.port().to_string().as_str())
    );
    assert_eq!((field("remote_addr"), field("remote_port")), ("", ""));
    assert_eq!((field("pid"), field("owner_status")), (me().as_str(), "known"));
}

#[test]
fn no_owners_looks_for_none() {
    if !can_list() {
        return;
    }
    let (_listener, address) = listener();
    let port = format!("--local-port={}", address.port());
    let rows = sockets(&["--json", "--no-owners", "-tl", &port]);
    assert_eq!((rows.len(), &rows[0]["owner_status"]), (1, &Value::from("not_asked")));
    assert!(!listed(&["--no-owners", &port]).contains("PID"));
}

#[test]
fn closed_pipe_is_success_and_silent() {
    if !can_list() {
        return;
    }
    // More than a pipe takes, so that the program does meet the closed end.
    let _sockets: Vec<_> = (0..400).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for args in
        [&["--jsonl"], &["--json"], &["--csv", "--sort=-pid"][..], &["--columns", "+path,command,owners"]]
    {
        let mut child = start(|| lsock(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn());
        let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
        if args != ["--json"] {
            reader.read_line(&mut String::new()).unwrap();
        }
        drop(reader);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{args:?}: {said}");
        // The pipe may take all of the table before its reader is gone; then only a gap can be told.
        assert!(said.is_empty() || said.contains("could not be read"), "{args:?}: {said}");
        assert!(args[0] != "--jsonl" || said.is_empty(), "{args:?}: {said}");
    }
}

#[test]
fn colour_is_for_terminals_or_on_demand() {
    if !can_list() {
        return;
    }
    let (_listener, address) = listener();
    let port = format!(":{}", address.port());
    let colored = |args: &[&str], environment: &[(&str, &str)]| {
        let mut command = lsock(args);
        command.arg(&port).envs(environment.iter().copied());
        text_of(args, start(|| command.output())).contains('\x1b')
    };
    assert!(!colored(&[], &[]));
    assert!(colored(&["--color", "always"], &[]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    // Forced as on a terminal: NO_COLOR is obeyed.
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["--json", "--color", "always"], &[]));
    assert!(!colored(&["--csv", "--color", "always"], &[]));
}

#[test]
fn whole_listing_keeps_the_contract() {
    if !can_list() {
        return;
    }
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let rows = sockets(&["--json"]);
    assert!(rows.iter().any(|row| row["local"]["port"] == udp.local_addr().unwrap().port()));
    let text = listed(&[]);
    assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}
