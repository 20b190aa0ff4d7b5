//! Text in C structures.

/// What stands before the first NUL; everything if there is none.
#[inline]
pub(super) fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul_or_with_the_bytes() {
        assert_eq!(before_nul(b"bbr\0"), b"bbr");
        assert_eq!(before_nul(b"bbr"), b"bbr");
        assert_eq!(before_nul(b"a\0b\0"), b"a");
        assert_eq!(before_nul(b"\0"), b"");
        assert_eq!(before_nul(b""), b"");
    }
}
