//! `/proc/PID/net/unix`: the text of a table, with names that break lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net_unix::ProcNetUnixLines;

const SOCKET: &[u8] = b"0000000086f34c31: 00000002 00000000 00010000 0001 01 1222512\n";

fuzz_target!(|text: &[u8]| {
    let read: Vec<_> = ProcNetUnixLines::new(text).collect();
    assert!(read.len() <= text.split_inclusive(|byte| *byte == b'\n').count());
    // The first line cannot be part of a name.
    assert!(
        read.first().is_none_or(|first| first.is_err() || first.is_ok_and(|socket| !socket.may_be_forged))
    );
    // Lines that the kernel prints afterwards are decoded, whatever came before.
    if text.ends_with(b"\n") {
        let longer = [text, SOCKET].concat();
        let longer: Vec<_> = ProcNetUnixLines::new(&longer).collect();
        let (last, before) = longer.split_last().expect("one at least");
        assert_eq!(last.expect("a socket").inode, 1_222_512);
        assert_eq!(before, read);
    }
    named(text);
});

/// Whatever name a socket has, it can only forge lines that are marked.
fn named(name: &[u8]) {
    let name = &name[..name.len().min(108)];
    let text = [&SOCKET[..SOCKET.len() - 1], b" ", name, b"\n", SOCKET].concat();
    let read: Vec<_> = ProcNetUnixLines::new(&text).collect();
    let last = read.len() - 1;
    assert!(last >= 1);
    for (index, socket) in read.iter().enumerate().skip(1) {
        let forged = socket.is_err() || socket.is_ok_and(|socket| socket.may_be_forged);
        assert!(forged || index == last);
    }
    if last == 1 {
        assert_eq!(read[0].expect("a socket").name, Some(name));
    }
}
