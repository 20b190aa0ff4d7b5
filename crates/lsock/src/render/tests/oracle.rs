//! The JSON once more, by serde_json: what the quicker way is to write, byte by byte.

use super::{made, shown_in};
use crate::escape::must_escape;
use crate::time::Rfc3339;
use crate::view::View;
use netstat::{Gap, GapKind, Owner, OwnerSource, OwnerSourceUsed, Process, Queues, Snapshot, Socket};
use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::SystemTime;

fn record(record: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    record.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Harmless)).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn list(records: impl Iterator<Item = impl Serialize>) -> String {
    let records: Vec<String> = records.map(|it| record(&it)).collect();
    records.join(",")
}

fn made_world() -> Snapshot {
    let mut snapshot = made::snapshot(10_000);
    snapshot.gaps = vec![
        Gap::new(GapKind::ProcessesUnreadable, 12, "/proc/<pid>/fd"),
        Gap::new(GapKind::TableUnavailable, 1, "sock_diag \"udp\": \x1b[2J\u{202e}\\"),
    ];
    snapshot.owner_source = Some(OwnerSourceUsed::new(OwnerSource::Procfs, "BTF: no member \"i_sb\""));
    snapshot
}

#[test]
fn json_is_as_serde_writes_it() {
    let snapshot = made_world();
    let (shown, expected) = shown_in(&snapshot, "--json", |view, rows| {
        let rows: Vec<String> = rows.iter().map(|socket| record(&Row { view, socket })).collect();
        let rows = rows.join(",\n");
        let processes = list(snapshot.processes.iter().map(ProcessRecord));
        let gaps = list(snapshot.gaps.iter().map(GapRecord));
        let source = record(&snapshot.owner_source.as_ref().map(OwnerSourceRecord));
        format!(
            "{{\"schema\":\"lsock/1\",\"sockets\":[\n{rows}],\"processes\":[{processes}],\"gaps\":[{gaps}],\
             \"owner_source\":{source}}}\n"
        )
    });
    assert!(shown == expected, "{}", first_difference(&shown, &expected));
}

#[test]
fn json_lines_are_as_serde_writes_them() {
    let (shown, expected) = shown_in(&made_world(), "--jsonl", |view, rows| {
        rows.iter().map(|socket| record(&Row { view, socket }) + "\n").collect::<String>()
    });
    assert!(shown == expected, "{}", first_difference(&shown, &expected));
}

/// The two texts from a little before they part.
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

/// Writes compact JSON in which control, bidirectional and zero-width characters stand as `\u009b`: the same
/// strings to whoever reads the JSON. (serde_json itself escapes what JSON demands, the controls below 0x20.)
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly all: names of fields, numbers, addresses.
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

/// Serializes as the text that a value displays.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn rfc3339(time: Option<SystemTime>) -> Option<Text<Rfc3339>> {
    time.and_then(Rfc3339::new).map(Text)
}

/// A socket.
struct Row<'a> {
    view: &'a View<'a>,
    socket: &'a Socket,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, socket } = *self;
        let ownership = socket.ownership();
        let mut row = serializer.serialize_struct("Row", 20)?;
        row.serialize_field("protocol", socket.protocol.as_str())?;
        row.serialize_field("family", &socket.family.as_str())?;
        row.serialize_field("local", &socket.local_addr().map(End))?;
        row.serialize_field("remote", &socket.remote_addr().map(End))?;
        row.serialize_field("state", &socket.state.filter(|state| state.as_str().is_some()).map(Text))?;
        row.serialize_field("inode", &socket.inode())?;
        row.serialize_field("uid", &socket.uid)?;
        let (receive, send, unit) = match socket.queues {
            None => (None, None, None),
            Some(Queues::Bytes { receive, send }) => (Some(receive), Some(send), Some("bytes")),
            Some(Queues::Memory { receive, send }) => (Some(receive), Some(send), Some("memory")),
            Some(Queues::Accept { waiting, limit }) => (Some(waiting), limit, Some("connections")),
            Some(other) => panic!("{other:?}"),
        };
        row.serialize_field("rx_queue", &receive)?;
        row.serialize_field("tx_queue", &send)?;
        row.serialize_field("queue_unit", &unit)?;
        row.serialize_field("owners", &Owners { view, owners: socket.owners() })?;
        row.serialize_field("owner_status", ownership.as_str())?;
        row.serialize_field("owners_complete", &ownership.is_complete())?;
        row.serialize_field("owner_reason", &ownership.reason())?;
        row.serialize_field("cookie", &socket.cookie.map(|cookie| Text(format!("{cookie:#x}"))))?;
        row.serialize_field("handle", &socket.handle().map(|handle| Text(format!("{handle:#x}"))))?;
        row.serialize_field(
            "interface",
            &socket.interface.map(|index| Interface { view, index: index.get() }),
        )?;
        row.serialize_field("v6_only", &socket.v6_only)?;
        row.serialize_field("created", &rfc3339(socket.created()))?;
        row.serialize_field("service", &socket.service())?;
        row.end()
    }
}

