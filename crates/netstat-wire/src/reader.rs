//! Reads fixed-width fields from bytes; and `DecodeError`, the only error of this crate.
//!
//! A [`Reader`] is at an offset of a record and moves forward. Each method names the width and the byte order of
//! the field, so a decoder reads like the C structure that it decodes, field by field in the header's order: no
//! casts of memory, hence no alignment, no packed structures and no dependence on how a compiler lays out
//! structures. A missing field is an error with its offset.

use std::error::Error;
use std::fmt;

/// Why bytes are not the expected record.
///
/// Its text names the record and the place: `inet_diag_msg: 4 bytes needed at offset 68, 2 there`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    record: &'static str,
    offset: usize,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Short { need: usize, have: usize },
    Malformed(&'static str),
}

impl DecodeError {
    /// The record ends before a field does.
    #[cold]
    pub const fn short(record: &'static str, offset: usize, need: usize, have: usize) -> Self {
        Self { record, offset, reason: Reason::Short { need, have } }
    }

    /// The bytes are there and are not valid; `what` follows the record's name in the text.
    #[cold]
    pub const fn malformed(record: &'static str, offset: usize, what: &'static str) -> Self {
        Self { record, offset, reason: Reason::Malformed(what) }
    }

    /// The record that was being read, by the name its kernel has for it.
    pub const fn record(&self) -> &'static str {
        self.record
    }

    /// Where in the record, in bytes from its start.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes the field takes; `None` if length was not what was wrong.
    pub const fn need(&self) -> Option<usize> {
        match self.reason {
            Reason::Short { need, .. } => Some(need),
            Reason::Malformed(_) => None,
        }
    }

    /// How many bytes are left at the offset; `None` if length was not what was wrong.
    pub const fn have(&self) -> Option<usize> {
        match self.reason {
            Reason::Short { have, .. } => Some(have),
            Reason::Malformed(_) => None,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, offset, reason } = self;
        match reason {
            Reason::Short { need, have } => {
                let plural = if *need == 1 { "" } else { "s" };
                write!(f, "{record}: {need} byte{plural} needed at offset {offset}, {have} there")
            }
            Reason::Malformed(what) => write!(f, "{record}: {what} at offset {offset}"),
        }
    }
}

impl Error for DecodeError {}

