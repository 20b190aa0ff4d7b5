//! The summary counts what a listing lists.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::{listed, sockets};
use serde_json::Value;
use socket_world::namespace;
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream, UdpSocket};
use test_skips::live_skip;

/// Sockets in the world that the test makes.
const TOTAL: u64 = 13;

#[test]
fn summary_has_the_counts_of_the_listing() {
    let counted = namespace::in_network_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
        let _pairs: Vec<_> = (0..3).map(connect).collect();
        let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let v6 = TcpListener::bind("[::1]:0").unwrap();
        let address = v6.local_addr().unwrap();
        let _pair_v6 = (TcpStream::connect(address).unwrap(), v6.accept().unwrap().0);
        // Its ends are IPv4 and IPv6.
        let dual = TcpListener::bind("[::]:0").unwrap();
        let port = dual.local_addr().unwrap().port();
        let mapped = (TcpStream::connect(("127.0.0.1", port)).unwrap(), dual.accept().unwrap().0);
        // The end that closes first stays in TIME_WAIT.
        drop(mapped.1);
        drop(mapped.0);
        // All, those of IPv4, those of IPv6.
        let mut expected = BTreeMap::<(String, String), [u64; 3]>::new();
        for row in sockets(&["--json", "--no-owners"]) {
            let state = row["state"].as_str().unwrap_or("-").to_owned();
            let is_v4 = row["family"] == "ipv4";
            let counts = expected.entry((row["protocol"].as_str().unwrap().to_owned(), state)).or_default();
            for (count, one) in counts.iter_mut().zip([1, u64::from(is_v4), u64::from(!is_v4)]) {
                *count += one;
            }
        }
        let text = listed(&["-s", "-H"]);
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            let [protocol, state, all, ipv4, ipv6] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            let numbers = [all, ipv4, ipv6].map(|count| count.parse::<u64>().unwrap());
            counts.insert((protocol.to_owned(), state.to_owned()), numbers);
        }
        let document: Value = serde_json::from_str(&listed(&["-s", "--json"])).unwrap();
        let counted = document["counts"].as_array().unwrap().iter();
        let in_json: BTreeMap<_, _> = counted
            .map(|count| {
                let name = |key: &str| count[key].as_str().unwrap_or("-").to_owned();
                let number = |key: &str| count[key].as_u64().unwrap();
                let numbers = ["sockets", "ipv4", "ipv6"].map(number);
                ((name("protocol"), name("state")), numbers)
            })
            .collect();
        assert_eq!((in_json, document["total"].as_u64()), (expected.clone(), Some(TOTAL)), "{document}");
        let csv = listed(&["-s", "--csv"]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            (lines.len(), lines[0]),
            (expected.len() + 1, "protocol,state,sockets,ipv4,ipv6"),
            "{csv}"
        );
        for ((protocol, state), [all, ipv4, ipv6]) in &expected {
            let line = format!("{protocol},{},{all},{ipv4},{ipv6}", state.trim_matches('-'));
            assert!(lines.contains(&&*line), "{line} in {csv}");
        }
        let unix: Value = serde_json::from_str(&listed(&["-s", "--json", "-x"])).unwrap();
        let of_unix = unix["counts"].as_array().unwrap().iter().map(|count| (&count["ipv4"], &count["ipv6"]));
        assert!(of_unix.clone().all(|counts| counts == (&Value::Null, &Value::Null)), "{unix}");
        let total = counts.remove(&("all".to_owned(), "-".to_owned()));
        (counts, total, expected)
    });
    let (counts, total, expected) = match counted {
        Err(why) => live_skip!("a network namespace: {why}"),
        Ok(counted) => counted,
    };
    assert_eq!(counts, expected);
    assert_eq!((total, expected.len()), (Some([TOTAL, 8, 5]), 4), "{expected:?}");
}
