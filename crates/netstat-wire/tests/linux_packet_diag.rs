//! `struct packet_diag_msg` and its attributes: one packet socket a message; the request;
//! `/proc/PID/net/packet`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, fixture_lines, message};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_DUMP, NLM_F_REQUEST};
use netstat_wire::linux::packet_diag::*;
use netstat_wire::linux::proc_net_packet::ProcNetPacket;
use proptest::prelude::*;

const LINE: &str = "00000000f273bc2b 3      2    0800   7     1 5      1000   1222549\n";

fn payloads(datagram: &[u8]) -> Vec<&[u8]> {
    let data = |body| match body {
        Body::Data(payload) => Some(payload),
        _ => None,
    };
    Messages::new(datagram).filter_map(|message| data(message.unwrap().body)).collect()
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

fn record(kind: u8, protocol: u16, inode: u32, cookie: [u32; 2]) -> Vec<u8> {
    [&[17, kind], &protocol.to_ne_bytes()[..], &words(&[inode, cookie[0], cookie[1]])].concat()
}

fn memberships<'a>(socket: &PacketDiagMsg<'a>) -> Option<Vec<PacketMembership<'a>>> {
    socket.memberships.clone().map(Iterator::collect)
}

#[test]
fn the_request_is_the_captured_one() {
    if !common::little_endian() {
        return;
    }
    let show = PACKET_SHOW_INFO
        | PACKET_SHOW_MCLIST
        | PACKET_SHOW_RING_CFG
        | PACKET_SHOW_FANOUT
        | PACKET_SHOW_MEMINFO
        | PACKET_SHOW_FILTER;
    let request = PacketDiagRequest { show };
    assert_eq!(request.encode(NLM_F_DUMP, 0x1001), fixture!("linux-6.18__req_packet_dump"));
}

#[test]
fn captured_sockets_are_read_in_full() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__packet_dump");
    let sockets: Vec<_> =
        payloads(&datagram).into_iter().map(|payload| PacketDiagMsg::decode(payload).unwrap()).collect();
    let [all, ipv4, ring] = &sockets[..] else {
        panic!("three sockets: {sockets:?}");
    };

    assert_eq!((all.family, all.kind, all.protocol, all.inode), (AF_PACKET, 3, 3, 1_222_548));
    assert_eq!((all.cookie, all.uid), (0x1dd18, Some(0)));
    let info =
        PacketInfo { index: 1, version: 0, reserve: 0, copy_threshold: 0, timestamp: 0, flags: PDI_RUNNING };
    assert_eq!(all.info, Some(info));
    let membership = |kind, address| PacketMembership { index: 1, count: 1, kind, address };
    let expected = vec![membership(0, &[1, 0, 0x5e, 0, 0, 1][..]), membership(1, &[][..])];
    assert_eq!(memberships(all), Some(expected));
    assert_eq!((all.rx_ring, all.fanout, all.filter), (None, None, None));

    assert_eq!((ipv4.kind, ipv4.protocol), (2, 0x0800));
    assert_eq!(ipv4.info, Some(PacketInfo { flags: PDI_RUNNING | PDI_AUXDATA, ..info }));
    assert_eq!(memberships(ipv4), Some(vec![]));
    assert_eq!(ipv4.fanout, Some(PacketFanout { id: 42, kind: 1 }));
    assert_eq!(ipv4.filter, Some(&[6, 0, 0, 0, 0xff, 0xff, 0, 0][..]));
    assert_eq!(ipv4.memory.unwrap().optmem, 136);

    assert_eq!((ring.kind, ring.protocol), (3, 0));
    assert_eq!(ring.info, Some(PacketInfo { index: 0, version: 2, flags: 0, ..info }));
    let expected = PacketRing {
        block_size: 4096,
        block_count: 2,
        frame_size: 2048,
        frame_count: 4,
        retire_timeout_ms: 60,
        private_size: 0,
        features: 0,
    };
    assert_eq!((ring.rx_ring, ring.tx_ring), (Some(expected), None));
}

