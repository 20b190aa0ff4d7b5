//! `struct netlink_diag_msg` and its attributes: one netlink socket a message; the request;
//! `/proc/PID/net/netlink`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, fixture_lines, message};
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_DUMP, NLM_F_REQUEST};
use netstat_wire::linux::netlink_diag::*;
use netstat_wire::linux::proc_net_netlink::ProcNetNetlink;
use proptest::prelude::*;

const LINE: &str =
    "00000000f2b088eb 0   195939070  00000011 5        6        0     2        7        1222545 \n";

fn payloads(datagram: &[u8]) -> Vec<&[u8]> {
    let data = |body| match body {
        Body::Data(payload) => Some(payload),
        _ => None,
    };
    Messages::new(datagram).filter_map(|message| data(message.unwrap().body)).collect()
}

fn record(fields: [u8; 4], words: [u32; 6]) -> Vec<u8> {
    [&fields[..], words.map(u32::to_ne_bytes).as_flattened()].concat()
}

fn groups(socket: &NetlinkDiagMsg<'_>) -> Option<Vec<u32>> {
    socket.groups.clone().map(Iterator::collect)
}

#[test]
fn the_request_is_the_captured_one() {
    if !common::little_endian() {
        return;
    }
    let show = NDIAG_SHOW_MEMINFO | NDIAG_SHOW_GROUPS | NDIAG_SHOW_FLAGS;
    let request = NetlinkDiagRequest { protocol: NDIAG_PROTO_ALL, show };
    assert_eq!(request.encode(NLM_F_DUMP, 0x1001), fixture!("linux-6.18__req_netlink_dump"));
}

#[test]
fn captured_sockets_are_read_in_full() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__netlink_dump");
    let sockets: Vec<_> =
        payloads(&datagram).into_iter().map(|payload| NetlinkDiagMsg::decode(payload).unwrap()).collect();
    assert_eq!(sockets.len(), 12);
    let of = |inode| sockets.iter().find(|socket| socket.inode == inode).unwrap();

    let route = of(1_222_545);
    assert_eq!((route.family, route.kind, route.protocol, route.state), (AF_NETLINK, 3, 0, 7));
    assert_eq!((route.port_id, route.destination_port_id, route.destination_group), (0x0bad_cafe, 0, 0));
    assert_eq!(groups(route), Some(vec![1, 5, 33]));
    // A member of groups, so reported twice.
    assert_eq!(sockets.iter().filter(|socket| *socket == route).count(), 2);
    assert_eq!((route.flags, route.memory.unwrap().sndbuf), (Some(0), 212_992));

    let connected = of(1_222_546);
    assert_eq!((connected.kind, connected.protocol, connected.state), (2, 15, 1));
    assert_eq!((connected.port_id, connected.destination_group), (1, 2));
    assert_eq!(connected.flags, Some(NDIAG_FLAG_PKTINFO | NDIAG_FLAG_NO_ENOBUFS));

    // The kernel's own: no port, but an inode.
    let of_kernel: Vec<_> = sockets.iter().filter(|socket| socket.port_id == 0).collect();
    assert_eq!(of_kernel.len(), 8);
    assert!(of_kernel.iter().all(|socket| socket.inode != 0 && socket.state == 7));
    // The requester itself, whose dump is running.
    let asker = sockets.iter().find(|socket| socket.protocol == 4 && socket.port_id != 0).unwrap();
    assert_eq!(asker.flags, Some(NDIAG_FLAG_CB_RUNNING));
}

#[test]
fn groups_are_bits_of_words_of_the_machine() {
    let words = [0x8000_0001_usize, 1 << (usize::BITS - 1), 2];
    let bitmap: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let payload = [record([16, 2, 0, 0], [0; 6]), attribute(NETLINK_DIAG_GROUPS, &bitmap)].concat();
    let socket = NetlinkDiagMsg::decode(&payload).unwrap();
    assert_eq!(groups(&socket), Some(vec![1, 32, usize::BITS * 2, usize::BITS * 2 + 2]));
    let payload = [record([16, 2, 0, 0], [0; 6]), attribute(NETLINK_DIAG_GROUPS, &[])].concat();
    assert_eq!(groups(&NetlinkDiagMsg::decode(&payload).unwrap()), Some(vec![]));
}

