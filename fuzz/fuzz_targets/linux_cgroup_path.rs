//! Paths of control groups: what a path says stands in it, and ids have the form that engines give them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::cgroup_path::{CgroupFile, CgroupPath, Engine};
use netstat_wire::linux::unit_name::unescaped;

fn check(path: &[u8], says: CgroupPath<'_>) {
    let stands_in = |piece: &[u8]| !piece.is_empty() && path.windows(piece.len()).any(|at| at == piece);
    for piece in [says.pod, says.unit, says.user_unit, says.slice].into_iter().flatten() {
        assert!(stands_in(piece));
        assert!(unescaped(piece).len() <= piece.len());
    }
    if let Some(container) = says.container {
        assert!(stands_in(container.id));
        let has_name =
            matches!(container.engine, Engine::Lxc | Engine::Nspawn | Engine::Machine | Engine::Ecs);
        assert!(has_name || container.id.len() == 64);
    }
    assert!(says.pod.is_none_or(|uid| matches!(uid.len(), 32 | 36)));
    assert!(says.user_unit.is_none() || says.is_of_user_manager);
}

fuzz_target!(|text: &[u8]| {
    check(text, CgroupPath::decode(text));
    if let Some(file) = CgroupFile::decode(text) {
        assert!(file.path.starts_with(b"/"));
        check(text, file.says);
    }
});
