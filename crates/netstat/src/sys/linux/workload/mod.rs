//! What a process belongs to: [`of_groups`] from the text of `/proc/PID/cgroup`, [`names`] from files of engines and of
//! Kubernetes, [`paths`] of control groups by their numbers.

mod bundles;
mod files;
pub(crate) mod names;
pub(crate) mod paths;

use super::procfs::Procfs;
use crate::model::workload::{Bundle, Container, ContainerEngine, Pod, Workload};
use netstat_wire::linux::cgroup_path::{CgroupFile, CgroupPath, Engine};
use netstat_wire::linux::unit_name::{self, unescaped};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the control groups of a process say, without names from files; `None` if there is none.
pub(crate) fn of_groups(text: &[u8], is_complete: bool) -> Option<Workload> {
    let CgroupFile { path, says } = CgroupFile::decode(text)?;
    Some(Workload { is_complete, ..workload(Path::new(OsStr::from_bytes(path)), says) })
}

/// What the path of a control group says, without names from files.
pub(crate) fn of_path(path: &Path, is_complete: bool) -> Workload {
    Workload { is_complete, ..workload(path, CgroupPath::decode(path.as_os_str().as_bytes())) }
}

/// Whether paths of control groups, as this thread reads them, begin at the root of the machine: whether it is in the
/// namespace that the machine started with. False where that cannot be seen.
///
/// # Sources
/// cgroup_namespaces(7); include/linux/proc_ns.h, `PROC_CGROUP_INIT_INO`.
pub(crate) fn sees_root(procfs: &impl Procfs) -> bool {
    const INITIAL: &[u8] = b"cgroup:[4026531835]";
    match procfs.link("thread-self/ns/cgroup") {
        Ok(namespace) => namespace == INITIAL,
        // Before Linux 4.6 there are none.
        Err(Errno::NOENT) => procfs.link("self/ns/mnt").is_ok(),
        Err(_) => false,
    }
}

fn workload(path: &Path, says: CgroupPath<'_>) -> Workload {
    let mut workload = Workload::new(path);
    workload.container = says.container.map(|container| {
        let id = match engine_of(container.engine) {
            ContainerEngine::Nspawn | ContainerEngine::Machine => text_of(&unescaped(container.id)),
            _ => text_of(container.id),
        };
        let user = says.user.filter(|_| says.is_of_user_manager);
        Container { user, is_nested: container.is_nested, ..Container::new(engine_of(container.engine), id) }
    });
    workload.pod = says.pod.map(|uid| Pod::new(text_of(uid).replace('_', "-")));
    (workload.unit, workload.user_unit) = (says.unit.map(text_of), says.user_unit.map(text_of));
    (workload.slice, workload.user) = (says.slice.map(text_of), says.user);
    workload.bundle = says.bundle.map(|bundle| match bundle {
        unit_name::Bundle::Snap { name, app } => Bundle::Snap { name: text_of(name), app: text_of(app) },
        unit_name::Bundle::Flatpak(id) => Bundle::Flatpak(text_of(&unescaped(id))),
    });
    workload
}

/// Nearly always ASCII: the names of units and containers have no other characters.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn engine_of(engine: Engine) -> ContainerEngine {
    match engine {
        Engine::Docker => ContainerEngine::Docker,
        Engine::Podman => ContainerEngine::Podman,
        Engine::Containerd => ContainerEngine::Containerd,
        Engine::CriO => ContainerEngine::CriO,
        Engine::Nerdctl => ContainerEngine::Nerdctl,
        Engine::Kubernetes => ContainerEngine::Kubernetes,
        Engine::Lxc => ContainerEngine::Lxc,
        Engine::Nspawn => ContainerEngine::Nspawn,
        Engine::Machine => ContainerEngine::Machine,
        Engine::Ecs => ContainerEngine::Ecs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workload_has_what_its_path_says_in_plain_spelling() {
        let id = "0123456789abcdef".repeat(4);
        let uid = "1b2c3d4e_5f60_7182_93a4_b5c6d7e8f901";
        let text = format!("0::/kubepods.slice/kubepods-pod{uid}.slice/cri-containerd-{id}.scope\n");
        let workload = of_groups(text.as_bytes(), true).unwrap();
        assert_eq!(workload.container, Some(Container::new(ContainerEngine::Containerd, id.as_str())));
        assert_eq!(workload.pod, Some(Pod::new("1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901")));
        assert_eq!(workload.unit, Some(format!("cri-containerd-{id}.scope")));

        let machine = of_groups(b"0::/machine.slice/machine-deb\\x2d12.scope/payload\n", true).unwrap();
        assert_eq!(machine.container, Some(Container::new(ContainerEngine::Nspawn, "deb-12")));

        let manager = "/user.slice/user-1000.slice/user@1000.service";
        let text = format!("0::{manager}/user.slice/libpod-{id}.scope/container\n");
        let container = of_groups(text.as_bytes(), true).unwrap().container.unwrap();
        assert_eq!((container.engine, container.user), (ContainerEngine::Podman, Some(1000)));

        let text = format!("0::{manager}/app.slice/app-flatpak-org.x.a\\x2db-7.scope\n");
        let workload = of_groups(text.as_bytes(), true).unwrap();
        assert_eq!(workload.bundle, Some(Bundle::Flatpak("org.x.a-b".to_owned())));
        assert_eq!((workload.user, workload.container), (Some(1000), None));
        assert_eq!(of_groups(b"", true), None);
    }
}
