//! Finds the test's own sockets as it made them, with its own process and name, on every system with a back end.
//! None of these tests passes on a system without one.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(not(netstat_test_unsupported))]

use netstat::{Family, Ownership, ProcessFields, Protocol, Query, Snapshot, Socket, State, TcpState};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::ControlFlow;
use test_skips::skipped;

/// Whether this is Wine, which implements less than Windows.
fn is_wine() -> bool {
    std::env::consts::OS == "windows" && std::env::var_os("WINEPREFIX").is_some()
}

/// Sockets of every kind that needs no privileges.
struct Made {
    listeners: Vec<TcpListener>,
    pairs: Vec<(TcpStream, TcpStream)>,
    udp: Vec<UdpSocket>,
}

fn make() -> Made {
    let mut made = Made { listeners: Vec::new(), pairs: Vec::new(), udp: Vec::new() };
    for local in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
        let listener = match TcpListener::bind(local) {
            Ok(listener) => listener,
            Err(why) => {
                skipped(format_args!("sockets of {local}: {why}"));
                continue;
            }
        };
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        // Bytes in both directions, so that both ends are fully established.
        client.write_all(b"question").unwrap();
        server.read_exact(&mut [0; 8]).unwrap();
        server.write_all(b"answer").unwrap();
        client.read_exact(&mut [0; 6]).unwrap();
        let udp = UdpSocket::bind(local).unwrap();
        udp.send_to(b"x", udp.local_addr().unwrap()).unwrap();
        // Wine learns the process of a socket from a request about it.
        let _ = (listener.ttl(), client.ttl(), server.ttl(), udp.ttl());
        made.listeners.push(listener);
        made.pairs.push((client, server));
        made.udp.push(udp);
    }
    made
}

fn listing() -> Snapshot {
    Query::new().processes(ProcessFields::NAME | ProcessFields::PATH).snapshot().unwrap()
}

/// The one row with these ends.
fn row(snapshot: &Snapshot, protocol: Protocol, local: SocketAddr, remote: Option<SocketAddr>) -> &Socket {
    let rows: Vec<&Socket> = snapshot
        .into_iter()
        .filter(|socket| {
            socket.protocol == protocol && socket.local == local && socket.remote_addr() == remote
        })
        .collect();
    match rows[..] {
        [row] => row,
        _ => panic!("{} rows instead of one of {protocol} {local} {remote:?}", rows.len()),
    }
}

/// Checks that a row belongs to this process, with its name; under Wine only if it has an owner at all.
fn check_owner(snapshot: &Snapshot, socket: &Socket) {
    if is_wine() && socket.owners().is_empty() {
        skipped(format_args!("owner of {} {}: Wine does not know it", socket.protocol, socket.local));
        return;
    }
    let own = std::process::id();
    let owner = socket.owners().iter().find(|owner| owner.pid == own).unwrap();
    assert!(matches!(socket.ownership(), Ownership::Known { .. }), "{socket:?}");
    let process = snapshot.process_of(owner).unwrap();
    let program = std::env::current_exe().unwrap();
    assert_eq!(process.name.as_deref(), program.file_name());
    assert_eq!(process.path.as_deref(), Some(&*program));
}

#[test]
fn live_listeners_pairs_and_datagram_sockets_are_found_as_made() {
    let made = make();
    let snapshot = listing();
    for listener in &made.listeners {
        let socket = row(&snapshot, Protocol::Tcp, listener.local_addr().unwrap(), None);
        assert_eq!(socket.state, Some(State::Listen));
        assert!(socket.is_listening());
        check_owner(&snapshot, socket);
    }
    for (client, server) in &made.pairs {
        for end in [client, server] {
            let (local, remote) = (end.local_addr().unwrap(), end.peer_addr().unwrap());
            let socket = row(&snapshot, Protocol::Tcp, local, Some(remote));
            assert_eq!(socket.state, Some(State::Established));
            let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
            assert_eq!(socket.family, family);
            check_owner(&snapshot, socket);
        }
    }
    for udp in &made.udp {
        let socket = row(&snapshot, Protocol::Udp, udp.local_addr().unwrap(), None);
        assert_eq!(socket.state, None);
        check_owner(&snapshot, socket);
    }
}

#[test]
fn live_at_least_one_socket_has_its_owner_and_queries_find_it_by_pid_name_and_port() {
    let made = make();
    let listener = made.listeners.first().unwrap().local_addr().unwrap();
    let name = std::env::current_exe().unwrap().file_name().unwrap().to_owned();
    for query in [
        Query::new().pid(std::process::id()),
        Query::new().process_name(&name),
        Query::new().local_port(listener.port()).owners(true),
        Query::new().tcp().listening().owners(true),
    ] {
        let snapshot = query.snapshot().unwrap();
        let socket = row(&snapshot, Protocol::Tcp, listener, None);
        assert!(socket.owners().iter().any(|owner| owner.pid == std::process::id()), "{query:?}: {socket:?}");
        let mut streamed = 0;
        query
            .for_each(|socket| {
                streamed += usize::from(socket.local == listener && socket.is_listening());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(streamed, 1, "{query:?}");
    }
    // No row lacks its addresses when no owners are requested.
    let snapshot = Query::new().snapshot().unwrap();
    assert_eq!(row(&snapshot, Protocol::Tcp, listener, None).ownership(), Ownership::NotAsked);
}

#[test]
fn live_closed_sockets_are_not_listed() {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let local = udp.local_addr().unwrap();
    let is_listed = || {
        let snapshot = Query::new().udp().snapshot().unwrap();
        snapshot.into_iter().any(|socket| socket.local == local)
    };
    assert!(is_listed());
    drop(udp);
    assert!(!is_listed());
}

#[test]
fn live_old_interface_names_the_same_process_and_address() {
    use netstat::{AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, get_sockets_info};
    let made = make();
    let listener = made.listeners.first().unwrap().local_addr().unwrap();
    let rows = get_sockets_info(AddressFamilyFlags::all(), ProtocolFlags::all()).unwrap();
    let own = rows.iter().find(|info| match &info.protocol_socket_info {
        ProtocolSocketInfo::Tcp(tcp) => {
            (tcp.local_addr, tcp.local_port, tcp.state) == (listener.ip(), listener.port(), TcpState::Listen)
        }
        ProtocolSocketInfo::Udp(_) => false,
    });
    assert_eq!(own.unwrap().associated_pids, [std::process::id()]);
    if std::env::consts::OS == "windows" {
        // Where the table of sockets names a process, it names one per row.
        assert!(rows.iter().all(|info| info.associated_pids.len() <= 1));
    }
}
