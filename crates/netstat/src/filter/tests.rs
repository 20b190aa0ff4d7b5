use super::Filter;
use super::decide::{Verdict, state};
use super::random::{NAMELESS, Names, Random};
use super::term::Term;
use crate::model::endpoint::{Endpoint, UnixName};
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::owner::{Owner, OwnerRole, Ownership};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::model::support::SocketFields;
use std::net::SocketAddr;
use std::num::NonZeroU64;

fn socket(protocol: Protocol, local: &str, remote: Option<&str>, state: Option<State>) -> Socket {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let local = address(local);
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let mut socket = Socket::new(family, protocol, local);
    socket.remote = remote.map(|remote| address(remote).into());
    socket.state = state;
    socket
}

/// Whether the row is listed.
fn shown(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Passes | Verdict::Undecided { by_those_seen: true })
}

#[test]
fn no_terms_let_everything_through() {
    let filter = Filter::default();
    assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(State::Other(99)))));
    assert!(filter.matches(&socket(Protocol::Udp, "[::1]:1", None, None)));
    assert!(!filter.needs_owners());
    assert_eq!(filter, !Filter::none());
}

#[test]
fn user_that_is_not_known_is_neither_the_one_asked_for_nor_another() {
    let mut row = socket(Protocol::Tcp, "127.0.0.1:1", Some("127.0.0.1:2"), Some(State::TimeWait));
    let judge = |filter: &Filter, row: &Socket| filter.judge(row, &crate::engine::decisions::NotLookedUp);
    let (of_root, of_others) = (Filter::uid(0), !Filter::uid(0));
    // It is no process's any more, so it has no user.
    assert_eq!([judge(&of_root, &row), judge(&of_others, &row)], [Verdict::Fails, Verdict::Passes]);
    row.identity = Some(crate::model::identity::Identity::Inode(7));
    for (filter, by_those_seen) in [(&of_root, false), (&of_others, true)] {
        assert!(filter.matches(&row), "{filter}");
        assert_eq!(judge(filter, &row), Verdict::Undecided { by_those_seen }, "{filter}");
    }
    let other_port = of_root.clone() & Filter::local_port(9);
    assert_eq!(judge(&other_port, &row), Verdict::Fails, "another condition decides");
    row.uid = Some(0);
    assert_eq!([judge(&of_root, &row), judge(&of_others, &row)], [Verdict::Passes, Verdict::Fails]);
}

#[test]
fn listening_is_tcp_listen_and_udp_without_remote() {
    let filter = Filter::listening();
    let remote = Some("127.0.0.1:9");
    assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(State::Listen))));
    assert!(!filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(State::Closed))));
    assert!(filter.matches(&socket(Protocol::Udp, "127.0.0.1:1", None, None)));
    assert!(!filter.matches(&socket(Protocol::Udp, "127.0.0.1:1", remote, None)));
    let filter = filter | Filter::state(State::Established);
    assert!(filter.matches(&socket(Protocol::Udp, "127.0.0.1:1", remote, None)));
    assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", remote, Some(State::Established))));
    assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(State::Listen))));
}

#[test]
fn filter_and_row_agree_on_what_is_listening() {
    let end = || Endpoint::Unix(UnixName::Path(b"/run/log"[..].into()));
    let mut rows = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::UdpLite, Protocol::Icmp, Protocol::Raw(58)] {
        for remote in [None, Some("127.0.0.1:9")] {
            let state = (protocol == Protocol::Tcp).then_some(State::Established);
            rows.push(socket(protocol, "127.0.0.1:1", remote, state));
        }
    }
    for (family, protocol) in [
        (Family::Netlink, Protocol::Netlink(0)),
        (Family::Packet, Protocol::Packet(3)),
        (Family::Unix, Protocol::Unix),
    ] {
        for state in [State::Listen, State::Closed] {
            let mut row = Socket::new(family, protocol, end());
            row.state = Some(state).filter(|_| family == Family::Unix);
            row.socket_type = Some(SocketType::Datagram).filter(|_| state == State::Closed);
            rows.push(row);
        }
    }
    let filter = Filter::listening();
    for row in &rows {
        assert_eq!(filter.matches(row), row.is_listening(), "{row:?}");
        assert_eq!((!filter.clone()).matches(row), !row.is_listening(), "{row:?}");
        assert!(filter.wants_kind(row.protocol.kind(), row.family) || !row.is_listening());
    }
    assert_eq!(rows.iter().filter(|row| row.is_listening()).count(), 6);
    assert!(!filter.wants_kind(ProtocolKind::Packet, Family::Packet));
}

