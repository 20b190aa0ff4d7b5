//! Sockets that are one line: those of a process, or with a peer.

use super::amount::amount;
use super::column::{Column, SortKey, number, rate};
use super::row::{Rates, Row};
use super::tab::Tab;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

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
    pub(super) first: Arc<Row>,
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

impl Group {
    pub(super) fn sort_key(&self, column: Column) -> SortKey {
        match column {
            Column::Down | Column::Up => number(rate(column, self.rates)),
            Column::Listening => SortKey::Number(self.listening as u64),
            Column::Connections => SortKey::Number((self.members.len() - self.listening) as u64),
            Column::Process if self.first.holder.is_none() => SortKey::Unknown,
            _ => self.first.sort_key(column),
        }
    }

    pub(super) fn cell(&self, column: Column, now: SystemTime) -> String {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        match column {
            Column::Process | Column::Pid | Column::User | Column::Age if self.is_of_several => {
                match column {
                    Column::Process => count(self.processes, "process").replace("processs", "processes"),
                    _ => String::new(),
                }
            }
            Column::Pid => {
                self.first.holder.as_ref().map_or_else(|| "-".to_owned(), |it| it.pid().to_string())
            }
            Column::Process | Column::User | Column::Age => self.first.cell(column, now),
            Column::Local => count(self.members.len(), "socket"),
            Column::Peer => self.peer().map(|ip| ip.to_string()).unwrap_or_default(),
            Column::Down | Column::Up => rate(column, self.rates).map_or_else(|| "-".to_owned(), amount),
            Column::Listening => self.listening.to_string(),
            Column::Connections => (self.members.len() - self.listening).to_string(),
            Column::Proto | Column::State | Column::Queue | Column::Rtt => String::new(),
        }
    }
}

/// Rows with the same process or peer, each group once, in the order of their keys.
pub(super) fn groups(all: &[Arc<Row>], tab: Tab, rows: &[usize], open: &HashSet<GroupKey>) -> Vec<Group> {
    let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
    for index in rows {
        let Some(row) = all.get(*index) else { continue };
        let key = GroupKey::of(tab, row);
        let group = groups.entry(key.clone()).or_insert_with(|| Group {
            is_open: open.contains(&key),
            key,
            first: Arc::clone(row),
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
        let of = |index: &usize| all.get(*index)?.holder.as_ref().map(|holder| holder.pid());
        let pids: HashSet<Option<u32>> = group.members.iter().map(of).collect();
        group.processes = pids.len();
        group.is_of_several = pids.len() > 1;
    }
    groups
}
