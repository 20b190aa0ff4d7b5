//! `struct inet_diag_msg` and its attributes: one socket a message.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture};
use netstat_wire::linux::inet_diag::*;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::tcp_states::*;
use proptest::prelude::*;

/// The sockets in a datagram, each of which must be decodable.
fn sockets(datagram: &[u8]) -> Vec<InetDiagMsg> {
    payloads(datagram).into_iter().map(|payload| InetDiagMsg::decode(payload).unwrap()).collect()
}

fn payloads(datagram: &[u8]) -> Vec<&[u8]> {
    let data = |body| match body {
        Body::Data(payload) => Some(payload),
        _ => None,
    };
    Messages::new(datagram).filter_map(|message| data(message.unwrap().body)).collect()
}

fn v4(a: u8, b: u8, c: u8, d: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[a, b, c, d]);
    address
}

fn mapped_loopback() -> [u8; 16] {
    std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets()
}

/// A TCP socket of root on 127.0.0.1, with the captures' values in the other fields.
fn full(state: u8, id: SockId, inode: u32) -> InetDiagMsg {
    InetDiagMsg {
        family: AF_INET,
        state,
        timer: 0,
        retrans: 0,
        id,
        expires_ms: 0,
        rqueue: 0,
        wqueue: 0,
        uid: 0,
        inode,
        shutdown: Some(0),
        v6_only: None,
        protocol: None,
        mark: Some(0),
        cgroup_id: Some(1),
    }
}

fn ends(sport: u16, dport: u16, cookie: u64) -> SockId {
    let loopback = v4(127, 0, 0, 1);
    let dst = if dport == 0 { [0; 16] } else { loopback };
    SockId { sport, dport, src: loopback, dst, interface: 0, cookie }
}

fn unspecified(sport: u16, cookie: u64) -> SockId {
    SockId { sport, cookie, ..SockId::default() }
}

#[test]
fn a_captured_connection_has_its_ends_queue_and_mark() {
    if !common::little_endian() {
        return;
    }
    let connection = full(TCP_ESTABLISHED, ends(8080, 40001, 2), 7193);
    let expected = InetDiagMsg { rqueue: 5, mark: Some(7), ..connection };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_established")), [expected]);
    assert_eq!(sockets(&fixture!("linux-6.18__exact_lookup_and_ack")), [expected]);
    // Without CAP_NET_ADMIN the mark is absent.
    let unprivileged = InetDiagMsg { mark: None, ..expected };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_established_unprivileged")), [unprivileged]);
}

#[test]
fn captured_attributes_that_are_not_read_change_nothing() {
    if !common::little_endian() {
        return;
    }
    let plain = sockets(&fixture!("linux-6.18__tcp4_established"));
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_established_all_extensions")), plain);
}

#[test]
fn a_captured_dual_stack_listener_is_not_ipv6_only() {
    if !common::little_endian() {
        return;
    }
    let listener = full(TCP_LISTEN, unspecified(8081, 3), 6384);
    let expected = InetDiagMsg { family: AF_INET6, wqueue: 5, v6_only: Some(false), ..listener };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp6_listen_dual_stack")), [expected]);
}

#[test]
fn a_captured_link_local_listener_has_its_device() {
    if !common::little_endian() {
        return;
    }
    let mut id = SockId { interface: 1, ..unspecified(8083, 5) };
    id.src = std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).octets();
    let listener = full(TCP_LISTEN, id, 6392);
    let expected = InetDiagMsg { family: AF_INET6, wqueue: 8, v6_only: Some(true), ..listener };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp6_listen_link_local")), [expected]);
}

#[test]
fn a_captured_ipv4_connection_of_an_ipv6_socket_keeps_family_and_mapped_ends() {
    if !common::little_endian() {
        return;
    }
    let id = SockId { src: mapped_loopback(), dst: mapped_loopback(), ..ends(8081, 40002, 4) };
    let connection = full(TCP_ESTABLISHED, id, 6388);
    let expected = InetDiagMsg { family: AF_INET6, shutdown: Some(1), ..connection };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp6_established_mapped")), [expected]);
}

#[test]
fn captured_entries_that_are_no_sockets_have_zeros_and_a_timer() {
    if !common::little_endian() {
        return;
    }
    let entry = |state, timer, id, expires_ms| InetDiagMsg {
        timer,
        expires_ms,
        shutdown: None,
        cgroup_id: None,
        ..full(state, id, 0)
    };
    let time_wait = entry(TCP_TIME_WAIT, 3, ends(40003, 8084, 6), 59_800);
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_time_wait")), [time_wait]);
    let orphan = entry(TCP_FIN_WAIT2, 3, ends(40004, 8085, 7), 59_804);
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_fin_wait2_orphan")), [orphan]);
    let half_open = entry(TCP_SYN_RECV, 1, ends(8086, 40005, 8), 896);
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_syn_recv")), [half_open]);
}

