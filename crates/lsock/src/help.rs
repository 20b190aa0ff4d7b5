//! The text of help and manual page beyond the options.

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

/// What `lsock --help` prints: one screen of 24 lines and 80 columns.
pub(crate) const SCREEN: &str = "\
lsock: the network sockets of this machine and the processes that hold them

  lsock            every TCP and UDP socket; on a terminal, an overview
  lsock 8080       a port, on either end       lsock 10.0.0.0/8  an address
  lsock nginx      a process, by its name      lsock -tulpn      what listens
  lsock state established dport = :443         the filter language of ss

Which:   -t TCP  -u UDP  -x unix  -w raw  -S SCTP  -M MPTCP  --protocol NAME,...
         -4 IPv4  -6 IPv6  -f FAMILY,...  -l listening  -B bound only  --exposed
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...  -N NAME|PID|PATH|all
Columns: --columns NAME,... (+NAME adds)  --sort NAME,-NAME  -r names of hosts
         -i all details  -o timers  -e uid, inode, cookie  -m memory  --peers
         --no-owners (much faster)  -H no header  --color auto|always|never
Output:  --json  --jsonl  --csv  --format NAME  -W wide  --no-pager  --watch
         -s counts  --group-by KEY  --pids pids  -q status alone  --interval 1s
Ignored: -a -n -p -O -P -Q (all states, numbers and processes are the default)

lsock overview|watch FILTER  listeners and connections; a line for each change
lsock why PORT|PID|NAME      what uses it, since when, and what started that
lsock destroy FILTER         close sockets, after a question (Linux)
lsock completions SHELL, lsock man [COMMAND]
lsock help TOPIC             filters, states, columns, options, owners, output,
                             rights, names, closing, exit, examples
";

/// What `lsock overview --help` prints: one screen.
pub(crate) const OVERVIEW_SCREEN: &str = "\
lsock overview: what listens and who is connected, folded to one screen

  lsock                          the same, alone on a terminal
  lsock overview -t              TCP alone
  lsock overview --user nginx    what this user has made
  lsock overview -W              everything, even if it does not fit

Listeners come first, those with the widest reach at the top:
  \u{25cf} or *  every address (red)
  \u{25d0} or +  an address that others reach (yellow)
  \u{25cb} or .  loopback (green)
That is the address to which the socket is bound: a firewall may allow less.
Connections are counted by process, port, peer and state. An arrow to the left
was accepted, one to the right opened.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...  or a filter
Output:  -W wide  --no-pager  --color auto|always|never
";

/// What `lsock why --help` prints: one screen.
pub(crate) const WHY_SCREEN: &str = "\
lsock why: what a port, a process or a name is used by, since when, and what
started it

  lsock why 8080             what listens on this port, or else uses it
  lsock why nginx            processes of this name
  lsock why 815              a process, if no socket has this port
  lsock why 127.0.0.1:8080   one of several listeners on a port
  lsock why 8080 --json      for another program

A card for each process: its command, directory and user, the processes above
it up to the first one, what it listens on, who is connected, and notes: a
program that was deleted, every address, a full accept queue, root, a recent
start. Of forked processes the first has the card.

A process whose session is neither its own nor its parent's was started by one
that has ended; the parent took it over. Addresses say where a listener can be
reached; a firewall may allow less.

Output:  --json  --no-pager  --color auto|always|never
";

/// What `lsock destroy --help` prints: one screen.
pub(crate) const DESTROY_SCREEN: &str = "\
lsock destroy: close sockets of other processes (Linux, with CAP_NET_ADMIN)

  lsock destroy :8080               all sockets with this port, after a question
  lsock destroy --yes --pid 815     all sockets of a process, without a question
  lsock destroy state established dst 10.0.0.0/8

It shows what it would close, and asks. Without a terminal --yes (-y) is needed.
The filter is that of a listing (lsock help filters). Each side of an or has to
name a port, address, device, process, user, inode, control group or mark: a
protocol, a state, all ports and what is under a not do not select enough.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...

Exit status: 0 when all that is meant is closed, or nothing is meant; 1 when
something could not be closed or decided, or was not confirmed; 2 for a usage
error.                                        More: lsock help closing
";

/// What `lsock watch --help` prints: one screen.
pub(crate) const WATCH_SCREEN: &str = "\
lsock watch: what happens to sockets, one line for each change

  lsock watch                    every TCP and UDP socket
  lsock watch -l                 what begins and stops to listen
  lsock watch nginx              what a process opens and closes
  lsock watch --jsonl dport = :443

A line has the local time, what happened, the socket, its state and its process:
  +  opened
  -  closed: how long it was open, and the bytes in and out (Linux)
  =  changed: state, end or holders
What is not seen is said once on standard error. It ends when it is interrupted
or nobody reads any more.

Which:   -t TCP  -u UDP  -4 IPv4  -6 IPv6  -l listening  -B bound only
         --port N,N-M  --local-port N  --remote-port N  --state STATE,...
         --pid N,...  --process NAME  --user NAME,...  or a filter
Output:  --interval 1s, the time between two listings  --jsonl
         -a also TIME_WAIT  --color auto|always|never
";

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
machine and its direction; an other end that the filter leaves out is in the list peers. -s counts by protocol and \
state, --group-by by process, user, workload, unit, container, pod, state, remote address, local port, exposure or \
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

const EXIT: &str = "0 when the sockets were listed, even if there are none, and when the reader closed the pipe; \
1 when that failed, or when destroy could not close everything, was not confirmed, could not read a table, or left \
sockets open because it could not be decided whether they are selected; destroy returns 0 when its filters select \
nothing. 2 for a usage error. With -q: 0 when a socket was found, 1 when none was, 2 for a usage error, a failure, and \
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
        assert_eq!(count, 19);
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
                "sport" | "dport" | "port" | "process" | "pid" | "container" | "inode" | "fwmark"
                | "cgroup" | "dev" | "netns" => "1",
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
        for screen in [SCREEN, OVERVIEW_SCREEN, DESTROY_SCREEN, WATCH_SCREEN] {
            assert!(screen.lines().count() <= 24, "{}", screen.lines().count());
            for line in screen.lines() {
                assert!(line.chars().count() <= 80 && !line.ends_with(' '), "{line}");
            }
        }
    }

    #[test]
    fn screen_names_every_topic_command_and_option() {
        let words: Vec<&str> = SCREEN.split([' ', ',', '|', '(', ')', '\n']).collect();
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
