//! The attributes of a socket that are sent on request: memory, congestion control, `tcp_info`, upper protocol.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture};
use netstat_wire::linux::inet_diag::*;
use netstat_wire::linux::inet_diag_congestion::*;
use netstat_wire::linux::inet_diag_details::Details;
use netstat_wire::linux::inet_diag_memory::*;
use netstat_wire::linux::inet_diag_sockopt::SockOpt;
use netstat_wire::linux::inet_diag_ulp::*;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::tcp_info::TcpInfo;
use proptest::prelude::*;

const TCP: u32 = IPPROTO_TCP as u32;
const UDP: u32 = IPPROTO_UDP as u32;
const MPTCP: u32 = 262;
const FIXED_PART: usize = 72;

/// The record in a capture's first message.
fn record(datagram: &[u8]) -> &[u8] {
    match Messages::new(datagram).next().unwrap().unwrap().body {
        Body::Data(payload) => payload,
        other => panic!("{other:?}"),
    }
}

/// A record with these attributes.
fn with(attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0; FIXED_PART];
    bytes.extend(attributes.iter().flat_map(|(kind, payload)| attribute(*kind, payload)));
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn halves(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_ne_bytes()).collect()
}

fn nested(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    attributes.iter().flat_map(|(kind, payload)| attribute(*kind, payload)).collect()
}

fn tcp_info_bytes() -> Vec<u8> {
    (0..=255).cycle().take(280).collect()
}

const TLS: TlsInfo = TlsInfo {
    version: Some(0x0304),
    cipher: Some(52),
    txconf: Some(2),
    rxconf: Some(3),
    zc_ro_tx: true,
    rx_no_pad: true,
    tx_max_payload_len: Some(8192),
};

const SUBFLOW: MptcpSubflow = MptcpSubflow { flags: Some(0x1c3), id_rem: Some(7), id_loc: Some(8) };

fn tls_bytes() -> Vec<u8> {
    nested(&[
        (1, &0x0304_u16.to_ne_bytes()),
        (2, &52_u16.to_ne_bytes()),
        (3, &2_u16.to_ne_bytes()),
        (4, &3_u16.to_ne_bytes()),
        (5, &[]),
        (6, &[]),
        (7, &8192_u16.to_ne_bytes()),
    ])
}

/// A subflow with tokens and sequence numbers made of `secret`.
fn subflow_bytes(secret: u8) -> Vec<u8> {
    nested(&[
        (1, &[secret; 4]),
        (2, &[secret; 4]),
        (8, &0x1c3_u32.to_ne_bytes()),
        (9, &[7]),
        (10, &[8]),
        (3, &[secret; 4]),
        (11, &[]),
        (4, &[secret; 8]),
        (5, &[secret; 4]),
        (6, &[secret; 4]),
        (7, &[secret; 2]),
    ])
}

/// Every attribute that is decoded, each with numbers of its own.
fn every_attribute() -> Vec<(u16, Vec<u8>)> {
    vec![
        (1, words(&[101, 102, 103, 104])),
        (2, tcp_info_bytes()),
        (16, words(&[0x0506_0708, 0x0102_0304, 201, 202, 203])),
        (4, b"cubic\0".to_vec()),
        (5, vec![0x10]),
        (6, vec![0x28]),
        (17, words(&[0x0001_0002])),
        (7, words(&[301, 302, 303, 304, 305, 306, 307, 308, 309])),
        (19, nested(&[(1, b"tls\0"), (2, &tls_bytes()), (3, &subflow_bytes(0xee))])),
        (
            22,
            if cfg!(target_endian = "little") {
                vec![0b0101_0010, 0b101]
            } else {
                vec![0b0100_1010, 0b1010_0000]
            },
        ),
    ]
}

fn every_detail(info: &[u8]) -> Details<'static> {
    Details {
        meminfo: Some(MemInfo { rmem: 101, wmem: 102, fmem: 103, tmem: 104 }),
        tcp_info: Some(TcpInfo::decode(info).unwrap()),
        congestion_info: Some(CongestionInfo::Bbr(BbrInfo {
            bandwidth: 0x0102_0304_0506_0708,
            min_rtt_us: 201,
            pacing_gain: 202,
            cwnd_gain: 203,
        })),
        congestion: Some(b"cubic"),
        tos: Some(0x10),
        tclass: Some(0x28),
        class_id: Some(0x0001_0002),
        skmeminfo: Some(SkMemInfo {
            rmem_alloc: 301,
            rcvbuf: 302,
            wmem_alloc: 303,
            sndbuf: 304,
            fwd_alloc: 305,
            wmem_queued: 306,
            optmem: 307,
            backlog: Some(308),
            drops: Some(309),
        }),
        ulp: Some(UlpInfo { name: Some(b"tls"), tls: Some(TLS), mptcp: Some(SUBFLOW) }),
        sockopt: Some(SockOpt { mc_all: true, bind_address_no_port: true, defer_connect: true, ..of_tcp() }),
    }
}

