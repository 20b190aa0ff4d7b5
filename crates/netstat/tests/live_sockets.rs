//! One socket of each kind and state, made by the test, is listed as its maker describes it, with its holder or
//! with the reason why it has none.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{check_owners, check_row, list, owners, reason, row};
use netstat::{Family, HiddenReason, Ownership, Query, UnownedReason};
use socket_world::{Held, Made, State, binding, quiet, tcp, udp};
use std::io;

/// Makes sockets, lists the machine, and checks each row.
fn check(make: fn() -> io::Result<Made>) -> Made {
    let made = make().unwrap();
    let held: Vec<Held> = made.held().unwrap();
    let quiet = quiet();
    let snapshot = list();
    drop(quiet);
    for facts in &made.facts {
        let socket = row(&snapshot, facts);
        check_row(socket, facts);
        match facts.inode {
            Some(inode) => check_owners(socket, &owners(&held, inode)),
            None => {
                assert_eq!(socket.ownership(), Ownership::None { reason: reason(facts) }, "{facts:?}");
                assert!(socket.owners().is_empty());
            }
        }
    }
    made
}

macro_rules! listed_as_described {
    ($($test:ident: $maker:path;)+) => { $(
        #[test]
        fn $test() {
            check($maker);
        }
    )+ };
}

#[test]
fn live_sockets_of_every_binding_are_listed_as_described() {
    for (_, make) in binding::ALL {
        check(*make);
    }
}

listed_as_described! {
    live_tcp_listener_v4: tcp::listener_v4;
    live_tcp_listener_v6: tcp::listener_v6;
    live_tcp_listener_dual_stack: tcp::listener_dual_stack;
    live_tcp_listener_v6_only: tcp::listener_v6_only;
    live_tcp_pair_v4: tcp::pair_v4;
    live_tcp_pair_v6: tcp::pair_v6;
    live_tcp_ipv4_client_of_a_dual_stack_listener_stays_mapped: tcp::pair_mapped;
    live_tcp_half_closed_is_fin_wait_2_and_close_wait: tcp::half_closed;
    live_tcp_connection_in_the_accept_queue: tcp::accept_queue;
    live_tcp_syn_received_v4: tcp::syn_received;
    live_tcp_syn_received_v6: tcp::syn_received_v6;
    live_tcp_syn_sent: tcp::syn_sent;
    live_tcp_time_wait_v4: tcp::time_wait;
    live_tcp_time_wait_v6: tcp::time_wait_v6;
    live_tcp_fin_wait_1: tcp::fin_wait_1;
    live_tcp_orphan_in_fin_wait_1: tcp::orphaned_fin_wait_1;
    live_tcp_orphan_in_fin_wait_2: tcp::orphaned_fin_wait_2;
    live_tcp_last_ack: tcp::last_ack;
    live_tcp_closing: tcp::closing;
    live_udp_unconnected_v4: udp::unconnected_v4;
    live_udp_unconnected_v6: udp::unconnected_v6;
    live_udp_unconnected_dual_stack: udp::unconnected_dual_stack;
    live_udp_pair_v4: udp::pair_v4;
    live_udp_pair_v6: udp::pair_v6;
    live_udp_pair_mapped: udp::pair_mapped;
}

#[test]
fn live_tcp_unread_bytes_are_counted() {
    check(|| tcp::unread(1234));
}

#[test]
fn live_udp_sockets_of_one_hash_chain_are_each_listed_once() {
    check(|| udp::chain(3000));
}

#[test]
fn live_v6_only_shows_which_listeners_accept_ipv4() {
    let dual = tcp::listener_dual_stack().unwrap();
    let only = tcp::listener_v6_only().unwrap();
    let v4 = tcp::listener_v4().unwrap();
    let udp = udp::unconnected_dual_stack().unwrap();
    let snapshot = Query::new().listening().snapshot().unwrap();
    let v6_only = |made: &Made| row(&snapshot, &made.facts[0]).v6_only;
    assert_eq!(
        (v6_only(&dual), v6_only(&only), v6_only(&v4), v6_only(&udp)),
        (Some(false), Some(true), None, Some(false))
    );
}

#[test]
fn live_backlog_of_a_listener_is_in_its_queues() {
    let made = tcp::accept_queue().unwrap();
    let snapshot = list();
    let listener = row(&snapshot, made.only(State::Listen));
    assert_eq!(
        (listener.queues.map(|queues| queues.receive()), listener.queues.and_then(|queues| queues.send())),
        (Some(1), Some(16))
    );
}

#[test]
fn live_family_is_the_sockets_own() {
    let made = tcp::pair_mapped().unwrap();
    let snapshot = list();
    let families: Vec<Family> = made.facts.iter().map(|facts| row(&snapshot, facts).family).collect();
    assert!(families.contains(&Family::Ipv4) && families.contains(&Family::Ipv6), "{families:?}");
}

#[test]
fn live_without_owners_no_process_is_read() {
    let made = tcp::listener_v4().unwrap();
    let snapshot = Query::new().snapshot().unwrap();
    let socket = row(&snapshot, &made.facts[0]);
    assert_eq!(socket.ownership(), Ownership::NotAsked);
    assert!(snapshot.processes.is_empty());
}

#[test]
fn live_socket_in_flight_has_no_holder_and_the_reason() {
    let made = tcp::listener_v4().unwrap();
    let socket = made.sockets.into_iter().next().unwrap();
    let in_flight = socket_world::holders::in_flight(socket).unwrap();
    let quiet = quiet();
    let snapshot = list();
    drop(quiet);
    let row = row(&snapshot, in_flight.facts().unwrap());
    assert!(row.owners().is_empty());
    // Where a process could not be read, it may hold the socket: then it is reported as hidden.
    let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    let in_flight = Ownership::None { reason: UnownedReason::KernelOrInFlight };
    assert!([hidden, in_flight].contains(&row.ownership()), "{row:?}");
}
