//! Paths of control groups: what each form says, and that garbage says nothing.
#![allow(clippy::unwrap_used)]

use netstat_wire::linux::cgroup_path::{CgroupFile, CgroupPath, Container};
use netstat_wire::linux::unit_name::{Bundle, unescaped};
use proptest::prelude::*;

/// Two ids, the uid of a pod in its two spellings, that of a static pod, and the UUID of a run.
const TOKENS: [(&str, &str); 6] = [
    ("{I}", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
    ("{J}", "fedcba98765432100123456789abcdeffedcba98765432100123456789abcdef"),
    ("{U}", "1b2c3d4e-5f60-7182-93a4-b5c6d7e8f901"),
    ("{V}", "1b2c3d4e_5f60_7182_93a4_b5c6d7e8f901"),
    ("{S}", "0123456789abcdef0123456789abcdef"),
    ("{R}", "aabbccdd-0011-2233-4455-66778899aabb"),
];

fn full(text: &str) -> String {
    TOKENS.iter().fold(text.to_owned(), |text, (token, value)| text.replace(token, value))
}

/// All that a path says, in one line: `docker {I} unit ...`.
fn said(path: &[u8]) -> String {
    let says = CgroupPath::decode(path);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut words = Vec::new();
    if let Some(Container { engine, id, is_nested }) = says.container {
        let nested = if is_nested { "nested " } else { "" };
        words.push(format!("{nested}{engine:?} {}", text(id)));
    }
    for (name, value) in
        [("pod", says.pod), ("unit", says.unit), ("user-unit", says.user_unit), ("slice", says.slice)]
    {
        words.extend(value.map(|value| format!("{name} {}", text(value))));
    }
    words.extend(says.user.map(|user| format!("user {user}")));
    words.extend(says.is_of_user_manager.then(|| "theirs".to_owned()));
    words.extend(says.bundle.map(|bundle| match bundle {
        Bundle::Snap { name, app } => format!("snap {} {}", text(name), text(app)),
        Bundle::Flatpak(id) => format!("flatpak {}", text(id)),
    }));
    words.join(", ")
}

/// `/user.slice/user-1000.slice/user@1000.service`, and what it says.
const MANAGER: &str = "/user.slice/user-1000.slice/user@1000.service";

#[test]
fn each_form_of_a_path_says_what_it_is_of() {
    let user = "user 1000, theirs";
    let cases: &[(&str, &str)] = &[
        // Docker, by its own driver and by systemd's, of a user, within itself.
        ("/docker/{I}", "Docker {I}"),
        ("/docker/{I}/init.scope", "Docker {I}"),
        ("/docker/{I}/docker/{J}", "nested Docker {J}"),
        ("/system.slice/docker-{I}.scope", "Docker {I}, unit docker-{I}.scope, slice system.slice"),
        (
            "/system.slice/docker-{I}.scope/system.slice/nginx.service",
            "Docker {I}, unit docker-{I}.scope, slice system.slice",
        ),
        ("/web.slice/docker-{I}.scope", "Docker {I}, unit docker-{I}.scope, slice web.slice"),
        ("{M}/user.slice/docker-{I}.scope", "Docker {I}, {m}docker-{I}.scope, slice user.slice, {w}"),
        ("/system.slice:docker:{I}", "Docker {I}"),
        ("/system.slice/docker.service", "unit docker.service, slice system.slice"),
        ("/docker/buildkit/6jxq0vmt3o1yl9yv6n2x2e7bk", ""),
        // Podman, by both drivers, of a user, in a pod, in the group of a service; conmon is no container.
        ("/machine.slice/libpod-{I}.scope", "Podman {I}, unit libpod-{I}.scope, slice machine.slice"),
        (
            "/machine.slice/libpod-{I}.scope/container",
            "Podman {I}, unit libpod-{I}.scope, slice machine.slice",
        ),
        ("/libpod_parent/libpod-{I}", "Podman {I}"),
        (
            "{M}/user.slice/libpod-{I}.scope/container",
            "Podman {I}, {m}libpod-{I}.scope, slice user.slice, {w}",
        ),
        (
            "/machine.slice/machine-libpod_pod_{J}.slice/libpod-{I}.scope",
            "Podman {I}, unit libpod-{I}.scope, slice machine-libpod_pod_{J}.slice",
        ),
        ("/system.slice/web.service/libpod-payload-{I}", "Podman {I}, unit web.service, slice system.slice"),
        ("/system.slice/web.service/runtime", "unit web.service, slice system.slice"),
        ("/machine.slice/libpod-conmon-{I}.scope", "unit libpod-conmon-{I}.scope, slice machine.slice"),
        ("/libpod_parent/conmon", ""),
        // Kubernetes: each class, both drivers, each engine.
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{V}.slice/cri-containerd-{I}.scope",
            "Containerd {I}, pod {V}, unit cri-containerd-{I}.scope, slice kubepods-burstable-pod{V}.slice",
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{V}.slice/cri-containerd-{I}.scope",
            "Containerd {I}, pod {V}, unit cri-containerd-{I}.scope, slice kubepods-besteffort-pod{V}.slice",
        ),
        (
            "/kubepods.slice/kubepods-pod{V}.slice/cri-containerd-{I}.scope",
            "Containerd {I}, pod {V}, unit cri-containerd-{I}.scope, slice kubepods-pod{V}.slice",
        ),
        (
            "/kubepods.slice/kubepods-pod{S}.slice/crio-{I}.scope/container",
            "CriO {I}, pod {S}, unit crio-{I}.scope, slice kubepods-pod{S}.slice",
        ),
        (
            "/kubepods.slice/kubepods-pod{V}.slice/crio-conmon-{I}.scope",
            "pod {V}, unit crio-conmon-{I}.scope, slice kubepods-pod{V}.slice",
        ),
        (
            "/kubepods.slice/kubepods-pod{V}.slice/docker-{I}.scope",
            "Docker {I}, pod {V}, unit docker-{I}.scope, slice kubepods-pod{V}.slice",
        ),
        ("/kubepods/burstable/pod{U}/{I}", "Kubernetes {I}, pod {U}"),
        ("/kubepods/besteffort/pod{U}/{I}", "Kubernetes {I}, pod {U}"),
        ("/kubepods/pod{U}/{I}", "Kubernetes {I}, pod {U}"),
        ("/kubepods/pod{S}/crio-{I}", "CriO {I}, pod {S}"),
        ("/kubepods/pod{U}", "pod {U}"),
        ("/kubepods/besteffort/pod{U}/{I}/docker/{J}", "nested Docker {J}, pod {U}"),
        (
            "/system.slice/containerd.service/kubepods-burstable-pod{V}.slice:cri-containerd:{I}",
            "Containerd {I}, pod {V}, unit containerd.service, slice system.slice",
        ),
        ("/system.slice/k3s.service", "unit k3s.service, slice system.slice"),
        // Nodes that are containers themselves.
        ("/docker/{J}/kubelet/kubepods/besteffort/pod{U}/{I}", "nested Kubernetes {I}, pod {U}"),
        (
            "/docker/{J}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
             kubelet-kubepods-besteffort-pod{V}.slice/cri-containerd-{I}.scope",
            "nested Containerd {I}, pod {V}",
        ),
        (
            "/system.slice/docker-{J}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{V}.slice/\
             cri-containerd-{I}.scope",
            "nested Containerd {I}, pod {V}, unit docker-{J}.scope, slice system.slice",
        ),
        // Others.
        ("/system.slice/nerdctl-{I}.scope", "Nerdctl {I}, unit nerdctl-{I}.scope, slice system.slice"),
        ("/default/{I}", ""),
        ("/lxc/web", "Lxc web"),
        ("/lxc/101/ns/system.slice/ssh.service", "Lxc 101"),
        ("/lxc.payload.web/init.scope", "Lxc web"),
        ("/lxc.payload/web", "Lxc web"),
        ("/lxc.monitor.web", ""),
        ("/lxc.monitor/101", ""),
        ("/lxc.payload.web/docker/{I}", "nested Docker {I}"),
        (
            "/machine.slice/machine-deb\\x2d12.scope/payload/init.scope",
            "Nspawn deb\\x2d12, unit machine-deb\\x2d12.scope, slice machine.slice",
        ),
        ("/machine.slice/machine-deb.scope/supervisor", "unit machine-deb.scope, slice machine.slice"),
        (
            "/machine.slice/systemd-nspawn@deb.service/payload/system.slice/ssh.service",
            "Nspawn deb, unit systemd-nspawn@deb.service, slice machine.slice",
        ),
        (
            "/machine.slice/systemd-nspawn@deb.service/supervisor",
            "unit systemd-nspawn@deb.service, slice machine.slice",
        ),
        ("/machine.slice/machine-deb.scope", "Machine deb, unit machine-deb.scope, slice machine.slice"),
        (
            "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
            "unit machine-qemu\\x2d1\\x2dvm.scope, slice machine.slice",
        ),
        ("/ecs/{S}/{I}", "Ecs {I}"),
        ("/ecs/{S}/{S}-3456789012", "Ecs {S}-3456789012"),
        ("/ecs/cluster/{S}/{I}", "Ecs {I}"),
        ("/ecs/{S}", ""),
        (
            "/ecstasks.slice/ecstasks-{S}.slice/docker-{I}.scope",
            "Docker {I}, unit docker-{I}.scope, slice ecstasks-{S}.slice",
        ),
        // Snaps and Flatpaks.
        (
            "{M}/app.slice/snap.firefox.firefox-{R}.scope",
            "{m}snap.firefox.firefox-{R}.scope, slice app.slice, {w}, snap firefox firefox",
        ),
        (
            "{M}/app.slice/snap.code.code.{R}.scope",
            "{m}snap.code.code.{R}.scope, slice app.slice, {w}, snap code code",
        ),
        (
            "/system.slice/snap.lxd.daemon.service",
            "unit snap.lxd.daemon.service, slice system.slice, snap lxd daemon",
        ),
        (
            "/system.slice/snap.x.hook.install-{R}.scope",
            "unit snap.x.hook.install-{R}.scope, slice system.slice, snap x hook.install",
        ),
        (
            "{M}/app.slice/app-flatpak-org.mozilla.firefox-1234.scope",
            "{m}app-flatpak-org.mozilla.firefox-1234.scope, slice app.slice, {w}, flatpak org.mozilla.firefox",
        ),
        (
            "{M}/app.slice/app-gnome-firefox-1234.scope",
            "{m}app-gnome-firefox-1234.scope, slice app.slice, {w}",
        ),
        // Units of the system and of users.
        ("/system.slice/ssh.service", "unit ssh.service, slice system.slice"),
        ("/system.slice/postgres.service/workers", "unit postgres.service, slice system.slice"),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            "unit getty@tty1.service, slice system-getty.slice",
        ),
        ("/system.slice/_cgroup.service", "unit cgroup.service, slice system.slice"),
        ("/system.slice/cups.socket", "unit cups.socket, slice system.slice"),
        ("/init.scope", "unit init.scope"),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            "unit session-3.scope, slice user-1000.slice, user 1000",
        ),
        ("{M}/app.slice/web.service", "{m}web.service, slice app.slice, {w}"),
        ("{M}/init.scope", "{m}init.scope, slice user-1000.slice, {w}"),
        ("{M}/user-5.slice/a.scope", "{m}a.scope, slice user-5.slice, {w}"),
        ("{M}", "unit user@1000.service, slice user-1000.slice, {w}"),
        ("/system.slice/x.service (deleted)", "unit x.service, slice system.slice"),
        ("/system.slice", "slice system.slice"),
        // In a control group namespace.
        ("/", ""),
        ("/..", ""),
        ("/../../system.slice/ssh.service", ""),
        ("/../docker-{I}.scope", "Docker {I}"),
        // Version 1 of other programs.
        ("/process_api/{S}", ""),
        ("/mesos/{U}", ""),
    ];
    assert!(cases.len() >= 60, "{}", cases.len());
    let said = |path: &str| said(path.as_bytes());
    for (path, expected) in cases {
        let path = full(&path.replace("{M}", MANAGER));
        let expected = expected.replace("{m}", "unit user@1000.service, user-unit ").replace("{w}", user);
        assert_eq!(said(&path), full(&expected), "{path}");
    }
}

