//! The result of a query: rows, their processes, and gaps.

use crate::model::gap::Gap;
use crate::model::identity::NetnsId;
use crate::model::namespace::Namespace;
use crate::model::owner::{Owner, OwnerRole};
use crate::model::owner_source::OwnerSourceUsed;
use crate::model::process::Process;
use crate::model::socket::Socket;
use std::fmt;
use std::time::SystemTime;

/// The answer to a [`Query`](crate::Query): rows, the processes that own them, and what could not be seen.
///
/// A snapshot is not an instant: sockets and owners are read one after the other while the machine goes
/// on. A socket that closes meanwhile may still be listed; its [`Ownership`](crate::Ownership) then says that it vanished.
///
/// `PartialEq` compares everything, [`taken_at`](Snapshot::taken_at) too: to find what has changed between two, compare
/// the [keys](Socket::key) of their rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Snapshot {
    /// The sockets, TCP before UDP. The order within a protocol is unspecified.
    pub sockets: Vec<Socket>,
    /// The processes that own them, ascending by pid; empty unless [`Query::processes`](crate::Query::processes) asked for details.
    pub processes: Vec<Process>,
    /// Sockets that may or may not pass the filter, because it depends on owners or names that are not visible; empty
    /// unless [`Query::only_decided`](crate::Query::only_decided) put them aside.
    pub undecided: Vec<Socket>,
    /// The network namespaces whose sockets were to be listed, ascending by number: what they are called, which processes
    /// live in them, and how each was read. Empty if only the caller's own was listed, without
    /// [`Query::netns`](crate::Query::netns). Linux.
    pub namespaces: Vec<Namespace>,
    /// What could not be seen. Empty when everything was.
    pub gaps: Vec<Gap>,
    /// How the owners were found, where the system has more than one source (Linux) and owners were asked for.
    pub owner_source: Option<OwnerSourceUsed>,
    /// When the listing began.
    pub taken_at: SystemTime,
}

impl Snapshot {
    /// The process with this pid, if it owns a listed socket and details were asked for.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        let found = self.processes.binary_search_by_key(&pid, |process| process.pid);
        found.ok().and_then(|index| self.processes.get(index))
    }

    /// The network namespace with this number ([`Socket::netns`]), if it was listed.
    pub fn namespace(&self, id: NetnsId) -> Option<&Namespace> {
        let found = self.namespaces.binary_search_by_key(&id, |namespace| namespace.id);
        found.ok().and_then(|index| self.namespaces.get(index))
    }

    /// The processes that own a socket, ascending by pid, each once, with their details where the query asked for them
    /// ([`Query::processes`](crate::Query::processes)).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// let snapshot = netstat::find::listeners(8080)?;
    /// for socket in &snapshot {
    ///     for holder in snapshot.holders(socket) {
    ///         println!("{} {holder}", socket.local); // 127.0.0.1:8080 nginx (814)
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn holders<'a>(&'a self, socket: &'a Socket) -> impl Iterator<Item = Holder<'a>> {
        socket.owners().chunk_by(|a, b| a.pid == b.pid).filter_map(|owners| {
            let pid = owners.first()?.pid;
            // The pid of a process that has ended may be another one's now.
            let ended = owners.iter().any(|owner| owner.role == OwnerRole::EndedBinder);
            let process = if ended { None } else { self.process(pid) };
            Some(Holder { pid, process, owners })
        })
    }

    /// The process behind an owner: as [`Snapshot::process`], but for one that has ended
    /// ([`OwnerRole::EndedBinder`]), whose pid may be that of a process which has nothing to do with the
    /// socket.
    pub fn process_of(&self, owner: &Owner) -> Option<&Process> {
        (owner.role != OwnerRole::EndedBinder).then(|| self.process(owner.pid)).flatten()
    }
}

/// One process that owns a socket: what [`Snapshot::holders`] yields.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Holder<'a> {
    /// Process id.
    pub pid: u32,
    /// Its details, if the query asked for them and the pid still belongs to it.
    pub process: Option<&'a Process>,
    /// Its entries in [`Socket::owners`]: one a descriptor.
    pub owners: &'a [Owner],
}

/// `nginx (814)`, or `814` where the name is not known: as [`Process`] is displayed.
impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => process.fmt(f),
            None => f.pad(&self.pid.to_string()),
        }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            sockets: Vec::new(),
            processes: Vec::new(),
            undecided: Vec::new(),
            namespaces: Vec::new(),
            gaps: Vec::new(),
            owner_source: None,
            taken_at: SystemTime::UNIX_EPOCH,
        }
    }
}

/// By reference only: by value it would drop the gaps.
impl<'a> IntoIterator for &'a Snapshot {
    type Item = &'a Socket;
    type IntoIter = std::slice::Iter<'a, Socket>;

    fn into_iter(self) -> Self::IntoIter {
        self.sockets.iter()
    }
}
