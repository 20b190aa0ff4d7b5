//! Where to list sockets, and what to collect for each.

use super::Query;
use crate::model::details::DetailFields;
use crate::model::owner_source::OwnerSource;
use crate::model::process::ProcessFields;
use crate::model::scope::Scope;

impl Query {
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

    /// Whether to find the socket at the other end of each connection within this machine
    /// ([`Snapshot::peer`](crate::Snapshot::peer)), and which end opened it
    /// ([`Snapshot::direction`](crate::Snapshot::direction)). Off by default. The other end is listed in
    /// [`Snapshot::peers`](crate::Snapshot::peers) where the filter leaves it out. Does not imply owners; with them, both
    /// ends have theirs. A filter by the processes at the other end ([`Filter::peer_pid`](crate::Filter::peer_pid)) implies it.
    ///
    /// More is read than is listed: what may be at the other end, and what listens. A filter by ports and addresses stays
    /// cheap, since the kernel can decide that too. For others whole tables are read, and for the owners of the
    /// other end every process, even if [`Query::pid`] names one.
    ///
    /// TCP, UDP, UDP-Lite, SCTP, MPTCP and unix sockets, as far as the system reports the remote end
    /// ([`Support::peers`](crate::Support::peers)).
    ///
    /// # Examples
    /// Who is at the other end of the connections of this process?
    /// ```
    /// # fn main() -> Result<(), netstat::Error> {
    /// use netstat::{ProcessFields, Query};
    ///
    /// let query = Query::new().tcp().pid(std::process::id()).processes(ProcessFields::NAME).peers(true);
    /// let snapshot = query.snapshot()?;
    /// for socket in &snapshot {
    ///     if let Some(peer) = snapshot.peer(socket) {
    ///         for holder in snapshot.holders(peer) { println!("{socket}: {holder}"); }
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn peers(mut self, peers: bool) -> Self {
        self.peers = peers;
        self.combined()
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
}
