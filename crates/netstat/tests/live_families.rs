//! Sockets of the families beside IP and unix, and those that no table lists: each that a process holds is a row.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use netstat::{
    Endpoint, Family, Filter, GapKind, Owner, OwnerRole, OwnerSource, Ownership, Protocol, ProtocolKind,
    Query, Queues, Scope, Snapshot, Socket, SocketType, State,
};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, bind, connect, socket_with};
use scene::has_gap_of;
use socket_world::namespace::enter_network_namespace;
use socket_world::{Held, inode_of, is_root, live_skip, quiet, restrict, skipped};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

fn open(family: u16, kind: u32, protocol: u32) -> std::io::Result<OwnedFd> {
    let (family, kind) = (AddressFamily::from_raw(family), rustix::net::SocketType::from_raw(kind));
    let protocol = NonZeroU32::new(protocol).map(rustix::net::Protocol::from_raw);
    Ok(socket_with(family, kind, SocketFlags::CLOEXEC, protocol)?)
}

const AF_NETLINK: u16 = 16;
const AF_PACKET: u16 = 17;
const AF_VSOCK: u16 = 40;
const AF_XDP: u16 = 44;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const RAW: u32 = 3;

fn row(snapshot: &Snapshot, socket: impl AsFd) -> &Socket {
    let inode = inode_of(socket);
    let rows: Vec<&Socket> = snapshot.into_iter().filter(|row| row.inode() == Some(inode)).collect();
    let [row] = rows[..] else { panic!("{} rows of {inode}: {:?}", rows.len(), snapshot.gaps) };
    row
}

fn check_owner(row: &Socket, socket: impl AsFd) {
    let held = Held::of(socket).unwrap();
    assert_eq!(row.owners(), [Owner::new(held.pid, Some(held.fd), OwnerRole::Holder)], "{row:?}");
    assert!(matches!(row.ownership(), Ownership::Known { .. }));
}

#[test]
fn live_netlink_sockets_have_their_port_groups_do_not_repeat_them_and_the_kernels_own_have_no_holder() {
    let _quiet = quiet();
    let plain = open(AF_NETLINK, RAW, 0).unwrap();
    bind(&plain, &SocketAddrNetlink::new(0, 0)).unwrap();
    let port = SocketAddrNetlink::try_from(rustix::net::getsockname(&plain).unwrap()).unwrap().pid();
    connect(&plain, &SocketAddrNetlink::new(0, 0)).unwrap();
    // In groups, which a dump repeats. NETLINK_KOBJECT_UEVENT is 15.
    let in_groups = open(AF_NETLINK, DATAGRAM, 15).unwrap();
    bind(&in_groups, &SocketAddrNetlink::new(0, 3)).unwrap();
    let snapshot = Query::new().netlink().owners(true).snapshot().unwrap();
    assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol), "grouped by protocol");
    let connected = row(&snapshot, &plain);
    assert_eq!((connected.family, connected.protocol), (Family::Netlink, Protocol::Netlink(0)));
    assert_eq!(connected.local, Endpoint::Netlink { port_id: port });
    assert_eq!(connected.remote, Some(Endpoint::Netlink { port_id: 0 }));
    assert!(matches!(connected.queues, Some(Queues::Memory { .. })));
    check_owner(connected, &plain);
    let grouped = row(&snapshot, &in_groups);
    assert_eq!((grouped.protocol, grouped.remote.as_ref()), (Protocol::Netlink(15), None));
    check_owner(grouped, &in_groups);
    let of_kernel = Endpoint::Netlink { port_id: 0 };
    let kernels: Vec<&Socket> = snapshot.sockets.iter().filter(|row| row.local == of_kernel).collect();
    assert!(!kernels.is_empty());
    for row in kernels {
        assert!(row.owners().is_empty(), "{row:?}");
        assert!(!matches!(row.ownership(), Ownership::Known { .. }), "{row:?}");
    }
}

