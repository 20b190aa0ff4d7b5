//! `/proc/PID/fd`: the text of links, and the numbers that are names of entries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_fd::{number, socket_inode};

fuzz_target!(|text: &[u8]| {
    // A text is accepted if and only if it is what the kernel prints for the decoded number.
    if let Some(inode) = socket_inode(text) {
        assert_eq!(format!("socket:[{inode}]").as_bytes(), text);
    }
    if let Some(n) = number(text) {
        assert_eq!(n.to_string().as_bytes(), text);
    }
    if let Some(digits) = text.first_chunk::<8>() {
        let n = u64::from_ne_bytes(*digits);
        assert_eq!(socket_inode(format!("socket:[{n}]").as_bytes()), Some(n));
        assert_eq!(number(n.to_string().as_bytes()), u32::try_from(n).ok());
    }
});
