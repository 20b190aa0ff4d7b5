//! The table for people: aligned by the width on a terminal; no cell is cut.

use super::chunk_writer::ChunkWriter;
use super::rows::{prefetched, text_of_rows};
use crate::columns::{Absent, Align, Column};
use crate::digits::push_display;
use crate::parallel::{self, WORTH_THREADS};
use crate::view::View;
use anstyle::{AnsiColor, Style};
use netstat::{Socket, State};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// What a table consists of.
pub(super) struct Layout<'a> {
    pub(super) columns: &'a [&'static Column],
    pub(super) header: bool,
    pub(super) color: bool,
}

/// A wider cell does not widen its column: a socket with a hundred owners moves the rest of its own line to the right, and
/// no other line.
const MAX_WIDTH: usize = 60;

const SPACING: usize = 2;

pub(super) const HEADER: Style = Style::new().bold();
const LISTENING: Style = AnsiColor::Green.on_default();
const CLOSING: Style = AnsiColor::Yellow.on_default();
pub(super) const FAINT: Style = Style::new().dimmed();

pub(super) fn write(
    layout: &Layout<'_>,
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut widths = vec![0; layout.columns.len()];
    if layout.header {
        for (width, column) in widths.iter_mut().zip(layout.columns) {
            *width = width_of(column.header);
        }
    }
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    // Each cell is rendered twice, to measure and to write it: all cells would take more memory than the rows.
    let measure = |rows: &[&Socket]| layout.widths(view, rows);
    parallel::in_order(threads, rows, measure, |of_part| {
        for (width, of_part) in widths.iter_mut().zip(of_part) {
            *width = of_part.max(*width);
        }
        Ok(())
    })?;

    let mut chunk = ChunkWriter::new(out);
    if layout.header {
        let mut line = String::new();
        let header = |column: &Column, cell: &mut String| {
            cell.push_str(column.header);
            HEADER
        };
        layout.push_line(&widths, header, &mut String::new(), &mut line);
        chunk.append(line.as_bytes())?;
    }
    let lines = |rows: &[&Socket]| layout.lines(view, rows, &widths);
    parallel::in_order(threads, rows, lines, |lines| chunk.append(lines.as_bytes()))?;
    chunk.finish()
}

impl Layout<'_> {
    /// The widths that these rows need.
    fn widths(&self, view: &View<'_>, rows: &[&Socket]) -> Vec<usize> {
        let mut widths = vec![0; self.columns.len()];
        let mut cell = String::new();
        prefetched(rows).for_each(|socket| {
            for (column, width) in self.columns.iter().zip(&mut widths) {
                cell.clear();
                push_cell(column, view, socket, &mut cell);
                let shown = width_of(&cell);
                if shown <= MAX_WIDTH {
                    *width = shown.max(*width);
                }
            }
        });
        widths
    }

    fn lines(&self, view: &View<'_>, rows: &[&Socket], widths: &[usize]) -> String {
        let mut cell = String::new();
        text_of_rows(rows, |socket, lines| {
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
        // Spaces are written with the text that follows them, so that no line ends in a space.
        let mut spaces = 0;
        for (nth, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            cell.clear();
            let style = push_cell(column, cell);
            let padding = width.saturating_sub(width_of(cell));
            spaces += if nth > 0 { SPACING } else { 0 };
            if column.align == Align::Right {
                spaces += padding;
            }
            line.extend(std::iter::repeat_n(' ', spaces));
            if self.color && style != Style::new() {
                push_display(line, format_args!("{style}{cell}{style:#}"));
            } else {
                line.push_str(cell);
            }
            spaces = if column.align == Align::Left { padding } else { 0 };
        }
        line.push('\n');
    }
}

/// The width of escaped text on a terminal.
fn width_of(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

fn push_cell(column: &Column, view: &View<'_>, socket: &Socket, cell: &mut String) {
    column.push(view, socket, cell);
    if cell.is_empty() {
        match (column.absent, socket.ownership().reason()) {
            (Absent::AnyEndpoint, _) => cell.push_str("*:*"),
            (Absent::Reason, Some(reason)) => {
                cell.push('(');
                cell.push_str(reason);
                cell.push(')');
            }
            (Absent::Dash | Absent::Reason, _) => cell.push('-'),
        }
    }
}

/// The style of a cell: states in colour, absent values faint.
pub(super) fn style(column: &Column, socket: &Socket, text: &str) -> Style {
    let is_absent = match column.absent {
        Absent::Dash => text == "-",
        Absent::AnyEndpoint => text == "*:*",
        Absent::Reason => socket.owners().is_empty(),
    };
    if is_absent {
        return FAINT;
    }
    match (column.name, socket.state) {
        ("state", Some(State::Listen)) => LISTENING,
        ("state", Some(State::Established)) => Style::new(),
        ("state", Some(State::TimeWait)) => FAINT,
        ("state", Some(_)) => CLOSING,
        _ => Style::new(),
    }
}
