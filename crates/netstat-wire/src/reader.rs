//! The one way this crate takes values out of bytes, and the one error it has.
//!
//! A [`Reader`] stands at an offset of a record and moves forward. Each method names the width and the
//! byte order of what it takes, so a decoder reads like the C structure that it decodes, field by
//! field in the header's order: no casts of memory, hence no alignment, no packed structures and
//! nothing that depends on how a compiler lays things out. A field that is not there is an error which
//! says where.

use std::error::Error;
use std::fmt;

/// Why bytes are not the record they were taken for.
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

    /// The bytes are there and cannot be what they should be; `what` says so after the record's name.
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

/// Takes fields out of a record, in order, each checked against what is left.
///
/// A method that fails takes nothing, so the reader stays where it was.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    record: &'static str,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`; errors will call them `record`.
    #[inline]
    pub const fn new(record: &'static str, bytes: &'a [u8]) -> Self {
        Self { record, length: bytes.len(), rest: bytes }
    }

    /// Takes one byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.bytes().map(u8::from_ne_bytes)
    }

    /// Takes a `u16` in network byte order, as kernels keep ports.
    #[inline]
    pub fn u16_be(&mut self) -> Result<u16, DecodeError> {
        self.bytes().map(u16::from_be_bytes)
    }

    /// Takes a `u16` in the machine's byte order.
    #[inline]
    pub fn u16_ne(&mut self) -> Result<u16, DecodeError> {
        self.bytes().map(u16::from_ne_bytes)
    }

    /// Takes a `u32` in network byte order.
    #[inline]
    pub fn u32_be(&mut self) -> Result<u32, DecodeError> {
        self.bytes().map(u32::from_be_bytes)
    }

    /// Takes a `u32` in the machine's byte order.
    #[inline]
    pub fn u32_ne(&mut self) -> Result<u32, DecodeError> {
        self.bytes().map(u32::from_ne_bytes)
    }

    /// Takes `N` `u32` in the machine's byte order, one after the other; all of them or none.
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

    /// Takes an `i32` in the machine's byte order.
    #[inline]
    pub fn i32_ne(&mut self) -> Result<i32, DecodeError> {
        self.bytes().map(i32::from_ne_bytes)
    }

    /// Takes a `u64` in the machine's byte order, wherever it stands: netlink aligns to 4 only.
    #[inline]
    pub fn u64_ne(&mut self) -> Result<u64, DecodeError> {
        self.bytes().map(u64::from_ne_bytes)
    }

    /// Takes `N` bytes as they are.
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

    /// Takes `n` bytes, borrowed from the record.
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

    /// Passes over `n` bytes.
    #[inline]
    pub fn skip(&mut self, n: usize) -> Result<(), DecodeError> {
        self.take(n).map(drop)
    }

    /// What is left, without taking it.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have been taken.
    #[inline]
    pub const fn offset(&self) -> usize {
        // The rest is a tail of the whole, so this never saturates.
        self.length.saturating_sub(self.rest.len())
    }

    /// How many bytes are left.
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
    fn each_width_is_taken_in_the_order_its_method_names() {
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
    fn a_field_that_is_not_there_is_an_error_that_says_where_and_takes_nothing() {
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
    fn a_malformed_record_has_a_place_and_no_lengths() {
        let error = DecodeError::malformed("stat", 5, "no ')' after the name");
        assert_eq!(error.to_string(), "stat: no ')' after the name at offset 5");
        assert_eq!((error.need(), error.have()), (None, None));
    }
}
