//! Sockets of protocols beside TCP and UDP, made by the test in a network namespace of its own: each is listed once, as
//! its maker describes it, with its holder. Where the kernel has no such protocol, the listing says so.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{snapshot_by, sources};
use netstat::{
    Endpoint, Family, Filter, GapKind, Owner, OwnerRole, Protocol, ProtocolKind, Query, Snapshot, Socket,
    SocketType, State,
};
use rustix::net::{
    self as sys, AddressFamily, Protocol as Number, SocketFlags, SocketType as Type, socket_with,
};
use socket_world::namespace::in_network_namespace;
use socket_world::{Held, live_skip, quiet};
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::os::fd::OwnedFd;

const V4: AddressFamily = AddressFamily::INET;
const V6: AddressFamily = AddressFamily::INET6;

fn socket(family: AddressFamily, kind: Type, number: u32) -> io::Result<OwnedFd> {
    let number = Number::from_raw(NonZero::new(number).unwrap());
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, Some(number))?)
}

/// A socket with this local end and this remote one, if they are given.
fn made(socket: io::Result<OwnedFd>, local: Option<&str>, remote: Option<&str>) -> OwnedFd {
    let socket = socket.unwrap();
    if let Some(local) = local {
        sys::bind(&socket, &local.parse::<SocketAddr>().unwrap()).unwrap();
    }
    if let Some(remote) = remote {
        sys::connect(&socket, &remote.parse::<SocketAddr>().unwrap()).unwrap();
    }
    socket
}

fn name(end: &Endpoint) -> String {
    end.to_string()
}

/// The local and the remote end of the row, as text.
fn ends(row: &Socket) -> (String, Option<String>) {
    (name(&row.local), row.remote.as_ref().map(name))
}

/// The row of a socket of this process; checks that it has one, and this process alone as its holder.
fn row_of<'s>(snapshot: &'s Snapshot, socket: &OwnedFd) -> &'s Socket {
    let held = Held::of(socket).unwrap();
    let rows: Vec<&Socket> = snapshot.into_iter().filter(|row| row.inode() == Some(held.inode)).collect();
    let [row] = rows[..] else { panic!("{} rows of one socket: {rows:?}", rows.len()) };
    assert_eq!(row.owners(), [Owner::new(held.pid, Some(held.fd), OwnerRole::Holder)], "{row:?}");
    assert_eq!(row.uid, Some(rustix::process::getuid().as_raw()), "{row:?}");
    row
}

/// Runs in a network namespace of the test's own; false: there is none for it.
fn in_namespace(work: impl FnOnce() + Send) -> bool {
    match in_network_namespace(work) {
        Ok(()) => true,
        Err(why) => {
            socket_world::skipped(format_args!("a network namespace: {why}"));
            false
        }
    }
}

