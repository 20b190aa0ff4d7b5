//! JSON lines: one socket a line, as the JSON document has it.

use super::record::{Row, push_record};
use super::{Chunk, Render};
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

pub(super) struct JsonLines;

impl Render for JsonLines {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut chunk = Chunk::new(out);
        for socket in rows {
            push_record(&Row { view, socket }, &mut chunk.bytes)?;
            chunk.bytes.push(b'\n');
            chunk.spill()?;
        }
        chunk.finish()
    }
}
