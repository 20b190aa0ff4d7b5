//! Entries of directories, as getdents64(2) leaves them.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::dirent64::Names;
use proptest::prelude::*;

const NAMES: [&str; 10] = [".", "..", "0", "1", "2", "3", "7", "10", "251", "1234"];

fn captured() -> Vec<u8> {
    common::parse(include_str!("fixtures/linux-6.18__getdents64_proc_pid_fd.hex")).unwrap()
}

fn names(bytes: &[u8]) -> Vec<String> {
    Names::new(bytes)
        .map(|name| name.map_or_else(|error| error.to_string(), |name| name.to_str().unwrap().into()))
        .collect()
}

/// Header and name of an entry that says it is so long.
fn entry(length: u16, name: &[u8]) -> Vec<u8> {
    [&[0; 16][..], &length.to_ne_bytes(), &[4], name].concat()
}

#[test]
fn captured_entries_have_their_names_in_order() {
    if !common::little_endian() {
        return;
    }
    assert_eq!(names(&captured()), NAMES);
    assert_eq!(names(&[]), [""; 0]);
}

#[test]
fn entries_cut_at_any_byte_are_the_whole_ones_and_one_error() {
    if !common::little_endian() {
        return;
    }
    let bytes = captured();
    for cut in 0..bytes.len() {
        let names = names(&bytes[..cut]);
        // All of these entries have 24 bytes.
        let whole = cut / 24;
        assert_eq!(names[..whole], NAMES[..whole], "cut at {cut}");
        assert_eq!(names.len(), whole + usize::from(cut % 24 != 0), "cut at {cut}");
        if let Some(error) = names.get(whole) {
            assert!(error.starts_with("linux_dirent64: "), "{error}");
        }
    }
}

#[test]
fn a_length_that_cannot_be_is_an_error_and_ends_the_list() {
    let good = entry(24, b"ab\0\0\0");
    for (length, name, error) in [
        (0, &b"ab\0\0\0"[..], "no end of the name at offset 19"),
        (18, b"ab\0\0\0", "no end of the name at offset 19"),
        (19, b"ab\0\0\0", "no end of the name at offset 19"),
        (21, b"ab\0\0\0", "no end of the name at offset 19"),
        (24, b"abcde", "no end of the name at offset 19"),
        (49, b"ab\0\0\0", "49 bytes needed at offset 0, 48 there"),
    ] {
        let bytes = [entry(length, name), good.clone()].concat();
        assert_eq!(names(&bytes), [format!("linux_dirent64: {error}")], "{length}");
        // What stands before it is told.
        assert_eq!(names(&[good.clone(), bytes].concat())[0], "ab");
    }
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_read_without_panic_and_to_an_end(bytes: Vec<u8>) {
        prop_assert!(Names::new(&bytes).count() <= bytes.len());
    }
}
