//! `/proc/PID/maps`: the lines of the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_maps::Mapping;

fuzz_target!(|table: &[u8]| {
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        let Ok(mapping) = Mapping::decode(line) else {
            continue;
        };
        assert!(line.ends_with(&[mapping.name, b"\n"].concat()));
        if let Some(inode) = mapping.socket_inode() {
            assert_eq!((inode, mapping.name), (mapping.inode, format!("socket:[{inode}]").as_bytes()));
        }
    }
});
