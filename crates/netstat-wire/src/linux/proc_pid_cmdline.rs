//! `/proc/PID/cmdline` (`fs/proc/base.c`, `get_mm_cmdline`): the arguments of a process, each with a NUL
//! after it.
//!
//! The kernel copies the memory in which it once put the arguments, and the process may have overwritten it since:
//! to show a title (nginx, sshd, PostgreSQL) it replaces them with one text and fills the rest with NULs or spaces.
//! When the last byte of that memory is no longer a NUL the kernel continues into the environment up to the next
//! NUL, and the text then has none at its end. Empty for kernel threads, and for a process that has exited (a
//! zombie, or a main thread that ended before the others).

/// The arguments, in order, as bytes; borrowed from the text of the file.
///
/// - NULs at the end terminate the last argument or are padding, and cannot be distinguished: empty arguments at
///   the end are lost, those before are kept.
/// - A text without a NUL inside is one argument, and trailing spaces are removed as padding.
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
