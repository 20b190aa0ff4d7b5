//! Captured records, from the fixtures of the decoders' tests.

/// The bytes of an annotated capture: hexadecimal digits, and a comment after each `#`.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    text.lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(str::split_whitespace)
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

/// The lines of a table of `/proc/net`, without its heading and the comments before it.
pub(super) fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines()
        .filter(|line| !line.starts_with('#') && line.contains(':'))
        .map(|line| line.as_bytes().to_vec())
        .collect()
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../crates/netstat-wire/tests/fixtures/", $name))
    };
}
pub(super) use fixture;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_skipped() {
        assert_eq!(bytes("# 11\n\n7c 00 # 22\nff\n"), [0x7c, 0, 0xff]);
    }
}
