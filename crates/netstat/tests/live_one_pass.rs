//! Rows that come with their owners from one pass over the descriptor tables are those of a dump, in every field but the
//! cookie, which the kernel gives a socket when it is first asked for it; and none is missing.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{row, sources};
use netstat::{Filter, OwnerSource, Ownership, Query, Snapshot, Socket};
use rustix::io::fcntl_dupfd_cloexec;
use socket_world::namespace::in_network_namespace;
use socket_world::{Made, holders, kernel, live_skip, need_descriptors, quiet, tcp, udp};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;

/// Whether this kernel has it; if not, the reason was reported as a skip.
macro_rules! needs_one_pass {
    () => {
        match sources().last() {
            Some(OwnerSource::OnePass) => {}
            Some(OwnerSource::Bpf) => live_skip!("BPF that walks tables: Linux before 6.4"),
            _ => return,
        }
    };
}

/// Runs a test in a network namespace of its own, or skips it.
macro_rules! in_namespace {
    ($work:expr) => {
        if let Err(why) = in_network_namespace($work) {
            live_skip!("a network namespace: {why}");
        }
    };
}

fn list(query: &Query, source: OwnerSource) -> Snapshot {
    let snapshot = query.clone().owners(true).owner_source(source).snapshot().unwrap();
    assert_eq!(snapshot.owner_source.as_ref().unwrap().source, source, "{:?}", snapshot.owner_source);
    snapshot
}

/// The rows by their keys, without cookies.
fn by_key(snapshot: &Snapshot) -> BTreeMap<String, Socket> {
    let without_cookie = |socket: &Socket| {
        let mut socket = socket.clone();
        socket.cookie = None;
        (format!("{:?}", socket.key()), socket)
    };
    let rows: BTreeMap<_, _> = snapshot.sockets.iter().map(without_cookie).collect();
    assert_eq!(rows.len(), snapshot.sockets.len(), "a row twice: {:?}", snapshot.sockets);
    rows
}

/// The rows in one pass, which must be those of the dump with the owners that another program finds.
fn same_as_dumped(query: &Query, what: &str) -> Snapshot {
    let mut last = None;
    // Connections change their state by themselves.
    for _ in 0..10 {
        let snapshot = list(query, OwnerSource::OnePass);
        let dumped = list(query, OwnerSource::Bpf);
        let (rows, expected) = (by_key(&snapshot), by_key(&dumped));
        if rows == expected && snapshot.gaps == dumped.gaps {
            assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
            return snapshot;
        }
        last = Some((rows, expected, snapshot.gaps, dumped.gaps));
    }
    panic!("{what}: {last:#?}");
}

/// A socket of which the kernel was asked for no cookie was not dumped.
fn was_dumped(socket: &Socket) -> bool {
    socket.cookie.is_some()
}

#[test]
fn live_rows_of_every_kind_of_socket_are_those_of_the_dump() {
    needs_one_pass!();
    let _quiet = quiet();
    for (name, make) in tcp::ALL.iter().chain(udp::ALL) {
        in_namespace!(|| {
            let made = make().unwrap();
            let snapshot = same_as_dumped(&Query::new(), name);
            for facts in &made.facts {
                common::check_row_of_any_source(row(&snapshot, facts), facts);
            }
        });
    }
}

#[test]
fn live_long_tables_that_two_threads_read_have_each_socket_once_with_all_its_holders() {
    const LISTENERS: usize = 2_600;
    needs_one_pass!();
    let _quiet = quiet();
    need_descriptors(8_192).unwrap();
    in_namespace!(|| {
        let mut held: Vec<OwnedFd> =
            (0..LISTENERS).map(|_| TcpListener::bind("127.0.0.1:0").unwrap().into()).collect();
        // The same sockets at descriptors that the other thread reads: blocks of 512 are divided.
        for from in [4_096, 4_608] {
            let copies = held.iter().take(400).map(|fd| fcntl_dupfd_cloexec(fd, from).unwrap());
            let copies: Vec<_> = copies.collect();
            held.extend(copies);
        }
        let snapshot = same_as_dumped(&Query::new().tcp(), "two threads");
        assert_eq!(snapshot.sockets.len(), LISTENERS);
        let holders = |count| snapshot.sockets.iter().filter(|row| row.owners().len() == count).count();
        assert_eq!((holders(1), holders(3)), (LISTENERS - 400, 400));
    });
}

#[test]
fn live_sockets_that_processes_hold_are_listed_without_a_dump() {
    needs_one_pass!();
    let _quiet = quiet();
    let makers: [fn() -> io::Result<Made>; 12] = [
        tcp::listener_v4,
        tcp::listener_v6,
        tcp::listener_dual_stack,
        tcp::listener_v6_only,
        tcp::pair_v4,
        tcp::pair_v6,
        tcp::pair_mapped,
        tcp::half_closed,
        udp::pair_v4,
        udp::unconnected_v6,
        udp::unconnected_dual_stack,
        udp::pair_mapped,
    ];
    in_namespace!(|| {
        let made = makers.map(|make| make().unwrap());
        let made: Vec<_> = made.iter().flat_map(|made| &made.facts).collect();
        let first = list(&Query::new(), OwnerSource::OnePass);
        for facts in &made {
            assert!(!was_dumped(row(&first, facts)), "{facts:?}");
        }
        let dumped = list(&Query::new(), OwnerSource::Bpf);
        let keys = |snapshot: &Snapshot| {
            let mut keys: Vec<_> = snapshot.sockets.iter().map(Socket::key).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&first), keys(&dumped));
        let second = list(&Query::new(), OwnerSource::OnePass);
        for facts in made {
            let (socket, expected) = (row(&second, facts), row(&dumped, facts));
            assert!(was_dumped(expected));
            assert_eq!(socket, expected, "the same cookie, now that the kernel has given it one");
        }
    });
}