#[test]
fn exposed_and_local_divide_the_listeners_that_have_an_ip_address() {
    let listener = |local| socket(Protocol::Tcp, local, None, Some(State::Listen));
    let on_lo = Socket { interface: std::num::NonZeroU32::new(1), ..listener("10.0.0.1:80") };
    let peer = Some("127.0.0.1:9");
    let unix = Socket::new(Family::Unix, Protocol::Unix, Endpoint::Unix(UnixName::Unnamed));
    let rows = [
        (listener("0.0.0.0:80"), "exposed"),
        (listener("[::]:80"), "exposed"),
        (listener("10.0.0.1:80"), "exposed"),
        (listener("[fe80::1%2]:80"), "exposed"),
        (socket(Protocol::Udp, "192.0.2.1:53", None, None), "exposed"),
        (listener("127.0.0.1:80"), "local"),
        (listener("[::ffff:127.0.0.1]:80"), "local"),
        (listener("[::1]:80"), "local"),
        (on_lo, "local"),
        (socket(Protocol::Udp, "10.0.0.1:53", peer, None), ""),
        (socket(Protocol::Udp, "0.0.0.0:0", None, None), ""),
        (socket(Protocol::Tcp, "10.0.0.1:80", peer, Some(State::Established)), ""),
        (Socket { state: Some(State::Listen), ..unix }, ""),
    ];
    for (row, expected) in &rows {
        for (word, filter) in [("exposed", Filter::exposed()), ("local", Filter::loopback_only())] {
            assert_eq!(filter.to_string().parse(), Ok(filter.clone()));
            assert_eq!(filter.to_string(), word);
            let is_it = word == *expected;
            assert_eq!(
                (filter.matches(row), (!filter.clone()).matches(row)),
                (is_it, !is_it),
                "{word} {row:?}"
            );
            assert!(filter.wants_kind(row.protocol.kind(), row.family) || !is_it, "{word} {row:?}");
        }
    }
    // Connections are not even asked for.
    assert!(!Filter::exposed().wants_state(Protocol::Tcp, State::Established));
    assert!(!Filter::exposed().wants_family(Family::Unix));
    // An address that is not known may be either; in LISTEN or not is known.
    let unknown = Socket { local: Endpoint::Unknown, ..listener("0.0.0.0:80") };
    assert!(Filter::exposed().matches(&unknown) && (!Filter::exposed()).matches(&unknown));
}

#[test]
fn end_that_is_not_known_is_no_address_in_a_family_that_has_none() {
    let row = |family, protocol| Socket::new(family, protocol, Endpoint::Unknown);
    for filter in [Filter::port(22), Filter::local_port(22), Filter::local_address([127, 0, 0, 1])] {
        for (family, protocol) in [(Family::Unix, Protocol::Unix), (Family::Other(38), Protocol::Other(0))] {
            assert!(!filter.matches(&row(family, protocol)), "{family}");
            assert!((!filter.clone()).matches(&row(family, protocol)), "{family}");
        }
        // It may be of any family, or have addresses (AF_SMC).
        for family in [Family::Ipv4, Family::Other(0), Family::Other(43)] {
            assert!(filter.matches(&row(family, Protocol::Other(0))), "{family}");
        }
    }
}

