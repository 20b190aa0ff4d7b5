//! Output for a person: through a pager where it is longer than the screen, as git has it.

use crate::ffi;
use lsock::screen::Screen;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

/// Writes text to a terminal, through the pager if it has more lines than the screen. Where the pager cannot be started,
/// the text is written as it is.
pub(crate) fn write(text: &[u8], screen: &Screen, may_page: bool) -> io::Result<()> {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    // The prompt of the shell takes a line too.
    if may_page
        && lines >= screen.height
        && let Some(mut pager) = start(std::env::var_os("PAGER").as_deref())
    {
        // Interrupts are for the pager, and it needs the terminal until its end.
        ffi::ignore_interrupts();
        if let Some(mut input) = pager.stdin.take() {
            // The user may quit before the end of the text.
            let _ = input.write_all(text);
        }
        pager.wait()?;
        return Ok(());
    }
    write_directly(text, screen.color)
}

/// Writes text to standard output; `color`: with escape sequences, which a Windows console interprets in a
/// certain mode only.
pub(crate) fn write_directly(text: &[u8], color: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if color {
        let mut out = anstream::AutoStream::always(out);
        out.write_all(text)?;
        return out.flush();
    }
    out.write_all(text)?;
    out.flush()
}

fn start(pager: Option<&OsStr>) -> Option<Child> {
    let mut command = command(pager, std::env::consts::OS != "windows")?;
    // Short text stays on the screen, colours pass, and the screen is not cleared at the end.
    for (name, usual) in [("LESS", "FRX"), ("LV", "-c")] {
        if std::env::var_os(name).is_none() {
            command.env(name, usual);
        }
    }
    command.stdin(Stdio::piped()).spawn().ok()
}

/// The command of a pager; `None` for no pager: `PAGER` empty or `cat`.
fn command(pager: Option<&OsStr>, has_shell: bool) -> Option<Command> {
    const OF_SHELL: &[char] = &[
        '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', ' ', '\t', '\n', '*', '?', '[', '#',
        '~', '=', '%',
    ];
    let Some(pager) = pager else {
        return has_shell.then(|| Command::new("less"));
    };
    let text = pager.to_string_lossy();
    if matches!(text.trim(), "" | "cat") {
        return None;
    }
    if has_shell && text.contains(OF_SHELL) {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(pager);
        return Some(shell);
    }
    if has_shell {
        return Some(Command::new(pager));
    }
    let mut words = text.split_whitespace();
    let mut command = Command::new(words.next()?);
    command.args(words);
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pager: Option<&str>, has_shell: bool) -> Option<String> {
        command(pager.map(OsStr::new), has_shell).map(|command| format!("{command:?}"))
    }

    #[test]
    fn pager_is_less_unless_the_environment_names_another_or_none() {
        assert_eq!(shown(None, true).unwrap(), r#""less""#);
        assert_eq!(shown(None, false), None);
        assert_eq!(shown(Some(""), true), None);
        assert_eq!(shown(Some("cat"), true), None);
        assert_eq!(shown(Some("most"), true).unwrap(), r#""most""#);
        assert_eq!(shown(Some("less -S"), true).unwrap(), r#""sh" "-c" "less -S""#);
        assert_eq!(shown(Some("less -S"), false).unwrap(), r#""less" "-S""#);
    }
}
