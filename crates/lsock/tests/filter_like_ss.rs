//! `lsock FILTER` beside `ss FILTER`: the same rows for every filter and state of ss's manual page, in a network
//! namespace with a socket of each kind. Each difference is listed with its reason.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use serde_json::Value;
use socket_world::{Made, binding, kernel, live_skip, namespace, quiet, skipped, tcp, udp};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Output};

/// A filter for both programs, with the reason if their results differ.
#[derive(Copy, Clone)]
struct Case<'a> {
    ss: &'a str,
    /// The filter that gives the same rows in lsock: usually the same text.
    lsock: &'a str,
    why: &'static str,
}

const fn same(filter: &str) -> Case<'_> {
    Case { ss: filter, lsock: filter, why: "" }
}

/// In `ss` a socket without a remote end has port 0 there.
const NO_REMOTE: &str =
    "to ss a socket without a remote end has the remote port 0 and the remote address 0.0.0.0 or ::";

/// The manual has it otherwise: "in increasing order of precedence are or, and, and not".
const LEFT_TO_RIGHT: &str = "ss 6.1 lets neither of `and` and `or` bind closer, against its manual";

/// lsock has the kernel's decision whether the port was bound explicitly; ss also requires an ephemeral port.
const EPHEMERAL: &str =
    "ss also wants the port to be of ip_local_port_range, and not to be of it after `not`";

/// Each selects some of the sockets, but not all.
const CASES: &[Case<'_>] = &[
    // USAGE EXAMPLES: their filters, with addresses of this test.
    same("state established ( dport = :ssh or sport = :ssh )"),
    same("state fin-wait-1 ( sport = :http or sport = :https ) dst 127.0.0/24"),
    // STATE-FILTER: every name.
    same("state established"),
    same("state syn-sent"),
    same("state syn-recv"),
    same("state fin-wait-1"),
    same("state fin-wait-2"),
    same("state time-wait"),
    same("state closed"),
    same("state close-wait"),
    same("state last-ack"),
    same("state listening"),
    same("state closing"),
    same("state connected"),
    same("state synchronized"),
    same("state bucket"),
    same("state big"),
    // Sequences of them.
    same("state established state time-wait"),
    same("state connected exclude established exclude time-wait"),
    same("state all exclude listening"),
    same("exclude established"),
    same("exclude big"),
    same("exclude bucket exclude closed"),
    same("state unconnected"),
    // {dst|src} [=] HOST, in every form of HOST SYNTAX.
    same("dst 127.0.0.1"),
    same("dst = 127.0.0.1"),
    same("dst == 127.0.0.1"),
    same("src 127.0.0.7"),
    same("src 127.0.0.1:22"),
    same("src 127.0.0.1:ssh"),
    same("src 127.64/16"),
    same("src 127.64.0.0/16"),
    same("src 127.64.0.16/28"),
    same("dst 127.0.0.0/8:443"),
    same("dst 127.0.0.1:*"),
    same("dst *:443"),
    same("src :443"),
    same("src [::1]"),
    same("src [::1/128]"),
    same("src [::ffff:127.0.0.0/104]"),
    same("src [::1]:8080"),
    same("dst [::1]:8080"),
    same("dst [::ffff:127.0.0.1]"),
    same("src inet:127.0.0.1"),
    same("src inet6:[::1]"),
    same("dst inet:127.0.0.1:443"),
    same("not src 127.0.0.1"),
    same("not dst 127.0.0.0/8"),
    // {dport|sport} [OP] [FAMILY:]:PORT, every operator and alias.
    same("sport = :443"),
    same("sport == :443"),
    same("sport eq :443"),
    same("sport :443"),
    same("sport 443"),
    same("sport = :https"),
    same("dport = :443"),
    same("sport != :443"),
    same("sport ne :443"),
    same("sport neq :443"),
    same("dport != :443"),
    same("sport < :443"),
    same("sport lt :443"),
    same("sport <= :443"),
    same("sport le :443"),
    same("sport leq :443"),
    same("sport > :443"),
    same("sport gt :443"),
    same("sport > :1024"),
    same("sport >= :443"),
    same("sport ge :443"),
    same("sport geq :443"),
    same("dport > :443"),
    same("dport >= :443"),
    Case { ss: "dport < :443", lsock: "dport < :443 or listening", why: NO_REMOTE },
    Case { ss: "dport <= :443", lsock: "dport <= :443 or listening", why: NO_REMOTE },
    Case {
        ss: "dst 0.0.0.0/0",
        lsock: "dst 0.0.0.0/0 or ( ipv4 and ( state listening or state closed ) )",
        why: NO_REMOTE,
    },
    same("not dport > :443"),
    same("sport = inet::443"),
    same("sport = inet6::8080"),
    // Operators between them, all aliases, and their order.
    same("sport = :443 or dport = :443"),
    same("sport = :443 | dport = :443"),
    same("sport = :443 || dport = :443"),
    same("src 127.0.0.1 and dport = :443"),
    same("src 127.0.0.1 & dport = :443"),
    same("src 127.0.0.1 && dport = :443"),
    same("src 127.0.0.1 dport = :443"),
    same("not sport = :443"),
    same("! sport = :443"),
    same("! ( sport = :443 or dport = :443 )"),
    Case {
        ss: "sport = :22 or sport = :443 and dst 127.0.0.1",
        lsock: "( sport = :22 or sport = :443 ) and dst 127.0.0.1",
        why: LEFT_TO_RIGHT,
    },
    same("sport = :22 or ( sport = :443 and dst 127.0.0.1 )"),
    same("dst 127.0.0.1 and sport = :443 or sport = :22"),
    same("( sport = :22 or sport = :443 ) and dst 127.0.0.1"),
    same("not sport = :22 and not sport = :443 or dport = :22"),
    same("state established dport = :443 or dport = :22"),
    // dev [=|!=] DEVICE
    same("dev = lo"),
    same("dev == lo"),
    same("dev lo"),
    same("dev = 1"),
    same("dev != lo"),
    same("not dev lo"),
    same("state listening dev = lo"),
    // fwmark [=|!=] MASK
    same("fwmark = 0x01/0x03"),
    same("fwmark = 0x11"),
    same("fwmark 17"),
    same("fwmark != 0x11"),
    same("fwmark = 0x10/0xf0"),
    same("not fwmark 0x01/0x03"),
];

