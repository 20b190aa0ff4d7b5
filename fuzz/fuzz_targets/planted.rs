//! Not a target: a planted crash, by which `ci/fuzz.sh --prove` checks that the harness finds crashes.
//!
//! It is behind successive branches: coverage guides the fuzzer through them one by one, while all together are 32
//! bits to be guessed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use std::hint::black_box;

fuzz_target!(|datagram: &[u8]| {
    let Some(Ok(message)) = Messages::new(datagram).next() else { return };
    if message.header.kind != 0x5a5a {
        return;
    }
    let Body::Data(payload) = message.body else { return };
    for (n, wanted) in [b'a', 0x80].into_iter().enumerate() {
        // Keeps the compiler from merging the branches into one comparison.
        if payload.get(black_box(n)) != Some(&wanted) {
            return;
        }
        black_box(n);
    }
    panic!("the planted crash");
});
