//! One JSON document: `{"schema":"lsock/1","sockets":[..],"processes":[..],"namespaces":[..],"gaps":[..],"owner_source":..}`.
//! Each socket has a line of its own, for people, and because standard output searches all that it is given for the end of the last line,
//! which would be megabytes.

use super::records::{GapRecord, NamespaceRecord, OwnerSourceRecord, ProcessRecord, SocketRecord};
use super::writer::ToJson;
use crate::parallel::{self, WORTH_THREADS};
use crate::render::chunk_writer::ChunkWriter;
use crate::render::rows::text_of_rows;
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

/// Writes the document.
pub(in crate::render) fn write_document(
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut chunk = ChunkWriter::new(out);
    chunk.append(br#"{"schema":"lsock/1","sockets":["#)?;
    // Every row begins with a comma, since a part does not know whether it is the first. The very first comma is skipped.
    let part = |rows: &[&Socket]| {
        text_of_rows(rows, |socket, text| {
            text.push_str(",\n");
            SocketRecord { view, socket }.push(text);
        })
    };
    let mut skipped = 1;
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    parallel::in_order(threads, rows, part, |text| {
        chunk.append(text.as_bytes().get(std::mem::take(&mut skipped)..).unwrap_or_default())
    })?;
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
