//! JSON lines: one socket a line, as the JSON document has it.

use super::object::Json as _;
use super::record::Row;
use super::{Chunk, Render, parts, text_of};
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

pub(super) struct JsonLines;

impl Render for JsonLines {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut chunk = Chunk::new(out);
        let part = |rows: &[&Socket]| {
            text_of(rows, |socket, text| {
                Row { view, socket }.push(text);
                text.push('\n');
            })
        };
        parts::in_order(rows, part, |text| chunk.append(text.as_bytes()))?;
        chunk.finish()
    }
}
