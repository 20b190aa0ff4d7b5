//! `/proc/PID/net/netlink` (`net/netlink/af_netlink.c`, `netlink_native_seq_show`): a netlink socket a line.
//!
//! After a line of headings:
//!
//! ```text
//! sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
//! 00000000f2b088eb 0   195939070  00000011 0        0        0     2        0        1222545
//! ```
//!
//! Traps:
//! - `Eth` is the protocol (`NETLINK_*`), `Pid` the port, which need not be the number of a process, `Locks`
//!   the reference count.
//! - `Groups` has the first 32 groups only, and those only as far as the table of the kernel goes.
//! - Sockets with port 0 are the kernel's own; no process has them, though they have an inode.
//! - What the socket is connected to is not there, nor the cookie.

use super::columns::Columns;
use crate::reader::DecodeError;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcNetNetlink {
    /// `Eth`: `NETLINK_*`.
    pub protocol: u8,
    /// `Pid`: its port; 0 is the kernel's own.
    pub port_id: u32,
    /// `Groups`: bit `n - 1` for group `n` up to 32.
    pub groups: u32,
    /// `Rmem`: memory charged for what was received.
    pub rmem: u32,
    /// `Wmem`: memory charged for what was sent.
    pub wmem: u32,
    /// `Drops`: messages dropped because the socket had no room.
    pub drops: u32,
    /// `Inode`.
    pub inode: u64,
}

impl ProcNetNetlink {
    /// Reads a line that is not the heading, with its newline.
    ///
    /// # Errors
    /// A column is missing, is not what it should be, or ends with the bytes: then it may be truncated.
    pub fn decode(line: &[u8]) -> Result<Self, DecodeError> {
        let mut columns = Columns::new("/proc/PID/net/netlink", line);
        columns.text("malformed sk")?;
        let protocol = columns.decimal("malformed Eth")?;
        let port_id = columns.decimal("malformed Pid")?;
        let groups = columns.hex("malformed Groups")?;
        let rmem = columns.decimal("malformed Rmem")?;
        let wmem = columns.decimal("malformed Wmem")?;
        // A pointer in old kernels.
        columns.text("malformed Dump")?;
        columns.text("malformed Locks")?;
        let drops = columns.decimal("malformed Drops")?;
        let inode = columns.decimal("malformed Inode")?;
        Ok(Self { protocol, port_id, groups, rmem, wmem, drops, inode })
    }
}
