//! `/proc/PID/mountinfo`: one line a mount, bind mounts of network namespaces among them.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_pid_mountinfo::{Mount, unescaped};
use proptest::prelude::*;

const LINE: &str = "63 43 0:4 net:[4026532177] /run/netns/blue rw shared:7 master:1 - nsfs nsfs rw\n";

#[test]
fn captured_mounts_of_network_namespaces_are_found_with_their_paths() {
    let text = common::parse_lines(include_str!("fixtures/linux-6.18__proc_pid_mountinfo.txt")).unwrap();
    let mounts: Vec<_> =
        text.split_inclusive('\n').map(|line| Mount::decode(line.as_bytes()).unwrap()).collect();
    assert_eq!(mounts.len(), 16);
    let found: Vec<_> = mounts
        .iter()
        .filter_map(|mount| Some((mount.network_namespace()?, unescaped(mount.mount_point))))
        .collect();
    let at = |path: &str| (4_026_532_177, path.as_bytes().to_vec());
    assert_eq!(found, [at("/tmp/netns-fixture/a b"), at("/tmp/netns-fixture/new\nline")]);
}

#[test]
fn optional_columns_are_passed_over() {
    for optional in ["", "shared:7 ", "shared:7 master:1 propagate_from:2 unbindable "] {
        let line = LINE.replacen("shared:7 master:1 ", optional, 1);
        let mount = Mount::decode(line.as_bytes()).unwrap();
        assert_eq!((mount.network_namespace(), mount.file_system), (Some(4_026_532_177), &b"nsfs"[..]));
    }
}

#[test]
fn no_other_file_system_and_no_path_is_a_network_namespace() {
    for (from, to) in
        [("- nsfs", "- ext4"), ("net:[4026532177]", "/net:[4026532177]"), ("net:[", "mnt:["), ("177]", "177")]
    {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE, "{from}");
        assert_eq!(Mount::decode(line.as_bytes()).unwrap().network_namespace(), None, "{line}");
    }
}

#[test]
fn a_line_cut_at_any_byte_is_an_error() {
    assert!(Mount::decode(LINE.as_bytes()).is_ok());
    for cut in 0..LINE.len() {
        assert!(Mount::decode(&LINE.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_malformed_column_is_an_error_that_names_it() {
    let error = |line: &str| Mount::decode(line.as_bytes()).unwrap_err().to_string();
    assert_eq!(error("x\n"), "/proc/PID/mountinfo: malformed mount id at offset 0");
    assert_eq!(error("1 2 0:4 / / rw shared:1\n"), "/proc/PID/mountinfo: no separator at offset 23");
    assert_eq!(error("1 2 0:4 / / rw -\n"), "/proc/PID/mountinfo: malformed file system at offset 16");
}

#[test]
fn only_three_octal_digits_after_a_backslash_are_an_escape() {
    for (escaped, path) in [
        (r"/a\040b", "/a b"),
        (r"/\134\012", "/\\\n"),
        (r"/\04", r"/\04"),
        (r"/\048", r"/\048"),
        (r"/\777", r"/\777"),
        (r"/\", r"/\"),
        ("", ""),
    ] {
        assert_eq!(unescaped(escaped.as_bytes()), path.as_bytes(), "{escaped}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_mount_or_an_error(bytes in any::<Vec<u8>>(), at in 0_usize..100) {
        let _ = Mount::decode(&bytes);
        let mut text = LINE.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes);
        let _ = Mount::decode(&text);
    }

    #[test]
    fn a_path_is_read_as_it_was_printed(path in any::<Vec<u8>>(), inode in any::<u64>()) {
        let mut printed = b"/".to_vec();
        for byte in &path {
            // As `mangle` of fs/proc_namespace.c.
            if b" \t\n\\#".contains(byte) {
                printed.extend(format!("\\{byte:03o}").bytes());
            } else {
                printed.push(*byte);
            }
        }
        let path = [b"/", &path[..]].concat();
        prop_assert_eq!(unescaped(&printed), path);
        let line = [format!("1 2 0:4 net:[{inode}] ").as_bytes(), &printed, b" rw - nsfs nsfs rw\n"].concat();
        let mount = Mount::decode(&line).unwrap();
        prop_assert_eq!((mount.network_namespace(), mount.mount_point), (Some(inode), &printed[..]));
    }
}
