//! `/proc/PID/status`, of which the users are read.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::linux::proc_pid_status::Status;
use proptest::prelude::*;

const FOUR: Status = Status { uid_real: 1000, uid_effective: 1001, uid_saved: 1002, uid_filesystem: 1003 };

#[test]
fn a_captured_process_has_its_four_users() {
    assert_eq!(Status::decode(&fixture!("linux-6.18__proc_pid_status_four_uids")), Ok(FOUR));
}

#[test]
fn a_captured_text_cut_at_any_byte_is_an_error_until_the_line_is_whole() {
    let whole = fixture!("linux-6.18__proc_pid_status_four_uids");
    let line = b"Uid:\t1000\t1001\t1002\t1003\n";
    let end = whole.windows(line.len()).position(|window| window == line).unwrap() + line.len();
    for cut in 0..whole.len() {
        let read = Status::decode(&whole[..cut]);
        assert_eq!(read.ok(), (cut >= end).then_some(FOUR), "cut at {cut}");
    }
}

#[test]
fn the_key_counts_only_at_the_start_of_a_line() {
    for before in ["", "Name:\tUid:\t0\t0\t0\t0\n", "Name:\tx\\nUid:\t0\t0\t0\t0\n", "xUid:\t0\t0\t0\t0\n"] {
        let text = format!("{before}Uid:\t1000\t1001\t1002\t1003\nGid:\t0\t0\t0\t0\n");
        assert_eq!(Status::decode(text.as_bytes()), Ok(FOUR), "{before:?}");
    }
}

#[test]
fn fields_after_the_fourth_are_passed_over() {
    assert_eq!(Status::decode(b"Uid:\t1000\t1001\t1002\t1003\t9\n"), Ok(FOUR));
}

#[test]
fn a_malformed_line_is_an_error_at_its_place() {
    for line in
        ["Uid:\t1\t2\t3\n", "Uid:\t1\t2\t3\tx\n", "Uid:\t1\t2\t3\t4294967296\n", "Uid:\t1 2 3 4\n", "Uid:\t"]
    {
        let error = Status::decode(format!("Name:\tx\n{line}").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "/proc/PID/status: malformed line Uid at offset 8", "{line:?}");
    }
}

#[test]
fn a_text_without_the_line_is_an_error() {
    for text in ["", "Name:\tx\n", "Name:\tUid:\t1\t2\t3\t4\n", "Uid: 1 2 3 4\n", "uid:\t1\t2\t3\t4\n"] {
        let error = Status::decode(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("/proc/PID/status: no line Uid at offset {}", text.len()));
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_users_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = Status::decode(&bytes);
        let _ = Status::decode(&[b"Uid:\t", &bytes[..], b"\n"].concat());
    }

    #[test]
    fn users_are_read_as_they_were_written(uids in any::<[u32; 4]>()) {
        let [real, effective, saved, filesystem] = uids;
        let text = format!("Name:\tx\nUid:\t{real}\t{effective}\t{saved}\t{filesystem}\nGid:\t0\n");
        let expected =
            Status { uid_real: real, uid_effective: effective, uid_saved: saved, uid_filesystem: filesystem };
        prop_assert_eq!(Status::decode(text.as_bytes()), Ok(expected));
    }
}
