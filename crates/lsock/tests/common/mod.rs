//! Helpers that run the program and check its output against the documented JSON.
#![allow(dead_code, reason = "each test program uses a part")]

#[cfg(not(netstat_test_unsupported))]
pub(crate) mod ports;

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A command that runs the program, without variables that change its colours.
pub(crate) fn lsock(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lsock"));
    command.args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    start(|| lsock(args).output())
}

/// The result of `start`, which starts the program. Wine on a busy machine sometimes reports a new process that dies before
/// it reaches the program as `ERROR_INTERNAL_ERROR`; only that error is retried.
pub(crate) fn start<T>(mut start: impl FnMut() -> std::io::Result<T>) -> T {
    const ERROR_INTERNAL_ERROR: i32 = 1359;
    for _ in 0..4 {
        match start() {
            Err(error) if error.raw_os_error() == Some(ERROR_INTERNAL_ERROR) => {
                let _ = writeln!(std::io::stderr(), "retrying to start lsock: {error}");
            }
            started => return started.expect("lsock starts"),
        }
    }
    start().expect("lsock starts")
}

/// The standard output of a successful run. Standard error may only have the one line about gaps.
pub(crate) fn listed(args: &[&str]) -> String {
    text_of(args, run(args))
}

pub(crate) fn text_of(args: &[&str], output: Output) -> String {
    let said = String::from_utf8(output.stderr).expect("standard error is UTF-8");
    assert!(output.status.success(), "{args:?}: {}: {said}", output.status);
    assert!(
        said.is_empty() || (said.starts_with("lsock: ") && said.lines().count() == 1),
        "{args:?}: {said}"
    );
    String::from_utf8(output.stdout).expect("standard output is UTF-8")
}

/// The message of a usage error.
pub(crate) fn refused(args: &[&str]) -> String {
    let output = run(args);
    let said = String::from_utf8(output.stderr).expect("standard error is UTF-8");
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?}");
    assert!(said.starts_with("lsock: "), "{said}");
    said
}

/// The rows of `--json`, after checking the whole document.
pub(crate) fn sockets(args: &[&str]) -> Vec<Value> {
    let document: Value = serde_json::from_str(&listed(args)).expect("JSON");
    check_document(&document);
    document["sockets"].as_array().expect("a list").clone()
}

type Check = fn(&Value) -> bool;

fn number(value: &Value) -> bool {
    value.is_u64()
}

fn number_or_null(value: &Value) -> bool {
    value.is_null() || value.is_u64()
}

fn string_or_null(value: &Value) -> bool {
    value.is_null() || value.is_string()
}

fn hex_or_null(value: &Value) -> bool {
    let hex = value.as_str().and_then(|text| text.strip_prefix("0x"));
    value.is_null() || hex.is_some_and(|hex| u64::from_str_radix(hex, 16).is_ok())
}

fn time_or_null(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.len() == 24 && text.ends_with('Z'))
}

/// One of these names; `-` in the list stands for null.
fn one_of(value: &Value, names: &[&str]) -> bool {
    names.contains(&value.as_str().unwrap_or(if value.is_null() { "-" } else { "" }))
}

/// The source of owners, on Linux.
fn owner_source(value: &Value) -> bool {
    let fields = value.as_object().map_or(0, serde_json::Map::len);
    value.is_null()
        || (fields == 2
            && one_of(&value["used"], &["procfs", "bpf", "one-pass"])
            && value["reason"].is_string())
}

fn end(value: &Value) -> bool {
    let fields = value.as_object().expect("an end is an object");
    let known = fields.keys().all(|key| ["addr", "scope_id", "port"].contains(&key.as_str()));
    let address = value["addr"].as_str().is_some_and(|addr| addr.parse::<std::net::IpAddr>().is_ok());
    // A raw socket has none.
    let port = number_or_null(&value["port"]) && value["port"].as_u64().is_none_or(|port| port <= 65535);
    known
        && address
        && port
        && fields.get("scope_id").is_none_or(|scope| scope.as_u64().is_some_and(|n| n > 0))
}

fn check(what: &str, value: &Value, fields: &[(&str, Check)]) {
    let object = value.as_object().unwrap_or_else(|| panic!("{what} is an object: {value}"));
    for (name, fits) in fields {
        let field = object.get(*name).unwrap_or_else(|| panic!("{what} has {name}: {value}"));
        assert!(fits(field), "{what}: {name} is {field}");
    }
    for name in object.keys() {
        assert!(fields.iter().any(|(known, _)| known == name), "{what}: {name} is not in the contract");
    }
}