/// The values of a TCP socket whose program set nothing.
fn of_tcp() -> SockOpt {
    SockOpt {
        recverr: false,
        is_icsk: true,
        freebind: false,
        hdrincl: false,
        mc_loop: true,
        transparent: false,
        mc_all: false,
        nodefrag: false,
        bind_address_no_port: false,
        recverr_rfc4884: false,
        defer_connect: false,
    }
}

#[test]
fn every_attribute_is_read_from_its_place() {
    let bytes = with(&every_attribute());
    assert_eq!(Details::decode(TCP, &bytes), Ok(every_detail(&tcp_info_bytes())));
}

#[test]
fn a_record_without_attributes_has_no_details() {
    assert_eq!(Details::decode(TCP, &with(&[])), Ok(Details::default()));
}

#[test]
fn vegas_and_dctcp_are_identified_by_their_attributes() {
    let vegas = VegasInfo { enabled: true, rttcnt: 2, rtt_us: 3, minrtt_us: 4 };
    let dctcp = DctcpInfo { enabled: true, ce_state: 6, alpha: 7, ab_ecn: 8, ab_tot: 9 };
    let dctcp_bytes = [halves(&[5, 6]), words(&[7, 8, 9])].concat();
    for (kind, payload, expected) in [
        (INET_DIAG_VEGASINFO, words(&[1, 2, 3, 4]), CongestionInfo::Vegas(vegas)),
        (INET_DIAG_DCTCPINFO, dctcp_bytes, CongestionInfo::Dctcp(dctcp)),
    ] {
        let bytes = with(&[(kind, payload)]);
        let expected = Details { congestion_info: Some(expected), ..Details::default() };
        assert_eq!(Details::decode(TCP, &bytes), Ok(expected));
    }
}

#[test]
fn memory_of_older_kernels_lacks_the_newer_numbers() {
    let numbers = words(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (length, backlog, drops) in
        [(28, None, None), (31, None, None), (32, Some(8), None), (36, Some(8), Some(9))]
    {
        let memory = SkMemInfo::decode(&numbers[..length]).unwrap();
        assert_eq!((memory.optmem, memory.backlog, memory.drops), (7, backlog, drops), "{length} bytes");
    }
}

#[test]
fn each_option_has_its_bit_in_the_order_of_the_header() {
    let options = |opt: SockOpt| {
        [
            opt.recverr,
            opt.is_icsk,
            opt.freebind,
            opt.hdrincl,
            opt.mc_loop,
            opt.transparent,
            opt.mc_all,
            opt.nodefrag,
            opt.bind_address_no_port,
            opt.recverr_rfc4884,
            opt.defer_connect,
        ]
    };
    for number in 0..16 {
        let shift = if cfg!(target_endian = "little") { number % 8 } else { 7 - number % 8 };
        let mut bytes = [0; 2];
        bytes[number / 8] = 1 << shift;
        let set = options(SockOpt::decode(&bytes).unwrap());
        let expected: Vec<bool> = (0..11).map(|at| at == number).collect();
        assert_eq!(set[..], expected, "bit {number}");
    }
}

#[test]
fn a_protocol_other_than_tcp_has_no_tcp_info_whatever_its_length() {
    for length in [0, 4, 96, 280] {
        let bytes = with(&[(INET_DIAG_INFO, vec![1; length]), (INET_DIAG_TOS, vec![9])]);
        for protocol in [0, UDP, 132, MPTCP, u32::MAX] {
            let expected = Details { tos: Some(9), ..Details::default() };
            assert_eq!(Details::decode(protocol, &bytes), Ok(expected));
        }
        assert_eq!(Details::decode(TCP, &bytes).is_ok(), length >= 104);
    }
}

#[test]
fn a_captured_connection_with_every_attribute_has_its_details() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__tcp4_established_all_extensions");
    let details = Details::decode(TCP, record(&datagram)).unwrap();
    let bbr = BbrInfo { bandwidth: 0, min_rtt_us: 19, pacing_gain: 0, cwnd_gain: 0 };
    assert_eq!(details.congestion, Some(&b"bbr"[..]));
    assert_eq!(details.congestion_info, Some(CongestionInfo::Bbr(bbr)));
    assert_eq!((details.tos, details.tclass, details.class_id), (Some(0), None, Some(0)));
    // Five bytes wait to be read.
    assert_eq!(details.meminfo, Some(MemInfo { rmem: 0x345, wmem: 0, fmem: 0xcbb, tmem: 0 }));
    assert_eq!(details.tcp_info.unwrap().bytes_received, Some(5));
    assert_eq!(details.sockopt, Some(SockOpt { mc_all: true, ..of_tcp() }));
    assert_eq!(details.ulp, None);
}

