//! The state of the live view: what is known, what is chosen, and what is open above it. No terminal: tests drive it by keys
//! and samples.

use super::areas::Areas;
use super::column::Column;
use super::filter_line::FilterLine;
use super::graph::Graph;
use super::list::{Line, LineId, List, Order};
use super::overlay::Overlay;
use super::row::Row;
use super::settings::Settings;
use super::tab::Tab;
use super::world::World;
use crate::targets::{Protected, Target};
use netstat::{Filter, Socket};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What the program around the state has to do.
#[derive(Debug)]
pub enum Effect {
    /// End.
    Quit,
    /// Sample with this filter from now on, and at once.
    Filter(Filter),
    /// Sample no more, or again.
    Pause(bool),
    /// Close these sockets, and report.
    Destroy(Vec<Socket>),
    /// Send this signal to these processes, and report.
    Signal(Vec<Target>, i32),
    /// Write [`Top::export`] to this file, and report.
    Export(PathBuf),
}

/// Where a tab stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) order: Order,
    /// The chosen line, by what it is.
    chosen: Option<LineId>,
    /// The same by its number; it stays if what was chosen is gone.
    pub(super) at: usize,
    /// The first line on the screen.
    pub(super) first: usize,
}

/// The live view.
pub struct Top {
    pub(super) settings: Settings,
    pub(super) protected: Protected,
    pub(super) world: World,
    pub(super) tab: Tab,
    places: HashMap<Tab, Place>,
    pub(super) list: List,
    pub(super) filter: FilterLine,
    pub(super) overlay: Option<Overlay>,
    pub(super) is_paused: bool,
    pub(super) has_details: bool,
    /// The names of hosts, if they are shown; `None` for an address without one, or that was asked for.
    pub(super) names: Option<HashMap<IpAddr, Option<String>>>,
    message: Option<(String, Duration)>,
    pub(super) graph: Graph,
    /// Since the start, as of the last event.
    pub(super) now: Duration,
    pub(super) wall: SystemTime,
    /// How many lines the list has on the screen.
    pub(super) page: usize,
    pub(super) areas: Areas,
}

impl Top {
    /// Before the first sample. `typed` is the filter that was typed on the command line.
    pub fn new(settings: Settings, protected: Protected, typed: &str) -> Self {
        let place = |tab: &Tab| Place {
            order: Order {
                column: tab.sorted_by(),
                is_reverse: false,
                is_grouped: false,
                open: HashSet::new(),
            },
            chosen: None,
            at: 0,
            first: 0,
        };
        Self {
            settings,
            protected,
            world: World::default(),
            tab: Tab::Listening,
            places: Tab::ALL.iter().map(|tab| (*tab, place(tab))).collect(),
            list: List::default(),
            filter: FilterLine::new(typed),
            overlay: None,
            is_paused: false,
            has_details: false,
            names: None,
            message: None,
            graph: Graph::default(),
            now: Duration::ZERO,
            wall: SystemTime::UNIX_EPOCH,
            page: 1,
            areas: Areas::default(),
        }
    }

    /// Shows what is known after a sample, unless the view is paused and this is not the first of its filter. Returns what is not
    /// shown: to free it takes long where there are many sockets.
    pub fn take(&mut self, world: World) -> World {
        if self.is_paused && self.world.is_sampled() {
            return world;
        }
        let before = std::mem::replace(&mut self.world, world);
        self.now = self.world.sampled().unwrap_or(self.now);
        self.wall = self.world.wall.unwrap_or(self.wall);
        self.relist();
        let rates = self.chosen_rows().iter().filter_map(|row| row.rates).fold(
            None::<super::row::Rates>,
            |sum, rates| {
                let mut sum = sum.unwrap_or_default();
                sum.add(rates);
                Some(sum)
            },
        );
        let id = self.place().chosen.clone();
        self.graph.push(id, rates);
        before
    }

    /// Time passes. Returns whether the screen has changed.
    pub fn tick(&mut self, now: Duration) -> bool {
        self.now = now;
        let had_new = self.world.has_aged(now);
        let is_over = self.message.as_ref().is_some_and(|(_, until)| now >= *until);
        if is_over {
            self.message = None;
        }
        let swept = !self.is_paused && self.world.sweep(now);
        if swept {
            self.relist();
        }
        swept || is_over || had_new
    }