#[test]
fn a_term_about_the_remote_end_is_not_met_without_one_and_its_negation_is() {
    let server = socket(Protocol::Tcp, "127.0.0.1:443", None, Some(State::Listen));
    let client = socket(Protocol::Tcp, "[::1]:5000", Some("[::1]:443"), Some(State::SynSent));
    for (filter, takes_server, takes_client) in [
        (Filter::remote_port(443), false, true),
        (!Filter::remote_port(443), true, false),
        (Filter::remote_ports(..1024), false, true),
        (Filter::remote_net([0, 0, 0, 0], 0), false, false),
        (Filter::port(443), true, true),
        (Filter::address([127, 0, 0, 1]), true, false),
    ] {
        assert_eq!(filter.matches(&server), takes_server, "{filter:?}");
        assert_eq!(filter.matches(&client), takes_client, "{filter:?}");
    }
}

#[test]
fn what_names_sockets_is_told_from_what_only_says_their_kind() {
    let names = |text: &str| text.parse::<Filter>().unwrap().is_selective();
    for text in [
        "",
        "all",
        "state all",
        "state big",
        "state listen",
        "listening",
        "exposed",
        "local",
        "state established state time-wait",
        "exclude time-wait",
        "tcp and ipv4",
        "src *",
        "src *:*",
        "src inet6:*",
        "dst 0.0.0.0/0",
        "dst ::/0",
        "port 0-65535",
        "dport 1-65535",
        "sport >= :1",
        ":0-32767,32768-65535",
        "sport < :1024 or sport >= :1024",
        "sport < :1024 or sport >= :1024 or pid 12",
        "not pid 1",
        "sport != :22",
        "not ( :22 and tcp )",
        "tcp or :1",
        ":1 or not :1",
        ":1 and tcp or udp",
        "pid 12 or ( process nginx or state listen )",
        "autobound",
        "autobound or not autobound",
        "fwmark 0",
        "fwmark 0/0",
    ] {
        assert!(!names(text), "{text}");
    }
    for text in [
        ":80",
        "sport > :1024",
        "tcp and dport = :443",
        "state established src 10/8",
        "dst ::1",
        "pid 12",
        "process nginx",
        "not pid 1 and process nginx",
        "not ( not pid 1 or tcp )",
        "uid 33 or :80 or ( udp and inode 7 )",
        "cgroup 4711",
        "fwmark 0x1/0x3",
        "dev = 1",
        ":0-32767,32768-65535 and pid 12",
        "state listen exclude listen",
    ] {
        assert!(names(text), "{text}");
    }
}

#[test]
fn ranges_of_ports_may_be_open_and_an_empty_one_lets_nothing_through() {
    assert_eq!(Filter::local_ports(..), Filter::local_ports(0..=65535));
    assert_eq!(Filter::local_ports(5..7), Filter::local_ports(5..=6));
    assert_eq!(Filter::ports(..0), Filter::none());
    assert_eq!(Filter::ports(7..7), Filter::none());
    assert_eq!(Filter::states([]), Filter::none());
}

#[test]
fn owners_decide_when_they_are_known_and_before_that_they_keep_the_row() {
    let mut row = socket(Protocol::Tcp, "127.0.0.1:1", None, Some(State::Listen));
    let holder = |pid| Owner::new(pid, Some(3), OwnerRole::Holder);
    row.set_owners([holder(1), holder(12)], Ownership::Known { complete: true });
    for (filter, passes) in [
        (Filter::pid(12), true),
        (!Filter::pid(12), false),
        (Filter::pid(3), false),
        (Filter::process("one"), true),
        (Filter::process("t w o"), false),
        (Filter::pid(3) | Filter::local_port(1), true),
        (Filter::pid(12) & Filter::local_port(2), false),
    ] {
        assert_eq!(filter.judge(&row, &Names) == Verdict::Passes, passes, "{filter:?}");
        assert!(filter.needs_owners());
    }
    assert!(Filter::pid(3).matches(&row));
    assert!((!Filter::pid(12)).matches(&row));
    assert!(!(Filter::pid(12) & Filter::local_port(2)).matches(&row));
}

