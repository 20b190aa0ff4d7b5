//! The columns of the live view: their names, widths, and what stands in them.

use super::amount::amount;
use super::row::{Rates, Row};
use crate::overview::round_trip;
use crate::screen::age;
use std::net::IpAddr;
use std::time::SystemTime;

/// A column.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Column {
    Process,
    Pid,
    User,
    Proto,
    Local,
    Peer,
    State,
    Queue,
    Rtt,
    Down,
    Up,
    Listening,
    Connections,
    Age,
}

impl Column {
    pub(super) const ALL: [Self; 14] = [
        Self::Process,
        Self::Pid,
        Self::User,
        Self::Proto,
        Self::Local,
        Self::Peer,
        Self::State,
        Self::Queue,
        Self::Rtt,
        Self::Down,
        Self::Up,
        Self::Listening,
        Self::Connections,
        Self::Age,
    ];

    /// Its name in the file of settings, and in capitals its heading.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Pid => "pid",
            Self::User => "user",
            Self::Proto => "proto",
            Self::Local => "local",
            Self::Peer => "peer",
            Self::State => "state",
            Self::Queue => "queue",
            Self::Rtt => "rtt",
            Self::Down => "down",
            Self::Up => "up",
            Self::Listening => "listening",
            Self::Connections => "connections",
            Self::Age => "age",
        }
    }

    pub(super) fn heading(self) -> String {
        match self {
            Self::Down => "IN/S".to_owned(),
            Self::Up => "OUT/S".to_owned(),
            Self::Listening => "LISTEN".to_owned(),
            Self::Connections => "CONN".to_owned(),
            Self::Age => "UP".to_owned(),
            _ => self.name().to_ascii_uppercase(),
        }
    }

    /// The least width, and what it takes of the room that is left.
    pub(super) fn width(self) -> (usize, usize) {
        match self {
            Self::Process => (9, 2),
            Self::Pid => (7, 0),
            Self::User => (8, 1),
            Self::Proto => (5, 0),
            Self::Local | Self::Peer => (13, 4),
            Self::State => (11, 0),
            Self::Queue | Self::Rtt => (7, 0),
            Self::Down | Self::Up => (5, 0),
            Self::Listening => (6, 0),
            Self::Connections | Self::Age => (4, 0),
        }
    }

    /// Which column goes first where there is no room for all: the highest.
    pub(super) fn goes(self) -> u8 {
        match self {
            Self::Process => 0,
            Self::Peer => 1,
            Self::Down | Self::Listening => 2,
            Self::Local => 3,
            Self::Up | Self::Connections => 4,
            Self::State => 5,
            Self::Proto => 6,
            Self::Pid => 7,
            Self::Queue => 8,
            Self::Age => 9,
            Self::Rtt => 10,
            Self::User => 11,
        }
    }

    pub(super) fn is_right(self) -> bool {
        matches!(
            self,
            Self::Pid
                | Self::Queue
                | Self::Rtt
                | Self::Down
                | Self::Up
                | Self::Listening
                | Self::Connections
                | Self::Age
        )
    }

    /// Whether the largest comes first when the list is sorted by it.
    pub(super) fn is_descending(self) -> bool {
        matches!(self, Self::Rtt | Self::Down | Self::Up | Self::Listening | Self::Connections | Self::Queue)
    }
}

/// By what lines are compared: numbers before texts, and what is not known last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortKey {
    Number(u64),
    /// An address with its port.
    Place(IpAddr, u16),
    Text(String),
    Unknown,
}

pub(super) fn number(number: Option<u64>) -> SortKey {
    number.map_or(SortKey::Unknown, SortKey::Number)
}

pub(super) fn rate(column: Column, rates: Option<Rates>) -> Option<u64> {
    rates.map(|rates| if column == Column::Down { rates.down } else { rates.up })
}

fn waiting(row: &Row) -> Option<u64> {
    row.socket.queues.map(|queues| u64::from(queues.receive()))
}

fn since(started: Option<SystemTime>, now: SystemTime) -> Option<std::time::Duration> {
    now.duration_since(started?).ok()
}

impl Row {
    pub(super) fn sort_key(&self, column: Column) -> SortKey {
        let holder = self.holder.as_ref();
        let text =
            |text: Option<&str>| text.map_or(SortKey::Unknown, |text| SortKey::Text(text.to_lowercase()));
        let place = |end: Option<std::net::SocketAddr>, or: String| match end {
            Some(end) => SortKey::Place(end.ip().to_canonical(), end.port()),
            None => SortKey::Text(or),
        };
        match column {
            Column::Process => text(holder.map(|holder| holder.name.as_str())),
            Column::Pid => number(holder.map(|holder| holder.pid().into())),
            Column::User => text(holder.and_then(|holder| holder.user.as_deref())),
            Column::Proto => SortKey::Text(self.socket.protocol.to_string()),
            Column::Local => match self.socket.local.port() {
                // People look for a port.
                Some(port) if self.socket.is_listening() => SortKey::Number(port.into()),
                _ => place(self.socket.local_addr(), self.socket.local.to_string()),
            },
            Column::Peer => match &self.socket.remote {
                Some(remote) => place(remote.socket_addr(), remote.to_string()),
                None => SortKey::Unknown,
            },
            Column::State => SortKey::Text(self.state_name().to_owned()),
            Column::Queue => number(waiting(self)),
            Column::Rtt => number(self.rtt().and_then(|rtt| u64::try_from(rtt.as_micros()).ok())),
            Column::Down | Column::Up => number(rate(column, self.rates)),
            Column::Listening => SortKey::Number(self.socket.is_listening().into()),
            Column::Connections => SortKey::Number((!self.socket.is_listening()).into()),
            Column::Age => match holder.and_then(|holder| holder.started()) {
                Some(started) => {
                    let since = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                    SortKey::Number(u64::MAX - since.as_secs())
                }
                None => SortKey::Unknown,
            },
        }
    }

    /// What stands in the column, escaped. The ends are added by the view, which has the names of hosts.
    pub(super) fn cell(&self, column: Column, now: SystemTime) -> String {
        let holder = self.holder.as_ref();
        let dash = || "-".to_owned();
        match column {
            Column::Process => match holder {
                Some(holder) => holder.name.clone(),
                None => self.socket.ownership().reason().map_or_else(dash, |why| format!("({why})")),
            },
            Column::Pid => match (holder, self.others) {
                (None, _) => dash(),
                (Some(holder), 0) => holder.pid().to_string(),
                (Some(holder), others) => format!("{}+{others}", holder.pid()),
            },
            Column::User => holder.and_then(|holder| holder.user.clone()).unwrap_or_else(dash),
            Column::Proto => self.socket.protocol.to_string(),
            Column::Local => self.socket.local.to_string(),
            Column::Peer => self.socket.remote.as_ref().map_or_else(dash, ToString::to_string),
            Column::State => match self.lingers() {
                Some(since) => format!("{} ! {}", self.state_name(), age(since)),
                None => self.state_name().to_owned(),
            },
            Column::Queue => waiting(self).map_or_else(dash, |waiting| waiting.to_string()),
            Column::Rtt => self.rtt().map_or_else(dash, round_trip),
            Column::Down | Column::Up => rate(column, self.rates).map_or_else(dash, amount),
            Column::Listening | Column::Connections => String::new(),
            Column::Age => since(holder.and_then(|it| it.started()), now).map_or_else(dash, age),
        }
    }
}
