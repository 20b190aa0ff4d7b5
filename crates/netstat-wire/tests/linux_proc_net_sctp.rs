//! `/proc/PID/net/sctp/eps` and `assocs`. There is no capture: the lines are as `net/sctp/proc.c` prints them.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture_lines;
use netstat_wire::linux::inet_diag_sctp::{SCTP_STATE_ESTABLISHED, SCTP_STATE_SHUTDOWN_SENT};
use netstat_wire::linux::proc_net_sctp::*;
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN};
use proptest::prelude::*;

const ENDPOINT: &str =
    "00000000911d31c8 000000000355775b 0   7   9    5001   1000 4201041 192.0.2.1 198.51.100.1 \n";
const ASSOCIATION: &str = "00000000e8cdc6de 0000000076b17a1f 2   1   3  0       1      200      100    1000  6002 \
                           5001   7000  *192.0.2.1 198.51.100.1 <-> *203.0.113.7 203.0.113.8 \t   30000    10\n";

fn addresses(text: &[&str]) -> Vec<SctpAddress> {
    let address = |text: &&str| SctpAddress {
        ip: text.trim_start_matches('*').parse().unwrap(),
        primary: text.starts_with('*'),
    };
    text.iter().map(address).collect()
}

#[test]
fn endpoints_are_read_in_full() {
    let read: Vec<_> = fixture_lines!("linux-6.1__proc_net_sctp_eps")
        .map(|line| SctpEndpoint::decode(format!("{line}\n").as_bytes()).unwrap())
        .collect();
    let listener = SctpEndpoint {
        style: 2,
        state: TCP_LISTEN,
        local_port: 5000,
        uid: 0,
        inode: 6001,
        locals: addresses(&["0.0.0.0"]),
    };
    let two = SctpEndpoint {
        style: 0,
        state: TCP_CLOSE,
        local_port: 5001,
        uid: 1000,
        inode: 4_201_041,
        locals: addresses(&["192.0.2.1", "2001:db8::1"]),
    };
    let unbound =
        SctpEndpoint { style: 0, state: TCP_CLOSE, local_port: 0, uid: 0, inode: 6003, locals: Vec::new() };
    assert_eq!(read, [listener, two, unbound]);
}

#[test]
fn associations_are_read_in_full() {
    let read: Vec<_> = fixture_lines!("linux-6.1__proc_net_sctp_assocs")
        .map(|line| SctpAssociation::decode(format!("{line}\n").as_bytes()).unwrap())
        .collect();
    let of_ipv4 = SctpAssociation {
        style: 2,
        socket_state: TCP_ESTABLISHED,
        state: SCTP_STATE_ESTABLISHED,
        id: 1,
        tx_queue: 200,
        rx_queue: 100,
        uid: 1000,
        inode: 6002,
        local_port: 5001,
        remote_port: 7000,
        locals: addresses(&["*192.0.2.1", "198.51.100.1"]),
        remotes: addresses(&["*203.0.113.7", "203.0.113.8"]),
    };
    let of_ipv6 = SctpAssociation {
        state: SCTP_STATE_SHUTDOWN_SENT,
        id: 2,
        tx_queue: 0,
        rx_queue: 0,
        uid: 0,
        inode: 0,
        remote_port: 7001,
        locals: addresses(&["*2001:db8::1"]),
        remotes: addresses(&["2001:db8::2", "*2001:db8::3"]),
        ..of_ipv4.clone()
    };
    assert_eq!(read, [of_ipv4, of_ipv6]);
}

