//! The order of the rows.

use crate::columns::{self, Column, Key};
use crate::plan::Usage;
use crate::view::View;
use netstat::{Protocol, Socket};
use std::cmp::Ordering;
use std::net::{SocketAddr, SocketAddrV4};

/// One column to sort by.
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) column: &'static Column,
    pub(crate) descending: bool,
}

impl Term {
    /// `pid`, `-pid`, `pid:desc` or `pid:asc`.
    pub(crate) fn parse(typed: &str) -> Result<Self, Usage> {
        let (name, descending) = match typed.split_once(':') {
            None => typed.strip_prefix('-').map_or((typed, false), |name| (name, true)),
            Some((name, "desc")) => (name, true),
            Some((name, "asc")) => (name, false),
            Some((name, _)) => {
                return Err(Usage::new(format!(
                    "bad order {typed:?}: write {name}, {name}:asc or {name}:desc"
                )));
            }
        };
        Ok(Self { column: columns::find(name)?, descending })
    }
}

/// The rows by these columns; where they are equal, and if there are none, by protocol, local and remote
/// end. What a row lacks comes last in either direction.
pub(crate) fn sorted<'a>(view: &View<'a>, terms: &[Term]) -> Vec<&'a Socket> {
    let sockets = view.snapshot.sockets.iter();
    if terms.is_empty() {
        let mut rows: Vec<_> = sockets.map(|socket| (prefix(socket), socket)).collect();
        rows.sort_unstable_by(|(a_prefix, a), (b_prefix, b)| {
            a_prefix.cmp(b_prefix).then_with(|| usual(a, b))
        });
        return rows.into_iter().map(|(_, socket)| socket).collect();
    }
    let keys = |socket| terms.iter().map(|term| term.column.value.key(view, socket)).collect::<Box<[_]>>();
    let mut rows: Vec<_> = sockets.map(|socket| (keys(socket), socket)).collect();
    rows.sort_unstable_by(|(a_keys, a), (b_keys, b)| {
        let keys = a_keys.iter().zip(b_keys).zip(terms);
        let by_terms = keys.map(|((a, b), term)| directed(a, b, term.descending));
        by_terms.fold(Ordering::Equal, Ordering::then).then_with(|| usual(a, b))
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

/// By protocol, local end and remote end: IPv4 before IPv6, by number. The rest only makes the order the same
/// each time where sockets share all three.
fn usual(a: &Socket, b: &Socket) -> Ordering {
    let ends = |socket: &Socket| (socket.protocol, socket.local, socket.remote);
    let rest = |socket: &Socket| (socket.identity, socket.cookie);
    ends(a).cmp(&ends(b)).then_with(|| rest(a).cmp(&rest(b)))
}

/// The first bits of the usual order, so that most comparisons need not look at the row: protocol (8), kind of
/// local end (1) and, for IPv4, address (32) and port (16), kind of remote end (2), address (32) and port (16);
/// for IPv6 as much of the local address as there is room for.
fn prefix(socket: &Socket) -> u128 {
    let protocol = match socket.protocol {
        Protocol::Tcp => 0_u128,
        Protocol::Udp => 1,
        _ => 2,
    };
    let v4 = |end: SocketAddrV4| u128::from(end.ip().to_bits()) << 16 | u128::from(end.port());
    let ends = match (socket.local, socket.remote) {
        (SocketAddr::V6(local), _) => 1 << 119 | local.ip().to_bits() >> 9,
        (SocketAddr::V4(local), None) => v4(local) << 71,
        (SocketAddr::V4(local), Some(SocketAddr::V4(remote))) => v4(local) << 71 | 1 << 69 | v4(remote) << 21,
        (SocketAddr::V4(local), Some(SocketAddr::V6(_))) => v4(local) << 71 | 2 << 69,
    };
    protocol << 120 | ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::Users;
    use netstat::{Snapshot, TcpState};

    fn sorted_locals(sort: &[&str], sockets: Vec<Socket>) -> Vec<String> {
        let terms: Vec<_> = sort.iter().map(|term| Term::parse(term).unwrap()).collect();
        let mut snapshot = Snapshot::default();
        snapshot.sockets = sockets;
        let users = Users::from_passwd("");
        let rows = sorted(&View::new(&snapshot, &users), &terms);
        rows.iter().map(|socket| socket.local.to_string()).collect()
    }

    fn socket(protocol: Protocol, local: &str, uid: Option<u32>, state: Option<TcpState>) -> Socket {
        let mut socket = Socket::new(protocol, local.parse().unwrap());
        socket.uid = uid;
        socket.state = state;
        socket
    }

    #[test]
    fn usual_order_is_protocol_then_numerical_ends() {
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

    #[test]
    fn prefix_never_contradicts_the_order() {
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
                    let mut socket = Socket::new(protocol, *local);
                    socket.remote = remote;
                    socket
                }));
            }
        }
        for a in &all {
            for b in &all {
                let by_prefix = prefix(a).cmp(&prefix(b));
                assert!(by_prefix == Ordering::Equal || by_prefix == usual(a, b), "{a:?} {b:?}");
            }
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
            of("1.1.1.1:1", TcpState::Listen),
            of("1.1.1.1:2", TcpState::Established),
            of("1.1.1.1:3", TcpState::Listen),
        ];
        let expected = ["1.1.1.1:2", "1.1.1.1:3", "1.1.1.1:1"];
        assert_eq!(sorted_locals(&["state", "local_port:desc"], sockets), expected);
    }

    #[test]
    fn bad_terms_are_refused() {
        assert!(Term::parse("pid:down").unwrap_err().to_string().contains("pid:desc"));
        assert!(Term::parse("colour").unwrap_err().to_string().contains("unknown column \"colour\""));
    }
}
