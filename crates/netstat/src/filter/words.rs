//! Names that a filter's text may use for states, services and comparisons.

use super::lex::Compare;
use super::states::States;
use crate::etc;
use crate::model::state::State;
use std::ops::ControlFlow;

/// States and groups of them: the name that is written, and other spellings, without `-` and `_` and in small
/// letters.
const STATES: [(&str, &[&str], States); 22] = [
    ("established", &["estab"], States::of(&[State::Established])),
    ("syn-sent", &[], States::of(&[State::SynSent])),
    ("syn-recv", &["synrcvd", "synreceived"], States::of(&[State::SynReceived])),
    ("fin-wait-1", &[], States::of(&[State::FinWait1])),
    ("fin-wait-2", &[], States::of(&[State::FinWait2])),
    ("time-wait", &[], States::of(&[State::TimeWait])),
    ("close-wait", &[], States::of(&[State::CloseWait])),
    ("last-ack", &[], States::of(&[State::LastAck])),
    ("closing", &[], States::of(&[State::Closing])),
    ("listen", &["listening"], States::of(&[State::Listen])),
    ("closed", &["close", "unconnected", "unconn"], States::of(&[State::Closed])),
    ("delete-tcb", &[], States::of(&[State::DeleteTcb])),
    ("cookie-wait", &[], States::of(&[State::CookieWait])),
    ("cookie-echoed", &[], States::of(&[State::CookieEchoed])),
    ("shutdown-pending", &[], States::of(&[State::ShutdownPending])),
    ("shutdown-sent", &[], States::of(&[State::ShutdownSent])),
    ("shutdown-received", &[], States::of(&[State::ShutdownReceived])),
    ("shutdown-ack-sent", &[], States::of(&[State::ShutdownAckSent])),
    ("connected", &[], States::CONNECTED),
    ("synchronized", &[], States::SYNCHRONIZED),
    ("bucket", &[], States::BUCKET),
    ("all", &[], States::ALL),
];

fn plain(name: &str) -> String {
    let mut plain = name.to_ascii_lowercase();
    plain.retain(|c| !matches!(c, '-' | '_'));
    plain
}

/// The states that a name stands for.
pub(super) fn states(name: &str) -> Option<States> {
    let wanted = plain(name);
    if wanted == "big" {
        return Some(States::ALL.without(States::BUCKET));
    }
    let mut known = STATES.iter();
    let found = known.find(|(name, others, _)| plain(name) == wanted || others.contains(&wanted.as_str()));
    found.map(|(_, _, states)| *states)
}

/// The names of all states and groups of them.
pub(super) fn all_states() -> String {
    let mut names = String::new();
    for (name, ..) in &STATES {
        names += name;
        names += ", ";
    }
    names + "big"
}

/// The name of a set of states, if it has one.
pub(super) fn state_name(wanted: States) -> Option<&'static str> {
    STATES.iter().find(|(_, _, states)| *states == wanted).map(|(name, ..)| *name)
}

/// The comparisons that are words.
pub(super) fn compare(word: &str) -> Option<Compare> {
    Some(match word {
        "eq" => Compare::Equal,
        "ne" | "neq" => Compare::Unequal,
        "lt" => Compare::Less,
        "le" | "leq" => Compare::AtMost,
        "gt" => Compare::Greater,
        "ge" | "geq" => Compare::AtLeast,
        _ => return None,
    })
}

/// Where names of services stand, on systems that have such a file.
const SERVICES: &str = "/etc/services";

/// The most usual of them, as IANA has them, for systems without such a file.
const USUAL: [(&str, u16); 40] = [
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("nntp", 119),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("imap", 143),
    ("snmp", 161),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("submissions", 465),
    ("syslog", 514),
    ("submission", 587),
    ("ipp", 631),
    ("ldaps", 636),
    ("domain-s", 853),
    ("rsync", 873),
    ("imaps", 993),
    ("pop3s", 995),
    ("nfs", 2049),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("mdns", 5353),
    ("postgresql", 5432),
];

/// The port of a service.
pub(super) fn service(name: &str) -> Option<u16> {
    let mut found = None;
    // Without a readable file the usual services remain.
    let _ = etc::lines(SERVICES, |line| {
        found = in_services(line, name);
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.or_else(|| USUAL.iter().find(|(known, _)| *known == name).map(|(_, port)| *port))
}

/// The port of a service in lines such as `http 80/tcp www # comment`.
fn in_services(text: &str, name: &str) -> Option<u16> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, port) = (words.next()?, words.next()?);
        let is_it = first == name || words.any(|alias| alias == name);
        port.split('/').next().filter(|_| is_it)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_state_is_understood() {
        let spellings: &[(State, &[&str])] = &[
            (State::Established, &["established", "estab", "ESTABLISHED", "ESTAB", "Established"]),
            (State::SynSent, &["syn-sent", "SYN_SENT", "SynSent"]),
            (State::SynReceived, &["syn-recv", "syn_recv", "SYN_RCVD", "syn-received", "SynReceived"]),
            (State::FinWait1, &["fin-wait-1", "fin_wait1", "finwait1", "FIN_WAIT_1", "FIN-WAIT-1"]),
            (State::FinWait2, &["fin-wait-2", "FIN_WAIT2", "FinWait2"]),
            (State::TimeWait, &["time-wait", "TIME_WAIT", "timewait"]),
            (State::CloseWait, &["close-wait", "CLOSE_WAIT", "CloseWait"]),
            (State::LastAck, &["last-ack", "LAST_ACK"]),
            (State::Closing, &["closing"]),
            (State::Listen, &["listen", "listening", "LISTEN", "LISTENING"]),
            (State::Closed, &["close", "closed", "CLOSED", "unconnected", "unconn", "UNCONN"]),
            (State::DeleteTcb, &["DELETE_TCB", "delete-tcb"]),
        ];
        for (state, names) in spellings {
            for name in *names {
                assert_eq!(states(name), Some(States::of(&[*state])), "{name}");
            }
            assert_eq!(states(&state.to_string()), Some(States::of(&[*state])), "as printed: {state}");
        }
        for bad in ["open", "", "established,", "unknown"] {
            assert_eq!(states(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn services_are_found_by_name_and_alias_and_without_a_file() {
        let file = "# a comment\nhttp\t\t80/tcp\t\twww   # WorldWideWeb HTTP\n\nbad line\nworse 70000/tcp\n";
        assert_eq!(in_services(file, "http"), Some(80));
        assert_eq!(in_services(file, "www"), Some(80));
        for absent in ["80/tcp", "WorldWideWeb", "bad", "worse", ""] {
            assert_eq!(in_services(file, absent), None, "{absent:?}");
        }
        assert_eq!(service("https"), Some(443));
        assert_eq!(service("no-such-service"), None);
    }
}
