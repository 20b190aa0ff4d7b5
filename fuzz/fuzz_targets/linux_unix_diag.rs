//! `struct unix_diag_msg`: bytes as they are, and the payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::unix_diag::{UnixDiagMsg, UnixName};

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
    let Ok(socket) = UnixDiagMsg::decode(payload) else {
        return;
    };
    assert!(payload.len() >= FIXED_PART);
    for end in [0, 1, FIXED_PART - 1] {
        assert!(UnixDiagMsg::decode(&payload[..end]).is_err());
    }

    // Borrowed text is part of this record, and a name that starts with a NUL is abstract.
    if let Some(name) = socket.name {
        assert!(name.as_bytes().len() < payload.len());
        assert!(matches!(name, UnixName::Abstract(_)) || name.as_bytes().first() != Some(&0));
    }
    assert!(socket.icons.clone().map_or(0, Iterator::count) * 4 < payload.len());

    // The attributes are no part of the fixed fields.
    let bare = UnixDiagMsg::decode(&payload[..FIXED_PART]).expect("the fixed part is whole");
    let UnixDiagMsg { name, vfs, peer, icons, queues, memory, shutdown, uid, .. } = socket.clone();
    assert_eq!(UnixDiagMsg { name, vfs, peer, icons, queues, memory, shutdown, uid, ..bare }, socket);

    // A kernel may append an unknown attribute: nothing else changes.
    let mut longer = payload.to_vec();
    longer.resize(payload.len().next_multiple_of(4), 0);
    longer.extend([7_u16.to_ne_bytes(), 0x3fff_u16.to_ne_bytes()].concat());
    longer.extend([1, 2, 3, 0]);
    assert_eq!(UnixDiagMsg::decode(&longer), Ok(socket));
}
