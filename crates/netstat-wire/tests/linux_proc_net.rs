//! `/proc/PID/net/{tcp,tcp6,udp,udp6}`, and those of raw, ping and UDP-Lite sockets: a socket a line.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture_lines;
use netstat_wire::linux::proc_net::{Endian, ProcNet};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN, TCP_SYN_RECV, TCP_TIME_WAIT};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

fn read<'a>(lines: impl Iterator<Item = &'a str>, endian: Endian) -> Vec<ProcNet> {
    lines.map(|line| ProcNet::decode(line.as_bytes(), endian).unwrap()).collect()
}

/// Local end, remote end, state, receive queue, user, inode.
type Summary = (SocketAddr, SocketAddr, u8, u32, u32, u64);

fn summary(record: &ProcNet) -> Summary {
    let ProcNet { local, remote, state, rx_queue, uid, inode, .. } = *record;
    (local, remote, state, rx_queue, uid, inode)
}

fn expected(local: &str, remote: &str, state: u8, rx_queue: u32, uid: u32, inode: u64) -> Summary {
    (local.parse().unwrap(), remote.parse().unwrap(), state, rx_queue, uid, inode)
}

const LISTENER: &str = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000001 00:00000000 00000000  1000        0 4201041 2 \
                        00000000e8cdc6de 100 0 0 10 0                   ";

fn line(ends: &str, numbers: &str, inode: u64) -> Vec<u8> {
    format!("   0: {ends} {numbers} {inode} 1 0000000000000000\n").into_bytes()
}

#[test]
fn captured_tcp_sockets_are_read_in_full() {
    let records = read(fixture_lines!("linux-6.18__proc_net_tcp"), Endian::Little);
    assert_eq!(records.len(), 9);
    let (listener, waiting, unread, ended) = (records[0], records[1], records[4], records[6]);
    let at = "127.0.0.1:8080";
    assert_eq!(summary(&listener), expected(at, "0.0.0.0:0", TCP_LISTEN, 1, 1000, 4_201_041));
    assert_eq!(summary(&waiting), expected(at, "127.0.0.1:40004", TCP_ESTABLISHED, 0, 1000, 0));
    assert_eq!(summary(&unread), expected("127.0.0.1:40001", at, TCP_ESTABLISHED, 12, 1000, 4_201_042));
    assert_eq!(summary(&ended), expected("127.0.0.1:40003", at, TCP_TIME_WAIT, 0, 0, 0));
    assert_eq!((ended.timer, ended.expires_ticks, ended.retransmits, ended.probes), (3, 0x175c, 0, 0));
}

