//! The error of a command line that makes no sense.

use std::fmt;

/// Why a command line makes no sense, and what to type instead: one line; for a filter of several words three lines,
/// which mark the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError(String);

impl UsageError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// The length of a message: a line of 120 characters with the `lsock: ` before it.
pub const LINE: usize = 120 - "lsock: ".len();

/// What was typed, in quotation marks, without characters that act on a terminal, and without the middle of a long text.
pub fn quoted(typed: &str) -> String {
    const ENDS: usize = 14;
    let length = typed.chars().count();
    if length <= 2 * ENDS + 3 {
        return format!("{typed:?}");
    }
    let start: String = typed.chars().take(ENDS).collect();
    let end: String = typed.chars().skip(length - ENDS).collect();
    format!("{:?}", format!("{start}...{end}"))
}

/// The candidate that differs from the text in one letter, or in two if it has six or more: one letter missing, added, wrong, or
/// two exchanged. Case does not matter.
pub fn closest<'c>(typed: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let typed = typed.to_ascii_lowercase();
    let allowed = match typed.chars().count() {
        0..=3 => return None,
        4..=5 => 1,
        _ => 2,
    };
    candidates
        .map(|candidate| (distance(&typed, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of such differences between two texts.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slips_of_the_fingers_are_close() {
        let options = ["columns", "color", "sort", "all", "numeric", "json", "remote-port"];
        for (typed, expected) in [
            ("coloms", Some("columns")),
            ("colunms", Some("columns")),
            ("srot", Some("sort")),
            ("sorted", Some("sort")),
            ("JSON", Some("json")),
            ("format", None),
            ("name", None),
            ("tree", None),
            ("cols", None),
            ("yaml", None),
        ] {
            assert_eq!(closest(typed, options.into_iter()), expected, "{typed}");
        }
    }

    #[test]
    fn long_texts_are_cut_and_escaped() {
        assert_eq!(quoted("a\x1bb"), "\"a\\u{1b}b\"");
        let cut = quoted(&"x".repeat(1000));
        assert_eq!(cut.len(), 33);
    }
}
