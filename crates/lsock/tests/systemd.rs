//! A service and a socket-activated service of a real systemd, which runs in namespaces of its own.

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

/// Puts itself into a control group, which becomes the root of systemd's.
const OUTER: &str = r#"
tree=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
[ -n "$tree" ] && mkdir "$tree/$NAME" && echo $$ >"$tree/$NAME/cgroup.procs" || exit 75
timeout --signal KILL 60 unshare --cgroup --net --pid --fork --kill-child --mount --mount-proc sh -c "$INNER"
echo $$ >"$tree/cgroup.procs"
for try in $(seq 100); do
    find "$tree/$NAME" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
done
[ -e "$WORK/done" ] || exit 75
"#;

/// Asks about the ports of systemd's units once they are there, and then ends systemd.
const INNER: &str = r#"
umount -l /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs none /run && ip link set lo up || exit 75
mkdir -p /run/systemd
(
    for try in $(seq 200); do
        "$LSOCK" -lq port = :8021 && "$LSOCK" -lq port = :8022 && break
        sleep 0.1
    done
    "$LSOCK" why 8021 --json >"$WORK/waiting"
    "$LSOCK" why 8022 --json >"$WORK/service"
    "$LSOCK" why 8022 >"$WORK/service.txt"
    "$LSOCK" -l unit plain --json >"$WORK/by_unit"
    busybox nc 127.0.0.1 8021 >/dev/null &
    for try in $(seq 200); do
        "$LSOCK" -lq process busybox and sport = :8021 && break
        sleep 0.1
    done
    "$LSOCK" why 8021 --json >"$WORK/activated"
    "$LSOCK" why 8021 >"$WORK/activated.txt"
    touch "$WORK/done"
    # Halt.
    kill -RTMIN+13 1
) </dev/null &
exec env -i container=lxc SYSTEMD_UNIT_PATH="$WORK/units" /lib/systemd/systemd --system --log-target=null \
    --show-status=no --unit=default.target
"#;

const UNITS: [(&str, &str); 4] = [
    ("default.target", "[Unit]\nDescription=All\nRequires=web.socket plain.service\n"),
    ("web.socket", "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=127.0.0.1:8021\nAccept=no\n"),
    // It gets the listener as a descriptor, and keeps it.
    ("web.service", "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=BUSYBOX sleep 60\n"),
    ("plain.service", "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=BUSYBOX nc -l -p 8022\n"),
];

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

fn path_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.exists())
}

#[test]
fn live_services_of_systemd_have_their_units_and_a_passed_on_listener_that_of_its_socket() {
    if !PathBuf::from("/lib/systemd/systemd").exists() {
        live_skip!("systemd: it is not installed");
    }
    let Some(busybox) = path_of("busybox") else { live_skip!("systemd: there is no busybox") };
    let name = format!("netstat-test-systemd-{}", std::process::id());
    let work = Work(std::env::temp_dir().join(&name));
    fs::create_dir_all(work.0.join("units")).unwrap();
    for (unit, text) in UNITS {
        fs::write(work.0.join("units").join(unit), text.replace("BUSYBOX", busybox.to_str().unwrap()))
            .unwrap();
    }
    let window = quiet();
    let output = Command::new("sh")
        .args(["-c", OUTER])
        .env("LSOCK", lsock(&[]).get_program())
        .env("WORK", &work.0)
        .env("NAME", &name)
        .env("INNER", INNER)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    drop(window);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => {}
        Some(75) => live_skip!("systemd: {}", message.lines().last().unwrap_or_default()),
        code => panic!("{code:?}: {message}"),
    }

    let waiting = work.json("waiting");
    let subject = &waiting["subjects"][0];
    assert_eq!(waiting["subjects"].as_array().map(Vec::len), Some(1), "{waiting}");
    let process = &subject["process"];
    assert_eq!((&process["pid"], &process["name"]), (&1.into(), &"systemd".into()), "{waiting}");
    assert_eq!(subject["socket_activation"], "waiting", "{waiting}");
    assert_eq!(subject["socket_units"], serde_json::json!(["web.socket"]), "{waiting}");

    let service = work.json("service");
    let subject = &service["subjects"][0];
    assert_eq!(subject["process"]["workload"]["unit"], "plain.service", "{service}");
    assert_eq!(
        (&subject["cause"], &subject["socket_activation"]),
        (&"service_manager".into(), &Value::Null),
        "{service}"
    );
    assert_eq!(subject["ancestors"][0]["pid"], 1, "{service}");
    let text = work.read("service.txt");
    assert!(text.contains("unit       plain.service"), "{text}");
    assert!(text.contains("started by systemd (1), a service manager"), "{text}");
    assert_eq!(work.json("by_unit")["sockets"][0]["local"]["port"], 8022);

    let activated = work.json("activated");
    let subject = &activated["subjects"][0];
    assert_eq!(activated["subjects"].as_array().map(Vec::len), Some(1), "{activated}");
    assert_eq!(subject["process"]["workload"]["unit"], "web.service", "{activated}");
    assert_eq!(subject["socket_activation"], "passed_on", "{activated}");
    assert_eq!(subject["socket_units"], serde_json::json!(["web.socket"]), "{activated}");
    let text = work.read("activated.txt");
    assert!(text.contains("systemd (1) opened it for web.socket and passed it on"), "{text}");
}
