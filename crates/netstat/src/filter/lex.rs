//! Splits a filter's text into tokens.

use std::borrow::Cow;
use std::ops::Range;

/// How two values are compared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Open,
    Close,
    Not,
    And,
    Or,
    Compare(Compare),
    Word(&'t str),
    Quoted(Cow<'t, str>),
    /// A quotation that does not end, or with an escape that is none.
    BadQuoted,
    End,
}

/// The signs, longest first.
const SIGNS: [(&str, Token<'static>); 14] = [
    ("&&", Token::And),
    ("||", Token::Or),
    ("==", Token::Compare(Compare::Equal)),
    ("!=", Token::Compare(Compare::Unequal)),
    ("<=", Token::Compare(Compare::AtMost)),
    (">=", Token::Compare(Compare::AtLeast)),
    ("(", Token::Open),
    (")", Token::Close),
    ("!", Token::Not),
    ("&", Token::And),
    ("|", Token::Or),
    ("=", Token::Compare(Compare::Equal)),
    ("<", Token::Compare(Compare::Less)),
    (">", Token::Compare(Compare::Greater)),
];

/// Whether a character ends a word.
pub(super) fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '!' | '=' | '<' | '>' | '&' | '|' | '"')
}

/// The first token of a text, and which bytes it takes.
pub(super) fn next(text: &str, from: usize) -> (Token<'_>, Range<usize>) {
    let after = text.get(from..).unwrap_or_default();
    let rest = after.trim_start();
    let start = from + (after.len() - rest.len());
    if rest.is_empty() {
        return (Token::End, text.len()..text.len());
    }
    if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
        return (token.clone(), start..start + sign.len());
    }
    if let Some(inner) = rest.strip_prefix('"') {
        let (token, length) = quoted(inner);
        return (token, start..start + 1 + length);
    }
    let word = rest.split(ends_word).next().unwrap_or(rest);
    (Token::Word(word), start..start + word.len())
}

/// A quotation without its first sign, and its length. `\"`, `\\` and `\u{41}` are understood.
fn quoted(inner: &str) -> (Token<'_>, usize) {
    let mut text = Cow::Borrowed("");
    let mut rest = inner;
    loop {
        let length = inner.len() - rest.len();
        let Some(at) = rest.find(['"', '\\']) else { return (Token::BadQuoted, inner.len()) };
        let (plain, from) = rest.split_at(at);
        text += plain;
        if from.starts_with('"') {
            return (Token::Quoted(text), length + at + 1);
        }
        let Some((escaped, after)) = unescape(from) else { return (Token::BadQuoted, inner.len()) };
        text.to_mut().push(escaped);
        rest = after;
    }
}

/// The character that an escape at the beginning stands for, and what follows it.
fn unescape(text: &str) -> Option<(char, &str)> {
    let after = text.strip_prefix('\\')?;
    if let Some(hexadecimal) = after.strip_prefix("u{") {
        let (digits, after) = hexadecimal.split_once('}')?;
        return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, after));
    }
    let escaped = after.chars().next().filter(|c| matches!(c, '"' | '\\'))?;
    Some((escaped, after.get(1..)?))
}