/// Checks that a document has every documented field with its type, and no other.
pub(crate) fn check_document(document: &Value) {
    check(
        "document",
        document,
        &[
            ("schema", |v| v == "lsock/1"),
            ("sockets", Value::is_array),
            ("unix_sockets", Value::is_array),
            ("other_sockets", Value::is_array),
            ("processes", Value::is_array),
            ("namespaces", Value::is_array),
            ("gaps", Value::is_array),
            ("owner_source", owner_source),
        ],
    );
    let list = |name: &str| document[name].as_array().expect("a list");
    list("sockets").iter().for_each(check_row);
    list("unix_sockets").iter().for_each(check_unix_row);
    list("other_sockets").iter().for_each(check_other_row);
    for process in list("processes") {
        check(
            "process",
            process,
            &[
                ("pid", number),
                ("name", string_or_null),
                ("path", string_or_null),
                ("uid", number_or_null),
                ("user", string_or_null),
                ("path_deleted", |v| v.is_null() || v.is_boolean()),
                ("parent", number_or_null),
                ("start_time", time_or_null),
                ("session", number_or_null),
            ],
        );
    }
    for namespace in list("namespaces") {
        check(
            "namespace",
            namespace,
            &[
                ("id", number),
                ("names", Value::is_array),
                ("path", string_or_null),
                ("pids", Value::is_array),
                ("processes", number),
                ("source", |v| one_of(v, &["sock_diag", "procfs", "one_pass", "unavailable"])),
            ],
        );
    }
    for gap in list("gaps") {
        let string = Value::is_string;
        check("gap", gap, &[("kind", string), ("count", number), ("detail", string), ("source", string)]);
    }
}

/// Checks a row of the document or of `--jsonl`.
pub(crate) fn check_row(row: &Value) {
    let mut fields = row.clone();
    // Of raw sockets alone, whose ends have no port.
    let of_raw = fields.as_object_mut().and_then(|fields| fields.remove("protocol_number"));
    let is_raw = row["protocol"] == "raw";
    assert_eq!(of_raw.is_some_and(|number| number.as_u64().is_some_and(|n| n < 256)), is_raw, "{row}");
    assert!(row["local"].is_null() || row["local"]["port"].is_null() == is_raw, "{row}");
    // Only where the arguments ask for it, and not of a group that is gone.
    let cgroup = fields.as_object_mut().and_then(|fields| fields.remove("cgroup"));
    assert!(cgroup.is_none_or(|path| path.is_string()), "{row}");
    // Of listeners alone.
    if let Some(exposure) = fields.as_object_mut().and_then(|fields| fields.remove("exposure")) {
        let boolean_or_null = |v: &Value| v.is_null() || v.is_boolean();
        check(
            "exposure",
            &exposure,
            &[
                ("reach", |v| one_of(v, &["loopback", "link-local", "private", "public", "any"])),
                ("ipv4", boolean_or_null),
                ("ipv6", Value::is_boolean),
                ("other_netns", boolean_or_null),
            ],
        );
        assert!(row["remote"].is_null(), "{row}");
    }
    check(
        "row",
        &fields,
        &[
            ("protocol", |v| one_of(v, &["tcp", "udp", "udplite", "icmp", "raw", "sctp", "mptcp"])),
            ("family", |v| one_of(v, &["ipv4", "ipv6"])),
            // Unknown, of a socket that no table lists.
            ("local", |v| v.is_null() || end(v)),
            ("remote", |v| v.is_null() || end(v)),
            ("state", |v| one_of(v, STATES)),
            ("inode", |v| v.is_null() || v.as_u64().is_some_and(|inode| inode > 0)),
            ("uid", number_or_null),
            ("rx_queue", number_or_null),
            ("tx_queue", number_or_null),
            ("queue_unit", |v| one_of(v, &["bytes", "memory", "connections", "-"])),
            ("owners", Value::is_array),
            ("owner_status", |v| one_of(v, &["known", "none", "hidden", "not_asked"])),
            ("owners_complete", Value::is_boolean),
            ("owner_reason", string_or_null),
            ("cookie", hex_or_null),
            ("handle", hex_or_null),
            ("interface", |v| v.is_null() || (number(&v["index"]) && string_or_null(&v["name"]))),
            ("v6_only", |v| v.is_null() || v.is_boolean()),
            ("created", time_or_null),
            ("service", string_or_null),
        ],
    );
    check_owners(row);
    assert!(row["protocol"] != "udp" || row["state"].is_null(), "{row}");
    assert_eq!(row["queue_unit"].is_null(), row["rx_queue"].is_null(), "{row}");
}