/// Filters that select no socket of this test, or all.
const NONE_OR_ALL: &[Case<'_>] = &[
    // The manual's own network.
    same("state fin-wait-1 ( sport = :http or sport = :https ) dst 193.233.7/24"),
    same("state all"),
    same("src *"),
    same("src *:*"),
    same("sport > 65535"),
    same("sport >= :0"),
    same("fwmark = 0x04/0x03"),
];

/// Filters that `ss` accepts and lsock does not: lsock never resolves host names, which could wait for a network, and lists
/// no Unix sockets.
const REFUSED: &[&str] = &["dst localhost"];

type Row = (String, String, String, String);

/// The sockets that stay open during the test.
#[allow(dead_code, reason = "held open")]
struct World {
    made: Vec<Made>,
    streams: Vec<TcpStream>,
    listeners: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
}

fn world() -> World {
    let makers = tcp::ALL.iter().chain(udp::ALL).chain(binding::ALL);
    let mut made: Vec<Made> =
        makers.map(|(name, make)| make().unwrap_or_else(|error| panic!("{name}: {error}"))).collect();
    made.push(binding::tcp_with_mark(0x11).unwrap());
    made.push(binding::udp_with_mark(0x6).unwrap());
    let mut world = World { made, streams: Vec::new(), listeners: Vec::new(), udp: Vec::new() };
    for address in ["127.0.0.1:22", "127.0.0.1:443", "127.0.0.7:8080", "[::1]:8080"] {
        let (client, server) = world.connection(address.parse().unwrap());
        world.streams.extend([client, server]);
    }
    // A server on port 80 in FIN-WAIT-1: it has closed while its client has no room for its bytes.
    let (client, mut server) = world.connection("127.0.0.1:80".parse().unwrap());
    server.set_nonblocking(true).unwrap();
    loop {
        match server.write(&[0; 65536]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    server.shutdown(Shutdown::Write).unwrap();
    world.streams.extend([client, server]);
    world.udp.push(UdpSocket::bind("127.0.0.1:443").unwrap());
    world
}

impl World {
    fn connection(&mut self, address: SocketAddr) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(address).unwrap();
        let (server, _) = listener.accept().unwrap();
        self.listeners.push(listener);
        (client, server)
    }
}

/// Runs a program under a lock: a concurrent fork would hold this process's descriptors.
fn output_of(command: &mut Command) -> Output {
    let _quiet = quiet();
    command.output().unwrap()
}

/// A line of `ss`; its state is absent if the filter selects a single one.
type Ends = (String, String, String);

fn ss(filter: &str) -> Result<Vec<(Option<String>, Ends)>, String> {
    let output =
        output_of(Command::new("ss").arg("-tuanH").args(filter.split(' ').filter(|word| !word.is_empty())));
    if !output.status.success() || !output.stderr.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().next().unwrap_or_default().to_owned());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (state, local, remote) = match words[..] {
            [_, state, _, _, local, remote] => (Some(state.to_owned()), local, remote),
            [_, _, _, local, remote] => (None, local, remote),
            _ => panic!("a line of ss: {line:?}"),
        };
        (state, (words[0].to_owned(), end_of_ss(local), end_of_ss(remote)))
    });
    Ok(rows.collect())
}

