//! Names of containers and pods, from files that engines and Kubernetes keep.
//!
//! Only regular files of a bounded size are read, and directories of a bounded number of entries: what is beyond is a gap. The
//! files of a user are read for containers of that user alone, and only by this user: they are in a home directory, where this
//! user may put anything. No name is looked up for a container in another container, which could call itself as it likes, nor
//! for one whose group may have been made by another user than root, to whom a part of the groups was left.

use super::bundles::Bundles;
use super::files::{Lookup, MAX_DOCKER_FILE, entries, read_regular, unreadable};
use super::paths;
use crate::etc;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::Process;
use crate::model::workload::{Container, ContainerEngine, Published, Workload};
use netstat_wire::linux::container_names::{ContainerLog, DockerContainer, PodLogs, storage_containers};
use rustix::process::geteuid;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Longer than the list of some ten thousand containers.
const MAX_STORAGE_FILE: u64 = 16 << 20;

/// The drivers of containers/storage that keep layers, the usual one first.
const STORAGE_DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// Where files are looked for.
pub(crate) struct Places {
    root: PathBuf,
    /// Where the control groups are mounted that show who made them.
    groups: PathBuf,
    /// The owner of one of their directories.
    owner_of: fn(&Path) -> io::Result<u32>,
    /// The user whose own files may be read, and the home directory.
    user: u32,
    home: Option<PathBuf>,
}

impl Places {
    pub(crate) fn of_system() -> Self {
        let user = geteuid().as_raw();
        let groups = groups_of(paths::root()).to_owned();
        Self { root: PathBuf::from("/"), groups, owner_of, user, home: home_of(user) }
    }

    fn docker(&self, user: Option<u32>) -> io::Result<PathBuf> {
        Ok(match user {
            None => self.root.join("var/lib/docker/containers"),
            Some(user) => self.home_of(user)?.join(".local/share/docker/containers"),
        })
    }

    /// For each driver a list, and one of the containers that are removed when they end.
    fn storage(&self, user: Option<u32>) -> io::Result<Vec<PathBuf>> {
        let (lasting, running) = match user {
            None => (self.root.join("var/lib/containers"), self.root.join("run/containers")),
            Some(user) => (
                self.home_of(user)?.join(".local/share/containers"),
                self.root.join(format!("run/user/{user}/containers")),
            ),
        };
        let of_driver = |driver: &str| {
            let directory = format!("storage/{driver}-containers");
            let volatile = running.join(&directory).join("volatile-containers.json");
            [lasting.join(&directory).join("containers.json"), volatile]
        };
        Ok(STORAGE_DRIVERS.into_iter().flat_map(of_driver).collect())
    }

    /// Whether another user than root may have made the group of this container or pod, and given it any name: whether a group
    /// that has the id in its name is in a directory of another user.
    fn is_made_by_others(&self, group: Option<&Path>, id: &str) -> bool {
        // Slices of pods have `_` in the place of `-`.
        let is_named = |name: &OsStr| name.to_string_lossy().replace('_', "-").contains(id);
        let has_id = |group: &&Path| group.file_name().is_some_and(is_named);
        let with_id = group.into_iter().flat_map(Path::ancestors).filter(has_id);
        let mut parents = with_id.filter_map(Path::parent).peekable();
        // The id is of a group in another hierarchy, of which the path is not known.
        let is_elsewhere = parents.peek().is_none();
        let is_of_root = |parent: &Path| {
            let parent = self.groups.join(parent.strip_prefix("/").unwrap_or(parent));
            (self.owner_of)(&parent).is_ok_and(|owner| owner == 0)
        };
        // A group that was removed since has no name any more.
        is_elsewhere || !parents.all(is_of_root)
    }

    pub(super) fn bundles(&self) -> PathBuf {
        self.root.join("run/containerd/io.containerd.runtime.v2.task")
    }

    fn home_of(&self, user: u32) -> io::Result<&Path> {
        let home = self.home.as_deref().filter(|_| user == self.user);
        home.ok_or_else(|| io::Error::new(ErrorKind::PermissionDenied, "of another user"))
    }
}

/// The hierarchy that shows who made a group: version 2, or else systemd's own of version 1, where a service with `Delegate=`
/// and `User=` is given its group too.
fn groups_of(version_2: Option<&Path>) -> &Path {
    version_2.unwrap_or(Path::new("/sys/fs/cgroup/systemd"))
}

fn owner_of(directory: &Path) -> io::Result<u32> {
    fs::metadata(directory).map(|directory| directory.uid())
}

/// The home directory in `/etc/passwd`.
fn home_of(user: u32) -> Option<PathBuf> {
    let mut home = None;
    // Without a readable file there is none.
    let _ = etc::lines("/etc/passwd", |line| {
        let mut fields = line.split(':').skip(2);
        if fields.next().and_then(|uid| uid.parse().ok()) != Some(user) {
            return ControlFlow::Continue(());
        }
        home = fields.nth(2).filter(|home| home.starts_with('/')).map(PathBuf::from);
        ControlFlow::Break(())
    });
    home
}