/// The rows of one protocol by each source of owners, and with each the row of each socket, in order.
fn each_listing(kind: ProtocolKind, sockets: &[OwnedFd], check: impl Fn(&Snapshot, &[&Socket])) {
    for source in sources() {
        let _quiet = quiet();
        let snapshot = snapshot_by(&Query::new().protocol_kind(kind).owners(true), source);
        assert!(snapshot.into_iter().all(|row| row.protocol.kind() == kind), "{source:?}");
        let rows: Vec<&Socket> = sockets.iter().map(|socket| row_of(&snapshot, socket)).collect();
        assert_eq!(snapshot.sockets.len(), sockets.len(), "{:?}", snapshot.sockets);
        check(&snapshot, &rows);
    }
    // The same by name in a filter, one by one and as a number.
    let filtered = Query::new().filter(Filter::protocol_kind(kind)).snapshot().unwrap();
    assert_eq!(filtered.sockets.len(), sockets.len());
    assert!(filtered.sockets.iter().all(|row| row.protocol.kind() == kind && row.owners().is_empty()));
    let mut streamed = 0;
    let query = Query::new().protocol_kind(kind);
    query
        .for_each(|_| {
            streamed += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((streamed, query.count().unwrap().total()), (sockets.len(), sockets.len() as u64));
    // And nothing of it where nothing names it.
    assert!(Query::new().snapshot().unwrap().sockets.iter().all(|row| row.protocol.kind() != kind));
}

#[test]
fn live_raw_sockets_have_addresses_without_ports_and_their_ip_protocol() {
    in_namespace(|| {
        let sockets = [
            made(socket(V4, Type::RAW, 1), None, None),
            made(socket(V4, Type::RAW, 253), Some("127.0.0.1:0"), Some("127.0.0.2:0")),
            made(socket(V4, Type::RAW, 255), None, None),
            made(socket(V6, Type::RAW, 58), Some("[::1]:0"), None),
            made(socket(V6, Type::RAW, 253), None, Some("[::1]:0")),
        ];
        let expected = [
            (Protocol::Raw(1), ("0.0.0.0", None)),
            (Protocol::Raw(253), ("127.0.0.1", Some("127.0.0.2"))),
            (Protocol::Raw(255), ("0.0.0.0", None)),
            (Protocol::Raw(58), ("::1", None)),
            (Protocol::Raw(253), ("::1", Some("::1"))),
        ];
        each_listing(ProtocolKind::Raw, &sockets, |snapshot, rows| {
            for (row, (protocol, (local, remote))) in rows.iter().zip(expected) {
                assert_eq!(row.protocol, protocol);
                assert_eq!(ends(row), (local.to_owned(), remote.map(str::to_owned)));
                assert_eq!((row.state, row.socket_type), (None, Some(SocketType::Raw)));
                assert_eq!((row.local.port(), row.local_addr()), (None, None));
            }
            // A kernel without the dump has the files.
            let fell_back =
                |gap: &netstat::Gap| gap.kind == GapKind::Fallback && gap.source.starts_with("sock_diag raw");
            let with_cookies = snapshot.sockets.iter().filter(|row| row.cookie.is_some()).count();
            assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
            match snapshot.gaps.iter().filter(|gap| fell_back(gap)).count() {
                0 => assert_eq!(with_cookies, rows.len()),
                _ => assert_eq!(with_cookies, 0),
            }
        });
        // One number, and what a raw socket cannot have.
        let listed = |text: &str| {
            let snapshot = Query::new().filter(text.parse().unwrap()).snapshot().unwrap();
            snapshot.sockets.iter().map(|row| row.protocol).collect::<Vec<_>>()
        };
        assert_eq!(listed("raw:253"), [Protocol::Raw(253); 2]);
        assert_eq!(listed("raw and ipv6 and not raw:253"), [Protocol::Raw(58)]);
        assert_eq!(listed("raw and src 127.0.0.0/8"), [Protocol::Raw(253)]);
        assert_eq!(listed("raw and dst ::1"), [Protocol::Raw(253)]);
        assert_eq!(listed("raw and sport = :1"), []);
        assert_eq!(listed("raw and not sport = :1").len(), 5);
        assert_eq!(listed("raw and established").len(), 2);
        assert_eq!(listed("raw and listening").len(), 3);
        assert_eq!(listed("type raw and raw").len(), 5);
        let one = Query::new().protocol(Protocol::Raw(58)).snapshot().unwrap();
        assert_eq!(one.sockets.iter().map(|row| row.protocol).collect::<Vec<_>>(), [Protocol::Raw(58)]);
    });
}

#[test]
fn live_ping_sockets_are_listed_with_their_identifier() {
    in_namespace(|| {
        fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        let sockets = [
            made(socket(V4, Type::DGRAM, 1), Some("127.0.0.1:4711"), Some("127.0.0.2:0")),
            made(socket(V4, Type::DGRAM, 1), Some("0.0.0.0:4712"), None),
            made(socket(V6, Type::DGRAM, 58), Some("[::1]:4713"), None),
        ];
        let expected = [("127.0.0.1:4711", Some("127.0.0.2")), ("0.0.0.0:4712", None), ("[::1]:4713", None)];
        each_listing(ProtocolKind::Icmp, &sockets, |snapshot, rows| {
            for (row, (local, remote)) in rows.iter().zip(expected) {
                assert_eq!(ends(row), (local.to_owned(), remote.map(str::to_owned)));
                assert_eq!((row.state, row.socket_type), (None, Some(SocketType::Datagram)));
            }
            // The files are the only source, and so no fallback.
            assert!(snapshot.gaps.iter().all(|gap| gap.kind != GapKind::Fallback), "{:?}", snapshot.gaps);
        });
        let of_one = Query::new().protocol(Protocol::Icmp).local_port(4713).snapshot().unwrap();
        assert_eq!(of_one.sockets.len(), 1);
        // Their files lack the interface: not known is not "none".
        let error = Query::new().filter("ping and dev = lo".parse().unwrap()).snapshot().unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    });
}

#[test]
fn live_udplite_sockets_are_listed_as_udp_sockets_are() {
    let probe = socket(V4, Type::DGRAM, 136);
    if let Err(why) = probe {
        is_missing(ProtocolKind::UdpLite, "udplite");
        live_skip!("UDP-Lite: {why}");
    }
    in_namespace(|| {
        let sockets = [
            made(socket(V4, Type::DGRAM, 136), Some("127.0.0.1:4711"), Some("127.0.0.1:4712")),
            made(socket(V4, Type::DGRAM, 136), Some("127.0.0.1:4712"), None),
            made(socket(V6, Type::DGRAM, 136), Some("[::1]:4711"), None),
        ];
        let expected =
            [("127.0.0.1:4711", Some("127.0.0.1:4712")), ("127.0.0.1:4712", None), ("[::1]:4711", None)];
        each_listing(ProtocolKind::UdpLite, &sockets, |_, rows| {
            for (row, (local, remote)) in rows.iter().zip(expected) {
                assert_eq!(ends(row), (local.to_owned(), remote.map(str::to_owned)));
                assert_eq!((row.state, row.socket_type), (None, Some(SocketType::Datagram)));
                assert!(row.cookie.is_some());
            }
        });
        let of_port = Query::new().protocol(Protocol::UdpLite).local_port(4711).snapshot().unwrap();
        assert_eq!(of_port.sockets.len(), 2);
    });
}

/// Checks that a listing of a protocol that the kernel lacks is an error, and a gap beside another protocol.
fn is_missing(kind: ProtocolKind, name: &str) {
    let query = Query::new().protocol_kind(kind);
    let error = query.snapshot().unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains(name), "{error}");
    assert!(query.count().unwrap_err().is_unsupported());
    let beside = query.tcp().snapshot().unwrap();
    let is_it = |gap: &&netstat::Gap| {
        gap.kind == GapKind::TableUnavailable && gap.source.starts_with(&format!("sock_diag {name}"))
    };
    assert_eq!(beside.gaps.iter().filter(is_it).count(), 1, "{:?}", beside.gaps);
}

#[test]
fn live_sctp_sockets_and_associations_are_listed_or_missing_with_a_gap() {
    let probe = socket(V4, Type::STREAM, 132);
    if let Err(why) = probe {
        is_missing(ProtocolKind::Sctp, "sctp");
        live_skip!("SCTP: {why}");
    }
    in_namespace(|| {
        let listener = made(socket(V4, Type::STREAM, 132), Some("127.0.0.1:4711"), None);
        sys::listen(&listener, 5).unwrap();
        let client = made(socket(V4, Type::STREAM, 132), Some("127.0.0.1:4712"), Some("127.0.0.1:4711"));
        let server = sys::accept(&listener).unwrap();
        let many = made(socket(V6, Type::SEQPACKET, 132), Some("[::1]:4713"), None);
        sys::listen(&many, 5).unwrap();
        let sockets = [listener, client, server, many];
        let expected = [
            (State::Listen, "127.0.0.1:4711", None),
            (State::Established, "127.0.0.1:4712", Some("127.0.0.1:4711")),
            (State::Established, "127.0.0.1:4711", Some("127.0.0.1:4712")),
            (State::Listen, "[::1]:4713", None),
        ];
        each_listing(ProtocolKind::Sctp, &sockets, |_, rows| {
            for (row, (state, local, remote)) in rows.iter().zip(expected) {
                assert_eq!(row.state, Some(state));
                assert_eq!(ends(row), (local.to_owned(), remote.map(str::to_owned)));
            }
        });
    });
}

#[test]
fn live_mptcp_connections_and_their_subflows_have_one_row_each_and_name_their_holder() {
    const IPPROTO_MPTCP: u32 = 262;
    let probe = socket(V4, Type::STREAM, IPPROTO_MPTCP);
    if let Err(why) = probe {
        is_missing(ProtocolKind::Mptcp, "mptcp");
        live_skip!("MPTCP: {why}");
    }
    in_namespace(|| {
        let listener = made(socket(V4, Type::STREAM, IPPROTO_MPTCP), Some("127.0.0.1:4711"), None);
        sys::listen(&listener, 5).unwrap();
        let at = |port| Some(format!("127.0.0.1:{port}"));
        let client =
            made(socket(V4, Type::STREAM, IPPROTO_MPTCP), Some("127.0.0.1:4712"), Some("127.0.0.1:4711"));
        let server = sys::accept(&listener).unwrap();
        let v6 = made(socket(V6, Type::STREAM, IPPROTO_MPTCP), Some("[::1]:4713"), None);
        sys::listen(&v6, 5).unwrap();
        let sockets = [listener, client, server, v6];
        let expected = [
            (State::Listen, at(4711), None),
            (State::Established, at(4712), at(4711)),
            (State::Established, at(4711), at(4712)),
            (State::Listen, Some("[::1]:4713".to_owned()), None),
        ];
        let check = |row: &Socket, (state, local, remote): &(State, Option<String>, Option<String>)| {
            assert_eq!(row.state, Some(*state), "{row:?}");
            assert_eq!(ends(row), (local.clone().unwrap(), remote.clone()));
            assert_eq!(row.socket_type, Some(SocketType::Stream));
        };
        each_listing(ProtocolKind::Mptcp, &sockets, |_, rows| {
            for (row, expected) in rows.iter().zip(&expected) {
                check(row, expected);
                let is_listener = matches!(row.queues, Some(netstat::Queues::Accept { waiting: 0, .. }));
                assert_eq!(is_listener, row.is_listening(), "{row:?}");
            }
        });
        // The subflows are TCP rows: the same ends here, since each connection has one path.
        for source in sources() {
            let _quiet = quiet();
            let query = Query::new().tcp().protocol(Protocol::Mptcp).owners(true);
            let snapshot = snapshot_by(&query, source);
            for (socket, expected) in sockets.iter().zip(&expected) {
                let held = Held::of(socket).unwrap();
                let of_it = snapshot.sockets.iter().filter(|row| row.inode() == Some(held.inode));
                let rows: Vec<&Socket> = of_it.collect();
                let protocols: Vec<Protocol> = rows.iter().map(|row| row.protocol).collect();
                assert_eq!(protocols, [Protocol::Tcp, Protocol::Mptcp], "{source:?} {rows:?}");
                for row in rows {
                    check(row, expected);
                    assert_eq!(row.owners(), [Owner::new(held.pid, Some(held.fd), OwnerRole::Holder)]);
                }
            }
            assert_eq!(snapshot.sockets.len(), 2 * sockets.len(), "{:?}", snapshot.sockets);
        }
        let of = |text: &str| Query::new().filter(text.parse().unwrap()).snapshot().unwrap().sockets.len();
        assert_eq!(of("mptcp and listening"), 2);
        assert_eq!(of("mptcp and ipv6"), 1);
        assert_eq!(of("mptcp and sport = :4711"), 2);
        assert_eq!(of("mptcp and state established and dst 127.0.0.1"), 2);
    });
}

#[test]
fn live_protocols_are_listed_together_in_the_order_of_protocols() {
    in_namespace(|| {
        let _raw = made(socket(V4, Type::RAW, 1), None, None);
        let _tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let all = Query::new()
            .tcp()
            .udp()
            .protocol_kind(ProtocolKind::Raw)
            .protocol(Protocol::Mptcp)
            .protocol(Protocol::Icmp);
        let snapshot = all.snapshot().unwrap();
        let protocols: Vec<Protocol> = snapshot.sockets.iter().map(|row| row.protocol).collect();
        assert_eq!(protocols, [Protocol::Tcp, Protocol::Udp, Protocol::Raw(1)]);
        let family = |family| all.clone().family(family).snapshot().unwrap().sockets.len();
        assert_eq!((family(Family::Ipv4), family(Family::Ipv6)), (3, 0));
        let loopback: IpAddr = [127, 0, 0, 1].into();
        let bound = all.clone().filter(Filter::local_address(loopback)).snapshot().unwrap();
        assert_eq!(bound.sockets.len(), 2);
    });
}
