//! `struct vsock_diag_msg`: bytes as they are, and the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::vsock_diag::VsockDiagMsg;

const FIXED_PART: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let socket = VsockDiagMsg::decode(payload);
    assert_eq!(socket.is_ok(), payload.len() >= FIXED_PART);
    let Ok(socket) = socket else {
        return;
    };
    assert_eq!(VsockDiagMsg::decode(&payload[..FIXED_PART]), Ok(socket));
    let bytes = [
        &[socket.family, socket.kind, socket.state, socket.shutdown][..],
        &socket.source_cid.to_ne_bytes(),
        &socket.source_port.to_ne_bytes(),
        &socket.destination_cid.to_ne_bytes(),
        &socket.destination_port.to_ne_bytes(),
        &socket.inode.to_ne_bytes(),
        &(socket.cookie as u32).to_ne_bytes(),
        &((socket.cookie >> 32) as u32).to_ne_bytes(),
    ];
    assert_eq!(bytes.concat(), payload[..FIXED_PART]);
}
