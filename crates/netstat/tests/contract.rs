//! What `Support` promises is seen, and what it does not promise is never there. A build for a system with a back end
//! promises something.

#![allow(clippy::unwrap_used, reason = "a test")]

use netstat::{Protocol, Query, SocketFields, Support};
use std::net::{TcpListener, TcpStream, UdpSocket};
use test_skips::skipped;

#[test]
fn fields_that_are_promised_are_seen_and_others_are_none() {
    let support = Support::current();
    if cfg!(netstat_test_unsupported) {
        assert_eq!((support.protocols, support.socket_fields), (&[][..], SocketFields::empty()));
        let error = Query::new().snapshot().unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        return;
    }
    assert_eq!(support.protocols, [Protocol::Tcp, Protocol::Udp]);
    // One socket of each kind, so that each field has a row to show itself in.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    let _v6 = TcpListener::bind("[::]:0").inspect_err(|why| skipped(format_args!("IPv6: {why}")));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(udp.local_addr().unwrap()).unwrap();

    let snapshot = Query::new().owners(true).services(true).snapshot().unwrap();
    let mut seen = SocketFields::empty();
    for socket in &snapshot {
        let has_remote = socket.remote.is_some();
        for (field, is_seen) in [
            (SocketFields::TCP_REMOTE, socket.protocol == Protocol::Tcp && has_remote),
            (SocketFields::UDP_REMOTE, socket.protocol == Protocol::Udp && has_remote),
            (SocketFields::STATE, socket.state.is_some()),
            (SocketFields::QUEUES, socket.rx_queue.is_some() || socket.tx_queue.is_some()),
            (SocketFields::UID, socket.uid.is_some()),
            (SocketFields::INODE, socket.inode().is_some()),
            (SocketFields::HANDLE, socket.handle().is_some()),
            (SocketFields::COOKIE, socket.cookie.is_some()),
            (SocketFields::INTERFACE, socket.interface.is_some()),
            (SocketFields::V6_ONLY, socket.v6_only.is_some()),
            (SocketFields::CREATED, socket.created.is_some()),
            (SocketFields::SERVICE, socket.service.is_some()),
        ] {
            seen.set(field, is_seen || seen.contains(field));
        }
        for owner in socket.owners() {
            assert!(support.owner_roles.contains(&owner.role), "{owner:?}");
        }
    }
    assert_eq!(seen - support.socket_fields, SocketFields::empty(), "seen, and not promised");
    // A socket that is bound to an interface is made, and seen, in live_interface.rs.
    let mut unseen = support.socket_fields - seen - SocketFields::INTERFACE;
    if std::env::consts::OS == "windows" && std::env::var_os("WINEPREFIX").is_some() {
        skipped(format_args!("times and services of sockets: Wine tells neither"));
        unseen -= SocketFields::CREATED | SocketFields::SERVICE;
    }
    assert_eq!(unseen, SocketFields::empty(), "promised, and not seen");
    drop((server, udp));
}
