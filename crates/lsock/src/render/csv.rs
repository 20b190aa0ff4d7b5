//! Comma-separated values (RFC 4180, with plain line ends): the chosen columns under their names, one line a
//! socket, nothing where a row has nothing. Text is made harmless as in the table.

use super::{Chunk, Render, parts, text_of};
use crate::columns::Column;
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

pub(super) struct Csv<'a> {
    pub(super) columns: &'a [&'static Column],
    pub(super) header: bool,
}

impl Render for Csv<'_> {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut chunk = Chunk::new(out);
        if self.header {
            let mut line = String::new();
            self.push_line(|column, line| line.push_str(column.name), &mut line);
            chunk.append(line.as_bytes())?;
        }
        let part = |rows: &[&Socket]| {
            text_of(rows, |socket, lines| {
                self.push_line(|column, lines| column.value.push(view, socket, lines), lines);
            })
        };
        parts::in_order(rows, part, |lines| chunk.append(lines.as_bytes()))?;
        chunk.finish()
    }
}

impl Csv<'_> {
    fn push_line(&self, push_cell: impl Fn(&Column, &mut String), line: &mut String) {
        let start = line.len();
        for (nth, column) in self.columns.iter().enumerate() {
            if nth > 0 {
                line.push(',');
            }
            let start = line.len();
            push_cell(column, line);
            quote(start, line);
        }
        if line.len() == start {
            // One column, and nothing in it: as an empty line many readers would skip it.
            line.push_str("\"\"");
        }
        line.push('\n');
    }
}

/// Puts what follows after this place into quotes, if something in it needs that.
fn quote(start: usize, line: &mut String) {
    let field = line.get(start..).unwrap_or_default();
    if field.contains([',', '"', '\r', '\n']) {
        let quoted = field.replace('"', "\"\"");
        line.truncate(start);
        line.push('"');
        line.push_str(&quoted);
        line.push('"');
    }
}
