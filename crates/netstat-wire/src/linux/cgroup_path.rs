//! The path of a control group, by which container engines, Kubernetes and systemd say what runs in it.
//!
//! ```text
//! /system.slice/docker-ID.scope                                            docker, by systemd
//! /docker/ID                                                               docker, by itself
//! /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope podman of a user
//! /kubepods.slice/kubepods-podUID.slice/cri-containerd-ID.scope            Kubernetes
//! /system.slice/ssh.service                                                systemd
//! ```
//!
//! A name counts only where it is whole: the id of a container has 64 hexadecimal digits, that of a pod is a UUID or (of a
//! static pod) 32 digits. The processes that look after containers (conmon, the monitor of LXC, systemd-nspawn itself) have
//! groups of their own, which are not those of containers.
//!
//! Traps:
//! - Groups are nested: below the group of a container are those that it makes itself. The last container counts; the unit is
//!   the first, as in systemd, since those below a container are its own.
//! - A path that begins with `/..` is beside the root of the reader's control group namespace: what is above is not known, and
//!   so neither is whether a unit belongs to the system or to a user.
//! - A user or service that may make groups may give them any name: below `user@UID.service` that is this user, below a
//!   service with `Delegate=` this service.
//!
//! Sources: systemd's `cgroup-util.c` (`cg_path_get_unit`, `cg_path_get_user_unit`); runc's and crun's cgroup drivers;
//! `libpod/container_internal_linux.go`; kubelet's `cgroup_manager_linux.go`; `lxc/cgroups/cgfsng.c`; `systemd-nspawn(1)`.

use super::proc_pid_cgroup::{Cgroup, Cgroups};
use super::unit_name::{Bundle, bundle, has_processes, is_unit_name, number};
use super::uuid::{is_hex, is_uuid};

/// What made a container.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd, for Kubernetes (`cri-containerd`).
    Containerd,
    /// CRI-O.
    CriO,
    /// nerdctl.
    Nerdctl,
    /// Of Kubernetes, by an engine that the path does not name.
    Kubernetes,
    /// LXC, LXD or Incus.
    Lxc,
    /// systemd-nspawn.
    Nspawn,
    /// A machine of systemd-machined, by a manager that the path does not name.
    Machine,
    /// Amazon ECS.
    Ecs,
}

/// A container.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Container<'p> {
    /// What made it.
    pub engine: Engine,
    /// Its id; of [`Engine::Lxc`], [`Engine::Nspawn`] and [`Engine::Machine`] its name, in which `\xHH` stands for a byte.
    pub id: &'p [u8],
    /// Whether it is in a group of another container.
    pub is_nested: bool,
}

/// What a path says. All of it `None`: nothing that is known.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupPath<'p> {
    /// The container.
    pub container: Option<Container<'p>>,
    /// The uid of the pod. In place of its `-` may stand `_`.
    pub pod: Option<&'p [u8]>,
    /// The unit of the system's manager: a service or a scope, seldom a socket, mount or swap.
    pub unit: Option<&'p [u8]>,
    /// The unit of the manager of a user.
    pub user_unit: Option<&'p [u8]>,
    /// The last slice above the unit, or above the unit of the user where there is one.
    pub slice: Option<&'p [u8]>,
    /// The user whose session or manager it is.
    pub user: Option<u32>,
    /// Whether the group is below one that a user's manager may make groups in.
    pub is_of_user_manager: bool,
    /// The program that was installed as a bundle.
    pub bundle: Option<Bundle<'p>>,
}

/// The control groups of a process: the path that says most of them.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupFile<'t> {
    /// The path of version 2; where that is `/` the first other one of systemd, or else of any hierarchy.
    pub path: &'t [u8],
    /// What it says. The container and the pod may be from the path of another hierarchy.
    pub says: CgroupPath<'t>,
}

