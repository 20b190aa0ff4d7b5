//! What keys and the mouse do.

use super::overlay::{Action, Overlay};
use super::state::{Effect, Top};
use super::tab::Tab;
use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use std::collections::HashMap;
use std::path::PathBuf;

/// The keys with what they do: the help of the view and that of the command.
pub const KEYS: &[(&str, &str)] = &[
    ("1-5, Tab, Shift-Tab", "the tabs: listening, connections, processes, peers, events"),
    ("Up, Down, j, k", "choose a line; also PageUp, PageDown, Home, End, the mouse"),
    ("Right, Left, Space", "unfold, fold, either"),
    ("Enter", "details of what is chosen: command, parents, TCP, rates"),
    ("/", "a filter as of lsock; Enter keeps it, Esc restores the last"),
    ("Esc", "close a window; clear the filter"),
    ("s, S", "sort by the next column, the other way; or click a heading"),
    ("g", "group by process: listening, connections"),
    ("n", "names of hosts instead of addresses"),
    ("p", "pause"),
    ("x", "close the socket, or those of a group, if confirmed (Linux)"),
    ("K", "end the process, or all that hold the socket, if confirmed"),
    ("e", "export this tab: to .csv, .json, .jsonl, or as the table"),
    ("?", "this help"),
    ("q, Ctrl-C", "quit"),
];

/// How many lines the wheel of a mouse moves.
const WHEEL: usize = 3;

