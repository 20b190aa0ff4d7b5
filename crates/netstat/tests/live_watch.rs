//! Events of a watcher: applied to its first rows they give what a listing shows afterwards, whatever opens, closes and
//! overflows meanwhile, and every socket that was closed is among them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use netstat::{Change, Event, EventSource, OwnerSource, Query, Socket, SocketKey, State, Watcher};
use scene::TEST_USER;
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::{Child, Churn, ChurnSpec, kernel, live_skip, quiet, restrict, tcp, udp, wait_until};
use std::collections::{HashMap, HashSet};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The longest wait for what the kernel does later.
const SOON: Duration = Duration::from_secs(30);

/// How long sockets come and go; longer by `NETSTAT_WATCH_SECONDS`, and more by `NETSTAT_WATCH_RATE`.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A row as a caller distinguishes it.
type Name = (SocketKey, Option<NonZeroU64>);

fn name(socket: &Socket) -> Name {
    (socket.key(), socket.cookie)
}

/// What is left of a socket that is closed; it has the number of the socket.
fn is_remainder(socket: &Socket) -> bool {
    let is_left = matches!(socket.state, Some(State::TimeWait | State::FinWait2));
    is_left && socket.identity.is_none() && socket.queues.is_none()
}

/// What a caller knows of a row that may change.
type Seen = (Option<State>, Vec<u32>);

fn seen(socket: &Socket) -> Seen {
    (socket.state, socket.pids().collect())
}

/// Rows to which events are applied, as a caller does it.
#[derive(Default)]
struct Folded {
    rows: HashMap<Name, Seen>,
    closed: u64,
    closed_by_kernel: u64,
    never_opened: u64,
    with_counters: u64,
    lost: u64,
    /// Of these, reports of opened sockets.
    lost_openings: u64,
    /// The sockets whose end was an event.
    ended: HashSet<NonZeroU64>,
}

impl Folded {
    fn new(watcher: &Watcher) -> Self {
        Self { rows: rows(&watcher.snapshot().sockets), ..Self::default() }
    }

    fn apply(&mut self, event: Event) {
        match event.change {
            Change::Opened { socket } => {
                let before = self.rows.insert(name(&socket), seen(&socket));
                assert!(before.is_none(), "opened twice: {socket:?}");
            }
            Change::Closed { socket, .. } => {
                let was_there = self.rows.remove(&name(&socket)).is_some();
                if is_remainder(&socket) {
                    return;
                }
                if let Some(cookie) = socket.cookie {
                    assert!(self.ended.insert(cookie), "closed twice: {socket:?}");
                }
                self.closed += 1;
                self.never_opened += u64::from(!was_there);
                self.with_counters += u64::from(socket.details().is_some_and(|it| it.tcp.is_some()));
                self.closed_by_kernel += u64::from(event.source == EventSource::Destroy);
            }
            Change::Changed { before, after } => {
                assert!(self.rows.remove(&name(&before)).is_some(), "changed before it opened: {before:?}");
                self.rows.insert(name(&after), seen(&after));
            }
            Change::Lost { count } => {
                self.lost += count;
                self.lost_openings += if event.source == EventSource::Tracing { count } else { 0 };
            }
            other => panic!("{other:?}"),
        }
    }

    fn follow(&mut self, watcher: &mut Watcher, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            watcher.wait(Duration::from_millis(20)).unwrap().into_iter().for_each(|event| self.apply(event));
            assert_eq!(self.rows.len(), watcher.snapshot().sockets.len());
        }
    }

    /// Waits until so many ends were reported or counted as lost: the kernel may report them later than a listing shows.
    fn sees_ends(&mut self, watcher: &mut Watcher, wanted: u64) {
        let complete = wait_until(SOON, || {
            let events = watcher.wait(Duration::from_millis(10)).unwrap();
            events.into_iter().for_each(|event| self.apply(event));
            self.closed + self.lost >= wanted
        });
        assert!(complete, "{wanted}: {} closed, {} lost", self.closed, self.lost);
        assert_eq!(rows(&watcher.snapshot().sockets).len(), self.rows.len());
    }

    /// Waits until the rows are those of a listing. Connections that have ended go through some states more.
    fn becomes_a_listing(&mut self, watcher: &mut Watcher, query: &Query) {
        let mut last = (HashMap::new(), HashMap::new());
        let is_same = wait_until(SOON, || {
            for event in watcher.wait(Duration::from_millis(20)).unwrap() {
                self.apply(event);
            }
            last = (self.rows.clone(), rows(&query.snapshot().unwrap().sockets));
            last.0 == last.1
        });
        assert!(is_same, "{last:?}");
        assert_eq!(rows(&watcher.snapshot().sockets), self.rows);
    }
}