const TYPES: &[&str] = &["stream", "dgram", "raw", "seqpacket", "-"];

/// The name of a unix socket.
fn unix_name(value: &Value) -> bool {
    let fields = value.as_object().expect("a name is an object");
    let known = fields.keys().all(|key| ["kind", "name", "name_bytes"].contains(&key.as_str()));
    let named = one_of(&value["kind"], &["path", "abstract"]) && value["name"].is_string();
    known && (named || (value["kind"] == "unnamed" && value["name"].is_null()))
}

/// Checks a row of unix sockets.
pub(crate) fn check_unix_row(row: &Value) {
    check(
        "unix row",
        row,
        &[
            ("protocol", |v| v == "unix"),
            ("family", |v| v == "unix"),
            ("type", |v| one_of(v, TYPES)),
            ("local", |v| v.is_null() || unix_name(v)),
            ("remote", |v| v.is_null() || unix_name(v)),
            ("state", |v| one_of(v, STATES)),
            ("inode", number_or_null),
            ("peer_inode", number_or_null),
            ("file", |v| v.is_null() || (hex_or_null(&v["device"]) && number(&v["inode"]))),
            ("uid", number_or_null),
            ("rx_queue", number_or_null),
            ("tx_queue", number_or_null),
            ("queue_unit", |v| one_of(v, &["bytes", "connections", "-"])),
            ("owners", Value::is_array),
            ("owner_status", |v| one_of(v, &["known", "none", "hidden", "not_asked"])),
            ("owners_complete", Value::is_boolean),
            ("owner_reason", string_or_null),
            ("cookie", hex_or_null),
            ("handle", hex_or_null),
            ("peer_handle", hex_or_null),
        ],
    );
    check_owners(row);
}

/// Checks a row of sockets of neither IP nor unix.
pub(crate) fn check_other_row(row: &Value) {
    check(
        "other row",
        row,
        &[
            ("protocol", |v| one_of(v, &["netlink", "packet", "vsock", "other"])),
            ("protocol_number", number_or_null),
            ("family", |v| one_of(v, &["netlink", "packet", "vsock", "-"])),
            ("family_number", number_or_null),
            ("type", |v| one_of(v, TYPES)),
            ("local", |v| v.is_null() || v.is_object()),
            ("remote", |v| v.is_null() || v.is_object()),
            ("state", |v| one_of(v, STATES)),
            ("inode", number_or_null),
            ("uid", number_or_null),
            ("rx_queue", number_or_null),
            ("tx_queue", number_or_null),
            ("queue_unit", |v| one_of(v, &["memory", "-"])),
            ("owners", Value::is_array),
            ("owner_status", |v| one_of(v, &["known", "none", "hidden", "not_asked"])),
            ("owners_complete", Value::is_boolean),
            ("owner_reason", string_or_null),
            ("cookie", hex_or_null),
            ("interface", |v| v.is_null() || (number(&v["index"]) && string_or_null(&v["name"]))),
        ],
    );
    assert_eq!(row["family"].is_null(), row["family_number"].is_u64(), "{row}");
    check_owners(row);
}

fn check_owners(row: &Value) {
    let owners = row["owners"].as_array().expect("a list");
    for owner in owners {
        check(
            "owner",
            owner,
            &[
                ("pid", number),
                ("fd", number_or_null),
                ("name", string_or_null),
                ("role", |v| one_of(v, &["holder", "binder", "last_user", "effective", "ended_binder"])),
            ],
        );
    }
    let status = &row["owner_status"];
    assert_eq!(status == "known", !owners.is_empty(), "{row}");
    assert_eq!(status == "none" || status == "hidden", row["owner_reason"].is_string(), "{row}");
}

const STATES: &[&str] = &[
    "-",
    "CLOSED",
    "LISTEN",
    "SYN_SENT",
    "SYN_RCVD",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "CLOSE_WAIT",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
    "DELETE_TCB",
];