impl Top {
    /// A key is pressed.
    pub fn key(&mut self, key: KeyEvent) -> Option<Effect> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return (key.code == KeyCode::Char('c')).then_some(Effect::Quit);
        }
        if let Some(overlay) = self.overlay.take() {
            return self.key_of_overlay(overlay, key.code);
        }
        if self.filter.is_edited() {
            return self.key_of_filter(key.code);
        }
        self.key_of_list(key.code)
    }

    fn key_of_list(&mut self, code: KeyCode) -> Option<Effect> {
        let at = self.place().at;
        let page = self.page.max(1);
        match code {
            KeyCode::Char('q') => return Some(Effect::Quit),
            KeyCode::Char(digit @ '1'..='5') => {
                let nth = digit as usize - '1' as usize;
                self.show(Tab::ALL[nth]);
            }
            KeyCode::Tab => self.show(self.next_tab(1)),
            KeyCode::BackTab => self.show(self.next_tab(Tab::ALL.len() - 1)),
            KeyCode::Up | KeyCode::Char('k') => self.choose(at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.choose(at + 1),
            KeyCode::PageUp => self.choose(at.saturating_sub(page)),
            KeyCode::PageDown => self.choose(at + page),
            KeyCode::Home => self.choose(0),
            KeyCode::End => self.choose(usize::MAX),
            KeyCode::Right => self.fold(Some(true)),
            KeyCode::Left => self.fold(Some(false)),
            KeyCode::Char(' ') => self.fold(None),
            KeyCode::Enter => self.has_details = !self.has_details,
            KeyCode::Char('/') => self.filter.edit(),
            KeyCode::Esc if !self.filter.text.is_empty() => return self.filter.clear().map(Effect::Filter),
            KeyCode::Char('s') => self.sort_by_next(),
            KeyCode::Char('S') => {
                let column = self.place().order.column;
                self.sort_by(column);
            }
            KeyCode::Char('g') => {
                let order = &mut self.place_mut().order;
                order.is_grouped = !order.is_grouped;
                self.relist();
            }
            KeyCode::Char('n') => {
                self.names = if self.names.is_none() { Some(HashMap::new()) } else { None };
            }
            KeyCode::Char('p') => {
                self.is_paused = !self.is_paused;
                return Some(Effect::Pause(self.is_paused));
            }
            KeyCode::Char('x') => self.ask_to_destroy(),
            KeyCode::Char('K') => self.ask_to_kill(),
            KeyCode::Char('e') => self.overlay = Some(Overlay::Export("lsock.csv".to_owned())),
            KeyCode::Char('?') | KeyCode::F(1) => self.overlay = Some(Overlay::Help(0)),
            _ => {}
        }
        None
    }

    fn next_tab(&self, by: usize) -> Tab {
        let at = Tab::ALL.iter().position(|tab| *tab == self.tab).unwrap_or(0);
        Tab::ALL[(at + by) % Tab::ALL.len()]
    }

    fn sort_by_next(&mut self) {
        // Of the columns that fit, so that the heading shows by which it is sorted.
        let columns: Vec<_> = self
            .fitted_columns(usize::from(self.areas.width).saturating_sub(4))
            .into_iter()
            .map(|(column, _)| column)
            .collect();
        let now = self.place().order.column;
        let at = columns.iter().position(|column| *column == now);
        let next = at.map_or(0, |at| (at + 1) % columns.len().max(1));
        if let Some(column) = columns.get(next) {
            self.place_mut().order.is_reverse = false;
            self.place_mut().order.column = *column;
            self.relist();
        }
    }

    fn key_of_filter(&mut self, code: KeyCode) -> Option<Effect> {
        let filter = match code {
            KeyCode::Char(c) => self.filter.type_in(Some(c)),
            KeyCode::Backspace => self.filter.type_in(None),
            KeyCode::Enter => self.filter.end(true),
            KeyCode::Esc => self.filter.end(false),
            _ => None,
        };
        filter.map(Effect::Filter)
    }

    fn key_of_overlay(&mut self, overlay: Overlay, code: KeyCode) -> Option<Effect> {
        const TERM: i32 = 15;
        const KILL: i32 = 9;
        match (overlay, code) {
            (Overlay::Confirm(confirm), KeyCode::Char('y' | 'Y')) => {
                return Some(match confirm.action {
                    Action::Destroy(sockets) => Effect::Destroy(sockets),
                    Action::End(targets) => Effect::Signal(targets, TERM),
                });
            }
            (Overlay::Confirm(confirm), KeyCode::Char('9')) if matches!(confirm.action, Action::End(_)) => {
                if let Action::End(targets) = confirm.action {
                    return Some(Effect::Signal(targets, KILL));
                }
            }
            (Overlay::Confirm(_), KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc) => {
                self.report("nothing was done");
            }
            (Overlay::Help(_), KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?')) => {}
            (Overlay::Help(first), KeyCode::Down | KeyCode::Char('j')) => {
                // There is more than a line for each key on a narrow screen.
                self.overlay = Some(Overlay::Help((first + 1).min(4 * KEYS.len())));
            }
            (Overlay::Help(first), KeyCode::Up | KeyCode::Char('k')) => {
                self.overlay = Some(Overlay::Help(first.saturating_sub(1)));
            }
            (Overlay::Export(_), KeyCode::Esc) => {}
            (Overlay::Export(name), KeyCode::Enter) if !name.is_empty() => {
                return Some(Effect::Export(PathBuf::from(name)));
            }
            (Overlay::Export(mut name), code) => {
                match code {
                    KeyCode::Char(c) => name.push(c),
                    KeyCode::Backspace => drop(name.pop()),
                    _ => {}
                }
                self.overlay = Some(Overlay::Export(name));
            }
            (overlay, _) => self.overlay = Some(overlay),
        }
        None
    }

    /// The mouse does something.
    pub fn mouse(&mut self, mouse: MouseEvent) {
        if self.overlay.is_some() {
            return;
        }
        let (at, first) = (self.place().at, self.place().first);
        match mouse.kind {
            MouseEventKind::ScrollUp => self.choose(at.saturating_sub(WHEEL)),
            MouseEventKind::ScrollDown => self.choose(at + WHEEL),
            MouseEventKind::Down(MouseButton::Left) => {
                if let Some(tab) = self.areas.tab(mouse.column, mouse.row) {
                    self.show(tab);
                } else if let Some(column) = self.areas.heading(mouse.column, mouse.row) {
                    self.sort_by(column);
                } else if let Some(line) = self.areas.line(mouse.row)
                    && first + line < self.list.lines.len()
                {
                    self.choose(first + line);
                }
            }
            _ => {}
        }
    }
}