fn rows(sockets: &[Socket]) -> HashMap<Name, Seen> {
    let rows: HashMap<_, _> = sockets.iter().map(|socket| (name(socket), seen(socket))).collect();
    assert_eq!(rows.len(), sockets.len(), "a row more than once");
    rows
}

/// In a network namespace of its own, so that other tests' sockets are not listed.
fn alone(test: impl FnOnce() + Send) {
    if let Err(why) = in_network_namespace(test) {
        live_skip!("a network namespace: {why}");
    }
}

/// Follows the sockets that come and go. Every end of one that was opened is reported, or counted as lost.
fn under_churn(query: &Query, interval: Duration, spec: ChurnSpec) -> Folded {
    let mut watcher = Watcher::new(query.clone(), interval).unwrap();
    let mut folded = Folded::new(&watcher);
    let churn = Churn::start(spec).unwrap();
    folded.follow(&mut watcher, Duration::from_secs(number("NETSTAT_WATCH_SECONDS", 2)));
    let counts = churn.stop();
    folded.becomes_a_listing(&mut watcher, query);
    let opened = 2 * counts.connections + counts.udp_sockets;
    assert!(opened > 100, "{counts:?}");
    folded.sees_ends(&mut watcher, opened);
    println!(
        "{counts:?}: {} closed, {} of them never opened, {} lost",
        folded.closed, folded.never_opened, folded.lost
    );
    folded
}

fn spec(time_wait: bool) -> ChurnSpec {
    let rate = number("NETSTAT_WATCH_RATE", 500);
    ChurnSpec {
        connections_per_second: rate,
        udp_per_second: rate / 2,
        open: 40,
        time_wait,
        ..ChurnSpec::default()
    }
}

#[test]
fn live_rows_with_the_events_are_a_listing_and_no_end_is_missed_under_churn() {
    alone(|| {
        let _stable = [tcp::pair_v4().unwrap(), tcp::listener_v6_only().unwrap(), udp::pair_v4().unwrap()];
        for time_wait in [false, true] {
            let folded = under_churn(&Query::new(), Duration::from_millis(100), spec(time_wait));
            assert!(folded.with_counters > 100 && folded.closed_by_kernel > 100);
        }
    });
}

#[test]
fn live_owners_of_rows_follow_under_churn() {
    alone(|| {
        let query = Query::new().owners(true);
        under_churn(&query, Duration::from_millis(200), spec(false));
    });
}

#[test]
fn live_what_lives_between_two_listings_is_closed_though_it_was_never_opened() {
    alone(|| {
        // Without programs in the kernel, which report beginnings too.
        let query = Query::new().tcp().owner_source(OwnerSource::Procfs);
        let mut watcher = Watcher::new(query.clone(), Duration::from_secs(3600)).unwrap();
        let mut folded = Folded::new(&watcher);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..20 {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            drop((listener.accept().unwrap(), client));
        }
        folded.sees_ends(&mut watcher, 40);
        assert_eq!((folded.closed, folded.never_opened, folded.lost), (40, 40, 0));
        assert!(watcher.unseen().iter().any(|gap| gap.kind == netstat::GapKind::ChangesUnseen));
    });
}

/// How many messages the kernel has dropped that were for the sock_diag sockets of this network namespace.
fn reports_dropped() -> u64 {
    /// `NETLINK_SOCK_DIAG`.
    const PROTOCOL: &str = "4";
    let table = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let number = |line: &str, column: usize| line.split_whitespace().nth(column)?.parse::<u64>().ok();
    let lines = table.lines().filter(|line| line.split_whitespace().nth(1) == Some(PROTOCOL));
    // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    lines.filter_map(|line| number(line, 8)).sum()
}

