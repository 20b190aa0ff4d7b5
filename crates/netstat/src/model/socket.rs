//! The row: one socket, the same type on every system.

use crate::model::details::Details;
use crate::model::endpoint::{Endpoint, UnixName};
use crate::model::family::Family;
use crate::model::identity::{Identity, NetnsId};
use crate::model::owner::{Owner, Owners, Ownership, UnownedReason};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::queues::Queues;
use crate::model::state::State;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One socket. A field that is not known is `None`, and each field says where it is known and why not;
/// [`Support`](crate::Support) says the same as data.
///
/// A zero that only means "not there" is `None` too: the uid of a TIME_WAIT row is not root.
///
/// `Hash` is for sets of equal rows; to find the same socket in another listing use [`Socket::key`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "inet_diag_msg")]
#[doc(alias = "MIB_TCPROW_OWNER_MODULE")]
#[doc(alias = "xinpcb_n")]
pub struct Socket {
    /// The address family that the socket was created with.
    pub family: Family,
    /// The protocol.
    pub protocol: Protocol,
    /// Stream, datagram and so on.
    pub socket_type: Option<SocketType>,
    /// The local end.
    pub local: Endpoint,
    /// The remote end; `None` for a listener and for an unconnected socket. Windows does not report it for UDP.
    pub remote: Option<Endpoint>,
    /// The state; `None` for UDP.
    pub state: Option<State>,
    /// The queues. `None` where the kernel keeps none (TIME_WAIT, SYN_RECV) or the source does not report them, and
    /// on Windows.
    pub queues: Option<Queues>,
    /// The user who created the socket (Linux: the file system uid at that time, or what `fchown` made of it), in the
    /// caller's user namespace. `None` where no process owns it (TIME_WAIT, SYN_RECV, accept queue), and on
    /// Windows. macOS: the effective user of the process that created it or its listener; for a socket that no table
    /// lists, of the processes that hold it, if it is the same for all; `None` where there is no socket any more.
    pub uid: Option<u32>,
    /// What the system itself calls the socket; `None` where it has no name (Linux: TIME_WAIT, SYN_RECV, accept queue,
    /// orphan; macOS: a connection in a process's own network stack), and on Windows.
    pub identity: Option<Identity>,
    /// Linux: the socket's cookie, never used twice until the next boot; `None` where the source of
    /// the row does not report it (`/proc/net`), or the kernel was not asked for it yet
    /// ([`Query::cookies`](crate::Query::cookies)). macOS: its generation, never used twice by sockets of one
    /// protocol. Never the only key: see [`Socket::key`].
    pub cookie: Option<NonZeroU64>,
    /// The network namespace that the socket was made in. With a [`Scope`](crate::Scope) other than that of the caller's
    /// namespace every row has it. Otherwise `None` is the caller's own, and a row has it only if a process that the query
    /// names holds the socket in another one. Linux.
    pub netns: Option<NetnsId>,
    /// The index of the network interface that the socket is bound to (`SO_BINDTODEVICE` or a link-local address);
    /// `None` if to none. Linux.
    pub interface: Option<NonZeroU32>,
    /// Whether an IPv6 socket accepts IPv6 only: false means that `[::]:80` accepts IPv4 too. Linux reports it for TCP
    /// listeners and unconnected UDP sockets; macOS for those that are bound to all addresses.
    pub v6_only: Option<bool>,
    pub(crate) ownership: Ownership,
    pub(crate) owners: Owners,
    /// Windows: FILETIME of the bind. Not boxed, because every Windows row has it.
    pub(crate) created: Option<NonZeroU64>,
    /// Inode or handle of the connected unix socket. Not boxed, because every connected unix row has it.
    pub(crate) peer: Option<NonZeroU64>,
    /// Fields that few rows have, allocated only if one of them is known.
    pub(crate) rare: Option<Box<Rare>>,
}

/// A second in a FILETIME, which counts units of 100 ns since 1601.
const FILETIME_SECOND: u64 = 10_000_000;
/// 1970 as a FILETIME.
const FILETIME_UNIX_EPOCH: u64 = 11_644_473_600 * FILETIME_SECOND;

/// Fields that few rows have, or only on demand. Behind accessors, so that a field can move between here and the
/// row. What every row of a system or family has is not here: a box for each row costs more than the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rare {
    pub(crate) details: Option<Box<Details>>,
    pub(crate) service: Option<Arc<str>>,
    pub(crate) unix_file: Option<UnixFile>,
}

/// The file that the path of a unix socket named when it was bound.
///
/// It stays this file when it is renamed or deleted: a process that connects to the path then reaches another socket, or
/// none. So a path that leads to another file now, or to none, was deleted.
///
/// # Sources
/// Linux: `struct unix_diag_vfs`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct UnixFile {
    /// The device of the file system, as `st_dev` of stat(2). Some file systems (btrfs) report another one there.
    pub device: u64,
    /// The lower 32 bits of the file's inode number.
    pub inode: u64,
}

