//! Draws the live view.

use super::column::Column;
use super::input::KEYS;
use super::list::Line;
use super::overlay::Overlay;
use super::pen::{Pen, padded};
use super::row::Row;
use super::settings::Part;
use super::state::Top;
use super::tab::Tab;
use super::world::{Change, Sums};
use crate::overview::Mark;
use crate::screen::{width_of, wrapped};
use ratatui::Frame;
use ratatui::style::{Modifier, Style};

/// Lines of the details.
const DETAILS: u16 = 6;

/// Below this, nothing could be read.
const LEAST: (u16, u16) = (40, 8);

impl Top {
    /// Draws the screen.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let mut pen = Pen::new(frame.buffer_mut(), &self.settings);
        if area.width < LEAST.0 || area.height < LEAST.1 {
            pen.text(
                0,
                0,
                &format!("lsock top needs {} columns and {} lines", LEAST.0, LEAST.1),
                Style::new(),
            );
            return;
        }
        let details = if self.has_details && area.height > 2 * DETAILS { DETAILS + 1 } else { 0 };
        let (first, end) = (3, area.height - 1 - details);
        self.areas.list = (first, end);
        self.areas.width = area.width;
        self.page = usize::from(end - first);
        let at = self.place().at;
        self.choose(at);
        self.title(&mut pen);
        self.tabs(&mut pen);
        self.lines(&mut pen, first, end);
        if details > 0 {
            self.details(&mut pen, end);
        }
        self.bottom(&mut pen, area.height - 1);
        match &self.overlay {
            Some(Overlay::Help(first)) => {
                let lines = help(usize::from(pen.width()));
                let last = lines.len().saturating_sub(pen.window_lines());
                let below = if last > 0 { "Esc: close  Down: more" } else { "Esc: close" };
                pen.window(" Keys ", lines.get(*first.min(&last)..).unwrap_or_default(), below);
            }
            Some(Overlay::Confirm(confirm)) => pen.window("", &confirm.lines, &confirm.question),
            Some(Overlay::Export(name)) => {
                pen.window(" Export to a file ", &[format!("{name}_")], "Enter: write  Esc: leave");
            }
            None => {}
        }
    }

    fn title(&self, pen: &mut Pen<'_>) {
        let Sums { sockets, listening, rates } = self.world.sums;
        let dot = pen.dot();
        let paused = if self.is_paused { format!("paused{dot}") } else { String::new() };
        let left = format!(" lsock {paused}{sockets} sockets{dot}{listening} listening");
        let amount = super::amount::amount;
        let right = format!("in {}/s  out {}/s ", amount(rates.down), amount(rates.up));
        pen.text(0, 0, &left, self.settings.style(Part::Heading));
        if width_of(&left) + width_of(&right) < usize::from(pen.width()) {
            pen.right(0, &right, Style::new());
        }
    }

    fn tabs(&mut self, pen: &mut Pen<'_>) {
        self.areas.tabs.clear();
        self.areas.tabs_line = 1;
        let is_filtered = !self.filter.text.is_empty() || self.filter.is_edited();
        // The filter needs room.
        let (is_narrow, is_single) = match pen.width() {
            ..70 => (true, is_filtered),
            70..110 => (is_filtered, false),
            _ => (false, false),
        };
        let mut column = 1;
        for (nth, tab) in Tab::ALL.into_iter().enumerate() {
            if is_single && tab != self.tab {
                continue;
            }
            let name = if is_narrow && tab != self.tab { "" } else { tab.name() };
            let text = format!("{} {name}", nth + 1);
            let text = format!("[{}]", text.trim_end());
            let style = if tab == self.tab { self.settings.style(Part::Chosen) } else { Style::new() };
            let end = pen.text(column, 1, &text, style);
            self.areas.tabs.push((column, end, tab));
            column = end + 1;
        }
        if !is_filtered {
            return;
        }
        let cursor = if self.filter.is_edited() { "_" } else { "" };
        let bad = if self.filter.error.is_some() { " !" } else { "" };
        let room = usize::from(pen.width()).saturating_sub(usize::from(column) + " filter: _ !".len());
        // What is typed is at its end.
        let typed = if self.filter.is_edited() {
            pen.cut_start(&self.filter.text, room)
        } else {
            pen.cut(&self.filter.text, room)
        };
        let filter = format!(" filter: {typed}{cursor}{bad}");
        let part = if self.filter.error.is_some() { Part::Warning } else { Part::Heading };
        pen.text(column, 1, &filter, self.settings.style(part));
    }

    fn lines(&mut self, pen: &mut Pen<'_>, first: u16, end: u16) {
        self.areas.headings.clear();
        self.areas.headings_line = 2;
        if self.tab == Tab::Events {
            pen.text(2, 2, "TIME      EVENT", self.settings.style(Part::Heading));
            return self.events(pen, first, end);
        }
        let columns = self.fitted_columns(usize::from(pen.width()).saturating_sub(4));
        let mut at = 4;
        for (column, width) in &columns {
            let order = &self.place().order;
            let mark = match (*column == order.column, column.is_descending() != order.is_reverse) {
                (false, _) => "",
                (true, true) => "-",
                (true, false) => "+",
            };
            let heading = padded(&format!("{mark}{}", column.heading()), *width, column.is_right());
            let width = u16::try_from(*width).unwrap_or(u16::MAX);
            pen.text(at, 2, &heading, self.settings.style(Part::Heading));
            self.areas.headings.push((at, at + width, *column));
            at += width + 1;
        }
        if self.list.lines.is_empty() {
            let why = if self.filter.text.is_empty() { "no sockets" } else { "no socket matches the filter" };
            pen.text(4, first, why, self.settings.style(Part::Faint));
        }
        for (nth, line) in (first..end).enumerate() {
            let at = self.place().first + nth;
            let Some(what) = self.list.lines.get(at).copied() else { break };
            self.line(pen, line, at, what, &columns);
        }
    }

    fn line(&self, pen: &mut Pen<'_>, y: u16, at: usize, line: Line, columns: &[(Column, usize)]) {
        let (row, group, inside) = match line {
            Line::Row { index, inside } => (self.world.rows.get(index), None, inside),
            Line::Group(group) => (None, self.list.groups.get(group), false),
            Line::Event(_) => return,
        };
        let (mark, style) = match (row, group) {
            (Some(row), _) if row.gone.is_some() => ("-", self.settings.style(Part::Gone)),
            (Some(row), _) if row.is_new(self.now) => ("+", self.settings.style(Part::New)),
            (Some(row), _) if row.lingers().is_some() => ("!", self.settings.style(Part::Warning)),
            (None, Some(group)) => (pen.fold_mark(group.is_open), Style::new()),
            _ => ("", Style::new()),
        };
        let is_chosen = at == self.place().at;
        let style = if is_chosen { style.patch(self.settings.style(Part::Chosen)) } else { style };
        if is_chosen {
            pen.fill(y, style);
        }
        let indent = if inside { 2 } else { 0 };
        pen.text(1 + indent, y, mark, style);
        if let Some((reach, character)) =
            row.filter(|row| row.socket.is_listening()).and_then(|row| pen.mark(&row.socket))
        {
            let part = match reach {
                Mark::All => Part::All,
                Mark::Network => Part::Network,
                Mark::Local => Part::Local,
            };
            if mark.is_empty() {
                let style = if is_chosen { style } else { self.settings.style(part) };
                pen.text(1 + indent, y, character, style);
            }
        }
        let mut x = 4;
        for (nth, (column, width)) in columns.iter().enumerate() {
            let cell = match (row, group) {
                (Some(row), _) => self.cell(row, *column),
                (None, Some(group)) => group.cell(*column, self.wall),
                (None, None) => return,
            };
            let shift = if nth == 0 { usize::from(indent) } else { 0 };
            let cell = pen.cut(&cell, width.saturating_sub(shift));
            let cell = padded(&cell, width.saturating_sub(shift), column.is_right());
            pen.text(x + if nth == 0 { indent } else { 0 }, y, &cell, style);
            x += u16::try_from(*width).unwrap_or(u16::MAX) + 1;
        }
    }

    /// A cell with what the row itself does not know: the direction of the connection, and the name of the host.
    fn cell(&self, row: &Row, column: Column) -> String {
        let cell = row.cell(column, self.wall);
        if column != Column::Peer || row.socket.remote.is_none() {
            return cell;
        }
        let named = row.socket.remote_addr().and_then(|end| {
            let name = self.names.as_ref()?.get(&end.ip().to_canonical())?.as_deref()?;
            Some(format!("{name}:{}", end.port()))
        });
        let cell = named.unwrap_or(cell);
        let arrow = match (row.accepted, self.settings.unicode) {
            _ if row.socket.local.port().is_none() => return cell,
            (Some(true), true) => "←",
            (Some(false), true) => "→",
            (None, true) => "↔",
            (Some(true), false) => "<-",
            (Some(false), false) => "->",
            (None, false) => "--",
        };
        format!("{arrow} {cell}")
    }

    fn events(&self, pen: &mut Pen<'_>, first: u16, end: u16) {
        for (nth, y) in (first..end).enumerate() {
            let at = self.place().first + nth;
            let Some(Line::Event(index)) = self.list.lines.get(at) else { break };
            let Some(event) = self.world.events.get(*index) else { break };
            let (mark, part) = match event.change {
                Change::Opened => ("+", Part::New),
                Change::Closed => ("-", Part::Gone),
                Change::State => ("~", Part::Faint),
            };
            let mut style = self.settings.style(part);
            if at == self.place().at {
                style = style.patch(self.settings.style(Part::Chosen));
                pen.fill(y, style);
            }
            let time = pen.time(event.at, self.wall);
            pen.text(1, y, &format!("{mark}{time}  {}", event.text), style);
        }
    }

    /// The columns that fit, each with its width: the least of each, and the rest to those that take it.
    pub(super) fn fitted_columns(&self, width: usize) -> Vec<(Column, usize)> {
        let mut columns = self.columns();
        let needed = |columns: &[Column]| columns.iter().map(|it| it.width().0 + 1).sum::<usize>();
        while columns.len() > 1 && needed(&columns) > width + 1 {
            let last = columns.iter().enumerate().max_by_key(|(_, it)| it.goes()).map_or(0, |(at, _)| at);
            columns.remove(last);
        }
        let mut room = (width + 1).saturating_sub(needed(&columns));
        let mut shares: usize = columns.iter().map(|it| it.width().1).sum();
        columns
            .into_iter()
            .map(|column| {
                let (least, share) = column.width();
                let more = (room * share).checked_div(shares).unwrap_or(0);
                room -= more;
                shares -= share;
                (column, least + more)
            })
            .collect()
    }

    fn bottom(&self, pen: &mut Pen<'_>, y: u16) {
        let shown = match (self.filter.is_edited(), &self.filter.error, self.message()) {
            (true, Some(error), _) => (error.clone(), Part::Warning),
            (_, _, Some(message)) => (message.to_owned(), Part::Warning),
            _ => match &self.world.unseen {
                Some(unseen) if pen.width() >= 120 => (format!("{KEYS_IN_SHORT}   ({unseen})"), Part::Faint),
                _ => (KEYS_IN_SHORT.to_owned(), Part::Faint),
            },
        };
        pen.fill(y, Style::new().remove_modifier(Modifier::REVERSED));
        pen.text(1, y, &shown.0, self.settings.style(shown.1));
    }
}

/// The keys with what they do, in lines of a window on a screen of this width.
fn help(width: usize) -> Vec<String> {
    /// Room for a key.
    const KEY: usize = 20;
    let room = width.saturating_sub(4);
    // On a narrow screen what it does stands below the key.
    let (indent, is_beside) = if room >= 3 * KEY { (KEY + 1, true) } else { (2, false) };
    let lines = |(key, does): &(&str, &str)| {
        let does = wrapped(&[(*does).to_owned()], "", room.saturating_sub(indent));
        let mut lines: Vec<String> =
            does.into_iter().map(|line| format!("{}{line}", " ".repeat(indent))).collect();
        match lines.first_mut().filter(|_| is_beside) {
            Some(first) => first.replace_range(..indent, &format!("{key:<indent$}")),
            None => lines.insert(0, (*key).to_owned()),
        }
        lines
    };
    KEYS.iter().flat_map(lines).collect()
}

const KEYS_IN_SHORT: &str =
    "? help  / filter  s sort  g group  Enter details  n names  x close  K kill  e export  p pause  q quit";
