//! One JSON document: `{"schema":"lsock/1","sockets":[..],"unix_sockets":[..],"other_sockets":[..],"peers":[..],
//! "processes":[..],"namespaces":[..],"gaps":[..],"owner_source":..}`. Each socket has a line of its own, for people, and because standard
//! output searches all that it is given for the end of the last line, which would be megabytes.

use super::records::{GapRecord, NamespaceRecord, OwnerSourceRecord, ProcessRecord};
use super::row::push_row;
use super::writer::ToJson;
use crate::parallel::{self, WORTH_THREADS};
use crate::render::chunk_writer::ChunkWriter;
use crate::render::rows::text_of_rows;
use crate::view::View;
use netstat::{Family, Socket};
use std::io::{self, Write};

/// Writes the document.
pub(in crate::render) fn write_document(
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut chunk = ChunkWriter::new(out);
    let is_ip = |socket: &Socket| socket.family.is_ip();
    // Nearly always all of them.
    let (ip, unix, others);
    let rows_of_ip = if rows.iter().all(|row| is_ip(row)) {
        (unix, others) = (Vec::new(), Vec::new());
        rows
    } else {
        let not_ip: Vec<&Socket>;
        (ip, not_ip) = rows.iter().copied().partition(|row| is_ip(row));
        (unix, others) = not_ip.into_iter().partition::<Vec<&Socket>, _>(|row| row.family == Family::Unix);
        &ip
    };
    chunk.append(br#"{"schema":"lsock/1","sockets":["#)?;
    append_rows(&mut chunk, view, rows_of_ip)?;
    chunk.append(br#"],"unix_sockets":["#)?;
    append_rows(&mut chunk, view, &unix)?;
    chunk.append(br#"],"other_sockets":["#)?;
    append_rows(&mut chunk, view, &others)?;
    if view.snapshot.has_peers() {
        chunk.append(br#"],"peers":["#)?;
        append_rows(&mut chunk, view, &view.snapshot.peers.iter().collect::<Vec<_>>())?;
    }
    chunk.append(br#"],"processes":["#)?;
    append_list(&mut chunk, view.processes().iter().map(ProcessRecord))?;
    chunk.append(br#"],"namespaces":["#)?;
    append_list(&mut chunk, view.snapshot.namespaces.iter().map(NamespaceRecord))?;
    chunk.append(br#"],"gaps":["#)?;
    append_list(&mut chunk, view.snapshot.gaps.iter().map(GapRecord))?;
    let source = view.snapshot.owner_source.as_ref().map(OwnerSourceRecord);
    let mut text = String::from(r#"],"owner_source":"#);
    source.push(&mut text);
    text.push_str("}\n");
    chunk.append(text.as_bytes())?;
    chunk.finish()
}

/// Appends the rows of one list.
fn append_rows(chunk: &mut ChunkWriter<'_>, view: &View<'_>, rows: &[&Socket]) -> io::Result<()> {
    // Every row begins with a comma, since a part does not know whether it is the first. The very first comma is skipped.
    let part = |rows: &[&Socket]| {
        text_of_rows(rows, |socket, text| {
            text.push_str(",\n");
            push_row(view, socket, text);
        })
    };
    let mut skipped = 1;
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    parallel::in_order(threads, rows, part, |text| {
        chunk.append(text.as_bytes().get(std::mem::take(&mut skipped)..).unwrap_or_default())
    })
}

fn append_list(chunk: &mut ChunkWriter<'_>, records: impl Iterator<Item = impl ToJson>) -> io::Result<()> {
    let mut text = String::new();
    for (nth, record) in records.enumerate() {
        if nth > 0 {
            text.push(',');
        }
        record.push(&mut text);
        chunk.append(text.as_bytes())?;
        text.clear();
    }
    Ok(())
}
