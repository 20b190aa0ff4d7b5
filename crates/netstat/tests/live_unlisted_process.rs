//! A process that is asked for and has no row: the snapshot says why.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::sources;
use netstat::{Filter, Gap, GapKind, Query, Scope, Snapshot};
use socket_world::live_skip;
use socket_world::namespace::in_network_namespace;
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// The snapshots by every source of owners.
fn snapshots(filter: &Filter) -> Vec<Snapshot> {
    let by = |source| Query::new().filter(filter.clone()).owner_source(source).snapshot().unwrap();
    sources().into_iter().map(by).collect()
}

fn gaps_of(snapshot: &Snapshot, kind: GapKind) -> Vec<&Gap> {
    snapshot.gaps.iter().filter(|gap| gap.kind == kind).collect()
}

/// Checks that no row passes the filter, and that there is one gap of this kind.
#[track_caller]
fn check(filter: &Filter, kind: GapKind, count: u64, source: &str) {
    for snapshot in snapshots(filter) {
        assert!(snapshot.sockets.is_empty(), "{filter}: {snapshot:?}");
        let gaps = gaps_of(&snapshot, kind);
        assert!(
            matches!(gaps[..], [gap] if gap.count == count && gap.source == source),
            "{filter}: {:?}",
            snapshot.gaps
        );
    }
}

/// A process that waits, and ends with this value.
struct Sleeper(Child);

impl Sleeper {
    fn with_standard_input(input: impl Into<Stdio>) -> Self {
        Self(Command::new("sleep").arg("60").stdin(input).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn live_pid_or_name_that_no_process_has_is_a_gap() {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    check(&Filter::pid(child.id()), GapKind::ProcessNotFound, 1, &format!("pid {}", child.id()));
    check(&Filter::process("no such process"), GapKind::ProcessNotFound, 1, "name no such process");
}

#[test]
fn live_number_of_a_thread_is_not_a_pid() {
    let own = std::process::id();
    std::thread::spawn(move || {
        let link = fs::read_link("/proc/thread-self").unwrap();
        let thread = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let source = format!("{thread} is a thread of process {own}");
        check(&Filter::pid(thread), GapKind::ProcessNotFound, 1, &source);
    })
    .join()
    .unwrap();
}

#[test]
fn live_process_with_sockets_of_other_kinds_only_is_a_gap_that_names_the_kinds() {
    let (end, _other) = UnixStream::pair().unwrap();
    let sleeper = Sleeper::with_standard_input(OwnedFd::from(end));
    let pid = sleeper.0.id();
    let source = format!("process {pid}: UNIX-STREAM");
    check(&Filter::pid(pid), GapKind::SocketsOfOtherKinds, 1, &source);
}

#[test]
fn live_process_in_a_network_namespace_that_is_not_listed_is_a_gap_and_not_an_empty_list() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sleeper = Sleeper::with_standard_input(OwnedFd::from(listener.try_clone().unwrap()));
    let pid = sleeper.0.id();
    let other = in_network_namespace(|| {
        let source = format!("process {pid} is in another network namespace");
        // A scope that names one lists no other.
        let own = Scope::Path("/proc/thread-self/ns/net".into());
        let of_pid = Query::new().pid(pid);
        for query in [of_pid.clone().netns(own.clone()), of_pid.clone().tcp().netns(own.clone())] {
            let snapshot = query.snapshot().unwrap();
            assert!(snapshot.sockets.is_empty(), "{snapshot:?}");
            let gaps = gaps_of(&snapshot, GapKind::SocketsElsewhere);
            assert!(
                matches!(gaps[..], [gap] if gap.count == 1 && gap.source == source),
                "{:?}",
                snapshot.gaps
            );
        }
        // It has none of the kind that is asked for, wherever it is.
        let snapshot = of_pid.udp().netns(own).snapshot().unwrap();
        let gaps = gaps_of(&snapshot, GapKind::SocketsOfOtherKinds);
        assert!(matches!(gaps[..], [gap] if gap.count == 1), "{:?}", snapshot.gaps);
        assert!(gaps_of(&snapshot, GapKind::SocketsElsewhere).is_empty(), "{:?}", snapshot.gaps);
        // Without one the process's own is listed; that none of its sockets is of UDP is no gap.
        for (filter, rows) in [(Filter::pid(pid), 1), (Filter::pid(pid) & Filter::udp(), 0)] {
            for snapshot in snapshots(&filter) {
                assert_eq!(snapshot.sockets.len(), rows, "{filter}: {snapshot:?}");
                assert!(
                    gaps_of(&snapshot, GapKind::SocketsElsewhere).is_empty(),
                    "{filter}: {:?}",
                    snapshot.gaps
                );
            }
        }
    });
    if let Err(why) = other {
        live_skip!("a network namespace: {why}");
    }
    // In the process's own namespace there is nothing to explain.
    for snapshot in snapshots(&Filter::pid(pid)) {
        assert_eq!(snapshot.sockets.len(), 1);
        assert!(gaps_of(&snapshot, GapKind::SocketsElsewhere).is_empty());
    }
}

#[test]
fn live_process_that_holds_only_sockets_of_another_namespace_than_its_own_is_a_gap() {
    let made = in_network_namespace(|| TcpListener::bind("0.0.0.0:0").unwrap());
    let listener = match made {
        Ok(listener) => listener,
        Err(why) => live_skip!("a network namespace: {why}"),
    };
    let sleeper = Sleeper::with_standard_input(OwnedFd::from(listener));
    let pid = sleeper.0.id();
    let source = format!("sockets of process {pid} are in none of the listed tables");
    check(&Filter::pid(pid), GapKind::SocketsElsewhere, 1, &source);
    for snapshot in snapshots(&(Filter::pid(pid) & Filter::local_port(1))) {
        assert!(gaps_of(&snapshot, GapKind::SocketsElsewhere).is_empty(), "{:?}", snapshot.gaps);
    }
}
