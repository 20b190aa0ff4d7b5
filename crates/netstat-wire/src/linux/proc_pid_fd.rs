//! `/proc/PID/fd` (`fs/proc/fd.c`, `net/socket.c`): the open descriptors of a process, as links.
//!
//! The directory lists `.`, `..` and a decimal number for each descriptor. The kernel makes up the text of a link:
//! a path, or for a file without one a kind and an inode. A socket is `socket:[N]`, where `N` is the `idiag_inode`
//! that `inet_diag` reports: that is the whole connection between sockets and processes.
//!
//! Paths start with `/`, so no file name can forge such a text. `N` is printed as `unsigned long`; socket inodes
//! themselves are counted in 32 bits and can be reused after a wrap.

use super::decimal;
use super::text::before_nul;

/// The inode in `socket:[N]`; `None` for any other text.
#[inline]
pub fn socket_inode(link: &[u8]) -> Option<u64> {
    decimal::unsigned(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// The inode of a network namespace in `net:[N]`, the text of `/proc/PID/ns/net` and of a descriptor of that file; `None`
/// for any other text.
#[inline]
pub fn network_namespace(link: &[u8]) -> Option<u64> {
    decimal::unsigned(link.strip_prefix(b"net:[")?.strip_suffix(b"]")?)
}

/// The number that is the name of an entry of `/proc`, `/proc/PID/task` or `/proc/PID/fd`; `None` for
/// other entries (`.`, `self`, `007`), and for numbers beyond 32 bits, which the kernel never uses.
#[inline]
pub fn number(name: &[u8]) -> Option<u32> {
    decimal::unsigned_32(name)
}

/// The name in the extended attribute `system.sockprotoname` of a socket (`net/socket.c`), without its NUL.
///
/// `getxattr` on `/proc/PID/fd/N` returns it for a socket of any network namespace, where no table lists the
/// socket: the name of the protocol as in `/proc/net/protocols` (`TCP`, `UDPv6`, `UNIX-STREAM`, `NETLINK`,
/// `AF_VSOCK`), which was given to the socket when it was made. It names no state and no address. Other files
/// have no such attribute, and `getxattr` fails with `ENODATA` or `EOPNOTSUPP`.
#[inline]
pub fn protocol_name(sockprotoname: &[u8]) -> &[u8] {
    before_nul(sockprotoname)
}
