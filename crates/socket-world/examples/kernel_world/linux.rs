//! The world and the comparison.

use serde_json::Value;
use socket_world::{Held, Made, SocketFacts, State, Transport, holders, tcp, udp};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitCode};

pub(super) fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sources = arguments.get(3..).unwrap_or_default().iter().map(|source| source.split_once('='));
    let sources: Option<Vec<(&str, &str)>> = sources.collect();
    let ([fallbacks, lsock, count, ..], Some(sources)) = (&arguments[..], sources) else {
        eprintln!("usage: kernel_world none|udp|tcp,udp LSOCK COUNT_SOCKETS SOURCE=USED...");
        return ExitCode::from(2);
    };
    match run(fallbacks, lsock, count, &sources) {
        Ok(outcome) => {
            println!("{outcome}");
            if outcome.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            println!("kernel_world: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Outcome {
    rows: usize,
    left_out: usize,
    gaps: Vec<String>,
    /// The source of owners for each that was asked for.
    owners: Vec<String>,
    differences: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, left_out, gaps, owners, differences } = self;
        if differences.is_empty() {
            write!(f, "ok {rows} rows")?;
        } else {
            write!(f, "{} differences in {rows} rows", differences.len())?;
        }
        if *left_out > 0 {
            write!(f, ", {left_out} situations left out: this kernel has no IPv6 now")?;
        }
        let source = if gaps.is_empty() { "netlink".to_owned() } else { gaps.join("; ") };
        write!(f, ", source: {source}, owners: {}", owners.join(", "))?;
        // The first ones are enough, and a serial line is slow.
        differences.iter().take(10).try_for_each(|difference| write!(f, "\n  {difference}"))
    }
}

/// `sources`: what is asked for, and how the text of what must be used then starts.
fn run(
    fallbacks: &str,
    lsock: &str,
    count: &str,
    sources: &[(&str, &str)],
) -> Result<Outcome, Box<dyn Error>> {
    let ipv6 = Path::new("/proc/net/if_inet6").exists();
    let mut left_out = 0;
    let mut world = Vec::new();
    for (name, make) in tcp::ALL.iter().chain(udp::ALL) {
        if !ipv6 && ["v6", "dual", "mapped"].iter().any(|part| name.contains(part)) {
            left_out += 1;
            continue;
        }
        world.push(make().map_err(|error| format!("{name}: {error}"))?);
    }
    let mut held = Vec::new();
    for made in &world {
        held.extend(made.held()?);
    }
    // The first listener has a second holder.
    let first = world.first().and_then(|made| made.sockets.first()).ok_or("no sockets")?;
    let children = holders::inherited(1, first.as_fd())?;
    held.extend(children.iter().flat_map(|child| child.held().iter().copied()));

    let mut outcome = Outcome {
        rows: world.iter().map(|made| made.facts.len()).sum(),
        left_out,
        gaps: Vec::new(),
        owners: Vec::new(),
        differences: Vec::new(),
    };
    for (source, expected) in sources {
        let document = output(Command::new(lsock).args(["--json", "--owner-source", source]))?;
        let document: Value = serde_json::from_str(&document)?;
        let from = &document["owner_source"];
        let used = format!("{} ({})", text(from, "used"), text(from, "reason"));
        let gaps = list(&document, "gaps")?;
        let mut differences = rows_that_differ(&world, &held, list(&document, "sockets")?);
        differences.extend(gaps_that_differ(fallbacks, used.starts_with("one-pass"), gaps));
        if !used.starts_with(expected) {
            differences.push(format!("owners by {used}, and not by {expected}"));
        }
        outcome.owners.push(format!("{source}: {used}"));
        outcome.differences.extend(differences.into_iter().map(|what| format!("{source}: {what}")));
        outcome.gaps = gaps.iter().map(|gap| text(gap, "detail").to_owned()).collect();
    }
    let counted = output(&mut Command::new(count))?;
    outcome.differences.extend(counts_that_differ(&world, &counted));
    Ok(outcome)
}

/// The output of a command, which must succeed.
fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} ended with {}: {}", output.status, text.trim()).into())
}

/// Compares lines of protocol, state and count.
fn counts_that_differ(world: &[Made], counted: &str) -> Option<String> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for facts in world.iter().flat_map(|made| &made.facts) {
        let state = state_name(facts.state).unwrap_or("-");
        *counts.entry((protocol_name(facts), state)).or_default() += 1;
    }
    let expected = counts.iter().map(|((protocol, state), count)| format!("{protocol} {state} {count}"));
    let expected: BTreeSet<String> = expected.collect();
    let counted: BTreeSet<String> = counted.lines().map(str::to_owned).collect();
    (expected != counted).then(|| format!("counted {counted:?}, made {expected:?}"))
}

