//! `/proc/PID/net/packet`: the lines of a table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net_packet::ProcNetPacket;

fuzz_target!(|table: &[u8]| {
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        let Ok(socket) = ProcNetPacket::decode(line) else {
            continue;
        };
        // What comes after the inode is skipped.
        let longer = [line.strip_suffix(b"\n").unwrap_or(line), b" 1 new\n"].concat();
        assert_eq!(ProcNetPacket::decode(&longer), Ok(socket));
        // As the kernel would print it.
        let ProcNetPacket { kind, protocol, index, running, rmem, uid, inode } = socket;
        let index = index.map_or("-1".to_owned(), |index| index.to_string());
        let running = u8::from(running);
        let printed = format!("1 2 {kind:<4} {protocol:04x}   {index:<5} {running} {rmem} {uid} {inode}\n");
        assert_eq!(ProcNetPacket::decode(printed.as_bytes()), Ok(socket));
    }
});
