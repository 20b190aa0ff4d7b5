//! What is where on the screen, for the mouse.

use super::column::Column;
use super::tab::Tab;

/// As of the last drawing. A range of columns is half open.
#[derive(Clone, Debug, Default)]
pub(super) struct Areas {
    pub(super) tabs: Vec<(u16, u16, Tab)>,
    pub(super) tabs_line: u16,
    pub(super) headings: Vec<(u16, u16, Column)>,
    pub(super) headings_line: u16,
    /// The columns of the screen.
    pub(super) width: u16,
    /// The first line of the list, and behind its last.
    pub(super) list: (u16, u16),
}

impl Areas {
    pub(super) fn tab(&self, column: u16, line: u16) -> Option<Tab> {
        at(&self.tabs, column).filter(|_| line == self.tabs_line)
    }

    pub(super) fn heading(&self, column: u16, line: u16) -> Option<Column> {
        at(&self.headings, column).filter(|_| line == self.headings_line)
    }

    /// Which line of the list on the screen this is.
    pub(super) fn line(&self, line: u16) -> Option<usize> {
        let (first, end) = self.list;
        (first..end).contains(&line).then(|| usize::from(line - first))
    }
}

fn at<T: Copy>(ranges: &[(u16, u16, T)], column: u16) -> Option<T> {
    ranges.iter().find(|(start, end, _)| (*start..*end).contains(&column)).map(|(_, _, what)| *what)
}
