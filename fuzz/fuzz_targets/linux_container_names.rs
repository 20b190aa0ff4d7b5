//! Names of containers: a name that is decoded stands in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::container_names::{
    ContainerLog, ContainerdBundle, DockerContainer, PodLogs, docker_proxy_forwards_to, storage_containers,
};
use std::net::Ipv4Addr;

fuzz_target!(|bytes: &[u8]| {
    let stands_in = |name: &str| {
        assert!(bytes.windows(name.len()).any(|at| at == name.as_bytes()));
    };
    if let Some(container) = DockerContainer::decode(bytes) {
        [container.id, container.name].into_iter().for_each(stands_in);
        let _ = container.has_address(Ipv4Addr::LOCALHOST.into());
    }
    if let Some(bundle) = ContainerdBundle::decode(bytes) {
        bundle.name.into_iter().chain(bundle.pod.into_iter().flatten()).for_each(stands_in);
    }
    for (id, name) in storage_containers(bytes) {
        [id, name].into_iter().for_each(stands_in);
    }
    let arguments: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let _ = docker_proxy_forwards_to(&arguments);
    if let Ok(name) = std::str::from_utf8(bytes) {
        if let Some(pod) = PodLogs::decode(name) {
            assert_eq!(format!("{}_{}_{}", pod.namespace, pod.pod, pod.uid), name);
        }
        if let Some(log) = ContainerLog::decode(name) {
            assert_eq!(format!("{}_{}_{}-{}.log", log.pod, log.namespace, log.container, log.id), name);
        }
    }
});