#[test]
fn condition_about_owners_is_undecided_where_one_may_be_unseen_or_its_name_is() {
    let undecided = |by_those_seen| Verdict::Undecided { by_those_seen };
    let mut row = socket(Protocol::Tcp, "127.0.0.1:1", None, Some(State::Listen));
    let holder = |pid| Owner::new(pid, Some(3), OwnerRole::Holder);
    let hidden = Ownership::Hidden { reason: crate::model::owner::HiddenReason::UnreadableProcess };
    let port = Filter::local_port(1);
    for (owner, ownership) in [(None, hidden), (Some(1), Ownership::Known { complete: false })] {
        row.set_owners(owner.map(holder), ownership);
        for (filter, verdict) in [
            (Filter::pid(12), undecided(false)),
            (!Filter::pid(12), undecided(true)),
            (Filter::process("t w o"), undecided(false)),
            (!Filter::process("t w o"), undecided(true)),
            (Filter::process("t w o") | Filter::pid(12), undecided(false)),
            // What else is known decides.
            (port.clone() | Filter::pid(12), Verdict::Passes),
            (port.clone() & Filter::pid(12), undecided(false)),
            (!port.clone() & !Filter::pid(12), Verdict::Fails),
            (Filter::mark(1) & !Filter::pid(12), undecided(true)),
        ] {
            assert_eq!(filter.judge(&row, &Names), verdict, "{filter} {row}");
        }
    }
    assert_eq!(Filter::pid(1).judge(&row, &Names), Verdict::Passes);
    assert_eq!((!Filter::process("one")).judge(&row, &Names), Verdict::Fails);
    // All owners are known, and the name of one is not.
    row.set_owners([holder(NAMELESS)], Ownership::Known { complete: true });
    assert_eq!(Filter::process("one").judge(&row, &Names), undecided(false));
    assert_eq!((!Filter::process("one")).judge(&row, &Names), undecided(true));
    assert_eq!(Filter::pid(1).judge(&row, &Names), Verdict::Fails);
    assert_eq!((Filter::mark(1) & Filter::pid(NAMELESS)).judge(&row, &Names), Verdict::Passes);
}

#[test]
fn processes_are_told_only_where_they_decide_alone() {
    assert_eq!((Filter::pid(7) | Filter::pid(3) & Filter::tcp()).pids(), [3, 7]);
    assert_eq!((Filter::pid(7) & !Filter::pid(3)).pids(), [3, 7]);
    assert_eq!((Filter::pid(7) | Filter::local_port(80)).pids(), [0; 0]);
    assert_eq!((!Filter::pid(7)).pids(), [0; 0]);
    // The name may be that of another process.
    assert_eq!((Filter::pid(7) & Filter::process("one")).pids(), [0; 0]);
}

#[test]
fn one_port_is_told_where_every_row_must_have_it() {
    let port = Filter::local_port;
    assert_eq!((port(80) & Filter::tcp()).single_local_port(), Some(80));
    assert_eq!((Filter::local_ports(..=80) & Filter::local_ports(80..)).single_local_port(), Some(80));
    assert_eq!((!(!port(80) | Filter::udp())).single_local_port(), Some(80));
    assert_eq!((port(80) & Filter::udp() | port(80) & Filter::tcp()).single_local_port(), Some(80));
    for none in [port(80) | port(81), port(80) | Filter::tcp(), !port(80), Filter::port(80), port(0)] {
        assert_eq!(none.single_local_port(), None, "{none:?}");
    }
    assert_eq!((Filter::remote_port(80) & port(81)).single_remote_port(), Some(80));
}

#[test]
fn states_are_named_where_they_are_asked_for_and_not_where_they_are_left_out() {
    let closed = Filter::state(State::Closed);
    assert!((closed.clone() & Filter::tcp()).names_state(State::Closed));
    assert!((!!closed.clone() | Filter::udp()).names_state(State::Closed));
    for other in [Filter::all(), !closed, Filter::big(), Filter::connected(), Filter::listening()] {
        assert!(!other.names_state(State::Closed), "{other:?}");
    }
}

