//! Writes the rows in one of the formats, each of which has a file or folder; [`Output`] has the format and its columns.

mod chunk_writer;
mod counts;
mod csv;
mod fitted;
mod groups;
mod json;
mod rows;
mod table;

pub use self::json::why_document;
pub use counts::counts;
pub use groups::groups;
pub(crate) use json::event as event_json;

use crate::columns::Column;
use crate::screen::Screen;
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
    /// Whether the table on a terminal may leave out columns: the user named none of them.
    pub may_leave_out: bool,
    /// The terminal that the table is fitted to; without one no cell is cut.
    pub screen: Option<Screen>,
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
    match (output.format, &output.screen) {
        (Format::Table, Some(screen)) => {
            let layout = fitted::Layout { columns, header, may_leave_out: output.may_leave_out, screen };
            fitted::write(&layout, view, rows, out)
        }
        (Format::Table, None) => table::write(&table::Layout { columns, header, color }, view, rows, out),
        (Format::Csv, _) => csv::write(columns, header, view, rows, out),
        (Format::Json, _) => json::write_document(view, rows, out),
        (Format::JsonLines, _) => json::write_lines(view, rows, out),
    }
}

#[cfg(test)]
mod tests;