#[test]
fn live_events_that_find_no_room_are_counted_and_the_rows_right_afterwards() {
    alone(|| {
        let query = Query::new();
        let held: Vec<UdpSocket> = (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut watcher = Watcher::new(query.clone(), Duration::from_millis(200)).unwrap();
        let mut folded = Folded::new(&watcher);
        // The kernel reports them on a thread of its own, at any time: nothing is read until it has found no room.
        let mut ends = 50;
        let has_dropped = wait_until(SOON, || {
            for _ in 0..1000 {
                drop(UdpSocket::bind("127.0.0.1:0").unwrap());
            }
            ends += 1000;
            reports_dropped() > 0
        });
        assert!(has_dropped, "{ends} reports");
        drop(held);
        folded.becomes_a_listing(&mut watcher, &query);
        folded.sees_ends(&mut watcher, ends);
        assert!(folded.lost > 0, "{} closed", folded.closed);
    });
}

#[test]
fn live_thread_that_moves_to_another_network_namespace_watches_that_one() {
    alone(|| {
        let query = Query::new();
        let _here = tcp::pair_v4().unwrap();
        let mut watcher = Watcher::new(query.clone(), Duration::from_millis(20)).unwrap();
        let mut folded = Folded::new(&watcher);
        assert_eq!(folded.rows.len(), 3);
        enter_network_namespace().unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        folded.becomes_a_listing(&mut watcher, &query);
        assert_eq!(folded.rows.len(), 1);
        // A listing may show the end of one before the kernel reports it.
        let before = folded.closed_by_kernel;
        let reported = wait_until(SOON, || {
            drop(UdpSocket::bind("127.0.0.1:0").unwrap());
            let events = watcher.wait(Duration::from_millis(10)).unwrap();
            events.into_iter().for_each(|event| folded.apply(event));
            folded.closed_by_kernel > before
        });
        assert!(reported);
        drop(there);
        folded.becomes_a_listing(&mut watcher, &query);
        assert_eq!(folded.rows.len(), 0);
    });
}

#[test]
fn live_filter_selects_also_what_was_never_listed_and_what_it_cannot_decide_is_counted() {
    alone(|| {
        let wanted = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = wanted.local_addr().unwrap().port();
        let never = Duration::from_secs(3600);
        let of_port = Query::new().local_port(port);
        let of_process = Query::new().pid(std::process::id());
        let mut by_port = Watcher::new(of_port, never).unwrap();
        let mut by_process = Watcher::new(of_process, never).unwrap();
        drop(wanted);
        drop(UdpSocket::bind("127.0.0.1:0").unwrap());
        drop(UdpSocket::bind(("127.0.0.1", port)).unwrap());
        let mut ports = Vec::new();
        let mut closed = 0;
        let complete = wait_until(SOON, || {
            for event in by_port.wait(Duration::from_millis(10)).unwrap() {
                let Change::Closed { socket, .. } = event.change else { panic!("{event:?}") };
                ports.push(socket.local.port());
            }
            closed += by_process.wait(Duration::from_millis(10)).unwrap().len();
            let undecided = by_process
                .unseen()
                .iter()
                .any(|gap| gap.kind == netstat::GapKind::SocketsUndecided && gap.count == 2);
            ports.len() == 2 && undecided
        });
        assert!(complete, "{ports:?} {closed} {:?}", by_process.unseen());
        assert_eq!((ports, closed), (vec![Some(port); 2], 1));
    });
}

#[test]
fn live_user_without_rights_sees_every_end() {
    let _quiet = quiet();
    restricted!("another user in a network namespace", || {
        enter_network_namespace()?;
        restrict::become_user(TEST_USER)?;
        let mut watcher = Watcher::new(Query::new(), Duration::from_secs(3600)).unwrap();
        for _ in 0..10 {
            drop(UdpSocket::bind("127.0.0.1:0")?);
        }
        let mut closed = 0;
        let complete = wait_until(SOON, || {
            closed += watcher.wait(Duration::from_millis(10)).unwrap().len();
            closed == 10
        });
        assert!(complete, "{closed}");
        // What is missing is said, and why.
        let gaps = watcher.unseen();
        let about = |what: &str| gaps.iter().any(|gap| gap.source.contains(what));
        assert!(about("only the end, without its process") && about("opened TCP sockets: "), "{gaps:?}");
        Ok(())
    });
}

#[test]
fn live_without_netlink_there_are_differences_and_a_gap() {
    let _quiet = quiet();
    restricted!("seccomp", || {
        restrict::deny_netlink(13)?;
        let mut watcher = Watcher::new(Query::new().udp(), Duration::from_millis(20)).unwrap();
        let gaps = watcher.unseen();
        assert!(watcher.descriptor().is_none() && gaps.len() == 2, "{gaps:?}");
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let mut expect = |wanted: &str| {
            let mine = |event: &Event| match &event.change {
                Change::Opened { socket: row } | Change::Closed { socket: row, .. } => {
                    row.local.port() == socket.local_addr().ok().map(|local| local.port())
                }
                _ => false,
            };
            wait_until(SOON, || {
                let events = watcher.wait(Duration::from_millis(50)).unwrap();
                events.iter().filter(|event| mine(event)).any(|event| event.change.as_str() == wanted)
            })
        };
        assert!(expect("opened"));
        Ok(())
    });
}

#[test]
fn live_descriptor_becomes_readable_and_an_idle_wait_makes_no_events() {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    alone(|| {
        let mut watcher = Watcher::new(Query::new(), Duration::from_secs(3600)).unwrap();
        let is_readable = |watcher: &Watcher, limit: Duration| {
            let descriptor = watcher.descriptor().unwrap();
            let timeout = Timespec::try_from(limit).unwrap();
            poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&timeout)).unwrap() == 1
        };
        assert!(!is_readable(&watcher, Duration::ZERO));
        assert!(watcher.due() > Duration::from_secs(3000));
        assert_eq!(watcher.wait(Duration::from_millis(50)).unwrap(), []);
        drop(UdpSocket::bind("127.0.0.1:0").unwrap());
        assert!(is_readable(&watcher, SOON));
        let events = watcher.wait(Duration::ZERO).unwrap();
        assert!(matches!(&events[..], [Event { source: EventSource::Destroy, .. }]), "{events:?}");
        assert!(!is_readable(&watcher, Duration::ZERO));
    });
}

