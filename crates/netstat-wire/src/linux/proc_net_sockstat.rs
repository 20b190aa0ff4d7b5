//! `/proc/net/sockstat` and `sockstat6` (`net/ipv4/proc.c`, `net/ipv6/proc.c`): how many sockets of each
//! protocol a network namespace has, one line a protocol: `TCP: inuse 5 orphan 0 tw 3 alloc 7 mem 1`.
//!
//! For TCP, `inuse` counts the sockets in the kernel's hash tables: those in every state but TIME_WAIT and
//! SYN_RECV, which are no sockets, and CLOSE, which are in no table. `sockstat` counts those of IPv4 and
//! `sockstat6` those of IPv6. `tw` counts the minisocks of both families in TIME_WAIT, and those in FIN_WAIT2
//! without a holder.
//!
//! Counters are kept per processor and added up without a lock: while sockets open and close, a sum is that of no
//! one moment.
//! one moment.

use super::decimal;
use crate::reader::DecodeError;

const RECORD: &str = "/proc/net/sockstat";

/// The counters of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sockstat {
    /// `inuse`: sockets that can be found.
    pub inuse: u64,
    /// `orphan`: those that no process has, of all network namespaces; only the line `TCP` has it.
    pub orphan: Option<u64>,
    /// `tw`: the minisocks of closed connections; only the line `TCP` has it.
    pub tw: Option<u64>,
}

impl Sockstat {
    /// Reads the line of one protocol: `TCP` or `UDP` of `sockstat`, `TCP6` or `UDP6` of `sockstat6`.
    ///
    /// # Errors
    /// There is no such whole line, or no number after `inuse` in it.
    pub fn decode(text: &[u8], protocol: &str) -> Result<Self, DecodeError> {
        let mut offset = 0_usize;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let values = line.strip_prefix(protocol.as_bytes()).and_then(|rest| rest.strip_prefix(b": "));
            // Without its newline the line may be truncated in the middle of a number.
            if let Some(values) = values.and_then(|values| values.strip_suffix(b"\n")) {
                let malformed = DecodeError::malformed(RECORD, offset, "no number after inuse");
                let inuse = value(values, b"inuse").ok_or(malformed)?;
                return Ok(Self { inuse, orphan: value(values, b"orphan"), tw: value(values, b"tw") });
            }
            offset = offset.saturating_add(line.len());
        }
        Err(DecodeError::malformed(RECORD, offset, "no line of this protocol"))
    }
}

/// The number after a word.
fn value(values: &[u8], name: &[u8]) -> Option<u64> {
    let mut words = values.split(|byte| *byte == b' ');
    words.by_ref().find(|word| *word == name)?;
    words.next().and_then(decimal::unsigned)
}
