//! `/proc/PID/net/unix`: a unix socket a line, and names that break lines.
#![allow(clippy::unwrap_used)]

mod common;

use netstat_wire::linux::proc_net_unix::*;
use proptest::prelude::*;

const HEADINGS: &str = "Num       RefCount Protocol Flags    Type St Inode Path\n";
const LISTENER: &str = "0000000086f34c31: 00000002 00000000 00010000 0001 01 1222512 /run/listener\n";
const UNNAMED: &str = "00000000d163eb4b: 00000003 00000000 00000000 0001 03 1222515\n";

fn read(text: &[u8]) -> Vec<ProcNetUnix<'_>> {
    ProcNetUnixLines::new(text).map(Result::unwrap).collect()
}

fn names(sockets: &[ProcNetUnix<'_>]) -> Vec<Option<String>> {
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    sockets.iter().map(|socket| socket.name.map(name)).collect()
}

fn captured() -> &'static [u8] {
    common::parse_lines(include_str!("fixtures/linux-6.18__proc_net_unix.txt")).unwrap().as_bytes()
}

#[test]
fn captured_sockets_are_read_in_full() {
    let sockets = read(captured());
    // 20 of the kernel and one forged by a name.
    assert_eq!(sockets.len(), 21);
    let listener = ProcNetUnix {
        ref_count: 2,
        flags: SO_ACCEPTCON,
        kind: 1,
        state: SS_UNCONNECTED,
        inode: 1_222_512,
        name: Some(b"/tmp/netstat-fixture/listener"),
        may_be_forged: false,
    };
    assert_eq!(sockets[0], listener);
    let of = |inode| sockets.iter().find(|socket| socket.inode == inode).unwrap();
    assert_eq!((of(1_222_518).state, of(1_222_518).name), (SS_CONNECTED, sockets[1].name));
    assert_eq!((of(1_222_515).kind, of(1_222_515).name), (1, None));
    let waiting: Vec<_> = sockets.iter().filter(|socket| socket.inode == 0).collect();
    assert_eq!(waiting.len(), 3);
    assert!(waiting.iter().all(|socket| socket.state == SS_CONNECTING && socket.name == listener.name));
}

#[test]
fn captured_names_keep_their_newlines() {
    let sockets = read(captured());
    let name = |inode| sockets.iter().find(|socket| socket.inode == inode).unwrap().name.unwrap();
    assert_eq!(name(1_222_523), b"/tmp/netstat-fixture/two\nlines");
    assert_eq!(name(1_222_521), b"@netstat-fixture@with NUL\nand newline");
    assert_eq!(name(1_222_524), b"@relative");
    assert_eq!(name(1_222_527).len(), 108);
}

#[test]
fn a_captured_line_that_a_name_forges_is_marked() {
    let sockets = read(captured());
    let forged: Vec<_> = sockets.iter().filter(|socket| socket.inode == 4242).collect();
    assert_eq!(forged.len(), 1);
    assert!(forged[0].may_be_forged);
    assert_eq!(forged[0].name, Some(&b"/run/forged"[..]));
    // Text after a name that is long enough can only be the kernel's.
    let index = sockets.iter().position(|socket| socket.inode == 1_222_527).unwrap();
    assert!(!sockets[index + 1].may_be_forged);
}

#[test]
fn a_line_that_does_not_fit_the_name_before_is_not_marked() {
    for (length, forged) in [(1, true), (33, true), (34, false), (108, false)] {
        let name = "n".repeat(length);
        let text = format!("{HEADINGS}{}{name}\n{LISTENER}", LISTENER.replace("/run/listener\n", ""));
        let sockets = read(text.as_bytes());
        assert_eq!(sockets[1].may_be_forged, forged, "{length}");
        assert_eq!(LISTENER.len() + 33, 108);
    }
    let text = [HEADINGS, UNNAMED, LISTENER].concat();
    assert!(!read(text.as_bytes())[1].may_be_forged);
}

