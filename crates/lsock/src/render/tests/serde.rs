//! lsock's JSON has the same content as the library's `Serialize`.

use super::golden;
use super::rendered_with;
use netstat::{Snapshot, Socket};
use serde_json::Value;

/// The document of a snapshot with its rows in lsock's order.
fn document(snapshot: &Snapshot, rows: &[&Socket]) -> Value {
    let mut ordered = snapshot.clone();
    ordered.sockets = rows.iter().map(|socket| (*socket).clone()).collect();
    serde_json::to_value(ordered).unwrap()
}

/// Compares member by member and row by row, since a whole document is too long to be read in a failure.
fn assert_same(output: &Value, expected: &Value) {
    let members = |document: &Value| document.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(output), members(expected));
    for (name, expected) in expected.as_object().unwrap() {
        match (&output[name], expected) {
            (Value::Array(output), Value::Array(expected)) => {
                assert_eq!(output.len(), expected.len(), "{name}");
                for (output, expected) in output.iter().zip(expected) {
                    assert_eq!(output, expected, "{name}");
                }
            }
            (output, expected) => assert_eq!(output, expected, "{name}"),
        }
    }
}

#[test]
fn json_equals_that_of_serde() {
    let snapshot = golden::world(10_000);
    let (output, expected) = rendered_with(&snapshot, "--json", |_, rows| document(&snapshot, rows));
    assert_same(&serde_json::from_str(&output).unwrap(), &expected);
    assert_eq!(output.lines().count(), 1 + snapshot.sockets.len());
}

#[test]
fn json_with_both_ends_equals_that_of_serde() {
    let snapshot = golden::world_with_peers();
    let (output, expected) = rendered_with(&snapshot, "--json", |_, rows| document(&snapshot, rows));
    assert_same(&serde_json::from_str(&output).unwrap(), &expected);
    assert_eq!(expected["peers"].as_array().unwrap().len(), 2);
}

#[test]
fn json_lines_equal_the_rows_of_serde() {
    let snapshot = golden::world(10_000);
    let (output, expected) = rendered_with(&snapshot, "--jsonl", |_, rows| document(&snapshot, rows));
    let rows: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), snapshot.sockets.len());
    // Each row in the form of its family, in the order of the listing.
    let list_of = |row: &Value| match row["family"].as_str() {
        Some("ipv4" | "ipv6") => "sockets",
        Some("unix") => "unix_sockets",
        _ => "other_sockets",
    };
    for list in ["sockets", "unix_sockets", "other_sockets"] {
        let of_list: Vec<&Value> = rows.iter().filter(|row| list_of(row) == list).collect();
        let expected = expected[list].as_array().unwrap();
        assert!(of_list.len() == expected.len() && of_list.len() > 100, "{list}");
        for (row, expected) in of_list.into_iter().zip(expected) {
            assert_eq!(row, expected);
        }
    }
}

#[cfg(not(netstat_test_unsupported))]
#[test]
fn live_json_equals_that_of_serde() {
    let support = netstat::Support::current();
    let query = netstat::Query::new()
        .all_protocols()
        .details(support.detail_fields)
        .peers(true)
        .processes(support.process_fields);
    let snapshot = query.snapshot().unwrap();
    let (output, expected) = rendered_with(&snapshot, "--json", |_, rows| document(&snapshot, rows));
    assert_same(&serde_json::from_str(&output).unwrap(), &expected);
}
