//! The order of the rows.

use crate::columns::{self, Column, Key};
use crate::parallel;
use crate::usage::UsageError;
use crate::view::View;
use netstat::{Protocol, Socket};
use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::thread;

/// One column to sort by.
#[derive(Debug)]
pub struct SortColumn {
    /// The column.
    pub column: &'static Column,
    /// Whether the greatest value comes first.
    pub descending: bool,
}

impl SortColumn {
    /// Parses `pid`, `-pid`, `pid:desc` or `pid:asc`.
    pub fn parse(typed: &str) -> Result<Self, UsageError> {
        let (name, descending) = match typed.split_once(':') {
            None => typed.strip_prefix('-').map_or((typed, false), |name| (name, true)),
            Some((name, "desc")) => (name, true),
            Some((name, "asc")) => (name, false),
            Some((name, _)) => {
                return Err(UsageError::new(format!(
                    "bad order {typed:?}: write {name}, {name}:asc or {name}:desc"
                )));
            }
        };
        Ok(Self { column: columns::find(name)?, descending })
    }
}

/// The rows sorted by these columns; rows that are equal in them, or all rows without columns, by protocol, local and
/// remote endpoint. Rows without a value come last in either direction.
pub fn sorted<'a>(view: &View<'a>, columns: &[SortColumn]) -> Vec<&'a Socket> {
    let sockets = &view.snapshot.sockets;
    if columns.is_empty() {
        return in_default_order(sockets);
    }
    let keys = |socket| columns.iter().map(|by| by.column.key(view, socket)).collect::<Box<[_]>>();
    let mut rows: Vec<_> = sockets.iter().map(|socket| (keys(socket), socket)).collect();
    rows.sort_unstable_by(|(a_keys, a), (b_keys, b)| {
        let keys = a_keys.iter().zip(b_keys).zip(columns);
        let by_columns = keys.map(|((a, b), by)| directed(a, b, by.descending));
        by_columns.fold(Ordering::Equal, Ordering::then).then_with(|| default_order(a, b))
    });
    rows.into_iter().map(|(_, socket)| socket).collect()
}

fn directed(a: &Key, b: &Key, descending: bool) -> Ordering {
    match (a, b) {
        (Key::Absent, _) | (_, Key::Absent) => a.cmp(b),
        _ if descending => b.cmp(a),
        _ => a.cmp(b),
    }
}

/// By protocol, local and remote endpoint, IPv4 before IPv6, all by number. Identity and cookie make the order the same
/// each time for sockets that share all three.
fn default_order(a: &Socket, b: &Socket) -> Ordering {
    let endpoints = |socket: &Socket| (socket.protocol, socket.local_addr(), socket.remote_addr());
    let rest = |socket: &Socket| (socket.identity, socket.cookie);
    // A name of a unix socket, a netlink port ...
    let others = || if a.local_addr().is_none() { a.local.cmp(&b.local) } else { Ordering::Equal };
    endpoints(a).cmp(&endpoints(b)).then_with(others).then_with(|| rest(a).cmp(&rest(b)))
}

/// Sorts numbers computed from the rows, which is several times as fast as sorting the rows. Rows are compared only if
/// their numbers are equal.
fn in_default_order(sockets: &[Socket]) -> Vec<&Socket> {
    let numbers = SortNumbers::of(sockets);
    // The index of the socket replaces the last bits, in which few rows differ.
    let index_bits = (1_u128 << (usize::BITS - sockets.len().leading_zeros())) - 1;
    let numbers = sorted_numbers(sockets, |index, socket| numbers.number_of(socket) & !index_bits | index);
    let socket_of =
        |number: u128| usize::try_from(number & index_bits).ok().and_then(|index| sockets.get(index));
    let mut rows = Vec::with_capacity(sockets.len());
    rows.extend(numbers.iter().copied().filter_map(socket_of));
    let mut rest = &mut rows[..];
    for alike in numbers.chunk_by(|a, b| a & !index_bits == b & !index_bits) {
        let (rows, others) = rest.split_at_mut(alike.len().min(rest.len()));
        if rows.len() > 1 {
            rows.sort_by(|a, b| default_order(a, b));
        }
        rest = others;
    }
    rows
}

