//! Counts agree with listings, whether they come from the kernel's counters or from rows.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use netstat::{Counts, Family, GroupKey, Lister, Protocol, Query, State};
use socket_world::namespace::in_network_namespace;
use socket_world::{Child, Made, live_skip, restrict, tcp, udp};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

/// One socket of each kind and state, and more than one of the usual ones.
fn sockets_of_all_kinds() -> Vec<Made> {
    let makers = [
        tcp::listener_v4,
        tcp::listener_v6,
        tcp::listener_dual_stack,
        tcp::pair_v4,
        tcp::pair_v4,
        tcp::pair_v6,
        tcp::pair_mapped,
        tcp::half_closed,
        tcp::accept_queue,
        tcp::syn_received,
        tcp::syn_received_v6,
        tcp::syn_sent,
        tcp::time_wait,
        tcp::time_wait_v6,
        tcp::fin_wait_1,
        tcp::orphaned_fin_wait_1,
        tcp::orphaned_fin_wait_2,
        tcp::last_ack,
        tcp::closing,
        udp::unconnected_v4,
        udp::pair_v4,
        udp::pair_v6,
    ];
    makers.into_iter().map(|make| make().unwrap()).collect()
}

fn counted(counts: &Counts) -> BTreeMap<(Protocol, Option<State>), u64> {
    counts.iter().map(|(protocol, state, count)| ((protocol, state), count)).collect()
}

type OfFamily = (Protocol, Option<State>, Option<Family>);

fn counted_by_family(counts: &Counts) -> BTreeMap<OfFamily, u64> {
    counts
        .iter_by_family()
        .map(|(protocol, state, family, count)| ((protocol, state, family), count))
        .collect()
}

fn listed_by_family(query: &Query) -> BTreeMap<OfFamily, u64> {
    let mut counts = BTreeMap::new();
    for socket in &query.snapshot().unwrap() {
        *counts.entry((socket.protocol, socket.state, Some(socket.family))).or_default() += 1;
    }
    counts
}

fn listed(query: &Query) -> BTreeMap<(Protocol, Option<State>), u64> {
    let mut counts = BTreeMap::new();
    for socket in &query.snapshot().unwrap() {
        *counts.entry((socket.protocol, socket.state)).or_default() += 1;
    }
    counts
}

/// Counts between two listings that agree: closing connections change their state by themselves.
fn check(query: &Query) {
    let counted_and_listed = (0..20).find_map(|_| {
        let (before, by_family) = (listed(query), listed_by_family(query));
        let (counts, families) = (query.count().unwrap(), query.count_by_family().unwrap());
        let keys = [GroupKey::State, GroupKey::LocalPort, GroupKey::Protocol, GroupKey::Family];
        let groups =
            keys.map(|key| (query.count_by(key).unwrap().groups, query.snapshot().unwrap().group_by(key)));
        let are_same = before == listed(query) && by_family == listed_by_family(query);
        are_same.then_some((counted(&counts), before, counted_by_family(&families), by_family, groups))
    });
    let (counted, listed, counted_by_family, listed_by_family, groups) =
        counted_and_listed.expect("two listings that agree");
    assert_eq!(counted, listed, "{query:?}");
    assert_eq!(counted_by_family, listed_by_family, "{query:?}");
    for (counted, listed) in groups {
        assert_eq!(counted, listed, "{query:?}");
    }
}

#[test]
fn live_lister_uses_the_network_namespace_of_the_calling_thread() {
    let mut lister = Lister::new();
    let query = Query::new().tcp().listening();
    let listener = tcp::listener_v4().unwrap();
    let address = listener.facts.first().unwrap().local;
    let is_listed = |lister: &mut Lister| {
        lister.snapshot(&query).unwrap().sockets.iter().any(|socket| socket.local == address)
    };
    assert!(is_listed(&mut lister));
    match in_network_namespace(|| is_listed(&mut lister)) {
        Ok(is_listed) => assert!(!is_listed),
        Err(error) => live_skip!("no network namespace of its own: {error}"),
    }
    assert!(is_listed(&mut lister));
}

/// The sockets that this process has open.
fn own_sockets() -> BTreeSet<PathBuf> {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.unwrap().path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).collect()
}

#[test]
fn live_lister_in_a_forked_process_does_not_receive_the_answers_of_its_parent() {
    let child = Child::fork(None, &[], |_| {
        let mut lister = Lister::new();
        let query = Query::new().tcp().listening();
        lister.snapshot(&query).unwrap();
        let of_parent = own_sockets();
        assert_eq!(of_parent.len(), 1, "{of_parent:?}");
        // A plain fork, which has the descriptors of its parent.
        restrict::in_pid_namespace(|| {
            restrict::own_proc(c"")?;
            assert_eq!(own_sockets(), of_parent);
            lister.snapshot(&query).unwrap();
            let own = own_sockets();
            assert!(own.len() == 1 && own.is_disjoint(&of_parent), "{own:?} {of_parent:?}");
            Ok(())
        })
    });
    match child {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Other => panic!("{error}"),
        Err(error) => live_skip!("a pid namespace: {error}"),
    }
}

#[test]
fn live_counts_agree_with_listings_for_all_kinds_of_terms() {
    let outcome = in_network_namespace(|| {
        let made = sockets_of_all_kinds();
        let all = Query::new();
        assert!(listed(&all).len() >= 11, "{:?}", listed(&all));
        let port = made.first().unwrap().facts.first().unwrap().local.port();
        for query in [
            all.clone(),
            all.clone().tcp(),
            all.clone().udp(),
            all.clone().tcp().ipv4(),
            all.clone().tcp().ipv6(),
            all.clone().listening(),
            all.clone().state(State::Established),
            all.clone().state(State::TimeWait),
            all.clone().state(State::Established).state(State::TimeWait).state(State::CloseWait),
            all.clone().local_port(port),
            all.clone().uid(0),
            all.clone().pid(std::process::id()),
        ] {
            check(&query);
        }
        let mut lister = Lister::new();
        let both = [lister.count(&all.clone().tcp()).unwrap(), lister.count(&all.tcp()).unwrap()];
        assert_eq!(counted(&both[0]), counted(&both[1]));
        assert_eq!(both[0].total(), both[0].of(Protocol::Tcp));
    });
    if let Err(error) = outcome {
        live_skip!("no network namespace of its own: {error}");
    }
}
