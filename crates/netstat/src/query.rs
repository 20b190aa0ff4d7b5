//! Which sockets to list, and what to collect for each.

use crate::filter::{Filter, ProtocolSet};
use crate::model::details::DetailFields;
use crate::model::family::Family;
use crate::model::owner_source::OwnerSource;
use crate::model::process::ProcessFields;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::scope::Scope;
use crate::model::state::State;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// Selects sockets and the data to collect for each.
///
/// Without conditions it selects every TCP and UDP socket of the caller's network namespace, without owners. Sockets of
/// other protocols are selected by naming them ([`Query::protocol`], [`Query::family`], or in a filter).
/// Conditions of the same kind are OR-ed (`.tcp().udp()` is either), conditions of different kinds AND-ed
/// (`.tcp().local_port(22)` is both); [`Query::filter`] takes any expression. A query can be kept and run many times.
///
/// # Examples
/// Who listens on port 8080?
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// use netstat::{ProcessFields, Query};
///
/// let snapshot = Query::new().tcp().listening().local_port(8080).processes(ProcessFields::NAME).snapshot()?;
/// for socket in &snapshot {
///     for holder in snapshot.holders(socket) {
///         println!("{} {holder}", socket.local); // 127.0.0.1:8080 nginx (814)
///     }
/// }
/// for gap in &snapshot.gaps {
///     eprintln!("incomplete: {gap}");
/// }
/// # Ok(())
/// # }
/// ```
/// For the usual questions there are functions in [`find`](crate::find).
///
/// A listing makes many system calls in a row. An asynchronous program runs it on a thread that may block:
/// `tokio::task::spawn_blocking(move || query.snapshot())`. A query is `Clone`, `Send` and `Sync`.
///
/// # Sources
/// Linux: `NETLINK_SOCK_DIAG`, sock_diag(7), else `/proc/net`; owners from `/proc/PID/fd` or a BPF iterator. Windows:
/// `GetExtendedTcpTable`, `GetExtendedUdpTable`, `NtQuerySystemInformation`. macOS: the sysctls
/// `net.inet.{tcp,udp}.pcblist_n`, libproc.
#[derive(Clone, Debug, Default)]
#[must_use = "a query does nothing until it is run, by `snapshot` for instance"]
#[doc(alias = "sock_diag")]
#[doc(alias = "NETLINK_SOCK_DIAG")]
#[doc(alias = "NETLINK_INET_DIAG")]
#[doc(alias = "GetExtendedTcpTable")]
#[doc(alias = "GetExtendedUdpTable")]
#[doc(alias = "pcblist_n")]
#[doc(alias = "/proc/net/tcp")]
pub struct Query {
    /// The conjunction of all conditions.
    pub(crate) filter: Filter,
    /// The protocols whose tables are read.
    protocols: ProtocolSet,
    /// Set by [`Query::all_protocols`].
    every_protocol: bool,
    /// The alternatives of each kind of condition that was named, ascending by kind.
    terms: Vec<(ConditionKind, Filter)>,
    /// The expressions given to [`Query::filter`].
    narrowed: Filter,
    /// The pairs of ends given to [`Query::connection`], each once.
    connections: Vec<Ends>,
    pub(crate) services: bool,
    pub(crate) details: DetailFields,
    pub(crate) bound_inactive: bool,
    #[allow(dead_code, reason = "compared where rows may come with their owners")]
    pub(crate) cookies: bool,
    pub(crate) only_decided: bool,
    owners: bool,
    pub(crate) owner_source: OwnerSource,
    pub(crate) fields: ProcessFields,
    threads: Option<usize>,
    pub(crate) scope: Scope,
}

/// The two ends of a connection, local first. IPv4 addresses are never in the form that IPv6 sockets have them in.
pub(crate) type Ends = (SocketAddr, SocketAddr);

/// The kinds of a query's own conditions, in the order in which they are decided.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ConditionKind {
    Protocol,
    Family,
    State,
    LocalPort,
    RemotePort,
    Port,
    Connection,
    Uid,
    Pid,
    ProcessName,
}

impl Query {
    /// Every TCP and UDP socket of the caller's network namespace, without owners.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more alternative among the terms of a kind.
    fn with(mut self, kind: ConditionKind, term: Filter) -> Self {
        let place = self.terms.partition_point(|(other, _)| *other < kind);
        match self.terms.get_mut(place) {
            Some((other, terms)) if *other == kind => *terms = std::mem::take(terms) | term,
            _ => self.terms.insert(place, (kind, term)),
        }
        self.settled()
    }

