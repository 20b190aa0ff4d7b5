//! `struct unix_diag_msg` and its attributes: one unix socket a message; and the request.
#![allow(clippy::unwrap_used)]

mod common;

use common::{attribute, fixture, message};
use netstat_wire::linux::inet_diag_memory::SkMemInfo;
use netstat_wire::linux::netlink::{Body, Messages, NLM_F_DUMP, NLM_F_REQUEST};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN};
use netstat_wire::linux::unix_diag::*;
use proptest::prelude::*;

fn payloads(datagram: &[u8]) -> Vec<&[u8]> {
    let data = |body| match body {
        Body::Data(payload) => Some(payload),
        _ => None,
    };
    Messages::new(datagram).filter_map(|message| data(message.unwrap().body)).collect()
}

/// The low half first.
fn halves(cookie: u64) -> [u32; 2] {
    [cookie & u64::from(u32::MAX), cookie >> 32].map(|half| half.try_into().unwrap())
}

fn record(kind: u8, state: u8, inode: u32, cookie: u64) -> Vec<u8> {
    let [low, high] = halves(cookie);
    let words = [inode, low, high].map(u32::to_ne_bytes);
    [&[1, kind, state, 0], words.as_flattened()].concat()
}

/// A socket without an attribute.
fn bare<'a>(kind: u8, state: u8, inode: u32, cookie: u64) -> UnixDiagMsg<'a> {
    UnixDiagMsg {
        family: AF_UNIX,
        kind,
        state,
        inode,
        cookie,
        name: None,
        vfs: None,
        peer: None,
        icons: None,
        queues: None,
        memory: None,
        shutdown: None,
        uid: None,
    }
}

fn icons(socket: &UnixDiagMsg<'_>) -> Option<Vec<u32>> {
    socket.icons.clone().map(Iterator::collect)
}

fn every_attribute() -> Vec<(u16, Vec<u8>)> {
    let words = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
    vec![
        (UNIX_DIAG_NAME, b"\0a\0\nb".to_vec()),
        (UNIX_DIAG_VFS, words(&[101, 0x0fe0_0007])),
        (UNIX_DIAG_PEER, words(&[102])),
        (UNIX_DIAG_ICONS, words(&[103, 0, 104])),
        (UNIX_DIAG_RQLEN, words(&[105, 106])),
        (UNIX_DIAG_MEMINFO, words(&[107, 108, 109, 110, 111, 112, 113, 114, 115])),
        (UNIX_DIAG_SHUTDOWN, vec![3]),
        (UNIX_DIAG_UID, words(&[116])),
    ]
}

#[test]
fn the_request_is_the_captured_one() {
    if !common::little_endian() {
        return;
    }
    let show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID;
    let request = UnixDiagRequest { states: u32::MAX, show, ..UnixDiagRequest::default() };
    assert_eq!(request.encode(NLM_F_DUMP, 0x1001), fixture!("linux-6.18__req_unix_dump"));
}

#[test]
fn an_exact_request_has_the_socket_in_its_places() {
    let request = UnixDiagRequest { states: 1, inode: 2, show: 3, cookie: 0x0000_0005_0000_0004 };
    let words = [1_u32, 2, 3, 4, 5].map(u32::to_ne_bytes);
    let body = [&[1, 0, 0, 0], words.as_flattened()].concat();
    assert_eq!(request.encode(0, 9), message(20, NLM_F_REQUEST, 9, 0, &body));
}

