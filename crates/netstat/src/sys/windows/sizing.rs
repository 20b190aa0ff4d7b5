//! Calls that write into a buffer whose needed size is unknown.
//!
//! Such a call returns the size that it needed, which may be too small for the next call, since sockets and processes are
//! created meanwhile. Retrying with exactly that size can go on forever on a busy machine, so the buffer grows by more,
//! and the number of tries is bounded. The first call has a buffer already: a call without one costs the kernel a whole
//! snapshot that is thrown away.

use super::kernel::{Answer, Kernel};
use std::io;

/// `ERROR_INSUFFICIENT_BUFFER`, of the tables of sockets.
pub(super) const ERROR_INSUFFICIENT_BUFFER: u32 = 122;
/// `STATUS_INFO_LENGTH_MISMATCH`: a buffer too small, of `NtQuerySystemInformation`.
pub(super) const STATUS_INFO_LENGTH_MISMATCH: u32 = 0xc000_0004;
/// `STATUS_BUFFER_TOO_SMALL`, with the same meaning.
pub(super) const STATUS_BUFFER_TOO_SMALL: u32 = 0xc000_0023;
/// `STATUS_UNSUCCESSFUL`: returned, undocumented, by the tables of sockets if they change too fast.
pub(super) const STATUS_UNSUCCESSFUL: u32 = 0xc000_0001;

/// The most calls for one result.
const MAX_TRIES: u32 = 10;

/// The largest buffer: more than a million sockets.
const MAX_BYTES: usize = 256 << 20;

/// A buffer for such calls, aligned to 8 as records with 64-bit numbers need it.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// The offset of the aligned part.
    start: usize,
}

impl Buffer {
    const ALIGNMENT: usize = 8;

    /// Replaces the buffer by a zeroed one of `size` bytes.
    fn resize(&mut self, size: usize) {
        // Zeroed by the allocator, at no cost until the pages are written.
        let bytes = vec![0; size + Self::ALIGNMENT];
        // `align_offset` may fail, as documented. The start is then unaligned, and calls that require alignment
        // return an error.
        let offset = bytes.as_ptr().align_offset(Self::ALIGNMENT);
        self.start = if offset < Self::ALIGNMENT { offset } else { 0 };
        self.bytes = bytes;
    }

    fn len(&self) -> usize {
        self.bytes.len().saturating_sub(Self::ALIGNMENT)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, size) = (self.start, self.len());
        self.bytes.get_mut(start..start + size).unwrap_or_default()
    }

    fn bytes(&self, size: usize) -> &[u8] {
        self.bytes.get(self.start..self.start + size.min(self.len())).unwrap_or_default()
    }
}

/// The bytes that a call wrote, with their address: pointers in them are absolute.
pub(super) struct Written<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) address: u64,
}

/// Why a call returned nothing.
#[derive(Debug)]
pub(super) enum Unfilled {
    /// It failed with this status.
    Status(u32),
    /// Its result outgrew every buffer, or changed in each try.
    Other(io::Error),
}

impl Unfilled {
    pub(super) fn into_error(self, kernel: &impl Kernel) -> io::Error {
        match self {
            Self::Status(status) => kernel.error(status),
            Self::Other(error) => error,
        }
    }
}

/// Calls until the result fits. `first`: the least size of the buffer.
pub(super) fn read_sized<'a>(
    buffer: &'a mut Buffer,
    first: usize,
    call: &mut dyn FnMut(&mut [u8]) -> Answer,
) -> Result<Written<'a>, Unfilled> {
    if buffer.len() < first {
        buffer.resize(first);
    }
    for _ in 0..MAX_TRIES {
        let Answer { status, bytes } = call(buffer.bytes_mut());
        match status {
            0 => {
                let bytes = buffer.bytes(bytes);
                return Ok(Written { bytes, address: bytes.as_ptr().addr().try_into().unwrap_or(0) });
            }
            ERROR_INSUFFICIENT_BUFFER | STATUS_INFO_LENGTH_MISMATCH | STATUS_BUFFER_TOO_SMALL => {
                let roomy = bytes.saturating_add(bytes / 4).saturating_add(4096);
                let size = roomy.max(buffer.len().saturating_mul(2));
                if size > MAX_BYTES {
                    return Err(Unfilled::Other(io::Error::other("the result is too large")));
                }
                buffer.resize(size);
            }
            STATUS_UNSUCCESSFUL => {}
            status => return Err(Unfilled::Status(status)),
        }
    }
    Err(Unfilled::Other(io::Error::other(format!("changed in each of {MAX_TRIES} reads"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(script: &[Answer]) -> (Result<usize, Unfilled>, usize) {
        let mut buffer = Buffer::default();
        let mut calls = 0;
        let mut call = |bytes: &mut [u8]| {
            assert_eq!(bytes.as_ptr().addr() % 8, 0);
            let answer = script[calls.min(script.len() - 1)];
            calls += 1;
            answer
        };
        let read = read_sized(&mut buffer, 64, &mut call).map(|written| {
            assert_eq!(written.address, written.bytes.as_ptr().addr() as u64);
            written.bytes.len()
        });
        (read, calls)
    }

    #[test]
    fn buffer_grows_until_the_result_fits() {
        let small = |bytes| Answer { status: ERROR_INSUFFICIENT_BUFFER, bytes };
        let changing = Answer { status: STATUS_UNSUCCESSFUL, bytes: 0 };
        let done = Answer { status: 0, bytes: 70_000 };
        let (read, calls) = answers(&[small(100), changing, small(60_000), changing, done]);
        assert_eq!((read.unwrap(), calls), (70_000, 5));
    }

    #[test]
    fn result_that_always_outgrows_the_buffer_is_an_error_after_ten_tries() {
        let (read, calls) = answers(&[Answer { status: STATUS_INFO_LENGTH_MISMATCH, bytes: 0 }]);
        assert_eq!(calls, 10);
        assert!(matches!(read, Err(Unfilled::Other(_))));
        let (read, calls) = answers(&[Answer { status: STATUS_UNSUCCESSFUL, bytes: 0 }]);
        assert_eq!(calls, 10);
        assert!(matches!(read, Err(Unfilled::Other(_))));
        let (read, calls) = answers(&[Answer { status: STATUS_BUFFER_TOO_SMALL, bytes: usize::MAX }]);
        assert_eq!(calls, 1);
        assert!(matches!(read, Err(Unfilled::Other(_))));
    }

    #[test]
    fn other_status_is_not_retried() {
        let (read, calls) = answers(&[Answer { status: 5, bytes: 0 }]);
        assert_eq!(calls, 1);
        assert!(matches!(read, Err(Unfilled::Status(5))));
    }

    #[test]
    fn returned_length_beyond_the_buffer_is_clamped() {
        let (read, _) = answers(&[Answer { status: 0, bytes: usize::MAX }]);
        assert_eq!(read.unwrap(), 64);
    }
}
