//! Netlink attributes: those of bytes as they are, and those behind the fixed part of an `inet_diag_msg`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Attribute, Attributes, Header, Messages, put_attribute};

const HEADER: usize = 4;
/// `nlmsghdr` and `inet_diag_msg`: where the attributes of a captured message begin.
const FIXED_PART: usize = 16 + 72;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Some(bytes) = bytes.get(FIXED_PART..) {
        check(bytes);
    }
});

fn check(bytes: &[u8]) {
    let attributes: Vec<_> = Attributes::new(bytes).collect();
    assert!(attributes.len() <= bytes.len() / HEADER + 1);

    let whole: Vec<Attribute<'_>> = attributes.iter().map_while(|attribute| attribute.ok()).collect();
    assert!(attributes.len() - whole.len() <= 1);

    // No byte is covered twice.
    let mut free = bytes.as_ptr().addr();
    for attribute in &whole {
        let payload = attribute.payload.as_ptr_range();
        assert!(payload.start.addr() >= free + HEADER);
        free = payload.end.addr();
    }
    assert!(free <= bytes.as_ptr().addr() + bytes.len());

    // More bytes at the end do not change complete attributes.
    let longer = [bytes, &[0; 64]].concat();
    let decoded: Vec<_> = Attributes::new(&longer).take(whole.len()).map_while(Result::ok).collect();
    assert_eq!(decoded, whole);

    come_back(&whole);
}

/// Attributes appended to a message are decoded to the same, and the message stays one.
fn come_back(attributes: &[Attribute<'_>]) {
    let mut message = Header { kind: 20, ..Header::default() }.encode(&[]);
    for attribute in attributes {
        assert!(put_attribute(&mut message, attribute.kind, attribute.payload));
    }
    assert_eq!(Messages::new(&message).filter(Result::is_ok).count(), 1);
    assert_eq!(Messages::new(&message).count(), 1);
    let back: Vec<_> = Attributes::new(&message[16..]).map_while(Result::ok).collect();
    assert_eq!(back, attributes);
}
