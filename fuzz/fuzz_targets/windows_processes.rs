//! The list of processes, in both widths of a pointer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::windows::PointerWidth;
use netstat_wire::windows::system_process_information::{Processes, record_size};
use netstat_wire::windows::utf_16::units;

/// Where the fixture was written to.
const ADDRESS: u64 = 0x1_4040_d040;

fuzz_target!(|answer: &[u8]| {
    for width in [PointerWidth::Four, PointerWidth::Eight] {
        let records: Vec<_> = Processes::new(answer, ADDRESS, width).collect();
        // Each stands behind the one before, and an error is the last.
        assert!(records.len() <= 1 + answer.len() / record_size(width));
        let whole = records.iter().take_while(|record| record.is_ok()).count();
        assert!(records.len() - whole <= 1);
        for record in records.iter().flatten() {
            assert!(record.name.len() <= usize::from(u16::MAX));
            assert_eq!(units(record.name).count(), record.name.len() / 2);
        }
    }
});
