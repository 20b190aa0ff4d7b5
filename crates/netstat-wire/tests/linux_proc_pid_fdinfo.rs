//! `/proc/PID/fdinfo/FD` of sockets and of io_uring.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_pid_fd::socket_inode;
use netstat_wire::linux::proc_pid_fdinfo::{FdInfo, UserFile};
use proptest::prelude::*;

macro_rules! captured {
    ($name:literal) => {
        common::parse_lines(include_str!(concat!("fixtures/", $name, ".txt"))).unwrap().as_bytes()
    };
}

fn files<'a>(info: &FdInfo<'a>) -> Vec<UserFile<'a>> {
    info.user_files.clone().map(Iterator::collect).unwrap_or_default()
}

#[test]
fn captured_sockets_have_their_inode_and_a_unix_socket_what_is_in_flight() {
    let info = FdInfo::decode(captured!("linux-6.18__proc_pid_fdinfo_tcp")).unwrap();
    assert_eq!(info, FdInfo { inode: Some(1_222_540), scm_fds: None, user_files: None });
    let info = FdInfo::decode(captured!("linux-6.18__proc_pid_fdinfo_unix")).unwrap();
    assert_eq!(info, FdInfo { inode: Some(1_222_520), scm_fds: Some(1), user_files: None });
}

#[test]
fn a_captured_ring_has_its_registered_files() {
    let info = FdInfo::decode(captured!("linux-6.18__proc_pid_fdinfo_io_uring")).unwrap();
    assert_eq!(info.inode, Some(1_303_530));
    assert_eq!(info.user_files.as_ref().unwrap().slots, 6);
    let files = files(&info);
    let file = |index, name| UserFile { index, name };
    let expected = [
        file(0, &b"socket:[1303531]"[..]),
        file(2, b"socket:[1303532]"),
        file(3, br"/tmp/netstat-fixture/new\012line\040socket:[1]"),
        file(4, br"/tmp/netstat-fixture/gone\040(deleted)"),
    ];
    assert_eq!(files, expected);
    let inodes: Vec<_> = files.iter().filter_map(|file| socket_inode(file.name)).collect();
    assert_eq!(inodes, [1_303_531, 1_303_532]);
}

#[test]
fn a_ring_of_an_old_kernel_has_names_without_inodes() {
    let info = FdInfo::decode(captured!("linux-5.15__proc_pid_fdinfo_io_uring")).unwrap();
    assert_eq!((info.inode, info.user_files.as_ref().unwrap().slots), (None, 4));
    let file = |index, name| UserFile { index, name };
    // The second is a regular file, which these lines do not show.
    assert_eq!(files(&info), [file(0, &b"TCP"[..]), file(2, b"socket:[1]")]);
}

#[test]
fn a_ring_in_use_has_slots_and_no_files() {
    let info = FdInfo::decode(b"UserFiles:\t3\nUserBufs:\t0\n    0: 0x1/2\n").unwrap();
    assert_eq!((info.user_files.as_ref().unwrap().slots, files(&info)), (3, vec![]));
    let info = FdInfo::decode(b"pos:\t0\nino:\t7\nSqMask:\t0x3\n").unwrap();
    assert_eq!(info, FdInfo { inode: Some(7), scm_fds: None, user_files: None });
}

#[test]
fn lines_before_the_files_cannot_be_mistaken_for_them() {
    // Entries of the queues, which are indented too.
    let text = b"SQEs:\t1\n    0: opcode:NOP, fd:-1\nCQEs:\t1\n    1: user_data:1, res:0\nUserFiles:\t1\n    0: socket:[9]\n";
    let info = FdInfo::decode(text).unwrap();
    assert_eq!(files(&info), [UserFile { index: 0, name: b"socket:[9]" }]);
    // A file's name that looks like another field is a name.
    let info = FdInfo::decode(b"UserFiles:\t2\n    0: ino:\n    1: x\nino:\t7\n").unwrap();
    assert_eq!((info.inode, files(&info).len()), (None, 2));
}

#[test]
fn a_malformed_number_is_an_error_with_its_place() {
    for (text, error) in [
        ("ino:\tx\n", "malformed ino at offset 0"),
        ("pos:\t0\nino:\t\n", "malformed ino at offset 7"),
        ("scm_fds: -1\n", "malformed scm_fds at offset 0"),
        ("UserFiles:\t4294967296\n", "malformed UserFiles at offset 0"),
    ] {
        let read = FdInfo::decode(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(read, format!("/proc/PID/fdinfo: {error}"), "{text:?}");
    }
}

#[test]
fn text_cut_at_any_byte_has_less_and_nothing_else() {
    for text in [
        captured!("linux-6.18__proc_pid_fdinfo_io_uring"),
        captured!("linux-6.18__proc_pid_fdinfo_unix"),
        captured!("linux-5.15__proc_pid_fdinfo_io_uring"),
    ] {
        let whole = FdInfo::decode(text).unwrap();
        for cut in 0..text.len() {
            let read = FdInfo::decode(&text[..cut]).unwrap();
            assert!(read.inode.is_none_or(|inode| Some(inode) == whole.inode), "cut at {cut}");
            assert!(read.scm_fds.is_none_or(|count| Some(count) == whole.scm_fds), "cut at {cut}");
            assert!(files(&whole).starts_with(&files(&read)), "cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_or_an_error(bytes in any::<Vec<u8>>()) {
        let text = [b"UserFiles:\t9\n", &bytes[..]].concat();
        for text in [&bytes, &text] {
            if let Ok(info) = FdInfo::decode(text) {
                prop_assert!(files(&info).len() <= text.len());
            }
        }
    }

    #[test]
    fn files_are_read_as_they_were_printed(
        slots in proptest::collection::vec(proptest::option::of("[^\n]{0,40}"), 0..8), old in any::<bool>(),
    ) {
        let slots: Vec<_> = slots.into_iter().map(|name| name.filter(|name| name != "<none>")).collect();
        let mut text = format!("pos:\t0\nUserFiles:\t{}\n", slots.len());
        let mut expected = Vec::new();
        for (index, name) in slots.iter().enumerate() {
            match name {
                Some(name) => {
                    text += &format!("{index:5}: {name}\n");
                    expected.push(UserFile { index: index.try_into().unwrap(), name: name.as_bytes() });
                }
                None if old => text += &format!("{index:5}: <none>\n"),
                None => {}
            }
        }
        text += "UserBufs:\t1\n    0: 0x0/1\n";
        let info = FdInfo::decode(text.as_bytes()).unwrap();
        prop_assert_eq!(files(&info), expected);
    }
}