#[test]
fn captured_sockets_are_read_in_full() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__unix_dump");
    let sockets: Vec<_> =
        payloads(&datagram).into_iter().map(|payload| UnixDiagMsg::decode(payload).unwrap()).collect();
    let of = |inode| sockets.iter().find(|socket| socket.inode == inode).unwrap().clone();
    assert_eq!(sockets.len(), 17);
    let queues = |rqueue, wqueue| Some(RqLen { rqueue, wqueue });
    let file = |inode| Some(UnixDiagVfs { inode, device: 40 });
    let usual = |kind, state, inode| UnixDiagMsg {
        queues: queues(0, 0),
        shutdown: Some(0),
        uid: Some(0),
        cookie: of(inode).cookie,
        ..bare(kind, state, inode, 0)
    };

    let listener = UnixDiagMsg {
        name: Some(UnixName::Path(b"/tmp/netstat-fixture/listener")),
        vfs: file(2),
        queues: queues(3, 5),
        ..usual(1, TCP_LISTEN, 1_222_512)
    };
    assert_eq!(of(1_222_512), listener);
    // Clients of connections that wait: no process has the peer.
    for inode in [1_222_513, 1_222_515] {
        let waiting = UnixDiagMsg { peer: Some(0), ..usual(1, TCP_ESTABLISHED, inode) };
        assert_eq!(of(inode), waiting);
    }
    // A connection, from both ends: the accepted end has the listener's name and file.
    let served = UnixName::Path(b"/tmp/netstat-fixture/served");
    let accepted = UnixDiagMsg {
        name: Some(served),
        vfs: file(3),
        peer: Some(1_222_517),
        queues: queues(12, 0),
        ..usual(1, TCP_ESTABLISHED, 1_222_518)
    };
    assert_eq!(of(1_222_518), accepted);
    let client =
        UnixDiagMsg { peer: Some(1_222_518), queues: queues(0, 768), ..usual(1, TCP_ESTABLISHED, 1_222_517) };
    assert_eq!(of(1_222_517), client);
    // A pair, one end shut down for writing.
    let end = |inode, peer, shutdown| UnixDiagMsg {
        peer: Some(peer),
        shutdown: Some(shutdown),
        ..usual(1, TCP_ESTABLISHED, inode)
    };
    assert_eq!(of(1_222_519), end(1_222_519, 1_222_520, 1));
    assert_eq!(of(1_222_520), end(1_222_520, 1_222_519, 2));
    // Datagrams: the receiver is connected to nothing, and still ESTABLISHED.
    let receiver = UnixDiagMsg {
        name: Some(UnixName::Abstract(b"netstat-fixture\0with NUL\nand newline")),
        queues: queues(1, 0),
        ..usual(2, TCP_ESTABLISHED, 1_222_521)
    };
    assert_eq!(of(1_222_521), receiver);
    let sender = UnixDiagMsg {
        peer: Some(1_222_521),
        queues: queues(0, 768),
        uid: Some(1000),
        ..usual(2, TCP_ESTABLISHED, 1_222_522)
    };
    assert_eq!(of(1_222_522), sender);
    assert_eq!(of(1_222_529), usual(2, TCP_CLOSE, 1_222_529));
}

#[test]
fn captured_names_are_kept_to_the_byte() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__unix_dump");
    let name = |inode| {
        let sockets = payloads(&datagram).into_iter().map(|payload| UnixDiagMsg::decode(payload).unwrap());
        sockets.into_iter().find(|socket| socket.inode == inode).unwrap().name
    };
    assert_eq!(name(1_222_523), Some(UnixName::Path(b"/tmp/netstat-fixture/two\nlines")));
    // A relative path, which /proc/net/unix prints like an abstract name.
    assert_eq!(name(1_222_524), Some(UnixName::Path(b"@relative")));
    assert_eq!(name(1_222_525), Some(UnixName::Path(b"/tmp/netstat-fixture/deleted")));
    assert_eq!(name(1_222_526), Some(UnixName::Abstract(b"2bd8e")));
    let long = name(1_222_527).unwrap();
    assert_eq!((long.as_bytes().len(), long.as_bytes().ends_with(b"ll")), (UNIX_PATH_MAX, true));
    let forging = b"x\n0000000000000000: 00000002 00000000 00010000 0001 01  4242 /run/forged";
    assert_eq!(name(1_222_528), Some(UnixName::Abstract(forging)));
}

#[test]
fn a_captured_listener_has_an_inode_for_each_connection_that_waits() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__unix_listener_icons");
    let socket = UnixDiagMsg::decode(payloads(&datagram)[0]).unwrap();
    // The second was closed by the end that connected.
    assert_eq!(icons(&socket), Some(vec![1_222_513, 0, 1_222_515]));
    assert_eq!(socket.queues, Some(RqLen { rqueue: 3, wqueue: 5 }));
    assert_eq!(socket.memory.unwrap().rcvbuf, 212_992);
}

