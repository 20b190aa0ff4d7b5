//! Compares what a filter names with what a process belongs to.

use crate::model::workload::{Bundle, Container, ContainerEngine as Engine, Pod, Workload};

/// A part of a workload that a filter names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkloadPart {
    Container,
    Pod,
    Unit,
    /// Any of these, a bundle, a service or a signature.
    Workload,
}

/// What may stand before a name, beside the names of engines.
const KINDS: [&str; 11] = [
    "container",
    "compose",
    "pod",
    "unit",
    "snap",
    "flatpak",
    "package",
    "app",
    "service",
    "identifier",
    "team",
];

impl WorkloadPart {
    /// The word in filters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Unit => "unit",
            Self::Workload => "workload",
        }
    }
}

impl Workload {
    /// Whether the process is in the container, pod or unit of this name; `None` if it is in one whose name is
    /// not known, or may be in one that cannot be seen.
    pub(crate) fn is_part_of(&self, part: WorkloadPart, name: &str) -> Option<bool> {
        // What is above the root that is seen.
        let of_others = self.is_complete.then_some(false);
        match part {
            // The innermost container is the one that counts.
            WorkloadPart::Container => self.container.as_ref().map_or(of_others, |it| it.is_called(name)),
            WorkloadPart::Pod => self.pod.as_ref().map_or(of_others, |pod| pod.is_called(name)),
            WorkloadPart::Unit => Some(self.is_in_unit(name)).filter(|is_in_it| *is_in_it).or(of_others),
            WorkloadPart::Workload => self.is_called(name).filter(|is_it| *is_it || self.is_complete),
        }
    }

    fn is_in_unit(&self, name: &str) -> bool {
        let is_it = |unit: &String| unit == name || unit.strip_suffix(".service") == Some(name);
        self.unit.iter().chain(&self.user_unit).any(is_it)
    }

    /// Whether anything that the process is in has this name: `NAME`, `KIND:NAME`, or the path of the control group.
    fn is_called(&self, text: &str) -> Option<bool> {
        let is_kind = |word: &str| KINDS.contains(&word) || Engine::ALL.iter().any(|it| it.as_str() == word);
        let (kind, name) = match text.split_once(':') {
            Some((kind, name)) if is_kind(kind) => (Some(kind), name),
            _ => (None, text),
        };
        let may_be = |of: &str| kind.is_none_or(|kind| kind == of);
        let mut answer = Some(false);
        let mut add = |another: Option<bool>| match (answer, another) {
            (Some(true), _) | (_, Some(false)) => {}
            _ => answer = another,
        };
        if let Some(container) = &self.container {
            if may_be("container") || may_be(container.engine.as_str()) {
                add(container.is_called(name));
            }
            if may_be("compose") {
                // Only where Compose is named, a container may be of a project that no file says.
                add(container.is_of_compose(name).or(kind.is_none().then_some(false)));
            }
        }
        if may_be("pod") {
            add(self.pod.as_ref().map_or(Some(false), |pod| pod.is_called(name)));
        }
        if may_be("unit") {
            add(Some(self.is_in_unit(name)));
        }
        if let Some(bundle) = self.bundle.as_ref().filter(|bundle| may_be(bundle.as_str())) {
            add(Some(bundle.is_called(name)));
        }
        if may_be("service") {
            // Windows ignores case in them.
            add(Some(self.services.iter().any(|service| service.eq_ignore_ascii_case(name))));
        }
        if let Some(signature) = &self.signature {
            add(Some(may_be("identifier") && signature.identifier == name));
            add(Some(may_be("team") && signature.team.as_deref() == Some(name)));
        }
        if kind.is_none() && name.starts_with('/') {
            add(Some(self.cgroup.as_ref().is_some_and(|cgroup| cgroup.as_os_str() == name)));
        }
        answer
    }
}

impl Container {
    fn is_called(&self, name: &str) -> Option<bool> {
        let is_id =
            |text: &str| (12..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit());
        let has_id =
            self.id == name || is_id(name) && self.short_id() != self.id && self.id.starts_with(name);
        if has_id { Some(true) } else { self.name.as_ref().map(|known| known == name) }
    }
}

