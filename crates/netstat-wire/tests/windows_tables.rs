//! The tables of TCP and UDP endpoints.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::windows::Family;
use netstat_wire::windows::mib_tcp_state::*;
use netstat_wire::windows::tcp_table::{self, TcpRow, TcpTable};
use netstat_wire::windows::udp_table::{self, UdpRow, UdpTable};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

const FAMILIES: [Family; 2] = [Family::Ipv4, Family::Ipv6];
const TCP: [tcp_table::Layout; 3] =
    [tcp_table::Layout::OwnerPid, tcp_table::Layout::OwnerModule, tcp_table::Layout::Table2];
const UDP: [udp_table::Layout; 2] = [udp_table::Layout::OwnerPid, udp_table::Layout::OwnerModule];

/// Fills padding and the undefined half of ports, which a decoder must not read.
const JUNK: u8 = 0xa5;

fn endpoint(family: Family, seed: u16) -> SocketAddr {
    let port = seed.wrapping_add(0x1234);
    match family {
        Family::Ipv4 => SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, seed.to_be_bytes()[1]), port).into(),
        Family::Ipv6 => {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 1, 2, 3, seed);
            SocketAddrV6::new(address, port, 0, 0x0102_0300 + u32::from(seed)).into()
        }
    }
}

/// Writes an endpoint, independently of the crate.
fn put_endpoint(bytes: &mut Vec<u8>, end: SocketAddr) {
    match end {
        SocketAddr::V4(end) => bytes.extend(end.ip().octets()),
        SocketAddr::V6(end) => {
            bytes.extend(end.ip().octets());
            bytes.extend(end.scope_id().to_ne_bytes());
        }
    }
    bytes.extend(end.port().to_be_bytes());
    bytes.extend([JUNK; 2]);
}

fn put_module(bytes: &mut Vec<u8>, tag: u32) {
    bytes.extend((u64::from(tag) | u64::from(u32::MAX) << 32).to_ne_bytes());
    bytes.extend([JUNK; 120]);
}

fn tcp_row(row: &TcpRow, layout: tcp_table::Layout) -> Vec<u8> {
    let mut bytes = Vec::new();
    if row.local.is_ipv4() {
        bytes.extend(row.state.to_ne_bytes());
    }
    put_endpoint(&mut bytes, row.local);
    put_endpoint(&mut bytes, row.remote);
    if row.local.is_ipv6() {
        bytes.extend(row.state.to_ne_bytes());
    }
    bytes.extend(row.pid.to_ne_bytes());
    match layout {
        tcp_table::Layout::OwnerPid => {}
        tcp_table::Layout::Table2 => bytes.extend([JUNK; 4]),
        tcp_table::Layout::OwnerModule => {
            bytes.extend(row.created.to_ne_bytes());
            put_module(&mut bytes, row.service_tag);
        }
    }
    bytes
}

fn udp_row(row: &UdpRow, layout: udp_table::Layout) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_endpoint(&mut bytes, row.local);
    bytes.extend(row.pid.to_ne_bytes());
    if layout == udp_table::Layout::OwnerPid {
        return bytes;
    }
    bytes.extend([JUNK; 4]);
    bytes.extend(row.created.to_ne_bytes());
    // Flags and padding.
    bytes.extend([JUNK; 8]);
    put_module(&mut bytes, row.service_tag);
    bytes
}

fn table(count: u32, first_row: usize, rows: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = count.to_ne_bytes().to_vec();
    bytes.resize(first_row, JUNK);
    bytes.extend(rows.into_iter().flatten());
    bytes
}

/// Rows in which no two fields are equal.
fn tcp_rows(family: Family, layout: tcp_table::Layout) -> Vec<TcpRow> {
    let module = layout == tcp_table::Layout::OwnerModule;
    let states = [MIB_TCP_STATE_LISTEN, MIB_TCP_STATE_ESTAB, MIB_TCP_STATE_DELETE_TCB, 0, 13, 100, 999];
    let rows = states.into_iter().zip(1_u16..);
    rows.map(|(state, n)| TcpRow {
        state,
        local: endpoint(family, n),
        remote: endpoint(family, 100 + n),
        pid: 4000 + u32::from(n),
        created: if module { 133_000_000_000_000_000 + i64::from(n) } else { 0 },
        service_tag: if module { 70 + u32::from(n) } else { 0 },
    })
    .collect()
}

fn udp_rows(family: Family, layout: udp_table::Layout) -> Vec<UdpRow> {
    let module = layout == udp_table::Layout::OwnerModule;
    let rows = 1_u16..6;
    rows.map(|n| UdpRow {
        local: endpoint(family, n),
        pid: 4000 + u32::from(n),
        created: if module { 133_000_000_000_000_000 + i64::from(n) } else { 0 },
        service_tag: if module { 70 + u32::from(n) } else { 0 },
    })
    .collect()
}

