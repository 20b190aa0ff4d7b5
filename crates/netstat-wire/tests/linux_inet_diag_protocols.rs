//! `inet_diag` of protocols other than TCP and UDP: raw, UDP-Lite, SCTP, MPTCP.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, message};
use netstat_wire::linux::inet_diag::*;
use netstat_wire::linux::inet_diag_raw::{IPPROTO_RAW, RequestRaw};
use netstat_wire::linux::inet_diag_sctp::*;
use netstat_wire::linux::mptcp_info::{MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED, MptcpInfo, MptcpToken};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_DUMP, NLM_F_REQUEST};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN};
use proptest::prelude::*;
use std::collections::HashSet;
use std::net::SocketAddr;

fn payloads(datagram: &[u8]) -> Vec<&[u8]> {
    let data = |body| match body {
        Body::Data(payload) => Some(payload),
        _ => None,
    };
    Messages::new(datagram).filter_map(|message| data(message.unwrap().body)).collect()
}

/// The fixed part of a record, zeros.
const FIXED: [u8; 72] = [0; 72];

fn with(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = FIXED.to_vec();
    for (kind, payload) in attributes {
        bytes.extend(attribute(*kind, payload));
    }
    bytes
}

#[test]
fn a_raw_request_is_one_of_any_protocol_with_its_own_in_the_pad() {
    let id = SockId { sport: 89, ..SockId::default() };
    let raw = RequestRaw { family: AF_INET, ext: 0x40, raw_protocol: 89, id };
    let v2 = RequestV2 { family: AF_INET, protocol: IPPROTO_RAW, ext: 0x40, states: u32::MAX, id };
    let mut expected = v2.encode(NLM_F_DUMP, 7);
    assert_eq!((expected.len(), expected[19]), (72, 0));
    expected[19] = 89;
    assert_eq!(raw.encode(NLM_F_DUMP, 7), expected);

    let program = [1, 4, 8, 0];
    let body = [&expected[16..], &attribute(1, &program)].concat();
    let expected_with = message(20, NLM_F_DUMP | NLM_F_REQUEST, 7, 0, &body);
    assert_eq!(raw.encode_with(NLM_F_DUMP, 7, &program), Some(expected_with));
    assert_eq!(raw.encode_with(NLM_F_DUMP, 7, &[]), Some(expected));
    assert_eq!(raw.encode_with(NLM_F_DUMP, 7, &[0; 0x1_0000]), None);
}

#[test]
fn raw_sockets_have_their_protocol_as_port_and_as_attribute() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.1__raw4_dump");
    let sockets: Vec<_> =
        payloads(&datagram).into_iter().map(|payload| InetDiagMsg::decode(payload).unwrap()).collect();
    let fields = |socket: &InetDiagMsg| (socket.id.sport, socket.id.dport, socket.protocol, socket.state);
    assert_eq!(fields(&sockets[0]), (1, 0, Some(1), TCP_CLOSE));
    assert_eq!(fields(&sockets[1]), (89, 0, Some(89), TCP_ESTABLISHED));
    assert_eq!((sockets[1].id.dst[3], sockets[1].uid, sockets[1].rqueue), (2, 1000, 768));
}

#[test]
fn captured_udp_lite_sockets_are_like_those_of_udp() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__udplite4_dump");
    let sockets: Vec<_> =
        payloads(&datagram).into_iter().map(|payload| InetDiagMsg::decode(payload).unwrap()).collect();
    let fields = |socket: &InetDiagMsg| (socket.id.sport, socket.id.dport, socket.state, socket.rqueue);
    let read: HashSet<_> = sockets.iter().map(fields).collect();
    assert_eq!(read, [(8136, 0, TCP_CLOSE, 832), (40_136, 8136, TCP_ESTABLISHED, 0)].into());
}

fn ends(addresses: SockaddrStorages<'_>) -> Vec<String> {
    addresses.map(|address| address.map_or("?".to_owned(), |address| address.to_string())).collect()
}

#[test]
fn sctp_records_are_sockets_or_associations() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.1__sctp4_dump");
    let read: Vec<_> = payloads(&datagram)
        .into_iter()
        .map(|payload| (InetDiagMsg::decode(payload).unwrap(), SctpAddresses::decode(payload).unwrap()))
        .collect();
    let states: Vec<_> =
        read.iter().map(|(socket, addresses)| (socket.state, addresses.is_association())).collect();
    let expected = [
        (TCP_LISTEN, false),
        (TCP_ESTABLISHED, false),
        (SCTP_STATE_ESTABLISHED, true),
        (SCTP_STATE_SHUTDOWN_SENT, true),
    ];
    assert_eq!(states, expected);
    // The socket and its associations have one cookie and one inode.
    let names: HashSet<_> = read[1..].iter().map(|(socket, _)| (socket.id.cookie, socket.inode)).collect();
    assert_eq!(names, [(42, 6002)].into());
    let addresses = read[2].1.clone();
    assert_eq!(ends(addresses.locals), ["192.0.2.1:5001", "198.51.100.1:5001"]);
    assert_eq!(ends(addresses.peers.unwrap()), ["203.0.113.7:7000", "203.0.113.8:7000"]);
}

