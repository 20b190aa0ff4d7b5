//! Tests of the fixtures: each has a complete heading, and the loader refuses one that has not.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::Path};

const HEADING: &str = "# source: here\n# command: none\n# kernel: any\n# date: 2026-01-01\n\
                       # byte order: little endian\n# pointer width: 64 bits\n";

#[test]
fn every_fixture_has_a_heading_and_nothing_but_hex_or_lines() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let Ok(entries) = fs::read_dir(&directory) else {
        common::skipped("this run has no source tree");
        return;
    };
    let mut seen = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let is_lines = path.extension().is_some_and(|extension| extension == "txt");
        let bytes = match is_lines {
            true => common::parse_lines(&text).map(|lines| lines.as_bytes().to_vec()),
            false => common::parse(&text),
        };
        assert!(bytes.as_ref().is_ok_and(|bytes| !bytes.is_empty()), "{}: {bytes:?}", path.display());
        seen += 1;
    }
    assert_ne!(seen, 0);
}

#[test]
fn comments_and_line_ends_carry_no_bytes() {
    let text = format!("{HEADING}\n01 ff # a field 02\n\n# 03\n0A\n");
    assert_eq!(common::parse(&text), Ok(vec![1, 255, 10]));
}

#[test]
fn a_fixture_that_lacks_a_line_of_the_heading_is_refused() {
    assert!(common::parse("01 02\n").is_err());
    for missing in HEADING.lines() {
        let text = format!("{HEADING}\n01\n").replace(&format!("{missing}\n"), "");
        let key = missing.split(':').next().unwrap();
        assert!(common::parse(&text).unwrap_err().contains(key), "{missing}");
        let empty = format!("{HEADING}\n01\n").replace(missing, &format!("{key}: "));
        assert!(common::parse(&empty).is_err(), "{missing}");
    }
}

#[test]
fn a_heading_after_the_first_byte_does_not_count() {
    assert!(common::parse(&format!("01\n{HEADING}")).is_err());
}

#[test]
fn what_is_not_two_hex_digits_is_refused() {
    for word in ["1", "001", "0x", "+1", "zz", "é"] {
        assert!(common::parse(&format!("{HEADING}\n{word}\n")).is_err(), "{word}");
    }
}

#[test]
fn lines_after_the_heading_are_kept_as_they_are() {
    let text = format!("{HEADING}  sl\n   0: # x \n");
    assert_eq!(common::parse_lines(&text), Ok("  sl\n   0: # x \n"));
    assert!(common::parse_lines("  sl\n").is_err());
}
