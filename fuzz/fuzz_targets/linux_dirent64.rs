//! What getdents64(2) leaves: no name is longer than its entry, and the list ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::dirent64::Names;

fuzz_target!(|bytes: &[u8]| {
    let mut names = 0;
    let mut taken = 0;
    let mut failed = false;
    for name in Names::new(bytes) {
        assert!(!failed, "nothing follows an error");
        match name {
            Ok(name) => {
                names += 1;
                // The header, and the NUL.
                taken += 19 + name.to_bytes_with_nul().len();
            }
            Err(_) => failed = true,
        }
    }
    assert!(taken <= bytes.len(), "{names} names of {taken} bytes");
});
