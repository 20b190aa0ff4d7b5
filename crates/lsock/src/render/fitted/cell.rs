//! A cell of the table on a terminal, in full and in so many columns.

use super::fit::Need;
use crate::columns::{Absent, Column, OnScreen, shown_local, shown_remote};
use crate::holders::Holders;
use crate::screen::{Screen, ShownEndpoint, cut_end, cut_middle, long_reason, short_reason, width_of};
use crate::view::View;
use netstat::{Ownership, Socket, State};
use std::time::SystemTime;

/// What cells are made from.
pub(super) struct Cells<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) screen: &'a Screen,
}

/// A cell before it is fitted.
pub(super) enum Cell {
    Text(String),
    Endpoint(ShownEndpoint),
    /// A text, and what follows it faintly if there is room.
    Followed(String, String),
    /// A text, and a shorter one of the same meaning.
    Either(String, String),
    /// No value.
    Absent(&'static str),
}

/// What is written: a text, and what follows it faintly.
pub(super) struct FittedCell {
    pub(super) text: String,
    pub(super) faint: String,
}

impl Cell {
    pub(super) fn measure(&self, need: &mut Need) {
        let width = match self {
            Self::Text(text) | Self::Either(text, _) => width_of(text),
            Self::Endpoint(end) => width_of(&end.full()),
            Self::Followed(text, faint) => width_of(text) + width_of(faint),
            Self::Absent(text) => text.len(),
        };
        need.width = need.width.max(width);
        need.says_something |= !matches!(self, Self::Absent(_));
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Either(text, _) | Self::Followed(text, _) => text,
            Self::Endpoint(end) => end.full(),
            Self::Absent(text) => text.to_owned(),
        }
    }
}

impl Cells<'_> {
    /// The cell with room for everything.
    pub(super) fn full(&self, column: &Column, socket: &Socket) -> Cell {
        let special = match column.on_screen {
            OnScreen::Text | OnScreen::User | OnScreen::Host | OnScreen::Below => None,
            OnScreen::Local => shown_local(self.view, socket).map(Cell::Endpoint),
            OnScreen::Remote => shown_remote(self.view, socket).map(Cell::Endpoint),
            OnScreen::State => short_state(socket.state).map(|short| {
                let mut long = String::new();
                column.push(self.view, socket, &mut long);
                Cell::Either(long, short.to_owned())
            }),
            OnScreen::Pids => self.pids(socket),
            OnScreen::Processes => self.processes(socket),
            OnScreen::Started => self.started(socket),
            OnScreen::Created => socket.created().and_then(|time| self.time(time)).map(Cell::Text),
        };
        special.unwrap_or_else(|| self.plain(column, socket))
    }

    /// As in a pipe; with reasons in words.
    fn plain(&self, column: &Column, socket: &Socket) -> Cell {
        let mut text = String::new();
        column.push(self.view, socket, &mut text);
        if !text.is_empty() {
            return Cell::Text(text);
        }
        match column.absent {
            Absent::Dash => Cell::Absent("-"),
            Absent::AnyEndpoint => Cell::Absent("*:*"),
            Absent::Reason => self.reason(socket).unwrap_or(Cell::Absent("-")),
        }
    }

    fn reason(&self, socket: &Socket) -> Option<Cell> {
        let long = long_reason(socket.ownership(), self.screen.more_rights)?;
        Some(Cell::Either(long, short_reason(socket.ownership())?))
    }

    fn pids(&self, socket: &Socket) -> Option<Cell> {
        let holders = Holders::new(self.view, socket.owners())?;
        let is_complete =
            !self.screen.marks_incomplete || socket.ownership() != Ownership::Known { complete: false };
        Some(Cell::Text(holders.pids(is_complete)))
    }

    fn processes(&self, socket: &Socket) -> Option<Cell> {
        let holders = Holders::new(self.view, socket.owners())?;
        let names = holders.names();
        if names.is_empty() {
            return None;
        }
        let script = holders.script.filter(|_| self.screen.is_wide());
        Some(Cell::Followed(names, script.map(|script| format!(" {script}")).unwrap_or_default()))
    }

    /// When the master started.
    fn started(&self, socket: &Socket) -> Option<Cell> {
        let master = Holders::new(self.view, socket.owners())?.master;
        let owner = socket.owners().iter().find(|owner| owner.pid == master)?;
        Some(Cell::Text(self.time(self.view.process_of(owner)?.raw.start_time?)?))
    }

    fn time(&self, time: SystemTime) -> Option<String> {
        self.screen.time(time, self.view.snapshot.taken_at)
    }

    /// The cell in so many columns.
    pub(super) fn fitted(&self, column: &Column, socket: &Socket, width: usize) -> FittedCell {
        let cut = |text: String| cut_end(self.screen, &text, width);
        let (text, faint) = match self.full(column, socket) {
            Cell::Text(text) if column.on_screen == OnScreen::Host => {
                (cut_middle(self.screen, &text, width), String::new())
            }
            Cell::Text(text) => (cut(text), String::new()),
            Cell::Absent(text) => (text.to_owned(), String::new()),
            Cell::Endpoint(end) => (end.fitted(self.screen, width), String::new()),
            Cell::Either(long, short) => {
                (cut(if width_of(&long) <= width { long } else { short }), String::new())
            }
            Cell::Followed(text, faint) => {
                let text = cut(text);
                let room = width - width_of(&text);
                // No room for a part that says anything.
                const MIN_FAINT: usize = 6;
                let faint = if room < MIN_FAINT.min(width_of(&faint)) {
                    String::new()
                } else {
                    cut_end(self.screen, &faint, room)
                };
                (text, faint)
            }
        };
        FittedCell { text, faint }
    }
}

/// As `ss` has them, where that is shorter.
fn short_state(state: Option<State>) -> Option<&'static str> {
    Some(match state? {
        State::Established => "ESTAB",
        State::SynSent => "SYNSNT",
        State::SynReceived => "SYNRCV",
        State::FinWait1 => "FIN1",
        State::FinWait2 => "FIN2",
        State::CloseWait => "CLOSEW",
        State::Closing => "CLOSNG",
        State::LastAck => "LASTAK",
        State::TimeWait => "TIMEW",
        _ => return None,
    })
}