#[test]
fn captured_tcp6_sockets_keep_mapped_addresses() {
    let records = read(fixture_lines!("linux-6.18__proc_net_tcp6"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    assert_eq!(
        summaries,
        [
            expected("[::]:8081", "[::]:0", TCP_LISTEN, 0, 1000, 4_201_049),
            expected("[::1]:8082", "[::]:0", TCP_LISTEN, 0, 1000, 4_201_052),
            expected(
                "[::ffff:127.0.0.1]:8081",
                "[::ffff:127.0.0.1]:40005",
                TCP_ESTABLISHED,
                0,
                1000,
                4_201_051
            ),
        ]
    );
}

#[test]
fn captured_udp_sockets_have_the_memory_of_what_waits() {
    let records = read(fixture_lines!("linux-6.18__proc_net_udp"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    assert_eq!(
        summaries,
        [
            expected("127.0.0.1:40053", "127.0.0.1:8053", TCP_ESTABLISHED, 0, 1000, 4_201_054),
            expected("127.0.0.1:8053", "0.0.0.0:0", TCP_CLOSE, 0x340, 1000, 4_201_053),
        ]
    );
    let records = read(fixture_lines!("linux-6.18__proc_net_udp6"), Endian::Little);
    let locals: Vec<_> = records.iter().map(|record| record.local.to_string()).collect();
    assert_eq!(locals, ["[::1]:8054", "[::]:8055"]);
}

#[test]
fn captured_raw_sockets_have_their_protocol_as_port() {
    let summaries: Vec<_> =
        read(fixture_lines!("linux-6.18__proc_net_raw"), Endian::Little).iter().map(summary).collect();
    let expected_raw = [
        expected("0.0.0.0:255", "0.0.0.0:0", TCP_CLOSE, 0, 0, 1_222_557),
        expected("0.0.0.0:1", "0.0.0.0:0", TCP_CLOSE, 0, 0, 1_222_555),
        expected("127.0.0.1:89", "127.0.0.2:0", TCP_ESTABLISHED, 0, 0, 1_222_556),
    ];
    assert_eq!(summaries, expected_raw);
    let records = read(fixture_lines!("linux-6.18__proc_net_raw6"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    assert_eq!(summaries, [expected("[::1]:58", "[::]:0", TCP_CLOSE, 0, 0, 1_222_558)]);
}

#[test]
fn captured_ping_sockets_have_their_identifier_as_port() {
    let records = read(fixture_lines!("linux-6.18__proc_net_icmp"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    assert_eq!(summaries, [expected("127.0.0.1:7777", "0.0.0.0:0", TCP_CLOSE, 0, 0, 1_222_559)]);
    let records = read(fixture_lines!("linux-6.18__proc_net_icmp6"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    assert_eq!(summaries, [expected("[::1]:7778", "[::1]:0", TCP_ESTABLISHED, 0, 0, 1_222_560)]);
}

#[test]
fn captured_udp_lite_sockets_are_like_those_of_udp() {
    let records = read(fixture_lines!("linux-6.18__proc_net_udplite"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    let expected_udplite = [
        expected("127.0.0.1:40136", "127.0.0.1:8136", TCP_ESTABLISHED, 0, 0, 1_222_562),
        expected("127.0.0.1:8136", "0.0.0.0:0", TCP_CLOSE, 0x340, 0, 1_222_561),
    ];
    assert_eq!(summaries, expected_udplite);
    let records = read(fixture_lines!("linux-6.18__proc_net_udplite6"), Endian::Little);
    let summaries: Vec<_> = records.iter().map(summary).collect();
    assert_eq!(summaries, [expected("[::]:8137", "[::]:0", TCP_CLOSE, 0, 0, 1_222_563)]);
}

#[test]
fn lines_of_a_big_endian_machine_are_read_on_any() {
    let records = read(fixture_lines!("linux-s390x__proc_net_tcp"), Endian::Big);
    assert_eq!(summary(&records[0]), expected("127.0.0.1:8080", "0.0.0.0:0", TCP_LISTEN, 1, 1000, 4_201_041));
    assert_eq!(
        summary(&records[1]),
        expected("192.0.2.1:22", "198.51.100.2:49374", TCP_SYN_RECV, 0, 1000, 0)
    );
    assert_eq!((records[1].timer, records[1].expires_ticks, records[1].retransmits), (1, 99, 2));
    let records = read(fixture_lines!("linux-s390x__proc_net_tcp6"), Endian::Big);
    let ends: Vec<_> = records.iter().map(|record| (record.local, record.remote)).collect();
    let end = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(
        ends,
        [
            (end("[2001:db8::1]:8081"), end("[2001:db8::2]:40005")),
            (end("[::ffff:127.0.0.1]:8081"), end("[::ffff:127.0.0.1]:40006")),
        ]
    );
    assert_eq!(records[0].tx_queue, 16);
}

#[test]
fn the_wrong_byte_order_swaps_each_word_and_no_port() {
    let record = ProcNet::decode(LISTENER.as_bytes(), Endian::Big).unwrap();
    assert_eq!(record.local.to_string(), "1.0.0.127:8080");
    assert_eq!(Endian::NATIVE == Endian::Little, cfg!(target_endian = "little"));
}

#[test]
fn a_line_cut_at_any_byte_is_an_error_until_the_inode_is_whole() {
    let whole = LISTENER.as_bytes();
    let record = ProcNet::decode(whole, Endian::Little).unwrap();
    let end = LISTENER.find("4201041 ").unwrap() + "4201041 ".len();
    for cut in 0..whole.len() {
        let read = ProcNet::decode(&whole[..cut], Endian::Little);
        assert_eq!(read.ok(), (cut >= end).then_some(record), "cut at {cut}");
    }
}

#[test]
fn a_longer_line_and_other_widths_of_columns_are_read() {
    let record = ProcNet::decode(LISTENER.as_bytes(), Endian::Little).unwrap();
    let longer = format!("{LISTENER} new 0:1\n");
    assert_eq!(ProcNet::decode(longer.as_bytes(), Endian::Little), Ok(record));
    let narrow = LISTENER.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ProcNet::decode(narrow.as_bytes(), Endian::Little), Ok(record));
    let wide = LISTENER.replace(' ', "   ");
    assert_eq!(ProcNet::decode(wide.as_bytes(), Endian::Little), Ok(record));
}

#[test]
fn a_timer_longer_than_its_column_is_read() {
    let text = LISTENER.replace(" 00:00000000 ", " 02:123456789AB ");
    let record = ProcNet::decode(text.as_bytes(), Endian::Little).unwrap();
    assert_eq!((record.timer, record.expires_ticks), (2, 0x123_4567_89ab));
}

#[test]
fn a_state_unknown_to_this_crate_is_returned_unchanged() {
    let text = LISTENER.replace(" 0A ", " FE ");
    assert_eq!(ProcNet::decode(text.as_bytes(), Endian::Little).unwrap().state, 0xfe);
}

#[test]
fn a_malformed_field_is_an_error_that_names_it_and_its_place() {
    for (text, error) in [
        ("", "malformed sl at offset 0"),
        ("  sl  local_address rem_address   st", "malformed sl at offset 2"),
        ("0: 0100007G:1F90 0", "malformed local_address at offset 12"),
        ("0: 0100007:1F90 0", "malformed local_address at offset 16"),
        ("0: :1F90 0", "malformed local_address at offset 9"),
        ("0: 0100007F:11F90 0", "malformed local_address at offset 18"),
        ("0: 0100007F:1F90 00000000000000000000000000000000:0000 ", "malformed rem_address at offset 55"),
        ("0: 0100007F:1F90 00000000:0000 100 ", "malformed st at offset 35"),
        ("0: 0100007F:1F90 00000000:0000 0A 00000000 00:", "malformed tx_queue at offset 46"),
        ("0: 0100007F:1F90 00000000:0000 0A 0:100000000 ", "malformed rx_queue at offset 46"),
        ("0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 -1 ", "malformed uid at offset 47"),
        ("0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 x ", "malformed inode at offset 50"),
    ] {
        let read = ProcNet::decode(text.as_bytes(), Endian::Little).unwrap_err().to_string();
        assert_eq!(read, format!("/proc/PID/net: {error}"), "{text:?}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_an_error(bytes in any::<Vec<u8>>(), at in 0_usize..200) {
        let _ = ProcNet::decode(&bytes, Endian::Big);
        let mut text = LISTENER.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes);
        let _ = ProcNet::decode(&text, Endian::Little);
    }

    #[test]
    fn a_socket_is_read_as_it_was_written(
        a in any::<[u8; 16]>(), b in any::<[u8; 16]>(), ports in any::<(u16, u16)>(), is_ipv4 in any::<bool>(),
        is_little in any::<bool>(), numbers in any::<(u8, u32, u32, u8, u64, u32, u32, u32, u64)>(),
    ) {
        let endian = if is_little { Endian::Little } else { Endian::Big };
        let end = |bytes: [u8; 16], port| -> SocketAddr {
            match is_ipv4 {
                true => (Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]), port).into(),
                false => (Ipv6Addr::from(bytes), port).into(),
            }
        };
        let print = |bytes: [u8; 16], port: u16| {
            let words = bytes.chunks(4).take(if is_ipv4 { 1 } else { 4 }).map(|word| {
                let word: [u8; 4] = word.try_into().unwrap();
                let number = if is_little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) };
                format!("{number:08X}")
            });
            format!("{}:{port:04X}", words.collect::<String>())
        };
        let (state, tx_queue, rx_queue, timer, expires_ticks, retransmits, uid, probes, inode) = numbers;
        let record = ProcNet {
            local: end(a, ports.0), remote: end(b, ports.1), state, tx_queue, rx_queue, timer, expires_ticks,
            retransmits, uid, probes, inode,
        };
        let text = line(
            &format!("{} {}", print(a, ports.0), print(b, ports.1)),
            &format!(
                "{state:02X} {tx_queue:08X}:{rx_queue:08X} {timer:02X}:{expires_ticks:08X} {retransmits:08X} \
                 {uid:5} {probes:8}"
            ),
            inode,
        );
        prop_assert_eq!(ProcNet::decode(&text, endian), Ok(record));
    }
}
