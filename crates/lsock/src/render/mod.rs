//! The forms of the output: one trait, one file a form.

mod csv;
mod harmless_json;
mod json;
mod jsonl;
mod record;
mod table;

use crate::plan::{Format, Plan};
use crate::view::View;
use netstat::Socket;
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

/// How much is gathered before it is written: few system calls, and no second copy of the whole output.
const CHUNK: usize = 64 * 1024;

/// Gathers what is written in a vector, which is cheaper to append to than any writer.
struct Chunk<'a> {
    bytes: Vec<u8>,
    out: &'a mut dyn Write,
}

impl<'a> Chunk<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { bytes: Vec::with_capacity(CHUNK + CHUNK / 8), out }
    }

    /// Writes what has been gathered, once it is enough.
    fn spill(&mut self) -> io::Result<()> {
        if self.bytes.len() >= CHUNK { self.finish() } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
