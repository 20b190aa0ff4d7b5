//! Conditions on the protocol: which tables are read.

use super::{ConditionKind, Query};
use crate::filter::Filter;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;

impl Query {
    /// TCP sockets.
    pub fn tcp(self) -> Self {
        self.protocol(Protocol::Tcp)
    }

    /// UDP sockets.
    pub fn udp(self) -> Self {
        self.protocol(Protocol::Udp)
    }

    /// Sockets of this protocol. Those of other protocols than TCP and UDP are listed only where a query names their
    /// protocol or family.
    ///
    /// Running a query for nothing but protocols that this system does not list
    /// ([`Support::protocols`](crate::Support::protocols)) is an error
    /// ([`Error::is_unsupported`](crate::Error::is_unsupported)); beside others, such a protocol is a gap.
    pub fn protocol(self, protocol: Protocol) -> Self {
        self.with(ConditionKind::Protocol, Filter::protocol(protocol))
    }

    /// Sockets of this protocol, whatever number belongs to it: all raw sockets, all netlink sockets.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{ProtocolKind, Query, Support};
    ///
    /// if Support::current().protocols.contains(&ProtocolKind::Raw) {
    ///     for socket in &Query::new().protocol_kind(ProtocolKind::Raw).snapshot()? {
    ///         println!("{} receives IP protocol {:?}", socket.local, socket.protocol.number());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn protocol_kind(self, kind: ProtocolKind) -> Self {
        self.with(ConditionKind::Protocol, Filter::protocol_kind(kind))
    }

    /// Unix domain sockets, as `ss -x`: with path or abstract name, the peer ([`Socket::peer_identity`]), and on Linux the
    /// file that the path named ([`Socket::unix_file`]). Linux, macOS.
    ///
    /// The remote end is the peer's name. It is [`Endpoint::Unknown`](crate::Endpoint::Unknown) where the peer has no
    /// process (the connection waits to be accepted, or the other end is closed), is in another network namespace or in a
    /// state that the query leaves out, or the source of the row does not report it. Queues are bytes; of datagram sockets the receive queue is the first datagram
    /// only, and the send queue counts kernel memory, more than the data. The accepted end of a connection has the name and
    /// the file of its listener.
    ///
    /// Connections that wait to be accepted have a row at the end that connected, and count in the listener's queue; Linux
    /// does not list the other end.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{ProtocolKind, Query, Support};
    ///
    /// if Support::current().protocols.contains(&ProtocolKind::Unix) {
    ///     for socket in &Query::new().unix().listening().owners(true).snapshot()? {
    ///         println!("{} {:?}", socket.local, socket.pids().collect::<Vec<_>>());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Sources
    /// Linux: `UNIX_DIAG`, sock_diag(7), else `/proc/net/unix`, which has no peer, no queues, no user, and raw names: a gap
    /// says how many rows may be part of another one's name. macOS: sysctl `net.local.{stream,dgram}.pcblist_n` (macOS 13),
    /// else libproc, which shows those of processes that the caller can read.
    ///
    /// [`Socket::peer_identity`]: crate::Socket::peer_identity
    /// [`Socket::unix_file`]: crate::Socket::unix_file
    #[doc(alias = "AF_UNIX")]
    #[doc(alias = "unix_diag_msg")]
    #[doc(alias = "/proc/net/unix")]
    pub fn unix(self) -> Self {
        self.protocol_kind(ProtocolKind::Unix)
    }

    /// Netlink sockets, of every netlink protocol. Those with port 0 are the kernel's own. A socket that was neither bound
    /// nor has sent anything is in no table: [`Query::all_protocols`] finds it by its holder. Linux.
    ///
    /// # Sources
    /// `NETLINK_DIAG`, sock_diag(7), else `/proc/net/netlink`.
    #[doc(alias = "AF_NETLINK")]
    pub fn netlink(self) -> Self {
        self.protocol_kind(ProtocolKind::Netlink)
    }

    /// Packet sockets, of every EtherType: programs that capture or send frames. Linux.
    ///
    /// # Sources
    /// `PACKET_DIAG`, sock_diag(7), else `/proc/net/packet`.
    #[doc(alias = "AF_PACKET")]
    pub fn packet(self) -> Self {
        self.protocol_kind(ProtocolKind::Packet)
    }

    /// Sockets between virtual machines and their host. One that is not bound is in no table. Linux.
    ///
    /// Without the kernel's module `vsock_diag`, which many machines lack, those that a process holds are listed, if the query
    /// asks for owners: with unknown ends.
    ///
    /// # Sources
    /// `VSOCK_DIAG`, sock_diag(7).
    #[doc(alias = "AF_VSOCK")]
    pub fn vsock(self) -> Self {
        self.protocol_kind(ProtocolKind::Vsock)
    }

    /// Sockets of every protocol and family that this system lists. Implies owners.
    ///
    /// Linux: beside the tables of all protocols, AF_XDP and TIPC too, every socket that a process holds is a row, even if
    /// no table lists it: of a family without a table, not bound yet, or opened after its table was read. Its ends are
    /// [`Endpoint::Unknown`](crate::Endpoint::Unknown), and its family and protocol are known by the name that the kernel
    /// gives the protocol: without a number where there are several ([`Protocol::Other`](crate::Protocol::Other) of 0), and
    /// [`Family::Other`](crate::Family::Other) of 0 if the name is not known. They pass a filter unless what is known of them
    /// excludes it. Sockets in processes of other network namespaces are counted in a gap
    /// ([`GapKind::SocketsElsewhere`](crate::GapKind::SocketsElsewhere)).
    ///
    /// All sockets are read from the tables then, whatever the filter leaves out.
    ///
    /// # Rights
    /// As for owners: the sockets of processes that may not be read are those of the tables.
    ///
    /// # Sources
    /// Linux: `/proc/PID/fd` and the extended attribute `system.sockprotoname`, or a BPF program
    /// ([`Query::owner_source`]), by which the numbers of protocols and families are known too.
    pub fn all_protocols(mut self) -> Self {
        self.every_protocol = true;
        self.combined().owners(true)
    }
}
