//! `/proc/PID/fdinfo/FD`: of sockets and of io_uring.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_fdinfo::{FdInfo, UserFile};

fuzz_target!(|text: &[u8]| {
    check(text);
    check(&[b"UserFiles:\t9\n", text].concat());
});

fn check(text: &[u8]) {
    let Ok(info) = FdInfo::decode(text) else {
        return;
    };
    let Some(files) = info.user_files.clone() else {
        return;
    };
    for UserFile { index, name } in files.clone() {
        let end = [format!("{index}: ").as_bytes(), name, b"\n"].concat();
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        assert!(lines.any(|line| line.starts_with(b" ") && line.ends_with(&end)));
    }
    // What comes after the files is skipped.
    if text.ends_with(b"\n") {
        let longer = [text, b"UserBufs:\t1\n    0: 0x0/1\nino:\tx\n"].concat();
        let longer = FdInfo::decode(&longer).expect("as good as before");
        assert!(longer.user_files.into_iter().flatten().eq(files));
    }
}
