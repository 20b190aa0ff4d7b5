//! Helpers of the decoders' tests: fixtures, and an encoder that does not use the crate.
// Each test file is a crate of its own and uses its part of this.
#![allow(clippy::unwrap_used, dead_code)]

/// The keys that a fixture's heading must have, each on a line `# key: value` before the first byte.
const HEADING: [&str; 6] = ["source", "command", "kernel", "date", "byte order", "pointer width"];

/// Whether the heading of a fixture has every key.
fn check_heading(text: &str) -> Result<(), String> {
    let heading: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    for key in HEADING {
        let start = format!("# {key}: ");
        let has_value = |line: &&str| line.strip_prefix(&start).is_some_and(|value| !value.is_empty());
        if !heading.iter().any(has_value) {
            return Err(format!("no line \"{start}...\" in the heading"));
        }
    }
    Ok(())
}

/// The text of a fixture that is lines as the kernel prints them: all that follows the heading, unchanged.
pub(crate) fn parse_lines(text: &str) -> Result<&str, String> {
    check_heading(text)?;
    let length = text.split_inclusive('\n').take_while(|line| line.starts_with('#')).map(str::len).sum();
    text.get(length..).ok_or_else(|| "nothing after the heading".to_owned())
}

/// The bytes of a fixture: annotated hex, where `#` starts a comment and line ends are ignored.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, String> {
    check_heading(text)?;
    let words = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    words
        .map(|word| {
            let digits = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let byte = digits.then(|| u8::from_str_radix(word, 16).ok()).flatten();
            byte.ok_or_else(|| format!("not a byte: {word:?}"))
        })
        .collect()
}

/// The bytes of `tests/fixtures/NAME.hex`.
#[allow(unused_macros)]
macro_rules! fixture {
    ($name:literal) => {
        common::parse(include_str!(concat!("fixtures/", $name, ".hex"))).unwrap()
    };
}
#[allow(unused_imports)]
pub(crate) use fixture;

/// The lines of `tests/fixtures/NAME.txt`, without the kernel's own heading.
#[allow(unused_macros)]
macro_rules! fixture_lines {
    ($name:literal) => {
        common::parse_lines(include_str!(concat!("fixtures/", $name, ".txt"))).unwrap().lines().skip(1)
    };
}
#[allow(unused_imports)]
pub(crate) use fixture_lines;

/// Writes why a test, or a part of it, is skipped: past the capture of the test harness, in one write. (The tests
/// of this crate depend on published crates only.)
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    let line = format!("{}: skipped: {why}\n", std::thread::current().name().unwrap_or("test"));
    // Nothing can be done about a standard error that fails.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether captures from little-endian machines can be decoded on this one; if not, reports the skip.
pub(crate) fn little_endian() -> bool {
    let little = cfg!(target_endian = "little");
    if !little {
        skipped("the fixture is little-endian and this machine is not");
    }
    little
}

/// A netlink message with its padding, and any value as its length.
pub(crate) fn message_of_length(
    length: u32,
    kind: u16,
    flags: u16,
    seq: u32,
    port: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(seq.to_ne_bytes());
    bytes.extend(port.to_ne_bytes());
    bytes.extend(payload);
    pad(bytes)
}

/// A netlink message with its padding.
pub(crate) fn message(kind: u16, flags: u16, seq: u32, port: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    message_of_length(length, kind, flags, seq, port, payload)
}

/// An attribute with its padding.
pub(crate) fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(u16::try_from(4 + payload.len()).unwrap().to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    pad(bytes)
}

fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Settings of property tests that take some seconds, and leave no files behind.
pub(crate) fn property_tests() -> proptest::test_runner::Config {
    proptest::test_runner::Config { cases: 256, failure_persistence: None, ..Default::default() }
}