/// Skips the test where the kernel does not report opened sockets.
macro_rules! traced {
    () => {
        if !cfg!(feature = "bpf") {
            let gaps = Watcher::new(Query::new(), SOON).unwrap().unseen();
            assert!(gaps.iter().any(|gap| gap.source.contains("built without bpf")), "{gaps:?}");
            return;
        }
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        if std::fs::read_link("/proc/self/ns/pid").unwrap().as_os_str() != "pid:[4026531836]" {
            live_skip!("BPF: reports of opened sockets need the first pid namespace");
        }
        if kernel::is_before(5, 12) {
            live_skip!("BPF: reports of opened sockets: Linux before 5.12");
        }
    };
}

#[test]
fn live_opened_sockets_that_find_no_room_are_counted_and_the_rows_right_afterwards() {
    traced!();
    alone(|| {
        let query = Query::new();
        let mut watcher = Watcher::new(query.clone(), Duration::from_secs(3600)).unwrap();
        let mut folded = Folded::new(&watcher);
        // A record each: more than the ring has room for.
        for _ in 0..45_000 {
            drop(TcpListener::bind("127.0.0.1:0").unwrap());
        }
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        folded.becomes_a_listing(&mut watcher, &query);
        assert!(folded.lost_openings > 0, "{} lost", folded.lost);
        assert_eq!(folded.rows.len(), 1);
        drop(held);
        folded.becomes_a_listing(&mut watcher, &query);
        assert_eq!(folded.rows.len(), 0);
    });
}

