//! The text of help and manual page beyond the options.

mod screens;

#[cfg(feature = "top")]
pub(crate) use screens::top_screen;
pub(crate) use screens::{
    DESTROY_SCREEN, KILL_SCREEN, OVERVIEW_SCREEN, WAIT_SCREEN, WATCH_SCREEN, WHY_SCREEN, screen,
};

use lsock::columns;

/// One part of the text, for the help and for the manual page.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    /// The words by which `lsock help` finds it, the usual one first.
    pub(crate) topics: &'static [&'static str],
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Prose(String),
    /// Printed verbatim.
    Code(&'static str),
    /// A paragraph, then names with their meaning.
    Terms(&'static str, Vec<(&'static str, &'static str)>),
}

pub(crate) const EXAMPLES: &str = "  \
  lsock                              every TCP and UDP socket; on a terminal, an overview
  lsock -tulpn                       what listens, as in ss and netstat
  lsock 8080                         who uses this port, on either end
  lsock nginx                        what a process holds
  lsock -l --local-port 8000-8999    what listens in this range
  lsock state established '( dport = :443 or dst 10.0.0.0/8 )'
  lsock -t 'not src 127.0.0.0/8 and sport lt :1024'
  lsock process nginx and not state established
  lsock --state established --sort process,local --columns +path,started
  lsock -t --columns +rtt,retrans --sort rtt:desc
  lsock -l -N all                    what listens in any network namespace, containers included
  lsock -r state established         names of hosts in place of addresses
  lsock -lq :8080 || echo free       for scripts: the exit status alone
  lsock --peers established          who talks to whom on this machine, and which way
  lsock --pids -l :8080              for scripts: the pids alone
  lsock kill 8080                    ends what listens on it, after a question
  lsock wait --timeout 30s 8080      until something listens on it
  lsock destroy --pid 815            closes them, after a question
  lsock watch -t :443                a line for each connection that is opened or closed
  lsock -l --watch                   what listens, every second anew
  lsock --json | jq '.sockets[] | select(.owner_status == \"hidden\")'";

/// One word by itself.
const WORDS: &[(&str, &str)] = &[
    ("8080", "a port, on either end; if no socket has it, the process with this pid"),
    ("80,443 or 8000-8999", "ports"),
    ("tcp:80, 53/udp", "a port of one protocol"),
    ("10.0.0.1, [::1], 10.0.0.0/8", "an address or a network, on either end"),
    ("10.0.0.1:80, localhost:80, *:80", "an address with a port; localhost is 127.0.0.1 and ::1"),
    ("nginx", "a process: its whole name, or else a part of it; a line on standard error says which"),
];

/// The terms of a filter.
const TERMS: &[(&str, &str)] = &[
    ("state STATE exclude STATE", "in these states; states that come first narrow all that follows"),
    (
        "established, listening ...",
        "a state by itself; listening, as -l: also UDP, UDP-Lite, ping and raw sockets without a remote end, and unix datagram sockets with a name and no peer",
    ),
    (
        "exposed, local",
        "listeners that other machines may reach, by their address (a firewall may allow less); those on loopback alone",
    ),
    ("sport, dport, port [=] PORTS", "local, remote, either port: :80, :https, :8000-8999, :80,443"),
    ("sport, dport, port < :PORT", "or <= > >= !=, or lt le gt ge ne"),
    (":PORTS", "on either end, as port = :PORTS"),
    ("src, dst, host [=] HOST", "local, remote, either address: 10.0.0.1, 10.0.0.0/8:443, [::1]:80"),
    (
        "src, dst, host [=] PATTERN",
        "names of unix sockets: /run/*, @dbus* (abstract), unix:PATTERN; * is any bytes, ? one byte, \\ quotes (Linux)",
    ),
    ("tcp, udp, ipv4, ipv6", "protocol, family"),
    (
        "raw, raw:58, udplite, icmp",
        "of further protocols (Linux): also sctp, mptcp, unix, netlink, packet, vsock",
    ),
    ("proto, family, type NAME", "protocol, family, type of socket: proto raw, family unix, type dgram"),
    ("process NAME, pid N", "held by such a process"),
    (
        "container NAME, pod NAME, unit NAME",
        "held by a process in it: by name or id, by NAMESPACE/NAME, name or uid, by the name of a unit of systemd (Linux)",
    ),
    (
        "workload NAME",
        "held by a process in any of these, a snap, a Flatpak or a project of Compose (Linux), a service or package (Windows), an application (macOS); docker:NAME, service:NAME ... for one kind",
    ),
    ("peer process NAME, peer pid N", "whose other end, on this machine, such a process holds"),
    ("user NAME, uid N", "made by this user"),
    ("inode N", "the socket with this inode (Linux)"),
    ("netns NAME", "of this network namespace, by name, path or number (Linux)"),
    ("dev NAME", "bound to this network interface, by name or index (Linux)"),
    ("fwmark N/MASK", "with this mark in the bits of the mask (Linux, with CAP_NET_ADMIN)"),
    ("cgroup PATH", "made in this control group, by path or id (Linux)"),
    (
        "autobound",
        "with a port that the socket did not bind itself: chosen by the system, or accepted (Linux)",
    ),
    ("and, or, not, ( )", "also & && | || !; two terms without an operator are AND-ed"),
];

const REASONS: &[(&str, &str)] = &[
    ("time_wait", "the connection has ended; the kernel keeps its addresses for a while"),
    ("syn_received", "the connection is being established"),
    ("accept_queue", "established, but the listening process has not accepted it yet"),
    ("orphan", "closed by its process; the kernel is still finishing the connection"),
    ("kernel_or_in_flight", "the kernel's own, or being passed from one process to another"),
    ("unreadable_process", "probably held by a process that you may not read"),
    ("vanished", "closed while its owner was being looked up"),
    ("other_pid_namespace", "its owner is not visible in this container"),
    ("not_looked_at", "only some processes were read, and none of them holds the socket"),
];

/// The states of a filter.
pub(crate) const STATES: &[&str] = &[
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

const OF_STATES: &str = "Other usual spellings are accepted. As in ss, connected is all but listen and closed, \
synchronized is connected without syn-sent, bucket is time-wait and syn-recv, big is all but those two; a UDP socket \
counts as established if it has a remote end, and as closed if not.";

const NAMES: &str = "Names come from other processes. Characters that could act on a terminal or mislead the eye \
(control, bidirectional and zero-width characters) are shown as \\n, \\x1b or \\u{202e}, bytes that are not UTF-8 \
as \\xff, and a backslash as \\\\. One socket is always one line. -r shows names of hosts in place of addresses; the \
resolver is asked for all of them in parallel, and after two seconds the addresses without an answer stay numbers. The \
columns local_service and remote_service are the names of ports in /etc/services.";

const OUTPUT: &str = "--json prints one document: the sockets, their processes, and gaps, which are what could not be \
seen. --jsonl prints one object per line and socket, and the gaps on standard error. --csv prints the chosen columns. \
Fields may be added in later versions, and are never changed: crates/lsock/README.md lists them. --pids prints the \
pids of the owners, ascending, one per line. --peers adds to the JSON the other end of each connection within this \
machine and its direction; an other end that the filter leaves out is in the list peers. -s counts by protocol, \
state and family, --group-by by process, user, workload, unit, container, pod, protocol, family, state, remote address, local port, exposure or \
network namespace; a socket with several owners is in the group of all of them together, so that the groups add up. \
With -q nothing is printed but errors. --pids and -q take a \
name as a whole and a number as a port.";

const RIGHTS: &str = "Everyone may list all sockets of their own network namespace; those of others (-N) need \
CAP_SYS_ADMIN, or come in part from /proc. The processes of other users, and so the owners of their sockets, are \
visible to root (Linux, macOS) or an administrator (Windows). On Linux the capabilities CAP_SYS_PTRACE and \
CAP_DAC_READ_SEARCH are enough: sudo setcap cap_sys_ptrace,cap_dac_read_search=ep lsock gives them to all who may run \
the program. What could not be read is counted in one line on standard error, which also says what would help here.";

/// Which filters `destroy` accepts.
const SELECTIVE: &str = "lsock destroy closes the sockets that its filters select by port, address, device, process, \
user, inode, control group or mark, on each side of an or. A protocol or state alone (-t, state established, \
autobound), all ports, and anything below a not do not count. A word by itself is a port, an address or the whole name \
of a process.";

const CLOSING: &str = "It shows the sockets and asks; --yes (-y) skips the question, and is needed where there is no \
terminal. Only Linux can close them, with CAP_NET_ADMIN over the network namespace. Holders keep their descriptors, and \
their next call on one fails (ECONNABORTED); the other end of a connection gets a reset. Each socket is identified by \
its cookie, so that one which takes the same addresses meanwhile is not closed. A UDP socket whose port its program \
bound is disconnected and keeps that port: its line ends with (stays bound).";

const ENDING: &str = "lsock kill shows the processes and asks; --yes (-y) skips the question, and is needed where there is \
no terminal; --dry-run only shows them. The processes are meant that hold a listening socket of the selection, and those \
that the filter names by pid or name (--pid, --process, one word, or pid and process in a filter). A process that only has \
a connection is not: lsock kill 8080 leaves the clients of that port alone. The filter must select as for lsock destroy: see \
lsock help closing. Each process gets SIGTERM, and SIGKILL if it has not ended after the --timeout (5s). --signal NAME (-s, \
or -9 and -HUP as in kill) sends that signal alone; the end is then waited for after TERM and KILL, and not after others. \
Windows has no signals: a process is terminated at once. A process is identified by its pid and its start, so that a \
later one with the same pid is not hit: on Linux (5.3 and later; before it none is signalled) and Windows certainly, on \
macOS but for an instant. After the answer the sockets are listed once more, and a process that holds none any \
more, or that was not shown, is left alone and named. So are sockets of which it cannot be decided whether they are selected or who \
holds them, process 1, lsock and the processes it was started from (on Linux all, on macOS the first). At the end, what still \
listens is named: another holder that was not visible, or a process that was started in place of one that has ended.";

#[cfg(feature = "top")]
const LIVE: &str = "lsock top lists the sockets every second (--interval) and shows them in five tabs: what listens, \
connections, both by process, connections by peer, and changes. The filter after / is that of a listing and applies while \
it is typed; options and words on the command line narrow it. Rates come from the kernel's counters of each TCP connection \
between two listings (Linux), and nothing is captured. What opens and closes between two listings is not seen; an arrow to \
the left was accepted. x closes sockets as lsock destroy does, and K ends processes as lsock kill does: TERM, or KILL if 9 \
answers the question. e writes the sockets of the tab to a file that is not there yet. The screen is as it was after any end \
but SIGKILL. Settings are lines in ~/.config/lsock/top.conf ($XDG_CONFIG_HOME, on Windows %APPDATA%): interval = 2s; \
columns.TAB = process,pid,user,proto,local,peer,state,queue,rtt,down,up,listening,connections,age for the tabs listening, \
connections, processes and peers; color.NAME = red for heading, chosen, new, gone, warning, faint, and for listeners on all \
addresses, network or local ones. Colours are the names of the terminal's sixteen, a number up to 255, or #rrggbb. NO_COLOR \
is respected.";

const WAITING: &str = "lsock wait lists the sockets every --interval (200ms) until one is selected, and prints it; with \
--gone until none is. A port by itself (8080, :http, tcp:80, localhost:8080) means a socket that listens on it, since a \
connection that is closing may have the port too; everything else is a filter as in a listing, and a name is taken as a \
whole. Sockets that open and close between two listings are missed. With --gone, sockets of which it cannot be decided \
whether they are selected count as there, and so do tables that cannot be read: a line on standard error says so. Without \
--timeout it waits for ever.";

const EXIT: &str = "0 when the sockets were listed, even if there are none, and when the reader closed the pipe; \
1 when that failed, or when destroy could not close everything, was not confirmed, could not read a table, or left \
sockets open because it could not be decided whether they are selected; destroy returns 0 when its filters select \
nothing. kill: 0 when all processes that are meant have ended (or, after other signals than TERM and KILL, got it), or none \
is; 1 when one has not, something was left alone, or still listens. 2 for a usage error. wait: 0 when it happened, 1 when it \
did not in time, 2 for a usage error, a failure, and where it could not be decided. With -q: 0 when a socket was found, 1 when none was, 2 for a usage error, a failure, and \
where it could not be decided. What could not be seen is reported in one line on standard error, and in the JSON.";

pub(crate) const BOUND_TO_CLOSE: &str =
    "TCP sockets that are bound, but neither listen nor connect; the kernel refuses to close them";

/// All parts, in order.
pub(crate) fn sections() -> Vec<Section> {
    let columns = columns::all().map(|column| (column.name, column.help)).collect();
    let section = |heading, topics, body| Section { heading, topics, body };
    vec![
        section("Examples", &["examples", "example"], Body::Code(EXAMPLES)),
        section(
            "One word",
            &["filters", "filter", "words", "word", "expressions"],
            Body::Terms("One word by itself means what it looks like. Options narrow it.", WORDS.to_vec()),
        ),
        section(
            "Filter",
            &["filters"],
            Body::Terms(
                "Several words are one filter, in the language of ss with additions. Most shells need quotation marks \
                 around ( ) < > ! & | *. A value with spaces stands in its own: lsock 'process \"nginx: worker\"'. \
                 Hosts are numeric: names of hosts are not looked up.",
                TERMS.to_vec(),
            ),
        ),
        section("States", &["states", "state"], Body::Prose(format!("{}. {OF_STATES}", STATES.join(", ")))),
        section(
            "Columns",
            &["columns", "column", "sort"],
            Body::Terms("For --columns and --sort; in any case, with _, - or nothing.", columns),
        ),
        section(
            "Owners",
            &["owners", "owner", "processes", "reasons", "process"],
            Body::Terms(
                "A socket without a visible owner shows the reason in brackets in place of the process.",
                REASONS.to_vec(),
            ),
        ),
        section(
            "Output",
            &["output", "json", "jsonl", "csv", "formats", "format", "scripts"],
            Body::Prose(OUTPUT.to_owned()),
        ),
        section(
            "Rights",
            &["rights", "root", "sudo", "permissions", "capabilities"],
            Body::Prose(RIGHTS.to_owned()),
        ),
        section("Closing sockets", &["closing", "close"], Body::Prose(format!("{SELECTIVE} {CLOSING}"))),
        section("Ending processes", &["ending", "killing", "signals"], Body::Prose(ENDING.to_owned())),
        #[cfg(feature = "top")]
        section("Live view", &["live"], Body::Prose(LIVE.to_owned())),
        section("Waiting", &["waiting"], Body::Prose(WAITING.to_owned())),
        section("Names", &["names", "resolve", "services", "escaping"], Body::Prose(NAMES.to_owned())),
        section("Exit status", &["exit", "status"], Body::Prose(EXIT.to_owned())),
    ]
}

/// The topics of `lsock help`, by their usual words.
pub(crate) fn topics() -> Vec<&'static str> {
    let mut topics: Vec<_> =
        sections().iter().filter_map(|section| section.topics.first().copied()).collect();
    topics.push("options");
    topics.dedup();
    topics
}

/// The text of a topic that has one in this file; `None` for any other word.
pub(crate) fn topic(name: &str) -> Option<String> {
    let sections = sections();
    let usual = *sections.iter().find(|section| section.topics.contains(&name))?.topics.first()?;
    let parts: Vec<String> =
        sections.iter().filter(|section| section.topics.first() == Some(&usual)).map(text).collect();
    Some(parts.join("\n\n"))
}

/// One part as text.
pub(crate) fn text(section: &Section) -> String {
    let body = match &section.body {
        Body::Prose(text) => wrapped(text, 2),
        Body::Code(text) => (*text).to_owned(),
        Body::Terms(lead, terms) => {
            let width = terms.iter().map(|(term, _)| term.len()).max().unwrap_or(0);
            let lines = terms.iter().map(|(term, meaning)| {
                let meaning = wrapped(meaning, 4 + width + 2);
                format!("\n    {term:<width$}  {}", meaning.trim_start())
            });
            format!("{}{}", wrapped(lead, 2), lines.collect::<String>())
        }
    };
    format!("{}:\n{body}", section.heading)
}

/// The text in lines of at most 100 characters, each indented by so much.
fn wrapped(text: &str, indent: usize) -> String {
    const WIDTH: usize = 100;
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > indent && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Cli};
    use crate::reference;
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
            let command = command.split(" || ").next().unwrap();
            let cli =
                Cli::try_parse_from(words(command)).unwrap_or_else(|error| panic!("{command}: {error}"));
            Plan::new(&cli.list).unwrap_or_else(|usage| panic!("{command}: {usage}"));
            count += 1;
        }
        assert_eq!(count, 21);
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
                "sport" | "dport" | "port" | "process" | "pid" | "container" | "workload" | "inode"
                | "fwmark" | "cgroup" | "dev" | "netns" => "1",
                "src" => "10.0.0.1",
                "user" => "0",
                "proto" => "raw",
                "peer" => "process 1",
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

    #[test]
    fn screens_fit_24_lines_of_80_columns() {
        let screen = &screen();
        let screens =
            [screen, OVERVIEW_SCREEN, WHY_SCREEN, DESTROY_SCREEN, KILL_SCREEN, WAIT_SCREEN, WATCH_SCREEN];
        for screen in screens {
            assert!(screen.lines().count() <= 24, "{}", screen.lines().count());
            for line in screen.lines() {
                assert!(line.chars().count() <= 80 && !line.ends_with(' '), "{line}");
            }
        }
        #[cfg(feature = "top")]
        assert!(top_screen().lines().all(|line| line.chars().count() <= 80), "{}", top_screen());
    }

    #[test]
    fn screen_names_every_topic_command_and_option() {
        let screen = screen();
        let words: Vec<&str> = screen.split([' ', ',', '|', '(', ')', '\n']).collect();
        for topic in topics() {
            assert!(words.contains(&topic), "{topic}");
        }
        let command = cli::command();
        for it in command.get_subcommands() {
            assert!(words.contains(&it.get_name()), "{}", it.get_name());
        }
        let rare = ["all-namespaces", "owner-source", "tos", "cgroup", "help", "version"];
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional()) {
            let short = arg.get_short().map(|short| format!("-{short}"));
            let long = arg.get_long().map(|long| format!("--{long}"));
            let is_named =
                [short, long.clone()].into_iter().flatten().any(|name| words.contains(&name.as_str()));
            assert!(is_named || rare.contains(&arg.get_long().unwrap()), "{long:?}");
        }
    }

    #[test]
    fn every_topic_has_a_text_and_second_words_find_the_same() {
        for name in topics() {
            let text = reference::topic(name).unwrap();
            assert!(text.lines().count() > 1, "{name}");
        }
        for section in sections() {
            for word in section.topics {
                assert_eq!(topic(word), topic(section.topics[0]), "{word}");
            }
        }
        assert_eq!(topic("nonsense"), None);
        let filters = topic("filter").unwrap();
        assert!(filters.contains("One word:") && filters.contains("autobound"), "{filters}");
    }

    #[test]
    fn long_texts_are_wrapped() {
        for line in reference::whole().lines() {
            assert!(line.chars().count() <= 100 || line.contains("--") || line.contains("  "), "{line}");
        }
        assert_eq!(wrapped("a b", 2), "  a b");
    }
}
