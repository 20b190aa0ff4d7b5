//! The tables of IP sockets, `net.inet.{tcp,udp}.pcblist_n`.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::macos::address::Address;
use netstat_wire::macos::pcblist_n::*;
use netstat_wire::macos::records::*;
use netstat_wire::macos::socket_state::*;
use netstat_wire::macos::tcp_states::*;
use proptest::prelude::*;
use std::net::Ipv6Addr;

/// Fills the bytes that the decoder ignores.
const JUNK: u8 = 0xa5;

/// A record with its length, kind and padding, and fields at these offsets.
fn record(length: usize, kind: u32, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![JUNK; length];
    bytes[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
    bytes[4..8].copy_from_slice(&kind.to_ne_bytes());
    for (offset, field) in fields {
        bytes[*offset..offset + field.len()].copy_from_slice(field);
    }
    bytes.resize(length.next_multiple_of(8), JUNK);
    bytes
}

fn xinpgen(count: u32, generation: u64) -> Vec<u8> {
    longer_xinpgen(24, count, generation)
}

/// A header of a kernel in which it has more than 24 bytes.
fn longer_xinpgen(length: usize, count: u32, generation: u64) -> Vec<u8> {
    let mut bytes = u32::try_from(length).unwrap().to_ne_bytes().to_vec();
    bytes.extend(count.to_ne_bytes());
    bytes.extend(generation.to_ne_bytes());
    bytes.resize(length.next_multiple_of(8), JUNK);
    bytes
}

/// A set to encode. Records that are `None` are omitted.
struct Set {
    pcb: Pcb,
    xsocket_bytes: usize,
    longer: usize,
    unknown_between: bool,
}

fn encode(set: &Set) -> Vec<u8> {
    let Set { pcb, xsocket_bytes, longer, unknown_between } = set;
    let unknown = || if *unknown_between { record(43, 0x400, &[]) } else { Vec::new() };
    let inpcb = &pcb.inpcb;
    let mut bytes = record(
        104 + longer,
        0x10,
        &[
            (16, &inpcb.fport.to_be_bytes()),
            (18, &inpcb.lport.to_be_bytes()),
            (28, &inpcb.generation.to_ne_bytes()),
            (44, &[inpcb.vflag]),
            (48, &inpcb.faddr),
            (64, &inpcb.laddr),
        ],
    );
    bytes.extend(unknown());
    if let Some(socket) = pcb.socket {
        let flags = socket.flags.map(u32::to_ne_bytes);
        let filter_flags = socket.filter_flags.map(u32::to_ne_bytes);
        let (options, state) = (socket.options.to_ne_bytes(), socket.state.to_ne_bytes());
        let (so, protocol, family) =
            (socket.so.to_ne_bytes(), socket.protocol.to_ne_bytes(), socket.family.to_ne_bytes());
        let (qlen, incqlen, qlimit) =
            (socket.qlen.to_ne_bytes(), socket.incqlen.to_ne_bytes(), socket.qlimit.to_ne_bytes());
        let (uid, last_pid, e_pid) =
            (socket.uid.to_ne_bytes(), socket.last_pid.to_ne_bytes(), socket.e_pid.to_ne_bytes());
        let mut fields: Vec<(usize, &[u8])> = vec![
            (8, &so),
            (20, &options),
            (26, &state),
            (36, &protocol),
            (40, &family),
            (44, &qlen),
            (46, &incqlen),
            (48, &qlimit),
            (64, &uid),
            (68, &last_pid),
            (72, &e_pid),
        ];
        fields.extend(flags.as_ref().map(|flags| (84, &flags[..])));
        fields.extend(filter_flags.as_ref().map(|flags| (100, &flags[..])));
        bytes.extend(record(xsocket_bytes + longer, 0x1, &fields));
    }
    bytes.extend(unknown());
    for (kind, queue) in [(0x2, pcb.rcv), (0x4, pcb.snd)] {
        let (kind, queue) = match queue {
            Some(queue) => (kind, queue),
            None => (0, XsockbufN { cc: 0, hiwat: 0 }),
        };
        bytes.extend(record(
            32 + longer,
            kind,
            &[(8, &queue.cc.to_ne_bytes()), (12, &queue.hiwat.to_ne_bytes())],
        ));
    }
    bytes.extend(record(136 + longer, 0x8, &[]));
    if let Some(tcpcb) = pcb.tcpcb {
        bytes.extend(record(204 + longer, 0x20, &[(36, &tcpcb.state.to_ne_bytes())]));
    }
    bytes
}

fn whole(pcb: Pcb) -> Set {
    let has_flags = pcb.socket.is_none_or(|socket| socket.flags.is_some());
    Set { pcb, xsocket_bytes: if has_flags { 104 } else { 76 }, longer: 0, unknown_between: false }
}

/// A table of these sets.
fn table(sets: &[Set]) -> Vec<u8> {
    let header = xinpgen(u32::try_from(sets.len()).unwrap(), u64::MAX);
    let mut bytes = header.clone();
    bytes.extend(sets.iter().flat_map(encode));
    bytes.extend(header);
    bytes
}

fn read(bytes: &[u8]) -> (Vec<Pcb>, Option<Ending>) {
    let mut pcbs = PcblistN::new(bytes).unwrap();
    let sets: Vec<Pcb> = pcbs.by_ref().map(Result::unwrap).collect();
    (sets, pcbs.ending())
}

/// Decodes bytes that may be broken: the decoded sets, and how many could not be decoded.
fn read_broken(bytes: &[u8]) -> (Vec<Pcb>, usize) {
    let Ok(pcbs) = PcblistN::new(bytes) else { return (Vec::new(), 1) };
    let (read, broken): (Vec<_>, Vec<_>) = pcbs.partition(Result::is_ok);
    (read.into_iter().map(Result::unwrap).collect(), broken.len())
}

fn connection() -> Pcb {
    let mut laddr = [0; 16];
    laddr[12..].copy_from_slice(&[192, 0, 2, 1]);
    Pcb {
        inpcb: XinpcbN { fport: 443, lport: 50_000, generation: 7, vflag: 1, faddr: laddr, laddr },
        socket: Some(XsocketN {
            so: u64::MAX - 5,
            options: 0x1_0002,
            state: 0x8002,
            protocol: 6,
            family: 2,
            qlen: 1,
            incqlen: 2,
            qlimit: 3,
            uid: 501,
            last_pid: 812,
            e_pid: 813,
            flags: Some(0x40),
            filter_flags: Some(0x8),
        }),
        rcv: Some(XsockbufN { cc: 4, hiwat: 5 }),
        snd: Some(XsockbufN { cc: 6, hiwat: 7 }),
        tcpcb: Some(XtcpcbN { state: TCPS_ESTABLISHED }),
    }
}

fn v4(address: [u8; 4]) -> Option<Address> {
    Some(Address::V4(address))
}

fn v6(address: &str, scope: u16) -> Option<Address> {
    Some(Address::V6 { bytes: address.parse::<Ipv6Addr>().unwrap().octets(), scope })
}

fn ends(pcb: &Pcb) -> (Option<Address>, Option<Address>) {
    let XinpcbN { vflag, laddr, faddr, .. } = &pcb.inpcb;
    (Address::new(*vflag, laddr), Address::new(*vflag, faddr))
}

#[test]
fn fixture_has_a_listener_a_pcb_without_socket_and_a_flow() {
    if !common::little_endian() {
        return;
    }
    let bytes = fixture!("macos-15__tcp_pcblist_n_listener_socketless_flow");
    let (pcbs, ending) = read(&bytes);
    let header = Xinpgen { count: 4, generation: 0x1234 };
    assert_eq!(ending, Some(Ending::Trailer(header)));
    let [listener, socketless, flow] = &pcbs[..] else { panic!("{pcbs:?}") };

    let socket = listener.socket.unwrap();
    assert_eq!((listener.inpcb.lport, listener.inpcb.fport), (8080, 0));
    assert_eq!(ends(listener), (v6("::", 0), v6("::", 0)));
    assert_eq!((socket.so, socket.family, socket.protocol), (0x8000_0000_dead_be01, 30, 6));
    assert_eq!((socket.qlen, socket.incqlen, socket.qlimit), (5, 2, 128));
    assert_eq!((socket.uid, socket.last_pid, socket.e_pid, socket.flags), (501, 812, 0, Some(0x40)));
    assert_eq!(listener.tcpcb.unwrap().state, TCPS_LISTEN);
    assert!(listener.has_socket() && !listener.is_flow());

    assert!(!socketless.has_socket() && !socketless.is_flow());
    assert_eq!((socketless.rcv, socketless.snd), (None, None));
    assert_eq!(ends(socketless), (v4([192, 0, 2, 1]), v4([192, 0, 2, 7])));
    assert_eq!(socketless.tcpcb.unwrap().state, TCPS_TIME_WAIT);

    assert!(flow.has_socket() && flow.is_flow());
    let socket = flow.socket.unwrap();
    assert_eq!((socket.last_pid, socket.e_pid, flow.inpcb.generation), (900, 1200, 0));
    assert_eq!((flow.rcv.unwrap().cc, flow.snd.unwrap().cc), (11, 22));
    assert_eq!(ends(flow), (v6("2001:db8::1", 0), v6("2001:db8::7", 0)));
}

#[test]
fn fixture_of_macos_12_has_a_shorter_socket_without_flags() {
    if !common::little_endian() {
        return;
    }
    let (pcbs, ending) = read(&fixture!("macos-12__tcp_pcblist_n_connection"));
    assert!(matches!(ending, Some(Ending::Trailer(_))));
    let [connection] = &pcbs[..] else { panic!("{pcbs:?}") };
    let socket = connection.socket.unwrap();
    assert_eq!((socket.last_pid, socket.e_pid, socket.uid), (77, 78, 0));
    assert_eq!((socket.flags, socket.filter_flags), (None, None));
    // The records after the padding of the short one are found.
    assert_eq!((connection.rcv.unwrap().cc, connection.snd.unwrap().cc), (3, 4));
    // IPv4 on a TCP socket of IPv6: only the family shows it.
    assert_eq!((socket.family, ends(connection)), (30, (v4([192, 0, 2, 1]), v4([198, 51, 100, 9]))));
}

#[test]
fn fixture_has_a_mapped_udp_socket_and_the_scope_inside_an_address() {
    if !common::little_endian() {
        return;
    }
    let (pcbs, _) = read(&fixture!("macos-15__udp_pcblist_n_mapped_and_link_local"));
    let [mapped, link_local] = &pcbs[..] else { panic!("{pcbs:?}") };
    assert_eq!(ends(mapped), (v4([192, 0, 2, 1]), v4([192, 0, 2, 53])));
    assert_eq!((mapped.rcv.unwrap().cc, mapped.tcpcb), (512, None));
    assert_eq!(ends(link_local), (v6("fe80::1", 4), v6("::", 0)));
}

#[test]
fn fixture_of_macos_27_counts_sockets_that_it_omits() {
    if !common::little_endian() {
        return;
    }
    let bytes = fixture!("macos-27__tcp_pcblist_n_filtered");
    assert_eq!(bytes.len(), 48);
    let (pcbs, ending) = read(&bytes);
    assert_eq!((pcbs, PcblistN::new(&bytes).unwrap().header().count), (Vec::new(), 57));
    assert!(matches!(ending, Some(Ending::Trailer(_))));
}

#[test]
fn table_without_sockets_is_a_header_alone() {
    assert_eq!(read(&xinpgen(0, 1)), (Vec::new(), Some(Ending::NoTrailer)));
}

#[test]
fn header_and_trailer_of_more_bytes_are_not_records_whatever_their_count_is() {
    // Counts that equal the kinds of records, and lengths that records have.
    for length in [24, 28, 32, 40, 104, 136] {
        for count in [0, 1, 2, 0x10, 0x20, 0x200] {
            let header = longer_xinpgen(length, count, 7);
            let set = encode(&whole(connection()));
            let bytes = [&header[..], &set, &set, &header].concat();
            let (sets, ending) = read(&bytes);
            assert_eq!(sets, [connection(); 2], "{length} bytes, count {count}");
            let trailer = Ending::Trailer(Xinpgen { count, generation: 7 });
            assert_eq!(ending, Some(trailer), "{length} bytes, count {count}");
            // Without the trailer, the last record is a record.
            let cut = &bytes[..bytes.len() - header.len()];
            assert_eq!(read(cut), (sets, Some(Ending::NoTrailer)), "{length} bytes, count {count}");
        }
    }
}

#[test]
fn longer_trailer_that_is_cut_is_not_a_trailer() {
    let header = longer_xinpgen(40, 1, 7);
    let bytes = [&header[..], &encode(&whole(connection())), &header].concat();
    for cut in 1..40 {
        let mut pcbs = PcblistN::new(&bytes[..bytes.len() - cut]).unwrap();
        assert!(pcbs.by_ref().count() <= 1, "{cut}");
        assert_eq!(pcbs.ending(), Some(Ending::Broken), "{cut}");
    }
}

#[test]
fn longer_records_and_unknown_kinds_between_change_nothing() {
    for longer in [0, 1, 8, 20, 400] {
        for unknown_between in [false, true] {
            let set = |pcb| Set { longer, unknown_between, ..whole(pcb) };
            let bytes = table(&[set(connection()), set(connection())]);
            assert_eq!(read(&bytes).0, [connection(); 2], "{longer} {unknown_between}");
        }
    }
}

#[test]
fn set_newer_than_the_header_is_skipped_and_counted() {
    let mut bytes = xinpgen(2, 7);
    let mut newer = connection();
    newer.inpcb.generation = 8;
    bytes.extend(encode(&whole(newer)));
    bytes.extend(encode(&whole(connection())));
    let mut pcbs = PcblistN::new(&bytes).unwrap();
    assert_eq!(pcbs.next(), Some(Ok(connection())));
    assert_eq!((pcbs.next(), pcbs.newer(), pcbs.ending()), (None, 1, Some(Ending::NoTrailer)));
}

#[test]
fn what_follows_the_trailer_is_not_read() {
    let mut bytes = table(&[whole(connection())]);
    bytes.extend(encode(&whole(connection())));
    assert_eq!(read(&bytes).0, [connection()]);
}

#[test]
fn table_cut_at_any_byte_has_no_socket_with_other_values() {
    let mut second = connection();
    second.inpcb.lport = 50_001;
    let bytes = table(&[whole(connection()), whole(second)]);
    for cut in 0..bytes.len() {
        let (read, broken) = read_broken(&bytes[..cut]);
        for pcb in &read {
            let original = if pcb.inpcb.lport == 50_000 { connection() } else { second };
            // Each record is either as it was encoded or absent.
            assert_eq!(pcb.inpcb, original.inpcb, "cut at {cut}");
            assert!(pcb.socket.is_none() || pcb.socket == original.socket, "cut at {cut}");
            assert!(pcb.rcv.is_none() || pcb.rcv == original.rcv, "cut at {cut}");
            assert!(pcb.snd.is_none() || pcb.snd == original.snd, "cut at {cut}");
            assert!(pcb.tcpcb.is_none() || pcb.tcpcb == original.tcpcb, "cut at {cut}");
        }
        assert!(read.len() + broken <= 2, "cut at {cut}");
    }
}

#[test]
fn each_record_cut_at_any_byte_is_an_error_of_its_set_alone() {
    let first = whole(connection());
    let shortest = [(0x10, 80), (0x1, 76), (0x2, 16), (0x4, 16), (0x20, 40)];
    for (kind, least) in shortest {
        for length in 25..least {
            let cut = record(length, kind, &[]);
            let mut bytes = xinpgen(3, u64::MAX);
            bytes.extend(encode(&first));
            if kind != 0x10 {
                bytes.extend(encode(&Set {
                    pcb: Pcb { socket: None, ..connection() },
                    ..whole(connection())
                }));
            }
            bytes.extend(cut);
            bytes.extend(encode(&first));
            bytes.extend(xinpgen(3, u64::MAX));
            let (read, broken) = read_broken(&bytes);
            assert_eq!((read, broken), (vec![connection(); 2], 1), "kind {kind:#x} of {length} bytes");
        }
    }
}

#[test]
fn lengths_that_lead_nowhere_end_the_walk() {
    for length in [0_u32, 1, 8, 23, 25, 10_000, u32::MAX - 7, u32::MAX] {
        let mut bytes = xinpgen(2, u64::MAX);
        bytes.extend(encode(&whole(connection())));
        let place = bytes.len();
        bytes.extend([0; 24]);
        bytes[place..place + 4].copy_from_slice(&length.to_ne_bytes());
        let mut pcbs = PcblistN::new(&bytes).unwrap();
        assert!(pcbs.by_ref().count() <= 1, "{length}");
        assert_eq!(pcbs.ending(), Some(Ending::Broken), "{length}");
    }
    assert!(PcblistN::new(&23_u32.to_ne_bytes().repeat(8)).is_err());
    assert!(PcblistN::new(&xinpgen(1, 1)[..23]).is_err());
}

#[test]
fn constants_are_those_of_the_headers() {
    assert_eq!((XSO_SOCKET, XSO_RCVBUF, XSO_SNDBUF, XSO_STATS), (1, 2, 4, 8));
    assert_eq!((XSO_INPCB, XSO_TCPCB, XSO_UNPCB), (0x10, 0x20, 0x200));
    assert_eq!((SS_NOFDREF, SS_ISCONNECTED, SS_ISCONNECTING, SS_ISDISCONNECTING), (1, 2, 4, 8));
    assert_eq!((SS_INCOMP, SS_COMP), (0x800, 0x1000));
    assert_eq!((SOF_FLOW_DIVERT, SOF_MP_SUBFLOW, XSOFF_FLOW_DIV), (0x80_0000, 0x100_0000, 8));
}

fn pcb() -> impl Strategy<Value = Pcb> {
    let inpcb = (any::<[u16; 2]>(), any::<u64>(), any::<u8>(), any::<[u8; 16]>(), any::<[u8; 16]>());
    let socket = (any::<u64>(), any::<[u16; 4]>(), any::<[u32; 6]>(), any::<Option<[u32; 2]>>());
    let queue = || (any::<u32>(), any::<u32>()).prop_map(|(cc, hiwat)| XsockbufN { cc, hiwat });
    (
        inpcb,
        proptest::option::of(socket),
        proptest::option::of(queue()),
        proptest::option::of(queue()),
        any::<Option<i32>>(),
    )
        .prop_map(|(inpcb, socket, rcv, snd, state)| {
            let ([fport, lport], generation, vflag, faddr, laddr) = inpcb;
            let socket = socket.map(|(so, [state, qlen, incqlen, qlimit], numbers, flags)| {
                let [options, protocol, family, uid, last_pid, e_pid] = numbers;
                let [flags, filter_flags] = [0, 1].map(|place| flags.map(|flags: [u32; 2]| flags[place]));
                XsocketN {
                    so,
                    options,
                    state,
                    protocol,
                    family,
                    qlen,
                    incqlen,
                    qlimit,
                    uid,
                    last_pid,
                    e_pid,
                    flags,
                    filter_flags,
                }
            });
            let inpcb = XinpcbN { fport, lport, generation, vflag, faddr, laddr };
            Pcb { inpcb, socket, rcv, snd, tcpcb: state.map(|state| XtcpcbN { state }) }
        })
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn encoded_sets_are_decoded_unchanged(pcbs in prop::collection::vec(pcb(), 0..8)) {
        let sets: Vec<Set> = pcbs.iter().copied().map(whole).collect();
        prop_assert_eq!(read(&table(&sets)).0, pcbs);
    }

    #[test]
    fn any_bytes_decode_without_a_panic_to_no_more_sockets_than_fit(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        length in 24_u8..120,
        kind in prop::sample::select(vec![0_u8, 1, 2, 4, 8, 0x10, 0x20]),
    ) {
        for place in (0..bytes.len()).step_by(104) {
            if let Some(head) = bytes.get_mut(place..place + 8) {
                head.copy_from_slice(&[length, 0, 0, 0, kind, 0, 0, 0]);
            }
        }
        if let Ok(mut pcbs) = PcblistN::new(&bytes) {
            prop_assert!(pcbs.by_ref().count() <= bytes.len() / 25);
            prop_assert!(pcbs.ending().is_some());
        }
    }
}
