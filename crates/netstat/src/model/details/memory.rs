//! Memory of a socket.

/// The memory of a socket: bytes that the kernel keeps, which is more than the data in them.
///
/// Linux: `SK_MEMINFO_*` of `linux/sock_diag.h`, `skmem` in `ss`.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SocketMemory {
    /// For data received and not read.
    pub rmem_alloc: u32,
    /// Its limit: twice what `SO_RCVBUF` asked for, or what the kernel made of it.
    pub rcvbuf: u32,
    /// For data handed on to be sent.
    pub wmem_alloc: u32,
    /// Limit of what may be queued to be sent, as with `SO_SNDBUF`.
    pub sndbuf: u32,
    /// Set aside and not used.
    pub fwd_alloc: u32,
    /// For data queued to be sent, or sent and not acknowledged.
    pub wmem_queued: u32,
    /// For options, filters and the like.
    pub optmem: u32,
    /// For what arrived while a process was using the socket, and was not looked at yet.
    pub backlog: Option<u32>,
    /// How many packets were dropped because the socket had no room: a count. Linux 4.7.
    pub drops: Option<u32>,
}
