//! `/proc/PID/cmdline` (`fs/proc/base.c`, `get_mm_cmdline`): the arguments of a process, each with a NUL
//! after it.
//!
//! The kernel copies the memory in which it once put the arguments, and the process may have written
//! there since: to show a title (nginx, sshd, PostgreSQL) it overwrites them with one text and fills what
//! is left with NULs or spaces. When the last byte of that memory is no longer a NUL the kernel reads on
//! into the environment up to the next NUL, and the text then comes without one. Empty for kernel
//! threads, and for a process that has exited (a zombie, or a main thread that ended before the others).

/// The arguments, in order, as bytes; borrowed from the text of the file.
///
/// - NULs at the end end the last argument or are padding, and cannot be told apart: empty arguments at
///   the end are lost, those before are kept.
/// - A text without a NUL inside is one argument, and spaces after it are taken for padding and cut off.
pub fn arguments(text: &[u8]) -> Vec<&[u8]> {
    let used =
        text.iter().rposition(|byte| *byte != 0).and_then(|last| text.get(..=last)).unwrap_or_default();
    if used.contains(&0) {
        return used.split(|byte| *byte == 0).collect();
    }
    match used.iter().rposition(|byte| *byte != b' ').and_then(|last| used.get(..=last)) {
        Some(title) => vec![title],
        None => Vec::new(),
    }
}