fn tcp_table(family: Family, layout: tcp_table::Layout) -> (Vec<u8>, Vec<TcpRow>) {
    let rows = tcp_rows(family, layout);
    let count = u32::try_from(rows.len()).unwrap();
    let bytes = table(count, layout.first_row(), rows.iter().map(|row| tcp_row(row, layout)));
    (bytes, rows)
}

fn udp_table(family: Family, layout: udp_table::Layout) -> (Vec<u8>, Vec<UdpRow>) {
    let rows = udp_rows(family, layout);
    let count = u32::try_from(rows.len()).unwrap();
    let bytes = table(count, layout.first_row(), rows.iter().map(|row| udp_row(row, layout)));
    (bytes, rows)
}

#[test]
fn sizes_are_those_of_the_headers() {
    let tcp = |family| TCP.map(|layout| layout.row_size(family));
    assert_eq!((tcp(Family::Ipv4), tcp(Family::Ipv6)), ([24, 160, 28], [56, 192, 60]));
    let udp = |family| UDP.map(|layout| layout.row_size(family));
    assert_eq!((udp(Family::Ipv4), udp(Family::Ipv6)), ([12, 160], [28, 176]));
    assert_eq!(TCP.map(|layout| layout.first_row()), [4, 8, 4]);
    assert_eq!(UDP.map(|layout| layout.first_row()), [4, 8]);
    for family in FAMILIES {
        for layout in TCP {
            assert_eq!(tcp_row(&tcp_rows(family, layout)[0], layout).len(), layout.row_size(family));
        }
        for layout in UDP {
            assert_eq!(udp_row(&udp_rows(family, layout)[0], layout).len(), layout.row_size(family));
        }
    }
}

#[test]
fn every_field_is_read_from_its_offset_and_padding_is_ignored() {
    for family in FAMILIES {
        for layout in TCP {
            let (bytes, rows) = tcp_table(family, layout);
            let read = TcpTable::new(&bytes, layout, family).unwrap();
            assert_eq!((read.missing(), read.size_hint()), (0, (rows.len(), Some(rows.len()))));
            assert_eq!(read.collect::<Result<Vec<_>, _>>(), Ok(rows), "{family:?} {layout:?}");
        }
        for layout in UDP {
            let (bytes, rows) = udp_table(family, layout);
            let read = UdpTable::new(&bytes, layout, family).unwrap();
            assert_eq!((read.missing(), read.size_hint()), (0, (rows.len(), Some(rows.len()))));
            assert_eq!(read.collect::<Result<Vec<_>, _>>(), Ok(rows), "{family:?} {layout:?}");
        }
    }
}

#[test]
fn a_table_cut_at_any_byte_has_its_whole_rows_and_counts_the_missing_ones() {
    for family in FAMILIES {
        for layout in TCP {
            let (bytes, rows) = tcp_table(family, layout);
            for cut in 0..bytes.len() {
                let Ok(table) = TcpTable::new(&bytes[..cut], layout, family) else {
                    assert!(cut < 4, "cut at {cut}");
                    continue;
                };
                let whole = cut.saturating_sub(layout.first_row()) / layout.row_size(family);
                assert_eq!(table.missing(), u64::try_from(rows.len() - whole).unwrap(), "cut at {cut}");
                assert_eq!(table.collect::<Result<Vec<_>, _>>().unwrap(), rows[..whole], "cut at {cut}");
            }
        }
        for layout in UDP {
            let (bytes, rows) = udp_table(family, layout);
            for cut in 0..bytes.len() {
                let Ok(table) = UdpTable::new(&bytes[..cut], layout, family) else {
                    assert!(cut < 4, "cut at {cut}");
                    continue;
                };
                let whole = cut.saturating_sub(layout.first_row()) / layout.row_size(family);
                assert_eq!(table.missing(), u64::try_from(rows.len() - whole).unwrap(), "cut at {cut}");
                assert_eq!(table.collect::<Result<Vec<_>, _>>().unwrap(), rows[..whole], "cut at {cut}");
            }
        }
    }
}

#[test]
fn an_empty_table_may_end_after_its_count_or_after_its_padding() {
    for family in FAMILIES {
        for layout in TCP {
            for length in [4, 8, 12] {
                let bytes = table(0, length, []);
                let mut rows = TcpTable::new(&bytes, layout, family).unwrap();
                assert_eq!((rows.missing(), rows.next()), (0, None));
            }
        }
        for layout in UDP {
            let mut rows = UdpTable::new(&[0; 4], layout, family).unwrap();
            assert_eq!((rows.missing(), rows.next()), (0, None));
        }
    }
    let error = TcpTable::new(&[0; 3], tcp_table::Layout::OwnerModule, Family::Ipv6).unwrap_err();
    assert_eq!(error.to_string(), "MIB_TCP6ROW_OWNER_MODULE: 4 bytes needed at offset 0, 3 there");
}

#[test]
fn bytes_after_the_last_row_are_ignored() {
    let layout = tcp_table::Layout::OwnerPid;
    let (mut bytes, rows) = tcp_table(Family::Ipv4, layout);
    bytes.extend([JUNK; 240]);
    let read: Vec<_> = TcpTable::new(&bytes, layout, Family::Ipv4).unwrap().flatten().collect();
    assert_eq!(read, rows);
}

