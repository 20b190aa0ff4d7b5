//! A question on the terminal before a command acts.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is a terminal to ask on. The question is on standard error: standard output may be a file.
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for confirmation; any answer but `y` and `yes` declines.
pub(super) fn is_given(
    question: &str,
    terminal: &mut impl Write,
    answers: &mut impl BufRead,
) -> io::Result<bool> {
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_and_yes_confirm() {
        let answer = |typed: &str| {
            let mut shown = Vec::new();
            let confirmed = is_given("Close these 2 sockets?", &mut shown, &mut typed.as_bytes()).unwrap();
            assert_eq!(shown, b"Close these 2 sockets? [y/N] ");
            confirmed
        };
        for typed in ["y\n", "Y\n", "yes\n", " Yes \r\n", "y"] {
            assert!(answer(typed), "{typed:?}");
        }
        for typed in ["", "\n", "n\n", "yeah\n", "no\ny\n"] {
            assert!(!answer(typed), "{typed:?}");
        }
    }
}
