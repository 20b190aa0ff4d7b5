//! `/proc/PID/cgroup`: one line a hierarchy.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_pid_cgroup::{Cgroup, Cgroups};
use proptest::prelude::*;

macro_rules! captured {
    ($name:literal) => {
        common::parse_lines(include_str!(concat!("fixtures/", $name, ".txt"))).unwrap().as_bytes()
    };
}

const GROUP: &[u8] =
    b"/netstat-fixture/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";

fn read(text: &[u8]) -> Vec<Cgroup<'_>> {
    Cgroups::new(text).map(Result::unwrap).collect()
}

#[test]
fn a_captured_process_of_a_hybrid_machine_has_a_group_in_each_hierarchy() {
    let groups = read(captured!("linux-6.18__proc_pid_cgroup_hybrid"));
    assert_eq!(groups.len(), 10);
    assert_eq!(groups[0], Cgroup { hierarchy: 9, controllers: b"name=systemd", path: GROUP });
    assert_eq!(groups[2], Cgroup { hierarchy: 7, controllers: b"blkio", path: b"/" });
    assert_eq!(groups[9], Cgroup { hierarchy: 0, controllers: b"", path: GROUP });
    let v2: Vec<_> = groups.iter().map(Cgroup::is_v2).collect();
    assert_eq!(v2, [false, false, false, false, false, false, false, false, false, true]);
    let memory: Vec<_> = groups.iter().filter(|group| group.has_controller(b"memory")).collect();
    assert_eq!(memory, [&groups[5]]);
}

#[test]
fn captured_paths_are_kept_as_they_are_printed() {
    let groups = read(captured!("linux-6.18__proc_pid_cgroup_namespace"));
    assert_eq!(groups, [Cgroup { hierarchy: 0, controllers: b"", path: b"/../a:b (deleted)" }]);
    let groups = read(captured!("linux-6.18__proc_pid_cgroup_deleted"));
    let path = b"/netstat-fixture/a:b (deleted) (deleted)";
    assert_eq!(groups, [Cgroup { hierarchy: 0, controllers: b"", path }]);
}

#[test]
fn controllers_are_distinguished_by_commas() {
    let groups = read(b"4:cpu,cpuacct:/a\n");
    let has = |name: &[u8]| groups[0].has_controller(name);
    assert!(has(b"cpu") && has(b"cpuacct") && !has(b"cpuset") && !has(b"cpu,cpuacct"));
    // A hierarchy without a number that is not version 2 either, as some kernels have had it.
    assert!(!read(b"0:debug:/\n")[0].is_v2());
}

#[test]
fn a_malformed_line_is_an_error_and_the_next_is_read() {
    for (line, error) in [
        ("", "malformed hierarchy at offset 0"),
        ("x:cpu:/", "malformed hierarchy at offset 0"),
        ("01:cpu:/", "malformed hierarchy at offset 0"),
        ("4294967296:cpu:/", "malformed hierarchy at offset 0"),
        ("1", "malformed hierarchy at offset 0"),
        ("1:cpu", "malformed controllers at offset 2"),
        ("1:cpu:", "malformed path at offset 6"),
        ("1:cpu:a", "malformed path at offset 6"),
    ] {
        let text = format!("{line}\n0::/\n");
        let read: Vec<_> = Cgroups::new(text.as_bytes()).collect();
        assert_eq!(read.len(), 2, "{line:?}");
        let read_error = read[0].unwrap_err().to_string();
        assert_eq!(read_error, format!("/proc/PID/cgroup: {error}"), "{line:?}");
        assert_eq!(read[1].unwrap().path, b"/");
    }
}

#[test]
fn text_cut_at_any_byte_has_whole_groups_and_perhaps_one_error() {
    let text = captured!("linux-6.18__proc_pid_cgroup_hybrid");
    let whole = read(text);
    for cut in 0..text.len() {
        let read: Vec<_> = Cgroups::new(&text[..cut]).collect();
        let groups: Vec<_> = read.iter().flatten().copied().collect();
        assert!(whole.starts_with(&groups), "cut at {cut}");
        let at_end_of_line = cut == 0 || text[cut - 1] == b'\n';
        assert_eq!(read.len() - groups.len(), usize::from(!at_end_of_line), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_groups_or_errors(bytes in any::<Vec<u8>>()) {
        for group in Cgroups::new(&bytes).flatten() {
            prop_assert!(group.path.starts_with(b"/"));
        }
        prop_assert!(Cgroups::new(&bytes).count() <= bytes.len());
    }

    #[test]
    fn groups_are_read_as_they_were_printed(
        groups in proptest::collection::vec((any::<u32>(), "[a-z_,=]{0,20}", "/[^\n]{0,40}"), 0..5),
    ) {
        let text: String =
            groups.iter().map(|(id, controllers, path)| format!("{id}:{controllers}:{path}\n")).collect();
        let expected: Vec<_> = groups
            .iter()
            .map(|(hierarchy, controllers, path)| Cgroup {
                hierarchy: *hierarchy, controllers: controllers.as_bytes(), path: path.as_bytes(),
            })
            .collect();
        prop_assert_eq!(read(text.as_bytes()), expected);
    }
}
