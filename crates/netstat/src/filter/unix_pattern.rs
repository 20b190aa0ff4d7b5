//! Patterns of names of unix sockets: `/run/*`, `@dbus-??`.

use crate::model::endpoint::UnixName;

/// A pattern: `*` is any bytes, also slashes and none, `?` is one byte, and a backslash makes the next byte itself. An abstract
/// name is written with an `@` before it, as in `ss`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnixPattern(Box<[u8]>);

impl UnixPattern {
    pub(super) fn new(pattern: impl Into<Vec<u8>>) -> Self {
        Self(pattern.into().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether every name matches.
    pub(super) fn is_any(&self) -> bool {
        self.0.iter().all(|byte| *byte == b'*')
    }

    /// Whether a name matches. A socket without a name has none that could.
    pub(super) fn matches(&self, name: &UnixName) -> bool {
        match name {
            UnixName::Unnamed => false,
            UnixName::Path(path) => matches(&self.0, path.iter().copied()),
            UnixName::Abstract(name) => matches(&self.0, std::iter::once(b'@').chain(name.iter().copied())),
        }
    }
}

/// What begins at each place of the pattern is compared with what begins at each place of the text, at most once: the work is
/// bounded by the product of their lengths.
fn matches(pattern: &[u8], text: impl Iterator<Item = u8> + Clone) -> bool {
    let (mut rest, mut at) = (pattern, text);
    // Where to continue after the last star, with one byte more for it.
    let mut retry: Option<(&[u8], _)> = None;
    loop {
        if let Some((b'*', after)) = rest.split_first() {
            (rest, retry) = (after, Some((after, at.clone())));
            continue;
        }
        let mut ahead = at.clone();
        let byte = ahead.next();
        match (next_byte(rest), byte) {
            (None, None) => return true,
            (Some((wanted, after)), Some(byte)) if wanted.is_none_or(|wanted| wanted == byte) => {
                (rest, at) = (after, ahead);
                continue;
            }
            _ => {}
        }
        let Some((after_star, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        (rest, at, retry) = (after_star, from.clone(), Some((after_star, from)));
    }
}

/// The byte that a pattern begins with, `None` for any, and what follows it.
fn next_byte(pattern: &[u8]) -> Option<(Option<u8>, &[u8])> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some((None, rest)),
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => Some((Some(*byte), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell_but_for_slashes() {
        let path = |path: &str| UnixName::Path(path.as_bytes().into());
        let name = |name: &[u8]| UnixName::Abstract(name.into());
        for (pattern, named, expected) in [
            ("/run/x", path("/run/x"), true),
            ("/run/x", path("/run/xy"), false),
            ("/run/*", path("/run/a/b.sock"), true),
            ("/run/*.sock", path("/run/a.sock.sock"), true),
            ("/run/*.sock", path("/run/a.socket"), false),
            ("*", path("anything"), true),
            ("**a*b", path("xxaxxab"), true),
            ("/run/?", path("/run/"), false),
            ("/run/?", path("/run/x"), true),
            (r"/run/\*", path("/run/*"), true),
            (r"/run/\*", path("/run/x"), false),
            ("@a*", name(b"abc"), true),
            ("@a*", path("@abc"), true),
            ("@a?b\n", name(b"a\0b\n"), true),
            ("a*", name(b"abc"), false),
            ("@", name(b""), true),
            ("*", UnixName::Unnamed, false),
        ] {
            assert_eq!(UnixPattern::new(pattern).matches(&named), expected, "{pattern} {named:?}");
        }
        // Many stars take no time that grows with their number.
        let many = UnixPattern::new("*a".repeat(50));
        assert!(!many.matches(&path(&"b".repeat(108))) && many.matches(&path(&"a".repeat(108))));
    }
}
