//! The attributes of a socket that are sent on request: bytes as they are, the payloads of the messages in them,
//! and bytes as attributes after a record of zeros.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::inet_diag::{INET_DIAG_MD5SIG, IPPROTO_TCP, InetDiagMsg};
use netstat_wire::linux::inet_diag_details::Details;
use netstat_wire::linux::inet_diag_ulp::UlpInfo;
use netstat_wire::linux::netlink::{Attributes, Body, Messages};

const FIXED_PART: usize = 72;
const TCP: u32 = IPPROTO_TCP as u32;
const MPTCP: u32 = 262;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&[&[0; FIXED_PART], bytes].concat());
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
    let _ = UlpInfo::decode(bytes);
});

fn check(payload: &[u8]) {
    let Ok(details) = Details::decode(TCP, payload) else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    for end in [0, 1, FIXED_PART - 1] {
        assert!(Details::decode(TCP, &payload[..end]).is_err());
    }
    assert_eq!(Details::decode(TCP, &payload[..FIXED_PART]), Ok(Details::default()));

    // Only TCP has a `tcp_info`, and all else is the same.
    assert_eq!(Details::decode(MPTCP, payload), Ok(Details { tcp_info: None, ..details }));

    // Borrowed text is part of this record, and ends before a NUL.
    let names = [details.congestion, details.ulp.and_then(|ulp| ulp.name)];
    for name in names.into_iter().flatten() {
        assert!(!name.contains(&0) && name.len() < payload.len());
    }

    // Keys are never decoded.
    let attributes = InetDiagMsg::attributes(payload).expect("the fixed part is whole");
    let mut without = payload[..FIXED_PART].to_vec();
    for attribute in Attributes::new(attributes).map(|attribute| attribute.expect("read above")) {
        let key = attribute.kind == INET_DIAG_MD5SIG;
        let payload = if key { &[][..] } else { attribute.payload };
        without.extend((payload.len() as u16 + 4).to_ne_bytes());
        without.extend(attribute.kind.to_ne_bytes());
        without.extend(payload);
        without.resize(without.len().next_multiple_of(4), 0);
    }
    assert_eq!(Details::decode(TCP, &without), Ok(details));

    // A kernel may append an unknown attribute: nothing else changes.
    without.extend([7_u16.to_ne_bytes(), 0x3fff_u16.to_ne_bytes()].concat());
    without.extend([1, 2, 3, 0]);
    assert_eq!(Details::decode(TCP, &without), Ok(details));
}
