//! `/proc/PID/cgroup`: the control groups of a process.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_cgroup::{Cgroup, Cgroups};

fuzz_target!(|text: &[u8]| {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    for (line, group) in lines.clone().zip(Cgroups::new(text)) {
        let Ok(Cgroup { hierarchy, controllers, path }) = group else {
            continue;
        };
        // A line is accepted if and only if it is what the kernel prints for the decoded group.
        let printed = [hierarchy.to_string().as_bytes(), b":", controllers, b":", path, b"\n"].concat();
        assert_eq!(printed, line);
        assert!(path.starts_with(b"/") && !controllers.contains(&b':'));
    }
    assert_eq!(Cgroups::new(text).count(), lines.count());
});