#[test]
fn a_captured_ipv6_connection_has_class_priority_and_cubic_without_a_state() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__tcp6_established_all_extensions");
    let details = Details::decode(TCP, record(&datagram)).unwrap();
    assert_eq!((details.tos, details.tclass, details.class_id), (Some(0), Some(0x28), Some(5)));
    assert_eq!((details.congestion, details.congestion_info), (Some(&b"cubic"[..]), None));
    assert_eq!(details.sockopt, Some(SockOpt { bind_address_no_port: true, ..of_tcp() }));
    assert_eq!(details.skmeminfo.map(|memory| (memory.rcvbuf, memory.drops)), Some((131_072, Some(0))));
}

#[test]
fn a_captured_udp_socket_has_its_memory_and_options() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__udp4_all_extensions");
    let details = Details::decode(UDP, record(&datagram)).unwrap();
    let memory = details.skmeminfo.unwrap();
    assert_eq!((memory.rmem_alloc, memory.rcvbuf, memory.drops), (832, 212_992, Some(0)));
    assert_eq!(details.meminfo.map(|memory| memory.rmem), Some(832));
    // Without a class of its own it has the priority of its type of service.
    assert_eq!((details.tos, details.class_id, details.tcp_info), (Some(0x10), Some(6), None));
    let expected = SockOpt { recverr: true, is_icsk: false, mc_all: true, ..of_tcp() };
    assert_eq!(details.sockopt, Some(expected));
}

#[test]
fn a_captured_path_of_mptcp_has_its_name_and_flags() {
    if !common::little_endian() {
        return;
    }
    let subflow = MptcpSubflow { flags: Some(0xc3), id_rem: Some(0), id_loc: Some(0) };
    let expected = UlpInfo { name: Some(b"mptcp"), tls: None, mptcp: Some(subflow) };
    for datagram in [
        fixture!("linux-6.18__tcp4_established_mptcp_subflow"),
        fixture!("linux-6.18__tcp4_established_mptcp_subflow_unprivileged"),
    ] {
        assert_eq!(Details::decode(TCP, record(&datagram)).unwrap().ulp, Some(expected));
    }
    let connection = fixture!("linux-6.18__mptcp4_established_all_extensions");
    let details = Details::decode(MPTCP, record(&connection)).unwrap();
    assert_eq!((details.tcp_info, details.sockopt.map(|options| options.is_icsk)), (None, Some(true)));
}

/// Where in `record` the payload of its attribute `kind` starts.
fn place(record: &[u8], kind: u16) -> std::ops::Range<usize> {
    let mut at = FIXED_PART;
    loop {
        let field = |at: usize| u16::from_ne_bytes(*record[at..].first_chunk().unwrap());
        let length = usize::from(field(at));
        if field(at + 2) == kind {
            return at + 4..at + length;
        }
        at += length.next_multiple_of(4);
    }
}

#[test]
fn a_signed_connection_leaves_no_byte_of_its_key_in_what_is_read() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__tcp4_established_md5sig");
    let signed = record(&datagram);
    let key = b"key of a fixture";
    let place = place(signed, INET_DIAG_MD5SIG);
    assert!(signed[place.clone()].windows(key.len()).any(|window| window == key), "no key in the capture");

    let details = Details::decode(TCP, signed).unwrap();
    let socket = InetDiagMsg::decode(signed).unwrap();
    let shown = format!("{details:?} {socket:?}");
    let numbers = format!("{key:?}");
    assert!(!shown.contains("key of") && !shown.contains(numbers.trim_matches(['[', ']'])));
    // Another key, or a shorter one, leads to the same result.
    for at in place.clone() {
        let mut other = signed.to_vec();
        other[at] ^= 0xff;
        assert_eq!(Details::decode(TCP, &other), Ok(details), "byte {at}");
        assert_eq!(InetDiagMsg::decode(&other), Ok(socket), "byte {at}");
    }
    let without = [&signed[..place.start - 4], &signed[place.end..]].concat();
    assert_eq!(Details::decode(TCP, &without), Ok(details));
}

