//! Names of containers and pods: state files as engines write them, names of log files, the arguments of docker-proxy.
#![allow(clippy::unwrap_used)]

use netstat_wire::linux::container_names::{
    ContainerLog, ContainerdBundle, DockerContainer, PodLogs, docker_proxy_forwards_to, storage_containers,
};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// As moby writes it, shortened.
fn docker_file() -> String {
    format!(
        r#"{{"StreamConfig":{{}},"State":{{"Running":true,"Pid":4711}},"ID":"{ID}","Created":"2026-01-02T03:04:05Z",
        "Path":"nginx","Args":["-g","daemon off;"],"Config":{{"Hostname":"x","Labels":{{
        "com.docker.compose.project":"shop","com.docker.compose.service":"web","maintainer":"A \"B\" C"}}}},
        "NetworkSettings":{{"Bridge":"","Networks":{{"shop_default":{{"IPAddress":"172.18.0.2",
        "GlobalIPv6Address":"fd00::2"}},"other":{{"IPAddress":"","GlobalIPv6Address":""}}}}}},"Name":"/shop-web-1"}}"#
    )
}

#[test]
fn container_of_docker_has_name_project_and_addresses() {
    let file = docker_file();
    let container = DockerContainer::decode(file.as_bytes()).unwrap();
    assert_eq!((container.id, container.name, container.compose), (ID, "shop-web-1", Some(("shop", "web"))));
    for (address, has) in [("172.18.0.2", true), ("fd00::2", true), ("172.18.0.3", false), ("0.0.0.0", false)]
    {
        assert_eq!(container.has_address(address.parse().unwrap()), has, "{address}");
    }
    let plain = r#"{"ID":"a","Name":"/b","Config":{"Labels":null},"NetworkSettings":{"Networks":{}}}"#;
    let container = DockerContainer::decode(plain.as_bytes()).unwrap();
    assert_eq!((container.name, container.compose), ("b", None));
}

#[test]
fn file_of_docker_that_is_cut_gives_the_container_or_nothing() {
    let file = docker_file();
    for end in 0..file.len() {
        assert_eq!(DockerContainer::decode(&file.as_bytes()[..end]), None, "{end}");
    }
    for bad in ["", "[]", "{}", r#"{"ID":"a"}"#, r#"{"ID":1,"Name":"/b"}"#, r#"{"ID":"a","Name":"/"}"#] {
        assert_eq!(DockerContainer::decode(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn containers_of_a_storage_have_their_first_name() {
    let file = format!(
        r#"[{{"id":"{ID}","names":["web","alias"],"image":"i","layer":"l","metadata":"{{\"x\":1}}"}},
        {{"id":"nameless","layer":"l"}},{{"id":"empty","names":[]}},{{"names":["x"]}},7,
        {{"id":"second","names":["db"],"flags":{{"MountLabel":""}}}}]"#
    );
    let all: Vec<_> = storage_containers(file.as_bytes()).collect();
    assert_eq!(all, [(ID, "web"), ("second", "db")]);
    for end in 0..file.len() {
        let cut: Vec<_> = storage_containers(&file.as_bytes()[..end]).collect();
        assert_eq!(cut, all[..cut.len()], "{end}");
    }
}

#[test]
fn bundles_of_containerd_name_the_container_and_the_pod() {
    let uid = "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901";
    let pod = format!(
        r#""io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"default",
        "io.kubernetes.cri.sandbox-uid":"{uid}""#
    );
    let file = |annotations: &str| {
        format!(
            r#"{{"ociVersion":"1.1.0","process":{{"args":["x"]}},"annotations":{{{annotations}}},"linux":{{}}}}"#
        )
    };
    let of = |annotations: &str| {
        let file = file(annotations);
        let bundle = ContainerdBundle::decode(file.as_bytes())?;
        Some((bundle.name.map(str::to_owned), bundle.pod.map(|pod| pod.map(str::to_owned))))
    };
    let in_pod = [uid, "default", "web-0"].map(str::to_owned);
    assert_eq!(of(r#""nerdctl/name":"web","nerdctl/namespace":"default""#), Some((Some("web".into()), None)));
    let named = format!(r#""io.kubernetes.cri.container-name":"nginx",{pod}"#);
    assert_eq!(of(&named), Some((Some("nginx".into()), Some(in_pod.clone()))));
    assert_eq!(of(&pod), Some((None, Some(in_pod))), "the container that keeps the namespaces");
    assert_eq!(of(r#""other":"x""#), None);
    assert_eq!(of(r#""io.kubernetes.cri.sandbox-name":"web-0""#), None, "without uid and namespace");
    let file = file(&named);
    let whole = ContainerdBundle::decode(file.as_bytes());
    for end in 0..file.len() {
        // What follows the annotations is not read.
        let cut = ContainerdBundle::decode(&file.as_bytes()[..end]);
        assert!(cut.is_none() || cut == whole, "{end}: {cut:?}");
    }
}

#[test]
fn logs_of_kubernetes_name_pod_namespace_and_container() {
    let uid = "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901";
    let directory = format!("kube-system_coredns-5d78c9869d-abcde_{uid}");
    let expected = PodLogs { namespace: "kube-system", pod: "coredns-5d78c9869d-abcde", uid };
    assert_eq!(PodLogs::decode(&directory), Some(expected));
    let file = format!("web.0_default_my-nginx-{ID}.log");
    let expected = ContainerLog { pod: "web.0", namespace: "default", container: "my-nginx", id: ID };
    assert_eq!(ContainerLog::decode(&file), Some(expected));
    for bad in ["", "a", "a_b", "a_b_", "a_b_c_d", "a_\u{1b}_c", "A_b_c", "lost+found"] {
        assert_eq!(PodLogs::decode(bad), None, "{bad}");
        assert_eq!(ContainerLog::decode(bad), None, "{bad}");
    }
    for bad in
        ["a_b_c-0123.log", &file[..file.len() - 4], &format!("a_b_{ID}.log"), &format!("a_b_c_d-{ID}.log")]
    {
        assert_eq!(ContainerLog::decode(bad), None, "{bad}");
    }
}

#[test]
fn docker_proxy_names_the_address_behind_it() {
    let of = |line: &str| {
        let arguments: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        docker_proxy_forwards_to(&arguments).map(|end| end.to_string())
    };
    let usual = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 80";
    assert_eq!(of(usual).as_deref(), Some("172.17.0.2:80"));
    assert_eq!(of(&format!("{usual} -use-listen-fd")).as_deref(), Some("172.17.0.2:80"));
    assert_eq!(
        of("docker-proxy -use-listen-fd --container-port=53 --container-ip=fd00::2").as_deref(),
        Some("[fd00::2]:53")
    );
    // An address that is the value of another option is not the container's.
    assert_eq!(of("docker-proxy -host-ip -container-ip 10.0.0.1 -container-port 80"), None);
    for other in [
        "",
        "docker-proxy",
        "nginx -container-ip 172.17.0.2 -container-port 80",
        "docker-proxy -container-ip web -container-port 80",
        "docker-proxy -container-ip 172.17.0.2 -container-port 65536",
        "docker-proxy -container-ip 172.17.0.2 -container-port",
        "docker-proxy x -container-ip 172.17.0.2 -container-port 80",
    ] {
        assert_eq!(of(other), None, "{other}");
    }
}
