//! Cells in columns that fit on a terminal.

use super::label::Label;
use super::style::{BOLD, FAINT};
use crate::screen::{Lines, Screen, ShownEndpoint, cut_end, width_of};
use anstyle::Style;

/// One cell.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Text(Style, String),
    /// An address, and how many others there are.
    Address(ShownEndpoint, String),
    Processes(Label),
}

impl Cell {
    fn width(&self) -> usize {
        match self {
            Self::Text(_, text) => width_of(text),
            Self::Address(address, more) => width_of(&address.full()) + width_of(more),
            Self::Processes(label) => label.width(),
        }
    }

    fn fitted(&self, screen: &Screen, width: usize) -> Vec<(Style, String)> {
        match self {
            Self::Text(style, text) => vec![(*style, cut_end(screen, text, width))],
            Self::Address(address, more) => {
                let room = width.saturating_sub(width_of(more));
                vec![(Style::new(), address.fitted(screen, room)), (FAINT, more.clone())]
            }
            Self::Processes(label) => label.fitted(screen, width),
        }
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) is_right: bool,
    /// Spaces before it.
    pub(super) before: usize,
    /// To what width it shrinks, the lowest rank first; `None`: not at all.
    pub(super) shrinks: Option<(u8, usize)>,
    /// Whether it goes, the lowest rank first, where columns have shrunk and there is no room still.
    pub(super) goes: Option<u8>,
}

/// Rows of cells.
pub(super) struct Grid {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// What stands above the first columns, in place of headings of their own; without it there is no line of headings.
    pub(super) title: Option<&'static str>,
}

impl Grid {
    pub(super) fn write(&self, lines: &mut Lines<'_>, screen: &Screen) {
        let widths = self.widths(screen.width);
        if let Some(title) = self.title {
            lines.push(BOLD, title);
            self.write_line(lines, &widths, |column, width| {
                let heading = self.columns.get(column).map_or("", |column| column.heading);
                vec![(BOLD, cut_end(screen, heading, width))]
            });
        }
        for row in &self.rows {
            self.write_line(lines, &widths, |column, width| {
                row.get(column).map_or_else(Vec::new, |cell| cell.fitted(screen, width))
            });
        }
    }

    fn write_line(
        &self,
        lines: &mut Lines<'_>,
        widths: &[Option<usize>],
        cell: impl Fn(usize, usize) -> Vec<(Style, String)>,
    ) {
        let mut start = 0;
        for (nth, (column, width)) in self.columns.iter().zip(widths).enumerate() {
            let Some(width) = *width else { continue };
            start += column.before;
            let parts = cell(nth, width);
            let used: usize = parts.iter().map(|(_, text)| width_of(text)).sum();
            lines.move_to(start + if column.is_right { width.saturating_sub(used) } else { 0 });
            for (style, text) in parts {
                lines.push(style, &text);
            }
            start += width;
        }
        lines.end();
    }

    /// The widths of the columns; `None` for one that goes.
    fn widths(&self, room: usize) -> Vec<Option<usize>> {
        let widest = |nth: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(nth)).map(Cell::width);
            let heading = if self.title.is_some() { column.heading.len() } else { 0 };
            Some(cells.max().unwrap_or(0).max(heading))
        };
        let mut widths: Vec<_> =
            self.columns.iter().enumerate().map(|(nth, column)| widest(nth, column)).collect();
        let total = |widths: &[Option<usize>]| -> usize {
            let shown =
                self.columns.iter().zip(widths).filter_map(|(column, width)| Some(column.before + (*width)?));
            shown.sum()
        };
        self.shrink(&mut widths, room, total);
        for rank in 0..=u8::MAX {
            if total(&widths) <= room {
                break;
            }
            let mut is_last = true;
            for (column, width) in self.columns.iter().zip(&mut widths) {
                is_last &= column.goes.is_none_or(|goes| goes <= rank);
                if column.goes == Some(rank) {
                    *width = None;
                }
            }
            if is_last {
                break;
            }
        }
        // What has gone may leave room for what has shrunk.
        for (nth, column) in self.columns.iter().enumerate().rev() {
            let free = room.saturating_sub(total(&widths));
            if let Some(Some(width)) = widths.get_mut(nth) {
                let needed = widest(nth, column).unwrap_or(0);
                *width = needed.min(*width + free).max(*width);
            }
        }
        widths
    }

    fn shrink(&self, widths: &mut [Option<usize>], room: usize, total: impl Fn(&[Option<usize>]) -> usize) {
        let mut ranks: Vec<(u8, usize, usize)> = self
            .columns
            .iter()
            .enumerate()
            .filter_map(|(nth, column)| column.shrinks.map(|(rank, floor)| (rank, floor, nth)))
            .collect();
        ranks.sort_unstable();
        for (_, floor, nth) in ranks {
            let excess = total(widths).saturating_sub(room);
            if let Some(Some(width)) = widths.get_mut(nth) {
                *width = (*width).min(floor.max(width.saturating_sub(excess)));
            }
        }
    }
}
