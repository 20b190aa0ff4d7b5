//! `struct inet_diag_msg`: bytes as they are, and the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::inet_diag::InetDiagMsg;
use netstat_wire::linux::netlink::{Body, Messages};

const FIXED_PART: usize = 72;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let socket = InetDiagMsg::decode(payload);
    let Ok(socket) = socket else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    for end in [0, 1, FIXED_PART - 1] {
        assert!(InetDiagMsg::decode(&payload[..end]).is_err());
    }

    // The attributes are no part of the fixed fields.
    let bare = InetDiagMsg::decode(&payload[..FIXED_PART]).expect("the fixed part is whole");
    let InetDiagMsg { shutdown, v6_only, protocol, mark, cgroup_id, .. } = socket;
    assert_eq!(InetDiagMsg { shutdown, v6_only, protocol, mark, cgroup_id, ..bare }, socket);

    // A kernel may append an unknown attribute: nothing else changes.
    let mut longer = payload.to_vec();
    longer.resize(payload.len().next_multiple_of(4), 0);
    longer.extend(7_u16.to_ne_bytes());
    longer.extend(0x3fff_u16.to_ne_bytes());
    longer.extend([1, 2, 3, 0]);
    assert_eq!(InetDiagMsg::decode(&longer), Ok(socket));
}
