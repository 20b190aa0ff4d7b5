//! `struct packet_diag_msg`: bytes as they are, and the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::packet_diag::PacketDiagMsg;

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
    let Ok(socket) = PacketDiagMsg::decode(payload) else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    for end in [0, 1, FIXED_PART - 1] {
        assert!(PacketDiagMsg::decode(&payload[..end]).is_err());
    }

    let memberships = socket.memberships.clone().into_iter().flatten();
    assert!(memberships.inspect(|one| assert!(one.address.len() <= 32)).count() * 44 < payload.len());

    // The attributes are no part of the fixed fields.
    let bare = PacketDiagMsg::decode(&payload[..FIXED_PART]).expect("the fixed part is whole");
    let PacketDiagMsg { info, memberships, rx_ring, tx_ring, fanout, uid, memory, filter, .. } =
        socket.clone();
    assert_eq!(
        PacketDiagMsg { info, memberships, rx_ring, tx_ring, fanout, uid, memory, filter, ..bare },
        socket
    );

    // A kernel may append an unknown attribute: nothing else changes.
    let mut longer = payload.to_vec();
    longer.resize(payload.len().next_multiple_of(4), 0);
    longer.extend([7_u16.to_ne_bytes(), 0x3fff_u16.to_ne_bytes()].concat());
    longer.extend([1, 2, 3, 0]);
    assert_eq!(PacketDiagMsg::decode(&longer), Ok(socket));
}
