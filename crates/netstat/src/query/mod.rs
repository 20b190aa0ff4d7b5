//! Which sockets to list, and what to collect for each.

mod collect;
mod conditions;
mod needs;
mod protocols;

use crate::filter::{Filter, ProtocolSet};
use crate::model::details::DetailFields;
use crate::model::owner_source::OwnerSource;
use crate::model::process::ProcessFields;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::scope::Scope;
use std::net::SocketAddr;

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
    /// The filter of the tables, where more is read than passes.
    widened: Option<Filter>,
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
    peers: bool,
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
        self.combined()
    }

    fn combined(mut self) -> Self {
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
        self.widened = (self.peers || self.filter.needs_peers()).then(|| self.filter.with_other_ends());
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
        self.combined()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::family::Family;
    use crate::model::protocol::Protocol;
    use crate::model::state::State;

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