#[test]
fn live_what_no_descriptor_leads_to_is_not_missing() {
    needs_one_pass!();
    let _quiet = quiet();
    in_namespace!(|| {
        // In flight in a message: nothing but the kernel's counter says that there is one more.
        for make in [tcp::pair_v4, tcp::listener_v6, udp::pair_v4, udp::unconnected_v6] {
            let made = make().unwrap();
            let mut sockets = made.sockets.into_iter();
            let in_flight = holders::in_flight(sockets.next().unwrap()).unwrap();
            let snapshot = same_as_dumped(&Query::new(), "in flight");
            let lost = row(&snapshot, in_flight.facts().unwrap());
            assert!(!matches!(lost.ownership(), Ownership::Known { .. }), "{lost:?}");
        }
    });
    // Beside many others that are held.
    in_namespace!(|| {
        let held: Vec<Made> = (0..50).map(|_| tcp::pair_v4().unwrap()).collect();
        let others = [tcp::time_wait(), tcp::syn_received(), tcp::orphaned_fin_wait_1(), tcp::accept_queue()];
        for made in others.iter().map(|made| made.as_ref().unwrap()) {
            let snapshot = same_as_dumped(&Query::new(), "without a holder");
            made.facts.iter().chain(held.iter().flat_map(|made| &made.facts)).for_each(|facts| {
                row(&snapshot, facts);
            });
        }
    });
}

#[test]
fn live_connections_in_time_wait_are_dumped_and_the_others_are_not() {
    needs_one_pass!();
    let _quiet = quiet();
    in_namespace!(|| {
        let held = tcp::pair_v4().unwrap();
        let ended = tcp::time_wait().unwrap();
        let snapshot = list(&Query::new(), OwnerSource::OnePass);
        let of = |made: &Made| {
            made.facts.iter().map(|facts| was_dumped(row(&snapshot, facts))).collect::<Vec<_>>()
        };
        assert!(!of(&held).contains(&true), "the states alone were dumped");
        assert!(of(&ended).contains(&true));
        assert_eq!(by_key(&snapshot), by_key(&list(&Query::new(), OwnerSource::Bpf)));
    });
}

#[test]
fn live_connections_that_wait_to_be_accepted_are_dumped_by_their_port_and_the_others_are_not() {
    needs_one_pass!();
    let _quiet = quiet();
    in_namespace!(|| {
        let waiting = tcp::accept_queue().unwrap();
        // The whole table is dumped if orphans of another namespace have come or gone in the meantime.
        let by_port = (0..100).find_map(|_| {
            let held = tcp::pair_v4().unwrap();
            let snapshot = list(&Query::new(), OwnerSource::OnePass);
            let is_by_port = held.facts.iter().all(|facts| !was_dumped(row(&snapshot, facts)));
            is_by_port.then_some((held, snapshot))
        });
        let (_held, snapshot) = by_port.expect("a listing without a dump of the table");
        let is_unheld = |socket: &&Socket| socket.owners().is_empty();
        let unheld: Vec<_> = snapshot.sockets.iter().filter(is_unheld).collect();
        assert!(!unheld.is_empty() && unheld.iter().all(|socket| was_dumped(socket)), "{unheld:?}");
        waiting.facts.iter().for_each(|facts| _ = row(&snapshot, facts));
        assert_eq!(by_key(&snapshot), by_key(&list(&Query::new(), OwnerSource::Bpf)));
    });
}

#[test]
fn live_filters_and_streams_have_the_same_rows() {
    needs_one_pass!();
    let _quiet = quiet();
    in_namespace!(|| {
        let made: Vec<Made> = tcp::ALL.iter().chain(udp::ALL).map(|(_, make)| make().unwrap()).collect();
        let port = made[0].facts[0].local.port();
        let queries = [
            Query::new().tcp(),
            Query::new().udp(),
            Query::new().ipv6(),
            Query::new().listening(),
            Query::new().local_port(port),
            Query::new().uid(0),
            Query::new().pid(std::process::id()),
            Query::new().filter(!Filter::local_port(port)),
            Query::new().filter(!Filter::process("no such name")),
            Query::new().state(netstat::State::Established).state(netstat::State::TimeWait),
        ];
        for query in queries {
            let snapshot = same_as_dumped(&query, &format!("{query:?}"));
            let mut streamed = Snapshot::default();
            let each = |socket| {
                streamed.sockets.push(socket);
                ControlFlow::Continue(())
            };
            query.clone().owners(true).owner_source(OwnerSource::OnePass).for_each(each).unwrap();
            assert_eq!(by_key(&streamed), by_key(&snapshot), "{query:?}");
        }
    });
}

#[test]
fn live_row_without_a_cookie_is_closed() {
    needs_one_pass!();
    let _quiet = quiet();
    in_namespace!(|| {
        if let Err(why) = kernel::destroys_sockets() {
            live_skip!("SOCK_DESTROY: {why}");
        }
        let made = tcp::pair_v4().unwrap();
        let snapshot = list(&Query::new(), OwnerSource::OnePass);
        let socket = row(&snapshot, &made.facts[0]);
        assert!(!was_dumped(socket));
        socket.destroy().unwrap();
        let mut buffer = [0; 8];
        let read = rustix::io::read(&made.sockets[0], &mut buffer[..]);
        assert_eq!(read, Err(rustix::io::Errno::CONNABORTED));
    });
}
