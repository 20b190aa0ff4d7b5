//! `net.local.{stream,dgram}.pcblist_n`: tables of local sockets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::macos::unpcblist_n::UnPcblistN;

fuzz_target!(|table: &[u8]| {
    let Ok(mut sockets) = UnPcblistN::new(table) else {
        return;
    };
    let mut count = 0;
    for socket in sockets.by_ref().flatten() {
        count += 1;
        assert!(socket.unpcb.path.len() < 256 && socket.unpcb.peer_path.len() < 256);
        assert!(!socket.unpcb.path.contains(&0) && !socket.unpcb.peer_path.contains(&0));
    }
    assert!(count * 588 <= table.len());
    assert!(sockets.ending().is_some());
});
