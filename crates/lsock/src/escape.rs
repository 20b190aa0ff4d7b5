//! Escapes text from other processes (names, paths, command lines, users, network interfaces), for the terminal and as
//! JSON strings.

use crate::digits::push_display;

/// Appends text so that it can neither move the cursor, nor break the line, nor look like other text:
/// control, bidirectional and zero-width characters become `\n`, `\x1b` or `\u{202e}`, a byte that is not
/// UTF-8 becomes `\xff`, a space at either end `\x20`, and a backslash is doubled, so that no name can look
/// like such an escape. Empty text becomes `""`.
pub fn escape_into(bytes: &[u8], out: &mut String) {
    if bytes.is_empty() {
        out.push_str("\"\"");
        return;
    }
    let last = bytes.len() - 1;
    let mut offset = 0;
    for chunk in bytes.utf8_chunks() {
        for (at, c) in chunk.valid().char_indices() {
            let at_end = offset + at == 0 || offset + at == last;
            match c {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                ' ' if at_end => out.push_str("\\x20"),
                '\0'..='\x1f' | '\x7f' => push_display(out, format_args!("\\x{:02x}", u32::from(c))),
                _ if must_escape(c) => push_display(out, format_args!("\\u{{{:x}}}", u32::from(c))),
                _ => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            push_display(out, format_args!("\\x{byte:02x}"));
        }
        offset += chunk.valid().len() + chunk.invalid().len();
    }
}

/// Appends text as a JSON string. Characters that act on a terminal are escaped too (`\u009b`), which does not change
/// the string that a parser reads.
pub fn json_string_into(text: &str, out: &mut String) {
    out.push('"');
    // Nearly all names are such text.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.push_str(text);
    } else {
        text.chars().for_each(|c| json_char_into(c, out));
    }
    out.push('"');
}

fn json_char_into(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if must_escape(c) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                push_display(out, format_args!("\\u{unit:04x}"));
            }
        }
        _ => out.push(c),
    }
}

/// The escaped text, as a new string.
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    escape_into(bytes, &mut out);
    out
}

/// Whether a character acts on a terminal or on its neighbours instead of being shown.
pub(crate) fn must_escape(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            // Soft hyphen, combining grapheme joiner, Arabic letter mark, Mongolian vowel separator.
            | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}'
            // Zero-width characters and direction marks; line and paragraph separators, embeddings and
            // overrides; word joiner, invisible operators, isolates and deprecated format characters.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Tags: an invisible copy of ASCII.
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_text_of_any_script_is_unchanged() {
        for text in
            ["nginx", "tokio-runtime-w", "Web Content", "(sd-pam)", "naïve", "日本語", "🦀", "a:b/c@d"]
        {
            assert_eq!(escaped(text.as_bytes()), text);
        }
    }

    #[test]
    fn control_characters_and_escapes_are_made_visible() {
        assert_eq!(escaped(b"\x1b[31mred\x1b[0m"), r"\x1b[31mred\x1b[0m");
        assert_eq!(escaped(b"a\nb\rc\td\0e\x7ff\x08"), r"a\nb\rc\td\x00e\x7ff\x08");
        assert_eq!(escaped("\u{9b}31m\u{85}".as_bytes()), r"\u{9b}31m\u{85}");
    }

    #[test]
    fn bidirectional_and_zero_width_characters_are_made_visible() {
        for c in [
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{200e}',
            '\u{200f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{2028}',
            '\u{2029}',
            '\u{ad}',
            '\u{e0041}',
        ] {
            assert_eq!(escaped(format!("a{c}b").as_bytes()), format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown_in_hex() {
        assert_eq!(escaped(b"a\xff\xfeb\xc3"), r"a\xff\xfeb\xc3");
        // A C1 control as a bare byte, which some terminals obey.
        assert_eq!(escaped(b"\x9b31m"), r"\x9b31m");
    }

    #[test]
    fn backslash_is_doubled_so_that_no_name_looks_like_an_escape() {
        assert_eq!(escaped(br"\x1b"), r"\\x1b");
        assert_ne!(escaped(br"\n"), escaped(b"\n"));
    }

    #[test]
    fn blank_names_are_visible() {
        assert_eq!(escaped(b""), "\"\"");
        assert_eq!(escaped(b" "), r"\x20");
        assert_eq!(escaped(b" a b "), r"\x20a b\x20");
        assert_eq!(escaped(b"\xff "), r"\xff\x20");
    }

    #[test]
    fn every_code_point_and_byte_is_escaped_into_one_line() {
        let mut bytes = Vec::new();
        for code in 0..=0xffff_u32 {
            bytes.extend(char::from_u32(code).map(|c| c.to_string()).unwrap_or_default().bytes());
        }
        bytes.extend(0..=255_u8);
        assert!(!escaped(&bytes).chars().any(must_escape));
    }
}
