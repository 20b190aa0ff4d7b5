//! Which processes `lsock kill` ends, and which it leaves alone, decided from one snapshot.
//!
//! The processes that hold a listening socket of the selection are meant, and those that the filter names by pid or name.
//! One that only has a connection is not: who kills what listens on a port does not mean its clients.

use crate::escape;
use crate::screen::{age, width_of};
use netstat::{
    Filter, HiddenReason, OwnerRole, Ownership, Process, ProcessFields, ProcessId, Snapshot, Socket,
};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// What has to be known of processes: their start, to hit no other, and what names them.
pub const FIELDS: ProcessFields = ProcessFields::NAME
    .union(ProcessFields::PATH)
    .union(ProcessFields::COMMAND_LINE)
    .union(ProcessFields::USER)
    .union(ProcessFields::START_TIME);

/// What a selection of sockets comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The processes that are meant: first those that hold a listening socket.
    pub meant: Vec<Target>,
    /// What is left alone although it is, or may be, meant: one line each, with the reason.
    pub left: Vec<String>,
    /// Processes that have connections of the selection, and are not meant.
    pub connected: Vec<Target>,
}

/// A process with the selected sockets that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The process itself, not a later one with its pid.
    pub id: ProcessId,
    /// Its name and pid, escaped: `nginx (814)`.
    pub name: String,
    /// The user it runs as, escaped.
    user: Option<String>,
    started: Option<SystemTime>,
    /// Its selected sockets.
    sockets: Vec<String>,
}

/// The processes that are never ended: this one, and those from which it was started, whose end would end it too.
#[derive(Clone, Debug, Default)]
pub struct Protected {
    own: u32,
    /// The parent first.
    ancestors: Vec<u32>,
}

impl Protected {
    /// Those of this process: its ancestors as far as `parent_of` knows them.
    pub fn new(own: u32, parent_of: impl Fn(u32) -> Option<u32>) -> Self {
        /// More than any process has; a loop is possible, since the parents are not read at one instant.
        const MOST: usize = 256;
        let ancestors = std::iter::successors(parent_of(own), |pid| parent_of(*pid));
        Self { own, ancestors: ancestors.take_while(|pid| *pid != 0).take(MOST).collect() }
    }

    /// Why a process is left alone.
    fn reason(&self, pid: u32) -> Option<&'static str> {
        match pid {
            1 => Some("the system ends with it"),
            _ if pid == self.own => Some("it is this program"),
            _ if self.ancestors.contains(&pid) => Some("this program runs in it"),
            _ => None,
        }
    }
}

/// A holder of selected sockets, before it is decided what becomes of it.
#[derive(Default)]
struct Candidate<'s> {
    listening: Vec<&'s Socket>,
    connected: Vec<&'s Socket>,
    /// Whether it had a listening socket, and may no longer have it.
    had_listener: bool,
}

impl Targets {
    /// Decides from a snapshot that a query with this filter returned, with [`FIELDS`] and without undecided rows.
    pub fn find(snapshot: &Snapshot, filter: &Filter, protected: &Protected) -> Self {
        let mut targets = Self::default();
        for socket in &snapshot.undecided {
            let why = "it depends on owners or names that are not visible whether the filter selects it";
            targets.left.push(format!("{}: {why}", ends(socket)));
        }
        let mut candidates: BTreeMap<u32, Candidate<'_>> = BTreeMap::new();
        for socket in snapshot {
            let is_listening = socket.is_listening();
            if is_listening && let Some(why) = unreachable(socket) {
                targets.left.push(format!("{}: {why}", ends(socket)));
            }
            for holder in snapshot.holders(socket) {
                let candidate = candidates.entry(holder.pid).or_default();
                match holder.owners.iter().any(|owner| has_socket(owner.role)) {
                    true if is_listening => candidate.listening.push(socket),
                    true => candidate.connected.push(socket),
                    false => candidate.had_listener |= is_listening,
                }
            }
        }
        let mut named = Vec::new();
        for (pid, Candidate { listening, connected, had_listener }) in candidates {
            let holds = listening.len() + connected.len() > 0;
            let process = snapshot.process(pid).filter(|_| holds);
            let is_named = process.is_some_and(|process| filter.names_process(process));
            let name = process.map_or_else(|| pid.to_string(), Process::to_string);
            let id = match process.and_then(Process::id) {
                _ if !holds => Err("it used the socket, and is not seen to hold it"),
                None => Err("its start could not be read, so that another process might be hit"),
                Some(id) => protected.reason(pid).map_or(Ok(id), Err),
            };
            match id {
                Err(why) if is_named || had_listener || !listening.is_empty() => {
                    targets.left.push(format!("{name}: {why}"));
                }
                Err(_) => {}
                Ok(id) => {
                    let target = Target {
                        id,
                        name,
                        user: process.and_then(|it| Some(escape::escaped(it.user.as_ref()?.as_bytes()))),
                        started: process.and_then(|it| it.start_time),
                        sockets: listening.iter().chain(&connected).map(|socket| ends(socket)).collect(),
                    };
                    match (listening.is_empty(), is_named) {
                        (false, _) => targets.meant.push(target),
                        (true, true) => named.push(target),
                        (true, false) => targets.connected.push(target),
                    }
                }
            }
        }
        targets.meant.append(&mut named);
        targets
    }
}

/// Why no process of a listening socket can be ended.
fn unreachable(socket: &Socket) -> Option<&'static str> {
    match socket.ownership() {
        // It is closed.
        Ownership::Hidden { reason: HiddenReason::Vanished } => None,
        Ownership::Hidden { .. } => Some("the process that holds it is not visible"),
        Ownership::None { .. } => Some("no process holds it"),
        _ => None,
    }
}

/// Whether a process in this role keeps the socket open.
fn has_socket(role: OwnerRole) -> bool {
    !matches!(role, OwnerRole::EndedBinder | OwnerRole::LastUser | OwnerRole::Effective)
}

/// Protocol and ends of a socket: `tcp 127.0.0.1:8080`.
pub fn ends(socket: &Socket) -> String {
    let Socket { protocol, local, .. } = socket;
    match &socket.remote {
        Some(remote) => format!("{protocol} {local} {remote}"),
        None => format!("{protocol} {local}"),
    }
}

/// A table of processes for people, each with the selected sockets that it holds.
pub fn table(targets: &[Target], now: SystemTime) -> String {
    /// As many sockets as are named of one process.
    const SHOWN: usize = 3;
    let mut lines = vec![["PID", "PROCESS", "USER", "UP", "HOLDS"].map(str::to_owned)];
    for target in targets {
        let pid = target.id.pid().to_string();
        let name = target.name.strip_suffix(&format!(" ({pid})")).unwrap_or("-").to_owned();
        let up = target.started.and_then(|started| now.duration_since(started).ok()).map(age);
        let mut sockets = target.sockets.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        if target.sockets.len() > SHOWN {
            sockets.push_str(&format!(" and {} more", target.sockets.len() - SHOWN));
        }
        let dash = || "-".to_owned();
        lines.push([pid, name, target.user.clone().unwrap_or_else(dash), up.unwrap_or_else(dash), sockets]);
    }
    let width = |column: usize| lines.iter().map(|line| width_of(&line[column])).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for line in &lines {
        for (cell, width) in line.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - width_of(cell) + 2));
        }
        text.push_str(&line[4]);
        text.push('\n');
    }
    text
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
