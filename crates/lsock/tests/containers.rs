//! A container of podman and crun is shown with its name and its id, and what looks after it is in none.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use common::lsock;
use serde_json::Value;
use socket_world::quiet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use test_skips::live_skip;

/// Makes a container in a mount namespace of its own, in which control groups of version 2 alone are mounted, and whose files
/// of podman are gone with it. Without images, networks and limits, which need more than a name in a listing does.
const SCRIPT: &str = r#"
umount -l /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs none /run && mount -t tmpfs none /var/lib || exit 75
podman() {
    command podman --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"
}
mkdir -p "$WORK/root/bin"
cp "$(command -v busybox)" "$WORK/root/bin/$PROGRAM" || exit 75
end() {
    podman rm -f -t 0 "$NAME" >/dev/null 2>&1 || true
    # Those of podman, unless others of its containers are in them.
    find /sys/fs/cgroup/libpod_parent -depth -type d -exec rmdir {} + 2>/dev/null || true
}
trap end EXIT
podman run -d --name "$NAME" --network none --privileged --pids-limit 0 --ulimit nofile=1024:1024 \
    --ulimit nproc=1024:1024 --rootfs "$WORK/root" "/bin/$PROGRAM" nc -l -p 7777 >"$WORK/id" || exit 75
set -e
# The program needs a moment to listen.
for try in $(seq 100); do
    "$LSOCK" -q -N all -l port = :7777 && break
    sleep 0.1
done
"$LSOCK" -N all -l container "$NAME" --json --columns workload >"$WORK/by_name"
"$LSOCK" -N all -l container "$(cut -c1-12 "$WORK/id")" --json --columns workload >"$WORK/by_id"
"$LSOCK" -x process conmon --json --columns workload >"$WORK/conmon"
"$LSOCK" -N all -l container "$NAME" -H --columns process,container >"$WORK/table"
"$LSOCK" why "$PROGRAM" --json >"$WORK/why"
"$LSOCK" why "$PROGRAM" >"$WORK/why.txt"
"#;

/// A directory that is removed at the end.
struct Work(PathBuf);

impl Work {
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn live_container_of_podman_has_its_name_and_conmon_is_in_none() {
    for program in ["podman", "crun", "busybox", "unshare"] {
        let found = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            live_skip!("containers: there is no {program}");
        }
    }
    let name = format!("netstat-test-{}", std::process::id());
    // busybox is itself under any name that begins so.
    let program = format!("busybox{}", std::process::id());
    let work = Work(std::env::temp_dir().join(&name));
    fs::create_dir_all(&work.0).unwrap();
    let window = quiet();
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", SCRIPT])
        .env("LSOCK", lsock(&[]).get_program())
        .env("WORK", &work.0)
        .env("NAME", &name)
        .env("PROGRAM", &program)
        .output()
        .unwrap();
    drop(window);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => {}
        // 1 is that of unshare.
        Some(1 | 75) if !work.0.join("by_name").exists() => {
            live_skip!("containers: {}", message.lines().last().unwrap_or_default());
        }
        code => panic!("{code:?}: {message}"),
    }
    let id = work.read("id").trim().to_owned();
    for listing in ["by_name", "by_id"] {
        let document = work.json(listing);
        let rows = document["sockets"].as_array().unwrap();
        assert_eq!((rows.len(), &rows[0]["local"]["port"]), (1, &7777.into()), "{listing}: {document}");
        assert_eq!(rows[0]["exposure"]["other_netns"], true, "{document}");
        let container = &document["processes"][0]["workload"]["container"];
        assert_eq!(
            (&container["engine"], &container["id"], &container["name"]),
            (&"podman".into(), &id.as_str().into(), &name.as_str().into()),
            "{document}"
        );
    }
    assert_eq!(work.read("table").split_whitespace().collect::<Vec<_>>(), [program.as_str(), name.as_str()]);
    let document = work.json("conmon");
    let processes = document["processes"].as_array().unwrap();
    assert!(!processes.is_empty(), "{document}");
    assert!(processes.iter().all(|conmon| conmon["workload"]["container"].is_null()), "{document}");
    let answer = work.json("why");
    let subject = &answer["subjects"][0];
    assert_eq!(subject["process"]["workload"]["container"]["name"], name.as_str(), "{answer}");
    assert_eq!(
        (&subject["cause"], &subject["ancestors"][0]["name"]),
        (&"container_runtime".into(), &"conmon".into())
    );
    assert_eq!(subject["listeners"][0]["local"]["port"], 7777, "{answer}");
    let text = work.read("why.txt");
    assert!(text.contains(&format!("container  {name} (podman)")), "{text}");
    assert!(text.contains(", a container runtime"), "{text}");
}
