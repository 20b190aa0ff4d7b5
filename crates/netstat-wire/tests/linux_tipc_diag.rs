//! TIPC sockets: nested attributes; and the request. There is no capture: the records follow the header.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, message};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_REQUEST};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED};
use netstat_wire::linux::tipc_diag::*;
use proptest::prelude::*;

const SOCK: u16 = 2 | 0x8000;

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_ne_bytes())
}

/// Every attribute that is decoded, each with numbers of its own.
fn inner() -> Vec<Vec<u8>> {
    let connection = [number(2, 101), number(3, 102), number(4, 103), number(5, 104)].concat();
    let statistics = [number(0, 105), number(1, 106), number(4, 107)].concat();
    let cookie = [108_u32.to_ne_bytes(), 109_u32.to_ne_bytes()].concat();
    vec![
        number(1, 110),
        number(2, 111),
        attribute(3, &connection),
        attribute(4, &[]),
        attribute(5, &statistics),
        number(6, 112),
        number(7, 113),
        number(8, 114),
        number(9, 115),
        attribute(10, &cookie),
    ]
}

fn expected() -> TipcSock {
    let connection = TipcConnection {
        node: Some(101),
        port: Some(102),
        service_type: Some(103),
        service_instance: Some(104),
    };
    TipcSock {
        node: Some(110),
        port: Some(111),
        connection: Some(connection),
        has_publication: true,
        kind: Some(112),
        state: Some(115),
        inode: Some(113),
        uid: Some(114),
        cookie: Some(0x0000_006d_0000_006c),
        rqueue: Some(105),
        wqueue: Some(106),
        drops: Some(107),
    }
}

#[test]
fn the_sockets_of_the_fixture_are_read_in_full() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.1__tipc_dump");
    let data = |body| match body {
        Body::Data(payload) => Some(TipcSock::decode(payload).unwrap()),
        _ => None,
    };
    let sockets: Vec<_> =
        Messages::new(&datagram).filter_map(|message| data(message.unwrap().body)).collect();
    let bound = TipcSock {
        node: Some(0x0100_1001),
        port: Some(0xaabb_ccdd),
        connection: None,
        has_publication: true,
        kind: Some(5),
        state: Some(TCP_CLOSE.into()),
        inode: Some(9001),
        uid: Some(1000),
        cookie: Some(71),
        rqueue: Some(3),
        wqueue: Some(0),
        drops: Some(1),
    };
    let connection = TipcConnection {
        node: Some(0x0100_1002),
        port: Some(0x1234_5678),
        service_type: Some(18_888),
        service_instance: Some(17),
    };
    let connected = TipcSock {
        port: Some(0xaabb_ccde),
        connection: Some(connection),
        has_publication: false,
        state: Some(TCP_ESTABLISHED.into()),
        inode: Some(9002),
        uid: Some(0),
        cookie: Some(72),
        rqueue: Some(0),
        wqueue: Some(2),
        drops: Some(0),
        ..bound
    };
    // The last message is one of a socket that was not requested.
    assert_eq!(sockets, [Some(bound), Some(connected), None]);
}

#[test]
fn every_attribute_has_its_field_and_unknown_ones_are_skipped() {
    let mut bytes = Vec::new();
    for attribute_bytes in inner() {
        bytes.extend(attribute(0x3fff, b"?"));
        bytes.extend(attribute_bytes);
    }
    let payload = [attribute(1, b"?"), attribute(SOCK, &bytes), attribute(9, b"")].concat();
    assert_eq!(TipcSock::decode(&payload), Ok(Some(expected())));
    assert_eq!(TipcSock::decode(&attribute(SOCK, &[])), Ok(Some(TipcSock::default())));
    assert_eq!(TipcSock::decode(&[]), Ok(None));
}

#[test]
fn a_record_cut_at_any_byte_is_an_error() {
    let payload = attribute(SOCK, &inner().concat());
    assert_eq!(TipcSock::decode(&payload), Ok(Some(expected())));
    for cut in 1..payload.len() {
        assert!(TipcSock::decode(&payload[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn an_attribute_shorter_than_its_type_is_an_error() {
    for kind in [1, 2, 6, 7, 8, 9, 10] {
        let whole = if kind == 10 { 8 } else { 4 };
        for cut in 0..=whole {
            let payload = attribute(SOCK, &attribute(kind, &vec![1; cut]));
            assert_eq!(TipcSock::decode(&payload).is_ok(), cut == whole, "attribute {kind} of {cut}");
        }
    }
    for (nest, kinds) in [(3, &[2, 3, 4, 5][..]), (5, &[0, 1, 4][..])] {
        for kind in kinds {
            let payload = attribute(SOCK, &attribute(nest, &attribute(*kind, &[1; 3])));
            assert!(TipcSock::decode(&payload).is_err(), "attribute {kind} in {nest}");
        }
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_none_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = TipcSock::decode(&bytes);
        let _ = TipcSock::decode(&attribute(SOCK, &bytes));
        let _ = TipcSock::decode(&attribute(SOCK, &attribute(3, &bytes)));
    }

    #[test]
    fn a_request_has_its_states(states in any::<u32>(), flags in any::<u16>()) {
        let bytes = TipcDiagRequest { states }.encode(flags, 3);
        let body = [[30, 0, 0, 0], states.to_ne_bytes()].concat();
        prop_assert_eq!(bytes, message(20, flags | NLM_F_REQUEST, 3, 0, &body));
    }
}
