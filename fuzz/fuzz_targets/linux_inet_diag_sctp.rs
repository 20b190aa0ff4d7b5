//! The addresses of SCTP in a record of `inet_diag`: bytes as they are, as attributes after a record of zeros, and
//! the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::inet_diag_sctp::SctpAddresses;
use netstat_wire::linux::netlink::{Body, Messages};

const FIXED_PART: usize = 72;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&[&[0; FIXED_PART], bytes].concat());
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let Ok(addresses) = SctpAddresses::decode(payload) else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    let count = addresses.locals.clone().count() + addresses.peers.clone().map_or(0, Iterator::count);
    assert!(count * 128 < payload.len());
    // Lists are not merged: an empty one after the others leaves nothing.
    let mut cleared = payload.to_vec();
    cleared.resize(payload.len().next_multiple_of(4), 0);
    for kind in [12_u16, 13] {
        cleared.extend([4_u16.to_ne_bytes(), kind.to_ne_bytes()].concat());
    }
    let cleared = SctpAddresses::decode(&cleared).expect("as good as before");
    assert_eq!((cleared.locals.count(), cleared.peers.map(Iterator::count)), (0, Some(0)));
}
