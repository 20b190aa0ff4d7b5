//! Finds values in JSON, of which everything else is skipped, of any shape. Nothing is copied, and brackets are counted, not
//! matched by kind.

/// The text of a string without escapes.
pub(super) fn string(value: &[u8]) -> Option<&str> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inner)
        .ok()
        .filter(|text| !text.contains(['\\', '"']) && !text.contains(char::is_control))
}

/// The value of a member of an object, as it is written. The first of several with one name counts.
pub(super) fn member<'j>(object: &'j [u8], name: &[u8]) -> Option<&'j [u8]> {
    members(object).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The members of an object, up to one that is cut short: names and values as they are written, the names without their
/// quotation marks.
pub(super) fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = object.trim_ascii_start().strip_prefix(b"{");
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let (key, after) = value(text)?;
        let (found, after) = value(after.trim_ascii_start().strip_prefix(b":")?)?;
        // A number at the end of a truncated text may lack digits.
        let (delimiter, after) = after.trim_ascii_start().split_first()?;
        let key = key.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        rest = (*delimiter == b',').then_some(after);
        matches!(delimiter, b',' | b'}').then_some((key, found))
    })
}

/// The elements of a list, as they are written, up to one that is cut short.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list.trim_ascii_start().strip_prefix(b"[");
    std::iter::from_fn(move || {
        let (element, after) = value(rest.take()?)?;
        let (delimiter, after) = after.trim_ascii_start().split_first()?;
        rest = (*delimiter == b',').then_some(after);
        matches!(delimiter, b',' | b']').then_some(element)
    })
}

/// The value at the start of a text, and the rest.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        let (first, after) = rest.split_first()?;
        rest = match first {
            b'"' => after_string(after)?,
            b'{' | b'[' => {
                depth = depth.checked_add(1)?;
                after
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                after
            }
            byte if is_of_word(*byte) => after_word(rest),
            byte if depth > 0 && (byte.is_ascii_whitespace() || matches!(byte, b',' | b':')) => after,
            _ => return None,
        };
        if depth == 0 {
            return text.split_at_checked(text.len().checked_sub(rest.len())?);
        }
    }
}

/// Whether a byte belongs to a number, `true`, `false` or `null`.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// The text after the word at its start.
fn after_word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !is_of_word(*byte));
    end.and_then(|end| text.get(end..)).unwrap_or_default()
}

/// The text after a string, of which the first quotation mark has been read.
fn after_string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        let (first, after) = rest.split_first()?;
        rest = match first {
            b'"' => return Some(after),
            b'\\' => after.split_first()?.1,
            _ => after,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_found_among_anything_else() {
        let text = br#" {"a":[1,{"x":"}]"}],"b\"":null , "c" : {"d":"e"}, "c":2} rest"#;
        assert_eq!(member(text, b"a"), Some(&br#"[1,{"x":"}]"}]"#[..]));
        assert_eq!(member(member(text, b"c").unwrap(), b"d").and_then(string), Some("e"));
        assert_eq!(member(text, b"absent"), None);
        let list: Vec<_> = elements(br#"[ 1 , "a,b" ,[2,3],{} ]"#).collect();
        assert_eq!(list, [&b"1"[..], br#""a,b""#, b"[2,3]", b"{}"]);
        assert_eq!(elements(b"[]").count() + elements(b"{}").count() + elements(b"").count(), 0);
    }

    #[test]
    fn value_that_is_cut_short_is_not_there() {
        let text = br#"{"id":"abc","n":123}"#;
        assert_eq!(member(text, b"n"), Some(&b"123"[..]));
        for length in 0..text.len() {
            assert_eq!(member(&text[..length], b"n"), None, "{length}");
        }
        for (cut, count) in [("[1,2", 1), ("[1,", 1), ("[1", 0), ("[", 0), ("[\"a", 0)] {
            assert_eq!(elements(cut.as_bytes()).count(), count, "{cut}");
        }
    }
}
