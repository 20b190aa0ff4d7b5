//! Writes groups of sockets: a table, JSON or CSV.

use super::Format;
use super::csv::disarm_formula;
use super::json;
use crate::screen::width_of;
use netstat::{Gap, Group, GroupKey};
use std::io;

/// A number of each group: its name in the CSV, the heading in the table, the value.
type Number = (&'static str, &'static str, fn(&Group) -> u64);

const NUMBERS: [Number; 7] = [
    ("sockets", "SOCKETS", |group| group.sockets),
    ("listening", "LISTENING", |group| group.listening),
    ("established", "ESTABLISHED", |group| group.established),
    ("receive_bytes", "RECV-Q", |group| group.receive_bytes),
    ("send_bytes", "SEND-Q", |group| group.send_bytes),
    ("memory_bytes", "MEMORY", |group| group.memory_bytes),
    ("waiting", "WAITING", |group| group.waiting),
];

/// The text of groups in one of the formats. Their names are escaped already.
pub fn groups(
    groups: &[Group],
    key: GroupKey,
    format: Format,
    header: bool,
    gaps: &[Gap],
) -> io::Result<String> {
    Ok(match format {
        Format::Table => table(groups, key, header),
        Format::Csv => csv(groups, key, header)?,
        Format::Json => json::groups_document(groups, key, gaps),
        Format::JsonLines => json::groups_lines(groups),
    })
}

/// The name, or else why there is none.
fn shown_name(group: &Group) -> String {
    match (&group.name, group.reason) {
        (Some(name), _) => name.clone(),
        (None, Some(reason)) => format!("({reason})"),
        (None, None) => "-".to_owned(),
    }
}

fn table(groups: &[Group], key: GroupKey, header: bool) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    if header {
        let names = NUMBERS.iter().map(|(_, heading, _)| (*heading).to_owned());
        rows.push(std::iter::once(key.as_str().to_uppercase()).chain(names).collect());
    }
    for group in groups {
        let numbers = NUMBERS.iter().map(|(_, _, of)| of(group).to_string());
        rows.push(std::iter::once(shown_name(group)).chain(numbers).collect());
    }
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width_of(cell)).max();
    let widths: Vec<usize> = (0..=NUMBERS.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        for (nth, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width.saturating_sub(width_of(cell)));
            match nth {
                0 => text.extend([cell, padding.as_str()]),
                _ => text.extend(["  ", padding.as_str(), cell]),
            }
        }
        text.push('\n');
    }
    text
}

fn csv(groups: &[Group], key: GroupKey, header: bool) -> io::Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if header {
        let names = NUMBERS.iter().map(|(name, _, _)| *name);
        out.write_record([key.as_str(), "reason"].into_iter().chain(names))?;
    }
    for group in groups {
        let mut name = group.name.clone().unwrap_or_default();
        disarm_formula(&mut name);
        let reason = group.reason.unwrap_or_default().to_owned();
        let numbers = NUMBERS.iter().map(|(_, _, of)| of(group).to_string());
        out.write_record([name, reason].into_iter().chain(numbers))?;
    }
    let bytes = out.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{Family, Protocol, Snapshot, Socket, State};
    use std::net::SocketAddr;

    fn two() -> Vec<Group> {
        let listener = |port| {
            let mut socket =
                Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], port)));
            socket.state = Some(State::Listen);
            socket
        };
        let mut snapshot = Snapshot::default();
        snapshot.sockets = vec![listener(1), listener(2), listener(2)];
        snapshot.group_by(GroupKey::LocalPort)
    }

    #[test]
    fn table_aligns_names_and_numbers() {
        let text = groups(&two(), GroupKey::LocalPort, Format::Table, true, &[]).unwrap();
        let expected = "\
LOCAL-PORT  SOCKETS  LISTENING  ESTABLISHED  RECV-Q  SEND-Q  MEMORY  WAITING
tcp:2             2          2            0       0       0       0        0
tcp:1             1          1            0       0       0       0        0
";
        assert_eq!(text, expected);
        let without = groups(&two(), GroupKey::LocalPort, Format::Table, false, &[]).unwrap();
        assert_eq!(without, "tcp:2  2  2  0  0  0  0  0\ntcp:1  1  1  0  0  0  0  0\n");
        assert_eq!(groups(&[], GroupKey::State, Format::Table, false, &[]).unwrap(), "");
    }

    #[test]
    fn csv_and_json_have_the_same_numbers_under_their_names() {
        let mut all = two();
        all[1].name = None;
        all[1].reason = Some("time_wait");
        all[0].name = Some("=1+1".to_owned());
        let text = groups(&all, GroupKey::Process, Format::Csv, true, &[]).unwrap();
        let expected = "\
process,reason,sockets,listening,established,receive_bytes,send_bytes,memory_bytes,waiting
'=1+1,,2,2,0,0,0,0,0
,time_wait,1,1,0,0,0,0,0
";
        assert_eq!(text, expected);
        let json = groups(&all, GroupKey::Process, Format::Json, true, &[]).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["schema"], &json["group_by"]), (&"lsock/1".into(), &"process".into()));
        assert_eq!(json["groups"][0]["name"], "=1+1");
        assert_eq!(json["groups"][1]["reason"], "time_wait");
        for (name, _, of) in NUMBERS {
            assert_eq!(json["groups"][0][name], of(&all[0]), "{name}");
        }
        let lines = groups(&all, GroupKey::Process, Format::JsonLines, true, &[]).unwrap();
        let lines: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(Some(&lines), json["groups"].as_array());
    }
}
