//! The lines of a tab: sockets, or groups of them, in their order.

use super::column::{Column, SortKey};
use super::row::{Rates, Row};
use super::world::World;
use netstat::SocketKey;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

/// A tab.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tab {
    Listening,
    Connections,
    Processes,
    Peers,
    Events,
}

impl Tab {
    pub(super) const ALL: [Self; 5] =
        [Self::Listening, Self::Connections, Self::Processes, Self::Peers, Self::Events];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Connections => "Connections",
            Self::Processes => "Processes",
            Self::Peers => "Peers",
            Self::Events => "Events",
        }
    }

    /// The columns, unless the settings have others.
    pub(super) fn columns(self) -> Vec<Column> {
        use Column::{
            Age, Connections, Down, Listening, Local, Peer, Pid, Process, Proto, Queue, Rtt, State, Up, User,
        };
        match self {
            Self::Listening => vec![Proto, Local, Process, Pid, User, Queue, Age],
            Self::Connections => vec![Process, Pid, Proto, Local, Peer, State, Rtt, Down, Up],
            Self::Processes => vec![Process, Pid, User, Local, Peer, Listening, Connections, Down, Up, Age],
            Self::Peers => vec![Peer, Process, Local, Connections, Down, Up],
            Self::Events => Vec::new(),
        }
    }

    pub(super) fn sorted_by(self) -> Column {
        match self {
            Self::Listening => Column::Local,
            Self::Connections | Self::Events => Column::Process,
            Self::Processes | Self::Peers => Column::Connections,
        }
    }

    fn has(self, row: &Row) -> bool {
        match self {
            Self::Listening => row.socket.is_listening(),
            Self::Connections => !row.socket.is_listening(),
            Self::Processes => true,
            Self::Peers => row.socket.remote.is_some(),
            Self::Events => false,
        }
    }
}

/// What the sockets of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum GroupKey {
    Process(u32),
    /// No process that is visible, for this reason.
    NoProcess(&'static str),
    Peer(IpAddr),
    NoAddress,
}

impl GroupKey {
    fn of(tab: Tab, row: &Row) -> Self {
        if tab == Tab::Peers {
            let ip = row.socket.remote.as_ref().and_then(|remote| remote.ip());
            return ip.map_or(Self::NoAddress, |ip| Self::Peer(ip.to_canonical()));
        }
        match &row.holder {
            Some(holder) => Self::Process(holder.pid()),
            None => Self::NoProcess(row.socket.ownership().reason().unwrap_or_default()),
        }
    }
}

/// Sockets that are one line, which can be unfolded.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) key: GroupKey,
    /// One of the rows, for what all have in common.
    pub(super) first: Row,
    /// Indexes of the rows, in their order.
    pub(super) members: Vec<usize>,
    pub(super) listening: usize,
    pub(super) rates: Option<Rates>,
    /// How many different processes hold them.
    pub(super) processes: usize,
    pub(super) is_of_several: bool,
    pub(super) is_open: bool,
}

impl Group {
    pub(super) fn peer(&self) -> Option<IpAddr> {
        if let GroupKey::Peer(ip) = self.key { Some(ip) } else { None }
    }
}

/// What a line is, so that it is found again in the next sample.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum LineId {
    Row(SocketKey),
    Group(GroupKey),
    Event(u64),
}

/// A line.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A row by its index; `inside`: of the group above.
    Row {
        index: usize,
        inside: bool,
    },
    Group(usize),
    Event(usize),
}

/// How a tab is listed.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) column: Column,
    pub(super) is_reverse: bool,
    /// Whether the sockets of a process are one line, where they are not anyway.
    pub(super) is_grouped: bool,
    /// The groups that are unfolded.
    pub(super) open: HashSet<GroupKey>,
}

/// The lines of a tab.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) lines: Vec<Line>,
    pub(super) groups: Vec<Group>,
}

