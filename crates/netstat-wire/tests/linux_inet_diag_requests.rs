//! The two requests of `inet_diag`, as bytes: compared with captures that a kernel answered, and decoded.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, message};
use netstat_wire::linux::inet_diag::*;
use netstat_wire::linux::netlink::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use netstat_wire::linux::tcp_states::{TCP_ESTABLISHED, TCP_LISTEN, mask};
use proptest::prelude::*;

#[test]
fn the_newer_request_is_the_captured_one() {
    if !common::little_endian() {
        return;
    }
    let request = RequestV2 {
        family: AF_INET,
        protocol: IPPROTO_TCP,
        ext: 0,
        states: mask(TCP_ESTABLISHED),
        id: SockId { sport: 8080, ..SockId::default() },
    };
    let captured = fixture!("linux-6.18__req_v2_tcp4_established_port_8080");
    assert_eq!(captured.len(), 72);
    assert_eq!(request.encode(NLM_F_DUMP, 0x1001), captured);
}

#[test]
fn the_older_request_is_the_captured_one() {
    if !common::little_endian() {
        return;
    }
    let request = Request { states: mask(TCP_LISTEN), ..Request::default() };
    let captured = fixture!("linux-6.18__req_tcp_listen_both_families");
    assert_eq!(captured.len(), 76);
    let seq = u32::from_ne_bytes(*captured[8..].first_chunk().unwrap());
    assert_eq!(request.encode(NLM_F_DUMP, seq), captured);
}

#[test]
fn the_older_request_for_udp_is_the_captured_one() {
    if !common::little_endian() {
        return;
    }
    let request = Request { states: 0xfff, protocol: Some(IPPROTO_UDP.into()), ..Request::default() };
    let captured = fixture!("linux-6.18__req_udp_both_families");
    assert_eq!(captured.len(), 84);
    assert_eq!(request.encode(NLM_F_DUMP, 0x100b), captured);
}

#[test]
fn a_request_always_has_the_request_flag() {
    for flags in [0, NLM_F_REQUEST, NLM_F_ACK] {
        for bytes in [RequestV2::default().encode(flags, 1), Request::default().encode(flags, 1)] {
            assert_eq!(bytes[6..8], (flags | NLM_F_REQUEST).to_ne_bytes());
        }
    }
}

#[test]
fn a_request_by_default_matches_any_cookie_and_any_end() {
    let id = SockId::default();
    assert_eq!((id.sport, id.dport, id.interface, id.cookie), (0, 0, 0, u64::MAX));
    assert_eq!((id.src, id.dst), ([0; 16], [0; 16]));
}

#[test]
fn a_request_with_a_program_has_it_as_an_attribute() {
    let program = [1, 4, 8, 0, 9, 8, 7];
    let v2 = RequestV2 { family: AF_INET, protocol: IPPROTO_TCP, ..RequestV2::default() };
    let expected = [&v2.encode(NLM_F_DUMP, 9)[16..], &attribute(1, &program)].concat();
    assert_eq!(v2.encode_with(NLM_F_DUMP, 9, &program), Some(message(20, 0x301, 9, 0, &expected)));

    let older = Request { protocol: Some(IPPROTO_UDP.into()), ..Request::default() };
    let expected = [&older.encode(NLM_F_DUMP, 9)[16..], &attribute(1, &program)].concat();
    assert_eq!(older.encode_with(NLM_F_DUMP, 9, &program), Some(message(18, 0x301, 9, 0, &expected)));
}

#[test]
fn a_program_of_nothing_is_left_out_and_one_too_long_is_refused() {
    let (v2, older) = (RequestV2::default(), Request::default());
    assert_eq!(v2.encode_with(NLM_F_DUMP, 9, &[]), Some(v2.encode(NLM_F_DUMP, 9)));
    assert_eq!(older.encode_with(NLM_F_DUMP, 9, &[]), Some(older.encode(NLM_F_DUMP, 9)));
    let longest = vec![0; 65_531];
    assert_eq!(v2.encode_with(NLM_F_DUMP, 9, &longest).map(|bytes| bytes.len()), Some(72 + 65_536));
    assert_eq!(older.encode_with(NLM_F_DUMP, 9, &longest).map(|bytes| bytes.len()), Some(76 + 65_536));
    let too_long = vec![0; 65_532];
    assert_eq!(v2.encode_with(NLM_F_DUMP, 9, &too_long), None);
    assert_eq!(older.encode_with(NLM_F_DUMP, 9, &too_long), None);
}

#[test]
fn a_request_to_destroy_is_the_lookup_of_the_same_socket_with_another_type() {
    let id = SockId { sport: 1, dport: 2, src: [3; 16], dst: [4; 16], interface: 5, cookie: 6 };
    let request = RequestV2 { family: AF_INET6, protocol: IPPROTO_TCP, ext: 7, states: 8, id };
    let lookup = request.encode(NLM_F_ACK, 9);
    let destroy = request.encode_destroy(NLM_F_ACK, 9);
    assert_eq!(destroy, message(21, NLM_F_REQUEST | NLM_F_ACK, 9, 0, &lookup[16..]));
}

fn encode(id: &SockId) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(id.sport.to_be_bytes());
    bytes.extend(id.dport.to_be_bytes());
    bytes.extend(id.src);
    bytes.extend(id.dst);
    bytes.extend(id.interface.to_ne_bytes());
    bytes.extend(u32::try_from(id.cookie % (1 << 32)).unwrap().to_ne_bytes());
    bytes.extend(u32::try_from(id.cookie >> 32).unwrap().to_ne_bytes());
    bytes
}

fn any_id() -> impl Strategy<Value = SockId> {
    let numbers = (any::<u16>(), any::<u16>(), any::<u32>(), any::<u64>());
    (numbers, any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(
        |((sport, dport, interface, cookie), src, dst)| SockId { sport, dport, src, dst, interface, cookie },
    )
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn the_newer_request_has_every_field_in_its_place(
        id in any_id(), first in any::<[u8; 3]>(), states in any::<u32>(), seq in any::<u32>(),
    ) {
        let [family, protocol, ext] = first;
        let body = [&[family, protocol, ext, 0], &states.to_ne_bytes()[..], &encode(&id)].concat();
        let request = RequestV2 { family, protocol, ext, states, id };
        prop_assert_eq!(request.encode(NLM_F_DUMP, seq), message(20, 0x301, seq, 0, &body));
    }

    #[test]
    fn the_older_request_has_every_field_in_its_place(
        id in any_id(), ext in any::<u8>(), states in any::<u32>(), protocol in any::<Option<u32>>(),
        seq in any::<u32>(),
    ) {
        let protocol_attribute = protocol.map(|protocol| attribute(3, &protocol.to_ne_bytes()));
        let words = [&states.to_ne_bytes()[..], &[0; 4], &protocol_attribute.unwrap_or_default()].concat();
        let body = [&[0, 0, 0, ext], &encode(&id)[..], &words].concat();
        let request = Request { ext, states, id, protocol };
        prop_assert_eq!(request.encode(NLM_F_DUMP, seq), message(18, 0x301, seq, 0, &body));
    }
}