#[test]
fn two_lines_that_one_name_forges_are_both_marked() {
    // Short pointers, as a machine of 32 bits prints them.
    let forged = "00000000: 00000002 00000000 00000000 0001 01     7\n";
    let text = [LISTENER.replace("/run/listener", "@x").as_str(), forged, forged, UNNAMED].concat();
    let sockets = read(text.as_bytes());
    let marks: Vec<_> = sockets.iter().map(|socket| socket.may_be_forged).collect();
    assert_eq!(marks, [false, true, true, false]);
}

#[test]
fn lines_that_are_no_sockets_belong_to_the_name_before() {
    let text = [LISTENER, "\n", "a\n", "\n", UNNAMED].concat();
    let sockets = read(text.as_bytes());
    assert_eq!(names(&sockets), [Some("/run/listener\n\na\n".to_owned()), None]);
}

#[test]
fn a_line_that_fits_no_name_is_an_error_and_the_next_is_read() {
    let text = [UNNAMED, "x\n", LISTENER].concat();
    let read: Vec<_> = ProcNetUnixLines::new(text.as_bytes()).collect();
    assert_eq!(read.len(), 3);
    let error = read[1].unwrap_err().to_string();
    assert_eq!(error, "/proc/PID/net/unix: malformed Num at offset 61");
    assert_eq!((read[0].unwrap().inode, read[2].unwrap().inode), (1_222_515, 1_222_512));
    // Longer than any name.
    let text = [LISTENER, &"n".repeat(95), "\n", LISTENER].concat();
    let read: Vec<_> = ProcNetUnixLines::new(text.as_bytes()).collect();
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(read[0].unwrap().name, Some(&b"/run/listener"[..]));
}

#[test]
fn the_headings_alone_are_no_socket() {
    assert_eq!(read(HEADINGS.as_bytes()), []);
    assert_eq!(read(b""), []);
    assert_eq!(read(b"Num "), []);
}

#[test]
fn a_hidden_pointer_is_accepted() {
    let text = LISTENER.replace("0000000086f34c31", "(____ptrval____)");
    assert_eq!(read(text.as_bytes())[0].inode, 1_222_512);
}

#[test]
fn columns_that_the_kernel_would_print_otherwise_are_refused() {
    for (from, to, error) in [
        ("0000000086f34c31: ", ": ", "malformed Num at offset 0"),
        ("0000000086f34c31:", "0 0:", "malformed Num at offset 0"),
        (" 00000002", " 2", "malformed RefCount at offset 17"),
        (" 00000000 ", " 0000000g ", "malformed Protocol at offset 26"),
        (" 00010000", " 0001000a", "malformed Flags at offset 35"),
        (" 0001 01", " 01 01", "malformed Type at offset 44"),
        (" 01 1222512", " 1 1222512", "malformed St at offset 49"),
        (" 1222512", "  1222512", "malformed Inode at offset 52"),
        (" 1222512", " 01222512", "malformed Inode at offset 52"),
        (" 1222512 ", " 12 ", "malformed Inode at offset 52"),
        (" /run/listener", "x", "malformed Path at offset 60"),
    ] {
        let text = LISTENER.replacen(from, to, 1);
        assert_ne!(text, LISTENER);
        let read: Vec<_> = ProcNetUnixLines::new(text.as_bytes()).collect();
        assert_eq!(read[0].unwrap_err().to_string(), format!("/proc/PID/net/unix: {error}"), "{text:?}");
    }
}

#[test]
fn text_cut_at_any_byte_has_whole_sockets_and_one_error() {
    let text = captured();
    let whole = read(text);
    for cut in 0..text.len() {
        let sockets: Vec<_> = ProcNetUnixLines::new(&text[..cut]).collect();
        let errors = sockets.iter().filter(|socket| socket.is_err()).count();
        assert!(errors <= 1, "cut at {cut}");
        let (last, before) = match sockets.split_last() {
            Some((Err(_), before)) => (before.last(), before),
            _ => (sockets.last(), &sockets[..]),
        };
        // A name of several lines may have lost the last ones; everything else is complete.
        let count = before.len();
        for (socket, expected) in before[..count.saturating_sub(1)].iter().zip(&whole) {
            assert_eq!(socket, &Ok(*expected), "cut at {cut}");
        }
        if let Some(last) = last {
            let (last, expected) = (last.unwrap(), whole[count - 1]);
            let name = expected.name.unwrap_or_default();
            assert!(name.starts_with(last.name.unwrap_or_default()), "cut at {cut}");
            assert_eq!(ProcNetUnix { name: None, ..last }, ProcNetUnix { name: None, ..expected });
        }
    }
}

