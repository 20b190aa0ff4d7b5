//! `/proc/PID/net/{tcp,tcp6,udp,udp6}`: the lines of a table.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net::{Endian, ProcNet};
use std::net::{IpAddr, SocketAddr};

fuzz_target!(|table: &[u8]| {
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        for (endian, other) in [(Endian::Little, Endian::Big), (Endian::Big, Endian::Little)] {
            let socket = ProcNet::decode(line, endian);
            let Ok(socket) = socket else {
                // Another byte order must not make a line invalid.
                assert!(ProcNet::decode(line, other).is_err());
                continue;
            };
            // What comes after the inode is skipped.
            assert_eq!(ProcNet::decode(&[line, b" 1 0 0000\n"].concat(), endian), Ok(socket));
            // As the kernel would print it.
            assert_eq!(ProcNet::decode(print(&socket, endian).as_bytes(), endian), Ok(socket));
        }
    }
});

fn print(socket: &ProcNet, endian: Endian) -> String {
    let ProcNet { state, tx_queue, rx_queue, timer, expires_ticks, retransmits, uid, probes, inode, .. } =
        socket;
    let (local, remote) = (print_end(socket.local, endian), print_end(socket.remote, endian));
    format!(
        "   0: {local} {remote} {state:02X} {tx_queue:08X}:{rx_queue:08X} {timer:02X}:{expires_ticks:08X} \
         {retransmits:08X} {uid:5} {probes:8} {inode} 1\n"
    )
}

fn print_end(end: SocketAddr, endian: Endian) -> String {
    let bytes = match end.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.as_chunks::<4>().0.iter().map(|word| match endian {
        Endian::Little => u32::from_le_bytes(*word),
        Endian::Big => u32::from_be_bytes(*word),
    });
    let words: String = words.map(|word| format!("{word:08X}")).collect();
    format!("{words}:{:04X}", end.port())
}
