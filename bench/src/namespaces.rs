//! Many network namespaces with few sockets each, as on a host of containers: how long all of them take, against `ss` started
//! in each.

use crate::Result;
use crate::isolation::in_world;
use crate::world::Named;
use netstat::{Gap, GapKind, OwnerSource, Query, Scope, Snapshot};
use socket_world::Child;
use socket_world::namespace::enter_network_namespace;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many namespaces there are.
const NAMESPACES: usize = 200;
/// How many connections each has: with both ends and the listener, 21 sockets.
const CONNECTIONS: usize = 10;
const SOCKETS: usize = 2 * CONNECTIONS + 1;

/// The time that one listing of all may take, for each namespace, where there is nothing else.
const LIMIT: Duration = Duration::from_micros(2_500);

/// Measures, in the namespace of a world if there is one, and returns a table, or why the machine cannot have the world.
///
/// # Errors
/// Not root; the namespaces cannot be made; a listing lacks sockets, or takes longer than the limit.
pub(crate) fn run(beside: Option<&Named>, rounds: usize) -> Result<String> {
    let Some(named) = beside else { return measure(rounds, 0) };
    let measured = in_world(named, |world| measure(rounds, world.counts().sockets()))?;
    Ok(measured.unwrap_or_else(|why| format!("World {}: skipped: {why}\n", named.name)))
}

/// `beside`: the number of sockets in this network namespace.
fn measure(rounds: usize, beside: usize) -> Result<String> {
    let children = (0..NAMESPACES).map(|_| lodger()).collect::<std::io::Result<Vec<_>>>()?;
    let rows = Query::new().netns(Scope::All);
    let owners = rows.clone().owners(true);
    let dumped = owners.clone().owner_source(OwnerSource::Bpf);
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        for (times, query) in times.iter_mut().zip([&rows, &owners, &dumped]) {
            // The one after another contender finds the caches full of what that has left.
            list(query, beside)?;
            times.push(list(query, beside)?);
        }
        let start = Instant::now();
        ss(&children)?;
        times[3].push(start.elapsed());
    }
    let [rows, owners, dumped, ss] = times.map(median);
    let count = u32::try_from(NAMESPACES)?;
    let line = |name: &str, time: Duration| {
        let ratio = time.as_secs_f64() / ss.as_secs_f64();
        let of_each = (time / count).as_secs_f64() * 1000.0;
        format!("{name:<28} {:>9.1} {of_each:>12.3} {ratio:>10.3}\n", time.as_secs_f64() * 1000.0)
    };
    let text = [
        format!("{NAMESPACES} network namespaces with {SOCKETS} sockets each"),
        if beside == 0 { String::new() } else { format!(", beside one with {beside}") },
        format!(", median of {rounds} rounds\n"),
        format!("{:<28} {:>9} {:>12} {:>10}\n", "", "ms", "ms for each", "against ss"),
        line("netstat, rows", rows),
        line("netstat, rows and owners", owners),
        line("netstat, by dumps alone", dumped),
        line("ss -tuan started in each", ss),
    ]
    .concat();
    match beside == 0 && rows > LIMIT * count {
        true => Err(format!("{text}a namespace takes longer than {LIMIT:?}").into()),
        false => Ok(text),
    }
}

/// A process in a namespace of its own.
fn lodger() -> std::io::Result<Child> {
    Child::fork(Some(b"lodger"), &[], |report| {
        enter_network_namespace()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        for _ in 0..CONNECTIONS {
            report.keep(TcpStream::connect(listener.local_addr()?)?)?;
            report.keep(listener.accept()?.0)?;
        }
        report.keep(listener)?;
        Ok(())
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How long a listing of all sockets takes. It is checked to have those of every namespace, and those beside them.
fn list(query: &Query, beside: usize) -> Result<Duration> {
    let start = Instant::now();
    let snapshot: Snapshot = query.snapshot()?;
    let elapsed = start.elapsed();
    let (sockets, expected) = (snapshot.sockets.len(), NAMESPACES * SOCKETS + beside);
    // Sockets of this one's own namespace may be held by processes outside of the pid namespace.
    let is_gap = |gap: &Gap| gap.kind != GapKind::ProcessesHidden;
    if sockets < expected || snapshot.gaps.iter().any(is_gap) {
        return Err(format!("{sockets} sockets instead of {expected}: {:?}", snapshot.gaps).into());
    }
    Ok(elapsed)
}

/// Starts `ss` in each namespace, one after the other.
fn ss(children: &[Child]) -> Result<()> {
    for child in children {
        let namespace = format!("--net=/proc/{}/ns/net", child.pid());
        let output = Command::new("nsenter")
            .args([&*namespace, "ss", "-H", "-tuan"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        let sockets = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        if sockets != SOCKETS {
            return Err(format!("ss lists {sockets} sockets instead of {SOCKETS}").into());
        }
    }
    Ok(())
}
