//! `/proc/net/sockstat` and `sockstat6`.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_net_sockstat::Sockstat;
use proptest::prelude::*;

fn text(fixture: &str) -> &[u8] {
    common::parse_lines(fixture).unwrap().as_bytes()
}

#[test]
fn captured_texts_have_the_sockets_in_use_and_in_time_wait() {
    let v4 = text(include_str!("fixtures/linux-6.18__proc_net_sockstat.txt"));
    assert_eq!(Sockstat::decode(v4, "TCP"), Ok(Sockstat { inuse: 5, orphan: Some(0), tw: Some(3) }));
    assert_eq!(Sockstat::decode(v4, "UDP"), Ok(Sockstat { inuse: 2, orphan: None, tw: None }));
    let v6 = text(include_str!("fixtures/linux-6.18__proc_net_sockstat6.txt"));
    assert_eq!(Sockstat::decode(v6, "TCP6"), Ok(Sockstat { inuse: 1, orphan: None, tw: None }));
}

#[test]
fn a_captured_text_cut_at_any_byte_is_an_error_until_the_line_is_whole() {
    let text = text(include_str!("fixtures/linux-6.18__proc_net_sockstat.txt"));
    let line = b"TCP: inuse 5 orphan 0 tw 3 alloc 7 mem 43\n";
    let end = text.windows(line.len()).position(|window| window == line).unwrap() + line.len();
    for cut in 0..text.len() {
        assert_eq!(Sockstat::decode(&text[..cut], "TCP").is_ok(), cut >= end, "cut at {cut}");
    }
}

#[test]
fn a_protocol_is_a_whole_word_at_the_start_of_a_line() {
    for text in ["TCP6: inuse 1\n", "xTCP: inuse 1\n", "TCP inuse 1\n", "UDP: inuse 1 TCP: inuse 1\n", ""] {
        let error = Sockstat::decode(text.as_bytes(), "TCP").unwrap_err();
        let expected = format!("/proc/net/sockstat: no line of this protocol at offset {}", text.len());
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_line_without_its_number_is_an_error_at_its_place() {
    for line in ["TCP: inuse\n", "TCP: inuse x\n", "TCP: \n", "TCP: inuse -1 tw 3\n", "TCP: orphan 0 tw 3\n"]
    {
        let error = Sockstat::decode(format!("sockets: used 1\n{line}").as_bytes(), "TCP").unwrap_err();
        assert_eq!(error.to_string(), "/proc/net/sockstat: no number after inuse at offset 16", "{line:?}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_without_panic(text: Vec<u8>, protocol: String) {
        let _ = Sockstat::decode(&text, &protocol);
    }
}
