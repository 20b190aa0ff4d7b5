//! The row: one socket, the same type on every system.

use crate::model::details::Details;
use crate::model::owner::{NoOwner, Owner, Owners, Ownership};
use crate::model::tcp_state::TcpState;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::SystemTime;

/// The protocol of a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The address family of a socket: what it was made with, not what it talks to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AF_INET.
    Ipv4,
    /// AF_INET6. Such a socket may carry IPv4 traffic; its addresses then have the form `::ffff:a.b.c.d`.
    Ipv6,
}

impl Family {
    /// `ipv4` or `ipv6`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the system itself calls a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Identity {
    /// Linux: the number in `socket:[N]` of `/proc/<pid>/fd`. Numbers are used again after a while.
    Inode(u64),
    /// macOS, BSD: the kernel's own handle, opaque.
    Handle(u64),
}

/// One socket.
///
/// Everything a system cannot give is `None`, and each field says where and why; [`Support`](crate::Support)
/// tells the same as data. A zero that only means "nothing there" is `None` too: the uid of a TIME_WAIT row
/// is not root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Socket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The family that the socket was made with.
    pub family: Family,
    /// The local end. The scope id of a link-local IPv6 address stands inside.
    pub local: SocketAddr,
    /// The remote end; `None` for a listener and for an unconnected UDP socket. Windows has UDP remotes
    /// only on newer versions.
    pub remote: Option<SocketAddr>,
    /// The TCP state; `None` for UDP.
    pub state: Option<TcpState>,
    /// Bytes received and not read yet. For a TCP listener: connections that wait to be accepted. For UDP
    /// on Linux: the memory that they occupy, which is more than the data. `None` where the kernel keeps no
    /// queue (TIME_WAIT, SYN_RECV), and on Windows.
    pub rx_queue: Option<u32>,
    /// Bytes sent or to be sent and not confirmed yet. For a TCP listener: the most connections that may
    /// wait. `None` as for `rx_queue`.
    pub tx_queue: Option<u32>,
    /// The user who made the socket (Linux: the file system uid at that time, or what `fchown` made of it),
    /// in the caller's user namespace. `None` where no process owns it (TIME_WAIT, SYN_RECV, accept
    /// queue), and on Windows. macOS: the effective user of who made it or its listener; `None` where there is
    /// no socket any more, and of sockets that only their holders show.
    pub uid: Option<u32>,
    /// The system's own name for it; `None` where there is none (Linux: TIME_WAIT, SYN_RECV, accept queue,
    /// orphan; macOS: a connection in a process's own network stack), and on Windows.
    pub identity: Option<Identity>,
    /// Linux: the socket's cookie, never used twice until the machine is started again. macOS: its generation,
    /// never used twice by sockets of one protocol.
    pub cookie: Option<NonZeroU64>,
    /// The index of the network interface that the socket is bound to (`SO_BINDTODEVICE` or a link-local
    /// address); `None` if to none. Linux.
    pub interface: Option<NonZeroU32>,
    /// Whether an IPv6 socket takes IPv6 alone: false means that `[::]:80` takes IPv4 too. Linux tells it
    /// for TCP listeners and unconnected UDP sockets; macOS for those that are bound to all addresses.
    pub v6_only: Option<bool>,
    /// When the endpoint was bound, by the time of day at that moment. Windows.
    pub created: Option<SystemTime>,
    /// The service that made the socket, in a process that hosts services (`svchost.exe`), by its short name
    /// (`Dnscache`). Windows, where [`Query::services`](crate::Query::services) asks for it.
    pub service: Option<Arc<str>>,
    /// What is known beyond the row, as far as [`Query::details`](crate::Query::details) asks for it; `None` if
    /// it does not, and where nothing of what it asks for is known. Linux.
    pub details: Option<Box<Details>>,
    pub(crate) ownership: Ownership,
    pub(crate) owners: Owners,
}

impl Socket {
    /// A row of your own, for a test say: everything but protocol and local end is unknown.
    ///
    /// # Examples
    /// ```
    /// use netstat::{Family, Protocol, Socket};
    ///
    /// let mut socket = Socket::new(Protocol::Tcp, "127.0.0.1:80".parse().unwrap());
    /// socket.uid = Some(33);
    /// assert_eq!(socket.family, Family::Ipv4);
    /// assert!(socket.owners().is_empty());
    /// ```
    pub fn new(protocol: Protocol, local: SocketAddr) -> Self {
        Self {
            protocol,
            family: if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 },
            local,
            remote: None,
            state: None,
            rx_queue: None,
            tx_queue: None,
            uid: None,
            identity: None,
            cookie: None,
            interface: None,
            v6_only: None,
            created: None,
            service: None,
            details: None,
            ownership: Ownership::NotAsked,
            owners: Owners::None,
        }
    }

    /// The processes that hold the socket, ascending by pid and descriptor. What an empty list means is
    /// told by [`Socket::ownership`].
    pub fn owners(&self) -> &[Owner] {
        self.owners.as_slice()
    }

    /// What the list of owners is worth: not asked for, complete or not, none and why, hidden and why.
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// Says who owns this row, for rows of your own.
    pub fn set_owners(&mut self, owners: impl IntoIterator<Item = Owner>, ownership: Ownership) {
        self.owners = owners.into_iter().collect();
        self.ownership = ownership;
    }

    /// The row without what the table of sockets says about owners, for a query that did not ask for them.
    pub(crate) fn without_owners(mut self) -> Self {
        self.owners = Owners::None;
        self.ownership = Ownership::NotAsked;
        self
    }

    /// Why no process holds a socket in this state.
    pub(crate) fn unowned_reason(&self) -> NoOwner {
        use TcpState as S;
        match self.state {
            Some(S::TimeWait) => NoOwner::TimeWait,
            Some(S::SynReceived) => NoOwner::SynReceived,
            // Only a connection that was never accepted can be open without a process. In CLOSE_WAIT the
            // peer has given up on it as well.
            Some(S::Established | S::CloseWait) => NoOwner::AcceptQueue,
            Some(S::SynSent | S::FinWait1 | S::FinWait2 | S::Closing | S::LastAck) => NoOwner::Orphan,
            Some(S::Closed | S::Listen | S::DeleteTcb | S::Unknown) | None => NoOwner::KernelOrInFlight,
        }
    }

    /// The socket as an error message names it.
    pub(crate) fn subject(&self) -> String {
        let Self { protocol, local, .. } = self;
        match self.remote {
            None => format!("{protocol} socket {local}"),
            Some(remote) => format!("{protocol} socket {local} to {remote}"),
        }
    }

    /// The inode number, where the system identifies sockets so (Linux).
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

    /// Whether the socket waits for others: TCP in LISTEN, or UDP without a remote end, as `ss -l` has it.
    pub fn is_listening(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => self.state == Some(TcpState::Listen),
            Protocol::Udp => self.remote.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_takes_at_most_192_bytes() {
        // A hundred thousand rows are 19 MB; each byte more is a tenth of one.
        assert!(size_of::<Socket>() <= 192, "{}", size_of::<Socket>());
    }
}
