//! `/proc/PID/mountinfo`: the lines of the file, and the paths in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_mountinfo::{Mount, unescaped};

fuzz_target!(|table: &[u8]| {
    assert!(unescaped(table).len() <= table.len());
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        let Ok(mount) = Mount::decode(line) else {
            continue;
        };
        if let Some(inode) = mount.network_namespace() {
            assert_eq!(mount.root, format!("net:[{inode}]").as_bytes());
        }
        assert!(unescaped(mount.mount_point).len() <= mount.mount_point.len());
    }
});
