//! Closing sockets of the test, in a network namespace of its own: exactly the listed one, or none.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::row;
use netstat::{Query, Snapshot, Socket, State};
use rustix::io::{Errno, read};
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept, bind, socket_with, sockopt};
use rustix::thread::CapabilitySet;
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::{Child, Made, binding, kernel, live_skip, restrict, tcp, udp};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;

fn list() -> Snapshot {
    Query::new().bound_inactive(true).snapshot().unwrap()
}

/// The row of the `nth` of these sockets.
fn listed(made: &Made, nth: usize) -> Socket {
    row(&list(), &made.facts[nth]).clone()
}

fn is_listed(socket: &Socket) -> bool {
    list().sockets.iter().any(|other| other.cookie == socket.cookie)
}

/// Runs a test in a network namespace of its own, or skips it.
macro_rules! in_namespace {
    ($work:expr) => {
        if let Err(why) = in_network_namespace($work) {
            live_skip!("a network namespace: {why}");
        }
    };
}

/// Skips the test where the kernel cannot close sockets.
macro_rules! needs_destroy {
    () => {
        if let Err(why) = kernel::destroys_sockets() {
            live_skip!("SOCK_DESTROY: {why}");
        }
    };
}

#[test]
fn live_owner_of_a_closed_connection_sees_it_aborted_and_it_is_no_longer_listed() {
    in_namespace!(|| {
        needs_destroy!();
        for make in [tcp::pair_v4, tcp::pair_v6, tcp::pair_mapped] {
            let made = make().unwrap();
            let socket = listed(&made, 0);
            socket.destroy().unwrap();
            let mut buffer = [0; 8];
            assert_eq!(read(&made.sockets[0], &mut buffer[..]), Err(Errno::CONNABORTED));
            assert_eq!(read(&made.sockets[1], &mut buffer[..]), Err(Errno::CONNRESET));
            assert!(!is_listed(&socket));
            // The second time it does not exist.
            let error = socket.destroy().unwrap_err();
            assert!(error.is_not_found(), "{error}");
            assert_eq!(
                error.to_string(),
                format!(
                    "cannot close tcp socket {} to {}: there is no such socket any more",
                    socket.local,
                    socket.remote.unwrap()
                )
            );
        }
    });
}

#[test]
fn live_wrong_cookie_changes_nothing() {
    in_namespace!(|| {
        needs_destroy!();
        for made in [tcp::pair_v4(), tcp::listener_v4(), udp::pair_v4(), udp::unconnected_v6()] {
            let made = made.unwrap();
            let socket = listed(&made, 0);
            let mut other = socket.clone();
            other.cookie = NonZeroU64::new(socket.cookie.unwrap().get() + 1_000_000);
            let error = other.destroy().unwrap_err();
            assert!(error.is_not_found(), "{error}");
            assert!(is_listed(&socket));
        }
    });
}

#[test]
fn live_row_without_a_cookie_closes_the_socket_with_its_inode_and_no_other() {
    in_namespace!(|| {
        needs_destroy!();
        let makers = [tcp::pair_v4, tcp::pair_mapped, tcp::listener_v6, udp::pair_v4, udp::unconnected_v6];
        for made in makers.map(|make| make().unwrap()) {
            let socket = listed(&made, 0);
            let mut other = listed(&tcp::listener_v4().unwrap(), 0);
            (other.local, other.remote) = (socket.local.clone(), socket.remote.clone());
            (other.protocol, other.state, other.family) = (socket.protocol, socket.state, socket.family);
            other.cookie = None;
            // The inode of another socket.
            let error = other.destroy().unwrap_err();
            assert!(error.is_not_found(), "{error}");
            assert!(is_listed(&socket));
            let mut without_cookie = socket.clone();
            without_cookie.cookie = None;
            without_cookie.destroy().unwrap();
            assert!(!is_listed(&socket), "{socket:?}");
        }
    });
}