/// Every attribute with numbers of its own, and its minimum length.
fn every_attribute() -> Vec<(u16, Vec<u8>)> {
    vec![
        (PACKET_DIAG_INFO, words(&[1, 2, 3, 4, 5, 6])),
        (PACKET_DIAG_MCLIST, [words(&[7, 8]), vec![9; 36]].concat()),
        (PACKET_DIAG_RX_RING, words(&[11, 12, 13, 14, 15, 16, 17])),
        (PACKET_DIAG_TX_RING, words(&[21, 22, 23, 24, 25, 26, 27])),
        (PACKET_DIAG_FANOUT, words(&[0x0102_0304])),
        (PACKET_DIAG_UID, words(&[31])),
        (PACKET_DIAG_MEMINFO, words(&[41, 42, 43, 44, 45, 46, 47])),
        (PACKET_DIAG_FILTER, vec![51; 16]),
    ]
}

#[test]
fn every_attribute_has_its_field() {
    let mut payload = record(10, 0x88cc, 100, [5, 6]);
    for (kind, bytes) in every_attribute() {
        payload.extend(attribute(77, b"?"));
        let longer = ![PACKET_DIAG_MCLIST, PACKET_DIAG_FILTER, PACKET_DIAG_MEMINFO].contains(&kind);
        payload.extend(attribute(kind, &[bytes, vec![9; if longer { 4 } else { 0 }]].concat()));
    }
    let socket = PacketDiagMsg::decode(&payload).unwrap();
    assert_eq!((socket.kind, socket.protocol, socket.inode), (10, 0x88cc, 100));
    assert_eq!(socket.cookie, 0x0000_0006_0000_0005);
    let info = socket.info.unwrap();
    assert_eq!((info.index, info.version, info.reserve), (1, 2, 3));
    assert_eq!((info.copy_threshold, info.timestamp, info.flags), (4, 5, 6));
    // An address longer than its field is truncated to it.
    let membership = PacketMembership { index: 7, count: 8, kind: 0x0909, address: &[9; 32] };
    assert_eq!(memberships(&socket), Some(vec![membership]));
    let ring = |first| PacketRing {
        block_size: first,
        block_count: first + 1,
        frame_size: first + 2,
        frame_count: first + 3,
        retire_timeout_ms: first + 4,
        private_size: first + 5,
        features: first + 6,
    };
    assert_eq!((socket.rx_ring, socket.tx_ring), (Some(ring(11)), Some(ring(21))));
    assert_eq!(socket.fanout, Some(PacketFanout { id: 0x0304, kind: 0x0102 }));
    assert_eq!((socket.uid, socket.filter), (Some(31), Some(&[51; 16][..])));
    assert_eq!(socket.memory.map(|memory| (memory.rmem_alloc, memory.drops)), Some((41, None)));
}

