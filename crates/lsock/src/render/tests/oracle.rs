//! Compares lsock's own JSON writer byte by byte with serde_json over the library's `Serialize`.

use super::details::everything;
use super::{made, rendered_with};
use crate::escape::must_escape;
use netstat::details::{Bbr, Congestion, CongestionParameters, Dctcp, Details, Vegas};
use netstat::{Gap, GapKind, OwnerSource, OwnerSourceUsed, Snapshot, Socket};
use serde::Serialize;
use serde_json::ser::Formatter;
use std::io::{self, Write};

/// The document of a snapshot with its rows in lsock's order.
fn document(snapshot: &Snapshot, rows: &[&Socket]) -> String {
    let mut ordered = snapshot.clone();
    ordered.sockets = rows.iter().map(|socket| (*socket).clone()).collect();
    let mut bytes = Vec::new();
    ordered.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, EscapingFormatter)).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn made_world() -> Snapshot {
    let mut snapshot = made::snapshot(10_000);
    for (nth, socket) in snapshot.sockets.iter_mut().enumerate() {
        socket.set_details(made_details(nth % 7).map(Box::new));
    }
    snapshot.gaps = vec![
        Gap::new(GapKind::ProcessesUnreadable, 12, "/proc/<pid>/fd"),
        Gap::new(GapKind::TableUnavailable, 1, "sock_diag \"udp\": \x1b[2J\u{202e}\\"),
    ];
    snapshot.owner_source = Some(OwnerSourceUsed::new(OwnerSource::Procfs, "BTF: no member \"i_sb\""));
    snapshot
}

/// Details with everything, with one kind of congestion control, and with nothing.
fn made_details(kind: usize) -> Option<Details> {
    let parameters = match kind {
        0 => return None,
        1 => return Some(Details::default()),
        2 => return Some(everything()),
        3 => Some(CongestionParameters::Vegas(Vegas::default())),
        4 => Some(CongestionParameters::Dctcp(Dctcp::default())),
        5 => Some(CongestionParameters::Bbr(Bbr::default())),
        _ => None,
    };
    let mut congestion = Congestion::default();
    congestion.parameters = parameters;
    let mut details = Details::default();
    details.congestion = Some(congestion);
    Some(details)
}

/// Line feeds only separate rows, since those within strings are escaped.
fn assert_is_document(output: &str, expected: &str) {
    let output = output.replace('\n', "");
    assert!(output == expected, "{}", first_difference(&output, expected));
}

#[test]
fn json_equals_that_of_serde() {
    let snapshot = made_world();
    let (output, expected) = rendered_with(&snapshot, "--json", |_, rows| document(&snapshot, rows));
    assert_is_document(&output, &expected);
    assert_eq!(output.lines().count(), 1 + snapshot.sockets.len());
}

#[test]
fn json_lines_equal_those_of_serde() {
    let snapshot = made_world();
    let (output, expected) = rendered_with(&snapshot, "--jsonl", |_, rows| document(&snapshot, rows));
    // Each row in the form of its family, in the order of the listing.
    let of =
        |is_such: fn(&str) -> bool| output.lines().filter(|row| is_such(row)).collect::<Vec<_>>().join(",");
    let is_unix = |row: &str| row.contains(r#"","family":"unix","type":"#);
    let is_other = |row: &str| row.contains(r#","family_number":"#);
    let rows = format!(
        r#"{{"schema":"lsock/1","sockets":[{}],"unix_sockets":[{}],"other_sockets":[{}],"#,
        of(|row| !row.contains(r#","type":"#)),
        of(is_unix),
        of(is_other)
    );
    assert!(expected.starts_with(&rows), "{}", first_difference(&rows, &expected));
    assert_eq!(output.lines().count(), snapshot.sockets.len());
}

#[cfg(not(netstat_test_unsupported))]
#[test]
fn live_json_equals_that_of_serde() {
    let support = netstat::Support::current();
    let query = netstat::Query::new().details(support.detail_fields).processes(support.process_fields);
    let snapshot = query.snapshot().unwrap();
    let (output, expected) = rendered_with(&snapshot, "--json", |_, rows| document(&snapshot, rows));
    assert_is_document(&output, &expected);
    let value = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(value["sockets"].as_array().unwrap().len(), snapshot.sockets.len());
}

/// Both texts, from shortly before their first difference.
pub(super) fn first_difference(a: &str, b: &str) -> String {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        String::from_utf8_lossy(text.as_bytes().get(same.saturating_sub(200)..).unwrap_or_default())
            .chars()
            .take(300)
            .collect::<String>()
    };
    format!("{}\n is not\n{}", around(a), around(b))
}

/// Writes compact JSON that escapes control, bidirectional and zero-width characters (`\u009b`), which does not change the
/// strings that a parser reads. (serde_json itself escapes only the controls below 0x20.)
struct EscapingFormatter;

impl Formatter for EscapingFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // The fast path of nearly all strings.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| must_escape(*c)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}
