//! The lines of a tab: sockets, or groups of them, in their order.

use super::column::{Column, SortKey};
use super::group::{Group, GroupKey, groups};
use super::row::Row;
use super::tab::Tab;
use super::world::World;
use netstat::SocketKey;
use std::cmp::Ordering;
use std::collections::HashSet;

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
        let mut groups = groups(&world.rows, tab, &rows, &order.open);
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
            Some(Line::Row { index, .. }) => world.rows.get(*index).map(|row| &**row).into_iter().collect(),
            Some(Line::Group(group)) => {
                let members = self.groups.get(*group).map(|group| group.members.as_slice());
                let row = |index: &usize| world.rows.get(*index).map(|row| &**row);
                members.unwrap_or_default().iter().filter_map(row).collect()
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

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
