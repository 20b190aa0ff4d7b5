//! What a process belongs to: a container, a pod, a unit, a bundle, a service.

use crate::model::escape::escaped;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What a process belongs to: a container, a pod, a unit of systemd, a snap or a Flatpak (Linux); services and a package
/// (Windows); an application and the signer of the program (macOS).
///
/// # How it is found
/// Linux: from the path of its control group alone, to which names are added from files that engines and Kubernetes keep. No daemon is
/// asked. A name that could not be read is `None`, and counted in a gap
/// ([`GapKind::WorkloadsUnavailable`](crate::GapKind::WorkloadsUnavailable)).
///
/// The paths are those of the caller's control group namespace: within a container they begin at its own root, and show
/// nothing of what it is in ([`Workload::is_complete`]).
///
/// # Who says so
/// Only root makes control groups, and those to whom root has left a part of them: below `user@1000.service` user 1000 may
/// give them any name, and below a service with `Delegate=` its user. The first say so ([`Container::user`]), and get their
/// names from files of that user alone; for the others, whose groups are in a directory that is not root's, or cannot be seen,
/// no name is looked up.
///
/// # Rights
/// The path: none. Names of docker and podman: root, or the user whose containers they are; of nerdctl: root. Names of pods and their containers:
/// none on most nodes.
///
/// Windows: a service the right to query it (`SERVICE_QUERY_STATUS`), which every user has of most: a process of `services.exe`
/// none of whose services is listed is not complete, and where one is listed there may be others; the package the right to open the process (`PROCESS_QUERY_LIMITED_INFORMATION`). macOS: none.
///
/// # Sources
/// Windows: `EnumServicesStatusExW`, `GetPackageFamilyName`. macOS: `csops`, the path of the program. Linux:
/// `/proc/PID/cgroup`; `/var/log/pods`, `/var/log/containers`; `/var/lib/docker/containers/ID/config.v2.json`;
/// `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json`;
/// `containers.json` of containers/storage; the command line of `docker-proxy`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "/proc/PID/cgroup")]
pub struct Workload {
    /// The path of the control group, as the caller sees it. Where there are several hierarchies (version 1) the one of
    /// systemd, or else the first that says anything. Linux.
    pub cgroup: Option<PathBuf>,
    /// Whether all that the process may belong to would show. Linux: whether the path begins at the root of the machine. Where it
    /// does not, since the caller is in a control group namespace (most containers are), nothing is known of what is above: the
    /// process may well be in a container, pod or unit that does not show here. Windows: whether services and package could be
    /// read, and it is not a child of `services.exe` without services that the caller may query. macOS: whether the path of the program and the signature could be. Filters that name anything else are undecided for the process.
    pub is_complete: bool,
    /// The container, the innermost if it is in several.
    pub container: Option<Container>,
    /// The pod of Kubernetes.
    pub pod: Option<Pod>,
    /// The unit of the system's manager, as systemd writes it (`ssh.service`, `session-3.scope`). Not that of a manager in a
    /// container.
    pub unit: Option<String>,
    /// The unit of the manager of a user.
    pub user_unit: Option<String>,
    /// The slice that the unit, or else the unit of the user, is in.
    pub slice: Option<String>,
    /// The user in whose session or manager it is.
    pub user: Option<u32>,
    /// The snap, Flatpak, package or application.
    pub bundle: Option<Bundle>,
    /// The services that run in the process and that the caller may query, in the order of their names. Where there are several, which of them a socket is
    /// of is not known from this ([`Socket::service`](crate::Socket::service) says it of some). Windows.
    pub services: Vec<String>,
    /// Who has signed the program, by its signature. macOS.
    pub signature: Option<Signature>,
    /// Of a `docker-proxy`: the end to which it forwards a published port.
    pub published: Option<Published>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Container {
    /// What made it.
    pub engine: ContainerEngine,
    /// Its id: 64 hexadecimal digits, but the task's id with a number on Fargate. Of LXC and systemd-nspawn, which have no
    /// ids, its name.
    pub id: String,
    /// Its name; of a pod, its name in the pod.
    pub name: Option<String>,
    /// The project of Compose that it belongs to, and the service there.
    pub compose: Option<(String, String)>,
    /// The user whose manager made it, without root: podman and docker of users.
    pub user: Option<u32>,
    /// Whether it is in another container.
    pub is_nested: bool,
}

/// What made a container.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContainerEngine {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd, for Kubernetes.
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

/// A pod of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Pod {
    /// Its uid: a UUID in small letters, or the 32 digits of a static pod.
    pub uid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
}

