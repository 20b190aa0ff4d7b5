//! Sockets that stay open are listed exactly once in each listing, while thousands of others open and close.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use netstat::{OwnerSource, Query};
use socket_world::{Churn, ChurnSpec, Made, live_skip, namespace, tcp, udp};
use std::collections::HashMap;

const LISTINGS: usize = 40;

/// Lists `LISTINGS` times while sockets open and close; each of the stable ones must be listed once each time.
fn stable_sockets_stay(stable: &[Made], spec: ChurnSpec, query: &Query) {
    let churn = Churn::start(spec).unwrap();
    let inodes: Vec<u64> =
        stable.iter().flat_map(|made| &made.facts).filter_map(|facts| facts.inode).collect();
    let before = churn.counts();
    for listing in 0..LISTINGS {
        let snapshot = query.snapshot().unwrap();
        let mut times: HashMap<u64, u32> = HashMap::new();
        for inode in snapshot.sockets.iter().filter_map(netstat::Socket::inode) {
            *times.entry(inode).or_default() += 1;
        }
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "listing {listing}: {} sockets more than once", twice.len());
        let missed = inodes.iter().filter(|inode| !times.contains_key(inode)).count();
        assert_eq!(missed, 0, "listing {listing}: stable sockets missed of {}", inodes.len());
    }
    let after = churn.stop();
    let opened = after.connections + after.udp_sockets - before.connections - before.udp_sockets;
    println!("{LISTINGS} listings of {} stable sockets while {opened} others opened", inodes.len());
    assert!(opened > 1_000, "only {opened} sockets came and went: {after:?}");
}

/// In a network namespace and a thread of its own, so that other tests' sockets are not listed.
fn in_namespace(test: impl FnOnce() + Send) -> bool {
    let entered = std::thread::scope(|scope| {
        let thread = scope.spawn(|| match namespace::enter_network_namespace() {
            Ok(()) => {
                test();
                Ok(())
            }
            Err(why) => Err(why),
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    if let Err(why) = &entered {
        socket_world::skipped(format_args!("a network namespace: {why}"));
    }
    entered.is_ok()
}

#[test]
fn live_stable_sockets_are_found_once_in_forty_listings_under_churn() {
    let ran = in_namespace(|| {
        let stable: Vec<Made> = (0..200)
            .flat_map(|_| [tcp::pair_v4(), tcp::listener_v4(), udp::pair_v4(), udp::unconnected_v6()])
            .collect::<Result<_, _>>()
            .unwrap();
        stable_sockets_stay(&stable, ChurnSpec::default(), &Query::new());
        // Its rows come with their owners, and those of a dump where they may not be all.
        let in_one_pass = Query::new().owners(true).owner_source(OwnerSource::OnePass);
        stable_sockets_stay(&stable, ChurnSpec::default(), &in_one_pass);
    });
    if !ran {
        live_skip!("needs a network namespace");
    }
}

#[test]
fn live_udp_sockets_of_one_hash_chain_are_found_once_under_churn_in_that_chain() {
    let ran = in_namespace(|| {
        let chain = udp::chain(3_000).unwrap();
        let port = chain.facts[0].local.port();
        let spec = ChurnSpec { udp_port: Some(port), connections_per_second: 0, ..ChurnSpec::default() };
        stable_sockets_stay(&[chain], spec, &Query::new());
    });
    if !ran {
        live_skip!("needs a network namespace");
    }
}
