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

#[test]
fn summary_has_the_counts_of_the_listing() {
    let counted = namespace::in_network_namespace(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
        let _pairs: Vec<_> = (0..3).map(connect).collect();
        let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _v6 = TcpListener::bind("[::1]:0").unwrap();
        let mut expected = BTreeMap::<(String, String), u64>::new();
        for row in sockets(&["--json", "--no-owners"]) {
            let state = row["state"].as_str().unwrap_or("-").to_owned();
            *expected.entry((row["protocol"].as_str().unwrap().to_owned(), state)).or_default() += 1;
        }
        let text = listed(&["-s", "-H"]);
        let mut counts = BTreeMap::new();
        for line in text.lines() {
            let [protocol, state, count] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("{text}")
            };
            counts.insert((protocol.to_owned(), state.to_owned()), count.parse::<u64>().unwrap());
        }
        let document: Value = serde_json::from_str(&listed(&["-s", "--json"])).unwrap();
        let counted = document["counts"].as_array().unwrap().iter();
        let in_json: BTreeMap<_, _> = counted
            .map(|count| {
                let name = |key: &str| count[key].as_str().unwrap_or("-").to_owned();
                ((name("protocol"), name("state")), count["sockets"].as_u64().unwrap())
            })
            .collect();
        assert_eq!((in_json, document["total"].as_u64()), (expected.clone(), Some(9)), "{document}");
        let csv = listed(&["-s", "--csv"]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!((lines.len(), lines[0]), (expected.len() + 1, "protocol,state,sockets"), "{csv}");
        let total = counts.remove(&("all".to_owned(), "-".to_owned()));
        (counts, total, expected)
    });
    let (counts, total, expected) = match counted {
        Err(why) => live_skip!("a network namespace: {why}"),
        Ok(counted) => counted,
    };
    assert_eq!(counts, expected);
    assert_eq!((total, expected.len()), (Some(9), 3), "{expected:?}");
}
