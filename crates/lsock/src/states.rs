//! The states of a TCP connection, as they are shown.

use netstat::TcpState;

/// The name of a state, as the JSON and the table have it; none for UDP, and for a state that has none. (Display
/// says the same, but slowly.)
pub(crate) fn name(state: Option<TcpState>) -> Option<&'static str> {
    Some(match state? {
        TcpState::Closed => "CLOSED",
        TcpState::Listen => "LISTEN",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynReceived => "SYN_RCVD",
        TcpState::Established => "ESTABLISHED",
        TcpState::FinWait1 => "FIN_WAIT_1",
        TcpState::FinWait2 => "FIN_WAIT_2",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::Closing => "CLOSING",
        TcpState::LastAck => "LAST_ACK",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::DeleteTcb => "DELETE_TCB",
        TcpState::Unknown => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_shown_as_the_library_prints_them() {
        use TcpState as S;
        let waits = [S::FinWait1, S::FinWait2, S::CloseWait, S::Closing, S::LastAck, S::TimeWait];
        let others = [S::Closed, S::Listen, S::SynSent, S::SynReceived, S::Established, S::DeleteTcb];
        for state in waits.into_iter().chain(others) {
            assert_eq!(name(Some(state)), Some(state.to_string().as_str()));
        }
        assert_eq!(name(Some(S::Unknown)), None);
        assert_eq!(name(None), None);
    }
}
