//! The text of help and manual page beyond the options.

use lsock::columns;

/// One part of the text, for the help and for the manual page.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Prose(String),
    /// Printed verbatim.
    Code(&'static str),
    /// A sentence, then names with their meaning.
    Terms(&'static str, Vec<(&'static str, &'static str)>),
}

pub(crate) const EXAMPLES: &str = "  \
  lsock                              everything
  lsock -tulpn                       what listens, as in ss and netstat
  lsock :8080                        who uses this port, on either end
  lsock -l --local-port 8000-8999    what listens in this range
  lsock state established '( dport = :443 or dst 10.0.0.0/8 )'
  lsock -t 'not src 127.0.0.0/8 and sport lt :1024'
  lsock process nginx and not state established
  lsock --state established --sort process,local --columns +path,started
  lsock -t --columns +rtt,retrans --sort rtt:desc
  lsock -l -N all                    what listens in any network namespace, containers included
  lsock destroy --pid 815            closes them, after a question
  lsock --json | jq '.sockets[] | select(.owner_status == \"hidden\")'";

/// The terms of a filter.
const TERMS: &[(&str, &str)] = &[
    ("state STATE exclude STATE", "in these states; where they stand first, all the rest too"),
    ("established, listening ...", "a state by itself; listening: also UDP without a remote end, as -l"),
    ("sport, dport, port [=] PORTS", "local, remote, either port: :80, :https, :8000-8999, :80,443"),
    ("sport, dport, port < :PORT", "or <= > >= !=, or lt le gt ge ne"),
    (":PORTS", "on either end, as port = :PORTS"),
    ("src, dst, host [=] HOST", "local, remote, either address: 10.0.0.1, 10.0.0.0/8:443, [::1]:80"),
    ("tcp, udp, ipv4, ipv6", "protocol, family"),
    ("process NAME, pid N", "held by such a process"),
    ("user NAME, uid N", "made by this user"),
    ("inode N", "the socket with this inode (Linux)"),
    ("netns NAME", "of this network namespace, by name, path or number (Linux)"),
    ("dev NAME", "bound to this network interface, by name or index (Linux)"),
    ("fwmark N/MASK", "with this mark, of which the bits of the mask count (Linux, with CAP_NET_ADMIN)"),
    ("cgroup PATH", "made in this control group, by path or id (Linux)"),
    ("autobound", "whose port was not bound by the socket itself: chosen by the system, or accepted (Linux)"),
    ("and, or, not, ( )", "also & && | || !; nothing between two terms is and"),
];

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

const STATES: &[&str] = &[
    "established",
    "syn-sent",
    "syn-recv",
    "fin-wait-1",
    "fin-wait-2",
    "time-wait",
    "close-wait",
    "last-ack",
    "closing",
    "listen",
    "closed",
    "delete-tcb",
    "connected",
    "synchronized",
    "bucket",
    "big",
    "all",
];

const OF_STATES: &str = "Other usual spellings are understood. As in ss, connected is all but listen and closed, \
synchronized is connected but not syn-sent, bucket is time-wait and syn-recv, big is what bucket is not; UDP counts as \
established when it has a remote end, and as closed when it has none.";

const NAMES: &str = "Names come from other processes. What could do harm in a terminal or mislead the eye \
(control, bidirectional and zero-width characters) is shown as \\n, \\x1b or \\u{202e}, a byte that is not UTF-8 \
as \\xff, and a backslash as \\\\. One socket is one line, always.";

/// Which filters `destroy` accepts.
const NAMING: &str = "lsock destroy closes the sockets that its filters name: by port, address, device, process, user, \
inode, control group or mark, on each side of an or. A kind of sockets alone (-t, state established, autobound), all \
ports and what stands under a not are no names.";

const CLOSING: &str = "It shows them and asks; --yes (-y) does not ask, and is needed where there is no terminal. \
Linux alone can do it, for those with CAP_NET_ADMIN over the network namespace. Holders keep their descriptors, and \
their next call on one fails (ECONNABORTED); the other end of a connection gets a reset. Each socket is named by its \
cookie, so that one which takes the same addresses meanwhile is not hit. A UDP socket whose port its program named \
is disconnected and keeps that port: its line ends with (stays bound).";

const EXIT: &str = "0 when the sockets were listed, even if there are none, and when the reader closed the pipe; \
1 when that failed, or when destroy could not close everything, was not confirmed, could not read a table, or left \
sockets open because it could not be decided whether they are selected; destroy returns 0 when its filters select \
nothing. 2 when the command line makes no sense. What could not be seen is reported in one line on standard \
error, and in the JSON.";

pub(crate) const BOUND_TO_CLOSE: &str =
    "TCP sockets that are bound, but neither listen nor connect; the kernel refuses to close them";

/// The text of `lsock destroy --help` beyond the options.
pub(crate) fn destroy() -> String {
    format!(
        "The filter is that of the listing: lsock --help explains its words.\n\n{NAMING}\n\nExit status: 0 when all \
         that is meant is closed, or nothing is meant; 1 when something could not be closed, when nothing was found \
         where processes could not be read, or without a yes; 2 when the command line makes no sense."
    )
}

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
        section(
            "Filter",
            Body::Terms(
                "All words that are no options are one filter, in the language of ss and somewhat more. Most shells \
                 want quotation marks round ( ) < > ! & | *. A value with spaces stands in its own: lsock 'process \
                 \"nginx: worker\"'. Hosts are numeric: no name of one is looked up.",
                TERMS.to_vec(),
            ),
        ),
        section("States", Body::Prose(format!("{}. {OF_STATES}", STATES.join(", ")))),
        section(
            "Owners",
            Body::Terms(
                "A socket without an owner in sight says why, in brackets, where the process would stand.",
                REASONS.to_vec(),
            ),
        ),
        section("Closing sockets", Body::Prose(format!("{NAMING} {CLOSING}"))),
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
    use crate::cli::Cli;
    use clap::Parser;
    use lsock::plan::Plan;
    use netstat::{Filter, HiddenReason, UnownedReason};

    /// The words of a command as a shell takes them, up to a pipe.
    fn words(command: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (index, part) in command.split('\'').enumerate() {
            if index % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words.into_iter().take_while(|word| word != "|").collect()
    }

    #[test]
    fn every_example_parses() {
        let mut count = 0;
        for line in EXAMPLES.lines() {
            let command = line.trim().split("   ").next().unwrap();
            let cli =
                Cli::try_parse_from(words(command)).unwrap_or_else(|error| panic!("{command}: {error}"));
            Plan::new(&cli.list).unwrap_or_else(|usage| panic!("{command}: {usage}"));
            count += 1;
        }
        assert_eq!(count, 12);
    }

    #[test]
    fn every_state_and_term_of_the_help_parses() {
        for name in STATES {
            let _ = format!("state {name} and {name}")
                .parse::<Filter>()
                .unwrap_or_else(|error| panic!("{error}"));
        }
        for (terms, meaning) in TERMS {
            // An argument that the term requires.
            let first = terms.split([',', ' ']).next().unwrap();
            let argument = match first {
                "state" => "estab",
                "sport" | "dport" | "port" | "process" | "pid" | "inode" | "fwmark" | "cgroup" | "dev"
                | "netns" => "1",
                "src" => "10.0.0.1",
                "user" => "0",
                _ => "",
            };
            let text = if first == ":PORTS" { ":80" } else { first };
            let text = if first == "and" { "tcp and udp" } else { text };
            let text = format!("{text} {argument}");
            let _ = text.parse::<Filter>().unwrap_or_else(|error| panic!("{terms}: {meaning}: {error}"));
        }
    }

    #[test]
    fn every_reason_is_explained() {
        let none = [
            UnownedReason::TimeWait,
            UnownedReason::SynReceived,
            UnownedReason::AcceptQueue,
            UnownedReason::Orphan,
            UnownedReason::KernelOrInFlight,
        ];
        let hidden = [
            HiddenReason::UnreadableProcess,
            HiddenReason::Vanished,
            HiddenReason::OtherPidNamespace,
            HiddenReason::NotSearched,
        ];
        let names = none.map(UnownedReason::as_str).into_iter().chain(hidden.map(HiddenReason::as_str));
        assert!(names.eq(REASONS.iter().map(|(name, _)| *name)));
    }
}
