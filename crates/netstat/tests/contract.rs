//! What `Support` promises is in a snapshot, and what it does not promise never is. A build for a system with a
//! back end promises something.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "common/promises.rs"]
mod promises;

use netstat::{
    DetailFields, OwnerRole, Ownership, Process, ProcessFields, Protocol, ProtocolKind, Query, Snapshot,
    Socket, SocketFields, Support,
};
use promises::Seen;
use std::net::{TcpListener, TcpStream, UdpSocket};
use test_skips::skipped;

#[test]
fn promised_fields_are_seen_and_no_others() {
    let support = Support::current();
    if cfg!(netstat_test_unsupported) {
        assert_eq!((support.protocols, support.socket_fields), (&[][..], SocketFields::empty()));
        let error = Query::new().snapshot().unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        return;
    }
    assert!(support.protocols.starts_with(&[ProtocolKind::Tcp, ProtocolKind::Udp]));
    // One socket of each kind, so that each field has a row to show itself in.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.accept().unwrap().0;
    let _v6 = TcpListener::bind("[::]:0").inspect_err(|why| skipped(format_args!("IPv6: {why}")));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(udp.local_addr().unwrap()).unwrap();
    // Wine learns the process of a socket from a request about it.
    let _ = (listener.ttl(), server.ttl(), udp.ttl());

    let query =
        Query::new().services(true).details(DetailFields::all()).processes(ProcessFields::all()).snapshot();
    let mut seen = Seen::of(&query.unwrap());
    let mut promised = Seen::promised(&support);

    // A socket that is bound to an interface is made, and seen, in live_interface.rs; rows with their network namespace in
    // live_namespaces.rs.
    let mut may_be_unseen = SocketFields::INTERFACE | SocketFields::NETNS;
    let mut process_may_be_unseen = ProcessFields::empty();
    if std::env::consts::OS == "windows" && std::env::var_os("WINEPREFIX").is_some() {
        skipped(format_args!("times and services of sockets: Wine reports neither"));
        may_be_unseen |= SocketFields::CREATED | SocketFields::SERVICE;
        process_may_be_unseen |= ProcessFields::all();
    }
    seen.socket_fields |= may_be_unseen & promised.socket_fields;
    seen.process_fields |= process_may_be_unseen & promised.process_fields;
    // Whether all owners are seen depends on rights; and no process may have ended, or used the sockets of another one.
    assert!(promised.all_owners || !seen.all_owners);
    promised.all_owners = seen.all_owners;
    let depend_on_others = [OwnerRole::EndedBinder, OwnerRole::LastUser, OwnerRole::Effective];
    if std::env::consts::OS != "linux" {
        seen.owner_roles.extend(depend_on_others.iter().filter(|role| promised.owner_roles.contains(role)));
    }
    assert_eq!(seen, promised);
    drop((server, udp));
}

#[test]
fn protocol_that_is_not_listed_is_an_error_by_itself_and_a_gap_beside_others() {
    use ProtocolKind::{Icmp, Mptcp, Netlink, Other, Packet, Raw, Sctp, Tcp, UdpLite, Unix, Vsock};
    let listed = Support::current().protocols;
    for kind in [UdpLite, Icmp, Raw, Sctp, Mptcp, Unix, Netlink, Packet, Vsock, Other] {
        if listed.contains(&kind) {
            continue;
        }
        let error = Query::new().protocol_kind(kind).snapshot().unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains(kind.as_str()), "{error}");
        assert!(Query::new().protocol_kind(kind).count().unwrap_err().is_unsupported());
        if listed.contains(&Tcp) {
            let beside = Query::new().tcp().protocol_kind(kind);
            let of_this =
                |gaps: &[netstat::Gap]| gaps.iter().any(|gap| gap.source.starts_with(kind.as_str()));
            assert!(of_this(&beside.snapshot().unwrap().gaps) && of_this(&beside.count().unwrap().gaps));
            assert!(of_this(&beside.clone().owners(true).snapshot().unwrap().gaps));
            let each = beside.for_each(|_| std::ops::ControlFlow::Continue(()));
            assert!(of_this(&each.unwrap()));
        }
    }
}
