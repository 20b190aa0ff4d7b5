//! The fill levels of a socket's receive, send and accept queues.

/// What waits in a socket's queues, and in which unit.
///
/// # Sources
/// Linux: `idiag_rqueue` and `idiag_wqueue`, or the fourth column of `/proc/net/tcp`. macOS: `sb_cc` of both
/// buffers, `so_qlen` and `so_qlimit` of a listener. Windows has none.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "Recv-Q")]
#[doc(alias = "Send-Q")]
#[doc(alias = "idiag_rqueue")]
#[doc(alias = "idiag_wqueue")]
pub enum Queues {
    /// Bytes of data: TCP connections, unix sockets.
    Bytes {
        /// Received, not read yet.
        receive: u32,
        /// Sent or queued, not acknowledged yet.
        send: u32,
    },
    /// Bytes of kernel memory, more than the data: UDP and raw sockets on Linux.
    Memory {
        /// For received packets.
        receive: u32,
        /// For packets to send.
        send: u32,
    },
    /// The accept queue of a listener, in connections.
    Accept {
        /// Waiting to be accepted.
        waiting: u32,
        /// The most that may wait (the backlog of `listen(2)`); `None` where the source does not report it
        /// (`/proc/net`).
        limit: Option<u32>,
    },
}

impl Queues {
    /// The unit of the numbers, as a stable, machine-readable name: `bytes`, `memory` or `connections`.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Bytes { .. } => "bytes",
            Self::Memory { .. } => "memory",
            Self::Accept { .. } => "connections",
        }
    }

    /// The receive queue as `ss` prints it (Recv-Q): of a listener the connections that wait.
    pub fn receive(self) -> u32 {
        match self {
            Self::Bytes { receive, .. } | Self::Memory { receive, .. } => receive,
            Self::Accept { waiting, .. } => waiting,
        }
    }

    /// The send queue as `ss` prints it (Send-Q): of a listener the most connections that may wait, if that is
    /// known.
    pub fn send(self) -> Option<u32> {
        match self {
            Self::Bytes { send, .. } | Self::Memory { send, .. } => Some(send),
            Self::Accept { limit, .. } => limit,
        }
    }
}
