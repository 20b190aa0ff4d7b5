//! Who is connected with whom: one line for the connections of one process with one peer in one state.

use super::grid::{Cell, Column, Grid};
use super::label::{LOCAL, Label};
use super::style::{ATTENTION, BOLD, FAINT};
use crate::columns::shown_remote;
use crate::counts;
use crate::screen::{Screen, ShownEndpoint, age};
use crate::view::View;
use anstyle::Style;
use netstat::{NetnsId, Protocol, Socket, State};
use std::collections::HashMap;
use std::time::Duration;

/// The connections of one line.
pub(super) struct Connection {
    pub(super) count: usize,
    /// Whether this end accepted it; `None` if that is not known.
    accepted: Option<bool>,
    process: Label,
    peer: Peer,
    protocol: Protocol,
    pub(super) netns: Option<NetnsId>,
    state: Option<State>,
    state_name: String,
    /// How long at least one of them has been in a state that should be short.
    lasts: Option<Duration>,
    /// The longest round trip time.
    rtt: Option<Duration>,
}

enum Peer {
    /// With the name of its port, after a space.
    Address(ShownEndpoint, String),
    Processes(Label),
    None,
}

impl Peer {
    fn full(&self) -> String {
        match self {
            Self::Address(address, _) => address.full(),
            Self::Processes(label) => label.full(),
            Self::None => String::new(),
        }
    }
}

/// From when on a state that waits for one end to close is worth a mark.
const TOO_LONG: Duration = Duration::from_secs(60);

/// Below this width the most frequent state is written as in `ss`.
const NARROW: usize = 60;

/// What the connections of one line have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    accepted: Option<bool>,
    process: String,
    peer: String,
    protocol: Protocol,
    state_name: String,
    netns: Option<NetnsId>,
}

