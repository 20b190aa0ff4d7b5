//! The state of a socket.

use crate::model::spelling::{UnknownName, same_name};
use std::fmt;
use std::str::FromStr;

/// The state of a socket: one flat list for all protocols. TCP states are those of RFC 9293 section 3.3.2.
///
/// The list grows with the protocols that are listed; a state without a variant keeps the kernel's number in
/// [`State::Other`], and its row.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "TCP_LISTEN")]
#[doc(alias = "TCP_ESTABLISHED")]
#[doc(alias = "MIB_TCP_STATE")]
#[doc(alias = "tcp_states.h")]
pub enum State {
    /// Not connected and not listening; on Linux a TCP socket that is only bound. Unix and SCTP sockets too.
    Closed,
    /// Accepts connections.
    Listen,
    /// SYN sent.
    SynSent,
    /// SYN received and answered (SYN_RECV in Linux); the third segment is missing.
    SynReceived,
    /// Connected. Unix and SCTP sockets too.
    Established,
    /// FIN sent, not acknowledged.
    FinWait1,
    /// FIN sent and acknowledged; the peer may still send.
    FinWait2,
    /// FIN received; this end may still send.
    CloseWait,
    /// Both ends sent FIN at the same time.
    Closing,
    /// FIN received, then sent; the last acknowledgement is missing.
    LastAck,
    /// Closed; kept for two segment lifetimes.
    TimeWait,
    /// Windows: the control block is being deleted.
    DeleteTcb,
    /// SCTP: COOKIE-WAIT.
    CookieWait,
    /// SCTP: COOKIE-ECHOED.
    CookieEchoed,
    /// SCTP: SHUTDOWN-PENDING.
    ShutdownPending,
    /// SCTP: SHUTDOWN-SENT.
    ShutdownSent,
    /// SCTP: SHUTDOWN-RECEIVED.
    ShutdownReceived,
    /// SCTP: SHUTDOWN-ACK-SENT.
    ShutdownAckSent,
    /// A state that this version has no name for, by the kernel's number.
    Other(u8),
}

/// Every state that has a name.
pub(crate) const NAMED: [State; 18] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
    State::DeleteTcb,
    State::CookieWait,
    State::CookieEchoed,
    State::ShutdownPending,
    State::ShutdownSent,
    State::ShutdownReceived,
    State::ShutdownAckSent,
];

impl State {
    /// The stable, machine-readable name, such as `LISTEN`, `SYN_RCVD` or `FIN_WAIT_1`; `None` for
    /// [`State::Other`], which is a number.
    pub fn as_str(self) -> Option<&'static str> {
        Some(match self {
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
            Self::CookieWait => "COOKIE_WAIT",
            Self::CookieEchoed => "COOKIE_ECHOED",
            Self::ShutdownPending => "SHUTDOWN_PENDING",
            Self::ShutdownSent => "SHUTDOWN_SENT",
            Self::ShutdownReceived => "SHUTDOWN_RECEIVED",
            Self::ShutdownAckSent => "SHUTDOWN_ACK_SENT",
            Self::Other(_) => return None,
        })
    }
}

/// The name, or `STATE_N` for a state without one. Obeys width and precision.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_str(), self) {
            (Some(name), _) => f.pad(name),
            (None, Self::Other(number)) => f.pad(&format!("STATE_{number}")),
            (None, _) => Ok(()),
        }
    }
}

/// Reads a name in any case, with `-`, `_` or neither, and the spellings of `ss` (`syn-recv`, `estab`, `unconn`) and
/// Windows (`LISTENING`).
impl FromStr for State {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        const ALIASES: [(&str, State); 7] = [
            ("estab", State::Established),
            ("synrecv", State::SynReceived),
            ("synreceived", State::SynReceived),
            ("listening", State::Listen),
            ("close", State::Closed),
            ("unconnected", State::Closed),
            ("unconn", State::Closed),
        ];
        let named = NAMED.into_iter().find(|state| state.as_str().is_some_and(|name| same_name(name, text)));
        let alias = || ALIASES.into_iter().find(|(name, _)| same_name(name, text)).map(|(_, state)| state);
        named.or_else(alias).ok_or_else(|| UnknownName::new(text, "a socket state"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_state_is_read() {
        for state in NAMED {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        let spellings: &[(State, &[&str])] = &[
            (State::Established, &["established", "estab", "ESTAB", "Established"]),
            (State::SynReceived, &["syn-recv", "syn_recv", "SYN-RECV", "syn-received", "SynReceived"]),
            (State::FinWait1, &["fin-wait-1", "fin_wait1", "finwait1", "FIN-WAIT-1"]),
            (State::Listen, &["listen", "listening", "LISTENING"]),
            (State::Closed, &["close", "unconn", "UNCONN", "unconnected"]),
        ];
        for (state, names) in spellings {
            for name in *names {
                assert_eq!(name.parse(), Ok(*state), "{name}");
            }
        }
        for bad in ["", "open", "established,", "STATE_9"] {
            assert!(bad.parse::<State>().is_err(), "{bad:?}");
        }
        assert_eq!(State::Other(9).to_string(), "STATE_9");
    }
}
