//! `/proc/PID/cmdline`: the arguments of a process.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_pid_cmdline::arguments;

fuzz_target!(|text: &[u8]| {
    let read = arguments(text);
    assert!(read.iter().all(|argument| !argument.contains(&0)));
    // The arguments are the text, but for padding at its end.
    let joined = read.join(&0);
    assert!(text.starts_with(&joined));
    assert!(text[joined.len()..].iter().all(|byte| matches!(byte, 0 | b' ')));
    // More padding changes nothing.
    assert_eq!(arguments(&[text, &[0, 0]].concat()), read);
});
