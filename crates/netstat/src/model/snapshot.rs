//! The result of a query: rows, their processes, and gaps.

use crate::model::connections::Connections;
use crate::model::direction::Direction;
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
    /// The sockets at the other end of listed connections that the filter leaves out; empty unless
    /// [`Query::peers`](crate::Query::peers) asked for them. The order is unspecified. [`Snapshot::peer`] finds them.
    pub peers: Vec<Socket>,
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
    /// What is known of both ends of connections; `None` if it was not asked for.
    pub(crate) connections: Option<Connections>,
}

impl Snapshot {
    /// The process with this pid, if it owns a listed socket, or one at the other end, and details were asked for.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        let found = self.processes.binary_search_by_key(&pid, |process| process.pid);
        found.ok().and_then(|index| self.processes.get(index))
    }

    /// The network namespace with this number ([`Socket::netns`]), if it was listed.
    pub fn namespace(&self, id: NetnsId) -> Option<&Namespace> {
        let found = self.namespaces.binary_search_by_key(&id, |namespace| namespace.id);
        found.ok().and_then(|index| self.namespaces.get(index))
    }

    /// The socket at the other end of a connection within this machine, with its owners where the query asked for them: one
    /// of [`sockets`](Snapshot::sockets), or of [`peers`](Snapshot::peers) if the filter leaves it out. `None` unless
    /// [`Query::peers`](crate::Query::peers) asked for it.
    ///
    /// TCP, UDP (if both sockets are connected), UDP-Lite, SCTP and MPTCP: the socket with the same ends exchanged, in the same
    /// network namespace; IPv4 is the same in the form that IPv6 sockets have it in. Unix sockets: that of
    /// [`Socket::peer_identity`], in whichever namespace. Of a unix datagram socket it is the one that it sends to, which
    /// need not be connected to this one.
    ///
    /// `None` too where it is not certain:
    /// - Several sockets fit: they share a port (`SO_REUSEPORT`), are bound to different devices, or repeat in the table. Of
    ///   sockets that are bound to the same device the ends decide.
    /// - One is in TIME_WAIT, and the other is not at its end.
    /// - Both are a transparent proxy's (`IP_TRANSPARENT`, known on Linux since 5.10).
    /// - They are in different network namespaces, unless all were listed ([`Scope::All`](crate::Scope::All)), none of those
    ///   that were found could not be read, and the addresses are neither loopback nor link-local. What is behind a
    ///   translation of addresses is not found.
    /// - The other end is not there any more, or waits to be accepted by a unix listener.
    ///
    /// A row of another snapshot has no peer in this one unless it is the same socket. Rows that the caller has moved within
    /// `sockets` are found, but each by a search through all.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{Query, State};
    ///
    /// let snapshot = Query::new().tcp().state(State::Established).owners(true).peers(true).snapshot()?;
    /// for socket in &snapshot {
    ///     if let Some(peer) = snapshot.peer(socket) {
    ///         println!("{:?} -> {:?}", socket.pids().collect::<Vec<_>>(), peer.pids().collect::<Vec<_>>());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer(&self, socket: &Socket) -> Option<&Socket> {
        self.connections.as_ref()?.peer(socket, &self.sockets, &self.peers)
    }

    /// Where a connection came from or goes to, and which end opened it: decided by what listens on this machine, whatever
    /// the filter leaves out. `None` for what is not connected, for protocols without ports, and unless
    /// [`Query::peers`](crate::Query::peers) asked for it.
    ///
    /// A listener accepts connections for its own protocol, network namespace, port and address; one that is bound to
    /// `[::]` those of IPv4 too, unless [`Socket::v6_only`] says otherwise. UDP sockets without a remote end count as
    /// listeners.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{DirectionKind, Query};
    ///
    /// let snapshot = Query::new().tcp().peers(true).snapshot()?;
    /// let is_inbound = |socket: &&netstat::Socket| {
    ///     snapshot.direction(socket).is_some_and(|direction| direction.kind == DirectionKind::Inbound)
    /// };
    /// println!("{} connections from other machines", snapshot.sockets.iter().filter(is_inbound).count());
    /// # Ok(())
    /// # }
    /// ```
    pub fn direction(&self, socket: &Socket) -> Option<Direction> {
        self.connections.as_ref()?.of(socket)?.direction
    }

    /// Whether the query asked for both ends ([`Query::peers`](crate::Query::peers)): if not, no row has a
    /// [peer](Snapshot::peer) or a [direction](Snapshot::direction).
    pub fn has_peers(&self) -> bool {
        self.connections.is_some()
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
            peers: Vec::new(),
            processes: Vec::new(),
            undecided: Vec::new(),
            namespaces: Vec::new(),
            gaps: Vec::new(),
            owner_source: None,
            taken_at: SystemTime::UNIX_EPOCH,
            connections: None,
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
