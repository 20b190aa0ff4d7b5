//! The table for people: aligned by what a terminal shows, nothing ever cut off.

use super::{Chunk, Render, each, parts, text_of};
use crate::columns::{Absent, Align, Column};
use crate::text;
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

impl Render for Table<'_> {
    fn render(&self, view: &View<'_>, rows: &[&Socket], out: &mut dyn Write) -> io::Result<()> {
        let mut widths = vec![0; self.columns.len()];
        if self.header {
            for (width, column) in widths.iter_mut().zip(self.columns) {
                *width = width_of(column.header);
            }
        }
        // Each cell is made twice, now to be measured, then to be shown: to keep them all would take more memory
        // than the rows themselves.
        let measure = |rows: &[&Socket]| self.widths(view, rows);
        parts::in_order(rows, measure, |of_part| {
            for (width, of_part) in widths.iter_mut().zip(of_part) {
                *width = of_part.max(*width);
            }
            Ok(())
        })?;

        let mut chunk = Chunk::new(out);
        if self.header {
            let mut line = String::new();
            let header = |column: &Column, cell: &mut String| {
                cell.push_str(column.header);
                HEADER
            };
            self.push_line(&widths, header, &mut String::new(), &mut line);
            chunk.append(line.as_bytes())?;
        }
        let lines = |rows: &[&Socket]| self.lines(view, rows, &widths);
        parts::in_order(rows, lines, |lines| chunk.append(lines.as_bytes()))?;
        chunk.finish()
    }
}

impl Table<'_> {
    /// How wide the columns must be for these rows.
    fn widths(&self, view: &View<'_>, rows: &[&Socket]) -> Vec<usize> {
        let mut widths = vec![0; self.columns.len()];
        let mut cell = String::new();
        each(rows, |socket| {
            for (column, width) in self.columns.iter().zip(&mut widths) {
                cell.clear();
                push_cell(column, view, socket, &mut cell);
                let shown = width_of(&cell);
                if shown <= WIDEST {
                    *width = shown.max(*width);
                }
            }
        });
        widths
    }

    fn lines(&self, view: &View<'_>, rows: &[&Socket], widths: &[usize]) -> String {
        let mut cell = String::new();
        text_of(rows, |socket, lines| {
            let shown = |column: &Column, cell: &mut String| {
                push_cell(column, view, socket, cell);
                if self.color { style(column, socket, cell) } else { Style::new() }
            };
            self.push_line(widths, shown, &mut cell, lines);
        })
    }

    fn push_line(
        &self,
        widths: &[usize],
        push_cell: impl Fn(&Column, &mut String) -> Style,
        cell: &mut String,
        line: &mut String,
    ) {
        // Spaces are written when something follows them, so that none trail.
        let mut owed = 0;
        for (nth, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            cell.clear();
            let style = push_cell(column, cell);
            let padding = width.saturating_sub(width_of(cell));
            owed += if nth > 0 { GAP } else { 0 };
            if column.align == Align::Right {
                owed += padding;
            }
            line.extend(std::iter::repeat_n(' ', owed));
            if self.color && style != Style::new() {
                text::push(line, format_args!("{style}{cell}{style:#}"));
            } else {
                line.push_str(cell);
            }
            owed = if column.align == Align::Left { padding } else { 0 };
        }
        line.push('\n');
    }
}

/// How many columns of a terminal harmless text takes.
fn width_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

fn push_cell(column: &Column, view: &View<'_>, socket: &Socket, cell: &mut String) {
    column.value.push(view, socket, cell);
    if cell.is_empty() {
        match (column.absent, socket.ownership().reason()) {
            (Absent::AnyEnd, _) => cell.push_str("*:*"),
            (Absent::Why, Some(reason)) => {
                cell.push('(');
                cell.push_str(reason);
                cell.push(')');
            }
            (Absent::Dash | Absent::Why, _) => cell.push('-'),
        }
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