#[test]
fn what_cannot_be_told_on_a_system_is_refused_wherever_it_stands() {
    let nested = |term: Filter| Filter::tcp() | !(Filter::udp() & !term);
    let everything = SocketFields::all();
    for (term, field) in [
        (Filter::uid(0), SocketFields::UID),
        (Filter::inode(1), SocketFields::INODE),
        (Filter::netns(NetnsId(NonZeroU64::MIN)), SocketFields::NETNS),
        (Filter::interface(1), SocketFields::INTERFACE),
    ] {
        assert!(nested(term.clone()).check(everything, false).is_ok());
        let error = nested(term).check(everything.difference(field), true).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
    for term in [Filter::mark(1), Filter::cgroup_id(1), Filter::autobound()] {
        assert!(nested(term.clone()).check(everything, false).unwrap_err().is_unsupported());
        assert!(nested(term).check(everything, true).is_ok());
    }
}

#[test]
fn what_is_left_out_unseen_would_not_have_passed() {
    let mut random = Random::new(1);
    let (mut passed, mut left_out) = (0, 0);
    for _ in 0..10_000 {
        let filter = random.filter(4);
        let socket = random.socket();
        let (protocol, state) = (socket.protocol, state(&socket).unwrap());
        let passes = shown(filter.judge(&socket, &Names));
        let port = |wanted: Option<u16>, port| wanted.is_none_or(|wanted| Some(wanted) == port);
        let pids = filter.pids();
        let wanted = filter.wants_protocol(protocol)
            && filter.wants_family(socket.family)
            && filter.wants_state(protocol, state)
            && port(filter.single_local_port(), socket.local_addr().map(|local| local.port()))
            && port(filter.single_remote_port(), socket.remote_addr().map(|remote| remote.port()))
            && (pids.is_empty() || socket.owners().iter().any(|owner| pids.contains(&owner.pid)))
            && filter.matches(&socket);
        assert!(wanted || !passes, "{filter:?} {socket:?}");
        if filter.takes_all_in(protocol, state) {
            assert!(passes, "{filter:?} {socket:?}");
        }
        // Looking at those processes alone must not change the answer.
        if !pids.is_empty() {
            let mut seen = socket.clone();
            let owners = socket.owners().iter().filter(|owner| pids.contains(&owner.pid)).copied();
            seen.set_owners(owners, Ownership::Known { complete: false });
            assert_eq!(shown(filter.judge(&seen, &Names)), passes, "{filter:?} {socket:?}");
        }
        passed += u32::from(passes);
        left_out += u32::from(!wanted);
    }
    assert!(passed > 2000 && left_out > 1000, "{passed} passed, {left_out} left out");
}

#[test]
fn what_is_known_of_terms_can_stand_in_their_place() {
    let mut random = Random::new(2);
    for _ in 0..2_000 {
        let filter = random.filter(4);
        let socket = random.socket();
        let known = |term: &Term| match term {
            Term::Protocol(protocol) => Some(*protocol == socket.protocol),
            _ => None,
        };
        let given = Filter(filter.0.given(&known));
        assert!(!given.0.has(&|term| matches!(term, Term::Protocol(_))));
        assert_eq!(given.matches(&socket), filter.matches(&socket), "{filter:?} {socket:?}");
    }
}

#[test]
fn filter_that_is_nested_too_deeply_is_refused_and_does_not_overflow_the_stack() {
    let nested = |levels: u16| {
        let mut filter = Filter::tcp();
        for port in 0..levels {
            filter = !(filter & Filter::local_port(port)) | Filter::udp();
        }
        filter
    };
    assert!(nested(80).check(SocketFields::all(), true).is_ok());
    let deep = nested(20_000);
    assert_eq!(deep.clone(), deep);
    let error = deep.check(SocketFields::all(), true).unwrap_err();
    assert_eq!(error.to_string(), "cannot use the filter: it is nested too deeply");
    // Many terms are no depth.
    let ports = (1..20_000).map(Filter::local_port).reduce(|any, port| any | port).unwrap();
    assert!(ports.check(SocketFields::all(), true).is_ok());
}