#[test]
fn live_packet_sockets_have_their_ether_type_interface_and_holder() {
    if !is_root() {
        live_skip!("packet sockets: not root");
    }
    let _quiet = quiet();
    // The protocol is in network byte order: ETH_P_ARP.
    let arp = open(AF_PACKET, RAW, u32::from(0x0806_u16.to_be())).unwrap();
    let idle = open(AF_PACKET, DATAGRAM, 0).unwrap();
    let snapshot = Query::new().packet().owners(true).snapshot().unwrap();
    let row_of_arp = row(&snapshot, &arp);
    assert_eq!((row_of_arp.family, row_of_arp.protocol), (Family::Packet, Protocol::Packet(0x0806)));
    assert_eq!(row_of_arp.local, Endpoint::Packet { interface: None });
    assert_eq!((row_of_arp.socket_type, row_of_arp.uid), (Some(SocketType::Raw), Some(0)));
    check_owner(row_of_arp, &arp);
    let row_of_idle = row(&snapshot, &idle);
    assert_eq!(
        (row_of_idle.protocol, row_of_idle.socket_type),
        (Protocol::Packet(0), Some(SocketType::Datagram))
    );
    check_owner(row_of_idle, &idle);
    drop((arp, idle));
}

#[test]
fn live_vsock_sockets_are_rows_even_where_the_kernel_cannot_dump_them() {
    let Ok(socket) = open(AF_VSOCK, STREAM, 0) else { live_skip!("vsock: not in this kernel") };
    let _quiet = quiet();
    let snapshot = Query::new().vsock().owners(true).snapshot().unwrap();
    let row = row(&snapshot, &socket);
    assert_eq!((row.family, row.protocol, &row.local), (Family::Vsock, Protocol::Vsock, &Endpoint::Unknown));
    check_owner(row, &socket);
    // Without owners the rows are those of the table, or none and an error.
    match Query::new().vsock().snapshot() {
        Ok(snapshot) => {
            has_gap_of(&snapshot, GapKind::TableUnavailable);
            assert!(snapshot.sockets.iter().all(|row| row.family == Family::Vsock));
        }
        Err(error) => assert!(error.is_unsupported(), "{error}"),
    }
}

#[test]
fn live_every_socket_of_every_family_that_a_process_holds_is_a_row_with_its_holder() {
    const FAMILIES: usize = 12;
    if !is_root() {
        live_skip!("sockets of all families: not root");
    }
    let _quiet = quiet();
    let mut sockets: BTreeMap<u16, Vec<OwnedFd>> = BTreeMap::new();
    for family in 1..64 {
        for kind in 1..=6 {
            for protocol in (0..8).chain([17, 58, 132, 136, 262]) {
                if let Ok(socket) = open(family, kind, protocol) {
                    sockets.entry(family).or_default().push(socket);
                }
            }
        }
    }
    if sockets.len() < FAMILIES {
        skipped(format_args!("{FAMILIES} families of sockets: the kernel lacks some"));
    }
    let snapshot = Query::new().all_protocols().snapshot().unwrap();
    assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
    let mut count = 0;
    for (family, sockets) in &sockets {
        for socket in sockets {
            let row = row(&snapshot, socket);
            check_owner(row, socket);
            let expected = match family {
                1 => Family::Unix,
                2 => Family::Ipv4,
                10 => Family::Ipv6,
                16 => Family::Netlink,
                17 => Family::Packet,
                40 => Family::Vsock,
                other => Family::Other(*other),
            };
            assert_eq!(row.family, expected, "{row:?}");
            count += 1;
        }
    }
    assert!(count >= 20, "{:?}", sockets.keys());
    let held: BTreeSet<u64> = sockets.values().flatten().map(inode_of).collect();
    let is_held = |row: &&Socket| row.inode().is_some_and(|inode| held.contains(&inode));
    let families: BTreeSet<Family> = snapshot.into_iter().filter(is_held).map(|row| row.family).collect();
    assert_eq!((families.len(), held.len() as u64), (sockets.len(), count), "{families:?}");
    // Without owners they cannot be seen, which a gap says.
    let without = Query::new().all_protocols().owners(false).snapshot().unwrap();
    has_gap_of(&without, GapKind::TableUnavailable);
    let counts = Query::new().all_protocols().count().unwrap();
    let counted: u64 = counts.iter().map(|(_, _, count)| count).sum();
    assert!(counted >= count, "{counted} counted");
}

