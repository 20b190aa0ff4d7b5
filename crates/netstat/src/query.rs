//! A question about the machine's sockets.

use crate::filter::Filter;
use crate::model::details::DetailFields;
use crate::model::family::Family;
use crate::model::owner_source::OwnerSource;
use crate::model::process::ProcessFields;
use crate::model::protocol::Protocol;
use crate::model::state::State;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// A question: which sockets, and what to tell of them.
///
/// With nothing said it asks for every TCP and UDP socket of the caller's network namespace, without
/// owners. Terms of the same kind unite (`.tcp().udp()` is either), terms of different kinds narrow
/// (`.tcp().local_port(22)` is both). A query can be kept and asked again.
///
/// # Examples
/// Who listens on port 8080?
/// ```
/// # fn main() -> Result<(), netstat::Error> {
/// let snapshot = netstat::Query::new().tcp().listening().local_port(8080).owners(true).snapshot()?;
/// for socket in &snapshot {
///     println!("{} held by {:?}", socket.local, socket.owners());
/// }
/// for gap in &snapshot.gaps {
///     eprintln!("incomplete: {gap}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// In an asynchronous program a snapshot belongs on a thread that may block, since the kernel is asked
/// many questions in a row: `tokio::task::spawn_blocking(move || query.snapshot())`. A query is `Clone`,
/// `Send` and `Sync`.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// What all the terms come to.
    pub(crate) filter: Filter,
    /// The alternatives of each kind of term that was named, ascending by kind.
    terms: Vec<(ConditionKind, Filter)>,
    /// What [`Query::filter`] was told.
    narrowed: Filter,
    pub(crate) services: bool,
    pub(crate) details: DetailFields,
    pub(crate) bound_inactive: bool,
    owners: bool,
    pub(crate) owner_source: OwnerSource,
    pub(crate) fields: ProcessFields,
    threads: Option<usize>,
}

/// The kinds of a query's own terms, in the order in which they are decided.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ConditionKind {
    Protocol,
    Family,
    State,
    LocalPort,
    RemotePort,
    Port,
    Uid,
    Pid,
    ProcessName,
}

impl Query {
    /// Every TCP and UDP socket, without owners.
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
        for (_, terms) in &self.terms {
            self.filter = self.filter & terms.clone();
        }
        self.filter = self.filter & self.narrowed.clone();
        self
    }

    /// Narrows to what this filter lets through, beside the query's own terms and filters told before. A term
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

    /// Sockets of this protocol.
    pub fn protocol(self, protocol: Protocol) -> Self {
        self.with(ConditionKind::Protocol, Filter::protocol(protocol))
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

    /// Sockets in this state. A UDP socket counts as established when it has a remote end and as closed
    /// when it has none, as in `ss`.
    pub fn state(self, state: State) -> Self {
        self.with(ConditionKind::State, Filter::state(state))
    }

    /// TCP sockets in LISTEN and UDP sockets without a remote end, as `ss -l`. Unites with
    /// [`Query::state`].
    pub fn listening(self) -> Self {
        self.with(ConditionKind::State, Filter::listening())
    }

    /// Whether TCP sockets are listed, too, that are bound, but neither listen nor connect. They are shown as
    /// [`State::Closed`]; where states are named, name that one. Off by default.
    ///
    /// Linux tells of them since 6.8, and asking is not free: they stand in a table of their own with everything
    /// else that has a local port, and the walk over it takes a quarter to a half of the time of a listing of all
    /// connections, whatever it finds. An older kernel answers the question with nothing; a gap ([`Snapshot::gaps`]) says so. Windows tells
    /// of them since 10 1809. macOS lists them anyway.
    pub fn bound_inactive(mut self, bound_inactive: bool) -> Self {
        self.bound_inactive = bound_inactive;
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

    /// Sockets made by this user ([`Socket::uid`]). Where rows do not tell users (Windows), asking is an error.
    pub fn uid(self, uid: u32) -> Self {
        self.with(ConditionKind::Uid, Filter::uid(uid))
    }

    /// Sockets that this process owns. Implies owners, of which only those processes are then looked at:
    /// a socket that others share shows these owners alone, and its ownership says it is not complete.
    pub fn pid(self, pid: u32) -> Self {
        self.with(ConditionKind::Pid, Filter::pid(pid)).owners(true)
    }

    /// Sockets that a process of this name owns. Implies owners. The name must be the whole
    /// [`Process::name`](crate::Process::name), or its first 15 bytes where that is all the kernel keeps.
    /// On Windows case does not matter, and `.exe` may be left out.
    pub fn process_name(self, name: impl Into<OsString>) -> Self {
        self.with(ConditionKind::ProcessName, Filter::process(name)).owners(true)
    }

    /// Whether to look up the processes that own the sockets. Off by default: it is nearly all of the cost
    /// of a listing.
    pub fn owners(mut self, owners: bool) -> Self {
        self.owners = owners;
        self
    }

    /// How to find the owners, where the system has more than one way. Implies nothing.
    pub fn owner_source(mut self, source: OwnerSource) -> Self {
        self.owner_source = source;
        self
    }

    /// Whether to look up the service behind each socket ([`Socket::service`]), where the system has such a
    /// thing: Windows. Off by default: each costs a question to the service manager.
    pub fn services(mut self, services: bool) -> Self {
        self.services = services;
        self
    }

    /// What to tell of each socket beyond its row ([`Socket::details`]), where the system can
    /// ([`Support::detail_fields`](crate::Support::detail_fields)): Linux. By default nothing, which is fastest;
    /// [`details`](crate::model::details) says what each costs.
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

    /// Which details to read of the processes that own a listed socket. Implies owners, unless no field is
    /// named.
    pub fn processes(mut self, fields: ProcessFields) -> Self {
        self.fields = fields;
        self
    }

    /// How many threads may work at the most, the caller's included. By default as many as there are
    /// processors, and eight at the most; and, if nothing is said, another one that mostly waits for the kernel
    /// (Linux). One: everything happens on the caller's thread.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    pub(crate) fn wants_owners(&self) -> bool {
        self.owners || !self.fields.is_empty() || self.needs_owners()
    }

    /// Whether which rows pass depends on their owners.
    pub(crate) fn needs_owners(&self) -> bool {
        self.filter.needs_owners()
    }

    /// Whether another thread may receive what the kernel says.
    #[allow(dead_code, reason = "of use where the kernel says it piece by piece")]
    pub(crate) fn may_receive_ahead(&self) -> bool {
        self.threads.is_none()
    }

    /// How many threads the caller asked for, if it did.
    pub(crate) fn threads_wanted(&self) -> Option<usize> {
        self.threads
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
}