/// The sorted numbers of the rows. `number` gets each row with its index. Long listings are sorted in parts, one for each
/// processor.
fn sorted_numbers(sockets: &[Socket], number: impl Fn(u128, &Socket) -> u128 + Sync) -> Vec<u128> {
    const WORTH_THREADS: usize = 16_384;
    let parts = parallel::threads_for(sockets.len(), WORTH_THREADS);
    let size = sockets.len().div_ceil(parts).max(1);
    let part = |nth: usize| {
        let sockets = (0_u128..).zip(sockets).skip(nth * size).take(size);
        let mut numbers: Vec<u128> = sockets.map(|(index, socket)| number(index, socket)).collect();
        numbers.sort_unstable();
        numbers
    };
    let mut numbers = Vec::with_capacity(sockets.len());
    thread::scope(|scope| {
        let start = |nth| thread::Builder::new().name("lsock".into()).spawn_scoped(scope, move || part(nth));
        let others: Vec<_> = (1..parts).map(|nth| (nth, start(nth))).collect();
        numbers.extend(part(0));
        for (nth, other) in others {
            // This thread sorts a part whose thread could not be started.
            numbers.extend(other.ok().and_then(|other| other.join().ok()).unwrap_or_else(|| part(nth)));
        }
    });
    // The stable sort detects sorted runs and merges them.
    numbers.sort();
    numbers
}

/// The numbers by which rows are sorted. An IPv6 address is too long for them; its rank among the addresses of the
/// listing takes its place.
struct SortNumbers<'a> {
    sockets: &'a [Socket],
    ipv6: OnceLock<Vec<Ipv6Addr>>,
}

impl<'a> SortNumbers<'a> {
    fn of(sockets: &'a [Socket]) -> Self {
        Self { sockets, ipv6: OnceLock::new() }
    }

    /// The first bits of the default order: protocol (8); family (1), address (32) and port (16) of the local endpoint,
    /// and whether it has a scope or flow (1); if not, family (2), address (32) and port (16) of the remote endpoint.
    fn number_of(&self, socket: &Socket) -> u128 {
        let protocol = match socket.protocol {
            Protocol::Tcp => 0_u128,
            Protocol::Udp => 1,
            // Of many protocols: the rows are compared.
            _ => return 2 << 120,
        };
        let Some(endpoint) = socket.local_addr() else { return protocol << 120 };
        let local = protocol << 49 | u128::from(endpoint.is_ipv6()) << 48 | self.endpoint(endpoint);
        let remote = match socket.remote_addr() {
            _ if has_scope_or_flow(endpoint) => 1 << 50,
            None => 0,
            Some(remote) => (1 + u128::from(remote.is_ipv6())) << 48 | self.endpoint(remote),
        };
        local << 71 | remote << 20
    }

    /// Address and port.
    fn endpoint(&self, endpoint: SocketAddr) -> u128 {
        let address = match endpoint.ip() {
            IpAddr::V4(ip) => ip.to_bits(),
            // Ranks that need more than 32 bits are equal; the rows are compared then.
            IpAddr::V6(ip) => self.rank(ip).try_into().unwrap_or(u32::MAX),
        };
        u128::from(address) << 16 | u128::from(endpoint.port())
    }

    fn rank(&self, ip: Ipv6Addr) -> usize {
        let all = self.ipv6.get_or_init(|| {
            let mut all = Vec::new();
            for socket in self.sockets {
                all.extend(socket.local_addr().and_then(ipv6));
                all.extend(socket.remote_addr().and_then(ipv6));
            }
            all.sort_unstable();
            all.dedup();
            all
        });
        all.partition_point(|other| *other < ip)
    }
}

fn ipv6(endpoint: SocketAddr) -> Option<Ipv6Addr> {
    match endpoint {
        SocketAddr::V4(_) => None,
        SocketAddr::V6(endpoint) => Some(*endpoint.ip()),
    }
}

