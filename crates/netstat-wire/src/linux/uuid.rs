//! Identifiers in hexadecimal digits, in small letters.

/// Whether there is nothing but hexadecimal digits.
pub(super) fn is_hex(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether it is a UUID, with `-` or what stands for it.
pub(super) fn is_uuid(text: &[u8], dash: u8) -> bool {
    let is_valid = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == dash,
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    text.len() == 36 && text.iter().enumerate().all(is_valid)
}
