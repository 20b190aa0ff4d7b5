//! libproc: `struct socket_fdinfo`, the structures of processes, lists.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::macos::proc_fdinfo::{descriptors, fileports, pids};
use netstat_wire::macos::proc_pidinfo::{ProcBsdinfo, ProcBsdshortinfo, ProcUniqidentifierinfo};
use netstat_wire::macos::socket_fdinfo::{Protocol, SOCKET_FDINFO_BYTES, SocketFdinfo};

fuzz_target!(|bytes: &[u8]| {
    let longer = [bytes, &[0xa5; 16]].concat();
    let info = SocketFdinfo::decode(bytes);
    if bytes.len() >= SOCKET_FDINFO_BYTES {
        assert!(info.is_ok());
    }
    if let Ok(info) = info {
        // A longer structure of a newer kernel decodes to the same.
        assert_eq!(SocketFdinfo::decode(&longer), Ok(info));
        if let Protocol::Un { path, peer_path, .. } = info.proto {
            assert!(path.len() <= 253 && peer_path.len() <= 253);
        }
    }
    if let Ok(info) = ProcBsdshortinfo::decode(bytes) {
        assert!(info.name().len() <= 16 && !info.name().contains(&0));
        assert_eq!(ProcBsdshortinfo::decode(&longer), Ok(info));
    }
    if let Ok(info) = ProcBsdinfo::decode(bytes) {
        assert_eq!(ProcBsdinfo::decode(&longer), Ok(info));
    }
    if let Ok(info) = ProcUniqidentifierinfo::decode(bytes) {
        assert_eq!(ProcUniqidentifierinfo::decode(&longer), Ok(info));
    }
    assert_eq!(descriptors(bytes).count(), bytes.len() / 8);
    assert_eq!(fileports(bytes).count(), bytes.len() / 8);
    assert_eq!(pids(bytes).count(), bytes.len() / 4);
});