impl List {
    pub(super) fn new(world: &World, tab: Tab, order: &Order) -> Self {
        if tab == Tab::Events {
            // The newest first.
            let lines = (0..world.events.len()).rev().map(Line::Event).collect();
            return Self { lines, ..Self::default() };
        }
        let mut rows: Vec<usize> =
            world.rows.iter().enumerate().filter(|(_, row)| tab.has(row)).map(|(index, _)| index).collect();
        // What is as good as another stays where it is.
        rows.sort_by_cached_key(|index| {
            world.rows.get(*index).map(|row| (row.sort_key(Column::Local), row.sort_key(Column::Peer)))
        });
        let key = |index: &usize| world.rows.get(*index).map(|row| row.sort_key(order.column));
        sort(&mut rows, order, |index| key(index).unwrap_or(SortKey::Unknown));
        let is_grouped = matches!(tab, Tab::Processes | Tab::Peers) || order.is_grouped;
        if !is_grouped {
            let lines = rows.into_iter().map(|index| Line::Row { index, inside: false }).collect();
            return Self { lines, groups: Vec::new() };
        }
        let mut groups = groups(world, tab, &rows, &order.open);
        sort(&mut groups, order, |group| group.sort_key(order.column));
        let mut lines = Vec::new();
        for (at, group) in groups.iter().enumerate() {
            lines.push(Line::Group(at));
            if group.is_open {
                lines.extend(group.members.iter().map(|index| Line::Row { index: *index, inside: true }));
            }
        }
        Self { lines, groups }
    }

    /// The identity of a line.
    pub(super) fn id(&self, world: &World, at: usize) -> Option<LineId> {
        Some(match self.lines.get(at)? {
            Line::Row { index, .. } => LineId::Row(world.rows.get(*index)?.key.clone()),
            Line::Group(group) => LineId::Group(self.groups.get(*group)?.key.clone()),
            Line::Event(event) => LineId::Event(world.events.get(*event)?.serial),
        })
    }

    /// Where a line is now.
    pub(super) fn find(&self, world: &World, wanted: &LineId) -> Option<usize> {
        (0..self.lines.len()).find(|at| match (self.lines.get(*at), wanted) {
            (Some(Line::Row { index, .. }), LineId::Row(key)) => {
                world.rows.get(*index).is_some_and(|row| row.key == *key)
            }
            (Some(Line::Group(group)), LineId::Group(key)) => {
                self.groups.get(*group).is_some_and(|group| group.key == *key)
            }
            (Some(Line::Event(event)), LineId::Event(serial)) => {
                world.events.get(*event).is_some_and(|event| event.serial == *serial)
            }
            _ => false,
        })
    }

    /// The rows that a line stands for.
    pub(super) fn rows_of<'w>(&self, world: &'w World, at: usize) -> Vec<&'w Row> {
        match self.lines.get(at) {
            Some(Line::Row { index, .. }) => world.rows.get(*index).into_iter().collect(),
            Some(Line::Group(group)) => {
                let members = self.groups.get(*group).map(|group| group.members.as_slice());
                members.unwrap_or_default().iter().filter_map(|index| world.rows.get(*index)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What is not known stays at the end, whichever way it is sorted.
fn sort<T>(items: &mut [T], order: &Order, key: impl Fn(&T) -> SortKey) {
    let is_descending = order.column.is_descending() != order.is_reverse;
    items.sort_by_cached_key(|item| Directed { key: key(item), is_descending });
}

#[derive(PartialEq, Eq)]
struct Directed {
    key: SortKey,
    is_descending: bool,
}

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> Ordering {
        let is_unknown = |it: &Self| it.key == SortKey::Unknown;
        match (is_unknown(self), is_unknown(other)) {
            (false, false) if self.is_descending => other.key.cmp(&self.key),
            _ => self.key.cmp(&other.key),
        }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Rows with the same process or peer, each group once, in the order of their keys.
fn groups(world: &World, tab: Tab, rows: &[usize], open: &HashSet<GroupKey>) -> Vec<Group> {
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for index in rows {
        let Some(row) = world.rows.get(*index) else { continue };
        let key = GroupKey::of(tab, row);
        let group = groups.entry(key.clone()).or_insert_with(|| Group {
            is_open: open.contains(&key),
            key,
            first: row.clone(),
            members: Vec::new(),
            listening: 0,
            rates: None,
            processes: 0,
            is_of_several: false,
        });
        group.members.push(*index);
        group.listening += usize::from(row.socket.is_listening());
        if let Some(rates) = row.rates {
            group.rates.get_or_insert_default().add(rates);
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in groups.iter_mut().filter(|_| tab == Tab::Peers) {
        let of = |index: &usize| world.rows.get(*index)?.holder.as_ref().map(|holder| holder.pid());
        let pids: HashSet<Option<u32>> = group.members.iter().map(of).collect();
        group.processes = pids.len();
        group.is_of_several = pids.len() > 1;
    }
    groups
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