    /// Forgets the rows before a sample with another filter.
    pub fn forget(&mut self) {
        self.world.forget();
        self.relist();
    }

    /// Shows a message for some seconds.
    pub fn report(&mut self, text: impl Into<String>) {
        const SHOWN: Duration = Duration::from_secs(6);
        self.message = Some((text.into(), self.now + SHOWN));
    }

    pub(super) fn message(&self) -> Option<&str> {
        self.message.as_ref().map(|(text, _)| text.as_str())
    }

    /// The addresses on the screen whose names are wanted and were not asked for. They count as asked for from now on.
    pub fn unnamed(&mut self) -> Vec<IpAddr> {
        let last = self.list.lines.len().min(self.place().first + self.page);
        let on_screen = self.place().first..last;
        let rows = on_screen.flat_map(|at| self.list.rows_of(&self.world, at).into_iter().take(1));
        let ips: HashSet<IpAddr> =
            rows.filter_map(|row| row.socket.remote_addr()).map(|end| end.ip().to_canonical()).collect();
        let Some(names) = &mut self.names else { return Vec::new() };
        let wanted: Vec<IpAddr> = ips.into_iter().filter(|ip| !names.contains_key(ip)).collect();
        names.extend(wanted.iter().map(|ip| (*ip, None)));
        wanted
    }

    /// Takes the name of a host.
    pub fn name(&mut self, ip: IpAddr, name: String) {
        if let Some(names) = &mut self.names {
            names.insert(ip, Some(name));
        }
    }

    pub(super) fn place(&self) -> &Place {
        // Every tab has one.
        &self.places[&self.tab]
    }

    pub(super) fn place_mut(&mut self) -> &mut Place {
        self.places.get_mut(&self.tab).expect("every tab has a place")
    }

    /// Makes the lines anew. What was chosen stays chosen, wherever it is now.
    pub(super) fn relist(&mut self) {
        self.list = List::new(&self.world, self.tab, &self.place().order);
        let found = self.place().chosen.as_ref().and_then(|chosen| self.list.find(&self.world, chosen));
        let at = found.unwrap_or(self.place().at);
        self.choose(at);
    }

    /// Chooses a line, or the last if there are fewer, and scrolls to it.
    pub(super) fn choose(&mut self, at: usize) {
        let at = at.min(self.list.lines.len().saturating_sub(1));
        let chosen = self.list.id(&self.world, at);
        let page = self.page.max(1);
        let last_first = self.list.lines.len().saturating_sub(page);
        let place = self.place_mut();
        (place.at, place.chosen) = (at, chosen);
        place.first = place.first.min(at).max((at + 1).saturating_sub(page)).min(last_first);
        let chosen = self.place().chosen.clone();
        self.graph.follow(chosen);
    }

    pub(super) fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.relist();
    }

    pub(super) fn chosen_rows(&self) -> Vec<&Row> {
        self.list.rows_of(&self.world, self.place().at)
    }

    /// Unfolds or folds the group that is chosen, or whose member is.
    pub(super) fn fold(&mut self, open: Option<bool>) {
        let at = self.place().at;
        let group = (0..=at).rev().find_map(|at| match self.list.lines.get(at)? {
            Line::Group(group) => Some((at, self.list.groups.get(*group)?.key.clone())),
            _ => None,
        });
        let is_member =
            matches!(self.list.lines.get(at), Some(Line::Row { inside: true, .. } | Line::Group(_)));
        let Some((line, key)) = group.filter(|_| is_member) else { return };
        let folded = &mut self.place_mut().order.open;
        match open.unwrap_or(!folded.contains(&key)) {
            true => drop(folded.insert(key)),
            false => {
                folded.remove(&key);
                self.choose(line);
            }
        }
        self.relist();
    }

    /// The columns of the tab.
    pub(super) fn columns(&self) -> Vec<Column> {
        self.settings.columns.get(&self.tab).cloned().unwrap_or_else(|| self.tab.columns())
    }

    pub(super) fn sort_by(&mut self, column: Column) {
        let order = &mut self.place_mut().order;
        order.is_reverse = order.column == column && !order.is_reverse;
        order.column = column;
        self.relist();
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
