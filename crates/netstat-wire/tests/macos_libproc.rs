//! libproc: descriptors, sockets and processes.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::macos::address::Address;
use netstat_wire::macos::proc_fdinfo::*;
use netstat_wire::macos::proc_pidinfo::*;
use netstat_wire::macos::socket_fdinfo::*;
use netstat_wire::macos::tcp_states::TCPS_ESTABLISHED;
use proptest::prelude::*;

/// A structure of 792 bytes with these fields, and arbitrary bytes elsewhere.
fn info(kind: i32, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xa5; SOCKET_FDINFO_BYTES];
    bytes[256..260].copy_from_slice(&kind.to_ne_bytes());
    for (offset, field) in fields {
        bytes[*offset..offset + field.len()].copy_from_slice(field);
    }
    bytes
}

#[test]
fn fixture_is_a_connection_of_an_ipv6_socket_over_ipv4_that_is_shared() {
    if !common::little_endian() {
        return;
    }
    let bytes = fixture!("macos-15__socket_fdinfo_tcp");
    assert_eq!(bytes.len(), SOCKET_FDINFO_BYTES);
    let info = SocketFdinfo::decode(&bytes).unwrap();
    assert_eq!((info.status & PROC_FP_SHARED, info.so), (1, 0x8000_0000_dead_be02));
    assert_eq!((info.protocol, info.family, info.state), (6, 30, 2));
    assert_eq!((info.rcv.cc, info.rcv.hiwat, info.snd.cc, info.snd.hiwat), (10, 131_072, 20, 131_072));
    let Protocol::Tcp { ini, state } = info.proto else { panic!("{info:?}") };
    assert_eq!((ini.fport, ini.lport, ini.generation, state), (443, 50_004, 0x1199, TCPS_ESTABLISHED));
    assert_eq!(Address::new(ini.vflag, &ini.laddr), Some(Address::V4([192, 0, 2, 1])));
    assert_eq!(Address::new(ini.vflag, &ini.faddr), Some(Address::V4([192, 0, 2, 7])));
}

#[test]
fn fixture_is_a_local_socket_with_its_path() {
    if !common::little_endian() {
        return;
    }
    let bytes = fixture!("macos-15__socket_fdinfo_unix");
    let info = SocketFdinfo::decode(&bytes).unwrap();
    let expected = Protocol::Un { conn_so: 0x52, conn_pcb: 0x53, path: b"/var/run/a.socket", peer_path: b"" };
    assert_eq!((info.status & PROC_FP_SHARED, info.family, info.proto), (0, 1, expected));
    assert_eq!((info.kind, info.options), (1, 0x0002));
}

#[test]
fn fixtures_are_a_process_with_a_truncated_name_its_start_and_its_unique_id() {
    if !common::little_endian() {
        return;
    }
    let short = ProcBsdshortinfo::decode(&fixture!("macos-15__proc_bsdshortinfo")).unwrap();
    assert_eq!((short.pid, short.ppid, short.status, short.uid, short.ruid), (812, 1, 2, 501, 502));
    assert_eq!(short.name(), b"com.apple.WebKi");
    assert_eq!(short.name().len(), COMM_BYTES);
    let bsd = ProcBsdinfo::decode(&fixture!("macos-15__proc_bsdinfo")).unwrap();
    assert_eq!((bsd.start_seconds, bsd.start_microseconds), (1_700_000_000, 250_000));
    let unique = ProcUniqidentifierinfo::decode(&fixture!("macos-15__proc_uniqidentifierinfo")).unwrap();
    assert_eq!(unique.unique_id, 70_812);
}

