//! What listens: one line for the sockets of one port, protocol and reach with the same holders.

use super::grid::{Cell, Column, Grid};
use super::label::Label;
use super::mark::Mark;
use super::style::{ALARM, ATTENTION, BOLD, FAINT};
use crate::columns::shown_local;
use crate::holders::Holders;
use crate::screen::{Screen, ShownEndpoint, age};
use crate::view::View;
use anstyle::{AnsiColor, Style};
use netstat::{NetnsId, Owner, Ownership, Protocol, Queues, Socket};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The sockets of one line.
pub(super) struct Listener<'v> {
    /// `None` of sockets without an IP address.
    pub(super) mark: Option<Mark>,
    protocol: Protocol,
    port: Option<u16>,
    pub(super) netns: Option<NetnsId>,
    /// Without ports, each once.
    addresses: Vec<ShownEndpoint>,
    takes_ipv4: bool,
    takes_ipv6: bool,
    label: Label,
    user: Option<String>,
    is_root: bool,
    /// When the master started.
    since: Option<SystemTime>,
    waiting: u32,
    limit: Option<u32>,
    view: &'v View<'v>,
}

/// What sockets of one line have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Whether it has no mark: such lines come last.
    is_elsewhere: bool,
    mark: Option<Mark>,
    /// Of sockets without an IP address, which are not folded.
    address: Option<String>,
    port: Option<u16>,
    protocol: Protocol,
    netns: Option<NetnsId>,
    pids: Vec<u32>,
    reason: Option<&'static str>,
    uid: Option<u32>,
}

/// What sockets have in common that workers opened for themselves (`SO_REUSEPORT`).
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct WorkerKey {
    port: Option<u16>,
    protocol: Protocol,
    netns: Option<NetnsId>,
    address: String,
    takes: (bool, bool),
    names: Option<String>,
    reason: Option<&'static str>,
    uid: Option<u32>,
}

/// The listeners, the widest reach first, then by port.
pub(super) fn folded<'v>(view: &'v View<'v>, screen: &Screen) -> Vec<Listener<'v>> {
    let mut of_workers: BTreeMap<WorkerKey, Vec<&Socket>> = BTreeMap::new();
    for socket in view.snapshot.sockets.iter().filter(|socket| socket.is_listening()) {
        of_workers.entry(worker_key(view, socket)).or_default().push(socket);
    }
    let mut lines: BTreeMap<Key, Vec<&Socket>> = BTreeMap::new();
    for (key, sockets) in of_workers {
        let mut pids: Vec<u32> = sockets.iter().flat_map(|socket| socket.pids()).collect();
        pids.sort_unstable();
        pids.dedup();
        let exposure = sockets.first().and_then(|socket| view.exposure(socket));
        let mark = exposure.map(Mark::of);
        let WorkerKey { port, protocol, netns, address, reason, uid, .. } = key;
        let is_elsewhere = mark.is_none();
        let address = is_elsewhere.then_some(address);
        let key = Key { is_elsewhere, mark, address, port, protocol, netns, pids, reason, uid };
        lines.entry(key).or_default().extend(sockets);
    }
    lines.into_iter().map(|(key, sockets)| Listener::new(view, screen, &key, &sockets)).collect()
}

fn worker_key(view: &View<'_>, socket: &Socket) -> WorkerKey {
    WorkerKey {
        port: socket.local.port(),
        protocol: socket.protocol,
        netns: socket.netns,
        address: address(view, socket).full(),
        takes: takes(view, socket),
        names: Holders::new(view, socket.owners()).map(|holders| holders.names()),
        reason: socket.ownership().reason(),
        uid: socket.uid,
    }
}

/// Whether it surely accepts IPv4 and IPv6.
fn takes(view: &View<'_>, socket: &Socket) -> (bool, bool) {
    let exposure = view.exposure(socket);
    exposure.map_or((false, false), |exposure| (exposure.ipv4 == Some(true), exposure.ipv6))
}

/// `*`, `*%eth0`, `localhost`, `10.0.0.1`, without a port.
fn address(view: &View<'_>, socket: &Socket) -> ShownEndpoint {
    let Some(mut shown) = shown_local(view, socket) else {
        return ShownEndpoint { address: socket.local.to_string(), ..ShownEndpoint::default() };
    };
    shown.port.clear();
    shown.in_brackets = false;
    match socket.local.ip().map(|ip| ip.to_canonical()) {
        Some(ip) if ip.is_unspecified() => shown.address = "*".to_owned(),
        Some(ip) if ["127.0.0.1", "::1"].contains(&ip.to_string().as_str()) => {
            shown.address = "localhost".to_owned();
        }
        _ => {}
    }
    shown
}

/// Makes one of addresses that differ in their device alone: `*%blue,red`.
fn join_devices(addresses: &mut Vec<ShownEndpoint>) {
    let [first, rest @ ..] = addresses.as_mut_slice() else { return };
    if first.device.is_empty() || rest.iter().any(|other| other.address != first.address) {
        return;
    }
    for other in rest {
        let device = other.device.trim_start_matches('%');
        first.device.push(',');
        first.device.push_str(device);
    }
    addresses.truncate(1);
}

