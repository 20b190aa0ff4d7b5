//! All processes of the machine at one moment: whether an owner that a table of sockets names is still there.

use crate::model::owner::{Owner, OwnerRole, Owners};
use crate::model::socket::Socket;
use std::time::SystemTime;

/// The processes of the machine at one moment, with when each started.
#[derive(Debug, Default)]
pub(crate) struct ProcessStartTimes {
    /// Ascending by pid.
    pub(crate) started: Vec<(u32, Option<SystemTime>)>,
    /// When it was taken.
    pub(crate) at: Option<SystemTime>,
    /// Whether it was taken after the sockets were listed.
    pub(crate) after_sockets: bool,
    /// Whether the times of processes and sockets are of one clock, which nobody has set in between.
    pub(crate) times_agree: bool,
}

impl ProcessStartTimes {
    /// Whether the process with this pid that made a socket at this time has ended.
    fn has_ended(&self, pid: u32, created: Option<SystemTime>) -> bool {
        let created = created.filter(|_| self.times_agree);
        match self.started.binary_search_by_key(&pid, |(pid, _)| *pid).ok() {
            // Nobody has the number. Before the sockets were listed, it may not have started yet.
            None => self.after_sockets || created.zip(self.at).is_some_and(|(created, at)| created < at),
            // Somebody has it who is younger than the socket.
            Some(index) => {
                let started = self.started.get(index).and_then(|(_, started)| *started);
                created.zip(started).is_some_and(|(created, started)| started > created)
            }
        }
    }

    /// Tells which of the owners that a row names have ended.
    pub(crate) fn mark_ended(&self, socket: &mut Socket) {
        let created = socket.created;
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
    use crate::model::owner::Ownership;
    use crate::model::socket::Protocol;
    use std::time::Duration;

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn role(process_starts: &ProcessStartTimes, pid: u32, created: Option<SystemTime>) -> OwnerRole {
        let mut socket = Socket::new(Protocol::Tcp, "127.0.0.1:80".parse().unwrap());
        socket.created = created;
        let binder = Owner::new(pid, None, OwnerRole::Binder);
        socket.set_owners([binder], Ownership::Known { complete: false });
        process_starts.mark_ended(&mut socket);
        assert_eq!((socket.owners().len(), socket.owners()[0].pid), (1, pid));
        socket.owners()[0].role
    }

    #[test]
    fn owner_is_told_as_ended_when_nobody_or_somebody_younger_has_its_pid() {
        use OwnerRole::{Binder, EndedBinder};
        let started = vec![(4, at(10)), (8, at(100)), (12, None)];
        let after = ProcessStartTimes { started, at: at(200), after_sockets: true, times_agree: true };
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

        let clock_was_set = ProcessStartTimes { times_agree: false, after_sockets: true, ..before };
        assert_eq!(role(&clock_was_set, 8, at(50)), Binder);
        assert_eq!(role(&clock_was_set, 16, None), EndedBinder);
    }
}
