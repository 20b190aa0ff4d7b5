//! `/proc/PID/cmdline`, as the process was started and as processes overwrite it.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::linux::proc_pid_cmdline::arguments;
use proptest::prelude::*;

#[test]
fn a_captured_command_keeps_its_empty_argument_inside_and_loses_the_one_at_the_end() {
    let text = fixture!("linux-6.18__proc_pid_cmdline_empty_arguments");
    assert_eq!(arguments(&text), [&b"sh"[..], b"-c", b"kill -STOP $$", b"", b"a b"]);
}

#[test]
fn a_process_without_memory_has_no_arguments() {
    assert!(arguments(b"").is_empty());
}

#[test]
fn nothing_but_padding_is_no_argument() {
    for text in ["\0", "\0\0\0", " ", "   \0\0"] {
        assert!(arguments(text.as_bytes()).is_empty(), "{text:?}");
    }
}

#[test]
fn one_argument_is_one_with_its_nul_or_without() {
    for text in ["init", "init\0", "init\0\0\0"] {
        assert_eq!(arguments(text.as_bytes()), [b"init"], "{text:?}");
    }
}

#[test]
fn a_title_is_one_argument_without_its_padding() {
    for padding in ["", "\0", "\0\0\0\0", "    ", "    \0\0"] {
        let text = format!("nginx: worker process{padding}");
        assert_eq!(arguments(text.as_bytes()), [b"nginx: worker process"], "{padding:?}");
    }
}

#[test]
fn spaces_that_are_arguments_are_kept() {
    assert_eq!(arguments(b"echo\0 \0a \0"), [&b"echo"[..], b" ", b"a "]);
}

#[test]
fn a_first_argument_that_is_empty_is_kept() {
    assert_eq!(arguments(b"\0a\0"), [&b""[..], b"a"]);
}

#[test]
fn a_text_cut_at_any_byte_has_the_first_arguments_and_part_of_one() {
    let text = b"first\0second\0third\0";
    let whole = arguments(text);
    for cut in 0..text.len() {
        let read = arguments(&text[..cut]);
        let Some((last, before)) = read.split_last() else {
            continue;
        };
        assert_eq!(before, &whole[..before.len()], "cut at {cut}");
        assert!(whole[before.len()].starts_with(last), "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_split_and_none_but_padding_is_lost(bytes in any::<Vec<u8>>()) {
        let joined = arguments(&bytes).join(&0);
        let (kept, padding) = bytes.split_at(joined.len());
        prop_assert_eq!(kept, joined);
        prop_assert!(padding.iter().all(|byte| matches!(byte, 0 | b' ')));
    }

    #[test]
    fn arguments_are_read_as_they_were_written(
        written in prop::collection::vec(prop::collection::vec(1_u8.., 1..20), 2..10),
    ) {
        let text: Vec<u8> = written.iter().flat_map(|argument| argument.iter().copied().chain([0])).collect();
        prop_assert_eq!(arguments(&text), written);
    }
}
