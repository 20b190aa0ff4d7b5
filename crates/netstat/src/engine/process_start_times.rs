//! The start times of all processes of the machine: whether an owner that a table of sockets names has ended.

use crate::model::owner::{Owner, OwnerRole, Owners};
use crate::model::socket::Socket;
use std::time::SystemTime;

/// The processes of the machine with their start times, read in one call.
#[derive(Debug, Default)]
pub(crate) struct ProcessStartTimes {
    /// The earliest time at which each process can have started, on the clock of the sockets. `None`: not known, or it
    /// cannot have ended. Ascending by pid.
    pub(crate) started: Vec<(u32, Option<SystemTime>)>,
    /// The earliest time at which the list can have been read, on the same clock.
    pub(crate) at: Option<SystemTime>,
    /// Whether the list was read after the tables of sockets.
    pub(crate) after_sockets: bool,
}

impl ProcessStartTimes {
    /// Whether the process with this pid that made a socket at this time has ended.
    fn has_ended(&self, pid: u32, created: Option<SystemTime>) -> bool {
        match self.started.binary_search_by_key(&pid, |(pid, _)| *pid).ok() {
            // There is no such process. In a list from before the tables it may not have started yet.
            None => self.after_sockets || created.zip(self.at).is_some_and(|(created, at)| created < at),
            // The pid now belongs to a process that started after the socket was created.
            Some(index) => {
                let started = self.started.get(index).and_then(|(_, started)| *started);
                created.zip(started).is_some_and(|(created, started)| started > created)
            }
        }
    }

    /// Sets the role of the owners of a row that have ended.
    pub(crate) fn mark_ended(&self, socket: &mut Socket) {
        let created = socket.created();
        let ended = |owner: &Owner| owner.role == OwnerRole::Binder && self.has_ended(owner.pid, created);
        let mut owners = Owners::None;
        for owner in socket.owners() {
            let role = if ended(owner) { OwnerRole::EndedBinder } else { owner.role };
            owners.add(Owner { role, ..*owner });
        }
        socket.owners = owners;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::owner::Ownership;
    use crate::model::protocol::Protocol;
    use std::net::SocketAddr;
    use std::time::Duration;

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn role(starts: &ProcessStartTimes, pid: u32, created: Option<SystemTime>) -> OwnerRole {
        let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 80)));
        socket.set_created(created);
        let binder = Owner::new(pid, None, OwnerRole::Binder);
        socket.set_owners([binder], Ownership::Known { complete: false });
        starts.mark_ended(&mut socket);
        assert_eq!((socket.owners().len(), socket.owners()[0].pid), (1, pid));
        socket.owners()[0].role
    }

    #[test]
    fn owner_has_ended_if_no_process_or_a_younger_one_has_its_pid() {
        use OwnerRole::{Binder, EndedBinder};
        let started = vec![(4, at(10)), (8, at(100)), (12, None)];
        let after = ProcessStartTimes { started, at: at(200), after_sockets: true };
        assert_eq!(role(&after, 4, at(50)), Binder);
        assert_eq!(role(&after, 4, at(10)), Binder);
        assert_eq!(role(&after, 8, at(50)), EndedBinder);
        assert_eq!(role(&after, 8, None), Binder);
        assert_eq!(role(&after, 12, at(50)), Binder);
        assert_eq!(role(&after, 16, at(50)), EndedBinder);
        assert_eq!(role(&after, 16, None), EndedBinder);

        let before = ProcessStartTimes { after_sockets: false, ..after };
        assert_eq!(role(&before, 16, at(50)), EndedBinder);
        assert_eq!(role(&before, 16, at(250)), Binder);
        assert_eq!(role(&before, 16, None), Binder);
    }
}
