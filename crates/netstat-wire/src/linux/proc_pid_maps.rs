//! `/proc/PID/maps` (`fs/proc/task_mmu.c`, `show_map_vma`): the memory of a process, one line a mapping.
//!
//! ```text
//! 7f7606c8d000-7f7606c8f000 r--s 00000000 00:09 1303528                    socket:[1303528]
//! ```
//!
//! A mapped socket (TCP with zero-copy receive, the rings of packet sockets, AF_XDP) stays open without a
//! descriptor, and only this file shows it.
//!
//! Traps:
//! - A path starts with `/`, and a newline in it is printed as `\012`; other names of memory are in brackets. So
//!   only a socket's text starts with `socket:[`.
//! - Columns have no fixed width: spaces separate them.
//! - The device (`00:09`) is that of sockfs for a socket, a number that differs between machines.
//! - The file has a line for each mapping, and reading it takes the lock of the process's memory: with many
//!   mappings that is slow for the process too.

use super::columns::Columns;
use super::proc_pid_fd::socket_inode;
use crate::reader::DecodeError;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// The inode of the mapped file, 0 for memory without one.
    pub inode: u64,
    /// What is mapped, as printed: a path, `[heap]`, `socket:[N]`. Empty for memory without a name.
    pub name: &'a [u8],
}

impl<'a> Mapping<'a> {
    /// Reads a line with its newline.
    ///
    /// # Errors
    /// A column is missing, is not what it should be, or the newline is missing: then the line may be truncated.
    pub fn decode(line: &'a [u8]) -> Result<Self, DecodeError> {
        let mut columns = Columns::new("/proc/PID/maps", line);
        columns.text("malformed address")?;
        columns.text("malformed permissions")?;
        columns.text("malformed offset")?;
        columns.text("malformed device")?;
        let inode = columns.decimal("malformed inode")?;
        let name = columns.rest().strip_suffix(b"\n").ok_or_else(|| columns.malformed("no newline"))?;
        let spaces = name.iter().take_while(|byte| **byte == b' ').count();
        Ok(Self { inode, name: name.get(spaces..).unwrap_or_default() })
    }

    /// The inode, if the mapping is a socket's: both columns must have the same one.
    pub fn socket_inode(&self) -> Option<u64> {
        socket_inode(self.name).filter(|inode| *inode == self.inode)
    }
}