#[test]
fn what_only_resembles_a_container_or_a_unit_is_none() {
    for path in [
        "",
        "/docker/0123",
        "/docker/{I}0",
        "/x/{I}",
        "/{I}",
        "/dockerd/{I}",
        "/pod{U}/{I}",
        "/kubepods/pod1234/{I}",
        "/kubepods/burstable/podx/{I}",
        "/lxc",
        "/lxc/",
        "/lxc/a b",
        "/lxc.payload.",
        "/ecs/x/y",
        "/.service",
        "/a b.service",
        "/@.service",
        "//",
        "/docker-{I}",
        "/:docker:0123",
        "/a:b:{I}",
    ] {
        assert_eq!(said(full(path).as_bytes()), "", "{path}");
    }
    // Capital letters are no id.
    assert_eq!(said(full("/docker/{I}").to_uppercase().as_bytes()), "");
    // Of a unit with a strange name nothing but the unit is known.
    for name in ["docker-0123.scope", "libpod-x.scope", "machine-.scope", "snap..x.service", "snap.x.service"]
    {
        let path = format!("/system.slice/{name}");
        assert_eq!(said(path.as_bytes()), format!("unit {name}, slice system.slice"));
    }
}

#[test]
fn file_says_the_best_of_its_hierarchies() {
    let of = |text: &str| {
        let text = full(text);
        CgroupFile::decode(text.as_bytes()).map(|file| {
            let id = file.says.container.map(|container| container.id.len());
            (String::from_utf8(file.path.to_vec()).unwrap(), id, file.says.unit.map(<[u8]>::to_vec))
        })
    };
    let unit = |name: &str| Some(name.as_bytes().to_vec());
    let some = |path: &str, id, unit| Some((full(path), id, unit));
    // Version 2 alone, version 1 alone, both.
    assert_eq!(of("0::/system.slice/a.service\n"), some("/system.slice/a.service", None, unit("a.service")));
    assert_eq!(
        of("2:cpu:/x\n1:name=systemd:/system.slice/a.service\n"),
        some("/system.slice/a.service", None, unit("a.service"))
    );
    assert_eq!(
        of("9:name=systemd:/\n4:memory:/docker/{I}\n0::/system.slice/containerd.service\n"),
        some("/system.slice/containerd.service", Some(64), unit("containerd.service"))
    );
    assert_eq!(of("4:memory:/docker/{I}\n0::/\n"), some("/docker/{I}", Some(64), None));
    assert_eq!(of("9:name=systemd:/\n0::/\n"), some("/", None, None));
    // A last line that was cut is not read, and nothing is nothing.
    assert_eq!(of("4:memory:/a\n0::/system.slice/b"), some("/a", None, None));
    assert_eq!((of(""), of("garbage\n")), (None, None));
}

