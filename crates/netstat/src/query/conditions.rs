//! Conditions on everything but the protocol: which sockets pass.

use super::{ConditionKind, Query};
use crate::filter::Filter;
use crate::model::family::Family;
use crate::model::state::State;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

impl Query {
    /// IPv4 sockets.
    pub fn ipv4(self) -> Self {
        self.family(Family::Ipv4)
    }

    /// IPv6 sockets, IPv4 traffic on them included.
    pub fn ipv6(self) -> Self {
        self.family(Family::Ipv6)
    }

    /// Sockets of this family.
    pub fn family(self, family: Family) -> Self {
        self.with(ConditionKind::Family, Filter::family(family))
    }

    /// Sockets in this state. A UDP socket, which has none, counts as established when it has a remote end and as closed
    /// when it has not, as in `ss`.
    pub fn state(self, state: State) -> Self {
        self.with(ConditionKind::State, Filter::state(state))
    }

    /// TCP sockets in LISTEN and UDP sockets without a remote end, as `ss -l`. Where other protocols are listed: UDP-Lite,
    /// ping and raw sockets without a remote end, unix sockets in LISTEN, and unix datagram sockets with a name and no peer.
    /// OR-ed with [`Query::state`]. Windows reports no remote end of UDP, so there every UDP socket passes.
    pub fn listening(self) -> Self {
        self.with(ConditionKind::State, Filter::listening())
    }

    /// Whether to list TCP sockets, too, that are bound but neither listen nor connect. Their state is
    /// [`State::Closed`]; if the query names states, it must name that one. Off by default.
    ///
    /// Linux reports them since 6.8, at a price: they are in a table of their own with everything else that has a local
    /// port, and the walk over it takes a quarter to a half of the time of a listing of all connections, whatever it
    /// finds. An older kernel returns none, and a gap ([`Snapshot::gaps`](crate::Snapshot::gaps)) says so. Windows reports
    /// them since 10 1809. macOS always lists them.
    ///
    /// # Sources
    /// Linux: `TCP_BOUND_INACTIVE`, net/ipv4/inet_diag.c. Windows: `InternalGetBoundTcpEndpointTable`.
    #[doc(alias = "TCP_BOUND_INACTIVE")]
    pub fn bound_inactive(mut self, bound_inactive: bool) -> Self {
        self.bound_inactive = bound_inactive;
        self
    }

    /// Whether each socket that can have a [cookie](crate::Socket::cookie) is to have one in its row. Off by default.
    ///
    /// The Linux kernel gives a socket its cookie when it is first asked for it, which every dump of its tables does. Rows that
    /// come from a pass over all descriptors instead ([`OwnerSource::OnePass`](crate::OwnerSource::OnePass)) have those that
    /// a program has asked for before. With this, rows come from the tables. Elsewhere it changes nothing.
    #[doc(alias = "SO_COOKIE")]
    pub fn cookies(mut self, cookies: bool) -> Self {
        self.cookies = cookies;
        self
    }

    /// Whether to list only sockets that surely pass the filter. Off by default.
    ///
    /// Whether a condition about owners or their names holds cannot be decided where a process that may hold the socket
    /// is not visible, or its name is not. A listing then takes the owners and names that are visible for all there
    /// are: `process nginx` leaves such a socket out and `not process nginx` lists it, and a gap
    /// ([`GapKind::SocketsUndecided`](crate::GapKind::SocketsUndecided)) says how many there are. With this, neither
    /// lists it, and [`Snapshot::undecided`](crate::Snapshot::undecided) has it: for programs that do something to the
    /// sockets they find.
    ///
    /// On systems that never report all owners ([`Support::all_owners`](crate::Support::all_owners)), the condition is
    /// about those that they report.
    pub fn only_decided(mut self, only_decided: bool) -> Self {
        self.only_decided = only_decided;
        self
    }

    /// Sockets with this local port.
    pub fn local_port(self, port: u16) -> Self {
        self.local_ports(port..=port)
    }

    /// Sockets with a local port in this range.
    pub fn local_ports(self, ports: RangeInclusive<u16>) -> Self {
        self.with(ConditionKind::LocalPort, Filter::local_ports(ports))
    }

