use super::*;
use crate::sys::linux::workload::of_groups;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const UID: &str = "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901";

fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

/// A directory with files of engines, which is removed at the end.
struct Machine(PathBuf);

impl Machine {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("netstat-names-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// As docker writes it, shortened.
    fn add_docker(&self, place: &str, id: &str, name: &str, address: &str) {
        let file = format!(
            r#"{{"ID":"{id}","State":{{"Running":true}},"Config":{{"Labels":{{"com.docker.compose.project":"shop",
            "com.docker.compose.service":"{name}"}}}},"NetworkSettings":{{"Networks":{{"bridge":{{"IPAddress":
            "{address}"}}}}}},"Name":"/{name}"}}"#
        );
        self.write(&format!("{place}/containers/{id}/config.v2.json"), &file);
    }

    fn add_storage(&self, file: &str, id: &str, name: &str) {
        let content = format!(r#"[{{"id":"{id}","names":["{name}"],"layer":"x","metadata":"{{}}"}}]"#);
        self.write(file, &content);
    }

    /// User 1000 lists, whose home directory is below the root. All groups are root's.
    fn places(&self) -> Places {
        let (groups, home) = (self.0.join("groups"), Some(self.0.join("home")));
        Places { root: self.0.clone(), groups, owner_of: |_| Ok(0), user: 1000, home }
    }

    /// What a process in this group belongs to, and the gaps.
    fn read(&self, group: &str) -> (Workload, Vec<String>) {
        self.read_published(group, None)
    }

    fn read_published(&self, group: &str, to: Option<&str>) -> (Workload, Vec<String>) {
        let mut workload = of_groups(format!("0::{group}\n").as_bytes(), true).unwrap();
        workload.published = to.map(|to| Published::new(to.parse().unwrap()));
        let mut processes = [Process { workload: Some(Box::new(workload)), ..Process::new(7) }];
        let gaps = add(&self.places(), &mut processes);
        assert!(
            gaps.iter().all(|gap| (gap.kind, gap.count) == (GapKind::WorkloadsUnavailable, 1)),
            "{gaps:?}"
        );
        let [process] = processes;
        let root = self.0.to_str().unwrap();
        let sources = gaps.iter().map(|gap| gap.source.replace(root, "")).collect();
        (*process.workload.unwrap(), sources)
    }

    fn name(&self, group: &str) -> (Option<String>, Vec<String>) {
        let (workload, gaps) = self.read(group);
        (workload.container.unwrap().name, gaps)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn named(name: &str) -> (Option<String>, Vec<String>) {
    (Some(name.to_owned()), Vec::new())
}

#[test]
fn containers_of_docker_have_the_name_and_the_project_of_their_file() {
    let machine = Machine::new();
    machine.add_docker("var/lib/docker", &id('a'), "web", "172.17.0.2");
    machine.add_docker("home/.local/share/docker", &id('b'), "mine", "172.17.0.2");
    let (workload, gaps) = machine.read(&format!("/system.slice/docker-{}.scope", id('a')));
    let container = workload.container.unwrap();
    assert_eq!((container.name.as_deref(), gaps.len()), (Some("web"), 0));
    assert_eq!(container.compose, Some(("shop".to_owned(), "web".to_owned())));
    let of_user = |user: u32, id: &str| {
        machine
            .name(&format!("/user.slice/user-{user}.slice/user@{user}.service/user.slice/docker-{id}.scope"))
    };
    assert_eq!(of_user(1000, &id('b')), named("mine"));
    // A user who may make groups may give one any name: it gets no name of a container of root or of another user.
    assert_eq!(of_user(1000, &id('a')).0, None);
    let (name, gaps) = of_user(1001, &id('b'));
    assert_eq!((name, gaps.join(" ")), (None, "docker: of another user".to_owned()));
    let nested = machine.name(&format!("/docker/{}/docker/{}", id('b'), id('a')));
    assert_eq!(nested, (None, vec!["in another container".to_owned()]));
}

#[test]
fn containers_of_podman_have_the_name_in_the_list_of_their_storage() {
    let machine = Machine::new();
    let list = "storage/overlay-containers/containers.json";
    machine.add_storage(&format!("var/lib/containers/{list}"), &id('a'), "web");
    let volatile = "run/containers/storage/overlay-containers/volatile-containers.json";
    machine.add_storage(volatile, &id('b'), "short");
    machine.add_storage(&format!("home/.local/share/containers/{list}"), &id('c'), "mine");
    machine.add_storage("var/lib/containers/storage/vfs-containers/containers.json", &id('e'), "vfs");
    let of_root = |id: &str| machine.name(&format!("/machine.slice/libpod-{id}.scope/container"));
    assert_eq!(of_root(&id('e')), named("vfs"));
    assert_eq!((of_root(&id('a')), of_root(&id('b'))), (named("web"), named("short")));
    assert_eq!(of_root(&id('d')), (None, vec!["not in containers/storage".to_owned()]));
    let manager = "/user.slice/user-1000.slice/user@1000.service";
    assert_eq!(machine.name(&format!("{manager}/user.slice/libpod-{}.scope", id('c'))), named("mine"));
    assert_eq!(machine.name(&format!("{manager}/user.slice/libpod-{}.scope", id('a'))).0, None);
}

#[test]
fn pods_and_their_containers_have_the_names_of_their_logs() {
    let machine = Machine::new();
    machine.write(&format!("var/log/pods/default_web-0_{UID}/nginx/0.log"), "");
    machine.write(&format!("var/log/containers/web-0_default_nginx-{}.log", id('a')), "");
    let slice = format!("/kubepods.slice/kubepods-pod{}.slice", UID.replace('-', "_"));
    let (workload, gaps) = machine.read(&format!("{slice}/cri-containerd-{}.scope", id('a')));
    assert_eq!(gaps.len(), 0, "{gaps:?}");
    assert_eq!(workload.to_string(), "default/web-0");
    assert_eq!(workload.container.unwrap().name.as_deref(), Some("nginx"));
    let (workload, gaps) = machine.read(&format!("/kubepods/pod{}/{}", "0".repeat(32), id('b')));
    assert_eq!(workload.pod.unwrap().name, None);
    assert_eq!(gaps, ["not in var/log/containers", "not in var/log/pods"]);
}

#[test]
fn published_port_leads_to_the_container_with_the_address() {
    let machine = Machine::new();
    machine.add_docker("var/lib/docker", &id('a'), "web", "172.17.0.2");
    machine.add_docker("var/lib/docker", &id('b'), "db", "172.17.0.3");
    let of = |to: &str| {
        let (workload, gaps) = machine.read_published("/system.slice/docker.service", Some(to));
        (workload.published.unwrap().to_string(), gaps)
    };
    assert_eq!(of("172.17.0.3:5432"), ("->db".to_owned(), Vec::new()));
    let none = vec!["no container of docker has the address".to_owned()];
    assert_eq!(of("172.17.0.9:80"), ("->172.17.0.9:80".to_owned(), none));
    // Networks may have the same addresses: then it may be either.
    machine.add_docker("var/lib/docker", &id('c'), "other", "172.17.0.3");
    assert_eq!(of("172.17.0.3:5432").0, "->172.17.0.3:5432");
}

#[test]
fn what_is_no_regular_file_or_too_long_is_not_read_and_says_so() {
    let machine = Machine::new();
    let group = format!("/docker/{}", id('a'));
    let path = format!("var/lib/docker/containers/{}/config.v2.json", id('a'));
    let (name, gaps) = machine.name(&group);
    assert!(name.is_none() && gaps[0].starts_with("/var/lib/docker/containers: No such file"), "{gaps:?}");
    machine.write(&path, "{}");
    assert_eq!(machine.name(&group), (None, vec!["/var/lib/docker/containers: malformed".to_owned()]));
    // The file of another container.
    machine.write(&path, &format!(r#"{{"ID":"{}","Name":"/x"}}"#, id('b')));
    assert_eq!(machine.name(&group).0, None);
    machine.write(&path, &" ".repeat(usize::try_from(MAX_DOCKER_FILE).unwrap() + 1));
    assert_eq!(machine.name(&group), (None, vec!["/var/lib/docker/containers: too long".to_owned()]));
    fs::remove_file(machine.0.join(&path)).unwrap();
    // A pipe without a writer would block.
    let pipe = rustix::fs::mknodat(
        rustix::fs::CWD,
        machine.0.join(&path),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    );
    pipe.unwrap();
    assert_eq!(
        machine.name(&group),
        (None, vec!["/var/lib/docker/containers: not a regular file".to_owned()])
    );
    fs::remove_file(machine.0.join(&path)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", machine.0.join(&path)).unwrap();
    assert_eq!(machine.name(&group).0, None);
}

#[test]
fn machines_of_lxc_and_nspawn_are_their_names() {
    let machine = Machine::new();
    assert_eq!(machine.name("/lxc.payload.web"), named("web"));
    assert_eq!(machine.name("/machine.slice/machine-a\\x2db.scope/payload"), named("a-b"));
    let (name, gaps) = machine.name(&format!("/system.slice/nerdctl-{}.scope", id('a')));
    let missing = "/run/containerd/io.containerd.runtime.v2.task: No such file or directory (os error 2)";
    assert_eq!((name, gaps), (None, vec![missing.to_owned()]));
}

#[test]
fn containers_of_containerd_have_the_names_of_their_bundles() {
    let machine = Machine::new();
    let add = |namespace: &str, id: &str, annotations: &str| {
        let path = format!("run/containerd/io.containerd.runtime.v2.task/{namespace}/{id}/config.json");
        machine.write(&path, &format!(r#"{{"ociVersion":"1.1.0","annotations":{{{annotations}}}}}"#));
    };
    add("default", &id('a'), r#""nerdctl/name":"web","nerdctl/networks":"[]""#);
    add("moby", &id('b'), "");
    let pod = format!(
        r#""io.kubernetes.cri.container-name":"nginx","io.kubernetes.cri.sandbox-name":"web-0",
        "io.kubernetes.cri.sandbox-namespace":"default","io.kubernetes.cri.sandbox-uid":"{UID}""#
    );
    add("k8s.io", &id('c'), &pod);
    let nerdctl = |id: &str| machine.name(&format!("/system.slice/nerdctl-{id}.scope"));
    assert_eq!(nerdctl(&id('a')), named("web"));
    let directory = "/run/containerd/io.containerd.runtime.v2.task";
    assert_eq!(nerdctl(&id('b')), (None, vec![format!("{directory}: no name")]));
    assert_eq!(nerdctl(&id('d')), (None, vec![format!("not in {directory}")]));
    // Without logs of pods.
    let of_pod = |uid: &str| machine.read(&format!("/kubepods/besteffort/pod{uid}/{}", id('c')));
    let (workload, gaps) = of_pod(UID);
    assert_eq!((workload.to_string(), gaps.len()), ("default/web-0".to_owned(), 0), "{gaps:?}");
    assert_eq!(workload.container.unwrap().name.as_deref(), Some("nginx"));
    let (workload, gaps) = of_pod(&UID.replace('1', "2"));
    assert_eq!((workload.pod.unwrap().name, gaps.len()), (None, 1), "the bundle is of another pod: {gaps:?}");
    let manager = "/user.slice/user-1000.slice/user@1000.service/user.slice";
    assert_eq!(machine.name(&format!("{manager}/nerdctl-{}.scope", id('a'))).0, None, "of a user");
}

#[test]
fn containers_of_ecs_have_the_names_that_docker_has_for_them() {
    let machine = Machine::new();
    machine.add_docker("var/lib/docker", &id('a'), "ecs-shop-3-web-80f5", "172.17.0.2");
    let task = "0123456789abcdef0123456789abcdef";
    assert_eq!(machine.name(&format!("/ecs/{task}/{}", id('a'))), named("ecs-shop-3-web-80f5"));
    let (name, gaps) = machine.name(&format!("/ecs/{task}/{task}-1234567890"));
    assert_eq!((name, gaps), (None, vec!["ecs: names are not in files".to_owned()]), "on Fargate");
}

#[test]
fn group_that_root_did_not_make_gets_no_name_of_a_container_of_root() {
    let machine = Machine::new();
    machine.add_docker("var/lib/docker", &id('a'), "web", "172.17.0.2");
    let group = format!("/system.slice/x.service/docker-{}.scope", id('a'));
    fs::create_dir_all(machine.0.join("groups").join(&group[1..])).unwrap();
    let service = machine.0.join("groups/system.slice/x.service");
    let name = || {
        let places = Places { owner_of, ..machine.places() };
        let workload = of_groups(format!("0::{group}\n").as_bytes(), true).unwrap();
        let mut processes = [Process { workload: Some(Box::new(workload)), ..Process::new(7) }];
        let gaps = add(&places, &mut processes);
        let [process] = processes;
        (process.workload.unwrap().container.unwrap().name, gaps.len())
    };
    // The directories belong to the user of the test.
    let owner = fs::metadata(&service).unwrap().uid();
    assert_eq!(name(), if owner == 0 { (Some("web".to_owned()), 0) } else { (None, 1) });
    if owner == 0 {
        std::os::unix::fs::chown(&service, Some(1000), None).unwrap();
        assert_eq!(name(), (None, 1));
    }
    fs::remove_dir_all(&service).unwrap();
    assert_eq!(name(), (None, 1), "nothing shows who made it");
    assert_eq!(machine.name(&format!("/../docker-{}.scope", id('a'))).0, None);
}

#[test]
fn without_version_2_the_hierarchy_of_systemd_shows_who_made_a_group() {
    assert_eq!(groups_of(Some(Path::new("/x"))), Path::new("/x"));
    let machine = Machine::new();
    machine.add_docker("var/lib/docker", &id('a'), "web", "172.17.0.2");
    // As with `Delegate=` and `User=`.
    let owner_of = |directory: &Path| {
        let below = directory.strip_prefix("/sys/fs/cgroup/systemd").map_err(io::Error::other)?;
        match below.to_str() {
            Some("" | "docker" | "system.slice") => Ok(0),
            Some("system.slice/x.service") => Ok(1000),
            // Root may have made a group within.
            Some(_) if directory.file_name().is_some_and(|name| name != "gone") => Ok(0),
            _ => Err(ErrorKind::NotFound.into()),
        }
    };
    let name = |text: String| {
        let places = Places { groups: groups_of(None).to_owned(), owner_of, ..machine.places() };
        let workload = of_groups(text.as_bytes(), true).unwrap();
        let mut processes = [Process { workload: Some(Box::new(workload)), ..Process::new(7) }];
        let gaps = add(&places, &mut processes);
        let [process] = processes;
        (process.workload.unwrap().container.unwrap().name, gaps.len())
    };
    let id = id('a');
    let named = (Some("web".to_owned()), 0);
    assert_eq!(name(format!("1:name=systemd:/docker/{id}\n")), named);
    assert_eq!(name(format!("1:name=systemd:/system.slice/docker-{id}.scope\n")), named);
    assert_eq!(name(format!("1:name=systemd:/system.slice/x.service/docker-{id}.scope\n")), (None, 1));
    let within = format!("1:name=systemd:/system.slice/x.service/x-{id}/docker-{id}.scope\n");
    assert_eq!(name(within), (None, 1), "a group of root in one of the user");
    assert_eq!(name(format!("1:name=systemd:/gone/docker-{id}.scope\n")), (None, 1), "cannot be read");
    let other = format!("2:memory:/docker/{id}\n1:name=systemd:/system.slice/x.service\n");
    assert_eq!(name(other), (None, 1), "the id is in another hierarchy");
}
