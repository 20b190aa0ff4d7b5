//! JSON whose strings are harmless on a terminal too.

use crate::text::is_treacherous;
use serde_json::ser::Formatter;
use std::io::{self, Write};

/// Writes compact JSON in which control, bidirectional and zero-width characters stand as `\u009b`: the same
/// strings to whoever reads the JSON. (serde_json itself escapes what JSON demands, the controls below 0x20.)
pub(super) struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Nearly all: names of fields, numbers, addresses.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_treacherous(*c)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}
