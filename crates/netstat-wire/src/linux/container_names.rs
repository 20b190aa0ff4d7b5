//! Where the names of containers and pods stand without asking a daemon: state files of engines, names of log files, and the
//! command line of `docker-proxy`.
//!
//! | what | where |
//! |---|---|
//! | docker | `/var/lib/docker/containers/ID/config.v2.json` |
//! | nerdctl, containerd | `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json`, annotations |
//! | podman, CRI-O | `containers/storage/overlay-containers/containers.json`, a list |
//! | Kubernetes | directories `/var/log/pods/NAMESPACE_POD_UID`, links `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` |
//! | published port of docker | `docker-proxy -container-ip ADDRESS -container-port PORT` |
//!
//! Of the JSON only what is named here is decoded; a name that needs an escape is none, since no engine accepts one.
//!
//! Sources: moby's `container/container.go` and `cmd/docker-proxy`; nerdctl's `pkg/labels` and `pkg/cmd/container`, which
//! makes its labels annotations; containerd's `internal/cri/annotations`; `containers/storage` `containers.go`; kubelet's
//! `kuberuntime/helpers.go` and `legacy.go`; labels of the Compose specification.

use super::json::{elements, member, members, string};
use std::net::{IpAddr, SocketAddr};

/// The longest name that is decoded.
const MAX_NAME: usize = 255;

fn name(value: &[u8]) -> Option<&str> {
    string(value).filter(|name| (1..=MAX_NAME).contains(&name.len()))
}

/// A container of docker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerContainer<'j> {
    /// Its id.
    pub id: &'j str,
    /// Its name, without the slash before it.
    pub name: &'j str,
    /// The project and the service of Compose.
    pub compose: Option<(&'j str, &'j str)>,
    json: &'j [u8],
}

impl<'j> DockerContainer<'j> {
    /// Reads a file `config.v2.json`; `None` without id and name.
    pub fn decode(json: &'j [u8]) -> Option<Self> {
        let id = name(member(json, b"ID")?)?;
        let name_with_slash = name(member(json, b"Name")?)?;
        let of_container = name_with_slash.strip_prefix('/').unwrap_or(name_with_slash);
        let labels = member(json, b"Config").and_then(|config| member(config, b"Labels"));
        let label = |wanted: &[u8]| labels.and_then(|labels| name(member(labels, wanted)?));
        let compose = label(b"com.docker.compose.project").zip(label(b"com.docker.compose.service"));
        (!of_container.is_empty()).then_some(Self { id, name: of_container, compose, json })
    }

    /// Whether it has this address on one of its networks.
    pub fn has_address(&self, address: IpAddr) -> bool {
        let settings = member(self.json, b"NetworkSettings");
        let networks = settings.and_then(|settings| member(settings, b"Networks"));
        let is_it = |network: &[u8], key: &[u8]| {
            member(network, key).and_then(string).is_some_and(|text| text.parse() == Ok(address))
        };
        networks.is_some_and(|networks| {
            members(networks)
                .any(|(_, network)| is_it(network, b"IPAddress") || is_it(network, b"GlobalIPv6Address"))
        })
    }
}

/// A container of containerd, as its bundle says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ContainerdBundle<'j> {
    /// The name that nerdctl gave it; of a pod, its name in the pod. None of the container that keeps a pod's namespaces.
    pub name: Option<&'j str>,
    /// Uid, namespace and name of the pod.
    pub pod: Option<[&'j str; 3]>,
}

impl<'j> ContainerdBundle<'j> {
    /// Reads a file `config.json`; `None` without either.
    pub fn decode(json: &'j [u8]) -> Option<Self> {
        let annotations = member(json, b"annotations")?;
        let of = |key: &[u8]| name(member(annotations, key)?);
        let pod = || {
            let uid = of(b"io.kubernetes.cri.sandbox-uid")?;
            Some([uid, of(b"io.kubernetes.cri.sandbox-namespace")?, of(b"io.kubernetes.cri.sandbox-name")?])
        };
        let name = of(b"nerdctl/name").or_else(|| of(b"io.kubernetes.cri.container-name"));
        let bundle = Self { name, pod: pod() };
        (bundle.name.is_some() || bundle.pod.is_some()).then_some(bundle)
    }
}

/// The ids and names of the containers in a file `containers.json`. Those without a name are left out.
pub fn storage_containers(json: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    elements(json).filter_map(|container| {
        let first = elements(member(container, b"names")?).next()?;
        Some((name(member(container, b"id")?)?, name(first)?))
    })
}

/// A pod, as the name of its directory of logs says it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PodLogs<'n> {
    /// The namespace.
    pub namespace: &'n str,
    /// The name of the pod.
    pub pod: &'n str,
    /// Its uid.
    pub uid: &'n str,
}

impl<'n> PodLogs<'n> {
    /// Reads `NAMESPACE_POD_UID`.
    pub fn decode(file_name: &'n str) -> Option<Self> {
        let mut parts = file_name.split('_');
        let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
        let are_names = [namespace, pod, uid].into_iter().all(is_dns_name);
        (are_names && parts.next().is_none()).then_some(Self { namespace, pod, uid })
    }
}

/// A container of Kubernetes, as the name of its log says it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ContainerLog<'n> {
    /// The name of the pod.
    pub pod: &'n str,
    /// Its namespace.
    pub namespace: &'n str,
    /// The name of the container in the pod.
    pub container: &'n str,
    /// Its id.
    pub id: &'n str,
}

impl<'n> ContainerLog<'n> {
    /// Reads `POD_NAMESPACE_CONTAINER-ID.log`.
    pub fn decode(file_name: &'n str) -> Option<Self> {
        let mut parts = file_name.strip_suffix(".log")?.split('_');
        let (pod, namespace, last) = (parts.next()?, parts.next()?, parts.next()?);
        let (container, id) = last.rsplit_once('-')?;
        let are_names = [pod, namespace, container, id].into_iter().all(is_dns_name);
        let is_it = are_names && id.len() == 64 && parts.next().is_none();
        is_it.then_some(Self { pod, namespace, container, id })
    }
}

/// A label or a subdomain of RFC 1123, as Kubernetes has them.
fn is_dns_name(text: &str) -> bool {
    let is_valid = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(is_valid)
}

/// To which address of a container a `docker-proxy` with this command line forwards a published port; `None` of any other
/// program.
pub fn docker_proxy_forwards_to(arguments: &[&[u8]]) -> Option<SocketAddr> {
    let (program, options) = arguments.split_first()?;
    if program.rsplit(|byte| *byte == b'/').next() != Some(b"docker-proxy") {
        return None;
    }
    let value = |wanted: &[u8]| {
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let option = option.strip_prefix(b"-")?;
            let option = option.strip_prefix(b"-").unwrap_or(option);
            let (name, value) = match option.iter().position(|byte| *byte == b'=') {
                Some(at) => (option.get(..at)?, option.get(at.checked_add(1)?..)?),
                // The only option without a value.
                None if option == b"use-listen-fd" => continue,
                None => (option, *options.next()?),
            };
            if name == wanted {
                return std::str::from_utf8(value).ok();
            }
        }
        None
    };
    let (ip, port) = (value(b"container-ip")?.parse().ok()?, value(b"container-port")?.parse().ok()?);
    Some(SocketAddr::new(ip, port))
}