#[test]
fn a_captured_socket_whose_other_end_is_closed_has_peer_zero() {
    if !common::little_endian() {
        return;
    }
    let datagram = fixture!("linux-6.18__unix_peer_closed");
    let read: Vec<_> = payloads(&datagram)
        .into_iter()
        .map(|payload| UnixDiagMsg::decode(payload).unwrap())
        .map(|socket| (socket.kind, socket.state, socket.peer, socket.shutdown))
        .collect();
    assert_eq!(read, [(1, TCP_ESTABLISHED, Some(0), Some(3)), (2, TCP_ESTABLISHED, Some(0), Some(0))]);
}

#[test]
fn every_attribute_has_its_field() {
    let attributes = every_attribute();
    let fixed = record(5, 10, 100, 0x0102_0304_0506_0708);
    let payload: Vec<u8> = [fixed]
        .into_iter()
        .chain(attributes.iter().map(|(kind, payload)| attribute(*kind, payload)))
        .flatten()
        .collect();
    let socket = UnixDiagMsg::decode(&payload).unwrap();
    assert_eq!(icons(&socket), Some(vec![103, 0, 104]));
    let memory = SkMemInfo {
        rmem_alloc: 107,
        rcvbuf: 108,
        wmem_alloc: 109,
        sndbuf: 110,
        fwd_alloc: 111,
        wmem_queued: 112,
        optmem: 113,
        backlog: Some(114),
        drops: Some(115),
    };
    let expected = UnixDiagMsg {
        name: Some(UnixName::Abstract(b"a\0\nb")),
        vfs: Some(UnixDiagVfs { inode: 101, device: 0x0fe0_0007 }),
        peer: Some(102),
        icons: socket.icons.clone(),
        queues: Some(RqLen { rqueue: 105, wqueue: 106 }),
        memory: Some(memory),
        shutdown: Some(3),
        uid: Some(116),
        ..bare(5, 10, 100, 0x0102_0304_0506_0708)
    };
    assert_eq!(socket, expected);
    // Longer ones than known, and unknown ones in between, have the same result.
    let mut longer = record(5, 10, 100, 0x0102_0304_0506_0708);
    for (kind, payload) in &attributes {
        longer.extend(attribute(99, b"?"));
        let open = [UNIX_DIAG_NAME, UNIX_DIAG_ICONS].contains(kind);
        let payload = if open { payload.clone() } else { [payload, &[7; 8][..]].concat() };
        longer.extend(attribute(kind | 0x8000, &payload));
    }
    assert_eq!(UnixDiagMsg::decode(&longer), Ok(expected));
}

#[test]
fn a_device_is_split_as_the_kernel_has_it() {
    let vfs = UnixDiagVfs { inode: 1, device: 0x0fe0_0000 };
    assert_eq!((vfs.major(), vfs.minor()), (254, 0));
    let vfs = UnixDiagVfs { inode: 1, device: 0x0080_1234 };
    assert_eq!((vfs.major(), vfs.minor()), (8, 0x1234));
}

#[test]
fn the_last_of_several_counts_and_an_empty_name_is_none() {
    let mut payload = record(1, 7, 1, 1);
    payload.extend(attribute(UNIX_DIAG_SHUTDOWN, &[1]));
    payload.extend(attribute(UNIX_DIAG_SHUTDOWN, &[2]));
    payload.extend(attribute(UNIX_DIAG_NAME, b""));
    payload.extend(attribute(UNIX_DIAG_ICONS, b""));
    let socket = UnixDiagMsg::decode(&payload).unwrap();
    assert_eq!((socket.shutdown, socket.name, icons(&socket)), (Some(2), None, Some(vec![])));
}

