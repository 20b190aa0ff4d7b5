//! The forms of the output: one trait, one file a form.

mod csv;
mod details;
mod json;
mod jsonl;
mod object;
mod parts;
mod record;
mod table;

use crate::plan::{Format, Plan};
use crate::view::View;
use netstat::Socket;
use std::hint;
use std::io::{self, Write};

/// One form of the output.
trait Render {
    /// Writes the rows, in this order.
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()>;
}

/// Writes the rows in the planned form.
pub(crate) fn write(
    plan: &Plan,
    color: bool,
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = &plan.columns[..];
    let form: &dyn Render = match plan.format {
        Format::Table => &table::Table { columns, header: plan.header, color },
        Format::Csv => &csv::Csv { columns, header: plan.header },
        Format::Json => &json::Json,
        Format::JsonLines => &jsonl::JsonLines,
    };
    form.render(view, rows, out)
}

/// How much is gathered before it is written, so that a short listing is one write.
const CHUNK: usize = 64 * 1024;

/// Gathers what is short, and passes on what is long.
struct Chunk<'a> {
    bytes: Vec<u8>,
    out: &'a mut dyn Write,
}

impl<'a> Chunk<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { bytes: Vec::new(), out }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.len() + bytes.len() < CHUNK {
            self.bytes.extend_from_slice(bytes);
            return Ok(());
        }
        self.finish()?;
        self.out.write_all(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

/// The text of a part of the rows.
fn text_of(rows: &[&Socket], mut push: impl FnMut(&Socket, &mut String)) -> String {
    // As much as a socket takes in JSON.
    let mut text = String::with_capacity(rows.len() * 512);
    each(rows, |socket| push(socket, &mut text));
    text
}

/// In their order the rows lie all over the memory, and to wait for each would take as long as to render it. Several
/// that are touched one right after the other are fetched at the same time.
fn each(rows: &[&Socket], mut act: impl FnMut(&Socket)) {
    const TOGETHER: usize = 32;
    for some in rows.chunks(TOGETHER) {
        for socket in some {
            // Far enough apart to be in all the cache lines of a row.
            hint::black_box((socket.protocol, socket.local.port(), socket.identity, socket.owners().len()));
        }
        some.iter().copied().for_each(&mut act);
    }
}

#[cfg(test)]
mod tests;
