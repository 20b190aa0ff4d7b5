//! `/proc/PID/status` (`fs/proc/array.c`, `proc_pid_status`): a process in lines `Key:\tvalues`.
//!
//! Lines were inserted in the middle over the years, so each is found by its key. The first, `Name:`, holds
//! text of the process' choosing; the kernel escapes newlines in it, and only a line's start counts as a key.
//! The user numbers are those of the reader's user namespace, 65534 where they have none there.

use super::decimal;
use crate::reader::DecodeError;

const RECORD: &str = "/proc/PID/status";

/// What of the file is of use here: the line `Uid:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The user who started the process.
    pub uid_real: u32,
    /// The user with whose rights it acts.
    pub uid_effective: u32,
    /// The user to whose rights it may return.
    pub uid_saved: u32,
    /// The user with whose rights it opens files; new sockets are this one's.
    pub uid_filesystem: u32,
}

impl Status {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// There is no line `Uid:` with four numbers and a newline.
    pub fn decode(text: &[u8]) -> Result<Self, DecodeError> {
        let mut offset = 0_usize;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if let Some(values) = line.strip_prefix(b"Uid:\t") {
                return Self::values(values).ok_or(DecodeError::malformed(
                    RECORD,
                    offset,
                    "malformed line Uid",
                ));
            }
            offset = offset.saturating_add(line.len());
        }
        Err(DecodeError::malformed(RECORD, offset, "no line Uid"))
    }

    fn values(values: &[u8]) -> Option<Self> {
        // Without its newline the line may be cut in the middle of a number.
        let mut values = values.strip_suffix(b"\n")?.split(|byte| *byte == b'\t').map(decimal::unsigned_32);
        let mut next = || values.next().flatten();
        Some(Self { uid_real: next()?, uid_effective: next()?, uid_saved: next()?, uid_filesystem: next()? })
    }
}