impl<'t> CgroupFile<'t> {
    /// Reads the text of `/proc/PID/cgroup`; `None` if it has no line.
    pub fn decode(text: &'t [u8]) -> Option<Self> {
        let mut rank_of_best = 0;
        let mut best: Option<Cgroup<'t>> = None;
        let mut with_container: Option<CgroupPath<'t>> = None;
        for group in Cgroups::new(text).flatten() {
            let rank = match (group.path, group.is_v2()) {
                (b"/", false) => 1,
                (b"/", true) => 2,
                (_, false) if group.has_controller(b"name=systemd") => 4,
                (_, false) => 3,
                (_, true) => 5,
            };
            if rank > rank_of_best {
                (rank_of_best, best) = (rank, Some(group));
            }
            if with_container.is_none() {
                with_container = Some(CgroupPath::decode(group.path)).filter(|says| says.container.is_some());
            }
        }
        let path = best?.path;
        let mut says = CgroupPath::decode(path);
        if let (None, Some(other)) = (says.container, with_container) {
            (says.container, says.pod) = (other.container, other.pod);
            // Who may have named that group.
            if other.is_of_user_manager {
                (says.user, says.is_of_user_manager) = (other.user, true);
            }
        }
        Some(Self { path, says })
    }
}

impl<'p> CgroupPath<'p> {
    /// Reads a path.
    pub fn decode(path: &'p [u8]) -> Self {
        // The kernel appends it to the path of a group that has been removed.
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        let mut says = Self::default();
        let components = || path.split(|byte| *byte == b'/').filter(|component| !component.is_empty());
        let is_beside_root = components().next() == Some(b"..");
        if !is_beside_root {
            says.read_units(components());
        }
        says.read_containers(components());
        says.bundle = [says.user_unit, says.unit].into_iter().flatten().find_map(bundle);
        says
    }

    /// Finds the units: slices, then a unit; behind the manager of a user, slices and a unit of its own.
    fn read_units(&mut self, components: impl Iterator<Item = &'p [u8]>) {
        for component in components {
            let name = component.strip_prefix(b"_").unwrap_or(component);
            if name.ends_with(b".slice") && is_unit_name(name) {
                self.slice = Some(name);
                let uid = name.strip_prefix(b"user-").and_then(|rest| rest.strip_suffix(b".slice"));
                // A user may give any name to slices of their own.
                if !self.is_of_user_manager {
                    self.user = uid.and_then(number).or(self.user);
                }
                continue;
            }
            if !(has_processes(name) && is_unit_name(name)) {
                return;
            }
            if self.unit.is_some() {
                self.user_unit = Some(name);
                return;
            }
            self.unit = Some(name);
            let manager = name.strip_prefix(b"user@").and_then(|rest| rest.strip_suffix(b".service"));
            let Some(uid) = manager.and_then(number) else { return };
            (self.user, self.is_of_user_manager) = (Some(uid), true);
        }
    }

    fn read_containers(&mut self, components: impl Iterator<Item = &'p [u8]>) {
        // The components before this one, the nearest first.
        let mut before: [&[u8]; 3] = [b""; 3];
        for component in components {
            // systemd-nspawn itself is in a group below that of the machine.
            let [parent, grandparent, _] = before;
            match (machine_name(parent), component) {
                (Some(name), b"payload") => self.set_machine(name),
                (Some(_), b"supervisor") => self.container = None,
                _ => {
                    if let Some((engine, id)) = container(component, &before) {
                        self.set_container(engine, id);
                    }
                }
            }
            self.pod = pod(component, parent).or(self.pod);
            before = [component, parent, grandparent];
        }
    }

    /// What is known of a machine as such is known to be of systemd-nspawn now.
    fn set_machine(&mut self, name: &'p [u8]) {
        match &mut self.container {
            Some(machine) if machine.id == name => machine.engine = Engine::Nspawn,
            _ => self.set_container(Engine::Nspawn, name),
        }
    }

    fn set_container(&mut self, engine: Engine, id: &'p [u8]) {
        let is_nested = self.container.is_some();
        self.container = Some(Container { engine, id, is_nested });
    }
}

/// The id of a container.
fn id(text: &[u8]) -> Option<&[u8]> {
    (text.len() == 64 && is_hex(text)).then_some(text)
}

