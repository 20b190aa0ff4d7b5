//! `/sys/kernel/btf/vmlinux`: the types of a kernel, and the searches in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::btf::{Btf, Kind};

fuzz_target!(|file: &[u8]| {
    let Ok(btf) = Btf::new(file) else {
        return;
    };
    let wanted = [
        (Kind::Struct, "inode"),
        (Kind::Union, ""),
        (Kind::Typedef, "umode_t"),
        (Kind::Func, "bpf_iter_task_file"),
    ];
    for id in btf.find(wanted).into_iter().flatten().flatten() {
        // No type takes less than twelve bytes.
        assert!((1..=file.len() / 12).contains(&(id.number() as usize)));
        let _ = btf.size(id);
        for name in ["high", "i_mode", "i_next", "i_numbers"] {
            let Ok(Some(member)) = btf.member(id, name) else {
                continue;
            };
            let _ = btf.size(member.of);
            if let Ok(Some(pointee)) = btf.pointee(member.of) {
                // Without typedefs and qualifiers, which have been skipped.
                assert!(!btf.size(pointee).is_err());
            }
            if let Ok(Some(element)) = btf.element(member.of) {
                let _ = btf.size(element);
            }
        }
    }
});