#[test]
fn tokens_and_positions_of_mptcp_are_not_in_what_is_read() {
    let ulp = |secret| nested(&[(1, b"mptcp\0"), (3, &subflow_bytes(secret))]);
    let expected = UlpInfo { name: Some(b"mptcp"), tls: None, mptcp: Some(SUBFLOW) };
    for secret in 0..=255 {
        assert_eq!(UlpInfo::decode(&ulp(secret)), Ok(expected));
    }
    let connection = fixture!("linux-6.18__mptcp4_established_all_extensions");
    if common::little_endian() {
        let plain = Details::decode(MPTCP, record(&connection)).unwrap();
        let mut other = record(&connection).to_vec();
        let info = place(&other, INET_DIAG_INFO);
        other[info].fill(0xee);
        assert_eq!(Details::decode(MPTCP, &other), Ok(plain));
    }
}

/// Whether `read` is `whole` without some of its attributes.
fn is_whole_or_less(read: &Details<'_>, whole: &Details<'_>) -> bool {
    let filled = Details {
        meminfo: read.meminfo.or(whole.meminfo),
        tcp_info: read.tcp_info.or(whole.tcp_info),
        congestion_info: read.congestion_info.or(whole.congestion_info),
        congestion: read.congestion.or(whole.congestion),
        tos: read.tos.or(whole.tos),
        tclass: read.tclass.or(whole.tclass),
        class_id: read.class_id.or(whole.class_id),
        skmeminfo: read.skmeminfo.or(whole.skmeminfo),
        ulp: read.ulp.or(whole.ulp),
        sockopt: read.sockopt.or(whole.sockopt),
    };
    filled == *whole
}

