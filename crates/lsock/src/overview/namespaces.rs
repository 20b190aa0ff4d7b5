//! The network namespace of each line, where rows of several are shown: the lines would look alike without it.

use super::grid::{Cell, Column, Grid};
use super::style::FAINT;
use crate::columns::netns_name;
use crate::screen::{Screen, cut_start, width_of};
use crate::view::View;
use netstat::{NetnsId, Socket};
use std::collections::BTreeMap;

/// Below this width there is room for the end of a name only.
const NARROW: usize = 60;

/// The shown names of the namespaces of a snapshot's rows; `None`: the caller's, without a name.
pub(super) struct Namespaces(BTreeMap<Option<NetnsId>, String>);

impl Namespaces {
    /// `None`: all rows are of one.
    pub(super) fn of(view: &View<'_>, screen: &Screen) -> Option<Self> {
        let mut names: BTreeMap<Option<NetnsId>, String> = BTreeMap::new();
        for socket in &view.snapshot.sockets {
            names.entry(socket.netns).or_insert_with(|| name(view, socket));
        }
        if names.len() < 2 {
            return None;
        }
        // Numbers, and names that are made, differ at their end.
        let width = if screen.width < NARROW { 5 } else { 16 };
        for name in names.values_mut() {
            *name = cut_start(screen, name, width);
        }
        Some(Self(names))
    }

    /// Adds a column before the last one. `of_rows`: the namespace of each row.
    pub(super) fn add_to(
        &self,
        grid: &mut Grid,
        of_rows: impl Iterator<Item = Option<NetnsId>>,
        screen: &Screen,
    ) {
        let place = grid.columns.len().saturating_sub(1);
        if screen.width < NARROW {
            for (_, floor) in grid.columns.iter_mut().filter_map(|column| column.shrinks.as_mut()) {
                *floor = *floor * 2 / 3;
            }
        }
        let column = Column { heading: "NETNS", is_right: false, before: 2, shrinks: None, goes: None };
        grid.columns.insert(place, column);
        for (row, netns) in grid.rows.iter_mut().zip(of_rows) {
            let name = self.0.get(&netns).cloned().unwrap_or_default();
            row.insert(place.min(row.len()), Cell::Text(FAINT, name));
        }
    }
}

fn name(view: &View<'_>, socket: &Socket) -> String {
    let mut name = String::new();
    netns_name(view, socket, &mut name);
    if width_of(&name) == 0 { "-".to_owned() } else { name }
}
