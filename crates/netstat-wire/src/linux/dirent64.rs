//! What getdents64(2) leaves: the entries of a directory (`struct linux_dirent64` of include/linux/dirent.h), one
//! after the other. Each has a header of 19 bytes, a name that ends with NUL, and bytes up to the place of the next.

use crate::reader::{DecodeError, Reader};
use std::ffi::CStr;

const RECORD: &str = "linux_dirent64";

/// The names in what one call has left, in order.
///
/// After an error nothing follows: without a length there is no next entry.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    rest: &'a [u8],
}

impl<'a> Names<'a> {
    /// `bytes`: as many as the call said that it has written.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Result<&'a CStr, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = entry(self.rest);
        self.rest = entry.as_ref().map_or_else(|_| &[][..], |(_, rest)| rest);
        Some(entry.map(|(name, _)| name))
    }
}

/// The name of the first entry, and what follows it.
fn entry(bytes: &[u8]) -> Result<(&CStr, &[u8]), DecodeError> {
    let mut reader = Reader::new(RECORD, bytes);
    reader.skip(8)?; // d_ino
    reader.skip(8)?; // d_off
    let length = usize::from(reader.u16_ne()?); // d_reclen
    reader.skip(1)?; // d_type
    let Some((entry, rest)) = bytes.split_at_checked(length) else {
        return Err(DecodeError::short(RECORD, 0, length, bytes.len()));
    };
    let name = entry.get(reader.offset()..).and_then(|name| CStr::from_bytes_until_nul(name).ok());
    match name {
        Some(name) => Ok((name, rest)),
        None => Err(DecodeError::malformed(RECORD, reader.offset(), "no end of the name")),
    }
}
