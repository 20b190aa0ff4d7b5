//! `/proc/PID/net/packet` (`net/packet/af_packet.c`, `packet_seq_show`): a packet socket a line.
//!
//! After a line of headings:
//!
//! ```text
//! sk               RefCnt Type Proto  Iface R Rmem   User   Inode
//! 00000000f273bc2b 3      2    0800   1     1 0      0      1222549
//! ```
//!
//! Traps:
//! - `Proto` is hexadecimal, `Iface` the number of a device and no name; 0 is every one.
//! - Kernels after 6.18 may have columns behind the inode.
//! - There is no cookie, no ring, no membership and no filter.

use super::columns::Columns;
use crate::reader::DecodeError;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcNetPacket {
    /// `Type`: 2 without link-layer headers, 3 with them, 10 the obsolete `SOCK_PACKET`.
    pub kind: u16,
    /// `Proto`: which protocol it receives, `ETH_P_*`.
    pub protocol: u16,
    /// `Iface`: the device that it is bound to; 0 is every one, `None` one that no longer exists (-1).
    pub index: Option<u32>,
    /// `R`: whether it receives.
    pub running: bool,
    /// `Rmem`: memory charged for what was received.
    pub rmem: u32,
    /// `User`: the socket's creator, in the user namespace of the opener of the file.
    pub uid: u32,
    /// `Inode`.
    pub inode: u64,
}

impl ProcNetPacket {
    /// Reads a line that is not the heading, with its newline.
    ///
    /// # Errors
    /// A column is missing, is not what it should be, or ends with the bytes: then it may be truncated.
    pub fn decode(line: &[u8]) -> Result<Self, DecodeError> {
        let mut columns = Columns::new("/proc/PID/net/packet", line);
        columns.text("malformed sk")?;
        columns.text("malformed RefCnt")?;
        let kind = columns.decimal("malformed Type")?;
        let malformed = columns.malformed("malformed Proto");
        let protocol = columns.hex("malformed Proto")?.try_into().map_err(|_| malformed)?;
        let malformed = columns.malformed("malformed Iface");
        let index = match columns.text("malformed Iface")? {
            b"-1" => None,
            digits => Some(super::decimal::unsigned_32(digits).ok_or(malformed)?),
        };
        let running = columns.decimal::<u64>("malformed R")? != 0;
        let rmem = columns.decimal("malformed Rmem")?;
        let uid = columns.decimal("malformed User")?;
        let inode = columns.decimal("malformed Inode")?;
        Ok(Self { kind, protocol, index, running, rmem, uid, inode })
    }
}