impl Socket {
    /// A row of the caller's own, for a test: only family, protocol and local end are known.
    ///
    /// # Examples
    /// ```
    /// use netstat::{Family, Protocol, Socket};
    /// use std::net::SocketAddr;
    ///
    /// let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 80)));
    /// socket.uid = Some(33);
    /// assert_eq!(socket.local.port(), Some(80));
    /// assert!(socket.owners().is_empty());
    /// ```
    pub fn new(family: Family, protocol: Protocol, local: impl Into<Endpoint>) -> Self {
        Self {
            family,
            protocol,
            socket_type: None,
            local: local.into(),
            remote: None,
            state: None,
            queues: None,
            uid: None,
            identity: None,
            cookie: None,
            netns: None,
            interface: None,
            v6_only: None,
            ownership: Ownership::NotAsked,
            owners: Owners::None,
            created: None,
            peer: None,
            rare: None,
        }
    }

    /// Local address and port, of IP sockets that have both; `None` for raw sockets and other families.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local.socket_addr()
    }

    /// Remote address and port, of connected IP sockets that have both.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote.as_ref().and_then(Endpoint::socket_addr)
    }

    /// Whether the socket is listening: in LISTEN, or of UDP, UDP-Lite, raw and ping sockets, which do not listen, without a
    /// remote end (as `ss -l`). A unix datagram socket, such as that of a log, is listening if it has a name and no remote
    /// end. Netlink and packet sockets never are. [`Filter::listening`](crate::Filter::listening) selects the same.
    pub fn is_listening(&self) -> bool {
        let is_datagram = self.socket_type == Some(SocketType::Datagram);
        match (self.state, self.protocol) {
            (Some(_), Protocol::Unix) if is_datagram => {
                let has_name = matches!(&self.local, Endpoint::Unix(name) if *name != UnixName::Unnamed);
                has_name && self.remote.is_none()
            }
            (Some(state), _) => state == State::Listen,
            (None, Protocol::Udp | Protocol::UdpLite | Protocol::Icmp | Protocol::Raw(_)) => {
                self.remote.is_none()
            }
            (None, _) => false,
        }
    }

    /// The owners, ascending by pid and descriptor. [`Socket::ownership`] says what an empty list means.
    pub fn owners(&self) -> &[Owner] {
        self.owners.as_slice()
    }

    /// What the list of owners is worth: not asked for, complete or not, none and why, hidden and why.
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// The pids of the owners, ascending, each once.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.owners().chunk_by(|a, b| a.pid == b.pid).filter_map(|owners| Some(owners.first()?.pid))
    }

    /// Sets the owners of a row of the caller's own, for a test.
    pub fn set_owners(&mut self, owners: impl IntoIterator<Item = Owner>, ownership: Ownership) {
        self.owners = owners.into_iter().collect();
        self.ownership = ownership;
    }

    /// The inode number in sockfs, where the system identifies sockets so (Linux).
    #[doc(alias = "st_ino")]
    pub fn inode(&self) -> Option<u64> {
        match self.identity {
            Some(Identity::Inode(inode)) => Some(inode),
            _ => None,
        }
    }

    /// The kernel's handle, where the system identifies sockets so (macOS, BSD).
    pub fn handle(&self) -> Option<u64> {
        match self.identity {
            Some(Identity::Handle(handle)) => Some(handle),
            _ => None,
        }
    }

    /// Details beyond the row, as far as [`Query::details`](crate::Query::details) asked for them and they are known.
    /// Linux.
    #[doc(alias = "tcp_info")]
    pub fn details(&self) -> Option<&Details> {
        self.rare.as_ref()?.details.as_deref()
    }

    /// When the endpoint was bound, by the time of day at that moment. Windows.
    pub fn created(&self) -> Option<SystemTime> {
        let since = self.created?.get().checked_sub(FILETIME_UNIX_EPOCH)?;
        let nanoseconds = u32::try_from(since % FILETIME_SECOND).ok()? * 100;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(since / FILETIME_SECOND, nanoseconds))
    }

    /// Sets [`Socket::created`], rounded down to 100 ns; a time before 1970 is none.
    pub fn set_created(&mut self, created: Option<SystemTime>) {
        let filetime = |created: SystemTime| {
            let since = created.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            NonZeroU64::new(u64::try_from(since.as_nanos() / 100).ok()?.checked_add(FILETIME_UNIX_EPOCH)?)
        };
        self.created = created.and_then(filetime);
    }

    /// The service that created the socket, in a process that hosts services (`svchost.exe`), by its short name
    /// (`Dnscache`). Windows, where [`Query::services`](crate::Query::services) asks for it.
    pub fn service(&self) -> Option<&str> {
        self.rare.as_ref()?.service.as_deref()
    }

    /// The file that a unix socket is bound to, or the listener that it was accepted from. `None` for sockets without a
    /// path, and where the source of the row does not report it (`/proc/net`). Linux.
    #[doc(alias = "unix_diag_vfs")]
    pub fn unix_file(&self) -> Option<UnixFile> {
        self.rare.as_ref()?.unix_file
    }

    /// The unix socket that this one is connected to, where the system reports it. `None` also if no process has that
    /// one: the connection waits to be accepted, or the other end is closed. Of a datagram socket: the one that it sends
    /// to, which need not be connected to this one. Linux (not from `/proc/net`), macOS.
    pub fn peer_identity(&self) -> Option<Identity> {
        let number = self.peer?.get();
        Some(match self.identity {
            Some(Identity::Handle(_)) => Identity::Handle(number),
            _ => Identity::Inode(number),
        })
    }

    /// Sets [`Socket::details`]. Nothing is allocated for none.
    pub fn set_details(&mut self, details: Option<Box<Details>>) {
        if details.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().details = details;
        }
    }

    /// Sets [`Socket::unix_file`]. Nothing is allocated for none.
    #[allow(dead_code, reason = "not every system reports it")]
    pub(crate) fn set_unix_file(&mut self, file: Option<UnixFile>) {
        if file.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().unix_file = file;
        }
    }

    /// Sets [`Socket::service`]. Nothing is allocated for none.
    pub fn set_service(&mut self, service: Option<Arc<str>>) {
        if service.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().service = service;
        }
    }

    /// Removes what the table of sockets says about owners, for a query that did not ask for them.
    pub(crate) fn clear_owners(&mut self) {
        self.owners = Owners::None;
        self.ownership = Ownership::NotAsked;
    }

    /// Whether it has a user, who is not known. A socket that is no process's any more has none.
    pub(crate) fn has_unknown_user(&self) -> bool {
        self.uid.is_none() && (self.identity.is_some() || !self.owners().is_empty())
    }

    /// Why no process holds a socket in this state.
    pub(crate) fn unowned_reason(&self) -> UnownedReason {
        use State as S;
        match self.state {
            Some(S::TimeWait) => UnownedReason::TimeWait,
            Some(S::SynReceived) => UnownedReason::SynReceived,
            // Only a connection that was never accepted can be open without a process. In CLOSE_WAIT the
            // peer has given up on it as well.
            Some(S::Established | S::CloseWait) => UnownedReason::AcceptQueue,
            Some(S::SynSent | S::FinWait1 | S::FinWait2 | S::Closing | S::LastAck) => UnownedReason::Orphan,
            _ => UnownedReason::KernelOrInFlight,
        }
    }

    /// The socket as an error message names it.
    pub(crate) fn subject(&self) -> String {
        let Self { protocol, local, .. } = self;
        match &self.remote {
            None => format!("{protocol} socket {local}"),
            Some(remote) => format!("{protocol} socket {local} to {remote}"),
        }
    }
}