#[test]
fn a_line_cut_at_any_byte_is_an_error_until_its_addresses_are_whole() {
    for cut in 0..ENDPOINT.len() {
        assert!(SctpEndpoint::decode(&ENDPOINT.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    let whole = SctpAssociation::decode(ASSOCIATION.as_bytes()).unwrap();
    let end = ASSOCIATION.find('\t').unwrap() + 1;
    for cut in 0..ASSOCIATION.len() {
        let read = SctpAssociation::decode(&ASSOCIATION.as_bytes()[..cut]).ok();
        assert_eq!(read, (cut >= end).then(|| whole.clone()), "cut at {cut}");
    }
}

#[test]
fn lists_may_be_empty_and_lines_longer() {
    let empty = ASSOCIATION.replace("*192.0.2.1 198.51.100.1 ", "").replace("*203.0.113.7 203.0.113.8 ", "");
    let read = SctpAssociation::decode(empty.as_bytes()).unwrap();
    assert_eq!((read.locals, read.remotes, read.remote_port), (vec![], vec![], 7000));
    let longer = ASSOCIATION.replace('\n', " 7 new\n");
    assert_eq!(SctpAssociation::decode(longer.as_bytes()), SctpAssociation::decode(ASSOCIATION.as_bytes()));
}

#[test]
fn a_malformed_column_is_an_error_that_names_it() {
    for (from, to, error) in [
        (" 0   7", " -   7", "malformed STY"),
        (" 7   9", " 256 9", "malformed SST"),
        (" 5001 ", " 65536 ", "malformed LPORT"),
        (" 1000 ", " -1 ", "malformed UID"),
        ("4201041", "x", "malformed INODE"),
        ("192.0.2.1 ", "192.0.2.256 ", "malformed LADDRS"),
        ("192.0.2.1 ", "**192.0.2.1 ", "malformed LADDRS"),
        ("192.0.2.1 ", "::x ", "malformed LADDRS"),
    ] {
        let line = ENDPOINT.replacen(from, to, 1);
        assert_ne!(line, ENDPOINT, "{from}");
        let read = SctpEndpoint::decode(line.as_bytes()).unwrap_err().to_string();
        assert_eq!(read.split(" at ").next(), Some(&*format!("/proc/PID/net/sctp/eps: {error}")));
    }
    for (from, to, error) in [
        (" <-> ", " < > ", "malformed LADDRS"),
        ("*203.0.113.7", "<->", "malformed RADDRS"),
        (" 7000 ", " y ", "malformed RPORT"),
        ("   1      200", "   z      200", "malformed ASSOC-ID"),
    ] {
        let line = ASSOCIATION.replacen(from, to, 1);
        assert_ne!(line, ASSOCIATION, "{from}");
        let read = SctpAssociation::decode(line.as_bytes()).unwrap_err().to_string();
        assert_eq!(read.split(" at ").next(), Some(&*format!("/proc/PID/net/sctp/assocs: {error}")));
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_or_an_error(bytes in any::<Vec<u8>>(), at in 0_usize..200) {
        let _ = (SctpEndpoint::decode(&bytes), SctpAssociation::decode(&bytes));
        let mut text = ENDPOINT.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes.clone());
        let _ = SctpEndpoint::decode(&text);
        let mut text = ASSOCIATION.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes);
        let _ = SctpAssociation::decode(&text);
    }

    #[test]
    fn an_endpoint_is_read_as_it_was_printed(
        numbers in any::<(u8, u8, u16, u32, u64)>(), ips in any::<Vec<std::net::IpAddr>>(),
    ) {
        let (style, state, local_port, uid, inode) = numbers;
        let mut line =
            format!("{:016x} {:016x} {style:<3} {state:<3} {:<4} {local_port:<5} {uid:5} {inode:5} ", 1, 2, 3);
        for ip in &ips {
            line += &match ip {
                std::net::IpAddr::V4(ip) => format!("{ip} "),
                std::net::IpAddr::V6(ip) => {
                    let groups: Vec<_> = ip.segments().iter().map(|group| format!("{group:04x}")).collect();
                    format!("{} ", groups.join(":"))
                }
            };
        }
        line += "\n";
        let locals = ips.into_iter().map(|ip| SctpAddress { ip, primary: false }).collect();
        let expected = SctpEndpoint { style, state, local_port, uid, inode, locals };
        prop_assert_eq!(SctpEndpoint::decode(line.as_bytes()), Ok(expected));
    }
}