    fn settled(mut self) -> Self {
        self.filter = Filter::all();
        let mut named = None;
        for (kind, terms) in &self.terms {
            if *kind == ConditionKind::Protocol {
                if self.every_protocol {
                    continue;
                }
                named = Some(ProtocolSet::named_in(terms.expr()));
            }
            self.filter = self.filter & terms.clone();
        }
        if !self.connections.is_empty() && named.is_none() && !self.every_protocol {
            self.filter = self.filter & Filter::tcp();
        }
        self.filter = self.filter & self.narrowed.clone();
        let any = || ProtocolSet::default().union(ProtocolSet::named_in(self.filter.expr()));
        self.protocols = match self.every_protocol {
            true => ProtocolKind::ALL.into_iter().fold(ProtocolSet::NONE, ProtocolSet::with),
            false => named.unwrap_or_else(any),
        };
        self
    }

    /// Narrows to what this filter lets through, beside the query's own conditions and filters given before. A term
    /// about processes implies owners.
    ///
    /// # Examples
    /// ```
    /// use netstat::{Filter, Query};
    ///
    /// let mail = Filter::remote_port(25) | Filter::remote_port(587);
    /// let query = Query::new().tcp().filter(mail & !Filter::process("postfix"));
    /// ```
    pub fn filter(mut self, filter: Filter) -> Self {
        self.narrowed = self.narrowed & filter;
        self.settled()
    }

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

