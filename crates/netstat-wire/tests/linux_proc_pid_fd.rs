//! Links of `/proc/PID/fd`, and names of procfs directories that are numbers.

mod common;

use netstat_wire::linux::proc_pid_fd::{network_namespace, number, protocol_name, socket_inode};
use proptest::prelude::*;

#[test]
fn a_socket_s_link_has_its_inode() {
    assert_eq!(socket_inode(b"socket:[0]"), Some(0));
    assert_eq!(socket_inode(b"socket:[12345]"), Some(12345));
    assert_eq!(socket_inode(b"socket:[18446744073709551615]"), Some(u64::MAX));
}

#[test]
fn any_other_link_has_none() {
    for link in [
        "",
        "/dev/null",
        "/tmp/socket:[1]",
        "pipe:[1]",
        "anon_inode:[eventpoll]",
        "net:[4026531840]",
        "socket:",
        "socket:[",
        "socket:[]",
        "socket:[1",
        "socket:1]",
        "socket:[1] ",
        "socket:[1] (deleted)",
        " socket:[1]",
        "Socket:[1]",
        "socket:[-1]",
        "socket:[+1]",
        "socket:[01]",
        "socket:[1a]",
        "socket:[1\0]",
        "socket:[18446744073709551616]",
        "socket:[99999999999999999999999999]",
    ] {
        assert_eq!(socket_inode(link.as_bytes()), None, "{link:?}");
    }
}

#[test]
fn the_link_of_a_network_namespace_has_its_inode_and_that_of_another_file_has_none() {
    assert_eq!(network_namespace(b"net:[4026531840]"), Some(4_026_531_840));
    for link in
        ["", "net:[", "net:[1", "net:[]", "net:1]", "mnt:[1]", "/net:[1]", "socket:[1]", "net:[1] (deleted)"]
    {
        assert_eq!(network_namespace(link.as_bytes()), None, "{link:?}");
    }
}

#[test]
fn a_link_cut_at_any_byte_has_none() {
    let link = b"socket:[12345]";
    for cut in 0..link.len() {
        assert_eq!(socket_inode(&link[..cut]), None, "cut at {cut}");
    }
}

#[test]
fn a_name_that_is_a_number_is_that_number() {
    assert_eq!(number(b"0"), Some(0));
    assert_eq!(number(b"4194304"), Some(4_194_304));
    assert_eq!(number(b"4294967295"), Some(u32::MAX));
}

#[test]
fn any_other_name_is_none() {
    for name in ["", ".", "..", "self", "1a", "-1", "+1", " 1", "007", "4294967296", "18446744073709551616"] {
        assert_eq!(number(name.as_bytes()), None, "{name:?}");
    }
}

#[test]
fn the_name_of_a_protocol_ends_before_its_nul() {
    // As getxattr returned them on Linux 6.18.
    assert_eq!(protocol_name(b"TCP\0"), b"TCP");
    assert_eq!(protocol_name(b"UNIX-STREAM\0"), b"UNIX-STREAM");
    assert_eq!(protocol_name(b"TCP"), b"TCP");
    assert_eq!(protocol_name(b""), b"");
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_socket_only_if_printing_its_inode_gives_them(bytes in any::<Vec<u8>>()) {
        for link in [bytes.clone(), [b"socket:[", &bytes[..], b"]"].concat()] {
            if let Some(inode) = socket_inode(&link) {
                prop_assert_eq!(format!("socket:[{inode}]").into_bytes(), link);
            }
        }
        if let Some(number) = number(&bytes) {
            prop_assert_eq!(number.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn what_is_printed_is_read(inode in any::<u64>(), name in any::<u32>()) {
        prop_assert_eq!(socket_inode(format!("socket:[{inode}]").as_bytes()), Some(inode));
        prop_assert_eq!(number(name.to_string().as_bytes()), Some(name));
    }
}
