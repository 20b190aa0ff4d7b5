//! `/proc/PID/stat`, in which only the name is hard to decode.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::linux::proc_pid_stat::Stat;
use proptest::prelude::*;

/// Fields 5 to 21, with the spaces around them.
const BETWEEN: &str = " 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 ";

fn text(pid: u32, comm: &[u8], state: char, ppid: u32, start: u64) -> Vec<u8> {
    let head = format!("{pid} (");
    let tail = format!(") {state} {ppid}{BETWEEN}{start} 4096 18446744073709551615 0\n");
    [head.as_bytes(), comm, tail.as_bytes()].concat()
}

#[test]
fn a_captured_process_has_its_hostile_name_byte_for_byte() {
    let expected = Stat {
        pid: 4816,
        comm: b"a) S 1\n\\n \xff(".to_vec(),
        state: b'R',
        ppid: 4770,
        session: 2273,
        start_time_ticks: 111_829,
        start_stack: Some(140_724_671_489_552),
    };
    assert_eq!(Stat::decode(&fixture!("linux-6.18__proc_pid_stat_hostile_name")), Ok(expected));
}

#[test]
fn a_name_like_the_rest_of_the_line_does_not_move_the_fields() {
    for comm in ["", "(", ")", ")) R 1 (", "a) Z 9 9 9 9", "x\ny) R", "kworker/u16:0+events_unbound"] {
        let stat = Stat::decode(&text(7, comm.as_bytes(), 'S', 1, 99)).unwrap();
        assert_eq!((stat.pid, &stat.comm[..], stat.state), (7, comm.as_bytes(), b'S'));
        assert_eq!((stat.ppid, stat.start_time_ticks), (1, 99));
    }
}

#[test]
fn a_text_cut_at_any_byte_is_an_error_until_the_start_time_is_whole() {
    let whole = text(12, b"name", 'S', 34, 56);
    let stat = Stat::decode(&whole).unwrap();
    let end = whole.len() - b"4096 18446744073709551615 0\n".len();
    for cut in 0..whole.len() {
        let read = Stat::decode(&whole[..cut]);
        if cut < end {
            assert!(read.is_err(), "cut at {cut}");
        } else {
            assert_eq!(read, Ok(stat.clone()), "cut at {cut}");
        }
    }
}

#[test]
fn start_of_the_stack_is_known_to_privileged_readers_only() {
    let with = |stack: &str| {
        let known = text(1, b"x", 'S', 0, 1);
        let known = known.strip_suffix(b"\n").unwrap();
        Stat::decode(&[known, b" 1 1 ", stack.as_bytes()].concat()).unwrap().start_stack
    };
    assert_eq!(with("140723000000000 0 0"), Some(140_723_000_000_000));
    // Another user's process; a truncated text.
    assert_eq!((with("0 0 0"), with("14072"), with("x 0")), (None, None, None));
}

#[test]
fn a_state_unknown_to_this_crate_is_returned_unchanged() {
    assert_eq!(Stat::decode(&text(1, b"x", '?', 0, 1)).unwrap().state, b'?');
}

#[test]
fn a_malformed_field_is_an_error_that_names_it_and_its_place() {
    for (text, error) in [
        ("", "malformed pid at offset 0"),
        ("x (a) S 1 ", "malformed pid at offset 2"),
        ("4294967296 (a) S 1 ", "malformed pid at offset 11"),
        ("1 a) S 1 ", "malformed comm at offset 3"),
        ("1 (a S 1 ", "malformed comm at offset 2"),
        ("1 )a( S 1 ", "malformed comm at offset 2"),
        ("1 (a)S 1 ", "malformed comm at offset 6"),
        ("1 (a) SS 1 ", "malformed state at offset 9"),
        ("1 (a)  1 ", "malformed state at offset 7"),
        ("1 (a) S -1 ", "malformed ppid at offset 11"),
        ("1 (a) S 1 2 3", "malformed session at offset 12"),
        ("1 (a) S 1 2 x ", "malformed session at offset 14"),
        ("1 (a) S 1 2 3 4", "malformed line at offset 14"),
    ] {
        let read = Stat::decode(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(read, format!("/proc/PID/stat: {error}"), "{text:?}");
    }
}

#[test]
fn session_of_a_process_that_is_ending_is_none() {
    let text = b"1 (x) Z 1 -1 -1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7 0 ";
    assert_eq!(Stat::decode(text).unwrap().session, 0);
}

#[test]
fn fields_after_the_last_known_one_are_skipped() {
    let known = text(1, b"x", 'S', 0, 1);
    assert_eq!(Stat::decode(&[&known[..], b"0 new 0\n"].concat()), Stat::decode(&known));
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_process_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = Stat::decode(&bytes);
        let _ = Stat::decode(&[b"1 (", &bytes[..]].concat());
        let _ = Stat::decode(&[b"1 (x) ", &bytes[..]].concat());
    }

    #[test]
    fn a_process_is_read_as_it_was_written(
        pid in any::<u32>(), comm in prop::collection::vec(1_u8.., 0..64), ppid in any::<u32>(),
        start in any::<u64>(),
    ) {
        let expected = Stat { pid, comm: comm.clone(), state: b'Z', ppid, session: 1, start_time_ticks: start, start_stack: None };
        prop_assert_eq!(Stat::decode(&text(pid, &comm, 'Z', ppid, start)), Ok(expected));
    }
}