    /// Unix domain sockets, as `ss -x`: with path or abstract name, the peer ([`Socket::peer_identity`]), and the file that
    /// the path named ([`Socket::unix_file`]).
    ///
    /// The remote end is the peer's name. It is [`Endpoint::Unknown`](crate::Endpoint::Unknown) where the peer has no
    /// process (the connection waits to be accepted, or the other end is closed), is in another network namespace or in a
    /// state that the query leaves out, or the source of the row does not report it. Queues are bytes; of datagram sockets the receive queue is the first datagram
    /// only, and the send queue counts kernel memory, more than the data. The accepted end of a connection has the name and
    /// the file of its listener.
    ///
    /// Connections that wait to be accepted have a row at the end that connected, and count in the listener's queue; the
    /// kernel does not list the other end.
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
    /// says how many rows may be part of another one's name.
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
        self.settled().owners(true)
    }

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
    /// come with their owners instead ([`OwnerSource::OnePass`]) have those that somebody has asked for before. With this, rows
    /// come from the tables. Elsewhere it changes nothing.
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

    /// Which network namespaces to list; by default that of the calling thread. With any other scope each row has
    /// [`Socket::netns`](crate::Socket::netns), and [`Snapshot::namespaces`](crate::Snapshot::namespaces) describes each
    /// namespace. The last call counts. Linux.
    ///
    /// Names and indexes of network interfaces are of one namespace: a condition on an interface compares the index.
    ///
    /// # Rights
    /// `CAP_SYS_ADMIN`, in the caller's user namespace and in that which the network namespace belongs to, lists everything.
    /// Without it, tables are read from `/proc/PID/net` of a process in the namespace, which has less of each socket
    /// (a gap of the kind [`GapKind::Fallback`](crate::GapKind::Fallback)). A namespace whose processes the caller may not
    /// trace has no known number and is not listed
    /// ([`GapKind::NamespacesUnreadable`](crate::GapKind::NamespacesUnreadable)).
    ///
    /// # Errors
    /// Running the query fails with
    /// - [`Error::is_not_found`](crate::Error::is_not_found) if there is no such process, name or path,
    /// - [`Error::is_permission_denied`](crate::Error::is_permission_denied) if no namespace of the scope can be read,
    /// - [`Error::is_unsupported`](crate::Error::is_unsupported) on other systems than Linux.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{Query, Scope};
    ///
    /// let snapshot = Query::new().tcp().listening().netns(Scope::All).snapshot()?;
    /// for socket in &snapshot {
    ///     let namespace = socket.netns.and_then(|id| snapshot.namespace(id));
    ///     println!("{socket} in {}", namespace.map_or("?".into(), ToString::to_string));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Sources
    /// network_namespaces(7). A thread made for it enters each namespace by setns(2), opens a netlink socket there, and
    /// ends; the caller's threads stay where they are.
    #[doc(alias = "setns")]
    #[doc(alias = "ip netns")]
    pub fn netns(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Whether to look up the processes that own the sockets ([`Socket::owners`](crate::Socket::owners)). Off by default:
    /// it is nearly all of the cost of a listing, except on Windows, whose tables name the process.
    ///
    /// # Rights
    /// See [`Query::snapshot`]: without them, owners of other users' sockets are hidden, which each row and the gaps say.
    pub fn owners(mut self, owners: bool) -> Self {
        self.owners = owners;
        self
    }

    /// How to find the owners, where the system has several sources (Linux). Does not imply owners.
    pub fn owner_source(mut self, source: OwnerSource) -> Self {
        self.owner_source = source;
        self
    }

    /// Whether to look up the service behind each socket ([`Socket::service`](crate::Socket::service)). Windows; no effect
    /// elsewhere. Off by default: each costs a call to the service manager.
    ///
    /// # Sources
    /// `I_QueryTagInformation`.
    pub fn services(mut self, services: bool) -> Self {
        self.services = services;
        self
    }

    /// What to collect of each socket beyond its row ([`Socket::details`](crate::Socket::details)), where the system has
    /// it ([`Support::detail_fields`](crate::Support::detail_fields)): Linux. By default nothing, which is fastest;
    /// [`details`](crate::details) says what each costs.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{DetailFields, Query, State};
    ///
    /// let query = Query::new().tcp().state(State::Established).details(DetailFields::TCP_INFO);
    /// for socket in &query.snapshot()? {
    ///     if let Some(tcp) = socket.details().and_then(|details| details.tcp.as_ref()) {
    ///         println!("{}: {:?} there and back, {} segments sent again", socket.local, tcp.rtt, tcp.total_retrans);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn details(mut self, fields: DetailFields) -> Self {
        self.details = fields;
        self
    }

    /// Which details to read of the processes that own a listed socket
    /// ([`Snapshot::processes`](crate::Snapshot::processes)). Implies owners, unless no field is named.
    ///
    /// # Rights
    /// Linux: any user for name, parent, user, command line and start (unless `/proc` is mounted with `hidepid`), the
    /// right to trace the process for the path. macOS: the same user or root for the start. Windows: administrators for
    /// the user of other users' processes.
    ///
    /// # Sources
    /// Linux: `/proc/PID/{stat,cmdline,exe}`. Windows: `NtQuerySystemInformation`. macOS: `proc_pidinfo`, `proc_pidpath`.
    pub fn processes(mut self, fields: ProcessFields) -> Self {
        self.fields = fields;
        self
    }

    /// How many threads may search for owners and read processes, the caller's included. By default as many as there
    /// are processors, and eight at the most. A number below that makes a listing slower where owners are asked for, and
    /// one above it rarely makes it faster: the kernel's own locks are the limit.
    ///
    /// Beside these, Linux receives long tables on one thread more, which mostly waits for the kernel.
    ///
    /// With 1 (or 0) everything happens on the caller's thread, and no thread is started at all.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The protocols of which a socket may pass: those that are named, else TCP, UDP and those that the filter names.
    pub(crate) fn wanted_protocols(&self) -> impl Iterator<Item = ProtocolKind> {
        self.protocols.iter().filter(|kind| self.filter.wants_protocol(*kind))
    }

    /// Whether sockets are wanted of other families than IPv4 and IPv6.
    #[allow(dead_code, reason = "used by the Linux back end only")]
    pub(crate) fn wants_other_families(&self) -> bool {
        use ProtocolKind as P;
        let is_other = |kind| matches!(kind, P::Unix | P::Netlink | P::Packet | P::Vsock | P::Other);
        self.wanted_protocols().any(is_other)
    }

    /// Whether sockets are wanted that no table lists: those of any protocol, or of one that most kernels have no table
    /// for.
    pub(crate) fn wants_unlisted(&self) -> bool {
        self.wanted_protocols().any(|kind| matches!(kind, ProtocolKind::Other | ProtocolKind::Vsock))
    }

    /// Whether rows are added for sockets that no table lists, which are seen with their owners only. All sockets of the
    /// tables must be known then, whatever the filter leaves out.
    pub(crate) fn adds_unlisted(&self) -> bool {
        self.wants_unlisted() && self.wants_owners()
    }

    pub(crate) fn wants_owners(&self) -> bool {
        self.owners || !self.fields.is_empty() || self.needs_owners()
    }

    /// Whether which rows pass depends on their owners.
    pub(crate) fn needs_owners(&self) -> bool {
        self.filter.needs_owners()
    }

    /// Whether a row that may pass, as far as that does not depend on owners, may still fail or be undecided.
    pub(crate) fn needs_decisions(&self) -> bool {
        self.only_decided || self.filter.may_be_undecided()
    }

    /// Whether another thread may receive what the kernel says.
    #[allow(dead_code, reason = "used by the Linux back end only")]
    pub(crate) fn may_receive_ahead(&self) -> bool {
        self.threads.is_none_or(|threads| threads > 1)
    }

    /// The connections that were named.
    #[allow(dead_code, reason = "used by the Linux back end only")]
    pub(crate) fn connections(&self) -> &[Ends] {
        &self.connections
    }

    /// How many threads the caller asked for, if it did.
    pub(crate) fn threads_wanted(&self) -> Option<usize> {
        self.threads
    }
}

