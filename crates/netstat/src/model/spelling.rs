//! How the names of the model are read: in any case, with `-`, `_` or neither.

use std::error;
use std::fmt;

/// The text is not a name of this type.
///
/// # Examples
/// ```
/// let error = "half-open".parse::<netstat::State>().unwrap_err();
/// assert_eq!(error.to_string(), "\"half-open\" is not a socket state");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownName {
    text: String,
    expected: &'static str,
}

impl UnknownName {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        // Bounded: the text may come from anywhere, and ends up in a message.
        Self { text: text.chars().take(64).collect(), expected }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not {}", self.text, self.expected)
    }
}

impl error::Error for UnknownName {}

fn significant(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).map(|byte| byte.to_ascii_lowercase())
}

/// Whether two names are equal apart from case, `-` and `_`.
// Loops over short lists of names are unrolled, with a copy for each name.
#[inline(never)]
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    significant(a).eq(significant(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_hyphens_and_underscores_do_not_matter() {
        assert!(same_name("FIN_WAIT_1", "fin-wait-1") && same_name("FinWait1", "FIN_WAIT_1"));
        assert!(!same_name("FIN_WAIT_1", "FIN_WAIT_2") && !same_name("", "tcp"));
    }

    #[test]
    fn message_is_bounded_and_escaped() {
        let message = UnknownName::new(&"\u{1b}".repeat(1000), "a protocol").to_string();
        assert!(message.len() < 1000 && !message.contains('\u{1b}'), "{message}");
    }
}
