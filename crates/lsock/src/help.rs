//! What help and manual page say beyond the options.

use crate::columns;
use crate::states;

/// One part of the text, for the help and for the manual page.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Prose(String),
    /// Kept as it is.
    Code(&'static str),
    /// A sentence, then names with their meaning.
    Terms(&'static str, Vec<(&'static str, &'static str)>),
}

pub(crate) const EXAMPLES: &str = "  \
  lsock                              everything
  lsock -tulpn                       what listens, as in ss and netstat
  lsock :8080                        who uses this port, on either end
  lsock -l --local-port 8000-8999    what listens in this range
  lsock --state established --sort process,local
  lsock --process nginx --columns +path,started
  lsock --user www-data --state time-wait,close-wait
  lsock -t --columns +rtt,retrans --sort rtt:desc
  lsock destroy --pid 815            closes them, after a question
  lsock --json | jq '.sockets[] | select(.owner_status == \"hidden\")'";

const REASONS: &[(&str, &str)] = &[
    ("time_wait", "the connection has ended; the kernel remembers its addresses for a while"),
    ("syn_received", "the connection is being made"),
    ("accept_queue", "made, but the listening process has not accepted it yet"),
    ("orphan", "closed by its process; the kernel still finishes the conversation"),
    ("kernel_or_in_flight", "the kernel's own, or on its way between processes"),
    ("unreadable_process", "probably held by a process that you have no right to look into"),
    ("vanished", "closed while its owner was being looked up"),
    ("other_pid_namespace", "its owner cannot be seen from this container"),
    ("not_looked_at", "only some processes were looked at, and none of them holds the socket"),
];

const NAMES: &str = "Names come from other processes. What could do harm in a terminal or mislead the eye \
(control, bidirectional and zero-width characters) is shown as \\n, \\x1b or \\u{202e}, a byte that is not UTF-8 \
as \\xff, and a backslash as \\\\. One socket is one line, always.";

const CLOSING: &str = "lsock destroy closes the sockets that its filters name: ports, --pid, --process, --user or --state, \
narrowed by the other filters. It shows them and asks; --yes (-y) does not ask, and is needed where there is no terminal. \
Linux alone can do it, for those with CAP_NET_ADMIN over the network namespace. Holders keep their descriptors, and \
their next call on one fails (ECONNABORTED); the other end of a connection gets a reset. Each socket is named by its \
cookie, so that one which takes the same addresses meanwhile is not hit. A UDP socket whose port its program named \
keeps that port.";

const EXIT: &str = "0 when the sockets were listed, even if there are none, and when the reader closed the pipe; \
1 when that failed, or when destroy could not close everything or got no yes; 2 when the command line makes no sense. What could not be seen is told in one line on standard \
error, and in the JSON.";

/// All parts, in order.
pub(crate) fn sections() -> Vec<Section> {
    let columns = columns::all().map(|column| (column.name, column.help)).collect();
    let section = |heading, body| Section { heading, body };
    vec![
        section("Examples", Body::Code(EXAMPLES)),
        section(
            "Columns",
            Body::Terms("For --columns and --sort; in any case, with _, - or nothing.", columns),
        ),
        section("States", Body::Prose(format!("{}; other usual spellings are understood.", states::help()))),
        section(
            "Owners",
            Body::Terms(
                "A socket without an owner in sight says why, in brackets, where the process would stand.",
                REASONS.to_vec(),
            ),
        ),
        section("Closing sockets", Body::Prose(CLOSING.to_owned())),
        section("Names", Body::Prose(NAMES.to_owned())),
        section("Exit status", Body::Prose(EXIT.to_owned())),
    ]
}

/// All parts as one text for `--help`.
pub(crate) fn long() -> String {
    let mut parts = Vec::new();
    for Section { heading, body } in sections() {
        let text = match body {
            Body::Prose(text) => format!("  {text}"),
            Body::Code(text) => text.to_owned(),
            Body::Terms(lead, terms) => {
                let width = terms.iter().map(|(term, _)| term.len()).max().unwrap_or(0);
                let lines = terms.iter().map(|(term, meaning)| format!("\n    {term:<width$}  {meaning}"));
                format!("  {lead}{}", lines.collect::<String>())
            }
        };
        parts.push(format!("{heading}:\n{text}"));
    }
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{HiddenOwner, NoOwner};

    #[test]
    fn every_reason_is_explained() {
        let none = [
            NoOwner::TimeWait,
            NoOwner::SynReceived,
            NoOwner::AcceptQueue,
            NoOwner::Orphan,
            NoOwner::KernelOrInFlight,
        ];
        let hidden = [
            HiddenOwner::UnreadableProcess,
            HiddenOwner::Vanished,
            HiddenOwner::OtherPidNamespace,
            HiddenOwner::NotLookedAt,
        ];
        let names = none.map(NoOwner::as_str).into_iter().chain(hidden.map(HiddenOwner::as_str));
        assert!(names.eq(REASONS.iter().map(|(name, _)| *name)));
    }
}
