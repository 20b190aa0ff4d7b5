//! Every kind of socket of the kit, compared with the kernel's tables.
#![cfg(any(target_os = "linux", target_os = "android"))]

mod common;

use common::{assert_in_tables, holders_of, table_of};
use socket_world::tcp::{self, Make};
use socket_world::{
    Child, Churn, ChurnSpec, Made, State, Transport, binding, live_skip, namespace, quiet, udp, wait_until,
};
use std::collections::BTreeSet;
use std::time::Duration;

fn check(name: &str, make: Make) {
    let made = make().unwrap_or_else(|error| panic!("{name}: {error}"));
    eprintln!("{name}: {:?}", made.facts);
    assert_in_tables(std::process::id(), &made.facts);

    let _quiet = quiet();
    let held: BTreeSet<_> = made.held().expect("open").into_iter().collect();
    let inodes = made.facts.iter().filter_map(|facts| facts.inode).collect();
    assert_eq!(holders_of(&inodes), held, "{name}");
    assert_eq!(inodes.len(), made.sockets.len(), "{name}: an inode for each socket and for nothing else");
}

#[test]
fn live_tcp_situations_are_in_the_tables_as_reported() {
    for &(name, make) in tcp::ALL {
        check(name, make);
    }
}

#[test]
fn live_udp_situations_are_in_the_tables_as_reported() {
    for &(name, make) in udp::ALL {
        check(name, make);
    }
}

#[test]
fn live_binding_situations_are_in_the_tables_as_reported() {
    for &(name, make) in binding::ALL {
        check(name, make);
    }
}

#[test]
fn live_marked_sockets_are_in_the_tables_as_reported() {
    match binding::udp_with_mark(1) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            live_skip!("not allowed to set marks: {error}")
        }
        made => drop(made.expect("a socket")),
    }
    check("tcp_with_mark", || binding::tcp_with_mark(1));
    check("udp_with_mark", || binding::udp_with_mark(1));
}

#[test]
fn live_explicit_port_belongs_to_one_socket() {
    for (transport, taken) in [
        (Transport::Tcp, (|address| tcp::listen_on(address, 1)) as fn(_) -> _),
        (Transport::Udp, udp::bind_to),
    ] {
        for address in [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()] {
            let fd = binding::named_port(transport, address).expect("a port");
            let own = tcp::local_address(&fd).expect("an address");
            assert_eq!(own.ip(), address);
            let error = taken(own).expect_err("taken");
            assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        }
    }
}

#[test]
fn live_bound_idle_tcp_socket_has_its_port_and_no_row_in_proc() {
    let made = binding::tcp_bound_alone().expect("a socket");
    let facts = made.only(State::Close);
    assert_eq!((facts.remote, facts.rx_queue), (None, Some(0)));
    assert_eq!(tcp::listen_on(facts.local, 1).expect_err("taken").kind(), std::io::ErrorKind::AddrInUse);
    assert!(table_of("self").iter().all(|row| Some(row.inode) != facts.inode));
}

#[test]
fn live_binding_to_a_missing_device_fails() {
    let made = tcp::listener_v4().expect("a listener");
    assert!(binding::bind_to_device(&made.sockets[0], "none").is_err());
}

#[test]
fn live_every_tcp_state_is_made_by_some_situation() {
    let mut seen = BTreeSet::new();
    for &(name, make) in tcp::ALL {
        let made = make().unwrap_or_else(|error| panic!("{name}: {error}"));
        seen.extend(made.facts.iter().map(|facts| (facts.state, facts.inode.is_some())));
    }
    for held in [
        State::Established,
        State::SynSent,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::LastAck,
        State::Listen,
        State::Closing,
    ] {
        assert!(seen.contains(&(held, true)), "{held:?}");
    }
    for unheld in [State::Established, State::SynReceived, State::FinWait1, State::FinWait2, State::TimeWait]
    {
        assert!(seen.contains(&(unheld, false)), "{unheld:?} without a holder");
    }
}