/// An endpoint without its device name; the wildcard is written as for IPv6.
fn end_of_ss(text: &str) -> String {
    let (address, port) = text.rsplit_once(':').unwrap();
    if port == "*" {
        return "*".to_owned();
    }
    let address = address.split('%').next().unwrap().trim_matches(['[', ']']);
    format!("{}|{port}", if address == "*" { "::" } else { address })
}

/// The state of every row of `ss`, by its endpoints.
fn states_of_ss() -> BTreeMap<Ends, String> {
    let rows = ss("").unwrap();
    let count = rows.len();
    let states: BTreeMap<_, _> = rows.into_iter().map(|(state, ends)| (ends, state.unwrap())).collect();
    assert_eq!(states.len(), count, "no two rows have the same ends");
    states
}

/// The rows of `lsock`, or its error message.
fn lsock(filter: &str) -> Result<BTreeSet<Row>, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lsock"));
    command.args(["-tu", "--no-owners", "--json"]).args(filter.split(' ').filter(|word| !word.is_empty()));
    let output = output_of(&mut command);
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["gaps"], serde_json::json!([]), "{filter}");
    let end = |end: &Value| match (end["addr"].as_str(), end["port"].as_u64()) {
        (Some(addr), Some(port)) => format!("{addr}|{port}"),
        _ => "*".to_owned(),
    };
    let rows = document["sockets"].as_array().unwrap().iter().map(|row| {
        let state = match (row["state"].as_str(), row["remote"].is_null()) {
            (None, true) | (Some("CLOSED"), _) => "UNCONN".to_owned(),
            (None, false) | (Some("ESTABLISHED"), _) => "ESTAB".to_owned(),
            (Some("SYN_RCVD"), _) => "SYN-RECV".to_owned(),
            // FIN-WAIT-1, as ss has it.
            (Some(state), _) => state.replace('_', "-"),
        };
        (row["protocol"].as_str().unwrap().to_owned(), state, end(&row["local"]), end(&row["remote"]))
    });
    Ok(rows.collect())
}

/// Filters with values of this machine: for `ss`, for `lsock`, and why they differ.
fn of_this_machine() -> Vec<(String, String, &'static str)> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let range = format!("sport = :{}", range.split_whitespace().collect::<Vec<_>>().join("-"));
    let mut filters = vec![
        ("autobound".to_owned(), format!("autobound and {range}"), EPHEMERAL),
        ("not autobound".to_owned(), format!("not autobound and not {range}"), EPHEMERAL),
        ("state listening autobound".to_owned(), format!("state listening autobound {range}"), EPHEMERAL),
        ("autobound or sport = :443".to_owned(), format!("autobound and {range} or sport = :443"), EPHEMERAL),
    ];
    match cgroup() {
        Some(path) => {
            for filter in ["cgroup =", "cgroup", "cgroup !=", "not cgroup ="] {
                let filter = format!("{filter} {path}");
                filters.push((filter.clone(), filter, ""));
            }
        }
        None => skipped(format_args!("cgroup: no control groups (version 2) are mounted")),
    }
    filters
}

