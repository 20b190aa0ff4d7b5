//! `struct tcp_info`: bytes as they are, and those in the attributes of captured messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::inet_diag::{INET_DIAG_INFO, InetDiagMsg};
use netstat_wire::linux::netlink::{Attributes, Body, Messages};
use netstat_wire::linux::tcp_info::TcpInfo;

/// The length that every kernel sends, and the longest known one.
const SHORTEST: usize = 104;
const KNOWN: usize = 280;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    for message in Messages::new(bytes).map_while(Result::ok) {
        let Body::Data(payload) = message.body else { continue };
        let Ok(attributes) = InetDiagMsg::attributes(payload) else { continue };
        for attribute in Attributes::new(attributes).map_while(Result::ok) {
            if attribute.kind == INET_DIAG_INFO {
                check(attribute.payload);
            }
        }
    }
});

fn check(bytes: &[u8]) {
    let Ok(info) = TcpInfo::decode(bytes) else {
        assert!(bytes.len() < SHORTEST);
        return;
    };
    assert!(bytes.len() >= SHORTEST);
    assert!(info.snd_wscale < 16 && info.rcv_wscale < 16 && info.fastopen_client_fail < 4);
    assert_eq!(info.ecn_bits.is_some(), bytes.len() >= KNOWN);

    // Bytes after the known fields change nothing, and a shorter structure has the same values.
    if bytes.len() >= KNOWN {
        assert_eq!(TcpInfo::decode(&bytes[..KNOWN]), Ok(info));
    }
    let shorter = TcpInfo::decode(&bytes[..SHORTEST]).expect("as much as every kernel sends");
    assert_eq!((shorter.pacing_rate, shorter.ecn_bits), (None, None));
    assert_eq!((shorter.total_retrans, shorter.options), (info.total_retrans, info.options));
}
