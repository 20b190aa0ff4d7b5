//! `/proc/PID/fdinfo/FD` (`fs/proc/fd.c` and what each kind of file adds): the parts about sockets.
//!
//! Of every descriptor `ino:` (5.14), the number in `socket:[N]`. Of a unix socket `scm_fds:` (5.6), how many
//! descriptors are in flight in its queue. Of an io_uring (`io_uring/fdinfo.c`) the files that are registered with
//! it, which stay open without a descriptor:
//!
//! ```text
//! UserFiles:      6
//!     0: socket:[1303531]
//!     3: /run/example/new\012line\040socket:[1]
//! UserBufs:       0
//! ```
//!
//! Traps:
//! - Empty slots are left out by newer kernels (6.18) and are `<none>` in older ones (6.8). `UserFiles:` counts
//!   slots, not files.
//! - **The files may be missing although there are some**: the kernel does not wait for a ring that is in use.
//!   Older kernels (6.8) then print `UserFiles:` with its number and no line after it, newer ones nothing of the
//!   ring at all. So no line does not mean no file: read it several times.
//! - Older kernels (6.8) print the last part of the file's name only, unescaped: a socket is `TCP` or the like,
//!   without its inode, and a regular file may be named `socket:[1]`. Newer ones (6.18) print whole paths, with
//!   spaces, tabs, newlines and backslashes in octal; there only a socket's text starts with `socket:[`. The
//!   kernel's version shows which it is, or a socket that the reader registers itself.

use super::decimal;
use super::text::position;
use crate::reader::{DecodeError, Reader};

const RECORD: &str = "/proc/PID/fdinfo";

/// The fields of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdInfo<'a> {
    /// `ino:`: the inode of the file. Absent before 5.14.
    pub inode: Option<u64>,
    /// `scm_fds:`: descriptors in messages that wait to be read. Absent unless a unix socket, and before 5.6.
    pub scm_fds: Option<u32>,
    /// `UserFiles:`. Absent unless an io_uring; and see the traps above.
    pub user_files: Option<UserFiles<'a>>,
}

impl<'a> FdInfo<'a> {
    /// Reads the text of the file. Unknown lines are skipped, and so is a last one without its newline, which may
    /// be truncated.
    ///
    /// # Errors
    /// A number is not what it should be.
    pub fn decode(text: &'a [u8]) -> Result<Self, DecodeError> {
        let mut info = Self { inode: None, scm_fds: None, user_files: None };
        let mut reader = Reader::new(RECORD, text);
        while let Some(length) = position(reader.rest(), b'\n') {
            let offset = reader.offset();
            let line = reader.take(length)?;
            reader.skip(1)?;
            let malformed = |what| DecodeError::malformed(RECORD, offset, what);
            if let Some(value) = value(line, b"ino:") {
                info.inode = Some(decimal::unsigned(value).ok_or_else(|| malformed("malformed ino"))?);
            } else if let Some(value) = value(line, b"scm_fds:") {
                let value = decimal::unsigned_32(value);
                info.scm_fds = Some(value.ok_or_else(|| malformed("malformed scm_fds"))?);
            } else if let Some(value) = value(line, b"UserFiles:") {
                let slots = decimal::unsigned_32(value).ok_or_else(|| malformed("malformed UserFiles"))?;
                info.user_files = Some(UserFiles { slots, rest: reader.rest() });
                // The lines that follow are names.
                break;
            }
        }
        Ok(info)
    }
}

/// What follows the word and its spaces.
fn value<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    Some(line.strip_prefix(word)?.trim_ascii_start())
}

/// The files that are registered with an io_uring, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFiles<'a> {
    /// How many slots there are for files, full or empty.
    pub slots: u32,
    rest: &'a [u8],
}

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserFile<'a> {
    /// The slot.
    pub index: u32,
    /// Its path or name as printed: [`socket_inode`](super::proc_pid_fd::socket_inode) reads it.
    pub name: &'a [u8],
}

impl<'a> Iterator for UserFiles<'a> {
    type Item = UserFile<'a>;

    /// The next line that is a file; the first that is neither a file nor empty ends the list.
    fn next(&mut self) -> Option<UserFile<'a>> {
        loop {
            let length = position(self.rest, b'\n')?;
            let (line, rest) = self.rest.split_at_checked(length)?;
            let colon = position(line, b':')?;
            let index = line.get(..colon)?;
            // Indented: the line after the files is not.
            let index = decimal::unsigned_32(index.strip_prefix(b" ")?.trim_ascii_start());
            let name = line.get(colon..)?.strip_prefix(b": ");
            let (Some(index), Some(name)) = (index, name) else {
                return None;
            };
            self.rest = rest.strip_prefix(b"\n")?;
            if name != b"<none>" {
                return Some(UserFile { index, name });
            }
        }
    }
}