#[test]
fn live_listeners_and_udp_sockets_of_either_family_are_closed() {
    in_namespace!(|| {
        needs_destroy!();
        let makers: [fn() -> io::Result<Made>; 8] = [
            tcp::listener_v4,
            tcp::listener_v6,
            tcp::listener_dual_stack,
            udp::unconnected_v4,
            udp::unconnected_dual_stack,
            udp::pair_v4,
            udp::pair_v6,
            udp::pair_mapped,
        ];
        for make in makers {
            let made = make().unwrap();
            let socket = listed(&made, 0);
            socket.destroy().unwrap();
            assert!(!is_listed(&socket), "{socket:?}");
            if socket.state == Some(State::Listen) {
                assert_eq!(accept(&made.sockets[0]).map(drop), Err(Errno::INVAL));
            } else {
                let mut buffer = [0; 8];
                assert_eq!(read(&made.sockets[0], &mut buffer[..]), Err(Errno::CONNABORTED), "{socket:?}");
            }
        }
    });
}

#[test]
fn live_connections_without_a_holder_are_closed() {
    in_namespace!(|| {
        needs_destroy!();
        for (make, state) in [
            (tcp::time_wait as fn() -> io::Result<Made>, State::TimeWait),
            (tcp::syn_received, State::SynReceived),
            (tcp::orphaned_fin_wait_1, State::FinWait1),
        ] {
            let _made = make().unwrap();
            let snapshot = list();
            let socket = snapshot.sockets.iter().find(|socket| socket.state == Some(state)).unwrap();
            socket.destroy().unwrap();
            assert!(!is_listed(socket), "{socket:?}");
        }
    });
}

#[test]
fn live_udp_socket_of_an_explicit_port_is_disconnected_and_stays_bound() {
    in_namespace!(|| {
        needs_destroy!();
        let made = binding::udp_of_named_port().unwrap();
        let socket = listed(&made, 0);
        socket.destroy().unwrap();
        assert_eq!(read(&made.sockets[0], &mut [0; 8][..]), Err(Errno::CONNABORTED));
        assert_eq!(listed(&made, 0).cookie, socket.cookie);
    });
}

/// Three UDP sockets on one address and port.
fn shared_port() -> io::Result<Made> {
    let mut sockets = Vec::new();
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for _ in 0..3 {
        let fd = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_reuseport(&fd, true)?;
        bind(&fd, &address)?;
        address = tcp::local_address(&fd)?;
        sockets.push(fd);
    }
    Made::of(sockets)
}

#[test]
fn live_socket_that_the_kernel_does_not_find_is_refused_with_the_reason() {
    in_namespace!(|| {
        needs_destroy!();
        let made = binding::tcp_bound_alone().unwrap();
        let snapshot = list();
        if let Some(socket) = snapshot.sockets.iter().find(|socket| socket.inode() == made.facts[0].inode) {
            let error = socket.destroy().unwrap_err();
            assert!(error.is_unsupported() && error.to_string().ends_with("bound but idle"), "{error}");
        }
        // Of several sockets on one port the kernel finds only one.
        let made = shared_port().unwrap();
        let rows: Vec<Socket> = (0..3).map(|nth| listed(&made, nth)).collect();
        let outcomes: Vec<Result<(), netstat::Error>> = rows.iter().map(Socket::destroy).collect();
        let refused = outcomes.iter().zip(&rows).filter(|(outcome, row)| {
            outcome.as_ref().is_err_and(netstat::Error::is_unsupported) && is_listed(row)
        });
        let (refused, closed) = (refused.count(), outcomes.iter().filter(|outcome| outcome.is_ok()).count());
        assert_eq!(refused + closed, 3, "{outcomes:?}");
        assert!(refused > 0, "{outcomes:?}");
    });
}

#[test]
fn live_without_the_capability_nothing_is_closed_and_the_error_is_permission_denied() {
    needs_destroy!();
    let look = |_: &mut socket_world::Report| {
        enter_network_namespace()?;
        let made = tcp::pair_v4()?;
        restrict::drop_capabilities(CapabilitySet::NET_ADMIN)?;
        let socket = listed(&made, 0);
        let error = socket.destroy().unwrap_err();
        assert!(error.is_permission_denied(), "{error}");
        assert_eq!(error.raw_os_error(), Some(Errno::PERM.raw_os_error()));
        assert!(is_listed(&socket));
        Ok(())
    };
    match Child::fork(Some(b"restricted"), &[], look) {
        Err(error) if error.kind() == io::ErrorKind::Other => panic!("{error}"),
        Err(why) => live_skip!("without CAP_NET_ADMIN: {why}"),
        Ok(_) => {}
    }
}
