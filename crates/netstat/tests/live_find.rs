//! Single connections, and the functions of `netstat::find`, with sockets of the test, on every system.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(not(netstat_test_unsupported))]

use netstat::{Family, Process, Query, Snapshot, Socket, find};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use test_skips::skipped;

/// Whether this is Wine, which implements less than Windows.
fn is_wine() -> bool {
    std::env::consts::OS == "windows" && std::env::var_os("WINEPREFIX").is_some()
}

/// A connection, client first, and its listener.
struct Connection {
    client: TcpStream,
    server: TcpStream,
    listener: TcpListener,
}

fn connect(listener: TcpListener, to: SocketAddr) -> Connection {
    let client = TcpStream::connect(to).unwrap();
    let (server, _) = listener.accept().unwrap();
    // Wine learns the process of a socket from a request about it.
    let _ = (client.ttl(), server.ttl(), listener.ttl());
    Connection { client, server, listener }
}

/// Connections over IPv4, over IPv6, and over IPv4 to a listener of IPv6.
fn connections() -> Vec<Connection> {
    let mut made = Vec::new();
    for (bound, address) in [
        (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Ipv4Addr::LOCALHOST.into()),
        (SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), Ipv6Addr::LOCALHOST.into()),
        (SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), Ipv4Addr::LOCALHOST.into()),
    ] {
        let listener = match TcpListener::bind(bound) {
            Ok(listener) => listener,
            Err(why) => {
                skipped(format_args!("sockets of {bound}: {why}"));
                continue;
            }
        };
        let to = SocketAddr::new(address, listener.local_addr().unwrap().port());
        if bound.ip().is_unspecified() && TcpStream::connect(to).is_err() {
            skipped(format_args!("IPv4 over sockets of IPv6: this system does not have it by default"));
            continue;
        }
        // The attempt, if one was made, is accepted first.
        if bound.ip().is_unspecified() {
            drop(listener.accept().unwrap());
        }
        made.push(connect(listener, to));
    }
    made
}

/// An end with its address in the form of IPv4, if it is IPv4-mapped.
fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// The rows of a query. Wine reads them from `/proc/net/tcp`, which can have a row twice while other sockets come and go.
fn rows(query: &Query) -> Vec<Socket> {
    let mut rows = query.snapshot().unwrap().sockets;
    if std::env::var_os("WINEPREFIX").is_some() {
        rows.dedup();
    }
    rows
}

/// Checks that there is one row, with these ends.
fn check_row(query: &Query, local: SocketAddr, remote: SocketAddr) {
    let rows = rows(query);
    let [socket] = &rows[..] else { panic!("{local} {remote}: {rows:?}") };
    let ends = (socket.local_addr().map(plain), socket.remote_addr().map(plain));
    assert_eq!(ends, (Some(plain(local)), Some(plain(remote))));
    assert_eq!(query.snapshot().unwrap().gaps, [], "{socket}");
}

#[test]
fn live_connection_is_found_from_both_ends_in_both_forms_of_its_addresses() {
    for Connection { client, server, .. } in &connections() {
        for stream in [client, server] {
            let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
            check_row(&Query::new().connection(local, remote), local, remote);
            let [local, remote] = [plain(local), plain(remote)];
            check_row(&Query::new().connection(local, remote), local, remote);
            if let (SocketAddr::V4(a), SocketAddr::V4(b)) = (local, remote) {
                let [a, b] = [a, b].map(|end| SocketAddr::from((end.ip().to_ipv6_mapped(), end.port())));
                check_row(&Query::new().connection(a, b), local, remote);
            }
            // Further conditions of the query still apply.
            let query = Query::new().connection(local, remote);
            assert_eq!(query.clone().listening().snapshot().unwrap().sockets, []);
            assert_eq!(query.clone().udp().snapshot().unwrap().sockets, []);
            let mut families = 0;
            for family in [Family::Ipv4, Family::Ipv6] {
                families += rows(&query.clone().family(family)).len();
            }
            assert_eq!(families, 1);
            if std::env::var_os("WINEPREFIX").is_none() {
                assert_eq!(query.count().unwrap().total(), 1);
            }
        }
    }
}

#[test]
fn live_several_connections_are_found_at_once() {
    let made = connections();
    let ends: Vec<(SocketAddr, SocketAddr)> = made
        .iter()
        .map(|made| (made.client.local_addr().unwrap(), made.client.peer_addr().unwrap()))
        .collect();
    let query = ends.iter().fold(Query::new(), |query, (local, remote)| query.connection(*local, *remote));
    assert_eq!(rows(&query).len(), ends.len());
    // A missing one does not affect the others.
    let missing = SocketAddr::from(([127, 9, 9, 9], 9));
    assert_eq!(rows(&query.connection(missing, missing)).len(), ends.len());
}

#[test]
fn live_listener_is_not_taken_for_a_connection_that_does_not_exist() {
    for Connection { listener, .. } in &connections() {
        let local = listener.local_addr().unwrap();
        let remote = SocketAddr::new(local.ip(), 1);
        assert_eq!(Query::new().connection(local, remote).snapshot().unwrap().sockets, []);
    }
}

#[test]
fn live_connected_udp_socket_is_found_where_the_system_reports_its_peer() {
    let [one, other] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    one.connect(other.local_addr().unwrap()).unwrap();
    let ends = (one.local_addr().unwrap(), one.peer_addr().unwrap());
    let query = Query::new().udp().connection(ends.0, ends.1);
    if std::env::consts::OS == "windows" {
        assert_eq!(query.snapshot().unwrap().sockets, []);
        return;
    }
    check_row(&query, ends.0, ends.1);
    // The other end is not connected.
    assert_eq!(Query::new().udp().connection(ends.1, ends.0).snapshot().unwrap().sockets, []);
}

/// Checks that this process was found, with its name and start time.
fn check_owner(snapshot: &Snapshot) {
    let own = std::process::id();
    for socket in snapshot {
        if is_wine() && socket.owners().is_empty() {
            skipped(format_args!("owner of {socket}: Wine does not know it"));
            continue;
        }
        let holder = snapshot.holders(socket).find(|holder| holder.pid == own).unwrap();
        assert!(holder.process.is_some_and(|process| process.name.is_some()), "{holder:?}");
        let id = holder.process.and_then(Process::id).unwrap();
        assert_eq!(id.pid(), own);
        assert!(id.signal(0).is_ok(), "this process is there");
    }
}

#[test]
fn live_other_end_of_an_accepted_connection_is_this_process() {
    for Connection { client, server, .. } in &connections() {
        let snapshot = find::peer_of(server.local_addr().unwrap(), server.peer_addr().unwrap()).unwrap();
        let [socket] = &snapshot.sockets[..] else { panic!("{snapshot:?}") };
        assert_eq!(socket.local_addr(), client.local_addr().ok());
        check_owner(&snapshot);
    }
}

#[test]
fn live_listeners_of_a_port_and_ports_of_a_process_are_found() {
    for Connection { listener, .. } in &connections() {
        let local = listener.local_addr().unwrap();
        let is_it = |snapshot: &Snapshot| snapshot.into_iter().any(|socket| socket.local == local);
        let snapshot = find::listeners(local.port()).unwrap();
        assert!(
            is_it(&snapshot)
                && snapshot.sockets.iter().all(|socket| socket.local.port() == Some(local.port()))
        );
        check_owner(&snapshot);
        if is_wine() {
            skipped(format_args!("ports of a process: Wine does not know all owners"));
        } else {
            assert!(is_it(&find::ports_of(std::process::id()).unwrap()));
        }
    }
}