/// An IPv4 address as such, in whichever form it was given.
fn with_canonical_address(end: SocketAddr) -> SocketAddr {
    match end.ip().to_canonical() {
        IpAddr::V4(address) => SocketAddr::from((address, end.port())),
        IpAddr::V6(_) => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_of_one_kind_unite_and_of_different_kinds_and_filters_narrow() {
        let query = Query::new().udp().local_port(22).tcp().local_ports(80..=89).ipv6();
        let ports = Filter::local_port(22) | Filter::local_ports(80..=89);
        let expected = (Filter::udp() | Filter::tcp()) & Filter::ipv6() & ports;
        assert_eq!(query.filter, expected);
        let narrowed = query.filter(Filter::port(1) | Filter::port(2)).filter(Filter::uid(3));
        assert_eq!(narrowed.filter, expected.clone() & (Filter::port(1) | Filter::port(2)) & Filter::uid(3));
        // A term after a filter still belongs to its kind.
        let more = narrowed.ipv4().filter;
        assert!(more.wants_family(Family::Ipv4) && more.wants_family(Family::Ipv6));
    }

    #[test]
    fn listening_unites_with_states_and_a_filter_by_process_implies_owners() {
        let query = Query::new().listening().state(State::Established);
        assert_eq!(query.filter, Filter::listening() | Filter::state(State::Established));
        assert!(!query.wants_owners());
        assert!(query.filter(Filter::tcp() | !Filter::process("nginx")).wants_owners());
    }

    #[test]
    fn connections_are_tcp_unless_a_protocol_is_named_and_unite() {
        let end = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (one, other) = (end("127.0.0.1:80"), end("[::ffff:10.0.0.1]:5000"));
        let query = Query::new().connection(one, other);
        let expected = Filter::local_address([127, 0, 0, 1])
            & Filter::local_port(80)
            & Filter::remote_address([10, 0, 0, 1])
            & Filter::remote_port(5000);
        assert_eq!(query.filter, expected.clone() & Filter::tcp());
        assert_eq!(query.connections(), [(one, end("10.0.0.1:5000"))]);
        assert!(!query.clone().udp().filter.wants_protocol(Protocol::Tcp));
        // The same pair in another form is the same connection.
        let same = query.clone().connection(one, end("10.0.0.1:5000"));
        assert_eq!(same.connections(), query.connections());
        let two = query.udp().tcp().connection(end("[::1]:1"), end("[::1]:2"));
        assert_eq!(two.connections().len(), 2);
        assert!(two.filter.wants_protocol(Protocol::Udp) && two.filter.wants_family(Family::Ipv6));
    }

    #[test]
    fn protocols_are_tcp_and_udp_those_that_are_named_and_those_that_a_filter_names() {
        use ProtocolKind::{Raw, Tcp, Udp, Unix};
        let wanted = |query: Query| query.wanted_protocols().collect::<Vec<_>>();
        let raw = || Filter::protocol_kind(Raw);
        assert_eq!(wanted(Query::new()), [Tcp, Udp]);
        assert_eq!(wanted(Query::new().local_port(80).filter(!raw())), [Tcp, Udp]);
        assert_eq!(wanted(Query::new().protocol_kind(Raw)), [Raw]);
        assert_eq!(wanted(Query::new().protocol(Protocol::Raw(1)).udp()), [Udp, Raw]);
        assert_eq!(wanted(Query::new().filter(Filter::local_port(1) | raw())), [Tcp, Udp, Raw]);
        assert_eq!(wanted(Query::new().filter(raw())), [Raw]);
        assert_eq!(wanted(Query::new().tcp().filter(Filter::local_port(1) | raw())), [Tcp]);
        assert_eq!(wanted(Query::new().family(Family::Unix)), [Tcp, Udp, Unix]);
    }

    #[test]
    fn one_thread_starts_no_other_and_more_receive_ahead_as_the_default_does() {
        let ahead = |threads| Query::new().threads(threads).may_receive_ahead();
        assert!(Query::new().may_receive_ahead() && ahead(2) && ahead(8));
        assert!(!ahead(1) && !ahead(0));
    }
}