/// A program that was installed as a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bundle {
    /// A snap.
    Snap {
        /// Its name, with its instance: `firefox`.
        name: String,
        /// The program, service or hook in it.
        app: String,
    },
    /// A Flatpak, by its id: `org.mozilla.firefox`.
    Flatpak(String),
    /// A package of Windows (UWP, MSIX), by the name of its family: `Microsoft.WindowsTerminal_8wekyb3d8bbwe`.
    Package(String),
    /// An application of macOS, by its folder: `/Applications/Safari.app`, the outermost where one is in another.
    App(String),
}

/// Who has signed a program, as the kernel has found it valid; while it is debugged it need not be valid any more. Anybody may sign a program with any identifier; only the team
/// is vouched for, by Apple.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Signature {
    /// The identifier, which is often that of the bundle: `com.apple.Safari`.
    pub identifier: String,
    /// The team of developers that Apple knows: `9JA89QQLNQ`. Programs of Apple itself have none.
    pub team: Option<String>,
}

impl Signature {
    /// A signature without a team.
    pub fn new(identifier: impl Into<String>) -> Self {
        Self { identifier: identifier.into(), team: None }
    }
}

/// Where the connections to a published port go, as its `docker-proxy` says in its command line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Published {
    /// Address and port of the container.
    pub to: SocketAddr,
    /// The container that has this address, where docker's files could be read.
    pub container: Option<Container>,
}

impl Workload {
    /// The workload of a group of which nothing but its path is known.
    pub fn new(cgroup: impl Into<PathBuf>) -> Self {
        Self { cgroup: Some(cgroup.into()), ..Self::none() }
    }

    /// That of a process that belongs to nothing, on a system without control groups.
    pub fn none() -> Self {
        Self {
            cgroup: None,
            is_complete: true,
            container: None,
            pod: None,
            unit: None,
            user_unit: None,
            slice: None,
            user: None,
            bundle: None,
            services: Vec::new(),
            signature: None,
            published: None,
        }
    }

    /// The unit to which its manager would listen: that of the user, or else that of the system.
    pub fn nearest_unit(&self) -> Option<&str> {
        self.user_unit.as_deref().or(self.unit.as_deref())
    }
}

impl Container {
    /// A container of which nothing but its id is known.
    pub fn new(engine: ContainerEngine, id: impl Into<String>) -> Self {
        Self { engine, id: id.into(), name: None, compose: None, user: None, is_nested: false }
    }

    /// How engines abbreviate an id: its first twelve digits; a name as it is.
    pub fn short_id(&self) -> &str {
        let is_id = self.id.len() == 64 && self.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.id.get(..12).filter(|_| is_id).unwrap_or(&self.id)
    }
}

impl Pod {
    /// A pod of which nothing but its uid is known.
    pub fn new(uid: impl Into<String>) -> Self {
        Self { uid: uid.into(), name: None, namespace: None }
    }
}

impl Bundle {
    /// The stable name of its kind: `snap`, `flatpak`, `package`, `app`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Snap { .. } => "snap",
            Self::Flatpak(_) => "flatpak",
            Self::Package(_) => "package",
            Self::App(_) => "app",
        }
    }

    /// The name of the snap or of the folder of the application, the id of the Flatpak, the family of the package.
    pub fn name(&self) -> &str {
        match self {
            Self::Snap { name, .. } | Self::Flatpak(name) | Self::Package(name) => name,
            Self::App(path) => path.rsplit('/').next().unwrap_or(path),
        }
    }

    /// The program, service or hook of the snap.
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Snap { app, .. } => Some(app),
            _ => None,
        }
    }
}

impl Published {
    /// A published port of which the container is not known.
    pub fn new(to: SocketAddr) -> Self {
        Self { to, container: None }
    }
}

impl ContainerEngine {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Docker,
        Self::Podman,
        Self::Containerd,
        Self::CriO,
        Self::Nerdctl,
        Self::Kubernetes,
        Self::Lxc,
        Self::Nspawn,
        Self::Machine,
        Self::Ecs,
    ];

    /// The stable name: `docker`, `podman`, `cri-o`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Nerdctl => "nerdctl",
            Self::Kubernetes => "kubernetes",
            Self::Lxc => "lxc",
            Self::Nspawn => "nspawn",
            Self::Machine => "machine",
            Self::Ecs => "ecs",
        }
    }
}

impl fmt::Display for ContainerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Its name, or else its short id. Names come from others: what is not printable is escaped.
impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escaped(self.name.as_deref().unwrap_or_else(|| self.short_id())))
    }
}

