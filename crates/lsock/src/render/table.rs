//! The table for people: aligned by what a terminal shows, nothing ever cut off.

use super::{Chunk, Render};
use crate::columns::{Absent, Align, Column};
use crate::view::View;
use anstyle::{AnsiColor, Style};
use netstat::{Socket, TcpState};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

pub(super) struct Table<'a> {
    pub(super) columns: &'a [&'static Column],
    pub(super) header: bool,
    pub(super) color: bool,
}

/// A cell wider than this does not widen its column: a socket with a hundred owners pushes the rest of its
/// own line to the right, and no other.
const WIDEST: usize = 60;

const GAP: usize = 2;

const HEADER: Style = Style::new().bold();
const LISTENS: Style = AnsiColor::Green.on_default();
const ENDS: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();

/// The text of all cells, row by row, in one string.
#[derive(Default)]
struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    /// Ends the cell whose text has been appended; where it began.
    fn finish(&mut self) -> usize {
        let start = self.ends.last().copied().unwrap_or(0);
        self.ends.push(self.text.len());
        start
    }
}

impl Render for Table<'_> {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut widths = vec![0; self.columns.len()];
        if self.header {
            for (width, column) in widths.iter_mut().zip(self.columns) {
                *width = column.header.width();
            }
        }
        let mut cells = Cells::default();
        for socket in rows {
            for (column, width) in self.columns.iter().zip(&mut widths) {
                let start = self.push_cell(column, view, socket, &mut cells);
                let shown = cells.text.get(start..).unwrap_or_default().width();
                if shown <= WIDEST {
                    *width = (*width).max(shown);
                }
            }
        }

        let mut chunk = Chunk::new(out);
        if self.header {
            let names = self.columns.iter().map(|column| (column.header, HEADER));
            self.push_line(names, &widths, &mut chunk.bytes);
        }
        let mut start = 0;
        let mut ends = cells.ends.iter();
        for socket in rows {
            // The ends first: zip would take one too many from its first iterator.
            let line = self.columns.iter().map_while(|column| {
                let end = *ends.next()?;
                let text = cells.text.get(start..end)?;
                start = end;
                Some((text, style(column, socket, text)))
            });
            self.push_line(line, &widths, &mut chunk.bytes);
            chunk.spill()?;
        }
        chunk.finish()
    }
}

impl Table<'_> {
    fn push_cell(&self, column: &Column, view: &View<'_>, socket: &Socket, cells: &mut Cells) -> usize {
        let start = cells.text.len();
        column.value.push(view, socket, &mut cells.text);
        if cells.text.len() == start {
            match (column.absent, socket.ownership().reason()) {
                (Absent::AnyEnd, _) => cells.text.push_str("*:*"),
                (Absent::Why, Some(reason)) => {
                    cells.text.push('(');
                    cells.text.push_str(reason);
                    cells.text.push(')');
                }
                (Absent::Dash | Absent::Why, _) => cells.text.push('-'),
            }
        }
        cells.finish()
    }

    fn push_line<'t>(
        &self,
        cells: impl Iterator<Item = (&'t str, Style)>,
        widths: &[usize],
        line: &mut Vec<u8>,
    ) {
        // Spaces are written when something follows them, so that none trail.
        let mut owed = 0;
        for (nth, ((text, style), (column, width))) in cells.zip(self.columns.iter().zip(widths)).enumerate()
        {
            let padding = width.saturating_sub(text.width());
            owed += if nth > 0 { GAP } else { 0 };
            if column.align == Align::Right {
                owed += padding;
            }
            line.resize(line.len() + owed, b' ');
            if self.color && style != Style::new() {
                // Writing to a vector does not fail.
                let _ = write!(line, "{style}{text}{style:#}");
            } else {
                line.extend_from_slice(text.as_bytes());
            }
            owed = if column.align == Align::Left { padding } else { 0 };
        }
        line.push(b'\n');
    }
}

/// What a cell looks like: states in colour, what is not there faint.
fn style(column: &Column, socket: &Socket, text: &str) -> Style {
    let nothing = match column.absent {
        Absent::Dash => text == "-",
        Absent::AnyEnd => text == "*:*",
        Absent::Why => socket.owners().is_empty(),
    };
    if nothing {
        return FAINT;
    }
    match (column.name, socket.state) {
        ("state", Some(TcpState::Listen)) => LISTENS,
        ("state", Some(TcpState::Established)) => Style::new(),
        ("state", Some(TcpState::TimeWait)) => FAINT,
        ("state", Some(_)) => ENDS,
        _ => Style::new(),
    }
}
