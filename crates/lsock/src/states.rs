//! The states of a TCP connection in all their usual spellings.

use crate::plan::Usage;
use netstat::TcpState;

/// A state or a group of them, and how people write it: without `-` and `_`, in small letters. The first
/// spelling, with its hyphens, is the one that help texts show.
const NAMES: &[(&str, &[&str], &[TcpState])] = &[
    ("established", &["estab"], &[TcpState::Established]),
    ("syn-sent", &[], &[TcpState::SynSent]),
    ("syn-recv", &["synrcvd", "synreceived"], &[TcpState::SynReceived]),
    ("fin-wait-1", &[], &[TcpState::FinWait1]),
    ("fin-wait-2", &[], &[TcpState::FinWait2]),
    ("time-wait", &[], &[TcpState::TimeWait]),
    ("close-wait", &[], &[TcpState::CloseWait]),
    ("last-ack", &[], &[TcpState::LastAck]),
    ("closing", &[], &[TcpState::Closing]),
    ("listen", &["listening"], &[TcpState::Listen]),
    ("closed", &["close", "unconnected", "unconn"], &[TcpState::Closed]),
    ("delete-tcb", &[], &[TcpState::DeleteTcb]),
    ("connected", &[], &CONNECTED),
    ("synchronized", &[], SYNCHRONIZED),
];

/// As `ss` has it: neither listening nor closed.
const CONNECTED: [TcpState; 9] = [
    TcpState::SynSent,
    TcpState::SynReceived,
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::Closing,
    TcpState::LastAck,
    TcpState::TimeWait,
];

/// As `ss` has it: connected, without SYN_SENT.
const SYNCHRONIZED: &[TcpState] = CONNECTED.split_at(1).1;

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The states that a name stands for.
pub(crate) fn parse(typed: &str) -> Result<&'static [TcpState], Usage> {
    let wanted = plain(typed);
    NAMES
        .iter()
        .find(|(name, others, _)| plain(name) == wanted || others.contains(&wanted.as_str()))
        .map(|(_, _, states)| *states)
        .ok_or_else(|| Usage::new(format!("unknown state {typed:?}; there are {}", help())))
}

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

/// All names in one line.
pub(crate) fn help() -> String {
    let names: Vec<_> = NAMES.iter().map(|(name, ..)| *name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_understood() {
        let spellings: &[(TcpState, &[&str])] = &[
            (TcpState::Established, &["established", "estab", "ESTABLISHED", "ESTAB", "Established"]),
            (TcpState::SynSent, &["syn-sent", "SYN_SENT", "SynSent"]),
            (TcpState::SynReceived, &["syn-recv", "syn_recv", "SYN_RCVD", "syn-received", "SynReceived"]),
            (TcpState::FinWait1, &["fin-wait-1", "fin_wait1", "finwait1", "FIN_WAIT_1", "FIN-WAIT-1"]),
            (TcpState::FinWait2, &["fin-wait-2", "FIN_WAIT2", "FinWait2"]),
            (TcpState::TimeWait, &["time-wait", "TIME_WAIT", "timewait"]),
            (TcpState::CloseWait, &["close-wait", "CLOSE_WAIT", "CloseWait"]),
            (TcpState::LastAck, &["last-ack", "LAST_ACK"]),
            (TcpState::Closing, &["closing"]),
            (TcpState::Listen, &["listen", "listening", "LISTEN", "LISTENING"]),
            (TcpState::Closed, &["close", "closed", "CLOSED", "unconnected", "unconn", "UNCONN"]),
            (TcpState::DeleteTcb, &["DELETE_TCB", "delete-tcb"]),
        ];
        for (state, names) in spellings {
            for name in *names {
                assert_eq!(parse(name), Ok(&[*state][..]), "{name}");
            }
            assert_eq!(name(Some(*state)), Some(state.to_string().as_str()));
            assert_eq!(parse(&state.to_string()), Ok(&[*state][..]), "as printed: {state}");
        }
        assert_eq!(parse("synchronized").unwrap().len(), 8);
    }

    #[test]
    fn unknown_state_is_refused_and_the_known_ones_listed() {
        for bad in ["open", "", "established,", "unknown"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown state {bad:?}")), "{error}");
            assert!(error.contains("established") && error.contains("time-wait"), "{error}");
        }
    }
}
