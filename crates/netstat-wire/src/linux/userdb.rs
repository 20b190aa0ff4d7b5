//! User records of systemd: files `/run/userdb/<uid>.user`, and answers of the varlink service `io.systemd.UserDatabase`.
//!
//! Both are JSON. Of a record only `userName` and `uid` are decoded; everything else is skipped, of any shape.
//!
//! Sources: <https://systemd.io/USER_RECORD/>, <https://systemd.io/USER_GROUP_API/>, varlink.org (messages end with a NUL).

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// `userName`.
    pub name: String,
    /// `uid`.
    pub uid: u32,
}

/// The longest name that is decoded, as `LOGIN_NAME_MAX`.
const MAX_NAME: usize = 255;

impl UserRecord {
    /// A record, as a file `*.user` contains it.
    ///
    /// `None`: no such object, no uid, or a name that is empty, too long, or written with an escape, which no valid name
    /// needs.
    pub fn decode(json: &[u8]) -> Option<Self> {
        let name = string(member(json, b"userName")?).filter(|name| (1..=MAX_NAME).contains(&name.len()))?;
        let uid = std::str::from_utf8(member(json, b"uid")?).ok()?.parse().ok()?;
        Some(Self { name: name.to_owned(), uid })
    }

    /// The record in an answer to `GetUserRecord`, with or without the NUL at its end; `None` if there is none, as in an error.
    pub fn decode_reply(message: &[u8]) -> Option<Self> {
        Self::decode(member(member(message, b"parameters")?, b"record")?)
    }
}

/// The text of a string without escapes.
fn string(value: &[u8]) -> Option<&str> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inner)
        .ok()
        .filter(|text| !text.contains(['\\', '"']) && !text.contains(char::is_control))
}

/// The value of a member of an object, as it is written. The first of several with one name counts.
fn member<'j>(object: &'j [u8], name: &[u8]) -> Option<&'j [u8]> {
    let mut rest = object.trim_ascii_start().strip_prefix(b"{")?;
    loop {
        let (key, after) = value(rest)?;
        let (found, after) = value(after.trim_ascii_start().strip_prefix(b":")?)?;
        // A number at the end of a truncated text may lack digits.
        let (delimiter, after) = after.trim_ascii_start().split_first()?;
        if key.strip_prefix(b"\"")?.strip_suffix(b"\"")? == name {
            return matches!(delimiter, b',' | b'}').then_some(found);
        }
        rest = (*delimiter == b',').then_some(after)?;
    }
}

/// The value at the start of a text, and the rest. Brackets are counted, not matched by kind.
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
