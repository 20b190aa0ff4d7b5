//! Closes sockets of other processes, where the system can.

use crate::model::error::Error;
use crate::model::socket::Socket;
use crate::sys::Native;
use crate::sys::system::System;

impl Socket {
    /// Closes the socket, whatever holds it: its owners keep their descriptors, and their next call on one fails with
    /// `ECONNABORTED`; the other end of a connection gets a reset. TCP connections, those in TIME_WAIT and SYN_RECV
    /// too, TCP listeners, UDP sockets. Linux. (A UDP socket that was bound to a port by `bind` keeps that port: it is
    /// disconnected, and listed still.)
    ///
    /// The socket is named by its [cookie](Socket::cookie), which is never used twice: a newer socket between the
    /// same two ends is not touched. Of a row without one, the socket with its ends is looked up first, and must have its
    /// inode number. A row with [`netns`](Socket::netns) is looked for in that network namespace, one
    /// without in that of the calling thread, which must be the one it was listed in.
    ///
    /// # Rights
    /// `CAP_NET_ADMIN` over that network namespace; to enter another one than the calling thread's, `CAP_SYS_ADMIN`
    /// ([`Query::netns`](crate::Query::netns)).
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: there is no such socket any more, or its network namespace is not found.
    /// - [`Error::is_permission_denied`]: the right is missing.
    /// - [`Error::is_unsupported`]: another system than Linux, a kernel built without `CONFIG_INET_DIAG_DESTROY`, an
    ///   MPTCP connection, a TCP socket that is bound but idle (which the kernel does not find), a listener or
    ///   UDP socket that shares its address and port with others, one of which the kernel found in its place.
    /// - A row without cookie and inode number (TIME_WAIT from `/proc`, or of your own) is refused.
    ///
    /// # Sources
    /// `SOCK_DESTROY`, net/core/sock_diag.c: TCP since Linux 4.5, UDP since 4.9.
    #[doc(alias = "SOCK_DESTROY")]
    #[doc(alias = "tcpkill")]
    #[doc(alias = "ss -K")]
    #[doc(alias = "SetTcpEntry")]
    pub fn destroy(&self) -> Result<(), Error> {
        Native::destroy(self)
    }
}
