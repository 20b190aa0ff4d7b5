//! `/proc/PID/status`: the line of users among others.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_status::Status;

fuzz_target!(|text: &[u8]| {
    let Ok(status) = Status::decode(text) else {
        return;
    };
    let Status { uid_real, uid_effective, uid_saved, uid_filesystem } = status;
    let line = format!("Uid:\t{uid_real}\t{uid_effective}\t{uid_saved}\t{uid_filesystem}");
    let lines = || text.split(|byte| *byte == b'\n');
    assert!(
        lines()
            .find(|line| line.starts_with(b"Uid:\t"))
            .is_some_and(|found| found.starts_with(line.as_bytes()))
    );
    // More lines change nothing, before and after.
    assert_eq!(Status::decode(&[text, b"Gid:\t1\t2\t3\t4\nUid:\t1\t2\t3\t4\n"].concat()), Ok(status));
    assert_eq!(Status::decode(&[b"Name:\tUid:\t1\n", text].concat()), Ok(status));
});
