//! Lines that are never wider than the terminal.

use super::Screen;
use super::text::{cut_end, width_of};
use crate::digits::push_display;
use anstyle::Style;

/// Collects lines. What does not fit on a line is cut: this is the one place that guarantees it.
pub(crate) struct Lines<'s> {
    screen: &'s Screen,
    text: String,
    /// The column after the last text of this line.
    used: usize,
    /// Spaces that are written with the text that follows them, so that no line ends in a space.
    spaces: usize,
    /// Whether text of this line was cut.
    is_cut: bool,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(screen: &'s Screen) -> Self {
        Self { screen, text: String::new(), used: 0, spaces: 0, is_cut: false }
    }

    /// The column at which the next text begins.
    pub(crate) fn column(&self) -> usize {
        self.used + self.spaces
    }

    /// Appends text, cut at the edge of the terminal.
    pub(crate) fn push(&mut self, style: Style, text: &str) {
        let room = self.screen.width.saturating_sub(self.column());
        let width = width_of(text);
        if room == 0 || text.is_empty() || self.is_cut {
            return;
        }
        let blank = text.len() - text.trim_start_matches(' ').len();
        if blank == text.len() {
            self.spaces += blank;
            return;
        }
        self.text.extend(std::iter::repeat_n(' ', self.spaces));
        self.used = self.column();
        self.spaces = 0;
        let cut;
        let shown = if width <= room {
            text
        } else {
            cut = cut_end(self.screen, text, room);
            self.is_cut = true;
            &cut
        };
        self.used += width_of(shown);
        if self.screen.color && style != Style::new() {
            push_display(&mut self.text, format_args!("{style}{shown}{style:#}"));
        } else {
            self.text.push_str(shown);
        }
    }

    /// Moves to a column, unless the line has passed it.
    pub(crate) fn move_to(&mut self, column: usize) {
        self.spaces += column.saturating_sub(self.column());
    }

    /// Ends the line.
    pub(crate) fn end(&mut self) {
        self.text.push('\n');
        self.used = 0;
        self.spaces = 0;
        self.is_cut = false;
    }

    /// All lines.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_edge_and_do_not_end_in_spaces() {
        let screen = Screen { width: 20, unicode: true, ..Screen::new(|_| None, None) };
        let mut lines = Lines::new(&screen);
        lines.push(Style::new(), "left");
        lines.move_to(10);
        lines.push(Style::new(), "a longer text than fits");
        lines.push(Style::new(), "more");
        lines.end();
        lines.push(Style::new(), "x");
        lines.move_to(15);
        lines.push(Style::new(), "  ");
        lines.end();
        lines.push(Style::new(), "日本語日本語日本語日本語");
        lines.end();
        assert_eq!(lines.into_text(), "left      a longer…\nx\n日本語日本語日本語…\n");
    }

    #[test]
    fn styles_take_no_room_and_are_written_for_colour_alone() {
        let mut screen = Screen { width: 20, ..Screen::new(|_| None, None) };
        let written = |screen: &Screen| {
            let mut lines = Lines::new(screen);
            lines.push(Style::new().bold(), "12345678901234567890");
            lines.push(Style::new().bold(), "1");
            lines.into_text()
        };
        assert_eq!(written(&screen), "12345678901234567890");
        screen.color = true;
        assert_eq!(written(&screen), "\x1b[1m12345678901234567890\x1b[0m");
    }
}
