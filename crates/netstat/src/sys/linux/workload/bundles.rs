//! Names from the bundles of containerd: a directory of each running container, which root may read.

use super::files::{Lookup, MAX_DOCKER_FILE, entries, read_regular, unreadable};
use netstat_wire::linux::container_names::ContainerdBundle;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The names that a bundle has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BundleNames {
    pub(super) name: Option<String>,
    /// Uid, namespace and name of the pod.
    pub(super) pod: Option<(String, String, String)>,
}

/// The bundles, each read once.
pub(super) struct Bundles {
    directory: PathBuf,
    /// The namespaces of containerd: `default`, `k8s.io`.
    namespaces: Option<Lookup<Vec<String>>>,
    read: HashMap<String, Lookup<BundleNames>>,
}

impl Bundles {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, namespaces: None, read: HashMap::new() }
    }

    /// The names of a container by its id.
    pub(super) fn names(&mut self, id: &str) -> Lookup<BundleNames> {
        if let Some(known) = self.read.get(id) {
            return known.clone();
        }
        let names = self.read(id);
        self.read.insert(id.to_owned(), names.clone());
        names
    }

    fn read(&mut self, id: &str) -> Lookup<BundleNames> {
        let directory = &self.directory;
        let namespaces = self.namespaces.get_or_insert_with(|| {
            let names = entries(directory, |name| Some((name.to_owned(), ())));
            names.map(|names| names.into_keys().collect()).map_err(|error| unreadable(directory, &error))
        });
        for namespace in namespaces.as_ref().map_err(Clone::clone)? {
            let path = directory.join(namespace).join(id).join("config.json");
            let file = match read_regular(&path, MAX_DOCKER_FILE) {
                Ok(file) => file,
                // It is in another namespace.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(directory, &error)),
            };
            let bundle = ContainerdBundle::decode(&file);
            let bundle = bundle.ok_or_else(|| format!("{}: no name", directory.display()))?;
            let pod = bundle.pod.map(|pod| pod.map(str::to_owned));
            return Ok(BundleNames {
                name: bundle.name.map(str::to_owned),
                pod: pod.map(|[uid, namespace, name]| (uid, namespace, name)),
            });
        }
        Err(format!("not in {}", directory.display()))
    }
}
