//! What listeners are exposed to, by their address, their device and their namespace.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::row;
use netstat::{Exposure, Filter, NetnsId, Query, Reach, Snapshot, Socket};
use socket_world::namespace::in_network_namespace;
use socket_world::{Made, binding, kernel, live_skip, tcp, udp};
use std::net::TcpListener;

/// The exposure of the first socket of each.
fn exposures<const N: usize>(all: [&Made; N]) -> [Exposure; N] {
    let snapshot = Query::new().listening().snapshot().unwrap();
    all.map(|made| Exposure::of(row(&snapshot, &made.facts[0]), None).unwrap())
}

#[test]
fn live_listeners_show_the_families_they_accept_and_how_far_they_reach() {
    let dual = tcp::listener_dual_stack().unwrap();
    let only = tcp::listener_v6_only().unwrap();
    let (v4, v6) = (tcp::listener_v4().unwrap(), tcp::listener_v6().unwrap());
    let udp = udp::unconnected_dual_stack().unwrap();
    let shown = exposures([&dual, &only, &v4, &v6, &udp]).map(|it| (it.reach, it.ipv4, it.ipv6));
    let expected = [
        (Reach::Any, Some(true), true),
        (Reach::Any, Some(false), true),
        (Reach::Loopback, Some(true), false),
        (Reach::Loopback, Some(false), true),
        (Reach::Any, Some(true), true),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn live_listener_on_all_addresses_of_the_loopback_device_is_local() {
    let listener = tcp::listen_on(([0, 0, 0, 0], 0).into(), 16).unwrap();
    match binding::bind_to_device(&listener, "lo") {
        // Older kernels require CAP_NET_RAW for it.
        Err(why) if kernel::is_before(5, 7) => live_skip!("a device: {why}"),
        bound => bound.unwrap(),
    }
    let made = Made::of(vec![listener]).unwrap();
    let [exposure] = exposures([&made]);
    assert_eq!((exposure.reach, exposure.is_exposed()), (Reach::Loopback, false));
    assert_eq!(exposure.interface.map(|index| index.get()), Some(1));
}

#[test]
fn live_filters_list_the_listeners_of_their_exposure_and_no_others() {
    let dual = tcp::listener_dual_stack().unwrap();
    let loopback = tcp::listener_v4().unwrap();
    let connected = tcp::pair_v4().unwrap();
    let list = |filter: Filter| Query::new().filter(filter).snapshot().unwrap();
    let (exposed, local) = (list(Filter::exposed()), list(Filter::loopback_only()));
    assert_eq!(row(&exposed, &dual.facts[0]).local, dual.facts[0].local);
    assert_eq!(row(&local, &loopback.facts[0]).local, loopback.facts[0].local);
    for (snapshot, is_exposed) in [(&exposed, true), (&local, false)] {
        for socket in snapshot {
            let exposure = Exposure::of(socket, None).unwrap();
            assert_eq!(exposure.is_exposed(), is_exposed, "{socket}");
        }
    }
    let inodes = |snapshot: &Snapshot| snapshot.into_iter().filter_map(Socket::inode).collect::<Vec<_>>();
    for facts in connected.facts.iter().filter(|facts| facts.remote.is_some()) {
        assert!(!inodes(&local).contains(&facts.inode.unwrap()), "{facts:?}");
    }
}

#[test]
fn live_listener_in_a_namespace_of_its_own_says_so() {
    let made = in_network_namespace(|| {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let own = NetnsId::current().unwrap();
        let port = listener.local_addr().unwrap().port();
        let snapshot = Query::new().filter(Filter::netns(own)).snapshot().unwrap();
        let is_it = |socket: &&Socket| socket.local.port() == Some(port) && socket.is_listening();
        snapshot.into_iter().find(is_it).cloned().map(|socket| (socket, own))
    });
    let (socket, its_own) = match made {
        Err(why) => live_skip!("a network namespace: {why}"),
        Ok(made) => made.expect("the listener"),
    };
    let other_netns = |own| Exposure::of(&socket, own).unwrap().other_netns;
    assert_eq!(other_netns(Some(its_own)), Some(false));
    assert_eq!(other_netns(NetnsId::current()), Some(true));
    assert_eq!(Exposure::of(&socket, None).unwrap().reach, Reach::Any);
}
