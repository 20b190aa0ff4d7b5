//! Calls that write into a buffer whose size nobody knows beforehand.
//!
//! Such a call says how much would have been enough, and by the next call that may be too little: sockets and
//! processes come while the buffer grows, time and again. A buffer of exactly the size that was named spins on
//! a busy machine, so each step leaves room for more, and after some it ends. The first call has a buffer
//! already: to ask with none would cost a snapshot inside the kernel that nobody reads.

use super::kernel::{Answer, Kernel};
use std::io;

/// `ERROR_INSUFFICIENT_BUFFER`, of the tables of sockets.
pub(super) const ERROR_INSUFFICIENT_BUFFER: u32 = 122;
/// `STATUS_INFO_LENGTH_MISMATCH`: a buffer too small, of `NtQuerySystemInformation`.
pub(super) const STATUS_INFO_LENGTH_MISMATCH: u32 = 0xc000_0004;
/// `STATUS_BUFFER_TOO_SMALL`, with the same meaning.
pub(super) const STATUS_BUFFER_TOO_SMALL: u32 = 0xc000_0023;
/// `STATUS_UNSUCCESSFUL`: what the tables of sockets answer, undocumented, when they change too fast.
pub(super) const STATUS_UNSUCCESSFUL: u32 = 0xc000_0001;

/// How often a call is made at the most.
const TRIES: u32 = 10;

/// The largest buffer: more than a million sockets.
const LARGEST: usize = 256 << 20;

/// A buffer for such calls, aligned to 8 as records with 64-bit numbers need it.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where the aligned part begins.
    start: usize,
}

impl Buffer {
    const ALIGNMENT: usize = 8;

    /// Makes room for so many bytes, zeroed. What was in it is lost.
    fn resize(&mut self, size: usize) {
        // Pages that are zero from the start, and cost nothing until they are written.
        let bytes = vec![0; size + Self::ALIGNMENT];
        // A failure to tell the offset, which the documentation allows, leaves the start as it is: calls that
        // insist on alignment then refuse.
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

/// What such a call wrote, and where: pointers in it are absolute.
pub(super) struct Written<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) address: u64,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(super) enum Unfilled {
    /// It answered with this.
    Status(u32),
    /// Its answer outgrew every buffer.
    Other(io::Error),
}

impl Unfilled {
    /// What to tell of it.
    pub(super) fn into_error(self, kernel: &impl Kernel) -> io::Error {
        match self {
            Self::Status(status) => kernel.error(status),
            Self::Other(error) => error,
        }
    }
}

/// Calls until the answer fits. `first` is the size to begin with, if the buffer is smaller.
pub(super) fn read_sized<'a>(
    buffer: &'a mut Buffer,
    first: usize,
    call: &mut dyn FnMut(&mut [u8]) -> Answer,
) -> Result<Written<'a>, Unfilled> {
    if buffer.len() < first {
        buffer.resize(first);
    }
    for _ in 0..TRIES {
        let Answer { status, bytes } = call(buffer.bytes_mut());
        match status {
            0 => {
                let bytes = buffer.bytes(bytes);
                return Ok(Written { bytes, address: bytes.as_ptr().addr().try_into().unwrap_or(0) });
            }
            ERROR_INSUFFICIENT_BUFFER | STATUS_INFO_LENGTH_MISMATCH | STATUS_BUFFER_TOO_SMALL => {
                let roomy = bytes.saturating_add(bytes / 4).saturating_add(4096);
                let size = roomy.max(buffer.len().saturating_mul(2));
                if size > LARGEST {
                    return Err(Unfilled::Other(io::Error::other("the answer is too large")));
                }
                buffer.resize(size);
            }
            STATUS_UNSUCCESSFUL => {}
            status => return Err(Unfilled::Status(status)),
        }
    }
    Err(Unfilled::Other(io::Error::other(format!("changed at each of {TRIES} readings"))))
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
    fn buffer_grows_until_the_answer_fits() {
        let small = |bytes| Answer { status: ERROR_INSUFFICIENT_BUFFER, bytes };
        let changing = Answer { status: STATUS_UNSUCCESSFUL, bytes: 0 };
        let done = Answer { status: 0, bytes: 70_000 };
        let (read, calls) = answers(&[small(100), changing, small(60_000), changing, done]);
        assert_eq!((read.unwrap(), calls), (70_000, 5));
    }

    #[test]
    fn answer_that_always_outgrows_the_buffer_is_given_up() {
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
    fn other_status_ends_it_at_once() {
        let (read, calls) = answers(&[Answer { status: 5, bytes: 0 }]);
        assert_eq!(calls, 1);
        assert!(matches!(read, Err(Unfilled::Status(5))));
    }

    #[test]
    fn call_that_claims_more_than_it_was_given_is_believed_so_far_only() {
        let (read, _) = answers(&[Answer { status: 0, bytes: usize::MAX }]);
        assert_eq!(read.unwrap(), 64);
    }
}
