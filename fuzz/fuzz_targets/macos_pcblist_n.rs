//! `net.inet.{tcp,udp}.pcblist_n`: tables of IP sockets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::macos::address::Address;
use netstat_wire::macos::pcblist_n::{Pcb, PcblistN};
use netstat_wire::macos::records::Ending;

/// The least bytes of a socket: those of `xinpcb_n` that are decoded.
const LEAST: usize = 80;

fuzz_target!(|table: &[u8]| {
    let Ok(mut pcbs) = PcblistN::new(table) else {
        return;
    };
    let header = pcbs.header();
    let read: Vec<Pcb> = pcbs.by_ref().filter_map(Result::ok).collect();
    let ending = pcbs.ending().expect("every table ends");
    assert!(read.len() * LEAST <= table.len());
    for pcb in &read {
        assert!(pcb.inpcb.generation <= header.generation);
        assert!(pcb.has_socket() || !pcb.is_flow());
        let _ = Address::new(pcb.inpcb.vflag, &pcb.inpcb.laddr);
    }

    // What follows the trailer is no part of the table. A trailer of more than 24 bytes is known by its being the last.
    if matches!(ending, Ending::Trailer(_)) && table.starts_with(&24_u32.to_ne_bytes()) {
        let longer = [table, table].concat();
        assert!(
            PcblistN::new(&longer).expect("the same header").filter_map(Result::ok).eq(read.iter().copied())
        );
    }
    // A truncated table has no more sockets, and at most the last one differs.
    let shorter = &table[..table.len() - 1];
    if let Ok(pcbs) = PcblistN::new(shorter) {
        let cut: Vec<Pcb> = pcbs.filter_map(Result::ok).collect();
        assert!(cut.len() <= read.len() + 1);
        let same = cut.len().min(read.len()).saturating_sub(1);
        assert_eq!(cut[..same], read[..same]);
    }
});