#[test]
fn an_attribute_shorter_than_its_type_is_an_error_that_names_it() {
    for (kind, payload) in every_attribute() {
        // A name may have any length, and a list any whole number; memory began with seven numbers.
        let shortest = match kind {
            UNIX_DIAG_NAME => continue,
            UNIX_DIAG_MEMINFO => 28,
            _ => payload.len(),
        };
        for cut in 0..shortest {
            let bytes = [record(1, 7, 1, 1), attribute(kind, &payload[..cut])].concat();
            let read = UnixDiagMsg::decode(&bytes);
            let whole_list = kind == UNIX_DIAG_ICONS && cut % 4 == 0;
            assert_eq!(read.is_err(), !whole_list, "attribute {kind} cut at {cut}");
        }
    }
    let bytes = [record(1, 7, 1, 1), attribute(UNIX_DIAG_ICONS, &[0; 7])].concat();
    let error = UnixDiagMsg::decode(&bytes).unwrap_err().to_string();
    assert_eq!(error, "UNIX_DIAG_ICONS: 4 bytes needed at offset 4, 3 there");
}

#[test]
fn a_record_cut_at_any_byte_is_an_error_or_lacks_attributes() {
    let mut payload = record(5, 10, 100, 7);
    let mut ends = vec![payload.len()];
    for (kind, bytes) in every_attribute() {
        payload.extend(attribute(kind, &bytes));
        ends.push(payload.len());
    }
    let whole = UnixDiagMsg::decode(&payload).unwrap();
    for cut in 0..payload.len() {
        let Ok(read) = UnixDiagMsg::decode(&payload[..cut]) else {
            continue;
        };
        // Padding may be missing, a byte of an attribute may not.
        assert!(ends.iter().any(|end| (cut..cut + 4).contains(end)), "cut at {cut}");
        let filled = UnixDiagMsg {
            name: read.name.or(whole.name),
            vfs: read.vfs.or(whole.vfs),
            peer: read.peer.or(whole.peer),
            icons: read.icons.clone().or(whole.icons.clone()),
            queues: read.queues.or(whole.queues),
            memory: read.memory.or(whole.memory),
            shutdown: read.shutdown.or(whole.shutdown),
            uid: read.uid.or(whole.uid),
            ..read
        };
        assert_eq!(filled, whole, "cut at {cut}");
    }
    assert!(UnixDiagMsg::decode(&payload[..15]).is_err());
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = UnixDiagMsg::decode(&bytes);
        let with_attributes = [record(1, 7, 1, 1), bytes].concat();
        if let Ok(socket) = UnixDiagMsg::decode(&with_attributes) {
            prop_assert!(icons(&socket).is_none_or(|inodes| inodes.len() * 4 < with_attributes.len()));
        }
    }

    #[test]
    fn a_socket_is_read_as_it_was_written(
        fields in any::<(u8, u8, u32, u64)>(), name in proptest::collection::vec(any::<u8>(), 0..108),
        peer in any::<Option<u32>>(), waiting in any::<Vec<u32>>(), uid in any::<u32>(),
    ) {
        let (kind, state, inode, cookie) = fields;
        let mut payload = record(kind, state, inode, cookie);
        payload.extend(attribute(UNIX_DIAG_NAME, &[&[0], &name[..]].concat()));
        if let Some(peer) = peer {
            payload.extend(attribute(UNIX_DIAG_PEER, &peer.to_ne_bytes()));
        }
        let list: Vec<u8> = waiting.iter().flat_map(|inode| inode.to_ne_bytes()).collect();
        payload.extend(attribute(UNIX_DIAG_ICONS, &list));
        payload.extend(attribute(UNIX_DIAG_UID, &uid.to_ne_bytes()));
        let read = UnixDiagMsg::decode(&payload).unwrap();
        prop_assert_eq!(icons(&read), Some(waiting));
        let expected = UnixDiagMsg {
            name: Some(UnixName::Abstract(&name)), peer, uid: Some(uid), icons: read.icons.clone(),
            ..bare(kind, state, inode, cookie)
        };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_request_has_every_value_in_its_place(fields in any::<(u32, u32, u32, u64)>(), flags in any::<u16>()) {
        let (states, inode, show, cookie) = fields;
        let bytes = UnixDiagRequest { states, inode, show, cookie }.encode(flags, 3);
        let [low, high] = halves(cookie);
        let words = [states, inode, show, low, high].map(u32::to_ne_bytes);
        let body = [&[1, 0, 0, 0], words.as_flattened()].concat();
        prop_assert_eq!(bytes, message(20, flags | NLM_F_REQUEST, 3, 0, &body));
    }
}
