//! Signals by name or number, as kill(1) takes them.

use crate::ffi::SIGNALS;
use lsock::usage::{UsageError, quoted};
use std::fmt;

/// A signal.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal(i32);

impl Signal {
    /// Asks a process to end. On Windows it is terminated at once.
    pub(crate) const TERM: Self = Self(15);
    /// Ends a process, whatever it does.
    pub(crate) const KILL: Self = Self(9);

    /// Parses `TERM`, `SIGTERM`, `term` or `15`.
    pub(crate) fn parse(typed: &str) -> Result<Self, UsageError> {
        /// As many as a kernel has; 0 is none.
        const NUMBERS: std::ops::RangeInclusive<i32> = 1..=64;
        let upper = typed.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let by_name = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
        let number = by_name.or_else(|| typed.parse().ok().filter(|number| NUMBERS.contains(number)));
        number.map(Self).ok_or_else(|| {
            let names: Vec<&str> = SIGNALS.iter().take(6).map(|(name, _)| *name).collect();
            UsageError::new(format!(
                "{} is not a signal: a number from 1 to 64, or a name such as {}",
                quoted(typed),
                names.join(", ")
            ))
        })
    }

    /// Its number on this system.
    pub(crate) fn number(self) -> i32 {
        self.0
    }

    /// Whether it is meant to end a process, so that it is worth waiting for its end.
    pub(crate) fn ends(self) -> bool {
        [Self::TERM, Self::KILL].contains(&self)
    }
}

/// `SIGTERM`, or `signal 44` of one without a name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIGNALS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_signals() {
        for typed in ["TERM", "SIGTERM", "term", "sigterm", "15"] {
            assert_eq!(Signal::parse(typed), Ok(Signal::TERM), "{typed}");
        }
        assert_eq!(Signal::parse("kill"), Ok(Signal::KILL));
        assert_eq!(Signal::KILL.to_string(), "SIGKILL");
        assert_eq!(Signal::parse("44").unwrap().to_string(), "signal 44");
        assert!(Signal::TERM.ends() && Signal::KILL.ends() && !Signal::parse("44").unwrap().ends());
    }

    #[test]
    fn anything_else_is_refused_in_one_line() {
        for typed in ["", "0", "65", "-9", "SIG", "NOSUCH", "TERMX"] {
            let said = Signal::parse(typed).unwrap_err().to_string();
            assert!(said.contains("is not a signal") && said.len() < 110, "{said}");
        }
    }
}