struct End(SocketAddr);

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scope = match self.0 {
            SocketAddr::V6(end) if end.scope_id() != 0 => Some(end.scope_id()),
            _ => None,
        };
        let mut end = serializer.serialize_struct("End", 2 + usize::from(scope.is_some()))?;
        end.serialize_field("addr", &Text(self.0.ip()))?;
        if let Some(scope) = scope {
            end.serialize_field("scope_id", &scope)?;
        }
        end.serialize_field("port", &self.0.port())?;
        end.end()
    }
}

struct Interface<'a> {
    view: &'a View<'a>,
    index: u32,
}

impl Serialize for Interface<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut interface = serializer.serialize_struct("Interface", 2)?;
        interface.serialize_field("index", &self.index)?;
        interface.serialize_field("name", &self.view.interface(self.index).as_deref())?;
        interface.end()
    }
}

struct Owners<'a> {
    view: &'a View<'a>,
    owners: &'a [Owner],
}

impl Serialize for Owners<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.owners.len()))?;
        for owner in self.owners {
            let name = self.view.snapshot.process_of(owner).and_then(|process| process.name.as_ref());
            let name = name.map(|name| name.to_string_lossy());
            list.serialize_element(&OwnerRecord { owner, name: name.as_deref() })?;
        }
        list.end()
    }
}

struct OwnerRecord<'a> {
    owner: &'a Owner,
    name: Option<&'a str>,
}

impl Serialize for OwnerRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut owner = serializer.serialize_struct("Owner", 4)?;
        owner.serialize_field("pid", &self.owner.pid)?;
        owner.serialize_field("fd", &self.owner.fd)?;
        owner.serialize_field("name", &self.name)?;
        owner.serialize_field("role", self.owner.role.as_str())?;
        owner.end()
    }
}

/// A process that owns a listed socket.
struct ProcessRecord<'a>(&'a Process);

impl Serialize for ProcessRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let process = self.0;
        let mut record = serializer.serialize_struct("Process", 10)?;
        record.serialize_field("pid", &process.pid)?;
        record.serialize_field("name", &process.name.as_ref().map(|name| name.to_string_lossy()))?;
        record.serialize_field("path", &process.path.as_ref().map(|path| path.to_string_lossy()))?;
        record.serialize_field("uid", &process.uid)?;
        record.serialize_field("user", &process.user)?;
        record.serialize_field("path_deleted", &process.path_deleted)?;
        record.serialize_field("parent", &process.parent)?;
        record.serialize_field("start_time", &rfc3339(process.start_time))?;
        record.serialize_field("session", &process.session)?;
        match &process.command_line {
            // Read only if a column asks for it.
            None => record.skip_field("command_line")?,
            Some(arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
                record.serialize_field("command_line", &arguments)?;
            }
        }
        record.end()
    }
}

/// Something that could not be seen.
struct GapRecord<'a>(&'a Gap);

impl Serialize for GapRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut gap = serializer.serialize_struct("Gap", 4)?;
        gap.serialize_field("kind", self.0.kind.as_str())?;
        gap.serialize_field("count", &self.0.count)?;
        gap.serialize_field("detail", &Text(self.0))?;
        gap.serialize_field("source", &self.0.source)?;
        gap.end()
    }
}

struct OwnerSourceRecord<'a>(&'a OwnerSourceUsed);

impl Serialize for OwnerSourceRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut from = serializer.serialize_struct("OwnerSource", 2)?;
        from.serialize_field("used", self.0.source.as_str())?;
        from.serialize_field("reason", &self.0.reason)?;
        from.end()
    }
}