#[test]
fn escapes_of_unit_names_are_undone_and_others_kept() {
    for (name, expected) in [
        ("deb\\x2d12", "deb-12"),
        ("a\\x2Fb", "a/b"),
        ("\\x5cx2d", "\\x2d"),
        ("\\x", "\\x"),
        ("\\x2", "\\x2"),
        ("\\x+1", "\\x+1"),
        ("\\y2d", "\\y2d"),
        ("", ""),
    ] {
        assert_eq!(unescaped(name.as_bytes()), expected.as_bytes(), "{name}");
    }
}

proptest! {
    #[test]
    fn every_part_stands_in_the_path(
        parts in prop::collection::vec("docker|lxc|ecs|kubepods|machine-a\\.scope|payload|user@7\\.service|a\\.slice|\\.\\.|[ -~]{0,9}|docker-[0-9a-f]{64}\\.scope|pod[0-9a-f]{32}|[0-9a-f]{64}", 0..8)
    ) {
        let path = format!("/{}", parts.join("/"));
        let says = CgroupPath::decode(path.as_bytes());
        let pieces = [says.container.map(|it| it.id), says.pod, says.unit, says.user_unit, says.slice];
        for piece in pieces.into_iter().flatten() {
            prop_assert!(!piece.is_empty() && path.as_bytes().windows(piece.len()).any(|at| at == piece));
        }
    }
}