impl<'v> Listener<'v> {
    fn new(view: &'v View<'v>, screen: &Screen, key: &Key, sockets: &[&Socket]) -> Self {
        let mut addresses: Vec<ShownEndpoint> = sockets.iter().map(|socket| address(view, socket)).collect();
        addresses.sort();
        addresses.dedup();
        join_devices(&mut addresses);
        let owners: Vec<Owner> = sockets.iter().flat_map(|socket| socket.owners()).copied().collect();
        // The least that is true of all.
        let ownership = sockets.iter().map(|socket| socket.ownership()).min_by_key(|it| it.is_complete());
        let ownership = ownership.unwrap_or(Ownership::NotAsked);
        let master = Holders::new(view, &owners).map(|holders| holders.master);
        let master = owners.iter().find(|owner| Some(owner.pid) == master);
        let (mut waiting, mut limit) = (0, None);
        for socket in sockets {
            if let Some(Queues::Accept { waiting: more, limit: of, .. }) = socket.queues {
                waiting = u32::saturating_add(waiting, more);
                limit = limit.into_iter().chain(of).reduce(|a: u32, b| a.saturating_add(b));
            }
        }
        Self {
            mark: key.mark,
            protocol: key.protocol,
            port: key.port,
            netns: key.netns,
            addresses,
            takes_ipv4: sockets.iter().any(|socket| takes(view, socket).0),
            takes_ipv6: sockets.iter().any(|socket| takes(view, socket).1),
            label: Label::new(view, screen, &owners, ownership),
            since: master.and_then(|master| view.process_of(master)?.raw.start_time),
            user: key.uid.map(|uid| {
                view.users.name(view.snapshot, uid).map_or_else(|| uid.to_string(), str::to_owned)
            }),
            is_root: key.uid == Some(0),
            waiting,
            limit,
            view,
        }
    }

    /// `tcp4`, `tcp6`, `tcp46`.
    fn protocol(&self) -> String {
        let families = match (self.takes_ipv4, self.takes_ipv6) {
            (true, true) => "46",
            (true, false) => "4",
            (false, true) => "6",
            (false, false) => "",
        };
        format!("{}{families}", self.protocol)
    }

    fn row(&self, screen: &Screen) -> Vec<Cell> {
        let text = |style: Style, text: &str| Cell::Text(style, text.to_owned());
        let port = self.port.map_or_else(|| "-".to_owned(), |port| port.to_string());
        let others = self.addresses.len().saturating_sub(1);
        let more = if others > 0 { format!(" +{others}") } else { String::new() };
        let user_style = if self.is_root { Style::new() } else { AnsiColor::Blue.on_default() };
        let service = self.port.and_then(|port| self.view.service_name(self.protocol.as_str(), port));
        let service = service.filter(|_| screen.is_wide());
        vec![
            match self.mark {
                Some(mark) => text(mark.style(), mark.character(screen)),
                None => text(FAINT, "-"),
            },
            text(BOLD, &port),
            text(Style::new(), &self.protocol()),
            text(Style::new(), service.unwrap_or_default()),
            Cell::Address(self.addresses.first().cloned().unwrap_or_default(), more),
            Cell::Processes(self.label.clone()),
            match &self.user {
                Some(user) => text(user_style, user),
                None => text(FAINT, "-"),
            },
            self.last(screen),
        ]
    }

    /// The accept queue if connections wait in it, else for how long the master has run.
    fn last(&self, screen: &Screen) -> Cell {
        if self.waiting > 0 {
            let is_full = self.limit.is_some_and(|limit| self.waiting >= limit);
            let shown = match self.limit.filter(|_| screen.is_wide()) {
                Some(limit) => format!("{} of {limit} wait", self.waiting),
                None => format!("{} waiting", self.waiting),
            };
            return Cell::Text(if is_full { ALARM } else { ATTENTION }, shown);
        }
        let up = self.since.and_then(|since| self.view.snapshot.taken_at.duration_since(since).ok());
        up.map_or_else(|| Cell::Text(FAINT, "-".to_owned()), |up| Cell::Text(Style::new(), age(up)))
    }
}

pub(super) const TITLE: &str = "LISTENING";

/// The lines as cells.
pub(super) fn grid(listeners: &[Listener<'_>], screen: &Screen) -> Grid {
    let column = Column { heading: "", is_right: false, before: 2, shrinks: None, goes: None };
    let columns = vec![
        Column { before: 0, ..column.clone() },
        Column { is_right: true, before: 1, ..column.clone() },
        Column { before: 1, ..column.clone() },
        // Where there is no room for it, nothing is in it.
        if screen.is_wide() {
            Column { heading: "SERVICE", shrinks: Some((0, 7)), ..column.clone() }
        } else {
            Column { before: 0, ..column.clone() }
        },
        Column { heading: "ADDRESS", shrinks: Some((0, 10)), ..column.clone() },
        Column { heading: "PROCESS", shrinks: Some((1, 12)), ..column.clone() },
        Column { heading: "USER", shrinks: Some((2, 8)), goes: Some(0), ..column.clone() },
        Column { heading: "UP", is_right: true, goes: Some(1), ..column },
    ];
    let mut rows: Vec<_> = listeners.iter().map(|listener| listener.row(screen)).collect();
    // Room for five digits, so that ports stand in one column on every machine.
    for row in &mut rows {
        if let Some(Cell::Text(_, port)) = row.get_mut(1) {
            *port = format!("{port:>5}");
        }
    }
    Grid { columns, rows, title: Some(TITLE) }
}

#[cfg(test)]
#[path = "listeners_tests.rs"]
mod tests;
