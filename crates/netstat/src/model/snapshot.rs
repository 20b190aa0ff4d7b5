//! The answer to a query.

use crate::model::gap::Gap;
use crate::model::owner::{Owner, OwnerRole};
use crate::model::owner_source::OwnersFrom;
use crate::model::process::Process;
use crate::model::socket::Socket;
use std::time::SystemTime;

/// The answer to a [`Query`](crate::Query): rows, the processes that own them, and what could not be seen.
///
/// A snapshot is not an instant: sockets and owners are read one after the other while the machine goes
/// on. A socket that closes meanwhile may still be listed; its [`Ownership`](crate::Ownership) then says that it vanished.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The sockets, in the system's order: TCP before UDP.
    pub sockets: Vec<Socket>,
    /// The processes that own them, ascending by pid; empty unless [`Query::processes`](crate::Query::processes) asked for details.
    pub processes: Vec<Process>,
    /// What could not be seen. Empty when everything was.
    pub gaps: Vec<Gap>,
    /// How the owners were found, where the system has more than one way (Linux) and owners were asked for.
    pub owners_from: Option<OwnersFrom>,
    /// When the listing began.
    pub taken_at: SystemTime,
}

impl Snapshot {
    /// The process with this pid, if it owns a listed socket and details were asked for.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        let found = self.processes.binary_search_by_key(&pid, |process| process.pid);
        found.ok().and_then(|index| self.processes.get(index))
    }

    /// The process behind an owner: as [`Snapshot::process`], but for one that has ended
    /// ([`OwnerRole::EndedBinder`]), whose pid may be that of a process which has nothing to do with the
    /// socket.
    pub fn process_of(&self, owner: &Owner) -> Option<&Process> {
        (owner.role != OwnerRole::EndedBinder).then(|| self.process(owner.pid)).flatten()
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            sockets: Vec::new(),
            processes: Vec::new(),
            gaps: Vec::new(),
            owners_from: None,
            taken_at: SystemTime::UNIX_EPOCH,
        }
    }
}

impl IntoIterator for Snapshot {
    type Item = Socket;
    type IntoIter = std::vec::IntoIter<Socket>;

    fn into_iter(self) -> Self::IntoIter {
        self.sockets.into_iter()
    }
}

impl<'a> IntoIterator for &'a Snapshot {
    type Item = &'a Socket;
    type IntoIter = std::slice::Iter<'a, Socket>;

    fn into_iter(self) -> Self::IntoIter {
        self.sockets.iter()
    }
}
