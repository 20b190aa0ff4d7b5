//! Tests with 21,200 sockets in 200 processes: each is listed once, with exactly the holders that the processes report
//! themselves, and an unprivileged user sees the same rows without the holders.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

#[path = "common/public_copy.rs"]
mod public_copy;

use public_copy::PublicCopy;
use serde_json::{Value, json};
use socket_world::{
    Held, SocketFacts, State, Transport, World, WorldSpec, kernel, live_skip, names, namespace, quiet, tcp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// Runs `test` in a network namespace and a thread of its own; children of the thread are in the namespace too.
fn in_a_namespace(test: impl FnOnce() + Send) -> std::io::Result<()> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| namespace::enter_network_namespace().map(|()| test()));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs a program under a lock: a concurrent fork would hold this process's descriptors, and a program that is open for
/// writing cannot be executed.
fn output_of(command: &mut Command) -> Output {
    let quiet = quiet();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(quiet);
    child.wait_with_output().unwrap()
}

fn json_of(command: &mut Command) -> Value {
    let output = output_of(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn end(address: SocketAddr) -> Value {
    json!({ "addr": address.ip().to_string(), "port": address.port() })
}

/// The expected fields of a row, as its creator reports them.
fn described(facts: &SocketFacts) -> Value {
    let state = match facts.state {
        State::Established => Some("ESTABLISHED"),
        State::Listen => Some("LISTEN"),
        State::UdpConnected | State::UdpUnconnected => None,
        other => panic!("{other:?} is not made here"),
    };
    json!({
        "protocol": if facts.protocol == Transport::Tcp { "tcp" } else { "udp" },
        "family": if facts.local.is_ipv4() { "ipv4" } else { "ipv6" },
        "local": end(facts.local),
        "remote": facts.remote.map(end),
        "state": state,
        "inode": facts.inode,
        "uid": facts.uid,
        "rx_queue": facts.rx_queue.unwrap_or(0),
        // Of a listener: the backlog that its creator set.
        "tx_queue": if facts.state == State::Listen { 16 } else { 0 },
        "queue_unit": match facts.state {
            State::Listen => "connections",
            State::UdpUnconnected | State::UdpConnected => "memory",
            _ => "bytes",
        },
    })
}

/// The same fields of a listed row.
fn listed(row: &Value) -> Value {
    let fields = [
        "protocol",
        "family",
        "local",
        "remote",
        "state",
        "inode",
        "uid",
        "rx_queue",
        "tx_queue",
        "queue_unit",
    ];
    fields
        .into_iter()
        .map(|field| (field.to_owned(), row[field].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn holders(row: &Value) -> BTreeSet<(u64, u64)> {
    let owners = row["owners"].as_array().unwrap();
    let holders = owners.iter().map(|owner| (owner["pid"].as_u64().unwrap(), owner["fd"].as_u64().unwrap()));
    assert!(owners.iter().all(|owner| owner["role"] == "holder"));
    holders.collect()
}

/// The document with owners from this source.
fn listed_by(source: &str) -> Value {
    let document =
        json_of(Command::new(env!("CARGO_BIN_EXE_lsock")).args(["--json", "--owner-source", source]));
    assert_eq!(document["owner_source"], json!({ "used": source, "reason": "asked for" }));
    document
}

fn is_exactly(document: &Value, world: &World) {
    let mut rows: BTreeMap<u64, &Value> = BTreeMap::new();
    for row in document["sockets"].as_array().unwrap() {
        let before = rows.insert(row["inode"].as_u64().unwrap(), row);
        assert!(before.is_none(), "twice: {row}");
    }
    let mut held: BTreeMap<u64, BTreeSet<(u64, u64)>> = BTreeMap::new();
    for Held { pid, fd, inode } in world.held() {
        held.entry(inode).or_default().insert((pid.into(), u64::try_from(fd).unwrap()));
    }
    let sockets = world.sockets();
    assert_eq!((sockets.len(), rows.len()), (21_200, 21_200));
    for facts in &sockets {
        let inode = facts.inode.unwrap();
        let row = rows[&inode];
        assert_eq!(listed(row), described(facts));
        assert_eq!(holders(row), held[&inode], "{row}");
        assert_eq!(row["owner_status"], "known");
    }
    let processes: BTreeSet<u64> = document["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["pid"].as_u64().unwrap())
        .collect();
    let expected: BTreeSet<u64> = world.children().iter().map(|child| child.pid().into()).collect();
    assert_eq!(processes, expected);
    assert!(document["processes"].as_array().unwrap().iter().all(|process| process["name"] == "world"));
}

#[test]
fn live_world_of_21_200_sockets_is_exact_with_each_owner_source() {
    let ran = in_a_namespace(|| {
        let world = World::build(&WorldSpec::small()).unwrap();
        is_exactly(&listed_by("procfs"), &world);
        match kernel::bpf_iterators() {
            Ok(()) => {
                is_exactly(&listed_by("bpf"), &world);
                if !kernel::is_before(6, 4) {
                    is_exactly(&listed_by("one-pass"), &world);
                    let by_default = json_of(Command::new(env!("CARGO_BIN_EXE_lsock")).arg("--json"));
                    assert_eq!(by_default["owner_source"]["used"], "one-pass", "of so many sockets");
                    is_exactly(&by_default, &world);
                }
            }
            Err(why) => socket_world::skipped(format_args!("{why}")),
        }
    });
    if let Err(why) = ran {
        live_skip!("a network namespace: {why}");
    }
}

#[test]
fn live_unprivileged_user_sees_the_same_rows_with_hidden_owners() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be root and another user");
    }
    let user = 23_456;
    let ran = in_a_namespace(|| {
        let of_root = tcp::pair_v4().unwrap();
        let of_user = names::other_user(user, tcp::listener_v4).unwrap();
        let copy = PublicCopy::new();
        let root = json_of(Command::new(copy.program()).arg("--json"));
        let mut command = Command::new(copy.program());
        command.args(["--json", "--owner-source", "bpf"]).uid(user).gid(user);
        let output = output_of(&mut command);
        let plain: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = String::from_utf8(output.stderr).unwrap();

        let rows = |document: &Value| -> BTreeSet<String> {
            document["sockets"].as_array().unwrap().iter().map(|row| listed(row).to_string()).collect()
        };
        assert_eq!(rows(&plain), rows(&root));
        assert_eq!(rows(&plain).len(), of_root.facts.len() + of_user.sockets().len());
        let row = |facts: &SocketFacts| {
            let all = plain["sockets"].as_array().unwrap();
            all.iter().find(|row| row["inode"].as_u64() == facts.inode).unwrap()
        };
        let own = row(&of_user.sockets()[0]);
        let [held] = of_user.held() else { panic!("one descriptor") };
        assert_eq!(holders(own), BTreeSet::from([(held.pid.into(), u64::try_from(held.fd).unwrap())]));
        assert_eq!((&own["owner_status"], &own["owners_complete"]), (&json!("known"), &json!(false)));
        for facts in &of_root.facts {
            let row = row(facts);
            assert_eq!(row["owners"], json!([]));
            assert_eq!(row["owner_status"], "hidden");
            assert_eq!(row["owner_reason"], "unreadable_process");
            assert_eq!(row["owners_complete"], false);
        }
        let kinds: Vec<&Value> = plain["gaps"].as_array().unwrap().iter().map(|gap| &gap["kind"]).collect();
        assert!(kinds.contains(&&json!("processes_unreadable")), "{kinds:?}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("could not be read"), "{text}");
        let reason = "capabilities: no CAP_BPF and no CAP_PERFMON";
        assert_eq!(plain["owner_source"], json!({ "used": "procfs", "reason": reason }));
        assert!(text.contains(&format!("owners by procfs, not by bpf: {reason}; ")), "{text}");
    });
    if let Err(why) = ran {
        live_skip!("a network namespace: {why}");
    }
}