/// A name as the kernel prints it: without NUL, not empty.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'\n'), Just(b' '), Just(b'0'), Just(b':'), 1_u8..];
    proptest::collection::vec(byte, 1..=108)
}

fn print(ref_count: u32, flags: u32, kind: u16, state: u8, inode: u64, name: Option<&[u8]>) -> Vec<u8> {
    let mut line =
        format!("0123456789abcdef: {ref_count:08X} 00000000 {flags:08X} {kind:04X} {state:02X} {inode:5}")
            .into_bytes();
    if let Some(name) = name {
        line.push(b' ');
        line.extend(name);
    }
    line.push(b'\n');
    line
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_sockets_or_errors(bytes in any::<Vec<u8>>(), at in 0_usize..200) {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        prop_assert!(ProcNetUnixLines::new(&bytes).count() <= lines);
        let mut text = [LISTENER, UNNAMED, LISTENER].concat().into_bytes();
        text.splice(at.min(text.len()).., bytes);
        prop_assert!(ProcNetUnixLines::new(&text).count() <= text.len());
    }

    #[test]
    fn sockets_are_read_as_they_were_printed(
        sockets in proptest::collection::vec((any::<(u32, u32, u16, u8, u64)>(), proptest::option::of(name())), 0..6),
    ) {
        let mut text = HEADINGS.as_bytes().to_vec();
        for ((ref_count, flags, kind, state, inode), name) in &sockets {
            text.extend(print(*ref_count, *flags, *kind, *state, *inode, name.as_deref()));
        }
        let read: Vec<_> = ProcNetUnixLines::new(&text).collect();
        // Names of random bytes forge nothing.
        prop_assert_eq!(read.len(), sockets.len());
        for (read, ((ref_count, flags, kind, state, inode), name)) in read.into_iter().zip(&sockets) {
            let read = read.unwrap();
            let expected = ProcNetUnix {
                ref_count: *ref_count, flags: *flags, kind: *kind, state: *state, inode: *inode,
                name: name.as_deref(), may_be_forged: read.may_be_forged,
            };
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn whatever_a_name_forges_is_marked(
        before in "[@/a-z\n]{1,20}", after in "[ /a-z\n]{0,16}", inode in any::<u16>(),
    ) {
        let forged = print(2, 0, 1, 1, inode.into(), None);
        let name = [before.as_bytes(), b"\n", &forged[..forged.len() - 1], after.as_bytes()].concat();
        prop_assert!(name.len() <= 108);
        let text = [&print(2, 0, 2, 1, 7_000_000, Some(&name))[..], LISTENER.as_bytes()].concat();
        for socket in ProcNetUnixLines::new(&text).flatten() {
            let real = [7_000_000, 1_222_512].contains(&socket.inode);
            prop_assert!(real || socket.may_be_forged, "{:?}", socket);
        }
    }
}

#[test]
fn name_that_forges_a_line_after_one_that_is_no_socket_is_marked() {
    // Found by fuzzing: the name of the first socket has a forged line, one that is no socket, and another forged line.
    let name = b"Nu~e\n\x0e\x1a04: 00000003 00000000 00000000 0091 03 1222520\n0Nu~e\n\x0e\x1a04: 00000003 00000000 \
        00000000 0091 03 1222520";
    let name = &name[..name.len().min(108)];
    let text = [UNNAMED.trim_end().as_bytes(), b" ", name, b"\n", UNNAMED.as_bytes()].concat();
    let lines: Vec<_> = ProcNetUnixLines::new(&text).collect();
    let (last, before) = lines.split_last().unwrap();
    assert_eq!(last.unwrap().inode, 1_222_515);
    let is_marked =
        |line: &Result<ProcNetUnix<'_>, _>| line.is_err() || line.is_ok_and(|it| it.may_be_forged);
    assert!(before.len() > 2 && before[1..].iter().all(is_marked), "{before:?}");
}
