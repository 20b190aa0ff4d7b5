//! Processes whose names break careless parsers, and processes that others may not read.

use crate::child::Child;
use crate::facts::Made;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::io;

/// Names (`comm`, at most 15 bytes) that break careless parsers: line ends, what ends the name in
/// `/proc/PID/stat`, escape sequences, control characters as UTF-8 and as single bytes, direction marks, zero-width
/// and non-UTF-8 bytes, a character cut in half, what looks like an option or a link, and nothing.
pub fn hostile() -> &'static [&'static [u8]] {
    &[
        b"two\nlines",
        b"return\rhere",
        b"a) R 1 2 (b",
        b")))(((",
        b" spaces  round ",
        b"tab\tbell\x07del\x7f",
        b"\x1b[31mred\x1b[0m",
        b"\x1b]0;title\x07",
        b"\xc2\x9b31mC1",
        b"\x9b31m raw C1",
        b"\xe2\x80\xaeexe.gnp",
        b"zero\xe2\x80\x8bwidth",
        b"\xff\xfe\x80\xc0",
        b"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3",
        b"fifteen bytes..",
        b"\\n\\x41%s$(id)",
        b"\"quo,ted\"; 'x'",
        b"-rf",
        b"socket:[1]",
        b"",
    ]
}

/// A process of this name that holds what `make` makes.
///
/// # Errors
/// As [`Child::fork`].
pub fn named(name: &[u8], make: impl FnOnce() -> io::Result<Made>) -> io::Result<Child> {
    Child::fork(Some(name), &[], |report| report.made(make()?))
}

/// A process of the user and group `id` that holds what `make` makes as that user.
///
/// # Errors
/// `is_permission_denied` kind if this process may not change users (it is not root); otherwise as [`Child::fork`].
pub fn other_user(id: u32, make: impl FnOnce() -> io::Result<Made>) -> io::Result<Child> {
    Child::fork(None, &[], |report| {
        let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
        // The child has one thread, so the thread's ids are the process's.
        set_thread_groups(&[])?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        // Changing users clears that flag; a program started by this user would have it set.
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        report.made(make()?)
    })
}

/// A process that is not dumpable, so that others of the same user may not read what it holds, and root may.
///
/// # Errors
/// As [`Child::fork`].
pub fn not_dumpable(make: impl FnOnce() -> io::Result<Made>) -> io::Result<Child> {
    Child::fork(None, &[], |report| {
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        report.made(make()?)
    })
}
