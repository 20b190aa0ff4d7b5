//! Worlds, compared with the kernel's tables and `/proc/PID/fd`.
#![cfg(any(target_os = "linux", target_os = "android"))]

mod common;

use common::{assert_in_tables, sockets_of, table_of};
use socket_world::{State, World, WorldSpec, live_skip, namespace};
use std::collections::BTreeSet;
use std::io::Write;
use std::time::Instant;

#[test]
fn live_world_is_as_specified() {
    let spec =
        WorldSpec { processes: 7, plain_descriptors: 3, connections: 4, ipv6_connections: 2, udp_sockets: 6 };
    let world = World::build(&spec).expect("a world");
    let counts = world.counts();
    assert_eq!((counts.tcp_sockets, counts.udp_sockets, counts.plain_descriptors), (7 * 14, 7 * 6, 21));
    assert_eq!(world.held().len(), counts.sockets());
    assert_eq!(world.sockets().len(), counts.sockets());
    let inodes: BTreeSet<u64> = world.held().iter().map(|held| held.inode).collect();
    assert_eq!(inodes.len(), counts.sockets());
    assert_eq!(inodes, world.sockets().iter().filter_map(|facts| facts.inode).collect());
    assert_in_tables(std::process::id(), &world.sockets());
    for child in world.children() {
        assert_eq!(sockets_of(child.pid()), child.held().iter().copied().collect());
        // 0, 1, 2 and the pipe are listed as well.
        let all = std::fs::read_dir(format!("/proc/{}/fd", child.pid())).expect("its descriptors").count();
        assert_eq!(all, child.held().len() + spec.plain_descriptors + 4);
    }
    let connected = world.sockets().iter().filter(|facts| facts.state == State::UdpConnected).count();
    assert_eq!(connected, 7);
}

#[test]
fn benchmark_worlds_have_the_documented_numbers_of_sockets() {
    assert_eq!(WorldSpec::small().counts().sockets(), 21_200);
    assert_eq!(WorldSpec::small().counts().plain_descriptors, 20_000);
    assert_eq!(WorldSpec::large().counts().sockets(), 100_600);
}

#[test]
fn live_world_returned_from_a_network_namespace_stays_in_it_and_is_seen_by_its_pids() {
    let spec = WorldSpec { processes: 2, connections: 3, udp_sockets: 5, ..WorldSpec::default() };
    let world = match namespace::in_network_namespace(|| World::build(&spec)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => live_skip!("not root: {error}"),
        other => other.expect("a namespace").expect("a world"),
    };
    let link =
        |of: &str, kind: &str| std::fs::read_link(format!("/proc/{of}/ns/{kind}")).expect("a namespace");
    for child in world.children() {
        let child = child.pid().to_string();
        assert_ne!(link(&child, "net"), link("thread-self", "net"));
        assert_eq!(link(&child, "pid"), link("thread-self", "pid"));
    }
    let seen: BTreeSet<_> = world.children().iter().flat_map(|child| sockets_of(child.pid())).collect();
    assert_eq!(seen, world.held().into_iter().collect());
    let rows: BTreeSet<u64> = table_of(world.children()[0].pid()).iter().map(|row| row.inode).collect();
    assert_eq!(rows, world.sockets().iter().filter_map(|facts| facts.inode).collect());
}

/// In a namespace, so that the ports of other sockets do not collide.
fn check_in_namespace(spec: WorldSpec) {
    let result = namespace::in_network_namespace(|| {
        let start = Instant::now();
        let world = World::build(&spec).expect("a world");
        let time = start.elapsed();
        let _ = writeln!(std::io::stderr(), "{} sockets in {time:?}", world.counts().sockets());
        assert_eq!(world.sockets().len(), spec.counts().sockets());
        let inodes: BTreeSet<u64> = world.sockets().iter().filter_map(|facts| facts.inode).collect();
        assert_eq!(inodes.len(), spec.counts().sockets());
        let rows: BTreeSet<u64> = table_of(world.children()[0].pid()).iter().map(|row| row.inode).collect();
        assert_eq!(rows, inodes);
        let held: BTreeSet<_> = world.held().into_iter().collect();
        let seen: BTreeSet<_> = world.children().iter().flat_map(|child| sockets_of(child.pid())).collect();
        assert_eq!(seen, held);
    });
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => live_skip!("not root: {error}"),
        other => other.expect("a namespace"),
    }
}

#[test]
fn live_small_world_is_built_in_a_namespace() {
    check_in_namespace(WorldSpec::small());
}

#[test]
fn live_large_world_is_built_in_a_namespace() {
    check_in_namespace(WorldSpec::large());
}