#[test]
fn live_opened_sockets_are_those_of_the_network_namespace_that_the_thread_has_moved_to() {
    traced!();
    alone(|| {
        let mut watcher = Watcher::new(Query::new().owners(true), Duration::from_millis(20)).unwrap();
        let mut opened_by_kernel = |socket: &dyn Fn() -> TcpListener| {
            wait_until(SOON, || {
                let listener = socket();
                let port = listener.local_addr().unwrap().port();
                let events = watcher.wait(Duration::from_millis(10)).unwrap();
                let is_it = |event: &Event| match &event.change {
                    Change::Opened { socket } if event.source == EventSource::Tracing => {
                        assert!(socket.pids().eq([std::process::id()]), "{socket:?}");
                        socket.local.port() == Some(port)
                    }
                    _ => false,
                };
                events.iter().any(is_it)
            })
        };
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(opened_by_kernel(&bind));
        enter_network_namespace().unwrap();
        assert!(opened_by_kernel(&bind));
    });
}

#[test]
fn live_every_short_connection_is_reported_with_its_process_where_bpf_may_be_used() {
    const MANY: usize = 1_000;
    traced!();
    alone(|| {
        let query = Query::new().tcp().processes(netstat::ProcessFields::NAME);
        let mut watcher = Watcher::new(query, Duration::from_secs(1)).unwrap();
        let many = || {
            let child = Child::fork(Some(b"short"), &[], |_| {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let mut open = std::collections::VecDeque::new();
                for _ in 0..MANY {
                    let client = TcpStream::connect(listener.local_addr()?)?;
                    open.push_back((Instant::now(), client, listener.accept()?.0));
                    while open.front().is_some_and(|(since, ..)| since.elapsed() > Duration::from_millis(20))
                    {
                        open.pop_front();
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
                Ok(())
            });
            child.unwrap()
        };
        let (mut opened, mut closed) = (HashMap::new(), HashMap::new());
        let child = std::thread::scope(|scope| {
            let child = scope.spawn(many);
            let complete = wait_until(SOON, || {
                for event in watcher.wait(Duration::from_millis(50)).unwrap() {
                    let names = |socket: &Socket| -> Vec<_> {
                        socket
                            .pids()
                            .map(|pid| (pid, event.process(pid).and_then(|it| it.name.clone())))
                            .collect()
                    };
                    match &event.change {
                        Change::Opened { socket } | Change::Changed { after: socket, .. }
                            if socket.remote.is_some() && socket.state != Some(State::TimeWait) =>
                        {
                            // Its last owner, once it has one.
                            let names = names(socket);
                            if !names.is_empty() || !opened.contains_key(&socket.cookie) {
                                opened.insert(socket.cookie, names);
                            }
                        }
                        Change::Closed { socket, .. }
                            if socket.remote.is_some() && socket.state != Some(State::TimeWait) =>
                        {
                            closed.insert(socket.cookie, names(socket));
                        }
                        Change::Lost { count } => panic!("{count} lost"),
                        _ => {}
                    }
                }
                closed.len() >= 2 * MANY
            });
            assert!(complete, "{} opened, {} closed", opened.len(), closed.len());
            child.join().unwrap()
        });
        // Of each connection the end that was opened, and the one that was accepted where a listing saw it.
        let expected = vec![(child.pid(), Some("short".into()))];
        for seen in [&opened, &closed] {
            let with_process = seen.values().filter(|names| **names == expected).count();
            let wrong = seen.values().filter(|names| !names.is_empty() && **names != expected).count();
            assert_eq!((seen.len(), wrong), (2 * MANY, 0));
            assert!(with_process >= MANY, "{with_process} of {}", seen.len());
        }
    });
}

#[test]
fn live_each_source_alone_gives_the_rows_of_a_listing() {
    alone(|| {
        // Without programs in the kernel, and with them where they can be had.
        for source in [OwnerSource::Procfs, OwnerSource::Auto] {
            for owners in [false, true] {
                let query = Query::new().owners(owners).owner_source(source);
                under_churn(&query, Duration::from_millis(200), spec(false));
            }
        }
    });
}
