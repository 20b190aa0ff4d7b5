//! `struct netlink_diag_msg`: bytes as they are, and the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::netlink_diag::NetlinkDiagMsg;

const FIXED_PART: usize = 28;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let Ok(socket) = NetlinkDiagMsg::decode(payload) else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    for end in [0, 1, FIXED_PART - 1] {
        assert!(NetlinkDiagMsg::decode(&payload[..end]).is_err());
    }

    // Groups ascend, and are no more than there are bits.
    let groups: Vec<_> = socket.groups.clone().into_iter().flatten().collect();
    assert!(groups.is_sorted_by(|a, b| a < b) && groups.first() != Some(&0));
    assert!(groups.last().is_none_or(|last| *last as usize <= payload.len() * 8));

    // The attributes are no part of the fixed fields.
    let bare = NetlinkDiagMsg::decode(&payload[..FIXED_PART]).expect("the fixed part is whole");
    let NetlinkDiagMsg { groups, memory, flags, .. } = socket.clone();
    assert_eq!(NetlinkDiagMsg { groups, memory, flags, ..bare }, socket);

    // A kernel may append an unknown attribute: nothing else changes.
    let mut longer = payload.to_vec();
    longer.resize(payload.len().next_multiple_of(4), 0);
    longer.extend([7_u16.to_ne_bytes(), 0x3fff_u16.to_ne_bytes()].concat());
    longer.extend([1, 2, 3, 0]);
    assert_eq!(NetlinkDiagMsg::decode(&longer), Ok(socket));
}