/// One line: `tcp ESTABLISHED 127.0.0.1:8080 -> 127.0.0.1:46594`, `udp [::]:53`. Names of unix sockets are escaped.
/// Ignores width: format the [ends](Socket::local) and the state by themselves for a table.
impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.protocol)?;
        if let Some(state) = self.state {
            write!(f, " {state}")?;
        }
        write!(f, " {}", self.local)?;
        match &self.remote {
            Some(remote) => write!(f, " -> {remote}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::OwnerRole;

    fn socket(protocol: Protocol) -> Socket {
        Socket::new(Family::Ipv4, protocol, SocketAddr::from(([127, 0, 0, 1], 80)))
    }

    #[test]
    fn pids_are_ascending_and_each_once() {
        let mut socket = socket(Protocol::Tcp);
        let holder = |pid, fd| Owner::new(pid, Some(fd), OwnerRole::Holder);
        socket.set_owners([holder(9, 3), holder(4, 5), holder(9, 1)], Ownership::Known { complete: true });
        assert_eq!(socket.pids().collect::<Vec<_>>(), [4, 9]);
    }

    #[test]
    fn listening_is_a_state_of_tcp_and_a_missing_peer_of_udp() {
        let (mut tcp, mut udp) = (socket(Protocol::Tcp), socket(Protocol::Udp));
        assert!(!tcp.is_listening() && udp.is_listening());
        tcp.state = Some(State::Listen);
        udp.remote = Some(SocketAddr::from(([127, 0, 0, 1], 53)).into());
        assert!(tcp.is_listening() && !udp.is_listening());
        assert!(socket(Protocol::Raw(58)).is_listening() && !socket(Protocol::Vsock).is_listening());
    }

    #[test]
    fn time_of_the_bind_is_read_from_a_filetime() {
        let mut socket = socket(Protocol::Tcp);
        socket.created = NonZeroU64::new(116_444_736_000_000_000 + 15_000_000);
        assert_eq!(socket.created(), Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500)));
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_700);
        socket.set_created(Some(time));
        assert_eq!(socket.created(), Some(time));
        socket.created = NonZeroU64::new(5);
        assert_eq!(socket.created(), None);
    }

    #[test]
    fn display_is_one_line() {
        let mut socket = socket(Protocol::Tcp);
        socket.state = Some(State::Established);
        socket.remote = Some(SocketAddr::from(([127, 0, 0, 1], 46_594)).into());
        assert_eq!(socket.to_string(), "tcp ESTABLISHED 127.0.0.1:80 -> 127.0.0.1:46594");
    }
}
