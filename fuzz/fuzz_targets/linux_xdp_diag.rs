//! `struct xdp_diag_msg`: bytes as they are, and the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::xdp_diag::XdpDiagMsg;

const FIXED_PART: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let Ok(socket) = XdpDiagMsg::decode(payload) else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    for end in [0, 1, FIXED_PART - 1] {
        assert!(XdpDiagMsg::decode(&payload[..end]).is_err());
    }

    // The attributes are no part of the fixed fields.
    let bare = XdpDiagMsg::decode(&payload[..FIXED_PART]).expect("the fixed part is whole");
    let XdpDiagMsg { info, uid, rx_ring, tx_ring, umem, fill_ring, completion_ring, memory, .. } = socket;
    assert_eq!(
        XdpDiagMsg { info, uid, rx_ring, tx_ring, umem, fill_ring, completion_ring, memory, ..bare },
        socket
    );

    // A kernel may append an unknown attribute: nothing else changes.
    let mut longer = payload.to_vec();
    longer.resize(payload.len().next_multiple_of(4), 0);
    longer.extend([7_u16.to_ne_bytes(), 0x3fff_u16.to_ne_bytes()].concat());
    longer.extend([1, 2, 3, 0]);
    assert_eq!(XdpDiagMsg::decode(&longer), Ok(socket));
}
