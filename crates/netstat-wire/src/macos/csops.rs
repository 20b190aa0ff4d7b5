//! `csops` (`bsd/kern/kern_proc.c`, `csops_internal`; `bsd/sys/codesign.h`): what the kernel knows of a program's signature.
//!
//! `CS_OPS_IDENTITY` and `CS_OPS_TEAMID` return a text behind a header of 8 bytes: four zeroes, and the length of all in
//! network order, the NUL at the end included. Both are answered for every process, without root.

use crate::reader::DecodeError;

/// The identifier in the signature.
pub const CS_OPS_IDENTITY: u32 = 11;

/// The team of developers.
pub const CS_OPS_TEAMID: u32 = 14;

const RECORD: &str = "csops";
const HEADER: usize = 8;

/// The text of an answer.
///
/// # Errors
/// The header is cut, or the text is not as long as it says.
pub fn text(answer: &[u8]) -> Result<&[u8], DecodeError> {
    let malformed = |offset, what| DecodeError::malformed(RECORD, offset, what);
    let length = answer.get(4..HEADER).and_then(|bytes| bytes.try_into().ok());
    let length = length.map(u32::from_be_bytes).ok_or_else(|| malformed(answer.len(), "header cut"))?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let text = answer.get(HEADER..length).ok_or_else(|| malformed(HEADER, "length beyond the answer"))?;
    let text = text.strip_suffix(&[0]).ok_or_else(|| malformed(length, "no NUL at the end"))?;
    if text.contains(&0) { Err(malformed(HEADER, "NUL within the text")) } else { Ok(text) }
}
