//! Comma-separated values (RFC 4180, with plain line ends): the chosen columns under their names, one line a
//! socket, nothing where a row has nothing. Text is made harmless as in the table.

use super::Render;
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
        let mut writer = csv::WriterBuilder::new().buffer_capacity(super::CHUNK).from_writer(out);
        if self.header {
            writer.write_record(self.columns.iter().map(|column| column.name)).map_err(of_writing)?;
        }
        let mut cell = String::new();
        for socket in rows {
            for column in self.columns {
                cell.clear();
                column.value.push(view, socket, &mut cell);
                writer.write_field(&cell).map_err(of_writing)?;
            }
            writer.write_record(None::<&[u8]>).map_err(of_writing)?;
        }
        writer.flush()
    }
}

/// What writing failed with: the csv crate's own conversion loses the kind, by which a closed pipe is told.
fn of_writing(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}
