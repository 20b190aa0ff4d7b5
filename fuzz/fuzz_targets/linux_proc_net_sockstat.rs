//! `/proc/net/sockstat`: the line of a protocol among others.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net_sockstat::Sockstat;

fuzz_target!(|text: &[u8]| {
    let Ok(stat) = Sockstat::decode(text, "TCP") else {
        return;
    };
    let inuse = format!("inuse {}", stat.inuse);
    assert!(text.windows(inuse.len()).any(|window| window == inuse.as_bytes()));
    // More lines change nothing, before and after.
    assert_eq!(Sockstat::decode(&[text, b"\nTCP: inuse 1 tw 2\n"].concat(), "TCP"), Ok(stat));
    assert_eq!(Sockstat::decode(&[b"UDP: inuse 7 mem 0\n", text].concat(), "TCP"), Ok(stat));
});