/// All connections, the most first.
pub(super) fn folded(view: &View<'_>, screen: &Screen) -> Vec<Connection> {
    let snapshot = view.snapshot;
    let listed = snapshot.sockets.as_ptr_range();
    let is_listed = |socket: &Socket| listed.contains(&std::ptr::from_ref(socket));
    // Several datagram sockets may send to one.
    let is_mutual = |other, socket| snapshot.peer(other).is_some_and(|back| std::ptr::eq(back, socket));
    let accepted = |socket: &Socket| snapshot.direction(socket).and_then(|direction| direction.accepted);
    let mut lines: HashMap<Key, Connection> = HashMap::new();
    for socket in snapshot.sockets.iter().filter(|socket| !socket.is_listening()) {
        let other = snapshot.peer(socket).filter(|other| !std::ptr::eq(*other, socket));
        // A connection within this machine is one line, from the side that accepted it.
        if let Some(other) = other.filter(|other| is_listed(other) && is_mutual(other, socket)) {
            let rank = |socket: &Socket| {
                (accepted(socket) != Some(true), socket.local.port(), socket.inode(), socket.handle())
            };
            if rank(socket) > rank(other) {
                continue;
            }
        }
        let line = Connection::new(view, screen, socket, other, accepted(socket));
        let key = Key {
            accepted: line.accepted,
            process: line.process.full(),
            peer: line.peer.full(),
            protocol: line.protocol,
            state_name: line.state_name.clone(),
            netns: socket.netns,
        };
        match lines.get_mut(&key) {
            Some(known) => known.add(&line),
            None => {
                lines.insert(key, line);
            }
        }
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by(|(a_key, a), (b_key, b)| b.count.cmp(&a.count).then_with(|| a_key.cmp(b_key)));
    lines.into_iter().map(|(_, line)| line).collect()
}

impl Connection {
    fn new(
        view: &View<'_>,
        screen: &Screen,
        socket: &Socket,
        other: Option<&Socket>,
        accepted: Option<bool>,
    ) -> Self {
        let is_accepted = accepted == Some(true);
        let label = |socket: &Socket| Label::new(view, screen, socket.owners(), socket.ownership());
        let mut process = label(socket);
        if is_accepted && let Some(port) = socket.local.port() {
            process.suffix = format!(" :{port}");
        }
        let peer = match (other, shown_remote(view, socket)) {
            (Some(other), _) => {
                let mut peer = label(other);
                peer.suffix = LOCAL.to_owned();
                Peer::Processes(peer)
            }
            (None, Some(mut address)) => {
                // The port of a client says nothing.
                if is_accepted {
                    address.port.clear();
                    address.in_brackets = false;
                }
                if let Some(ip) = socket.remote.as_ref().and_then(|remote| remote.ip())
                    && ip.is_ipv6()
                    && ip.to_canonical().is_ipv4()
                {
                    address.address = ip.to_canonical().to_string();
                    address.in_brackets = false;
                }
                let service = socket.remote.as_ref().filter(|_| screen.is_wide() && !is_accepted);
                let service = service.and_then(|remote| remote.port());
                let service = service.and_then(|port| view.service_name(socket.protocol.as_str(), port));
                Peer::Address(address, service.map(|name| format!(" {name}")).unwrap_or_default())
            }
            (None, None) => Peer::None,
        };
        let tcp = socket.details().and_then(|details| details.tcp.as_ref());
        // Nothing but acknowledgements is received in these states, so they have lasted at least since the last one.
        let lasts = tcp.map(|tcp| tcp.last_ack_recv).filter(|since| {
            matches!(socket.state, Some(State::CloseWait | State::FinWait2)) && *since >= TOO_LONG
        });
        Self {
            count: 1,
            accepted,
            process,
            peer,
            protocol: socket.protocol,
            netns: socket.netns,
            state: socket.state,
            state_name: counts::kind(socket),
            lasts,
            rtt: tcp.and_then(|tcp| tcp.rtt),
        }
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.lasts = self.lasts.max(other.lasts);
        self.rtt = self.rtt.max(other.rtt);
    }

    fn row(&self, screen: &Screen) -> Vec<Cell> {
        let text = |style: Style, text: &str| Cell::Text(style, text.to_owned());
        let arrow = match (self.accepted, screen.unicode) {
            (Some(true), true) => "←",
            (Some(false), true) => "→",
            (None, true) => "↔",
            (Some(true), false) => "<-",
            (Some(false), false) => "->",
            (None, false) => "--",
        };
        let state = match self.state {
            Some(State::Established) | None => Style::new(),
            Some(State::TimeWait) => FAINT,
            Some(_) => ATTENTION,
        };
        let is_narrow = screen.width < NARROW && self.state == Some(State::Established);
        let state_name = if is_narrow { "estab" } else { &self.state_name };
        let protocol =
            if self.protocol == Protocol::Tcp { String::new() } else { format!("{} ", self.protocol) };
        vec![
            text(BOLD, &self.count.to_string()),
            text(Style::new(), arrow),
            Cell::Processes(self.process.clone()),
            match &self.peer {
                Peer::Address(address, service) => Cell::Address(address.clone(), service.clone()),
                Peer::Processes(label) => Cell::Processes(label.clone()),
                Peer::None => text(FAINT, "-"),
            },
            text(state, &format!("{protocol}{state_name}")),
            match (self.lasts, self.rtt.filter(|_| screen.is_wide())) {
                (Some(lasts), _) => text(ATTENTION, &format!("! {}", age(lasts))),
                (None, Some(rtt)) => text(FAINT, &round_trip(rtt)),
                (None, None) => text(FAINT, ""),
            },
        ]
    }
}

/// `12ms`, `0.1ms`, `0.01ms`.
fn round_trip(rtt: Duration) -> String {
    let micros = rtt.as_micros();
    match micros {
        10_000.. => format!("{}ms", micros / 1000),
        100.. => format!("{}.{}ms", micros / 1000, micros / 100 % 10),
        _ => format!("0.{:02}ms", micros / 10),
    }
}

/// What fits into so many lines, and the rest. A state that lasts too long is shown before others.
pub(super) fn most_notable(all: Vec<Connection>, room: usize) -> (Vec<Connection>, Vec<Connection>) {
    if all.len() <= room {
        return (all, Vec::new());
    }
    // A line says how many are left out.
    let mut room = room.saturating_sub(1);
    let flagged = all.iter().filter(|line| line.lasts.is_some()).count();
    let mut flagged_room = flagged.min(room.div_ceil(2));
    room -= flagged_room;
    all.into_iter().partition(|line| {
        let room = if line.lasts.is_some() && flagged_room > 0 { &mut flagged_room } else { &mut room };
        let has_room = *room > 0;
        *room = room.saturating_sub(1);
        has_room
    })
}

/// `148 established`, `1 connecting`, `3 closing`: sockets, so that both ends of a connection within this machine count.
pub(super) fn counts(sockets: &[Socket]) -> Vec<String> {
    let (mut established, mut connecting, mut closing) = (0, 0, 0);
    for socket in sockets.iter().filter(|socket| !socket.is_listening()) {
        match socket.state {
            Some(State::Established) | None => established += 1,
            Some(State::SynSent | State::SynReceived | State::CookieWait | State::CookieEchoed) => {
                connecting += 1
            }
            Some(_) => closing += 1,
        }
    }
    let counts = [(established, "established"), (connecting, "connecting"), (closing, "closing")];
    counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
}

/// The lines as cells.
pub(super) fn grid(connections: &[Connection], screen: &Screen) -> Grid {
    let column = Column { heading: "", is_right: false, before: 2, shrinks: None, goes: None };
    let columns = vec![
        Column { is_right: true, before: 0, ..column.clone() },
        Column { before: 1, ..column.clone() },
        Column { shrinks: Some((1, 11)), ..column.clone() },
        Column { shrinks: Some((0, 11)), ..column.clone() },
        Column { shrinks: Some((2, 5)), ..column.clone() },
        Column { is_right: true, goes: Some(0), ..column },
    ];
    let mut rows: Vec<_> = connections.iter().map(|connection| connection.row(screen)).collect();
    // Four columns for the count, as in the line on what is left out.
    for row in &mut rows {
        if let Some(Cell::Text(_, count)) = row.first_mut() {
            *count = format!("{count:>4}");
        }
    }
    Grid { columns, rows, title: None }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
