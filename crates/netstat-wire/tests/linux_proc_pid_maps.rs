//! `/proc/PID/maps`: one line a mapping, sockets among them.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_pid_maps::Mapping;
use proptest::prelude::*;

const LINE: &str =
    "7f7606c8d000-7f7606c8f000 r--s 00000000 00:09 1303528                    socket:[1303528]\n";

fn captured() -> Vec<Mapping<'static>> {
    let text = common::parse_lines(include_str!("fixtures/linux-6.18__proc_pid_maps.txt")).unwrap();
    text.split_inclusive('\n').map(|line| Mapping::decode(line.as_bytes()).unwrap()).collect()
}

#[test]
fn a_captured_process_has_one_socket_mapped() {
    let mappings = captured();
    let sockets: Vec<_> = mappings.iter().filter_map(Mapping::socket_inode).collect();
    assert_eq!(sockets, [1_303_528]);
}

#[test]
fn captured_names_are_kept_as_they_are_printed() {
    let mappings = captured();
    assert_eq!(mappings.len(), 17);
    let names: Vec<_> = mappings.iter().map(|mapping| str::from_utf8(mapping.name).unwrap()).collect();
    for name in [
        "",
        "[heap]",
        "/dev/zero (deleted)",
        "/tmp/netstat-fixture/gone (deleted)",
        r"/tmp/netstat-fixture/new\012line socket:[1]",
        "socket:[1303528]",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(mappings[0], Mapping { inode: 2, name: b"/tmp/netstat-fixture/holder" });
    assert_eq!(mappings[5], Mapping { inode: 0, name: b"" });
}

#[test]
fn a_socket_has_the_same_inode_in_both_columns() {
    for (from, to) in [
        (" 1303528 ", " 1303529 "),
        ("socket:[1303528]", "[anon:socket:[1303528]]"),
        ("socket:[1303528]", "/socket:[1303528]"),
        ("socket:[1303528]", "socket:[1303528] (deleted)"),
    ] {
        let line = LINE.replacen(from, to, 1);
        assert_ne!(line, LINE, "{from}");
        assert_eq!(Mapping::decode(line.as_bytes()).unwrap().socket_inode(), None, "{line}");
    }
}

#[test]
fn a_line_cut_at_any_byte_is_an_error() {
    assert_eq!(Mapping::decode(LINE.as_bytes()).unwrap().socket_inode(), Some(1_303_528));
    for cut in 0..LINE.len() {
        assert!(Mapping::decode(&LINE.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_malformed_column_is_an_error_that_names_it() {
    let error = |line: &str| Mapping::decode(line.as_bytes()).unwrap_err().to_string();
    assert_eq!(error("\n"), "/proc/PID/maps: malformed address at offset 0");
    assert_eq!(error("1-2 r--p\n"), "/proc/PID/maps: malformed offset at offset 8");
    assert_eq!(error("1-2 r--p 0 0:0 x \n"), "/proc/PID/maps: malformed inode at offset 14");
    assert_eq!(error("1-2 r--p 0 0:0 1 x"), "/proc/PID/maps: no newline at offset 16");
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_a_mapping_or_an_error(bytes in any::<Vec<u8>>(), at in 0_usize..100) {
        let _ = Mapping::decode(&bytes);
        let mut text = LINE.as_bytes().to_vec();
        text.splice(at.min(text.len()).., bytes);
        let _ = Mapping::decode(&text);
    }

    #[test]
    fn a_mapping_is_read_as_it_was_printed(inode in any::<u64>(), name in "([^ \n][^\n]{0,40})?") {
        let start = "7f7606c8d000-7f7606c8f000 r--s 00000000 00:09 ";
        let line = match name.is_empty() {
            true => format!("{start}{inode} \n"),
            false => format!("{:<73}{name}\n", format!("{start}{inode} ")),
        };
        prop_assert_eq!(Mapping::decode(line.as_bytes()), Ok(Mapping { inode, name: name.as_bytes() }));
        let line = format!("{:<73}socket:[{inode}]\n", format!("{start}{inode} "));
        prop_assert_eq!(Mapping::decode(line.as_bytes()).unwrap().socket_inode(), Some(inode));
    }
}