fn assert_cuts_lose_whole_attributes(protocol: u32, bytes: &[u8]) {
    let whole = Details::decode(protocol, bytes).unwrap();
    for cut in 0..bytes.len() {
        match Details::decode(protocol, &bytes[..cut]) {
            Ok(read) => assert!(cut >= FIXED_PART && is_whole_or_less(&read, &whole), "cut at {cut}"),
            Err(error) => assert!(error.offset() <= cut, "cut at {cut}: {error}"),
        }
    }
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_or_lacks_attributes() {
    assert_cuts_lose_whole_attributes(TCP, &with(&every_attribute()));
    let error = Details::decode(TCP, &[0; 70]).unwrap_err();
    assert_eq!(error.to_string(), "inet_diag_msg: 72 bytes needed at offset 0, 70 there");
}

#[test]
fn captured_records_cut_at_any_byte_are_never_other_records() {
    if !common::little_endian() {
        return;
    }
    for (protocol, datagram) in [
        (TCP, fixture!("linux-6.18__tcp4_established_all_extensions")),
        (TCP, fixture!("linux-6.18__tcp6_established_all_extensions")),
        (TCP, fixture!("linux-6.18__tcp6_listen_all_extensions")),
        (TCP, fixture!("linux-6.18__tcp4_established_md5sig")),
        (TCP, fixture!("linux-6.18__tcp4_established_mptcp_subflow")),
        (MPTCP, fixture!("linux-6.18__mptcp4_established_all_extensions")),
        (UDP, fixture!("linux-6.18__udp4_all_extensions")),
    ] {
        assert_cuts_lose_whole_attributes(protocol, record(&datagram));
    }
}

/// The minimum length of each attribute, and its name in errors.
const KNOWN: [(u16, usize, &str); 11] = [
    (INET_DIAG_MEMINFO, 16, "INET_DIAG_MEMINFO"),
    (INET_DIAG_INFO, 104, "tcp_info"),
    (INET_DIAG_VEGASINFO, 16, "INET_DIAG_VEGASINFO"),
    (INET_DIAG_TOS, 1, "INET_DIAG_TOS"),
    (INET_DIAG_TCLASS, 1, "INET_DIAG_TCLASS"),
    (INET_DIAG_SKMEMINFO, 28, "INET_DIAG_SKMEMINFO"),
    (INET_DIAG_DCTCPINFO, 16, "INET_DIAG_DCTCPINFO"),
    (INET_DIAG_BBRINFO, 20, "INET_DIAG_BBRINFO"),
    (INET_DIAG_CLASS_ID, 4, "INET_DIAG_CLASS_ID"),
    (INET_DIAG_ULP_INFO, 0, "nlattr"),
    (INET_DIAG_SOCKOPT, 2, "INET_DIAG_SOCKOPT"),
];

#[test]
fn an_attribute_shorter_than_its_type_is_an_error_that_names_it() {
    for (kind, size, name) in KNOWN {
        for length in 0..size {
            let bytes = with(&[(kind, vec![0; length])]);
            assert_eq!(Details::decode(TCP, &bytes).unwrap_err().record(), name, "{length} bytes");
        }
        assert!(Details::decode(TCP, &with(&[(kind, vec![0; size])])).is_ok(), "{name}");
    }
}

#[test]
fn a_nested_attribute_shorter_than_its_type_is_an_error_that_names_it() {
    let cases: [(u16, u16, usize, &str); 8] = [
        (2, 1, 2, "TLS_INFO_VERSION"),
        (2, 2, 2, "TLS_INFO_CIPHER"),
        (2, 3, 2, "TLS_INFO_TXCONF"),
        (2, 4, 2, "TLS_INFO_RXCONF"),
        (2, 7, 2, "TLS_INFO_TX_MAX_PAYLOAD_LEN"),
        (3, 8, 4, "MPTCP_SUBFLOW_ATTR_FLAGS"),
        (3, 9, 1, "MPTCP_SUBFLOW_ATTR_ID_REM"),
        (3, 10, 1, "MPTCP_SUBFLOW_ATTR_ID_LOC"),
    ];
    for (protocol, kind, size, name) in cases {
        for length in 0..=size {
            let bytes = nested(&[(protocol, &attribute(kind, &vec![0; length]))]);
            let read = UlpInfo::decode(&bytes).map_err(|error| error.record());
            assert_eq!(read.err(), (length < size).then_some(name), "{length} bytes of {name}");
        }
    }
}

#[test]
fn attributes_longer_than_known_are_read_from_their_start() {
    // Text ends at its NUL; the nested attributes have lengths of their own.
    let lengthened = every_attribute().into_iter().map(|(kind, mut payload)| {
        if kind != INET_DIAG_ULP_INFO {
            payload.extend([0xff; 5]);
        }
        (kind, payload)
    });
    let bytes = with(&lengthened.collect::<Vec<_>>());
    assert_eq!(Details::decode(TCP, &bytes), Ok(every_detail(&tcp_info_bytes())));
}

#[test]
fn unknown_attributes_are_skipped_by_their_length() {
    for kind in [0, 8, 10, 11, 12, 13, 14, 15, 18, 20, 21, 23, 0x3fff] {
        for length in [0, 1, 7, 100] {
            let mut attributes = every_attribute();
            attributes.insert(3, (kind, vec![0xff; length]));
            let bytes = with(&attributes);
            assert_eq!(Details::decode(TCP, &bytes), Ok(every_detail(&tcp_info_bytes())), "{kind}, {length}");
        }
    }
}

#[test]
fn of_attributes_of_one_kind_the_last_counts() {
    let bytes =
        with(&[(INET_DIAG_TOS, vec![1]), (INET_DIAG_CONG, b"reno\0".to_vec()), (INET_DIAG_TOS, vec![2])]);
    let expected = Details { tos: Some(2), congestion: Some(b"reno"), ..Details::default() };
    assert_eq!(Details::decode(TCP, &bytes), Ok(expected));
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_details_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Details::decode(TCP, &bytes);
        let _ = UlpInfo::decode(&bytes);
    }

    #[test]
    fn any_attributes_after_a_whole_record_are_read_or_an_error(
        attributes in prop::collection::vec((0_u16..24, prop::collection::vec(any::<u8>(), 0..120)), 0..8),
    ) {
        // Nested attributes have their own rules.
        let flat: Vec<_> = attributes.into_iter().filter(|(kind, _)| *kind != INET_DIAG_ULP_INFO).collect();
        let short = |(kind, payload): &(u16, Vec<u8>)| {
            KNOWN.iter().any(|(known, size, _)| known == kind && payload.len() < *size)
        };
        prop_assert_eq!(Details::decode(TCP, &with(&flat)).is_err(), flat.iter().any(short));
    }
}