#[test]
fn unknown_attributes_are_skipped_and_longer_ones_are_read() {
    let fixed = record([16, 3, 16, 1], [1, 2, 3, 4, 5, 6]);
    let bare = NetlinkDiagMsg::decode(&fixed).unwrap();
    assert_eq!(
        bare,
        NetlinkDiagMsg {
            family: 16,
            kind: 3,
            protocol: 16,
            state: 1,
            port_id: 1,
            destination_port_id: 2,
            destination_group: 3,
            inode: 4,
            cookie: 0x0000_0006_0000_0005,
            groups: None,
            memory: None,
            flags: None,
        }
    );
    let mut payload = fixed.clone();
    payload.extend(attribute(77, b"?"));
    payload.extend(attribute(NETLINK_DIAG_FLAGS, &[1, 0, 0, 0, 9]));
    payload.extend(attribute(NETLINK_DIAG_FLAGS, &[0x20_u32.to_ne_bytes(), [9; 4]].concat()));
    let read = NetlinkDiagMsg::decode(&payload).unwrap();
    assert_eq!(read, NetlinkDiagMsg { flags: Some(NDIAG_FLAG_CAP_ACK), ..bare });
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_or_lacks_attributes() {
    let mut payload = record([16, 3, 16, 1], [1, 2, 3, 4, 5, 6]);
    let fixed = payload.len();
    payload.extend(attribute(NETLINK_DIAG_FLAGS, &[1, 0, 0, 0]));
    payload.extend(attribute(NETLINK_DIAG_MEMINFO, &[1; 36]));
    payload.extend(attribute(NETLINK_DIAG_GROUPS, &[1; 8]));
    let ends = [fixed, fixed + 8, fixed + 48, fixed + 60];
    for cut in 0..=payload.len() {
        assert_eq!(NetlinkDiagMsg::decode(&payload[..cut]).is_ok(), ends.contains(&cut), "cut at {cut}");
    }
    for (kind, shortest) in [(NETLINK_DIAG_FLAGS, 4), (NETLINK_DIAG_MEMINFO, 28)] {
        for cut in 0..=shortest {
            let bytes = [&payload[..fixed], &attribute(kind, &vec![1; cut])].concat();
            assert_eq!(NetlinkDiagMsg::decode(&bytes).is_ok(), cut == shortest, "attribute {kind} of {cut}");
        }
    }
}

#[test]
fn captured_lines_agree_with_the_records() {
    let lines: Vec<_> = fixture_lines!("linux-6.18__proc_net_netlink").collect();
    let read = lines.iter().map(|line| ProcNetNetlink::decode(format!("{line}\n").as_bytes()).unwrap());
    let read: Vec<_> = read.collect();
    // All but the requester.
    assert_eq!(read.len(), 10);
    let expected = ProcNetNetlink {
        protocol: 0,
        port_id: 0x0bad_cafe,
        groups: 0x11,
        rmem: 0,
        wmem: 0,
        drops: 0,
        inode: 1_222_545,
    };
    assert!(read.contains(&expected));
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__netlink_dump");
    for payload in payloads(&datagram) {
        let socket = NetlinkDiagMsg::decode(payload).unwrap();
        let line = read.iter().find(|line| line.inode == u64::from(socket.inode));
        let Some(line) = line else {
            assert_eq!(socket.flags.map(|flags| flags & NDIAG_FLAG_CB_RUNNING), Some(1));
            continue;
        };
        assert_eq!((line.protocol, line.port_id), (socket.protocol, socket.port_id));
    }
}

#[test]
fn a_line_cut_at_any_byte_is_an_error_until_the_inode_is_whole() {
    let whole = ProcNetNetlink::decode(LINE.as_bytes()).unwrap();
    assert_eq!((whole.rmem, whole.wmem, whole.drops), (5, 6, 7));
    let end = LINE.find("1222545 ").unwrap() + "1222545 ".len();
    for cut in 0..LINE.len() {
        let read = ProcNetNetlink::decode(&LINE.as_bytes()[..cut]);
        assert_eq!(read.ok(), (cut >= end).then_some(whole), "cut at {cut}");
    }
}

#[test]
fn a_malformed_column_is_an_error_that_names_it_and_its_place() {
    for (from, to, error) in [
        ("00000000f2b088eb 0   ", "00000000f2b088eb 256 ", "malformed Eth at offset 16"),
        ("195939070 ", "-4097 ", "malformed Pid at offset 18"),
        ("00000011", "0000001g", "malformed Groups at offset 30"),
        (" 7 ", " x ", "malformed Drops at offset 66"),
        ("1222545", "12x", "malformed Inode at offset 75"),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE, "{from}");
        let read = ProcNetNetlink::decode(line.as_bytes()).unwrap_err().to_string();
        assert!(read.starts_with("/proc/PID/net/netlink: "), "{read}");
        assert_eq!(read.split(" at ").next(), format!("/proc/PID/net/netlink: {error}").split(" at ").next());
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_an_error(bytes in any::<Vec<u8>>(), at in 0_usize..100) {
        let _ = NetlinkDiagMsg::decode(&bytes);
        let payload = [record([16, 3, 0, 0], [0; 6]), bytes.clone()].concat();
        if let Ok(socket) = NetlinkDiagMsg::decode(&payload) {
            let groups = groups(&socket).unwrap_or_default();
            prop_assert!(groups.iter().all(|group| *group >= 1) && groups.is_sorted());
        }
        let _ = ProcNetNetlink::decode(&bytes);
        let mut text = LINE.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes);
        let _ = ProcNetNetlink::decode(&text);
    }

    #[test]
    fn a_line_is_read_as_it_was_printed(numbers in any::<(u8, u32, u32, u32, u32, u32, u64)>()) {
        let (protocol, port_id, groups, rmem, wmem, drops, inode) = numbers;
        let line = format!(
            "{:016x} {protocol:<3} {port_id:<10} {groups:08x} {rmem:<8} {wmem:<8} {:<5} {:<8} {drops:<8} {inode:<8}\n",
            1, 0, 2
        );
        let expected = ProcNetNetlink { protocol, port_id, groups, rmem, wmem, drops, inode };
        prop_assert_eq!(ProcNetNetlink::decode(line.as_bytes()), Ok(expected));
    }

    #[test]
    fn a_request_has_every_value_in_its_place(protocol in any::<u8>(), show in any::<u32>(), flags in any::<u16>()) {
        let bytes = NetlinkDiagRequest { protocol, show }.encode(flags, 3);
        let words = [0, show, u32::MAX, u32::MAX].map(u32::to_ne_bytes);
        let body = [&[16, protocol, 0, 0], words.as_flattened()].concat();
        prop_assert_eq!(bytes, message(20, flags | NLM_F_REQUEST, 3, 0, &body));
    }
}