#[test]
fn live_sockets_that_are_bound_to_nothing_are_rows_among_all_protocols_only() {
    let _quiet = quiet();
    let udp = open(2, DATAGRAM, 0).unwrap();
    let netlink = open(AF_NETLINK, RAW, 0).unwrap();
    let snapshot = Query::new().all_protocols().snapshot().unwrap();
    let row_of_udp = row(&snapshot, &udp);
    assert_eq!((row_of_udp.protocol, row_of_udp.family), (Protocol::Udp, Family::Ipv4));
    assert_eq!((&row_of_udp.local, row_of_udp.remote.as_ref()), (&Endpoint::Unknown, None));
    check_owner(row_of_udp, &udp);
    assert_eq!(row(&snapshot, &netlink).family, Family::Netlink);
    let of_udp = Query::new().udp().owners(true).snapshot().unwrap();
    assert!(of_udp.sockets.iter().all(|row| row.inode() != Some(inode_of(&udp))));
}

#[test]
fn live_xdp_sockets_are_rows() {
    let Ok(socket) = open(AF_XDP, RAW, 0) else { live_skip!("XDP sockets: not in this kernel, or not root") };
    let _quiet = quiet();
    let snapshot = Query::new().family(Family::Other(AF_XDP)).owners(true).snapshot().unwrap();
    let row = row(&snapshot, &socket);
    assert_eq!((row.family, row.protocol.kind()), (Family::Other(AF_XDP), ProtocolKind::Other));
    check_owner(row, &socket);
}

#[test]
fn live_without_netlink_netlink_and_packet_sockets_come_from_proc_with_gaps() {
    if !is_root() {
        live_skip!("packet sockets: not root");
    }
    let packet = open(AF_PACKET, RAW, u32::from(0x0806_u16.to_be())).unwrap();
    let netlink = open(AF_NETLINK, RAW, 0).unwrap();
    bind(&netlink, &SocketAddrNetlink::new(0, 0)).unwrap();
    let (packet, netlink) = (inode_of(&packet), (inode_of(&netlink), netlink, packet));
    restricted!("seccomp", || {
        restrict::deny_netlink(1)?;
        let snapshot = Query::new().packet().netlink().snapshot().unwrap();
        let row = |inode| snapshot.sockets.iter().find(|row| row.inode() == Some(inode)).unwrap();
        assert_eq!(row(packet).protocol, Protocol::Packet(0x0806));
        assert_eq!(row(packet).local, Endpoint::Packet { interface: None });
        assert_eq!(row(netlink.0).protocol, Protocol::Netlink(0));
        let fallbacks = snapshot.gaps.iter().filter(|gap| gap.kind == GapKind::Fallback).count();
        assert_eq!(fallbacks, 2, "{:?}", snapshot.gaps);
        Ok(())
    });
}

#[test]
fn live_sockets_in_processes_of_other_network_namespaces_are_counted_and_not_listed() {
    if !is_root() {
        live_skip!("a network namespace: not root");
    }
    let udp = open(2, DATAGRAM, 0).unwrap();
    let inode = inode_of(&udp);
    restricted!("network namespace", || {
        enter_network_namespace()?;
        let own = open(2, DATAGRAM, 0)?;
        let snapshot = Query::new().all_protocols().snapshot().unwrap();
        assert!(snapshot.sockets.iter().all(|row| row.inode() != Some(inode)));
        assert_eq!(row(&snapshot, &own).protocol, Protocol::Udp);
        has_gap_of(&snapshot, GapKind::SocketsElsewhere);
        Ok(())
    });
}

