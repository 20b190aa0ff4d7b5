//! TCP sockets that are bound but idle: listed on request only.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{check_owners, owners, row};
use netstat::{GapKind, Protocol, Query, State};
use socket_world::{Made, binding, kernel, live_skip, quiet};

const OLD: &str = "bound sockets: Linux before 6.8 leaves them out";

/// One such socket; `None` where this kernel is old enough to omit it and does, which must then be a gap.
fn bound() -> Option<Made> {
    let made = binding::tcp_bound_alone().unwrap();
    let snapshot = Query::new().bound_inactive(true).snapshot().unwrap();
    let is_gap = snapshot.gaps.iter().any(|gap| gap.kind == GapKind::TableUnavailable);
    let is_listed = snapshot.sockets.iter().any(|socket| socket.inode() == made.facts[0].inode);
    assert!(is_gap != is_listed, "{:?}", snapshot.gaps);
    assert!(is_listed || kernel::is_before(6, 8), "{:?}", snapshot.gaps);
    is_listed.then_some(made)
}

#[test]
fn live_bound_socket_is_listed_with_its_holder_on_request_only() {
    let Some(made) = bound() else { live_skip!("{OLD}") };
    let quiet = quiet();
    let snapshot = Query::new().bound_inactive(true).owners(true).snapshot().unwrap();
    drop(quiet);
    let facts = &made.facts[0];
    let socket = row(&snapshot, facts);
    assert_eq!((socket.protocol, socket.state), (Protocol::Tcp, Some(State::Closed)));
    assert_eq!((socket.local_addr(), &socket.remote), (Some(facts.local), &None));
    assert!(socket.cookie.is_some() && socket.uid == facts.uid);
    check_owners(socket, &owners(&made.held().unwrap(), facts.inode.unwrap()));
    let is_it = |socket: &netstat::Socket| socket.inode() == facts.inode;
    assert!(!Query::new().snapshot().unwrap().sockets.iter().any(is_it));
}

#[test]
fn live_conditions_on_states_and_ports_apply_to_bound_sockets() {
    let Some(made) = bound() else { live_skip!("{OLD}") };
    let is_listed = |query: Query| {
        let snapshot = query.snapshot().unwrap();
        snapshot.sockets.iter().any(|socket| socket.inode() == made.facts[0].inode)
    };
    let all = || Query::new().bound_inactive(true);
    let port = made.facts[0].local.port();
    assert!(
        is_listed(all().state(State::Closed)) && is_listed(all().local_port(port)) && is_listed(all().ipv4())
    );
    assert!(
        !is_listed(all().listening()) && !is_listed(all().local_port(port ^ 1)) && !is_listed(all().ipv6())
    );
    let within = |net: &str| all().filter(format!("src {net}").parse().unwrap());
    assert!(is_listed(within("127.0.0.0/8")) && !is_listed(within("10.0.0.0/8")));
    assert!(!is_listed(all().udp()) && !is_listed(Query::new().state(State::Closed)));
}

#[test]
fn live_count_agrees_with_a_listing_that_has_bound_sockets() {
    let counted = socket_world::namespace::in_network_namespace(|| {
        let made = binding::tcp_bound_alone().unwrap();
        let _others = socket_world::tcp::pair_v4().unwrap();
        let query = Query::new().tcp().bound_inactive(true);
        let listed = query.snapshot().unwrap().sockets.len() as u64;
        let counts = query.count().unwrap();
        assert_eq!(counts.iter().map(|(_, _, count)| count).sum::<u64>(), listed);
        drop(made);
        counts.in_state(State::Closed)
    });
    match counted {
        Err(why) => live_skip!("a network namespace: {why}"),
        Ok(0) if kernel::is_before(6, 8) => live_skip!("{OLD}"),
        Ok(closed) => assert_eq!(closed, 1),
    }
}
