//! `/proc/PID/fd` (`fs/proc/fd.c`, `net/socket.c`): the open descriptors of a process, as links.
//!
//! The directory lists `.`, `..` and a decimal number for each descriptor. What a link says is made up
//! by the kernel: a path, or for what has none a kind and an inode. A socket is `socket:[N]`, where `N` is
//! the `idiag_inode` that `inet_diag` reports: that is the whole connection between sockets and processes.
//!
//! Paths start with `/`, so no file name can forge such a text. `N` is printed as `unsigned long`; socket
//! inodes themselves are counted in 32 bits and can be used again after a wrap.

use super::decimal;

/// The inode in `socket:[N]`; `None` for any other text.
#[inline]
pub fn socket_inode(link: &[u8]) -> Option<u64> {
    decimal::unsigned(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// The number that is the name of an entry of `/proc`, `/proc/PID/task` or `/proc/PID/fd`; `None` for
/// other entries (`.`, `self`, `007`), and for numbers beyond 32 bits, which the kernel never uses.
#[inline]
pub fn number(name: &[u8]) -> Option<u32> {
    decimal::unsigned_32(name)
}