/// Whether the order of endpoints depends on more than address and port.
fn has_scope_or_flow(endpoint: SocketAddr) -> bool {
    matches!(endpoint, SocketAddr::V6(endpoint) if endpoint.flowinfo() != 0 || endpoint.scope_id() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::Users;
    use netstat::{Family, Snapshot, State};

    fn sorted_locals(sort: &[&str], sockets: Vec<Socket>) -> Vec<String> {
        let terms: Vec<_> = sort.iter().map(|term| SortColumn::parse(term).unwrap()).collect();
        let mut snapshot = Snapshot::default();
        snapshot.sockets = sockets;
        let users = Users::known(&[]);
        let rows = sorted(&View::new(&snapshot, &users), &terms);
        rows.iter().map(|socket| socket.local.to_string()).collect()
    }

    fn socket(protocol: Protocol, local: &str, uid: Option<u32>, state: Option<State>) -> Socket {
        let local: SocketAddr = local.parse().unwrap();
        let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        let mut socket = Socket::new(family, protocol, local);
        socket.uid = uid;
        socket.state = state;
        socket
    }

    #[test]
    fn default_order_is_protocol_then_numerical_endpoints() {
        let of = |protocol, local| socket(protocol, local, None, None);
        let sockets = vec![
            of(Protocol::Udp, "1.1.1.1:1"),
            of(Protocol::Tcp, "[::1]:5"),
            of(Protocol::Tcp, "10.0.0.1:80"),
            of(Protocol::Tcp, "9.0.0.1:443"),
            of(Protocol::Tcp, "9.0.0.1:53"),
        ];
        let expected = ["9.0.0.1:53", "9.0.0.1:443", "10.0.0.1:80", "[::1]:5", "1.1.1.1:1"];
        assert_eq!(sorted_locals(&[], sockets), expected);
    }

    /// Every combination of some ends, with and without a remote one, of both protocols.
    fn combinations() -> Vec<Socket> {
        let ends = [
            "0.0.0.0:0",
            "0.0.0.0:80",
            "10.0.0.1:1",
            "255.255.255.255:65535",
            "[::]:0",
            "[::]:80",
            "[::1]:5",
        ];
        let ends = ends.iter().chain(&["[::1:0:0]:1", "[fe80::1%2]:1", "[fe80::1%3]:1", "[ffff::]:65535"]);
        let ends: Vec<SocketAddr> = ends.map(|end| end.parse().unwrap()).collect();
        let remotes = std::iter::once(None).chain(ends.iter().copied().map(Some));
        let mut all = Vec::new();
        for remote in remotes {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                all.extend(ends.iter().map(|local| {
                    let mut socket = Socket::new(Family::Ipv6, protocol, *local);
                    socket.remote = remote.map(Into::into);
                    socket
                }));
            }
        }
        all
    }

    #[test]
    fn numbers_never_contradict_the_order() {
        let all = combinations();
        let numbers = SortNumbers::of(&all);
        for a in &all {
            for b in &all {
                let by_number = numbers.number_of(a).cmp(&numbers.number_of(b));
                // Only what follows a port is not in the number.
                let left = [a.local_addr(), a.remote_addr()].into_iter().flatten().any(has_scope_or_flow);
                assert!(
                    by_number == default_order(a, b) || by_number == Ordering::Equal && left,
                    "{a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn default_order_does_not_depend_on_the_input_order_and_is_stable() {
        let mut all = combinations();
        for (inode, socket) in (0..).zip(combinations().into_iter().step_by(3)) {
            let mut twin = socket;
            twin.identity = Some(netstat::Identity::Inode(inode % 5));
            all.extend([twin.clone(), twin]);
        }
        for step in [1, 7, 100] {
            let count = all.len();
            let mixed: Vec<Socket> = (0..count).map(|at| all[at * step % count].clone()).collect();
            let mut expected: Vec<&Socket> = mixed.iter().collect();
            expected.sort_by(|a, b| default_order(a, b));
            let rows = in_default_order(&mixed);
            assert!(
                rows.len() == count && rows.iter().zip(expected).all(|(a, b)| std::ptr::eq(*a, b)),
                "{step}"
            );
        }
    }

    #[test]
    fn absent_comes_last_in_either_direction() {
        let of = |local, uid| socket(Protocol::Tcp, local, uid, None);
        let sockets = vec![of("1.1.1.1:1", None), of("1.1.1.1:2", Some(1000)), of("1.1.1.1:3", Some(33))];
        assert_eq!(sorted_locals(&["uid"], sockets.clone()), ["1.1.1.1:3", "1.1.1.1:2", "1.1.1.1:1"]);
        assert_eq!(sorted_locals(&["-uid"], sockets.clone()), ["1.1.1.1:2", "1.1.1.1:3", "1.1.1.1:1"]);
        assert_eq!(sorted_locals(&["uid:desc"], sockets), ["1.1.1.1:2", "1.1.1.1:3", "1.1.1.1:1"]);
    }

    #[test]
    fn later_columns_decide_among_equals() {
        let of = |local, state| socket(Protocol::Tcp, local, None, Some(state));
        let sockets = vec![
            of("1.1.1.1:1", State::Listen),
            of("1.1.1.1:2", State::Established),
            of("1.1.1.1:3", State::Listen),
        ];
        let expected = ["1.1.1.1:2", "1.1.1.1:3", "1.1.1.1:1"];
        assert_eq!(sorted_locals(&["state", "local_port:desc"], sockets), expected);
    }

    #[test]
    fn bad_terms_are_refused() {
        assert!(SortColumn::parse("pid:down").unwrap_err().to_string().contains("pid:desc"));
        assert!(
            SortColumn::parse("colour").unwrap_err().to_string().contains("there is no column \"colour\"")
        );
    }
}
