//! One JSON document: `{"schema":"lsock/1","sockets":[..],"processes":[..],"gaps":[..],"owner_source":..}`.

use super::object::{self, Json as _};
use super::record::{GapRecord, OwnerSourceRecord, ProcessRecord, Row};
use super::{Chunk, Render, parts, text_of};
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

pub(super) struct Json;

impl Render for Json {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut chunk = Chunk::new(out);
        chunk.append(br#"{"schema":"lsock/1","sockets":["#)?;
        // A part does not know whether it is the first, so that each begins with a comma.
        let part = |rows: &[&Socket]| {
            text_of(rows, |socket, text| {
                text.push(',');
                Row { view, socket }.push(text);
            })
        };
        let mut too_much = 1;
        parts::in_order(rows, part, |text| {
            chunk.append(text.as_bytes().get(std::mem::take(&mut too_much)..).unwrap_or_default())
        })?;
        chunk.append(br#"],"processes":["#)?;
        append_list(&mut chunk, view.processes().iter().map(ProcessRecord))?;
        chunk.append(br#"],"gaps":["#)?;
        append_list(&mut chunk, view.snapshot.gaps.iter().map(GapRecord))?;
        let from = view.snapshot.owners_from.as_ref().map(OwnerSourceRecord);
        let mut text = String::from(r#"],"owner_source":"#);
        from.push(&mut text);
        text.push_str("}\n");
        chunk.append(text.as_bytes())?;
        chunk.finish()
    }
}

fn append_list(chunk: &mut Chunk<'_>, records: impl Iterator<Item = impl object::Json>) -> io::Result<()> {
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
