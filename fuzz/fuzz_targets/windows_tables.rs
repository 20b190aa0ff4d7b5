//! The tables of TCP and UDP endpoints, in every layout.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::windows::Family;
use netstat_wire::windows::tcp_table::{self, TcpTable};
use netstat_wire::windows::udp_table::{self, UdpTable};

fuzz_target!(|bytes: &[u8]| {
    let longer = [bytes, &[0xa5; 64]].concat();
    let count = bytes.first_chunk().map(|count| u64::from(u32::from_ne_bytes(*count)));
    for family in [Family::Ipv4, Family::Ipv6] {
        for layout in [tcp_table::Layout::OwnerPid, tcp_table::Layout::OwnerModule, tcp_table::Layout::Table2]
        {
            let table = TcpTable::new(bytes, layout, family);
            assert_eq!(table.is_ok(), count.is_some());
            let Ok(table) = table else { continue };
            let missing = table.missing();
            let rows: Vec<_> = table.map(|row| row.expect("a row that is there whole")).collect();
            // Every counted row is there or counted as missing.
            assert_eq!(Some(rows.len() as u64 + missing), count);
            assert!(rows.len() * layout.row_size(family) <= bytes.len());
            assert!(rows.iter().all(|row| row.local.is_ipv4() == (family == Family::Ipv4)));
            if missing == 0 {
                let again = TcpTable::new(&longer, layout, family).unwrap();
                assert!(again.flatten().eq(rows));
            }
        }
        for layout in [udp_table::Layout::OwnerPid, udp_table::Layout::OwnerModule] {
            let table = UdpTable::new(bytes, layout, family);
            assert_eq!(table.is_ok(), count.is_some());
            let Ok(table) = table else { continue };
            let missing = table.missing();
            let rows: Vec<_> = table.map(|row| row.expect("a row that is there whole")).collect();
            assert_eq!(Some(rows.len() as u64 + missing), count);
            if missing == 0 {
                let again = UdpTable::new(&longer, layout, family).unwrap();
                assert!(again.flatten().eq(rows));
            }
        }
    }
});
