//! The tables of local sockets, `net.local.{stream,dgram}.pcblist_n`.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::macos::records::{Ending, Xinpgen};
use netstat_wire::macos::socket_state::{SO_ACCEPTCONN, SS_ISCONNECTED};
use netstat_wire::macos::unpcblist_n::*;
use proptest::prelude::*;

#[test]
fn fixture_has_a_socket_with_its_path_and_its_peer() {
    if !common::little_endian() {
        return;
    }
    let bytes = fixture!("macos-15__local_stream_pcblist_n");
    let mut sockets = UnPcblistN::new(&bytes).unwrap();
    assert_eq!(sockets.header(), Xinpgen { count: 1, generation: 0x40 });
    let socket = sockets.next().unwrap().unwrap();
    let unpcb = XunpcbN {
        unp: 0xa1,
        conn: 0xc3,
        inode: 0xb2,
        generation: 0x33,
        path: b"/tmp/.s.5432",
        peer_path: b"",
    };
    assert_eq!(socket.unpcb, unpcb);
    let above = socket.socket.unwrap();
    assert_eq!((above.so, above.family, above.uid, above.last_pid), (0xe5, 1, 501, 300));
    assert_eq!((above.options, above.state), (SO_ACCEPTCONN, SS_ISCONNECTED));
    assert_eq!((socket.rcv.unwrap().cc, socket.snd.unwrap().cc), (7, 0));
    assert_eq!(sockets.next(), None);
    assert!(matches!(sockets.ending(), Some(Ending::Trailer(_))));
}

#[test]
fn table_cut_at_any_byte_has_no_socket_with_other_values() {
    let bytes = fixture!("macos-15__local_stream_pcblist_n");
    if !common::little_endian() {
        return;
    }
    let whole = UnPcblistN::new(&bytes).unwrap().next().unwrap().unwrap();
    for cut in 24..bytes.len() {
        for socket in UnPcblistN::new(&bytes[..cut]).unwrap().flatten() {
            assert_eq!(socket.unpcb, whole.unpcb, "cut at {cut}");
            assert!(socket.socket.is_none() || socket.socket == whole.socket, "cut at {cut}");
            assert!(socket.rcv.is_none() || socket.rcv == whole.rcv, "cut at {cut}");
            assert!(socket.snd.is_none() || socket.snd == whole.snd, "cut at {cut}");
        }
    }
}

#[test]
fn record_cut_at_any_byte_is_an_error() {
    for cut in 0..588 {
        assert!(XunpcbN::decode(&vec![0; cut]).is_err(), "cut at {cut}");
    }
    assert!(XunpcbN::decode(&[0; 588]).is_ok());
    assert!(XunpcbN::decode(&[0xff; 700]).is_ok());
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_end_without_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..1400)) {
        for (place, kind) in [(24, 0x200_u32), (24 + 592, 1)] {
            if let Some(head) = bytes.get_mut(place..place + 8) {
                head[..4].copy_from_slice(&588_u32.to_ne_bytes());
                head[4..].copy_from_slice(&kind.to_ne_bytes());
            }
        }
        if let Some(head) = bytes.get_mut(..4) {
            head.copy_from_slice(&24_u32.to_ne_bytes());
        }
        if let Ok(mut sockets) = UnPcblistN::new(&bytes) {
            prop_assert!(sockets.by_ref().count() <= 2);
            prop_assert!(sockets.ending().is_some());
        }
    }
}
