//! `/proc/net/snmp` (`net/ipv4/proc.c`): counters of a network namespace, two lines a protocol: `Tcp: ActiveOpens ...` with the
//! names, then `Tcp: 5 ...` with the numbers. Those of TCP count both families.
//!
//! Counters are kept per processor and added up without a lock.

use super::decimal;
use crate::reader::DecodeError;

const RECORD: &str = "/proc/net/snmp";

/// How many TCP connections have been opened since the namespace was made: by connect(2) and by accepting a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOpens {
    /// `ActiveOpens`.
    pub active: u64,
    /// `PassiveOpens`.
    pub passive: u64,
}

impl TcpOpens {
    /// Reads the lines of TCP.
    ///
    /// # Errors
    /// There are not both lines, whole, with both counters.
    pub fn decode(text: &[u8]) -> Result<Self, DecodeError> {
        let missing = DecodeError::malformed(RECORD, text.len(), "no counters of TCP");
        // Without its newline a line may be truncated in the middle of a number.
        let lines = text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        let mut lines = lines.filter_map(|line| line.strip_prefix(b"Tcp: "));
        let (names, numbers) = lines.next().zip(lines.next()).ok_or(missing)?;
        let words = |line| <[u8]>::split(line, |byte| *byte == b' ');
        let value = |wanted: &[u8]| {
            let (_, number) = words(names).zip(words(numbers)).find(|(name, _)| *name == wanted)?;
            decimal::unsigned(number)
        };
        let opens = value(b"ActiveOpens").zip(value(b"PassiveOpens"));
        opens.map(|(active, passive)| Self { active, passive }).ok_or(missing)
    }
}