impl Container {
    /// Whether it is of this project of Compose, or of this `PROJECT/SERVICE`. Of docker, the file that has its name says so;
    /// the files of podman and nerdctl do not.
    fn is_of_compose(&self, text: &str) -> Option<bool> {
        let Some((project, service)) = &self.compose else {
            return match self.engine {
                Engine::Docker | Engine::Ecs => self.name.as_ref().map(|_| false),
                Engine::Podman | Engine::Nerdctl => None,
                _ => Some(false),
            };
        };
        let rest = text.strip_prefix(project.as_str());
        Some(rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('/') == Some(service)))
    }
}

impl Bundle {
    /// Its name, or `NAME/APP` of a snap; the name of a package without that of its publisher; the path or the name of an
    /// application, with and without `.app`.
    fn is_called(&self, text: &str) -> bool {
        match self {
            Self::App(path) if path == text => return true,
            Self::App(_) if self.name().strip_suffix(".app") == Some(text) => return true,
            Self::Package(family) => {
                let is_name =
                    family.rsplit_once('_').is_some_and(|(name, _)| name.eq_ignore_ascii_case(text));
                return is_name || family.eq_ignore_ascii_case(text);
            }
            _ => {}
        }
        let rest = text.strip_prefix(self.name());
        rest.is_some_and(|rest| {
            rest.is_empty() || self.app().is_some_and(|app| rest.strip_prefix('/') == Some(app))
        })
    }
}