/// `NAMESPACE/NAME`, or else its uid.
impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => f.pad(&escaped(&format!("{namespace}/{name}"))),
            (None, Some(name)) => f.pad(&escaped(name)),
            (_, None) => f.pad(&escaped(&self.uid)),
        }
    }
}

/// Its name.
impl fmt::Display for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escaped(self.name()))
    }
}

/// `->NAME` with the container, or else `->172.17.0.2:80`.
impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.container {
            Some(container) => f.pad(&format!("->{container}")),
            None => f.pad(&format!("->{}", self.to)),
        }
    }
}

/// What a person would call it: the pod; `PROJECT/SERVICE` of Compose; the container, also behind a published port; the bundle;
/// the services; the unit; the identifier of the signature; or else the path. Empty if there is none of these.
impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compose = self.container.as_ref().and_then(|container| container.compose.as_ref());
        match self {
            Self { pod: Some(pod), .. } => pod.fmt(f),
            _ if compose.is_some() => {
                let (project, service) = compose.cloned().unwrap_or_default();
                f.pad(&escaped(&format!("{project}/{service}")))
            }
            Self { container: Some(container), .. } => container.fmt(f),
            Self { published: Some(published), .. } => published.fmt(f),
            Self { bundle: Some(bundle), .. } => bundle.fmt(f),
            _ if !self.services.is_empty() => f.pad(&escaped(&self.services.join(","))),
            _ => match (self.nearest_unit(), &self.signature, &self.cgroup) {
                (Some(unit), ..) => f.pad(&escaped(unit)),
                (None, Some(signature), _) => f.pad(&escaped(&signature.identifier)),
                (None, None, Some(cgroup)) => f.pad(&escaped(&cgroup.to_string_lossy())),
                (None, None, None) => f.pad(""),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_what_a_person_would_call_it() {
        let mut workload = Workload::new("/a/b");
        assert_eq!(workload.to_string(), "/a/b");
        workload.unit = Some("user@7.service".to_owned());
        assert_eq!(workload.to_string(), "user@7.service");
        workload.user_unit = Some("web.service".to_owned());
        assert_eq!(workload.to_string(), "web.service");
        workload.bundle = Some(Bundle::Snap { name: "lxd".to_owned(), app: "daemon".to_owned() });
        assert_eq!(workload.to_string(), "lxd");
        workload.published = Some(Published::new(SocketAddr::from(([172, 17, 0, 2], 80))));
        assert_eq!(workload.to_string(), "->172.17.0.2:80");
        let mut container = Container::new(ContainerEngine::Docker, "0123456789abcdef".repeat(4));
        workload.container = Some(container.clone());
        assert_eq!(workload.to_string(), "0123456789ab");
        container.name = Some("web\u{1b}".to_owned());
        workload.container = Some(container.clone());
        assert_eq!(workload.to_string(), "web\\u{1b}");
        container.compose = Some(("shop".to_owned(), "web".to_owned()));
        workload.container = Some(container);
        assert_eq!(workload.to_string(), "shop/web");
        workload.pod = Some(Pod::new("uid"));
        assert_eq!(workload.to_string(), "uid");
        let names = (Some("web-0".to_owned()), Some("default".to_owned()));
        workload.pod = Some(Pod { uid: "uid".to_owned(), name: names.0, namespace: names.1 });
        assert_eq!(format!("{workload:14}|"), "default/web-0 |");
    }

    #[test]
    fn display_of_what_other_systems_have_is_the_bundle_the_services_or_the_identifier() {
        let mut workload = Workload::none();
        assert_eq!(workload.to_string(), "");
        workload.signature = Some(Signature::new("com.apple.sshd"));
        assert_eq!(workload.to_string(), "com.apple.sshd");
        workload.services = vec!["BFE".to_owned(), "mpssvc".to_owned()];
        assert_eq!(workload.to_string(), "BFE,mpssvc");
        workload.bundle = Some(Bundle::App("/Applications/Safari.app".to_owned()));
        assert_eq!(workload.to_string(), "Safari.app");
        workload.bundle = Some(Bundle::Package("A.B_8wekyb3d8bbwe".to_owned()));
        assert_eq!(workload.to_string(), "A.B_8wekyb3d8bbwe");
    }

    #[test]
    fn only_an_id_is_abbreviated() {
        let short = |id: &str| Container::new(ContainerEngine::Lxc, id).short_id().to_owned();
        assert_eq!(short(&"ab".repeat(32)), "abababababab");
        assert_eq!((short("my-machine-of-lxc"), short("x")), ("my-machine-of-lxc".into(), "x".into()));
        assert_eq!(short(&"xy".repeat(32)), "xy".repeat(32));
    }
}