#[test]
fn live_filter_leaves_out_sockets_of_all_protocols_that_a_process_holds() {
    let _quiet = quiet();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let [one, other] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    one.connect(other.local_addr().unwrap()).unwrap();
    let (unix, _peer) = UnixStream::pair().unwrap();
    let held: Vec<(&str, u64)> = vec![
        ("listener", inode_of(&listener)),
        ("client", inode_of(&client)),
        ("server", inode_of(&server)),
        ("connected", inode_of(&one)),
        ("other", inode_of(&other)),
        ("unix", inode_of(&unix)),
    ];
    let listed = |query: Query| {
        let snapshot = query.snapshot().unwrap();
        let is_listed = |inode: u64| snapshot.sockets.iter().any(|row| row.inode() == Some(inode));
        held.iter().filter(|(_, inode)| is_listed(*inode)).map(|(name, _)| *name).collect::<Vec<_>>()
    };
    let all = || Query::new().all_protocols();
    assert_eq!(listed(all()).len(), held.len());
    assert_eq!(listed(all().local_port(port)), ["listener", "server"]);
    assert_eq!(listed(all().remote_port(port)), ["client"]);
    assert_eq!(listed(all().listening()), ["listener", "other"]);
    assert_eq!(listed(all().state(State::TimeWait)), [""; 0]);
    let by_ends = all().connection(client.local_addr().unwrap(), client.peer_addr().unwrap());
    assert_eq!(listed(by_ends), ["client"]);
    assert_eq!(
        listed(all().filter(Filter::tcp() | Filter::family(Family::Vsock))),
        ["listener", "client", "server"]
    );
    assert_eq!(listed(all().local_port(port).netns(Scope::Of(std::process::id()))), ["listener", "server"]);
    let streamed = |query: Query| {
        let mut inodes = Vec::new();
        let gaps = query.for_each(|row| {
            inodes.extend(row.inode());
            ControlFlow::Continue(())
        });
        gaps.unwrap();
        held.iter().filter(|(_, inode)| inodes.contains(inode)).map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(streamed(all().local_port(port)), ["listener", "server"]);
}

#[test]
fn live_netlink_sockets_without_a_port_are_left_out_by_their_kind() {
    let _quiet = quiet();
    let netlink = open(AF_NETLINK, RAW, 0).unwrap();
    let bound = open(AF_NETLINK, RAW, 0).unwrap();
    bind(&bound, &SocketAddrNetlink::new(0, 0)).unwrap();
    let others = !Filter::protocol_kind(ProtocolKind::Netlink);
    // By the walk the number of their protocol is not known.
    for source in [OwnerSource::Auto, OwnerSource::Procfs] {
        let query = Query::new().all_protocols().owner_source(source).filter(others.clone());
        let snapshot = query.snapshot().unwrap();
        let is_listed = |fd: &OwnedFd| snapshot.sockets.iter().any(|row| row.inode() == Some(inode_of(fd)));
        assert!(!is_listed(&netlink) && !is_listed(&bound), "{source:?}");
    }
}

#[test]
fn live_unlisted_sockets_of_which_only_the_kernel_knows_whether_they_pass_are_counted() {
    let _quiet = quiet();
    let tcp = open(2, STREAM, 0).unwrap();
    let by_kernel = (Filter::tcp() & Filter::autobound()) | Filter::family(Family::Vsock);
    let snapshot = Query::new().all_protocols().filter(by_kernel).snapshot().unwrap();
    assert!(snapshot.sockets.iter().all(|row| row.inode() != Some(inode_of(&tcp))));
    has_gap_of(&snapshot, GapKind::SocketsUndecided);
    // Families beside IP have no program that the kernel would run.
    for kind in [ProtocolKind::Unix, ProtocolKind::Netlink] {
        let error = Query::new().protocol_kind(kind).filter(Filter::autobound()).snapshot().unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
}

#[test]
fn live_unlisted_socket_whose_namespace_the_walk_cannot_see_is_counted_as_that() {
    let _quiet = quiet();
    let udp = open(2, DATAGRAM, 0).unwrap();
    let own = Scope::Of(std::process::id());
    let snapshot =
        Query::new().all_protocols().owner_source(OwnerSource::Procfs).netns(own).snapshot().unwrap();
    assert!(snapshot.sockets.iter().all(|row| row.inode() != Some(inode_of(&udp))));
    let sources: Vec<&str> = snapshot
        .gaps
        .iter()
        .filter(|gap| gap.kind == GapKind::SocketsElsewhere)
        .map(|gap| &*gap.source)
        .collect();
    assert_eq!(sources, ["of which the network namespace is not known"]);
}
