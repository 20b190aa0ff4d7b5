//! Connections that a lookup does not find are found nevertheless; a lookup has the row of a listing.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use netstat::{DetailFields, Query, State};
use socket_world::{binding, tcp};
use std::net::{TcpListener, TcpStream};

#[test]
fn live_connection_that_is_bound_to_an_interface_is_found() {
    let made = binding::tcp_on_device().unwrap();
    for facts in &made.facts {
        let Some(remote) = facts.remote else { continue };
        let snapshot = Query::new().connection(facts.local, remote).snapshot().unwrap();
        let [socket] = &snapshot.sockets[..] else { panic!("{snapshot:?}") };
        assert!(socket.interface.is_some(), "{socket:?}");
    }
}

#[test]
fn live_connection_in_time_wait_is_found_and_has_details_on_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let query = Query::new()
        .connection(client.local_addr().unwrap(), client.peer_addr().unwrap())
        .details(DetailFields::TCP_INFO);
    let open = query.snapshot().unwrap();
    assert!(open.sockets[0].details().is_some_and(|details| details.tcp.is_some()));
    drop(client);
    drop(server);
    let closed = query.snapshot().unwrap();
    assert_eq!(closed.sockets.first().map(|socket| socket.state), Some(Some(State::TimeWait)), "{closed:?}");
}

#[test]
fn live_row_of_a_lookup_is_that_of_a_listing() {
    let made = tcp::pair_v4().unwrap();
    let listed = Query::new().tcp().snapshot().unwrap();
    for facts in &made.facts {
        let Some(remote) = facts.remote else { continue };
        let found = Query::new().connection(facts.local, remote).snapshot().unwrap();
        let row = |row: &&netstat::Socket| row.local == facts.local && row.remote_addr() == Some(remote);
        assert_eq!(found.sockets.first(), listed.sockets.iter().find(row));
    }
}
