//! The states of a TCP connection: one type for both faces of the library.

use std::fmt;

/// State of a TCP connection, as RFC 9293 section 3.3.2 names it.
///
/// The variants and their `Display` are those of the crate `netstat` 0.7, and [`TcpState::Unknown`] is that
/// of netstat2. Other tools spell some states differently: `ss` prints `SYN-RECV`, `FIN-WAIT-1` and `ESTAB`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcpState {
    /// No connection. On Linux also a socket that is bound but neither listens nor connects.
    Closed,
    /// Waits for connections.
    Listen,
    /// Has asked for a connection.
    SynSent,
    /// Has been asked for a connection and has answered; the third step is missing.
    SynReceived,
    /// Data can flow.
    Established,
    /// Closed here; the other end has not confirmed yet.
    FinWait1,
    /// Closed here and confirmed; the other end may still send.
    FinWait2,
    /// Closed by the other end; this end may still send.
    CloseWait,
    /// Both ends closed at the same time.
    Closing,
    /// Closed by the other end, then here; the confirmation is missing.
    LastAck,
    /// Closed; kept so that late segments do no harm.
    TimeWait,
    /// Windows: the control block is about to be deleted.
    DeleteTcb,
    /// A state that this version of the library has no name for. The row is kept.
    Unknown,
}

impl TcpState {
    /// The state in a stable, machine-readable form: `SYN_RCVD`, `FIN_WAIT_1`; `__UNKNOWN` for [`TcpState::Unknown`].
    /// The same as `Display` gives, which is that of the crate `netstat` 0.7.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN_SENT",
            Self::SynReceived => "SYN_RCVD",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN_WAIT_1",
            Self::FinWait2 => "FIN_WAIT_2",
            Self::CloseWait => "CLOSE_WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::DeleteTcb => "DELETE_TCB",
            Self::Unknown => "__UNKNOWN",
        }
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
