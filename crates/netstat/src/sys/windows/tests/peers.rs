//! Both ends of a connection.

use super::fixture::everything;
use super::model::{empty_world, endpoint, program, windows};
use super::scripted::Endpoint;
use crate::engine::snapshot::take;
use crate::model::direction::DirectionKind;
use crate::model::protocol::Protocol;
use crate::query::Query;
use std::sync::Arc;

/// The numbers of LISTEN and ESTABLISHED in `MIB_TCP_STATE`.
const LISTEN: u32 = 2;
const ESTABLISHED: u32 = 5;

#[test]
fn both_ends_are_joined_and_the_one_that_the_filter_leaves_out_has_its_binder() {
    let mut world = empty_world();
    world.programs.push(program(1000, "server.exe", 0));
    world.programs.push(program(2000, "client.exe", 0));
    let connected = |local, remote: &str, pid| Endpoint {
        remote: remote.parse().unwrap(),
        ..endpoint(Protocol::Tcp, local, ESTABLISHED, pid)
    };
    world.endpoints = vec![
        // In this table an IPv4 connection of a listener for both families is one of IPv4.
        endpoint(Protocol::Tcp, "[::]:80", LISTEN, 1000),
        connected("127.0.0.1:80", "127.0.0.1:5000", 1000),
        connected("127.0.0.1:5000", "127.0.0.1:80", 2000),
        connected("192.0.2.1:80", "192.0.2.9:5000", 1000),
        connected("192.0.2.1:5001", "192.0.2.9:443", 2000),
    ];
    let world = Arc::new(world);
    let snapshot = take(&windows(&world), &everything().remote_port(80).peers(true)).unwrap();
    let ([row], [peer]) = (&snapshot.sockets[..], &snapshot.peers[..]) else { panic!("{snapshot:?}") };
    assert_eq!((row.pids().collect::<Vec<_>>(), peer.pids().collect::<Vec<_>>()), (vec![2000], vec![1000]));
    assert_eq!((snapshot.peer(row), snapshot.peer(peer)), (Some(peer), Some(row)));
    let all = take(&windows(&world), &Query::new().tcp().peers(true)).unwrap();
    let mut kinds: Vec<(DirectionKind, Option<bool>)> =
        all.sockets.iter().filter_map(|row| all.direction(row)).map(|it| (it.kind, it.accepted)).collect();
    kinds.sort_unstable();
    let local = DirectionKind::Local;
    assert_eq!(
        kinds,
        [
            (DirectionKind::Inbound, Some(true)),
            (DirectionKind::Outbound, Some(false)),
            (local, Some(false)),
            (local, Some(true)),
        ]
    );
}