fn protocol_name(facts: &SocketFacts) -> &'static str {
    match facts.protocol {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

fn list<'a>(document: &'a Value, key: &str) -> Result<&'a [Value], String> {
    document[key].as_array().map(Vec::as_slice).ok_or_else(|| format!("no list {key:?} in the document"))
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

/// Compares the gaps with those that are expected. `in_one_pass`: a table is read only where that may lack some of its sockets.
fn gaps_that_differ(fallbacks: &str, in_one_pass: bool, gaps: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    let fallback_gaps = || gaps.iter().filter(|gap| text(gap, "kind") == "fallback");
    for protocol in ["tcp", "udp"] {
        let wanted = fallbacks.split(',').any(|one| one == protocol);
        let reported = fallback_gaps().any(|gap| text(gap, "source").contains(protocol));
        if wanted != reported && !(in_one_pass && wanted) {
            differences.push(format!("{protocol}: fallback expected: {wanted}, reported: {reported}"));
        }
    }
    // The kernel starts programs of its own (modprobe), which end at any time.
    let other = gaps.iter().filter(|gap| !["fallback", "processes_vanished"].contains(&text(gap, "kind")));
    differences.extend(other.map(|gap| format!("unexpected gap {gap}")));
    differences
}

fn rows_that_differ(world: &[Made], held: &[Held], rows: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    let mut left: Vec<&Value> = rows.iter().collect();
    for facts in world.iter().flat_map(|made| &made.facts) {
        match left.iter().position(|row| is_row_of(facts, row)) {
            None => differences.push(format!("no row for {facts:?}")),
            Some(at) => {
                let row = left.swap_remove(at);
                let what = difference(facts, held, row);
                differences.extend(what.map(|what| format!("{what}: {row} for {facts:?}")));
            }
        }
    }
    differences.extend(left.iter().map(|row| format!("a row too many: {row}")));
    differences
}

/// Whether protocol, both ends and the inode agree: a connection over loopback has a second row with the same ends
/// swapped.
fn is_row_of(facts: &SocketFacts, row: &Value) -> bool {
    text(row, "protocol") == protocol_name(facts)
        && end(&row["local"]) == Some(facts.local)
        && end(&row["remote"]) == facts.remote
        && row["inode"].as_u64() == facts.inode
}

fn end(record: &Value) -> Option<SocketAddr> {
    let ip: IpAddr = record["addr"].as_str()?.parse().ok()?;
    Some(SocketAddr::new(ip, record["port"].as_u64()?.try_into().ok()?))
}

/// How the row differs from the facts.
fn difference(facts: &SocketFacts, held: &[Held], row: &Value) -> Option<&'static str> {
    let family = if facts.local.is_ipv4() { "ipv4" } else { "ipv6" };
    if text(row, "family") != family {
        return Some("another family");
    }
    if row["state"].as_str() != state_name(facts.state) {
        return Some("another state");
    }
    if facts.uid.is_some_and(|uid| row["uid"].as_u64() != Some(uid.into())) {
        return Some("another user");
    }
    if facts.inode.is_none() && facts.state != State::Established && !row["uid"].is_null() {
        return Some("a user that the kernel does not know");
    }
    if facts.rx_queue.is_some_and(|queue| row["rx_queue"].as_u64() != Some(queue.into())) {
        return Some("another receive queue");
    }
    let wanted: BTreeSet<_> = held
        .iter()
        .filter(|held| Some(held.inode) == facts.inode)
        .map(|held| (u64::from(held.pid), i64::from(held.fd)))
        .collect();
    let owners = row["owners"].as_array().map(Vec::as_slice).unwrap_or_default();
    let listed: BTreeSet<_> =
        owners.iter().filter_map(|owner| Some((owner["pid"].as_u64()?, owner["fd"].as_i64()?))).collect();
    if wanted != listed || owners.len() != listed.len() {
        return Some("other owners");
    }
    let status = if wanted.is_empty() { "none" } else { "known" };
    if text(row, "owner_status") != status || (status == "known" && row["owners_complete"] != true) {
        return Some("another word on its owners");
    }
    None
}

/// The state in the document; UDP has none.
fn state_name(state: State) -> Option<&'static str> {
    Some(match state {
        State::Established => "ESTABLISHED",
        State::SynSent => "SYN_SENT",
        State::SynReceived => "SYN_RCVD",
        State::FinWait1 => "FIN_WAIT_1",
        State::FinWait2 => "FIN_WAIT_2",
        State::TimeWait => "TIME_WAIT",
        State::Close => "CLOSED",
        State::CloseWait => "CLOSE_WAIT",
        State::LastAck => "LAST_ACK",
        State::Listen => "LISTEN",
        State::Closing => "CLOSING",
        State::UdpUnconnected | State::UdpConnected => return None,
    })
}
