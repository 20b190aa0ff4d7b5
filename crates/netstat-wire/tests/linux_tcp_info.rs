//! `struct tcp_info`: as kernels of every age send it.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::linux::inet_diag::{INET_DIAG_INFO, InetDiagMsg};
use netstat_wire::linux::netlink::{Attributes, Body, Messages};
use netstat_wire::linux::tcp_info::{INFINITE_SSTHRESH, NO_RATE_LIMIT, TcpInfo};
use netstat_wire::linux::tcp_states::{TCP_ESTABLISHED, TCP_LISTEN};
use proptest::prelude::*;

/// Lengths that kernels sent, and how many of the fields after the first 104 bytes each has.
const LENGTHS: [(usize, usize); 13] = [
    (104, 0),
    (120, 2),
    (136, 4),
    (144, 6),
    (160, 10),
    (168, 11),
    (192, 14),
    (200, 16),
    (224, 20),
    (232, 22),
    (240, 24),
    (248, 27),
    (280, 35),
];

/// The fields after the first 104 bytes, in order, widened; the compiler checks that this list is complete.
fn later(info: &TcpInfo) -> [Option<u64>; 35] {
    let TcpInfo {
        state: _,
        ca_state: _,
        retransmits: _,
        probes: _,
        backoff: _,
        options: _,
        snd_wscale: _,
        rcv_wscale: _,
        delivery_rate_app_limited: _,
        fastopen_client_fail: _,
        rto_us: _,
        ato_us: _,
        snd_mss: _,
        rcv_mss: _,
        unacked: _,
        sacked: _,
        lost: _,
        retrans: _,
        fackets: _,
        last_data_sent_ms: _,
        last_ack_sent_ms: _,
        last_data_recv_ms: _,
        last_ack_recv_ms: _,
        pmtu: _,
        rcv_ssthresh: _,
        rtt_us: _,
        rttvar_us: _,
        snd_ssthresh: _,
        snd_cwnd: _,
        advmss: _,
        reordering: _,
        rcv_rtt_us: _,
        rcv_space: _,
        total_retrans: _,
        pacing_rate,
        max_pacing_rate,
        bytes_acked,
        bytes_received,
        segs_out,
        segs_in,
        notsent_bytes,
        min_rtt_us,
        data_segs_in,
        data_segs_out,
        delivery_rate,
        busy_time_us,
        rwnd_limited_us,
        sndbuf_limited_us,
        delivered,
        delivered_ce,
        bytes_sent,
        bytes_retrans,
        dsack_dups,
        reord_seen,
        rcv_ooopack,
        snd_wnd,
        rcv_wnd,
        rehash,
        total_rto,
        total_rto_recoveries,
        total_rto_time_ms,
        received_ce,
        delivered_e1_bytes,
        delivered_e0_bytes,
        delivered_ce_bytes,
        received_e1_bytes,
        received_e0_bytes,
        received_ce_bytes,
        ecn_bits,
    } = *info;
    [
        pacing_rate,
        max_pacing_rate,
        bytes_acked,
        bytes_received,
        segs_out.map(u64::from),
        segs_in.map(u64::from),
        notsent_bytes.map(u64::from),
        min_rtt_us.map(u64::from),
        data_segs_in.map(u64::from),
        data_segs_out.map(u64::from),
        delivery_rate,
        busy_time_us,
        rwnd_limited_us,
        sndbuf_limited_us,
        delivered.map(u64::from),
        delivered_ce.map(u64::from),
        bytes_sent,
        bytes_retrans,
        dsack_dups.map(u64::from),
        reord_seen.map(u64::from),
        rcv_ooopack.map(u64::from),
        snd_wnd.map(u64::from),
        rcv_wnd.map(u64::from),
        rehash.map(u64::from),
        total_rto.map(u64::from),
        total_rto_recoveries.map(u64::from),
        total_rto_time_ms.map(u64::from),
        received_ce.map(u64::from),
        delivered_e1_bytes.map(u64::from),
        delivered_e0_bytes.map(u64::from),
        delivered_ce_bytes.map(u64::from),
        received_e1_bytes.map(u64::from),
        received_e0_bytes.map(u64::from),
        received_ce_bytes.map(u64::from),
        ecn_bits.map(u64::from),
    ]
}