    /// Sockets with this remote port.
    pub fn remote_port(self, port: u16) -> Self {
        self.remote_ports(port..=port)
    }

    /// Sockets with a remote port in this range.
    pub fn remote_ports(self, ports: RangeInclusive<u16>) -> Self {
        self.with(ConditionKind::RemotePort, Filter::remote_ports(ports))
    }

    /// Sockets with this port on either end.
    pub fn port(self, port: u16) -> Self {
        self.ports(port..=port)
    }

    /// Sockets with a port in this range on either end.
    pub fn ports(self, ports: RangeInclusive<u16>) -> Self {
        self.with(ConditionKind::Port, Filter::ports(ports))
    }

    /// The TCP connection between these two ends, of which `local` is the listed socket's own; with
    /// [`Query::udp`], the UDP socket that is connected so. Several calls select several connections. Whether an IPv4
    /// address is written plainly or as `::ffff:a.b.c.d` does not matter: a connection that an IPv6 socket accepted over
    /// IPv4 is found by both. The scope id of a link-local address is used to find the connection, and not compared
    /// where the tables are filtered.
    ///
    /// Linux looks the connection up, which takes microseconds however many sockets there are; looking up its owners
    /// costs as much as in any other query. If the kernel does not find it so (there is none, or its socket is bound to
    /// a network interface), and on Windows and macOS, the tables are filtered.
    ///
    /// # Examples
    /// The row of the caller's own connection:
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let query = netstat::Query::new().connection(stream.local_addr()?, stream.peer_addr()?);
    /// for socket in &query.snapshot()? {
    ///     println!("{socket} {:?}", socket.queues);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Sources
    /// Linux: `SOCK_DIAG_BY_FAMILY` without `NLM_F_DUMP`, sock_diag(7).
    #[doc(alias = "SOCK_DIAG_BY_FAMILY")]
    #[doc(alias = "getpeername")]
    pub fn connection(mut self, local: SocketAddr, remote: SocketAddr) -> Self {
        let [local, remote] = [local, remote].map(with_canonical_address);
        if !self.connections.contains(&(local, remote)) {
            self.connections.push((local, remote));
        }
        let local = Filter::local_address(local.ip()) & Filter::local_port(local.port());
        let remote = Filter::remote_address(remote.ip()) & Filter::remote_port(remote.port());
        self.with(ConditionKind::Connection, local & remote)
    }

    /// Sockets made by this user ([`Socket::uid`](crate::Socket::uid)). Running such a query is an error where rows have no
    /// user (Windows: [`Error::is_unsupported`](crate::Error::is_unsupported)).
    pub fn uid(self, uid: u32) -> Self {
        self.with(ConditionKind::Uid, Filter::uid(uid))
    }

    /// Sockets that this process owns. Implies owners; only the processes named so are read, so a socket that others
    /// share has these owners alone, and its ownership says that it is not complete. Without rows,
    /// [`Snapshot::gaps`](crate::Snapshot::gaps) says whether a process has ended or could not be read.
    ///
    /// Linux: the sockets of a process in another network namespace are listed too, as far as the caller may read that
    /// ([`Query::netns`]), and their rows have [`Socket::netns`](crate::Socket::netns).
    pub fn pid(self, pid: u32) -> Self {
        self.with(ConditionKind::Pid, Filter::pid(pid)).owners(true)
    }

    /// Sockets that a process of this name owns. Implies owners. The name must be the whole
    /// [`Process::name`](crate::Process::name), or its first 15 bytes where the kernel keeps no more (Linux, macOS).
    /// On Windows case does not matter, and `.exe` may be left out.
    pub fn process_name(self, name: impl Into<OsString>) -> Self {
        self.with(ConditionKind::ProcessName, Filter::process(name)).owners(true)
    }
}

/// An IPv4 address as such, in whichever form it was given.
fn with_canonical_address(end: SocketAddr) -> SocketAddr {
    match end.ip().to_canonical() {
        IpAddr::V4(address) => SocketAddr::from((address, end.port())),
        IpAddr::V6(_) => end,
    }
}