/// The directory of this process's own control group. (What is not below the place where they are mounted, such as
/// `/`, ss takes for the group of whatever number the directory has.)
fn cgroup() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = mounts.find(|words| words.get(2) == Some(&"cgroup2"))?;
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(format!("{}{}", mount[1], path.trim_end_matches('/')))
}

/// The result of a case: a difference, or why it was not compared.
enum Outcome {
    Same(usize),
    Skipped(String),
    Different(String),
}

fn compare(case: &Case<'_>, states: &BTreeMap<Ends, String>) -> Outcome {
    let of_ss = match ss(case.ss) {
        Ok(rows) => rows,
        Err(said) => return Outcome::Skipped(format!("{:?}: this ss does not take it: {said}", case.ss)),
    };
    let of_ss: BTreeSet<Row> = of_ss
        .into_iter()
        .map(|(state, ends)| {
            let state = state.or_else(|| states.get(&ends).cloned()).unwrap_or_default();
            (ends.0, state, ends.1, ends.2)
        })
        .collect();
    match lsock(case.lsock) {
        Ok(rows) if rows == of_ss => Outcome::Same(rows.len()),
        Ok(rows) => Outcome::Different(format!(
            "{:?}: only ss: {:?}; only lsock: {:?}",
            case.ss,
            of_ss.difference(&rows).collect::<Vec<_>>(),
            rows.difference(&of_ss).collect::<Vec<_>>()
        )),
        // Older kernels lack some terms.
        Err(said) if kernel::is_before(5, 8) && said.contains("not supported") => {
            Outcome::Skipped(format!("{:?}: Linux before 5.8", case.lsock))
        }
        Err(said) => Outcome::Different(format!("{:?}: {said}", case.lsock)),
    }
}

#[test]
fn every_filter_of_the_manual_of_ss_gives_the_same_rows() {
    if Command::new("ss").arg("-V").output().is_err() {
        live_skip!("there is no ss on this machine");
    }
    let ran = namespace::in_network_namespace(|| {
        // Timers of the kernel change some states after half a minute.
        for _ in 0..3 {
            let world = world();
            let states = states_of_ss();
            let local = of_this_machine();
            let local = local.iter().map(|(ss, lsock, why)| Case { ss, lsock, why });
            let cases: Vec<_> =
                CASES.iter().copied().chain(local).chain(NONE_OR_ALL.iter().copied()).collect();
            let outcomes: Vec<_> = cases.iter().map(|case| (case, compare(case, &states))).collect();
            if states_of_ss() == states {
                check(&outcomes, states.len());
                return;
            }
            drop(world);
        }
        panic!("the world does not hold still");
    });
    if let Err(why) = ran {
        live_skip!("a network namespace: {why}");
    }
}

fn check(outcomes: &[(&Case<'_>, Outcome)], all: usize) {
    let mut different = Vec::new();
    let mut compared = 0;
    for (index, (case, outcome)) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Same(count) => {
                compared += 1;
                let some = (1..all).contains(count);
                assert_eq!(
                    some,
                    index < outcomes.len() - NONE_OR_ALL.len(),
                    "{:?} selects {count} of {all}",
                    case.ss
                );
                assert_eq!(case.why.is_empty(), case.ss == case.lsock, "{:?}: a reason to differ", case.ss);
            }
            Outcome::Skipped(why) => skipped(format_args!("{why}")),
            Outcome::Different(how) => different.push(how),
        }
    }
    assert!(different.is_empty(), "{different:#?}");
    assert!(compared > 60, "{compared} filters compared");
}

#[test]
fn filters_that_only_ss_accepts_are_refused() {
    for filter in REFUSED {
        let said = lsock(filter).expect_err(filter);
        assert!(said.starts_with("lsock: filter, column "), "{said}");
    }
}
