//! JSON lines: one socket on each line, as in the JSON document.

use super::row::push_row;
use crate::parallel::{self, WORTH_THREADS};
use crate::render::chunk_writer::ChunkWriter;
use crate::render::rows::text_of_rows;
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

/// Writes the lines.
pub(in crate::render) fn write_lines(
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut chunk = ChunkWriter::new(out);
    let part = |rows: &[&Socket]| {
        text_of_rows(rows, |socket, text| {
            push_row(view, socket, text);
            text.push('\n');
        })
    };
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    parallel::in_order(threads, rows, part, |text| chunk.append(text.as_bytes()))?;
    chunk.finish()
}
