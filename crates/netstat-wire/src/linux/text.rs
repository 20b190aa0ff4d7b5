//! Searches in text, as the kernel writes it and as it is stored in C structures.

/// The position of the first `wanted` byte. (One function, since each search that is written as a closure is
/// compiled separately.)
pub(super) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|byte| *byte == wanted)
}

/// The text before the first NUL; all of it if there is none.
#[inline]
pub(super) fn before_nul(bytes: &[u8]) -> &[u8] {
    position(bytes, 0).and_then(|end| bytes.get(..end)).unwrap_or(bytes)
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
