//! `/proc/net/snmp`: the counters of TCP among others.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net_snmp::TcpOpens;

fuzz_target!(|text: &[u8]| {
    let Ok(opens) = TcpOpens::decode(text) else {
        return;
    };
    for number in [opens.active, opens.passive].map(|number| number.to_string()) {
        assert!(text.windows(number.len()).any(|window| window == number.as_bytes()));
    }
    // More lines change nothing, before and after.
    assert_eq!(TcpOpens::decode(&[text, b"\nTcp: ActiveOpens PassiveOpens\nTcp: 1 2\n"].concat()), Ok(opens));
    assert_eq!(TcpOpens::decode(&[b"Udp: InDatagrams\nUdp: 1\n", text].concat()), Ok(opens));
});