/// The offset and width of each of [`later`], from the header.
const PLACES: [(usize, usize); 35] = [
    (104, 8),
    (112, 8),
    (120, 8),
    (128, 8),
    (136, 4),
    (140, 4),
    (144, 4),
    (148, 4),
    (152, 4),
    (156, 4),
    (160, 8),
    (168, 8),
    (176, 8),
    (184, 8),
    (192, 4),
    (196, 4),
    (200, 8),
    (208, 8),
    (216, 4),
    (220, 4),
    (224, 4),
    (228, 4),
    (232, 4),
    (236, 4),
    (240, 2),
    (242, 2),
    (244, 4),
    (248, 4),
    (252, 4),
    (256, 4),
    (260, 4),
    (264, 4),
    (268, 4),
    (272, 4),
    (276, 4),
];

/// 280 bytes in which no two numbers are equal.
fn distinct() -> Vec<u8> {
    (0..280_u32).map(|at| u8::try_from((at * 7 + at / 256) % 251).unwrap()).collect()
}

fn number(bytes: &[u8]) -> u64 {
    match bytes.len() {
        2 => u16::from_ne_bytes(bytes.try_into().unwrap()).into(),
        4 => u32::from_ne_bytes(bytes.try_into().unwrap()).into(),
        _ => u64::from_ne_bytes(bytes.try_into().unwrap()),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(*bytes[at..].first_chunk().unwrap())
}

/// The fields of the first 104 bytes, from their offsets in the header.
fn assert_first_fields(info: &TcpInfo, bytes: &[u8]) {
    let eight = [info.state, info.ca_state, info.retransmits, info.probes, info.backoff, info.options];
    assert_eq!(eight, bytes[..6]);
    let TcpInfo { snd_wscale, rcv_wscale, fastopen_client_fail, .. } = *info;
    if cfg!(target_endian = "little") {
        assert_eq!((snd_wscale, rcv_wscale), (bytes[6] & 15, bytes[6] >> 4));
        assert_eq!(
            (info.delivery_rate_app_limited, fastopen_client_fail),
            (bytes[7] & 1 == 1, bytes[7] >> 1 & 3)
        );
    } else {
        assert_eq!((snd_wscale, rcv_wscale), (bytes[6] >> 4, bytes[6] & 15));
        assert_eq!(
            (info.delivery_rate_app_limited, fastopen_client_fail),
            (bytes[7] >> 7 == 1, bytes[7] >> 5 & 3)
        );
    }
    for (at, field) in [
        (8, info.rto_us),
        (12, info.ato_us),
        (16, info.snd_mss),
        (20, info.rcv_mss),
        (24, info.unacked),
        (28, info.sacked),
        (32, info.lost),
        (36, info.retrans),
        (40, info.fackets),
        (44, info.last_data_sent_ms),
        (48, info.last_ack_sent_ms),
        (52, info.last_data_recv_ms),
        (56, info.last_ack_recv_ms),
        (60, info.pmtu),
        (64, info.rcv_ssthresh),
        (68, info.rtt_us),
        (72, info.rttvar_us),
        (76, info.snd_ssthresh),
        (80, info.snd_cwnd),
        (84, info.advmss),
        (88, info.reordering),
        (92, info.rcv_rtt_us),
        (96, info.rcv_space),
        (100, info.total_retrans),
    ] {
        assert_eq!(field, word(bytes, at), "at {at}");
    }
}

/// Asserts what must hold of any bytes.
fn assert_read_by_length(bytes: &[u8]) {
    let info = TcpInfo::decode(bytes);
    if bytes.len() < 104 {
        let error = info.unwrap_err();
        assert!(error.record() == "tcp_info" && error.offset() <= bytes.len());
        return;
    }
    let info = info.unwrap();
    assert_first_fields(&info, bytes);
    for ((at, width), field) in PLACES.into_iter().zip(later(&info)) {
        assert_eq!(field, bytes.get(at..at + width).map(number), "at {at} of {}", bytes.len());
    }
}

#[test]
fn every_field_is_read_from_its_place() {
    assert_read_by_length(&distinct());
}

#[test]
fn a_structure_cut_at_any_byte_lacks_the_fields_that_are_not_whole_or_is_an_error() {
    let bytes = distinct();
    for cut in 0..=bytes.len() {
        assert_read_by_length(&bytes[..cut]);
    }
}

#[test]
fn a_structure_of_every_length_that_kernels_sent_has_the_fields_of_its_time() {
    for (length, fields) in LENGTHS {
        let info = TcpInfo::decode(&distinct()[..length]).unwrap();
        let there = later(&info).map(|field| field.is_some());
        assert!(there[..fields].iter().all(|there| *there), "{length}");
        assert!(there[fields..].iter().all(|there| !there), "{length}");
    }
}

#[test]
fn a_structure_longer_than_known_is_read_from_its_start() {
    for more in [1, 8, 1000] {
        let longer = [distinct(), vec![0xff; more]].concat();
        assert_eq!(TcpInfo::decode(&longer), TcpInfo::decode(&distinct()));
    }
}

/// `struct tcp_info` in the first message of a capture.
fn captured(datagram: &[u8]) -> Vec<u8> {
    let Some(Ok(message)) = Messages::new(datagram).next() else { panic!("no message") };
    let Body::Data(payload) = message.body else { panic!("no record") };
    let attributes = Attributes::new(InetDiagMsg::attributes(payload).unwrap());
    let info = attributes.map(Result::unwrap).find(|attribute| attribute.kind == INET_DIAG_INFO);
    info.unwrap().payload.to_vec()
}

#[test]
fn a_captured_sender_has_its_rates_and_counts() {
    if !common::little_endian() {
        return;
    }
    let bytes = captured(&fixture!("linux-6.18__tcp6_established_all_extensions"));
    assert_eq!(bytes.len(), 280);
    assert_read_by_length(&bytes);
    let info = TcpInfo::decode(&bytes).unwrap();
    assert_eq!(info.state, TCP_ESTABLISHED);
    assert_eq!((info.snd_wscale, info.rcv_wscale, info.options), (10, 10, 7));
    assert!(info.delivery_rate_app_limited);
    // A million bytes, six, and the SYN; back came a thousand.
    assert_eq!(info.bytes_sent, Some(1_000_006));
    assert_eq!(info.bytes_acked, Some(1_000_007));
    assert_eq!(info.bytes_received, Some(1000));
    assert_eq!((info.rto_us, info.rtt_us, info.min_rtt_us), (208_000, 5231, Some(11)));
    assert_eq!((info.last_data_sent_ms, info.last_data_recv_ms), (300, 300));
    assert_eq!((info.pmtu, info.snd_cwnd, info.snd_ssthresh), (65536, 10, INFINITE_SSTHRESH));
    assert_eq!((info.pacing_rate, info.max_pacing_rate), (Some(50_000_000), Some(50_000_000)));
    assert_eq!((info.data_segs_out, info.data_segs_in), (Some(24), Some(1)));
    assert_eq!((info.total_rto, info.bytes_retrans, info.ecn_bits), (Some(0), Some(0), Some(0)));
}

#[test]
fn a_captured_listener_has_its_queue_and_no_rate() {
    if !common::little_endian() {
        return;
    }
    let bytes = captured(&fixture!("linux-6.18__tcp6_listen_all_extensions"));
    let info = TcpInfo::decode(&bytes).unwrap();
    assert_eq!((info.state, info.unacked, info.sacked), (TCP_LISTEN, 1, 3));
    assert_eq!((info.pacing_rate, info.max_pacing_rate), (Some(NO_RATE_LIMIT), Some(NO_RATE_LIMIT)));
}

#[test]
fn captured_structures_cut_at_any_byte_are_read_by_their_length() {
    if !common::little_endian() {
        return;
    }
    for datagram in [
        fixture!("linux-6.18__tcp4_established_all_extensions"),
        fixture!("linux-6.18__tcp6_established_all_extensions"),
        fixture!("linux-6.18__tcp6_listen_all_extensions"),
        fixture!("linux-6.18__tcp4_established_md5sig"),
    ] {
        let bytes = captured(&datagram);
        for cut in 0..=bytes.len() {
            assert_read_by_length(&bytes[..cut]);
        }
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_by_their_length(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_read_by_length(&bytes);
    }
}