/// Adds the names to these processes, and returns why some have none.
pub(crate) fn add(places: &Places, processes: &mut [Process]) -> Vec<Gap> {
    let mut names = Names::new(places);
    for workload in processes.iter_mut().filter_map(|process| process.workload.as_deref_mut()) {
        names.add_to_container(workload);
        names.add_to_pod(workload);
        if let Some(published) = &mut workload.published {
            names.add_to_published(published);
        }
    }
    names.gaps()
}

/// What was read so far, each once. Why something could not be read counts for each that has no name for it.
struct Names<'p> {
    places: &'p Places,
    docker: HashMap<(Option<u32>, String), Lookup<DockerNames>>,
    storage: HashMap<Option<u32>, ById<String>>,
    /// By id: the name in the pod.
    container_logs: Option<ById<String>>,
    pod_logs: Option<ById<PodNames>>,
    bundles: Bundles,
    /// The files of all containers of docker.
    docker_files: Option<Lookup<Vec<Vec<u8>>>>,
    missing: HashMap<String, u64>,
}

/// What a file or directory says, by an id.
type ById<T> = Lookup<HashMap<String, T>>;
/// The project and the service of Compose.
type Compose = Option<(String, String)>;

#[derive(Clone)]
struct DockerNames {
    name: String,
    compose: Compose,
}

#[derive(Clone)]
struct PodNames {
    namespace: String,
    name: String,
}

impl<'p> Names<'p> {
    fn new(places: &'p Places) -> Self {
        Self {
            places,
            docker: HashMap::new(),
            storage: HashMap::new(),
            container_logs: None,
            pod_logs: None,
            bundles: Bundles::new(places.bundles()),
            docker_files: None,
            missing: HashMap::new(),
        }
    }

    fn add_to_container(&mut self, workload: &mut Workload) {
        let is_of_pod = workload.pod.is_some();
        let Some(container) = &mut workload.container else { return };
        let engine = container.engine;
        let name = match engine {
            ContainerEngine::Lxc | ContainerEngine::Nspawn | ContainerEngine::Machine => {
                container.name = Some(container.id.clone());
                return;
            }
            _ if container.is_nested => Err("in another container".to_owned()),
            _ if workload.cgroup.as_deref().is_some_and(|group| group.starts_with("/..")) => {
                Err("outside of what can be seen".to_owned())
            }
            _ if container.user.is_none()
                && self.places.is_made_by_others(workload.cgroup.as_deref(), &container.id) =>
            {
                Err("not known to be made by root".to_owned())
            }
            _ if is_of_pod && container.user.is_none() => {
                let of_logs = self.of_pod(&container.id);
                of_logs
                    .or_else(|why| self.bundles.names(&container.id).ok().and_then(|it| it.name).ok_or(why))
            }
            // The agent of ECS runs containers of docker, but on Fargate, whose ids are others.
            ContainerEngine::Docker | ContainerEngine::Ecs
                if engine == ContainerEngine::Docker || is_id(&container.id) =>
            {
                self.of_docker(container.user, &container.id).map(|DockerNames { name, compose }| {
                    container.compose = compose;
                    name
                })
            }
            ContainerEngine::Podman | ContainerEngine::CriO => self.of_storage(container.user, &container.id),
            ContainerEngine::Nerdctl | ContainerEngine::Containerd if container.user.is_none() => {
                let names = self.bundles.names(&container.id);
                names.and_then(|names| names.name.ok_or_else(|| format!("{engine}: its bundle names none")))
            }
            _ => Err(format!("{engine}: names are not in files")),
        };
        match name {
            Ok(name) => container.name = Some(name),
            Err(why) => self.miss(why),
        }
    }

    fn add_to_pod(&mut self, workload: &mut Workload) {
        let is_within = workload.container.as_ref().is_some_and(|container| container.is_nested);
        let id = workload.container.as_ref().map(|container| container.id.clone());
        let Some(pod) = &mut workload.pod else { return };
        let names = if is_within {
            Err("in another container".to_owned())
        } else if workload.user.is_some()
            || self.places.is_made_by_others(workload.cgroup.as_deref(), &pod.uid)
        {
            Err("not known to be made by root".to_owned())
        } else {
            let directory = self.places.root.join("var/log/pods");
            let logs = self.pod_logs.get_or_insert_with(|| {
                let logs = entries(&directory, |name| {
                    let PodLogs { namespace, pod, uid } = PodLogs::decode(name)?;
                    let names = PodNames { namespace: namespace.to_owned(), name: pod.to_owned() };
                    Some((uid.to_owned(), names))
                });
                logs.map_err(|error| unreadable(&directory, &error))
            });
            let of_logs = found(logs, &pod.uid, "var/log/pods");
            of_logs.or_else(|why| {
                let of_bundle = id.and_then(|id| self.bundles.names(&id).ok()?.pod);
                let names = of_bundle.filter(|(uid, ..)| *uid == pod.uid);
                names.map(|(_, namespace, name)| PodNames { namespace, name }).ok_or(why)
            })
        };
        match names {
            Ok(PodNames { namespace, name }) => (pod.namespace, pod.name) = (Some(namespace), Some(name)),
            Err(why) => self.miss(why),
        }
    }