/// The container of a group with this name, below those before it.
fn container<'p>(component: &'p [u8], before: &[&'p [u8]; 3]) -> Option<(Engine, &'p [u8])> {
    const PREFIXES: [(&[u8], Engine); 6] = [
        (b"docker-", Engine::Docker),
        (b"libpod-payload-", Engine::Podman),
        (b"libpod-", Engine::Podman),
        (b"cri-containerd-", Engine::Containerd),
        (b"crio-", Engine::CriO),
        (b"nerdctl-", Engine::Nerdctl),
    ];
    let [parent, grandparent, third] = *before;
    if let Some(scope) = component.strip_suffix(b".scope") {
        let of_engine = PREFIXES
            .iter()
            .find_map(|(prefix, engine)| Some((*engine, scope.strip_prefix(*prefix).and_then(id)?)));
        return of_engine.or_else(|| Some((Engine::Machine, machine_name(component)?)));
    }
    // The form of systemd for a driver that is not systemd's.
    let mut parts = component.rsplitn(3, |byte| *byte == b':');
    if let (Some(last), Some(engine), Some(_)) = (parts.next().and_then(id), parts.next(), parts.next()) {
        let is_it = |prefix: &[u8]| prefix.strip_suffix(b"-") == Some(engine);
        return PREFIXES.iter().find(|(prefix, _)| is_it(prefix)).map(|(_, engine)| (*engine, last));
    }
    // By podman without systemd and in the group of a service, and by CRI-O without systemd.
    for (prefix, engine) in
        PREFIXES.iter().filter(|(_, engine)| matches!(engine, Engine::Podman | Engine::CriO))
    {
        if let Some(id) = component.strip_prefix(*prefix).and_then(id) {
            return Some((*engine, id));
        }
    }
    let lxc = match component.strip_prefix(b"lxc.payload.") {
        None if matches!(parent, b"lxc" | b"lxc.payload") => Some(component),
        name => name,
    };
    if let Some(name) = lxc {
        return is_machine_name(name).then_some((Engine::Lxc, name));
    }
    if parent == b"docker" {
        return id(component).map(|id| (Engine::Docker, id));
    }
    if grandparent == b"ecs" || third == b"ecs" {
        return is_ecs_id(component, parent).then_some((Engine::Ecs, component));
    }
    let in_pod = pod(parent, grandparent).is_some();
    id(component).filter(|_| in_pod).map(|id| (Engine::Kubernetes, id))
}

/// The name of a machine, from the group that systemd-machined or a template service makes for it. Virtual machines of libvirt
/// are none: what runs in their groups is the emulator.
fn machine_name(component: &[u8]) -> Option<&[u8]> {
    let scope = component.strip_suffix(b".scope").and_then(|scope| scope.strip_prefix(b"machine-"));
    let service = || component.strip_prefix(b"systemd-nspawn@")?.strip_suffix(b".service");
    let name = scope.filter(|name| !name.starts_with(b"qemu\\x2d")).or_else(service)?;
    is_machine_name(name).then_some(name)
}

fn is_machine_name(name: &[u8]) -> bool {
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.\\".contains(byte);
    (1..256).contains(&name.len()) && name.iter().all(is_valid) && !name.starts_with(b".")
}

/// Of a task: an id as usual, or that of the task with a number (Fargate).
fn is_ecs_id(component: &[u8], task: &[u8]) -> bool {
    let with_number = component.strip_prefix(task).and_then(|rest| rest.strip_prefix(b"-"));
    id(component).is_some()
        || (task.len() == 32
            && is_hex(task)
            && with_number.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)))
}

/// The uid of the pod that has this group below another one.
fn pod<'p>(component: &'p [u8], parent: &[u8]) -> Option<&'p [u8]> {
    // By kubelet itself.
    if let Some(uid) = component.strip_prefix(b"pod").and_then(pod_uid) {
        let is_parent = [&b"kubepods"[..], b"burstable", b"besteffort"].contains(&parent);
        return is_parent.then_some(uid);
    }
    // By systemd, and in the form of systemd for another driver.
    let slice = component.split(|byte| *byte == b':').next()?.strip_suffix(b".slice")?;
    let slice = slice.strip_prefix(b"kubelet-").unwrap_or(slice).strip_prefix(b"kubepods-")?;
    let slice =
        slice.strip_prefix(b"burstable-").or_else(|| slice.strip_prefix(b"besteffort-")).unwrap_or(slice);
    pod_uid(slice.strip_prefix(b"pod")?)
}

/// A UUID, with `-` or `_`, or 32 digits.
fn pod_uid(text: &[u8]) -> Option<&[u8]> {
    let is_uid = (text.len() == 32 && is_hex(text)) || is_uuid(text, b'-') || is_uuid(text, b'_');
    is_uid.then_some(text)
}
