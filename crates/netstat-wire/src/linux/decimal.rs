//! Parses numbers as procfs prints them: decimal, no sign, no spaces, no leading zeros.

/// The number in `digits`; `None` for any other text and for overflow.
///
/// A leading zero is refused, as the kernel refuses it in a lookup of `/proc/007`.
#[inline]
pub(super) fn unsigned(digits: &[u8]) -> Option<u64> {
    let (first, rest) = digits.split_first()?;
    let mut value = digit(*first)?;
    if value == 0 && !rest.is_empty() {
        return None;
    }
    for byte in rest {
        value = value.checked_mul(10)?.checked_add(digit(*byte)?)?;
    }
    Some(value)
}

/// The same, for what the kernel keeps in 32 bits.
#[inline]
pub(super) fn unsigned_32(digits: &[u8]) -> Option<u32> {
    unsigned(digits)?.try_into().ok()
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    let value = byte.wrapping_sub(b'0');
    (value <= 9).then(|| u64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_decimal_numbers_are_read() {
        assert_eq!(unsigned(b"0"), Some(0));
        assert_eq!(unsigned(b"10"), Some(10));
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned_32(b"4294967295"), Some(u32::MAX));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", " 1", "1 ", "+1", "-1", "00", "01", "0x1", "1:", "/", "18446744073709551616"] {
            assert_eq!(unsigned(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(unsigned_32(b"4294967296"), None);
    }
}