#[test]
fn a_count_beyond_the_buffer_is_clamped() {
    let layout = udp_table::Layout::OwnerModule;
    let (mut bytes, rows) = udp_table(Family::Ipv6, layout);
    bytes[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
    let table = UdpTable::new(&bytes, layout, Family::Ipv6).unwrap();
    assert_eq!(table.missing(), u64::from(u32::MAX) - 5);
    assert_eq!(table.flatten().collect::<Vec<_>>(), rows);
}

/// A row as in the captures: without time and service.
fn captured(local: &str, remote: &str, state: u32, pid: u32) -> TcpRow {
    let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
    TcpRow { state, local, remote, pid, created: 0, service_tag: 0 }
}

#[test]
fn rows_captured_under_wine_are_read() {
    if !common::little_endian() {
        return;
    }
    let rows = |bytes: &[u8], layout, family| -> Vec<TcpRow> {
        TcpTable::new(bytes, layout, family).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(
        rows(&fixture!("wine-8.0__tcp4_owner_pid_listen"), tcp_table::Layout::OwnerPid, Family::Ipv4),
        [captured("127.0.0.1:40513", "0.0.0.0:0", MIB_TCP_STATE_LISTEN, 0)]
    );
    assert_eq!(
        rows(&fixture!("wine-8.0__tcp6_owner_pid_listen"), tcp_table::Layout::OwnerPid, Family::Ipv6),
        [captured("[::]:42569", "[::]:0", MIB_TCP_STATE_LISTEN, 0)]
    );
    let module = tcp_table::Layout::OwnerModule;
    assert_eq!(
        rows(&fixture!("wine-8.0__tcp4_owner_module_established"), module, Family::Ipv4),
        [captured("127.0.0.1:59362", "127.0.0.1:35673", MIB_TCP_STATE_ESTAB, 32)]
    );
    assert_eq!(
        rows(&fixture!("wine-8.0__tcp6_owner_module_listen"), module, Family::Ipv6),
        [captured("[::1%4096]:36549", "[::]:0", MIB_TCP_STATE_LISTEN, 0)]
    );
    let rows = |bytes: &[u8], family| -> Vec<UdpRow> {
        UdpTable::new(bytes, udp_table::Layout::OwnerModule, family).unwrap().map(Result::unwrap).collect()
    };
    let udp = |local: &str| UdpRow { local: local.parse().unwrap(), pid: 32, created: 0, service_tag: 0 };
    assert_eq!(rows(&fixture!("wine-8.0__udp4_owner_module"), Family::Ipv4), [udp("127.0.0.1:58113")]);
    assert_eq!(rows(&fixture!("wine-8.0__udp6_owner_module"), Family::Ipv6), [udp("[::1%4096]:54824")]);
}

#[test]
fn a_synthetic_table_in_the_shape_of_windows_10_is_read() {
    if !common::little_endian() {
        return;
    }
    let bytes = fixture!("windows-10__tcp4_owner_module_three_rows");
    let table = TcpTable::new(&bytes, tcp_table::Layout::OwnerModule, Family::Ipv4).unwrap();
    let rows: Vec<TcpRow> = table.map(Result::unwrap).collect();
    let dns = TcpRow {
        created: 133_497_504_000_000_000,
        service_tag: 21,
        ..captured("0.0.0.0:53", "86.52.31.7:5123", MIB_TCP_STATE_LISTEN, 1234)
    };
    let http = TcpRow {
        created: 133_497_504_010_000_000,
        ..captured("192.0.2.7:80", "203.0.113.9:50123", MIB_TCP_STATE_ESTAB, 4)
    };
    let time_wait = captured("192.0.2.7:50124", "203.0.113.10:443", MIB_TCP_STATE_TIME_WAIT, 0);
    assert_eq!(rows, [dns, http, time_wait]);
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..1024)) {
        for family in FAMILIES {
            for layout in TCP {
                if let Ok(table) = TcpTable::new(&bytes, layout, family) {
                    prop_assert!(table.count() <= bytes.len());
                }
            }
            for layout in UDP {
                if let Ok(table) = UdpTable::new(&bytes, layout, family) {
                    prop_assert!(table.count() <= bytes.len());
                }
            }
        }
    }

    #[test]
    fn a_row_is_read_as_it_was_written(
        state in any::<u32>(), pid in any::<u32>(), created in any::<i64>(), service_tag in any::<u32>(),
        ends in any::<[u16; 2]>(),
    ) {
        for family in FAMILIES {
            let (local, remote) = (endpoint(family, ends[0]), endpoint(family, ends[1]));
            let row = TcpRow { state, local, remote, pid, created, service_tag };
            let layout = tcp_table::Layout::OwnerModule;
            let bytes = table(1, layout.first_row(), [tcp_row(&row, layout)]);
            prop_assert_eq!(TcpTable::new(&bytes, layout, family).unwrap().next(), Some(Ok(row)));
        }
    }
}