#[test]
fn structures_cut_at_any_byte_are_errors_and_longer_ones_are_decoded() {
    let bytes = info(2, &[]);
    for cut in 0..348 {
        assert!(SocketFdinfo::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(SocketFdinfo::decode(&bytes[..348]).is_ok());
    let longer = [&bytes[..], &[7; 100]].concat();
    assert_eq!(SocketFdinfo::decode(&longer), SocketFdinfo::decode(&bytes));

    let mut name = vec![b'a'; PROC_BSDINFO_BYTES + 8];
    name[31] = 0;
    for cut in 0..48 {
        assert!(ProcBsdshortinfo::decode(&name[..cut]).is_err(), "cut at {cut}");
    }
    assert!(ProcBsdshortinfo::decode(&name).is_ok());
    for cut in 0..PROC_BSDINFO_BYTES {
        assert!(ProcBsdinfo::decode(&name[..cut]).is_err(), "cut at {cut}");
    }
    assert!(ProcBsdinfo::decode(&name).is_ok());
    for cut in 0..PROC_UNIQIDENTIFIERINFO_BYTES {
        assert!(ProcUniqidentifierinfo::decode(&name[..cut]).is_err(), "cut at {cut}");
    }
    assert!(ProcUniqidentifierinfo::decode(&name).is_ok());
}

#[test]
fn port_is_the_low_half_of_an_int_whatever_the_other_half_is() {
    for high in [0_u32, 0xffff_0000, 0x1234_0000] {
        let port = (high | u32::from(8080_u16.to_be())).to_ne_bytes();
        let bytes = info(1, &[(264, &port), (268, &port)]);
        let Protocol::In(ini) = SocketFdinfo::decode(&bytes).unwrap().proto else { panic!("{bytes:?}") };
        assert_eq!((ini.fport, ini.lport), (8080, 8080), "{high:#x}");
    }
}

#[test]
fn union_is_decoded_by_its_kind() {
    let number = 77_u32.to_ne_bytes();
    let proto = |kind, fields: &[(usize, &[u8])]| {
        let bytes = info(kind, fields);
        format!("{:?}", SocketFdinfo::decode(&bytes).unwrap().proto)
    };
    assert_eq!(proto(0, &[]), "Generic");
    assert!(proto(1, &[]).starts_with("In(InSockinfo"));
    assert!(proto(2, &[(344, &number)]).ends_with("state: 77 }"));
    let ndrv = proto(4, &[(264, &number), (268, &number), (272, b"en0\0")]);
    assert_eq!(ndrv, "Ndrv { family: 77, unit: 77, name: [101, 110, 48] }");
    let event = proto(5, &[(264, &number), (268, &number), (272, &number)]);
    assert_eq!(event, "KernEvent { vendor: 77, class: 77, subclass: 77 }");
    let control = proto(6, &[(264, &number), (284, &number), (288, b"c\0")]);
    assert_eq!(control, "KernCtl { id: 77, unit: 77, name: [99] }");
    let vsock = proto(7, &[(264, &number), (268, &number), (272, &number), (276, &number)]);
    assert_eq!(vsock, "Vsock { local_cid: 77, local_port: 77, remote_cid: 77, remote_port: 77 }");
    assert_eq!(proto(8, &[]), "Unknown(8)");
    assert_eq!(proto(-1, &[]), "Unknown(-1)");
}

#[test]
fn path_of_a_local_socket_ends_at_its_length_its_nul_or_the_end_of_the_field() {
    let path = |length: u8, name: &[u8]| {
        let bytes = info(3, &[(280, &[length, 1]), (282, name)]);
        let Protocol::Un { path, .. } = SocketFdinfo::decode(&bytes).unwrap().proto else {
            panic!("{bytes:?}")
        };
        path.to_vec()
    };
    assert_eq!(path(7, b"/a/bc.d"), b"/a/bc");
    assert_eq!(path(106, b"/a\0rest"), b"/a");
    assert_eq!(path(0, b"/a"), b"");
    assert_eq!(path(1, b"/a"), b"");
    assert_eq!(path(255, b"").len(), 253);
}

#[test]
fn name_of_sixteen_bytes_without_nul_is_all_of_them() {
    let bytes = [b'x'; PROC_BSDSHORTINFO_BYTES];
    assert_eq!(ProcBsdshortinfo::decode(&bytes).unwrap().name(), [b'x'; 16]);
}

#[test]
fn lists_are_decoded_entry_by_entry_and_an_incomplete_entry_is_ignored() {
    let mut bytes = Vec::new();
    for (fd, kind) in [(3_i32, 2_u32), (-1, 1), (i32::MAX, 0)] {
        bytes.extend(fd.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
    }
    let all: Vec<_> = descriptors(&bytes).map(|entry| (entry.fd, entry.kind)).collect();
    assert_eq!(all, [(3, PROX_FDTYPE_SOCKET), (-1, 1), (i32::MAX, 0)]);
    for cut in 0..bytes.len() {
        let read: Vec<_> = descriptors(&bytes[..cut]).map(|entry| (entry.fd, entry.kind)).collect();
        assert_eq!(read, all[..cut / 8], "cut at {cut}");
        let ports: Vec<_> = fileports(&bytes[..cut]).map(|entry| entry.kind).collect();
        assert_eq!(ports.len(), cut / 8, "cut at {cut}");
        assert_eq!(pids(&bytes[..cut]).count(), cut / 4, "cut at {cut}");
    }
    assert_eq!(fileports(&bytes).next(), Some(ProcFileportinfo { port: 3, kind: 2 }));
    assert_eq!(pids(&bytes).next(), Some(3));
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_of_any_kind_are_decoded_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), SOCKET_FDINFO_BYTES),
        kind in -1_i32..9,
        cut in 0..=SOCKET_FDINFO_BYTES,
    ) {
        bytes[256..260].copy_from_slice(&kind.to_ne_bytes());
        let whole = SocketFdinfo::decode(&bytes);
        prop_assert!(whole.is_ok());
        // Truncation is an error, or affects no decoded field.
        let read = SocketFdinfo::decode(&bytes[..cut]);
        prop_assert!(read.is_err() || read == whole);
    }

    #[test]
    fn fields_are_decoded_from_their_offsets(
        so in any::<u64>(), generation in any::<u64>(), state in any::<i32>(), vflag in any::<u8>(),
        faddr in any::<[u8; 16]>(), laddr in any::<[u8; 16]>(), queues in any::<[u32; 2]>(),
        backlog in any::<[u16; 3]>(),
    ) {
        let [q, i, l] = backlog.map(u16::to_ne_bytes);
        let [rcv, snd] = queues.map(u32::to_ne_bytes);
        let bytes = info(2, &[
            (160, &so.to_ne_bytes()), (194, &q), (196, &i), (198, &l), (208, &rcv), (232, &snd),
            (272, &generation.to_ne_bytes()), (288, &[vflag]), (296, &faddr), (312, &laddr),
            (344, &state.to_ne_bytes()),
        ]);
        let info = SocketFdinfo::decode(&bytes).unwrap();
        prop_assert_eq!((info.so, [info.rcv.cc, info.snd.cc]), (so, queues));
        prop_assert_eq!([info.qlen, info.incqlen, info.qlimit], backlog);
        let Protocol::Tcp { ini, state: read } = info.proto else { panic!("{info:?}") };
        prop_assert_eq!((ini.generation, ini.vflag, ini.faddr, ini.laddr, read), (generation, vflag, faddr, laddr, state));
    }
}

#[test]
fn answer_of_csops_is_a_text_of_the_length_that_it_says() {
    use netstat_wire::macos::csops::text;
    let answer = b"\0\0\0\0\0\0\0\x17com.apple.sshd\0more";
    assert_eq!(text(answer).unwrap(), b"com.apple.sshd");
    for end in 0..23 {
        assert!(text(&answer[..end]).is_err(), "{end}");
    }
    assert_eq!(text(&answer[..23]).unwrap(), b"com.apple.sshd");
    for bad in [
        &b"\0\0\0\0\0\0\0\x09x"[..],
        b"\0\0\0\0\0\0\0\x0aa\0b"[..10].as_ref(),
        b"\0\0\0\0\0\0\0\x07x\0",
        b"\0\0\0\0\xff\xff\xff\xffx\0",
        b"\0\0\0\0\0\0\0\x0b\0x\0",
    ] {
        assert_eq!(text(bad).ok(), (bad == b"\0\0\0\0\0\0\0\x0aa\0").then_some(&b"a"[..]), "{bad:?}");
    }
}
