//! The interface that a socket is bound to, which `contract.rs` cannot test on every system.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::row;
use netstat::{Query, SocketFields, Support};
use socket_world::{binding, kernel, live_skip};
use std::num::NonZeroU32;

#[test]
fn live_interface_is_promised_and_seen() {
    assert!(Support::current().socket_fields.contains(SocketFields::INTERFACE));
    let made = match binding::udp_on_device() {
        // Older kernels require CAP_NET_RAW for it.
        Err(why) if kernel::is_before(5, 7) => live_skip!("a device: {why}"),
        made => made.unwrap(),
    };
    let snapshot = Query::new().udp().snapshot().unwrap();
    // `lo` is the first device of every network namespace.
    assert_eq!(row(&snapshot, &made.facts[0]).interface.map(NonZeroU32::get), Some(1));
}
