//! One JSON document: `{"schema":"lsock/1","sockets":[..],"processes":[..],"gaps":[..],"owner_source":..}`.

use super::record::{GapRecord, OwnerSourceRecord, ProcessRecord, Row, push_record};
use super::{Chunk, Render};
use crate::view::View;
use netstat::Socket;
use serde::Serialize;
use std::io::{self, Write};

pub(super) struct Json;

impl Render for Json {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut chunk = Chunk::new(out);
        chunk.bytes.extend_from_slice(br#"{"schema":"lsock/1","sockets":["#);
        push_list(&mut chunk, rows.iter().map(|socket| Row { view, socket }))?;
        chunk.bytes.extend_from_slice(br#"],"processes":["#);
        push_list(&mut chunk, view.processes().iter().map(ProcessRecord))?;
        chunk.bytes.extend_from_slice(br#"],"gaps":["#);
        push_list(&mut chunk, view.snapshot.gaps.iter().map(GapRecord))?;
        chunk.bytes.extend_from_slice(br#"],"owner_source":"#);
        push_record(&view.snapshot.owners_from.as_ref().map(OwnerSourceRecord), &mut chunk.bytes)?;
        chunk.bytes.extend_from_slice(b"}\n");
        chunk.finish()
    }
}

fn push_list(chunk: &mut Chunk<'_>, records: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    for (nth, record) in records.enumerate() {
        if nth > 0 {
            chunk.bytes.push(b',');
        }
        push_record(&record, &mut chunk.bytes)?;
        chunk.spill()?;
    }
    Ok(())
}
