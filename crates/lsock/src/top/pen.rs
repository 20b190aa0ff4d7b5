//! Writes text into the cells of a screen.

use super::settings::Settings;
use crate::overview::Mark;
use crate::screen::{Screen, cut_middle, cut_start, start_of, width_of};
use netstat::{Exposure, NetnsId, Socket};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use std::time::SystemTime;

/// Writes within the screen, and never beyond it.
pub(super) struct Pen<'b> {
    buffer: &'b mut Buffer,
    screen: Screen,
}

impl<'b> Pen<'b> {
    pub(super) fn new(buffer: &'b mut Buffer, settings: &Settings) -> Self {
        let usual = Screen::new(|_| None, None);
        let utc_offset = settings.utc_offset.unwrap_or(usual.utc_offset);
        Self { screen: Screen { unicode: settings.unicode, utc_offset, ..usual }, buffer }
    }

    pub(super) fn width(&self) -> u16 {
        self.buffer.area.width
    }

    pub(super) fn unicode(&self) -> bool {
        self.screen.unicode
    }

    pub(super) fn dot(&self) -> &'static str {
        self.screen.dot()
    }

    /// Text without its middle, if it is too long.
    pub(super) fn cut(&self, text: &str, width: usize) -> String {
        cut_middle(&self.screen, text, width)
    }

    /// Text without its start, if it is too long.
    pub(super) fn cut_start(&self, text: &str, width: usize) -> String {
        cut_start(&self.screen, text, width)
    }

    pub(super) fn fold_mark(&self, is_open: bool) -> &'static str {
        match (is_open, self.screen.unicode) {
            (true, true) => "▾",
            (false, true) => "▸",
            (true, false) => "v",
            (false, false) => ">",
        }
    }

    /// How far the address of a listener reaches, and the character for it.
    pub(super) fn mark(&self, socket: &Socket) -> Option<(Mark, &'static str)> {
        // Rows name their namespace only where several are listed.
        let mark = Mark::of(Exposure::of(socket, socket.netns.and_then(|_| NetnsId::current()))?);
        Some((mark, mark.character(&self.screen)))
    }

    pub(super) fn time(&self, time: SystemTime, now: SystemTime) -> String {
        self.screen.time(time, now).unwrap_or_default()
    }

    /// Writes what fits of a text. Returns the column behind it.
    pub(super) fn text(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let area = self.buffer.area;
        if x >= area.width || y >= area.height {
            return x;
        }
        let room = usize::from(area.width - x);
        self.buffer.set_stringn(x, y, start_of(text, room), room, style).0
    }

    /// Writes a text at the right end of a line.
    pub(super) fn right(&mut self, y: u16, text: &str, style: Style) {
        let width = u16::try_from(width_of(text)).unwrap_or(u16::MAX);
        self.text(self.width().saturating_sub(width), y, text, style);
    }

    /// Gives a line a style, and empties it.
    pub(super) fn fill(&mut self, y: u16, style: Style) {
        let line = " ".repeat(usize::from(self.width()));
        self.text(0, y, &line, style);
    }

    /// How many lines a window shows, besides its title and the line at its lower end.
    pub(super) fn window_lines(&self) -> usize {
        usize::from(self.buffer.area.height.saturating_sub(4))
    }

    /// A window in the middle of the screen, with a line at its lower end that stays whatever does not fit.
    pub(super) fn window(&mut self, title: &str, lines: &[String], below: &str) {
        let area = self.buffer.area;
        let widest = lines.iter().map(|line| width_of(line)).chain([width_of(below), width_of(title)]).max();
        let width = u16::try_from(widest.unwrap_or(0) + 4).unwrap_or(u16::MAX).min(area.width);
        let room = self.window_lines();
        let shown = lines.len().min(room);
        let hidden = lines.len() - shown;
        let height = u16::try_from(shown).unwrap_or(u16::MAX).saturating_add(4).min(area.height);
        let window = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
        let blank = " ".repeat(usize::from(width));
        let style = Style::new().add_modifier(Modifier::REVERSED);
        for y in window.y..window.y + height {
            self.text(window.x, y, &blank, Style::new());
        }
        self.text(window.x, window.y, &blank, style);
        self.text(window.x + 1, window.y, title, style);
        let inner = usize::from(width.saturating_sub(4));
        for (nth, line) in lines.iter().take(shown).enumerate() {
            let y = window.y + 1 + u16::try_from(nth).unwrap_or(u16::MAX);
            self.text(window.x + 2, y, start_of(line, inner), Style::new());
        }
        let more = if hidden > 0 { format!("and {hidden} more") } else { String::new() };
        self.text(window.x + 2, window.y + height - 3, &more, Style::new());
        self.text(window.x, window.y + height - 1, &blank, style);
        self.text(window.x + 1, window.y + height - 1, start_of(below, inner + 2), style);
    }
}

/// Text of exactly so many columns.
pub(super) fn padded(text: &str, width: usize, is_right: bool) -> String {
    let text = start_of(text, width);
    let blank = " ".repeat(width - width_of(text));
    if is_right { format!("{blank}{text}") } else { format!("{text}{blank}") }
}
