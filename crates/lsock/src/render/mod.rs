//! Writes the rows in one of the formats, each of which has a file or folder; [`Output`] has the format and its columns.

mod chunk_writer;
mod csv;
mod json;
mod rows;
mod table;

use crate::columns::Column;
use crate::view::View;
use netstat::Socket;
use std::io::{self, Write};

/// The format of the output.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// The table for people.
    Table,
    /// One JSON document.
    Json,
    /// A JSON object on each line.
    JsonLines,
    /// Comma-separated values.
    Csv,
}

/// What to write, and in which format.
#[derive(Debug)]
pub struct Output {
    /// The format.
    pub format: Format,
    /// The columns of table and CSV.
    pub columns: Vec<&'static Column>,
    /// Whether table and CSV begin with a header.
    pub header: bool,
}

/// Writes the rows in this order. `color`: whether a table is coloured.
pub fn write(
    output: &Output,
    color: bool,
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let (columns, header) = (&output.columns[..], output.header);
    match output.format {
        Format::Table => table::write(&table::Layout { columns, header, color }, view, rows, out),
        Format::Csv => csv::write(columns, header, view, rows, out),
        Format::Json => json::write_document(view, rows, out),
        Format::JsonLines => json::write_lines(view, rows, out),
    }
}

#[cfg(test)]
mod tests;