#[test]
fn an_attribute_shorter_than_its_type_is_an_error() {
    for (kind, bytes) in every_attribute() {
        for cut in 0..bytes.len() {
            let payload = [record(3, 3, 1, [1, 0]), attribute(kind, &bytes[..cut])].concat();
            let may_be_any = kind == PACKET_DIAG_FILTER || (kind == PACKET_DIAG_MCLIST && cut == 0);
            assert_eq!(PacketDiagMsg::decode(&payload).is_ok(), may_be_any, "attribute {kind} cut at {cut}");
        }
    }
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_or_lacks_attributes() {
    let mut payload = record(3, 3, 1, [1, 0]);
    let mut ends = vec![payload.len()];
    for (kind, bytes) in every_attribute() {
        payload.extend(attribute(kind, &bytes));
        ends.push(payload.len());
    }
    for cut in 0..=payload.len() {
        assert_eq!(PacketDiagMsg::decode(&payload[..cut]).is_ok(), ends.contains(&cut), "cut at {cut}");
    }
}

#[test]
fn captured_lines_agree_with_the_records() {
    let read = fixture_lines!("linux-6.18__proc_net_packet")
        .map(|line| ProcNetPacket::decode(format!("{line}\n").as_bytes()).unwrap());
    let read: Vec<_> = read.collect();
    let line = |kind, protocol, index, running, inode| ProcNetPacket {
        kind,
        protocol,
        index: Some(index),
        running,
        rmem: 0,
        uid: 0,
        inode,
    };
    let expected = [
        line(3, 3, 1, true, 1_222_548),
        line(2, 0x0800, 1, true, 1_222_549),
        line(3, 0, 0, false, 1_222_550),
    ];
    assert_eq!(read, expected);
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__packet_dump");
    for (payload, line) in payloads(&datagram).into_iter().zip(read) {
        let socket = PacketDiagMsg::decode(payload).unwrap();
        let info = socket.info.unwrap();
        let same = ProcNetPacket {
            kind: socket.kind.into(),
            protocol: socket.protocol,
            index: Some(info.index),
            running: info.flags & PDI_RUNNING != 0,
            rmem: socket.memory.unwrap().rmem_alloc,
            uid: socket.uid.unwrap(),
            inode: socket.inode.into(),
        };
        assert_eq!(line, same);
    }
}

#[test]
fn a_line_cut_at_any_byte_is_an_error_and_a_longer_one_is_read() {
    let whole = ProcNetPacket::decode(LINE.as_bytes()).unwrap();
    assert_eq!((whole.index, whole.rmem, whole.uid), (Some(7), 5, 1000));
    for cut in 0..LINE.len() {
        assert!(ProcNetPacket::decode(&LINE.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    let longer = LINE.replace('\n', " 3 new\n");
    assert_eq!(ProcNetPacket::decode(longer.as_bytes()), Ok(whole));
    // A device that no longer exists.
    let gone = LINE.replace(" 7  ", " -1 ");
    assert_eq!(ProcNetPacket::decode(gone.as_bytes()), Ok(ProcNetPacket { index: None, ..whole }));
}

#[test]
fn a_malformed_column_is_an_error_that_names_it() {
    for (from, to, error) in [
        (" 2 ", " 65536 ", "malformed Type"),
        ("0800", "10800", "malformed Proto"),
        ("0800", "08x0", "malformed Proto"),
        (" 7 ", " -2 ", "malformed Iface"),
        (" 1 5", " y 5", "malformed R"),
        (" 5 ", " -5 ", "malformed Rmem"),
        ("1000 ", "u ", "malformed User"),
        ("1222549", "x", "malformed Inode"),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE, "{from}");
        let read = ProcNetPacket::decode(line.as_bytes()).unwrap_err().to_string();
        assert_eq!(read.split(" at ").next(), Some(&*format!("/proc/PID/net/packet: {error}")));
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_an_error(bytes in any::<Vec<u8>>(), at in 0_usize..100) {
        let _ = PacketDiagMsg::decode(&bytes);
        let payload = [record(3, 3, 1, [1, 0]), bytes.clone()].concat();
        if let Ok(socket) = PacketDiagMsg::decode(&payload) {
            prop_assert!(memberships(&socket).unwrap_or_default().len() * 44 < payload.len());
        }
        let _ = ProcNetPacket::decode(&bytes);
        let mut text = LINE.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes);
        let _ = ProcNetPacket::decode(&text);
    }

    #[test]
    fn a_line_is_read_as_it_was_printed(numbers in any::<(u16, u16, u32, bool, u32, u32, u64)>()) {
        let (kind, protocol, index, running, rmem, uid, inode) = numbers;
        let line = format!(
            "{:016x} {:<6} {kind:<4} {protocol:04x}   {index:<5} {:<1} {rmem:<6} {uid:<6} {inode:<6}\n",
            1, 2, u8::from(running)
        );
        let expected = ProcNetPacket { kind, protocol, index: Some(index), running, rmem, uid, inode };
        prop_assert_eq!(ProcNetPacket::decode(line.as_bytes()), Ok(expected));
    }

    #[test]
    fn a_request_has_every_value_in_its_place(show in any::<u32>(), flags in any::<u16>()) {
        let bytes = PacketDiagRequest { show }.encode(flags, 3);
        let body = [vec![17, 0, 0, 0], words(&[0, show, u32::MAX, u32::MAX])].concat();
        prop_assert_eq!(bytes, message(20, flags | NLM_F_REQUEST, 3, 0, &body));
    }
}