#[test]
fn sctp_addresses_of_ipv6_have_scopes_and_may_be_mixed_with_ipv4() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.1__sctp6_association");
    let addresses = SctpAddresses::decode(payloads(&datagram)[0]).unwrap();
    assert_eq!(ends(addresses.locals), ["[fe80::1%2]:5002", "[2001:db8::1]:5002"]);
    assert_eq!(ends(addresses.peers.unwrap()), ["[fe80::2%2]:7002", "203.0.113.7:7002"]);
}

/// `struct sockaddr_storage`.
fn storage(address: Option<SocketAddr>) -> Vec<u8> {
    let mut bytes = match address {
        None => vec![0xff; 2],
        Some(address) => {
            let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
            [u16::from(family).to_ne_bytes(), address.port().to_be_bytes()].concat()
        }
    };
    match address {
        None => {}
        Some(SocketAddr::V4(address)) => bytes.extend(address.ip().octets()),
        Some(SocketAddr::V6(address)) => {
            bytes.extend(address.flowinfo().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend(address.scope_id().to_ne_bytes());
        }
    }
    bytes.resize(128, 0xee);
    bytes
}

#[test]
fn an_address_of_another_family_is_kept_as_unknown_and_a_cut_one_is_an_error() {
    let known: SocketAddr = "192.0.2.1:7".parse().unwrap();
    let list = [storage(None), storage(Some(known))].concat();
    let payload = with(&[(INET_DIAG_LOCALS, &list)]);
    let addresses = SctpAddresses::decode(&payload).unwrap();
    assert_eq!(addresses.locals.collect::<Vec<_>>(), [None, Some(known)]);
    assert_eq!(addresses.peers, None);
    for kind in [INET_DIAG_LOCALS, INET_DIAG_PEERS] {
        for cut in 0..=list.len() {
            let payload = with(&[(kind, &list[..cut])]);
            assert_eq!(SctpAddresses::decode(&payload).is_ok(), cut % 128 == 0, "{kind} cut at {cut}");
        }
    }
    let payload = with(&[(INET_DIAG_PEERS, &list[..130])]);
    let error = SctpAddresses::decode(&payload).unwrap_err().to_string();
    assert_eq!(error, "INET_DIAG_PEERS: 128 bytes needed at offset 128, 2 there");
}

/// Every decoded field has another value; the token is `token`, and so is every byte of the sequence numbers.
fn mptcp_info(token: u8) -> Vec<u8> {
    let mut bytes = vec![1, 2, 3, 0xff, 0xff, 0xff, 0, 0];
    bytes.extend(4_u32.to_ne_bytes());
    bytes.extend([token; 4 + 24]);
    bytes.extend([0xff, 0xff, 1, 0]);
    bytes.extend(5_u32.to_ne_bytes());
    for number in 6_u64..=9 {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.push(10);
    bytes.resize(96, 0xff);
    bytes
}

#[test]
fn captured_subflows_have_the_token_of_their_connection() {
    if !common::little_endian() {
        return;
    }
    let connection = fixture!("linux-6.18__mptcp4_established_all_extensions");
    let info = MptcpInfo::of_record(payloads(&connection)[0]).unwrap().unwrap();
    assert_eq!((info.subflows, info.flags), (0, MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED));
    assert_eq!((info.bytes_sent, info.bytes_received), (Some(5), Some(0)));
    assert_eq!((info.bytes_acked, info.subflows_total), (Some(5), Some(1)));
    for subflow in [
        fixture!("linux-6.18__tcp4_established_mptcp_subflow"),
        fixture!("linux-6.18__tcp4_established_mptcp_subflow_unprivileged"),
    ] {
        let token = MptcpToken::of_subflow(payloads(&subflow)[0]).unwrap();
        assert_eq!((token.is_some(), token), (true, info.token));
    }
    let other = fixture!("linux-6.18__tcp4_established_all_extensions");
    assert_eq!(MptcpToken::of_subflow(payloads(&other)[0]), Ok(None));
    let listener = fixture!("linux-6.18__mptcp4_listen");
    assert_eq!(MptcpInfo::of_record(payloads(&listener)[0]), Ok(None));
}

#[test]
fn an_mptcp_info_of_any_age_is_read_as_far_as_it_goes() {
    let bytes = mptcp_info(0xee);
    let whole = MptcpInfo::decode(&bytes).unwrap();
    let expected = MptcpInfo {
        subflows: 1,
        addresses_signaled: 2,
        addresses_accepted: 3,
        flags: 4,
        token: whole.token,
        checksums: Some(true),
        retransmits: Some(5),
        bytes_retransmitted: Some(6),
        bytes_sent: Some(7),
        bytes_received: Some(8),
        bytes_acked: Some(9),
        subflows_total: Some(10),
    };
    assert_eq!(whole, expected);
    for cut in 0..=bytes.len() {
        let expected = MptcpInfo {
            checksums: expected.checksums.filter(|_| cut >= 43),
            retransmits: expected.retransmits.filter(|_| cut >= 48),
            bytes_retransmitted: expected.bytes_retransmitted.filter(|_| cut >= 56),
            bytes_sent: expected.bytes_sent.filter(|_| cut >= 64),
            bytes_received: expected.bytes_received.filter(|_| cut >= 72),
            bytes_acked: expected.bytes_acked.filter(|_| cut >= 80),
            subflows_total: expected.subflows_total.filter(|_| cut >= 81),
            ..expected
        };
        let read = MptcpInfo::decode(&bytes[..cut]);
        assert_eq!(read.ok(), (cut >= 16).then_some(expected), "cut at {cut}");
    }
    let longer = [&bytes[..], &[7; 9]].concat();
    assert_eq!(MptcpInfo::decode(&longer), Ok(whole));
}

#[test]
fn a_token_can_be_compared_and_not_printed() {
    let read = |token| MptcpInfo::decode(&mptcp_info(token)).unwrap();
    assert_eq!(read(0).token, None);
    assert_eq!(read(7).token, read(7).token);
    assert_ne!(read(7).token, read(8).token);
    assert_eq!(format!("{:?}", read(7)), format!("{:?}", read(8)));
}

#[test]
fn a_subflow_s_token_is_found_in_its_nest() {
    let token = |value: u32| attribute(2, &value.to_ne_bytes());
    let ulp = |subflow: &[u8]| {
        with(&[(INET_DIAG_ULP_INFO, &[attribute(1, b"mptcp\0"), attribute(3, subflow)].concat())])
    };
    let found = MptcpToken::of_subflow(&ulp(&[attribute(1, &[9; 4]), token(7)].concat())).unwrap();
    let mut info = mptcp_info(0);
    info[12..16].copy_from_slice(&7_u32.to_ne_bytes());
    assert_eq!(found, MptcpInfo::decode(&info).unwrap().token);
    assert_eq!(MptcpToken::of_subflow(&ulp(&token(0))), Ok(None));
    assert_eq!(MptcpToken::of_subflow(&ulp(&[])), Ok(None));
    let tls = with(&[(INET_DIAG_ULP_INFO, &attribute(1, b"tls\0"))]);
    assert_eq!(MptcpToken::of_subflow(&tls), Ok(None));
    assert_eq!(MptcpToken::of_subflow(&FIXED), Ok(None));
    assert!(MptcpToken::of_subflow(&FIXED[..71]).is_err());
    assert!(MptcpToken::of_subflow(&ulp(&attribute(2, &[1; 3]))).is_err());
    let whole = ulp(&token(7));
    for cut in 73..whole.len() {
        assert!(MptcpToken::of_subflow(&whole[..cut]).is_err(), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_or_an_error(bytes in any::<Vec<u8>>()) {
        for payload in [bytes.clone(), [&FIXED[..], &bytes].concat()] {
            if let Ok(addresses) = SctpAddresses::decode(&payload) {
                prop_assert!(addresses.locals.count() * 128 < payload.len());
                prop_assert!(addresses.peers.map_or(0, Iterator::count) * 128 < payload.len());
            }
            let _ = MptcpInfo::of_record(&payload);
            let _ = MptcpToken::of_subflow(&payload);
        }
        let _ = MptcpToken::of_subflow(&with(&[(INET_DIAG_ULP_INFO, &bytes)]));
        prop_assert_eq!(MptcpInfo::decode(&bytes).is_ok(), bytes.len() >= 16);
    }

    #[test]
    fn addresses_are_read_as_they_were_written(
        v4 in any::<Vec<(u32, u16)>>(), v6 in proptest::collection::vec(any::<(u128, u16, u32, u32)>(), 0..20),
    ) {
        let v4 = v4.into_iter().take(20).map(|(ip, port)| SocketAddr::new(std::net::Ipv4Addr::from(ip).into(), port));
        let v6 = v6.into_iter().map(|(ip, port, flow, scope)| {
            std::net::SocketAddrV6::new(std::net::Ipv6Addr::from(ip), port, flow, scope).into()
        });
        let addresses: Vec<SocketAddr> = v4.chain(v6).collect();
        let list: Vec<u8> = addresses.iter().flat_map(|address| storage(Some(*address))).collect();
        let payload = with(&[(INET_DIAG_PEERS, &list), (99, b"?")]);
        let read = SctpAddresses::decode(&payload).unwrap();
        prop_assert!(read.is_association());
        prop_assert_eq!(read.peers.unwrap().map(Option::unwrap).collect::<Vec<_>>(), addresses);
    }
}
