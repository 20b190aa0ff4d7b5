//! Reads lines of procfs that are columns separated by spaces.

use super::decimal;
use crate::reader::{DecodeError, Reader};

/// Reads the columns of a line, from the left. Each must be followed by a space, a tab or a newline: a column that
/// ends with the bytes may be truncated.
pub(super) struct Columns<'a> {
    record: &'static str,
    reader: Reader<'a>,
}

impl<'a> Columns<'a> {
    pub(super) const fn new(record: &'static str, line: &'a [u8]) -> Self {
        Self { record, reader: Reader::new(record, line) }
    }

    /// Reads the next column.
    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let spaces = self.reader.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.reader.skip(spaces)?;
        let length = self.reader.rest().iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
        match length.filter(|length| *length > 0) {
            Some(length) => self.reader.take(length),
            None => Err(self.malformed(what)),
        }
    }

    /// Reads the next column, a decimal number without a sign.
    pub(super) fn decimal<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, DecodeError> {
        let before = self.reader.clone();
        let value = decimal::unsigned(self.text(what)?).and_then(|value| value.try_into().ok());
        value.ok_or_else(|| self.malformed_at(before, what))
    }

    /// Reads the next column, a hexadecimal number of at most eight digits.
    pub(super) fn hex(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let before = self.reader.clone();
        let digits = self.text(what)?;
        let value = digits.iter().try_fold(0_u32, |value, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(value.checked_shl(4)? | digit)
        });
        value.filter(|_| digits.len() <= 8).ok_or_else(|| self.malformed_at(before, what))
    }

    /// The rest of the line.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::malformed(self.record, self.reader.offset(), what)
    }

    fn malformed_at(&self, reader: Reader<'_>, what: &'static str) -> DecodeError {
        DecodeError::malformed(self.record, reader.offset(), what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_in_order_and_the_rest_remains() {
        let mut columns = Columns::new("test", b"  a 12\tfF 7\n");
        assert_eq!(columns.text("first"), Ok(&b"a"[..]));
        assert_eq!(columns.decimal::<u8>("second"), Ok(12));
        assert_eq!(columns.hex("third"), Ok(255));
        assert_eq!(columns.rest(), b" 7\n");
        assert_eq!(columns.decimal::<u8>("fourth"), Ok(7));
        assert_eq!(columns.text("fifth").unwrap_err().to_string(), "test: fifth at offset 11");
    }

    #[test]
    fn invalid_or_truncated_number_is_an_error_with_its_offset() {
        for line in ["-1 ", "01 ", "256 ", "x ", "1", ""] {
            let read = Columns::new("test", line.as_bytes()).decimal::<u8>("malformed");
            assert_eq!(read.unwrap_err().to_string(), "test: malformed at offset 0", "{line:?}");
        }
        for line in ["g ", "123456789 ", "1"] {
            let read = Columns::new("test", line.as_bytes()).hex("malformed");
            assert_eq!(read.unwrap_err().to_string(), "test: malformed at offset 0", "{line:?}");
        }
    }
}
