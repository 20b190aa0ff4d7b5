//! The table on a terminal: one socket is one line, whatever the width. What had to be shortened is in the footer, and
//! all of it in the table of a pipe.

mod cell;
mod fit;
mod footer;

use super::chunk_writer::ChunkWriter;
use super::rows::{prefetched, text_of_rows};
use super::table;
use crate::columns::{Align, Column, OnScreen};
use crate::parallel::{self, WORTH_THREADS};
use crate::screen::{Lines, Screen, width_of, wrapped};
use crate::view::View;
use cell::Cells;
use fit::{Fit, Need};
use netstat::Socket;
use std::io::{self, Write};

/// What the table consists of.
pub(super) struct Layout<'a> {
    pub(super) columns: &'a [&'static Column],
    pub(super) header: bool,
    /// Whether a column may be left out: the user named none.
    pub(super) may_leave_out: bool,
    pub(super) screen: &'a Screen,
}

pub(super) fn write(
    layout: &Layout<'_>,
    view: &View<'_>,
    rows: &[&Socket],
    out: &mut dyn Write,
) -> io::Result<()> {
    let cells = Cells { view, screen: layout.screen };
    let is_below = |column: &&&Column| column.on_screen == OnScreen::Below;
    let below: Vec<&Column> = layout.columns.iter().filter(is_below).copied().collect();
    let columns: Vec<&Column> = layout.columns.iter().filter(|column| !is_below(column)).copied().collect();
    let mut needs: Vec<Need> = columns.iter().map(|column| Need::new(column, layout.header)).collect();
    let threads = parallel::threads_for(rows.len(), WORTH_THREADS);
    // As in the table of a pipe, each cell is made twice, to measure and to write it.
    let measure = |rows: &[&Socket]| {
        let mut needs: Vec<Need> = columns.iter().map(|column| Need::new(column, false)).collect();
        prefetched(rows).for_each(|socket| {
            for (column, need) in columns.iter().zip(&mut needs) {
                cells.full(column, socket).measure(need);
            }
        });
        needs
    };
    parallel::in_order(threads, rows, measure, |of_part| {
        for (need, of_part) in needs.iter_mut().zip(&of_part) {
            need.add(of_part);
        }
        Ok(())
    })?;
    let may_leave_out = layout.may_leave_out && !rows.is_empty();
    let fit = Fit::new(&needs, layout.screen.width, may_leave_out);
    let shown: Vec<(&Column, usize)> = columns
        .iter()
        .copied()
        .zip(&fit.widths)
        .filter_map(|(column, width)| Some((column, (*width)?)))
        .collect();

    let mut chunk = ChunkWriter::new(out);
    if layout.header {
        chunk.append(header(layout.screen, &shown, fit.spacing).as_bytes())?;
    }
    let lines = |rows: &[&Socket]| {
        text_of_rows(rows, |socket, text| {
            let mut lines = Lines::new(layout.screen);
            push_row(&mut lines, &cells, &shown, fit.spacing, socket);
            for column in &below {
                push_below(&mut lines, &cells, column, socket);
            }
            text.push_str(&lines.into_text());
        })
    };
    parallel::in_order(threads, rows, lines, |lines| chunk.append(lines.as_bytes()))?;
    if layout.header && !rows.is_empty() {
        chunk.append(footer::text(layout.screen, view, rows, &fit).as_bytes())?;
    }
    chunk.finish()
}

fn header(screen: &Screen, shown: &[(&Column, usize)], spacing: usize) -> String {
    let mut lines = Lines::new(screen);
    let mut start = 0;
    for (column, width) in shown {
        // Headings are ASCII.
        let heading = column.header.get(..*width).unwrap_or(column.header);
        let indent = if column.align == Align::Right { width.saturating_sub(heading.len()) } else { 0 };
        lines.move_to(start + indent);
        lines.push(table::HEADER, heading);
        start += width + spacing;
    }
    lines.end();
    lines.into_text()
}

fn push_row(
    lines: &mut Lines<'_>,
    cells: &Cells<'_>,
    shown: &[(&Column, usize)],
    spacing: usize,
    socket: &Socket,
) {
    let mut start = 0;
    for (column, width) in shown {
        let cell = cells.fitted(column, socket, *width);
        let indent =
            if column.align == Align::Right { width.saturating_sub(width_of(&cell.text)) } else { 0 };
        lines.move_to(start + indent);
        lines.push(table::style(column, socket, &cell.text), &cell.text);
        lines.push(table::FAINT, &cell.faint);
        start += width + spacing;
    }
    lines.end();
}

fn push_below(lines: &mut Lines<'_>, cells: &Cells<'_>, column: &Column, socket: &Socket) {
    const INDENT: usize = 6;
    let text = cells.full(column, socket).text();
    let width = cells.screen.width.saturating_sub(INDENT);
    for line in wrapped(&[text], "", width) {
        lines.move_to(INDENT);
        lines.push(anstyle::Style::new(), &line);
        lines.end();
    }
}