#[test]
fn live_mapped_pair_has_mapped_addresses_at_the_server_alone() {
    let made = tcp::pair_mapped().expect("a pair");
    let mapped = |address: std::net::SocketAddr| match address {
        std::net::SocketAddr::V4(_) => false,
        std::net::SocketAddr::V6(v6) => v6.ip().to_ipv4_mapped().is_some(),
    };
    assert!(made.facts[0].local.is_ipv4());
    assert!(mapped(made.facts[1].local) && made.facts[1].remote.is_some_and(mapped));
}

#[test]
fn live_situations_in_a_child_are_reported_by_it() {
    let all = || -> std::io::Result<Made> {
        let mut all = Made::default();
        for (_, make) in tcp::ALL.iter().chain(udp::ALL) {
            let made = make()?;
            all.sockets.extend(made.sockets);
            all.facts.extend(made.facts);
        }
        Ok(all)
    };
    let child = Child::fork(Some(b"all"), &[], |report| report.made(all()?)).expect("a child");
    assert_in_tables(child.pid(), child.sockets());
    let held: BTreeSet<_> = child.held().iter().copied().collect();
    assert_eq!(common::sockets_of(child.pid()), held);
    assert!(held.len() > 60);
}

#[test]
fn live_chain_has_one_port_and_an_address_for_each_socket() {
    let check = || {
        let chain = match udp::chain(3_000) {
            Ok(chain) => chain,
            Err(error) => live_skip!("{error}"),
        };
        let ports: BTreeSet<u16> = chain.facts.iter().map(|facts| facts.local.port()).collect();
        let addresses: BTreeSet<_> = chain.facts.iter().map(|facts| facts.local.ip()).collect();
        assert_eq!((ports.len(), addresses.len()), (1, 3_000));
        assert_in_tables("thread-self", &chain.facts);
    };
    // While other sockets open and close, `/proc/net/udp` loses some rows of so many in every read.
    match namespace::in_network_namespace(check) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => check(),
        other => other.expect("a namespace"),
    }
}

#[test]
fn live_churn_keeps_its_rate_and_ends_with_its_guard() {
    let chain = udp::chain(10).expect("a chain");
    let port = chain.facts[0].local.port();
    let spec = ChurnSpec { udp_port: Some(port), ..ChurnSpec::default() };
    let churn = Churn::start(spec).expect("a churn");
    let pid = churn.pid();
    let first = churn.counts();
    assert!(first.connections >= 300 && first.udp_sockets >= 290, "{first:?}");
    let seen = |rows: &[common::Row]| {
        rows.iter()
            .filter(|row| row.local.port() == port && row.local.ip().to_string().starts_with("127.19"))
            .count()
    };
    assert!(wait_until(Duration::from_secs(5), || seen(&table_of(pid)) > 200));

    let begin = std::time::Instant::now();
    std::thread::sleep(Duration::from_millis(500));
    let counts = churn.stop();
    let rate = |count: u64| u128::from(count) * 1_000_000 / begin.elapsed().as_micros();
    let made = (rate(counts.connections - first.connections), rate(counts.udp_sockets - first.udp_sockets));
    // The first counts are older than `begin`, and on a busy machine the child gets less time.
    assert!(made.0 > 300 && made.1 > 300, "{made:?} of {counts:?}");
    assert!(counts.failures * 20 < counts.connections, "{counts:?}");
    assert_eq!(seen(&table_of(std::process::id())), 0);
    assert_in_tables(std::process::id(), &chain.facts);
}

#[test]
fn live_churn_ends_by_itself_at_its_limit() {
    let spec = ChurnSpec { limit: Duration::from_millis(50), open: 5, ..ChurnSpec::default() };
    let churn = Churn::start(spec).expect("a churn");
    let stat = format!("/proc/{}/stat", churn.pid());
    let ended = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "));
    assert!(wait_until(Duration::from_secs(10), ended));
}
