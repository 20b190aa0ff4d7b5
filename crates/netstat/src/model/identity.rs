//! The operating system's own number for a socket, and for its network namespace.

use std::fmt;
use std::num::NonZeroU64;

/// What the operating system calls a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "idiag_inode")]
#[doc(alias = "soi_so")]
pub enum Identity {
    /// Linux: the inode number in sockfs, as in `socket:[N]` of `/proc/PID/fd`. It has 32 bits, and numbers are given
    /// out again after they wrap.
    Inode(u64),
    /// macOS, BSD: the kernel's own handle, opaque. Handles of closed sockets are reused.
    Handle(u64),
}

/// A network namespace (Linux): the inode number of its file in nsfs, as in `net:[4026531840]` of
/// `/proc/PID/ns/net`. Unique while the namespace exists.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "nsfs")]
#[doc(alias = "CLONE_NEWNET")]
pub struct NetnsId(pub NonZeroU64);

/// The number alone, as `lsns` prints it.
impl fmt::Display for NetnsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
