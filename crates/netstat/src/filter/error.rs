//! What is wrong with a filter's text, and where.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Why a text is no [`Filter`](crate::Filter): the place, what stands there, what was expected, an example.
///
/// Printed as one line; with `{:#}` the text follows, and the place in it is marked below.
///
/// # Examples
/// ```
/// let error = "tcp and dport = :htps".parse::<netstat::Filter>().unwrap_err();
/// assert_eq!(error.range(), 16..21);
/// assert_eq!(
///     format!("{error:#}"),
///     "filter, column 17: \":htps\" is not a port (0 to 65535), a range or list of ports or the name of a \
///      service; example: dport = :443\n  tcp and dport = :htps\n                  ^^^^^",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilterError {
    pub(super) text: String,
    pub(super) range: Range<usize>,
    pub(super) expected: Cow<'static, str>,
    pub(super) example: &'static str,
}

impl FilterError {
    /// The bytes of the text that are not understood; empty at its end where something is missing.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What stands there; empty at the end of the text.
    pub fn found(&self) -> &str {
        self.text.get(self.range.clone()).unwrap_or_default()
    }

    /// What was expected there.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// A text that would be understood.
    pub fn example(&self) -> &str {
        self.example
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.text.get(..self.range.start).unwrap_or_default().chars().count();
        write!(f, "filter, column {}: ", before + 1)?;
        // A reason may repeat what was read.
        let mut expected = String::new();
        for c in self.expected.chars() {
            if is_harmless(c) {
                expected.push(c);
            } else {
                expected.extend(c.escape_debug());
            }
        }
        match self.found() {
            "" => write!(f, "it ends where there should be {expected}")?,
            found => write!(f, "{found:?} is not {expected}")?,
        }
        write!(f, "; example: {}", self.example)?;
        if f.alternate() {
            // One column a character, and nothing that a terminal would obey.
            let mut line = String::new();
            for c in self.text.chars() {
                line.push(if is_harmless(c) { c } else { ' ' });
            }
            let marks = "^".repeat(self.found().chars().count().max(1));
            write!(f, "\n  {line}\n  {:before$}{marks}", "")?;
        }
        Ok(())
    }
}

/// Whether a character takes a column of its own, and does nothing else: control characters, bidirectional and
/// combining ones and those of no width are what Rust escapes, beside quotation marks and backslashes.
fn is_harmless(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

impl std::error::Error for FilterError {}
