//! Comma-separated values (RFC 4180, but lines end in LF): a header, a line for each row, an empty field for a row without a
//! value. Text is escaped as in the table. A cell that a spreadsheet would evaluate as a formula is prefixed with `'`, as OWASP
//! recommends against CSV injection: a process chooses its own name.

use super::chunk_writer::ChunkWriter;
use super::rows::text_of_rows;
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
        let mut line = String::new();
        push_line(columns, |column, line| line.push_str(column.name), &mut line);
        chunk.append(line.as_bytes())?;
    }
    let part = |rows: &[&Socket]| {
        text_of_rows(rows, |socket, lines| {
            push_line(columns, |column, lines| column.push(view, socket, lines), lines);
        })
    };
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    parallel::in_order(threads, rows, part, |lines| chunk.append(lines.as_bytes()))?;
    chunk.finish()
}

fn push_line(columns: &[&'static Column], push_field: impl Fn(&Column, &mut String), line: &mut String) {
    let start = line.len();
    for (nth, column) in columns.iter().enumerate() {
        if nth > 0 {
            line.push(',');
        }
        let start = line.len();
        push_field(column, line);
        disarm_formula(start, line);
        quote(start, line);
    }
    if line.len() == start {
        // One empty field. Many readers would skip an empty line.
        line.push_str("\"\"");
    }
    line.push('\n');
}

/// What begins a formula: also the full-width forms. Tab and carriage return, which do too, are escaped at this point.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Prefixes `'` to the field that starts at this index, if it is a formula or looks like one that was prefixed: removing one
/// `'` restores any field. No number in a column is negative, so numbers are never prefixed.
fn disarm_formula(start: usize, line: &mut String) {
    let field = line.get(start..).unwrap_or_default();
    if field.trim_start_matches('\'').starts_with(FORMULA) {
        line.insert(start, '\'');
    }
}

/// Quotes the field that starts at this index, if a character in it requires that.
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