/// Reads fields of a record, in order, each checked against the remaining length.
///
/// A method that fails reads nothing: the reader stays at its offset.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    record: &'static str,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`; `record` is the name in errors.
    #[inline]
    pub const fn new(record: &'static str, bytes: &'a [u8]) -> Self {
        Self { record, length: bytes.len(), rest: bytes }
    }

    /// Reads one byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.bytes().map(u8::from_ne_bytes)
    }

    /// Reads a `u16` in network byte order, as kernels keep ports.
    #[inline]
    pub fn u16_be(&mut self) -> Result<u16, DecodeError> {
        self.bytes().map(u16::from_be_bytes)
    }

    /// Reads a `u16` in the machine's byte order.
    #[inline]
    pub fn u16_ne(&mut self) -> Result<u16, DecodeError> {
        self.bytes().map(u16::from_ne_bytes)
    }

    /// Reads a `u32` in network byte order.
    #[inline]
    pub fn u32_be(&mut self) -> Result<u32, DecodeError> {
        self.bytes().map(u32::from_be_bytes)
    }

    /// Reads a `u32` in the machine's byte order.
    #[inline]
    pub fn u32_ne(&mut self) -> Result<u32, DecodeError> {
        self.bytes().map(u32::from_ne_bytes)
    }

    /// Reads `N` `u32` in the machine's byte order; all of them or none.
    pub fn u32s_ne<const N: usize>(&mut self) -> Result<[u32; N], DecodeError> {
        let start = self.clone();
        let mut taken = [0; N];
        for number in &mut taken {
            match self.u32_ne() {
                Ok(next) => *number = next,
                Err(error) => {
                    *self = start;
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    /// Reads an `i32` in the machine's byte order.
    #[inline]
    pub fn i32_ne(&mut self) -> Result<i32, DecodeError> {
        self.bytes().map(i32::from_ne_bytes)
    }

    /// Reads a `u64` in the machine's byte order, at any alignment: netlink aligns to 4 only.
    #[inline]
    pub fn u64_ne(&mut self) -> Result<u64, DecodeError> {
        self.bytes().map(u64::from_ne_bytes)
    }

    /// Reads `N` bytes as they are.
    #[inline]
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.short(N)),
        }
    }

    /// Reads `n` bytes, borrowed from the record.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.short(n)),
        }
    }

    /// Skips `n` bytes.
    #[inline]
    pub fn skip(&mut self, n: usize) -> Result<(), DecodeError> {
        self.take(n).map(drop)
    }

    /// The remaining bytes, without reading them.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have been read.
    #[inline]
    pub const fn offset(&self) -> usize {
        // The rest is a tail of the whole, so this never saturates.
        self.length.saturating_sub(self.rest.len())
    }

    /// How many bytes remain.
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[cold]
    fn short(&self, need: usize) -> DecodeError {
        DecodeError::short(self.record, self.offset(), need, self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_width_is_read_in_the_named_byte_order() {
        let mut bytes = vec![7, 0x12, 0x34];
        bytes.extend_from_slice(&0x1234_u16.to_ne_bytes());
        bytes.extend_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        bytes.extend_from_slice(&0xdead_beef_u32.to_ne_bytes());
        bytes.extend_from_slice(&(-2_i32).to_ne_bytes());
        bytes.extend_from_slice(&u64::MAX.to_ne_bytes());
        bytes.extend_from_slice(b"abcdef");
        let mut reader = Reader::new("test", &bytes);
        assert_eq!(reader.u8(), Ok(7));
        assert_eq!(reader.u16_be(), Ok(0x1234));
        assert_eq!(reader.u16_ne(), Ok(0x1234));
        assert_eq!(reader.u32_be(), Ok(0xdead_beef));
        assert_eq!(reader.u32_ne(), Ok(0xdead_beef));
        assert_eq!(reader.clone().u32s_ne(), Ok([0xffff_fffe, u32::MAX, u32::MAX]));
        assert_eq!(reader.i32_ne(), Ok(-2));
        assert_eq!(reader.u64_ne(), Ok(u64::MAX));
        assert_eq!(reader.bytes(), Ok(*b"ab"));
        assert_eq!(reader.skip(1), Ok(()));
        assert_eq!(reader.offset(), bytes.len() - 3);
        assert_eq!(reader.take(2), Ok(&b"de"[..]));
        assert_eq!(reader.rest(), b"f");
        assert_eq!(reader.remaining(), 1);
    }

    #[test]
    fn missing_field_is_an_error_with_its_offset_and_nothing_is_read() {
        let mut reader = Reader::new("inet_diag_msg", &[0; 70]);
        reader.skip(68).unwrap();
        let error = reader.u32_ne().unwrap_err();
        assert_eq!(error.to_string(), "inet_diag_msg: 4 bytes needed at offset 68, 2 there");
        assert_eq!((error.record(), error.offset()), ("inet_diag_msg", 68));
        assert_eq!((error.need(), error.have()), (Some(4), Some(2)));
        assert_eq!(reader.take(3).unwrap_err().need(), Some(3));
        let error = reader.u32s_ne::<2>().unwrap_err();
        assert_eq!((error.offset(), error.need(), error.have()), (68, Some(4), Some(2)));
        assert_eq!(reader.skip(usize::MAX).unwrap_err().need(), Some(usize::MAX));
        assert_eq!(reader.remaining(), 2);
        let mut second = Reader::new("meminfo", &[0; 7]);
        assert_eq!(second.u32s_ne::<2>().unwrap_err().offset(), 4);
        assert_eq!(second.offset(), 0);
        assert_eq!(reader.u16_ne(), Ok(0));
        let error = reader.u8().unwrap_err();
        assert_eq!(error.to_string(), "inet_diag_msg: 1 byte needed at offset 70, 0 there");
    }

    #[test]
    fn malformed_record_has_an_offset_and_no_lengths() {
        let error = DecodeError::malformed("stat", 5, "no ')' after the name");
        assert_eq!(error.to_string(), "stat: no ')' after the name at offset 5");
        assert_eq!((error.need(), error.have()), (None, None));
    }
}