#[test]
fn a_captured_connection_that_waits_to_be_accepted_has_inode_zero() {
    if !common::little_endian() {
        return;
    }
    let waiting = full(TCP_ESTABLISHED, ends(8087, 40006, 10), 0);
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_accept_queue")), [waiting]);
    let listener = InetDiagMsg { rqueue: 1, wqueue: 8, ..full(TCP_LISTEN, ends(8087, 0, 9), 6405) };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_listen_one_waiting")), [listener]);
}

#[test]
fn a_captured_socket_that_is_only_bound_is_closed() {
    if !common::little_endian() {
        return;
    }
    let bound = full(TCP_CLOSE, ends(8088, 0, 11), 6408);
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_bound_inactive")), [bound]);
}

#[test]
fn captured_udp_sockets_of_both_families_are_connected_or_not() {
    if !common::little_endian() {
        return;
    }
    let connected = full(TCP_ESTABLISHED, ends(40010, 5353, 12), 6411);
    let unconnected = InetDiagMsg { rqueue: 832, ..full(TCP_CLOSE, ends(5353, 0, 13), 6410) };
    let dual_stack = InetDiagMsg {
        family: AF_INET6,
        v6_only: Some(false),
        ..full(TCP_CLOSE, unspecified(5354, 14), 6412)
    };
    assert_eq!(sockets(&fixture!("linux-6.18__udp_dump")), [connected, unconnected, dual_stack]);
}

#[test]
fn a_captured_mptcp_listener_is_a_socket_like_any_other() {
    if !common::little_endian() {
        return;
    }
    let listener = InetDiagMsg { wqueue: 3, ..full(TCP_LISTEN, ends(8090, 0, 26), 6424) };
    assert_eq!(sockets(&fixture!("linux-6.18__mptcp4_listen")), [listener]);
}

#[test]
fn a_captured_event_of_destruction_names_its_protocol() {
    if !common::little_endian() {
        return;
    }
    let id = SockId { dst: v4(127, 0, 0, 1), ..ends(40020, 0, 25) };
    let expected = InetDiagMsg {
        wqueue: 65_485,
        shutdown: None,
        protocol: Some(6),
        mark: None,
        cgroup_id: None,
        ..full(TCP_CLOSE, id, 0)
    };
    assert_eq!(sockets(&fixture!("linux-6.18__tcp4_destroy_event")), [expected]);
}

/// The record as this test writes it, independent of the crate.
fn encode(socket: &InetDiagMsg) -> Vec<u8> {
    let mut bytes = vec![socket.family, socket.state, socket.timer, socket.retrans];
    bytes.extend(socket.id.sport.to_be_bytes());
    bytes.extend(socket.id.dport.to_be_bytes());
    bytes.extend(socket.id.src);
    bytes.extend(socket.id.dst);
    bytes.extend(socket.id.interface.to_ne_bytes());
    bytes.extend(u32::try_from(socket.id.cookie % (1 << 32)).unwrap().to_ne_bytes());
    bytes.extend(u32::try_from(socket.id.cookie >> 32).unwrap().to_ne_bytes());
    for word in [socket.expires_ms, socket.rqueue, socket.wqueue, socket.uid, socket.inode] {
        bytes.extend(word.to_ne_bytes());
    }
    assert_eq!(bytes.len(), 72);
    bytes.extend(socket.shutdown.map(|value| attribute(8, &[value])).unwrap_or_default());
    bytes.extend(socket.v6_only.map(|value| attribute(11, &[u8::from(value)])).unwrap_or_default());
    bytes.extend(socket.protocol.map(|value| attribute(10, &[value])).unwrap_or_default());
    bytes.extend(socket.mark.map(|value| attribute(15, &value.to_ne_bytes())).unwrap_or_default());
    bytes.extend(socket.cgroup_id.map(|value| attribute(21, &value.to_ne_bytes())).unwrap_or_default());
    bytes
}

