//! `/proc/net/snmp`.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_net_snmp::TcpOpens;
use proptest::prelude::*;

fn captured() -> &'static [u8] {
    common::parse_lines(include_str!("fixtures/linux-6.18__proc_net_snmp.txt")).unwrap().as_bytes()
}

#[test]
fn captured_text_has_the_connections_opened_from_both_ends() {
    assert_eq!(TcpOpens::decode(captured()), Ok(TcpOpens { active: 10_027, passive: 10_003 }));
}

#[test]
fn captured_text_cut_at_any_byte_is_an_error_until_the_line_of_numbers_is_whole() {
    let text = captured();
    let start = text.windows(6).position(|window| window == b"Tcp: 1").unwrap();
    let end = start + text[start..].iter().position(|byte| *byte == b'\n').unwrap();
    for cut in 0..text.len() {
        assert_eq!(TcpOpens::decode(&text[..cut]).is_ok(), cut > end, "cut at {cut}");
    }
}

#[test]
fn counters_are_found_by_their_names_and_missing_ones_are_an_error() {
    let text = "UdpLite: 1\nTcp: A PassiveOpens B ActiveOpens\nTcp: 1 2 -1 4 5\n";
    assert_eq!(TcpOpens::decode(text.as_bytes()), Ok(TcpOpens { active: 4, passive: 2 }));
    for text in [
        "",
        "Tcp: ActiveOpens PassiveOpens\n",
        "Tcp: ActiveOpens PassiveOpens\nTcp: 1\n",
        "Tcp: ActiveOpens PassiveOpens\nTcp: 1 x\n",
        "Tcp: ActiveOpens\nTcp: 1\n",
    ] {
        let error = TcpOpens::decode(text.as_bytes()).unwrap_err();
        let expected = format!("/proc/net/snmp: no counters of TCP at offset {}", text.len());
        assert_eq!(error.to_string(), expected);
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_without_panic(text: Vec<u8>) {
        let _ = TcpOpens::decode(&text);
    }
}
