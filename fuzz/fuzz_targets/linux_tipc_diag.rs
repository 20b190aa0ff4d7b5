//! TIPC sockets: bytes as they are, as the attributes of a socket, and the payloads of the netlink messages in
//! them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::tipc_diag::TipcSock;

const TIPC_NLA_SOCK: u16 = 2;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Ok(length) = u16::try_from(bytes.len() + 4) {
        check(&[&length.to_ne_bytes(), &TIPC_NLA_SOCK.to_ne_bytes(), bytes].concat());
    }
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let Ok(socket) = TipcSock::decode(payload) else {
        return;
    };
    assert!(socket.is_none() || payload.len() >= 4);
    // A kernel may append an unknown attribute: nothing else changes.
    let mut longer = payload.to_vec();
    longer.resize(payload.len().next_multiple_of(4), 0);
    longer.extend([7_u16.to_ne_bytes(), 0x3fff_u16.to_ne_bytes()].concat());
    longer.extend([1, 2, 3, 0]);
    assert_eq!(TipcSock::decode(&longer), Ok(socket));
}
