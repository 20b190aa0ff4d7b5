//! Files of `/etc`: read as a stream, and only if they are regular. A pipe in place of one would block the listing.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::ops::ControlFlow;

/// The longest line that counts. Longer ones are skipped without being kept in memory.
const MAX_LINE: u64 = 4096;

/// Opens a regular file.
fn open(path: &str) -> io::Result<File> {
    if fs::metadata(path)?.is_file() { File::open(path) } else { Err(ErrorKind::InvalidInput.into()) }
}

/// Calls `each` with every line of a regular file until it breaks.
pub(crate) fn lines(path: &str, mut each: impl FnMut(&str) -> ControlFlow<()>) -> io::Result<()> {
    lines_of(&mut BufReader::new(open(path)?), &mut each)
}

fn lines_of(text: &mut dyn BufRead, each: &mut dyn FnMut(&str) -> ControlFlow<()>) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut *text).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") && text.fill_buf().is_ok_and(|rest| !rest.is_empty()) {
            text.skip_until(b'\n')?;
            continue;
        }
        if each(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])).is_break() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<String> {
        let mut read = Vec::new();
        let mut each = |line: &str| {
            read.push(line.to_owned());
            if line == "stop" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        lines_of(&mut BufReader::with_capacity(16, text), &mut each).unwrap();
        read
    }

    #[test]
    fn lines_are_read_until_the_break_and_overlong_ones_are_skipped() {
        assert_eq!(read(b"a\r\n\nb\xff"), ["a", "", "b\u{fffd}"]);
        assert_eq!(read(b"a\nstop\nb\n"), ["a", "stop"]);
        let full = usize::try_from(MAX_LINE).unwrap();
        for length in [full - 2, full - 1, full, full + 1, 3 * full] {
            let text = format!("{}\nb\n", "x".repeat(length));
            let expected = if length < full { 2 } else { 1 };
            assert_eq!(read(text.as_bytes()).len(), expected, "{length}");
        }
        assert_eq!(read("x".repeat(full).as_bytes()).len(), 1, "the last line needs no line feed");
    }

    #[test]
    fn only_regular_files_are_opened() {
        assert!(open("/").is_err());
        assert!(open("/no/such/file").is_err());
    }
}
