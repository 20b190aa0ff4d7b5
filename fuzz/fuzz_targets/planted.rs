//! No target: a crash that was put here, by which `ci/fuzz.sh --prove` sees that the harness finds one.
//!
//! It lies behind decisions that only whoever follows them one by one comes through: all at once they are
//! 32 bits to be guessed.
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
        // Keeps the compiler from making one decision of all.
        if payload.get(black_box(n)) != Some(&wanted) {
            return;
        }
        black_box(n);
    }
    panic!("the planted crash");
});
