//! `/proc/PID/net/netlink`: the lines of a table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net_netlink::ProcNetNetlink;

fuzz_target!(|table: &[u8]| {
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        let Ok(socket) = ProcNetNetlink::decode(line) else {
            continue;
        };
        // What comes after the inode is skipped.
        let longer = [line.strip_suffix(b"\n").unwrap_or(line), b" 1 new\n"].concat();
        assert_eq!(ProcNetNetlink::decode(&longer), Ok(socket));
        // As the kernel would print it.
        let ProcNetNetlink { protocol, port_id, groups, rmem, wmem, drops, inode } = socket;
        let printed =
            format!("1 {protocol:<3} {port_id:<10} {groups:08x} {rmem} {wmem} 0 2 {drops} {inode:<8}\n");
        assert_eq!(ProcNetNetlink::decode(printed.as_bytes()), Ok(socket));
    }
});