impl Pod {
    fn is_called(&self, name: &str) -> Option<bool> {
        if self.uid == name {
            return Some(true);
        }
        let known = self.name.as_deref()?;
        let Some((namespace, pod)) = name.split_once('/') else { return Some(known == name) };
        Some(known == pod && self.namespace.as_deref()? == namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workload::{ContainerEngine, Signature};

    #[test]
    fn name_that_is_not_known_may_be_any_and_an_id_is_certain() {
        let id = "0123456789abcdef".repeat(4);
        let mut workload = Workload::new("/");
        workload.container = Some(Container::new(ContainerEngine::Docker, id.as_str()));
        workload.pod = Some(Pod::new("uid"));
        workload.unit = Some("ssh.service".to_owned());
        let is = |workload: &Workload, part, name: &str| workload.is_part_of(part, name);
        use WorkloadPart as P;
        for (part, name, expected) in [
            (P::Container, id.as_str(), Some(true)),
            (P::Container, &id[..12], Some(true)),
            (P::Container, &id[..11], None),
            (P::Container, "web", None),
            (P::Pod, "uid", Some(true)),
            (P::Pod, "web-0", None),
            (P::Unit, "ssh.service", Some(true)),
            (P::Unit, "ssh", Some(true)),
            (P::Unit, "ssh.socket", Some(false)),
        ] {
            assert_eq!(is(&workload, part, name), expected, "{part:?} {name}");
        }
        let container = workload.container.as_mut().unwrap();
        container.name = Some("web".to_owned());
        let pod = workload.pod.as_mut().unwrap();
        (pod.name, pod.namespace) = (Some("web-0".to_owned()), Some("default".to_owned()));
        for (part, name, expected) in [
            (P::Container, "web", true),
            (P::Container, "db", false),
            (P::Pod, "web-0", true),
            (P::Pod, "default/web-0", true),
            (P::Pod, "other/web-0", false),
        ] {
            assert_eq!(is(&workload, part, name), Some(expected), "{part:?} {name}");
        }
        let alone = Workload::new("/");
        assert!(
            [P::Container, P::Pod, P::Unit, P::Workload]
                .iter()
                .all(|part| is(&alone, *part, "x") == Some(false))
        );
    }

    #[test]
    fn services_packages_and_signatures_are_found_by_their_names() {
        let is = |workload: &Workload, name: &str| workload.is_part_of(WorkloadPart::Workload, name);
        let mut workload = Workload::none();
        workload.services = vec!["BFE".to_owned(), "mpssvc".to_owned()];
        workload.bundle = Some(Bundle::Package("Microsoft.WindowsTerminal_8wekyb3d8bbwe".to_owned()));
        for name in
            ["bfe", "mpssvc", "service:BFE", "microsoft.windowsterminal", "package:Microsoft.WindowsTerminal"]
        {
            assert_eq!(is(&workload, name), Some(true), "{name}");
        }
        for name in ["bf", "package:bfe", "service:Microsoft.WindowsTerminal", "Microsoft", ""] {
            assert_eq!(is(&workload, name), Some(false), "{name}");
        }
        workload.is_complete = false;
        assert_eq!((is(&workload, "bf"), is(&workload, "bfe")), (None, Some(true)));
        let mut workload = Workload::none();
        workload.bundle = Some(Bundle::App("/Applications/My App.app".to_owned()));
        let mut signature = Signature::new("org.example.app");
        signature.team = Some("ABCDE12345".to_owned());
        workload.signature = Some(signature);
        for name in [
            "My App",
            "My App.app",
            "/Applications/My App.app",
            "app:My App",
            "org.example.app",
            "identifier:org.example.app",
            "team:ABCDE12345",
        ] {
            assert_eq!(is(&workload, name), Some(true), "{name}");
        }
        for name in ["App", "app:org.example.app", "team:org.example.app", "identifier:ABCDE12345"] {
            assert_eq!(is(&workload, name), Some(false), "{name}");
        }
    }

    #[test]
    fn what_is_above_the_root_of_a_namespace_is_not_known() {
        use WorkloadPart as P;
        let mut inside = Workload::new("/");
        inside.is_complete = false;
        for part in [P::Container, P::Pod, P::Unit, P::Workload] {
            assert_eq!(inside.is_part_of(part, "web"), None, "{part:?}");
        }
        inside.unit = Some("web.service".to_owned());
        inside.container = Some(Container::new(ContainerEngine::Lxc, "db"));
        inside.container.as_mut().unwrap().name = Some("db".to_owned());
        for (part, name, expected) in [
            (P::Unit, "web", Some(true)),
            (P::Unit, "docker", None),
            (P::Workload, "web", Some(true)),
            (P::Workload, "unit:docker", None),
            (P::Container, "db", Some(true)),
            (P::Container, "web", Some(false)),
            (P::Pod, "web", None),
        ] {
            assert_eq!(inside.is_part_of(part, name), expected, "{part:?} {name}");
        }
    }

    #[test]
    fn workload_is_found_by_the_name_of_anything_that_it_is_in() {
        let is = |workload: &Workload, name: &str| workload.is_part_of(WorkloadPart::Workload, name);
        let id = "0123456789abcdef".repeat(4);
        let mut workload = Workload::new(format!("/system.slice/docker-{id}.scope"));
        workload.unit = Some(format!("docker-{id}.scope"));
        workload.container = Some(Container::new(ContainerEngine::Docker, id.as_str()));
        for (name, expected) in [
            (&*id, Some(true)),
            ("docker:0123456789ab", Some(true)),
            // Its name and its project are not known.
            ("web", None),
            ("docker:web", None),
            ("container:web", None),
            ("compose:shop", None),
            ("podman:web", Some(false)),
            ("pod:web", Some(false)),
            ("unit:web", Some(false)),
            ("snap:web", Some(false)),
        ] {
            assert_eq!(is(&workload, name), expected, "{name}");
        }
        let container = workload.container.as_mut().unwrap();
        container.name = Some("web".to_owned());
        container.compose = Some(("shop".to_owned(), "front".to_owned()));
        workload.pod = Some(Pod::new("uid"));
        workload.user_unit = Some("a:b.service".to_owned());
        workload.bundle = Some(Bundle::Snap { name: "lxd".to_owned(), app: "daemon".to_owned() });
        let scope = workload.unit.clone().unwrap();
        let path = workload.cgroup.as_ref().unwrap().to_str().unwrap().to_owned();
        for name in [
            "web",
            "docker:web",
            "container:web",
            "shop",
            "shop/front",
            "compose:shop/front",
            "uid",
            "pod:uid",
            &*scope,
            "a:b",
            "unit:a:b.service",
            "lxd",
            "snap:lxd/daemon",
            &*path,
        ] {
            assert_eq!(is(&workload, name), Some(true), "{name}");
        }
        (workload.pod, workload.bundle) = (None, Some(Bundle::Flatpak("org.a.B".to_owned())));
        for name in
            ["we", "shop/back", "shopfront", "podman:web", "unit:web", "snap:org.a.B", "/", "web/", ""]
        {
            assert_eq!(is(&workload, name), Some(false), "{name}");
        }
        workload.container.as_mut().unwrap().compose = None;
        assert_eq!(is(&workload, "compose:shop"), Some(false), "its file was read, and names no project");
        workload.container.as_mut().unwrap().engine = ContainerEngine::Podman;
        assert_eq!(is(&workload, "compose:shop"), None, "no file of podman names a project");
        assert_eq!(is(&workload, "shop"), Some(false));
    }
}