/// A socket with every attribute, in which no two fields are equal.
fn distinct() -> InetDiagMsg {
    InetDiagMsg {
        family: 1,
        state: 2,
        timer: 3,
        retrans: 4,
        id: SockId {
            sport: 0x0506,
            dport: 0x0708,
            src: *b"source address..",
            dst: *b"destination addr",
            interface: 0x090a_0b0c,
            cookie: 0x0d0e_0f10_1112_1314,
        },
        expires_ms: 0x1516_1718,
        rqueue: 0x191a_1b1c,
        wqueue: 0x1d1e_1f20,
        uid: 0x2122_2324,
        inode: 0x2526_2728,
        shutdown: Some(0x29),
        v6_only: Some(true),
        protocol: Some(0x2a),
        mark: Some(0x2b2c_2d2e),
        cgroup_id: Some(0x2f30_3132_3334_3536),
    }
}

#[test]
fn every_field_is_read_from_its_place() {
    assert_eq!(InetDiagMsg::decode(&encode(&distinct())), Ok(distinct()));
}

/// Whether `read` is `whole` without some of its attributes.
fn is_whole_or_less(read: &InetDiagMsg, whole: &InetDiagMsg) -> bool {
    let filled = InetDiagMsg {
        shutdown: read.shutdown.or(whole.shutdown),
        v6_only: read.v6_only.or(whole.v6_only),
        protocol: read.protocol.or(whole.protocol),
        mark: read.mark.or(whole.mark),
        cgroup_id: read.cgroup_id.or(whole.cgroup_id),
        ..*read
    };
    filled == *whole
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_or_lacks_attributes() {
    let bytes = encode(&distinct());
    for cut in 0..bytes.len() {
        let read = InetDiagMsg::decode(&bytes[..cut]);
        match read {
            Ok(read) => assert!(cut >= 72 && is_whole_or_less(&read, &distinct()), "cut at {cut}"),
            Err(error) => assert!(error.offset() <= cut, "cut at {cut}: {error}"),
        }
        // The attributes here are 8, 8, 8, 8 and 12 bytes; three have 3 bytes of padding.
        let at_an_end = matches!(cut, 72 | 77..=80 | 85..=88 | 93..=96 | 104);
        assert_eq!(read.is_ok(), at_an_end, "cut at {cut}");
    }
    let error = InetDiagMsg::decode(&bytes[..70]).unwrap_err();
    assert_eq!(error.to_string(), "inet_diag_msg: 4 bytes needed at offset 68, 2 there");
}

#[test]
fn captured_records_cut_at_any_byte_are_never_other_records() {
    if !common::little_endian() {
        return;
    }
    for datagram in [
        fixture!("linux-6.18__tcp4_established_all_extensions"),
        fixture!("linux-6.18__tcp6_listen_dual_stack"),
        fixture!("linux-6.18__tcp4_time_wait"),
    ] {
        let payload = payloads(&datagram)[0];
        let whole = InetDiagMsg::decode(payload).unwrap();
        for cut in 0..payload.len() {
            if let Ok(read) = InetDiagMsg::decode(&payload[..cut]) {
                assert!(cut >= 72 && is_whole_or_less(&read, &whole), "cut at {cut}");
            }
        }
    }
}

#[test]
fn the_attributes_are_what_follows_the_fixed_part() {
    let bytes = encode(&distinct());
    assert_eq!(InetDiagMsg::attributes(&bytes), Ok(&bytes[72..]));
    assert_eq!(InetDiagMsg::attributes(&bytes[..72]), Ok(&[][..]));
    for cut in 0..72 {
        assert_eq!(InetDiagMsg::attributes(&bytes[..cut]).unwrap_err().need(), Some(72));
    }
}

#[test]
fn unknown_numbers_are_returned_unchanged() {
    let strange = InetDiagMsg { family: 99, state: 200, timer: 77, ..distinct() };
    assert_eq!(InetDiagMsg::decode(&encode(&strange)), Ok(strange));
}

#[test]
fn unknown_attributes_are_skipped_by_their_length() {
    let plain = full(TCP_ESTABLISHED, ends(1, 2, 3), 4);
    let whole = encode(&plain);
    let (fixed, attributes) = whole.split_at(72);
    for kind in [0, 1, 2, 9, 12, 14, 18, 19, 20, 22, 23, 0x3fff] {
        for length in [0, 1, 4, 7, 280] {
            let unknown = attribute(kind, &vec![0xff; length]);
            for bytes in [[fixed, &unknown, attributes].concat(), [fixed, attributes, &unknown].concat()] {
                assert_eq!(InetDiagMsg::decode(&bytes), Ok(plain), "attribute {kind} of {length} bytes");
            }
        }
    }
}

const KNOWN: [(u16, usize, &str); 5] = [
    (INET_DIAG_SHUTDOWN, 1, "INET_DIAG_SHUTDOWN"),
    (INET_DIAG_SKV6ONLY, 1, "INET_DIAG_SKV6ONLY"),
    (INET_DIAG_PROTOCOL, 1, "INET_DIAG_PROTOCOL"),
    (INET_DIAG_MARK, 4, "INET_DIAG_MARK"),
    (INET_DIAG_CGROUP_ID, 8, "INET_DIAG_CGROUP_ID"),
];

#[test]
fn a_known_attribute_shorter_than_its_type_is_an_error_that_names_it() {
    for (kind, size, name) in KNOWN {
        for length in 0..size {
            let bytes = [encode(&distinct()), attribute(kind, &vec![0; length])].concat();
            assert_eq!(InetDiagMsg::decode(&bytes).unwrap_err().record(), name);
        }
    }
}

#[test]
fn a_known_attribute_longer_than_its_type_is_read_from_its_start() {
    let mut bytes = encode(&distinct())[..72].to_vec();
    bytes.extend(attribute(8, &[0x29, 0xff]));
    bytes.extend(attribute(11, &[1, 0, 0, 0]));
    bytes.extend(attribute(10, &[0x2a, 0xff, 0xff]));
    bytes.extend(attribute(15, &[&0x2b2c_2d2e_u32.to_ne_bytes()[..], &[0xff]].concat()));
    bytes.extend(attribute(21, &[&0x2f30_3132_3334_3536_u64.to_ne_bytes()[..], &[0xff; 8]].concat()));
    assert_eq!(InetDiagMsg::decode(&bytes), Ok(distinct()));
}

#[test]
fn of_attributes_of_one_kind_the_last_counts() {
    let bytes = [encode(&distinct()), attribute(8, &[3])].concat();
    assert_eq!(InetDiagMsg::decode(&bytes), Ok(InetDiagMsg { shutdown: Some(3), ..distinct() }));
}

#[test]
fn an_attribute_length_that_cannot_be_is_an_error() {
    for length in [0_u16, 3, 13, u16::MAX] {
        let mut bytes = [encode(&distinct()), attribute(22, &[0; 8])].concat();
        let at = bytes.len() - 12;
        bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(InetDiagMsg::decode(&bytes).unwrap_err().record(), "nlattr", "{length}");
    }
}

#[test]
fn bytes_after_the_attributes_are_an_error() {
    for extra in 1..4 {
        let bytes = [encode(&distinct()), vec![0; extra]].concat();
        assert!(InetDiagMsg::decode(&bytes).is_err(), "{extra}");
    }
}

fn any_id() -> impl Strategy<Value = SockId> {
    let numbers = (any::<u16>(), any::<u16>(), any::<u32>(), any::<u64>());
    (numbers, any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(
        |((sport, dport, interface, cookie), src, dst)| SockId { sport, dport, src, dst, interface, cookie },
    )
}

fn any_socket() -> impl Strategy<Value = InetDiagMsg> {
    let attributes = (
        any::<Option<u8>>(),
        any::<Option<bool>>(),
        any::<Option<u8>>(),
        any::<Option<u32>>(),
        any::<Option<u64>>(),
    );
    (any::<[u8; 4]>(), any_id(), any::<[u32; 5]>(), attributes).prop_map(|(first, id, words, attributes)| {
        let [family, state, timer, retrans] = first;
        let [expires_ms, rqueue, wqueue, uid, inode] = words;
        let (shutdown, v6_only, protocol, mark, cgroup_id) = attributes;
        InetDiagMsg {
            family,
            state,
            timer,
            retrans,
            id,
            expires_ms,
            rqueue,
            wqueue,
            uid,
            inode,
            shutdown,
            v6_only,
            protocol,
            mark,
            cgroup_id,
        }
    })
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = InetDiagMsg::decode(&bytes);
    }

    #[test]
    fn any_attributes_after_a_whole_record_are_read_or_an_error(
        attributes in prop::collection::vec((0_u16..24, prop::collection::vec(any::<u8>(), 0..20)), 0..8),
    ) {
        let mut bytes = encode(&distinct());
        for (kind, payload) in &attributes {
            bytes.extend(attribute(*kind, payload));
        }
        let short = |(kind, payload): &(u16, Vec<u8>)| {
            KNOWN.iter().any(|(known, size, _)| known == kind && payload.len() < *size)
        };
        prop_assert_eq!(InetDiagMsg::decode(&bytes).is_err(), attributes.iter().any(short));
    }

    #[test]
    fn a_record_is_read_as_it_was_written(socket in any_socket()) {
        prop_assert_eq!(InetDiagMsg::decode(&encode(&socket)), Ok(socket));
    }
}
