//! Comma-separated values (RFC 4180, but lines end in LF): a header, a line for each row, an empty field for a row without a
//! value. Text is escaped as in the table. A cell that a spreadsheet would evaluate as a formula is prefixed with `'`, as OWASP
//! recommends against CSV injection: a process chooses its own name.

use super::chunk_writer::ChunkWriter;
use super::rows::prefetched;
use crate::columns::Column;
use crate::parallel::{self, WORTH_THREADS};
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

pub(super) fn write(
    columns: &[&'static Column],
    header: bool,
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut chunk = ChunkWriter::new(out);
    if header {
        chunk.append(&header_line(columns)?)?;
    }
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    let part = |rows| lines(columns, view, rows);
    parallel::in_order(threads, rows, part, |lines| chunk.append(&lines?))?;
    chunk.finish()
}

fn header_line(columns: &[&'static Column]) -> io::Result<Vec<u8>> {
    let mut line = csv::Writer::from_writer(Vec::new());
    line.write_record(columns.iter().map(|column| column.name))?;
    line.into_inner().map_err(csv::IntoInnerError::into_error)
}

fn lines(columns: &[&'static Column], view: &View<'_>, rows: &[&Socket]) -> io::Result<Vec<u8>> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    let mut cell = String::new();
    for socket in prefetched(rows) {
        for column in columns {
            cell.clear();
            column.push(view, socket, &mut cell);
            disarm_formula(&mut cell);
            lines.write_field(&cell)?;
        }
        // Ends the record.
        lines.write_record(None::<&[u8]>)?;
    }
    lines.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// What begins a formula: also the full-width forms. Tab and carriage return, which do too, are escaped at this point.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Prefixes `'` to a cell that is a formula or looks like one that was prefixed: removing one `'` restores any cell. No
/// number in a column is negative, so numbers are never prefixed.
pub(super) fn disarm_formula(cell: &mut String) {
    if cell.trim_start_matches('\'').starts_with(FORMULA) {
        cell.insert(0, '\'');
    }
}
