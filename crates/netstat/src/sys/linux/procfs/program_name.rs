//! The names of a process: what the kernel calls its main thread, and what its program is called.
//!
//! `comm` is cut at 15 bytes, and a program can set it: Node.js calls its main thread `node-MainThread`. The executable and
//! the arguments have the whole name. Arguments can be overwritten by the process, so a name from there counts only if it
//! agrees with `comm`, except in a filter, where any name of the process may be meant.

use crate::model::process::Process;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The longest name that the kernel keeps, `TASK_COMM_LEN` without its NUL.
const COMM_BYTES: usize = 15;

/// The longest name of a file, `NAME_MAX` of linux/limits.h. Arguments can be longer.
const NAME_MAX: usize = 255;

/// How many arguments may stand before the script that an interpreter runs.
const MAX_ARGUMENTS: usize = 8;

/// What programs append to their own name in that of their main thread.
const MAIN_THREAD: &[u8] = b"-MainThread";

/// What the kernel appends to the link of an executable that is gone.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// Whether arguments and executable are needed to name the process with this `comm`.
pub(super) fn needs_more(comm: &[u8]) -> bool {
    comm.len() == COMM_BYTES || comm.ends_with(MAIN_THREAD)
}

/// The last part of a path.
fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The name of a file without the mark of a deleted one.
fn without_mark(executable: &[u8]) -> &[u8] {
    executable.strip_suffix(DELETED).unwrap_or(executable)
}

/// The whole name that the kernel cut at 15 bytes, if the command line (the program, or the script that it runs) or the
/// executable agrees with what is left of it; the name of the program whose main thread is called after it.
pub(super) fn full_name(comm: &[u8], arguments: &[&[u8]], executable: Option<&[u8]>) -> Option<Vec<u8>> {
    let program = || executable.map(|executable| file_name(without_mark(executable)));
    if comm.ends_with(MAIN_THREAD) {
        return program().filter(|name| !name.is_empty()).map(<[u8]>::to_vec);
    }
    let arguments = arguments.iter().copied().take(MAX_ARGUMENTS).map(file_name);
    arguments
        .chain(program())
        .find(|name| name.len() > comm.len() && name.len() <= NAME_MAX && name.starts_with(comm))
        .map(<[u8]>::to_vec)
}

/// Whether `name` is what the kernel keeps of the name `full`.
fn is_short_name(name: &[u8], full: &[u8]) -> bool {
    name.len() == COMM_BYTES && full.starts_with(name)
}

/// Whether the kernel calls the main thread of a process `comm` that is shown with this other name.
pub(crate) fn is_comm_of(comm: &OsStr, name: &OsStr) -> bool {
    let (comm, name) = (comm.as_bytes(), name.as_bytes());
    is_short_name(comm, name) || comm.strip_suffix(MAIN_THREAD).is_some_and(|program| program == name)
}

/// Whether a process has this name: as it is shown or as the kernel keeps it, as its executable, its first argument, or the
/// script that an interpreter runs. `None` if not even the first is known.
pub(crate) fn is_named(wanted: &OsStr, process: &Process) -> Option<bool> {
    let wanted = wanted.as_bytes();
    let name = process.name.as_ref()?.as_bytes();
    let path = process.path.as_ref().map(|path| path.as_os_str().as_bytes());
    if wanted == name || is_short_name(wanted, name) || path.is_some_and(|path| file_name(path) == wanted) {
        return Some(true);
    }
    let mut arguments = process.command_line.iter().flatten().map(|argument| argument.as_bytes());
    // The first argument that is no option is the script, unless the program is no interpreter: then it is a file that it
    // works on, which has no more than its name in common with a program.
    let first = arguments.next();
    let script = arguments.find(|argument| !argument.starts_with(b"-"));
    let runs_script = first.is_some_and(|first| is_interpreter(file_name(path.unwrap_or(first))));
    let is_first = first.is_some_and(|first| file_name(first) == wanted);
    Some(is_first || (runs_script && script.is_some_and(|script| file_name(script) == wanted)))
}