    fn of_pod(&mut self, id: &str) -> Lookup<String> {
        let directory = self.places.root.join("var/log/containers");
        let logs = self.container_logs.get_or_insert_with(|| {
            let logs = entries(&directory, |name| {
                let log = ContainerLog::decode(name)?;
                Some((log.id.to_owned(), log.container.to_owned()))
            });
            logs.map_err(|error| unreadable(&directory, &error))
        });
        found(logs, id, "var/log/containers")
    }

    fn of_docker(&mut self, user: Option<u32>, id: &str) -> Lookup<DockerNames> {
        let places = self.places;
        let read = || {
            let directory = places.docker(user).map_err(|error| unreadable(Path::new("docker"), &error))?;
            let path = directory.join(id).join("config.v2.json");
            let file =
                read_regular(&path, MAX_DOCKER_FILE).map_err(|error| unreadable(&directory, &error))?;
            let container = DockerContainer::decode(&file).filter(|container| container.id == id);
            let container = container.ok_or_else(|| format!("{}: malformed", directory.display()))?;
            Ok(DockerNames { name: container.name.to_owned(), compose: compose(&container) })
        };
        self.docker.entry((user, id.to_owned())).or_insert_with(read).clone()
    }

    fn of_storage(&mut self, user: Option<u32>, id: &str) -> Lookup<String> {
        let places = self.places;
        let read = || {
            let paths =
                places.storage(user).map_err(|error| unreadable(Path::new("containers/storage"), &error))?;
            let mut names = HashMap::new();
            let mut failed = None;
            for path in &paths {
                match read_regular(path, MAX_STORAGE_FILE) {
                    Ok(file) => {
                        let all = storage_containers(&file);
                        names.extend(all.map(|(id, name)| (id.to_owned(), name.to_owned())));
                    }
                    // There need not be all of them.
                    Err(error) => {
                        let is_worse = error.kind() != ErrorKind::NotFound;
                        if failed.is_none() || is_worse {
                            failed = Some(unreadable(path, &error));
                        }
                    }
                }
            }
            match failed {
                Some(why) if names.is_empty() => Err(why),
                _ => Ok(names),
            }
        };
        let names = self.storage.entry(user).or_insert_with(read);
        found(names, id, "containers/storage")
    }

    fn add_to_published(&mut self, published: &mut Published) {
        let places = self.places;
        let files = self.docker_files.get_or_insert_with(|| {
            let directory = places.root.join("var/lib/docker/containers");
            let ids = entries(&directory, |name| Some((name.to_owned(), ())));
            let ids = ids.map_err(|error| unreadable(&directory, &error))?;
            let paths = ids.keys().map(|id| directory.join(id).join("config.v2.json"));
            // One that was removed in the meantime has no name.
            Ok(paths.filter_map(|path| read_regular(&path, MAX_DOCKER_FILE).ok()).collect())
        });
        let address = published.to.ip();
        let found = match files {
            Err(why) => Err(why.clone()),
            Ok(files) => {
                let all = files.iter().filter_map(|file| DockerContainer::decode(file));
                let mut with_it = all.filter(|container| container.has_address(address));
                // Networks that know nothing of each other may use the same addresses.
                match (with_it.next(), with_it.next()) {
                    (Some(container), None) => Ok(Container {
                        name: Some(container.name.to_owned()),
                        compose: compose(&container),
                        ..Container::new(ContainerEngine::Docker, container.id)
                    }),
                    (None, _) => Err("no container of docker has the address".to_owned()),
                    (Some(_), Some(_)) => Err("several containers of docker have the address".to_owned()),
                }
            }
        };
        match found {
            Ok(container) => published.container = Some(container),
            Err(why) => self.miss(why),
        }
    }

    fn miss(&mut self, why: String) {
        *self.missing.entry(why).or_default() += 1;
    }

    fn gaps(self) -> Vec<Gap> {
        let mut missing: Vec<(String, u64)> = self.missing.into_iter().collect();
        missing.sort_unstable();
        missing.into_iter().map(|(why, count)| Gap::new(GapKind::WorkloadsUnavailable, count, why)).collect()
    }
}

fn compose(container: &DockerContainer<'_>) -> Compose {
    container.compose.map(|(project, service)| (project.to_owned(), service.to_owned()))
}

/// Whether it is an id as docker gives them.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a table has under a key, or why there is none.
fn found<T: Clone>(table: &ById<T>, key: &str, place: &str) -> Lookup<T> {
    match table {
        Ok(table) => table.get(key).cloned().ok_or_else(|| format!("not in {place}")),
        Err(why) => Err(why.clone()),
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
