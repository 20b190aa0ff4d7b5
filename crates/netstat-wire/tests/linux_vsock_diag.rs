//! `struct vsock_diag_msg`: one vsock socket per message; and the request. There is no capture: the records follow
//! the header.
#![allow(clippy::unwrap_used)]

mod common;

use common::{fixture, message};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_REQUEST};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN};
use netstat_wire::linux::vsock_diag::*;
use proptest::prelude::*;

fn record(fields: [u8; 4], words: [u32; 7]) -> Vec<u8> {
    [&fields[..], words.map(u32::to_ne_bytes).as_flattened()].concat()
}

fn socket(
    fields: [u8; 4],
    source: (u32, u32),
    destination: (u32, u32),
    inode: u32,
    cookie: u64,
) -> VsockDiagMsg {
    let [family, kind, state, shutdown] = fields;
    VsockDiagMsg {
        family,
        kind,
        state,
        shutdown,
        source_cid: source.0,
        source_port: source.1,
        destination_cid: destination.0,
        destination_port: destination.1,
        inode,
        cookie,
    }
}

#[test]
fn the_sockets_of_the_fixture_are_read_in_full() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.1__vsock_dump");
    let data = |body| match body {
        Body::Data(payload) => Some(VsockDiagMsg::decode(payload).unwrap()),
        _ => None,
    };
    let sockets: Vec<_> =
        Messages::new(&datagram).filter_map(|message| data(message.unwrap().body)).collect();
    let any = (VMADDR_CID_ANY, VMADDR_PORT_ANY);
    let host = (VMADDR_CID_HOST, 49_152);
    let expected = [
        socket([AF_VSOCK, 1, TCP_LISTEN, 0], (VMADDR_CID_ANY, 1024), any, 7001, 51),
        socket([AF_VSOCK, 1, TCP_ESTABLISHED, 2], (3, 1024), host, 7002, 52),
        socket(
            [AF_VSOCK, 5, TCP_ESTABLISHED, 0],
            (VMADDR_CID_LOCAL, 1025),
            (VMADDR_CID_LOCAL, 49_153),
            0,
            53,
        ),
        socket([AF_VSOCK, 2, TCP_CLOSE, 0], (VMADDR_CID_ANY, 1026), any, 7004, 54),
    ];
    assert_eq!(sockets, expected);
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_and_a_longer_one_is_read() {
    let mut bytes = record([40, 1, 10, 3], [1, 2, 3, 4, 5, 6, 7]);
    let expected = socket([40, 1, 10, 3], (1, 2), (3, 4), 5, 0x0000_0007_0000_0006);
    assert_eq!(VsockDiagMsg::decode(&bytes), Ok(expected));
    for cut in 0..bytes.len() {
        assert!(VsockDiagMsg::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    bytes.extend([9; 5]);
    assert_eq!(VsockDiagMsg::decode(&bytes), Ok(expected));
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_an_error(bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(VsockDiagMsg::decode(&bytes).is_ok(), bytes.len() >= 32);
    }

    #[test]
    fn a_socket_is_read_as_it_was_written(fields in any::<[u8; 4]>(), words in any::<[u32; 7]>()) {
        let [a, b, c, d, inode, low, high] = words;
        let cookie = u64::from(low) | u64::from(high) << 32;
        let expected = socket(fields, (a, b), (c, d), inode, cookie);
        prop_assert_eq!(VsockDiagMsg::decode(&record(fields, words)), Ok(expected));
    }

    #[test]
    fn a_request_has_every_value_in_its_place(states in any::<u32>(), flags in any::<u16>()) {
        let bytes = VsockDiagRequest { states }.encode(flags, 3);
        let words = [states, 0, 0, u32::MAX, u32::MAX].map(u32::to_ne_bytes);
        let body = [&[40, 0, 0, 0], words.as_flattened()].concat();
        prop_assert_eq!(bytes, message(20, flags | NLM_F_REQUEST, 3, 0, &body));
    }
}