/// Whether a program runs scripts that are named in its arguments.
fn is_interpreter(program: &[u8]) -> bool {
    const INTERPRETERS: &[&str] = &[
        "ash", "bash", "bun", "busybox", "dash", "deno", "fish", "gawk", "guile", "java", "julia", "ksh",
        "lua", "mksh", "node", "nodejs", "perl", "php", "pypy", "python", "Rscript", "ruby", "sh", "tclsh",
        "zsh",
    ];
    // With the version that many have at the end of their name.
    let end =
        program.iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'.').map_or(0, |last| last + 1);
    let program = program.get(..end).unwrap_or_default();
    INTERPRETERS.iter().any(|interpreter| interpreter.as_bytes() == program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn full(comm: &[u8], arguments: &[&[u8]], executable: Option<&[u8]>) -> Option<String> {
        full_name(comm, arguments, executable).map(|name| String::from_utf8(name).unwrap())
    }

    #[test]
    fn cut_name_is_completed_by_what_agrees_with_it() {
        let comm = b"systemd-resolve";
        let resolved = Some("systemd-resolved".to_owned());
        assert_eq!(full(comm, &[b"/usr/lib/systemd/systemd-resolved"], None), resolved);
        let deleted = Some(&b"/usr/lib/systemd/systemd-resolved (deleted)"[..]);
        assert_eq!(full(comm, &[b"resolver"], deleted), resolved);
        // The script that an interpreter runs, with and without options.
        assert_eq!(full(comm, &[b"/usr/bin/python3", b"/opt/systemd-resolved"], None), resolved);
        assert_eq!(
            full(comm, &[b"python3", b"-sP", b"-X", b"dev", b"/opt/systemd-resolved"], None),
            resolved
        );
        // Another name, set by the process itself, stays as it is.
        assert_eq!(full(b"a name of my ow", &[b"/usr/bin/program"], Some(b"/usr/bin/program")), None);
        // What is as long as it stands is whole.
        assert_eq!(full(b"exactly15bytes!", &[b"/bin/exactly15bytes!"], None), None);
    }

    #[test]
    fn name_is_no_longer_than_that_of_a_file() {
        let name = |length: usize| [b"exactly15bytes!".as_slice(), &vec![b'A'; length - 15]].concat();
        assert_eq!(full(b"exactly15bytes!", &[&name(255)], None).map(|name| name.len()), Some(255));
        assert_eq!(full(b"exactly15bytes!", &[&name(256)], None), None);
        assert_eq!(full(b"exactly15bytes!", &[&name(256)], Some(&name(20))).map(|name| name.len()), Some(20));
    }

    #[test]
    fn process_whose_main_thread_has_a_name_is_called_after_its_program() {
        assert!(needs_more(b"node-MainThread") && needs_more(b"rs-MainThread") && !needs_more(b"node"));
        assert_eq!(full(b"node-MainThread", &[], Some(b"/usr/bin/node")), Some("node".to_owned()));
        assert_eq!(full(b"node-MainThread", &[b"node"], None), None);
    }

    #[test]
    fn comm_of_a_program_is_its_cut_name_or_that_of_its_main_thread() {
        let is_comm = |comm: &str, name: &str| is_comm_of(comm.as_ref(), name.as_ref());
        assert!(is_comm("nginx: worker p", "nginx: worker process") && is_comm("node-MainThread", "node"));
        assert!(!is_comm("", "node") && !is_comm("s", "sh") && !is_comm("sh", "shutdown"));
        assert!(!is_comm("node-MainThread", "rs") && !is_comm("-MainThread", "node"));
    }

    #[test]
    fn process_is_found_by_any_of_its_names() {
        let mut process = Process::new(7);
        process.name = Some(OsString::from("systemd-resolved"));
        process.path = Some("/usr/bin/python3.12".into());
        let words = ["python3", "-s", "-u", "/opt/server.py", "other.py"];
        process.command_line = Some(words.map(OsString::from).to_vec());
        let named = |process: &Process, name: &str| is_named(OsStr::new(name), process) == Some(true);
        for name in ["systemd-resolved", "systemd-resolve", "python3.12", "python3", "server.py"] {
            assert!(named(&process, name), "{name}");
        }
        for name in ["systemd", "-s", "other.py", "/opt/server.py", "opt", ""] {
            assert!(!named(&process, name), "{name}");
        }
        // A file that a program works on is no name of it.
        process.path = Some("/usr/bin/vim".into());
        assert!(!named(&process, "server.py"));
        assert_eq!(is_named(OsStr::new("x"), &Process::new(7)), None);
    }
}
