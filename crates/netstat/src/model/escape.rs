//! Escapes control characters in text from other processes, so that a terminal can show it.

use std::fmt::Write;

/// The text with its control, bidirectional and zero-width characters escaped as in Rust (`\n`, `\u{202e}`) and each
/// backslash doubled, so that it can neither move a cursor nor break or forge a line. Quotation marks stay as they are.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(['"', '\'']) {
        let quote = part.chars().next_back().filter(|last| matches!(last, '"' | '\''));
        let rest = quote.and_then(|quote| part.strip_suffix(quote)).unwrap_or(part);
        // Of a whole part, not of each character: a combining mark is escaped only where it would stand alone.
        let _ = write!(out, "{}", rest.escape_debug());
        out.extend(quote);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_escaped_and_nothing_else() {
        assert_eq!(
            escaped("a\0b\nc\x1b[2J\\d\u{202e}\u{200b}"),
            "a\\0b\\nc\\u{1b}[2J\\\\d\\u{202e}\\u{200b}"
        );
        for plain in ["", "nginx: worker 'a' \"b\"", "ünïcödé", "e\u{301}", "'", "日本"] {
            assert_eq!(escaped(plain), plain);
        }
    }
}
