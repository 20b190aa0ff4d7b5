//! The list of processes and the module of an owner, in both widths of a pointer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::windows::PointerWidth;
use netstat_wire::windows::owner_module_basic_info::OwnerModuleBasicInfo;
use netstat_wire::windows::system_process_information::{Processes, record_size};
use netstat_wire::windows::utf_16::units;

/// The address at which the fixture was captured.
const ADDRESS: u64 = 0x1_4040_d040;

fuzz_target!(|answer: &[u8]| {
    for width in [PointerWidth::Four, PointerWidth::Eight] {
        let records: Vec<_> = Processes::new(answer, ADDRESS, width).collect();
        // Each starts after the one before, and an error is the last.
        assert!(records.len() <= 1 + answer.len() / record_size(width));
        let whole = records.iter().take_while(|record| record.is_ok()).count();
        assert!(records.len() - whole <= 1);
        for record in records.iter().flatten() {
            assert!(record.name.len() <= usize::from(u16::MAX));
            assert_eq!(units(record.name).count(), record.name.len() / 2);
        }
        if let Ok(module) = OwnerModuleBasicInfo::decode(answer, ADDRESS, width) {
            assert!(!module.name.contains(&0) && !module.path.contains(&0));
            assert!(module.name.len() <= answer.len() / 2 && module.path.len() <= answer.len() / 2);
        }
    }
});
