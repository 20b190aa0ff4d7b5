//! What an event has beside its rows.

use crate::model::event::Change;
use crate::model::process::Process;
use crate::model::socket::Socket;

/// The details of the owners of a change, ascending by pid. `before`: of the rows that it removes; `now`: of those that it
/// adds. Another process may have the pid of one that has ended.
pub(crate) fn processes(change: &Change, before: &[Process], now: &[Process]) -> Vec<Process> {
    let mut processes = Vec::new();
    match change {
        Change::Opened { socket } => add(socket, now, &mut processes),
        Change::Closed { socket, .. } => add(socket, before, &mut processes),
        Change::Changed { before: row, after } => {
            add(after, now, &mut processes);
            add(row, before, &mut processes);
        }
        Change::Lost { .. } => {}
    }
    processes
}

fn add(socket: &Socket, known: &[Process], to: &mut Vec<Process>) {
    for pid in socket.pids() {
        let found = known.binary_search_by_key(&pid, |process| process.pid).ok();
        let Some(process) = found.and_then(|place| known.get(place)) else { continue };
        if let Err(place) = to.binary_search_by_key(&pid, |process| process.pid) {
            to.insert(place, process.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::owner::{Owner, OwnerRole, Ownership};
    use crate::model::protocol::Protocol;
    use std::net::SocketAddr;

    fn held_by(pids: &[u32]) -> Socket {
        let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 80)));
        let owners = pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder));
        socket.set_owners(owners.collect::<Vec<_>>(), Ownership::Known { complete: true });
        socket
    }

    fn named(pids: &[u32], name: &str) -> Vec<Process> {
        let process = |pid: &u32| {
            let mut process = Process::new(*pid);
            process.name = Some(name.into());
            process
        };
        pids.iter().map(process).collect()
    }

    fn shown(change: &Change) -> Vec<String> {
        let (before, now) = (named(&[1, 2, 3], "old"), named(&[2, 3, 4], "new"));
        processes(change, &before, &now).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn processes_of_what_is_closed_are_those_of_before() {
        let socket = held_by(&[1, 2]);
        assert_eq!(shown(&Change::Opened { socket: socket.clone() }), ["new (2)"]);
        assert_eq!(shown(&Change::Closed { socket: socket.clone(), open_for: None }), ["old (1)", "old (2)"]);
        let changed = Change::Changed { before: socket, after: held_by(&[2, 4]) };
        assert_eq!(shown(&changed), ["old (1)", "new (2)", "new (4)"]);
        assert_eq!(shown(&Change::Lost { count: 1 }), [""; 0]);
    }
}
