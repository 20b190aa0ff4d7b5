//! `struct xdp_diag_msg` and its attributes: one XDP socket per message; and the request. There is no capture: the
//! records follow the header.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, message};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_REQUEST};
use netstat_wire::linux::xdp_diag::*;
use proptest::prelude::*;

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

fn record() -> Vec<u8> {
    [vec![44, 3, 0, 0], words(&[8001, 61, 1])].concat()
}

fn bare() -> XdpDiagMsg {
    XdpDiagMsg {
        family: AF_XDP,
        kind: 3,
        inode: 8001,
        cookie: 0x0000_0001_0000_003d,
        info: None,
        uid: None,
        rx_ring: None,
        tx_ring: None,
        umem: None,
        fill_ring: None,
        completion_ring: None,
        memory: None,
    }
}

fn every_attribute() -> Vec<(u16, Vec<u8>)> {
    vec![
        (XDP_DIAG_INFO, words(&[1, 2])),
        (XDP_DIAG_UID, words(&[3])),
        (XDP_DIAG_RX_RING, words(&[4])),
        (XDP_DIAG_TX_RING, words(&[5])),
        (XDP_DIAG_UMEM, [&6_u64.to_ne_bytes()[..], &words(&[7, 8, 9, 10, 11, 12, 13, 14])].concat()),
        (XDP_DIAG_UMEM_FILL_RING, words(&[15])),
        (XDP_DIAG_UMEM_COMPLETION_RING, words(&[16])),
        (XDP_DIAG_MEMINFO, words(&[17, 18, 19, 20, 21, 22, 23])),
    ]
}

#[test]
fn the_sockets_of_the_fixture_are_read_in_full() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.1__xdp_dump");
    let data = |body| match body {
        Body::Data(payload) => Some(XdpDiagMsg::decode(payload).unwrap()),
        _ => None,
    };
    let sockets: Vec<_> =
        Messages::new(&datagram).filter_map(|message| data(message.unwrap().body)).collect();
    let umem = XdpUmem {
        size: 16_777_216,
        id: 7,
        page_count: 4096,
        chunk_size: 4096,
        headroom: 256,
        index: 2,
        queue: 4,
        flags: XDP_DU_F_ZEROCOPY,
        references: 2,
    };
    let full = XdpDiagMsg {
        cookie: 61,
        info: Some(XdpInfo { index: 2, queue: 4 }),
        uid: Some(1000),
        rx_ring: Some(2048),
        tx_ring: Some(1024),
        umem: Some(umem),
        fill_ring: Some(4096),
        completion_ring: Some(512),
        memory: sockets[0].memory,
        ..bare()
    };
    assert_eq!(sockets[0].memory.unwrap().sndbuf, 212_993);
    let info = Some(XdpInfo { index: 0, queue: 0 });
    let unbound = XdpDiagMsg { inode: 8002, cookie: 62, info, uid: Some(0), ..bare() };
    assert_eq!(sockets, [full, unbound]);
}

#[test]
fn every_attribute_has_its_field_and_unknown_ones_are_skipped() {
    let mut payload = record();
    for (kind, bytes) in every_attribute() {
        payload.extend(attribute(XDP_DIAG_STATS, b"?"));
        payload.extend(attribute(0x3fff, b"?"));
        payload.extend(attribute(kind, &[bytes, vec![9; 8]].concat()));
    }
    let read = XdpDiagMsg::decode(&payload).unwrap();
    let umem = XdpUmem {
        size: 6,
        id: 7,
        page_count: 8,
        chunk_size: 9,
        headroom: 10,
        index: 11,
        queue: 12,
        flags: 13,
        references: 14,
    };
    let expected = XdpDiagMsg {
        info: Some(XdpInfo { index: 1, queue: 2 }),
        uid: Some(3),
        rx_ring: Some(4),
        tx_ring: Some(5),
        umem: Some(umem),
        fill_ring: Some(15),
        completion_ring: Some(16),
        memory: read.memory,
        ..bare()
    };
    assert_eq!(read, expected);
    assert_eq!(read.memory.map(|memory| (memory.rmem_alloc, memory.optmem)), Some((17, 23)));
}

#[test]
fn an_attribute_shorter_than_its_type_is_an_error() {
    for (kind, bytes) in every_attribute() {
        for cut in 0..bytes.len() {
            let payload = [record(), attribute(kind, &bytes[..cut])].concat();
            assert!(XdpDiagMsg::decode(&payload).is_err(), "attribute {kind} cut at {cut}");
        }
    }
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_or_lacks_attributes() {
    let mut payload = record();
    let mut ends = vec![payload.len()];
    for (kind, bytes) in every_attribute() {
        payload.extend(attribute(kind, &bytes));
        ends.push(payload.len());
    }
    for cut in 0..=payload.len() {
        assert_eq!(XdpDiagMsg::decode(&payload[..cut]).is_ok(), ends.contains(&cut), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = XdpDiagMsg::decode(&bytes);
        let _ = XdpDiagMsg::decode(&[record(), bytes].concat());
    }

    #[test]
    fn a_request_has_every_value_in_its_place(show in any::<u32>(), flags in any::<u16>()) {
        let bytes = XdpDiagRequest { show }.encode(flags, 3);
        let body = [vec![44, 0, 0, 0], words(&[0, show, u32::MAX, u32::MAX])].concat();
        prop_assert_eq!(bytes, message(20, flags | NLM_F_REQUEST, 3, 0, &body));
    }
}
