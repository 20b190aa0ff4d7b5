use super::Opened;
use super::ffi::Ring;
use super::program::RECORD_BYTES;
use super::record::decode;
use crate::model::event::EventSource;
use crate::model::owner::{Ownership, UnownedReason};
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::ffi::socket_cookie;
use crate::sys::linux::netns::namespace_of;
use crate::sys::linux::owners::bpf::create_ring;
use crate::sys::system::Report;
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketType, getsockname};
use socket_world::{Child, kernel, live_skip, namespace, wait_until};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// The programs in a network namespace where nothing else is opened; skips the test where the kernel does not run them.
macro_rules! alone {
    ($test:expr) => {
        if let Err(why) = kernel::bpf_iterators() {
            live_skip!("{why}");
        }
        if std::fs::read_link("/proc/self/ns/pid").unwrap().as_os_str() != super::INITIAL_PID_NAMESPACE {
            live_skip!("BPF: reports of opened sockets need the first pid namespace");
        }
        if kernel::is_before(5, 12) {
            live_skip!("BPF: reports of opened sockets: Linux before 5.12");
        }
        let test: fn(Opened) = $test;
        let run = || {
            let netns = namespace_of("thread-self").unwrap();
            let opened = Opened::load(u32::try_from(netns).unwrap());
            test(opened.unwrap_or_else(|refused| panic!("{refused}")));
        };
        if let Err(why) = namespace::in_network_namespace(run) {
            live_skip!("a network namespace: {why}");
        }
    };
}

/// What is reported until there are so many.
fn read(opened: &mut Opened, wanted: usize) -> Vec<(Socket, Option<(u32, String)>)> {
    let mut read = Vec::new();
    let complete = wait_until(SOON, || {
        opened.read(false, &mut |report| match report {
            Report::Opened { socket, process, ago } => {
                assert!(ago < SOON, "{ago:?}");
                let name = |it: &crate::model::process::Process| it.name.clone().unwrap();
                read.push((socket, process.map(|it| (it.pid, name(&it).into_string().unwrap()))));
            }
            other => panic!("{other:?}"),
        });
        read.len() >= wanted
    });
    assert!(complete && read.len() == wanted, "{read:?}");
    read
}

#[test]
fn live_listen_and_connect_are_reported_with_the_process_that_calls_them_and_what_comes_in_without() {
    alone!(|mut opened| {
        let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
        let own = Some((std::process::id(), comm.trim_end().to_owned()));
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let at = listener.local_addr().unwrap();
            let find = |seen: &[(Socket, Option<(u32, String)>)],
                        local: SocketAddr,
                        remote,
                        state,
                        process: &Option<(u32, String)>| {
                let is_it = |(row, by): &&(Socket, Option<(u32, String)>)| {
                    row.local == local
                        && row.remote_addr() == remote
                        && row.state == Some(state)
                        && by == process
                };
                let (row, by) = seen.iter().find(is_it).unwrap_or_else(|| panic!("{local}: {seen:?}"));
                assert_eq!(row.pids().collect::<Vec<_>>(), by.iter().map(|by| by.0).collect::<Vec<_>>());
                row.clone()
            };
            let seen = read(&mut opened, 3);
            let from = client.local_addr().unwrap();
            let user = Some(rustix::process::geteuid().as_raw());
            let of_listener = find(&seen, at, None, State::Listen, &own);
            assert_eq!((of_listener.uid, of_listener.inode()), (user, Some(inode(&listener))));
            let of_client = find(&seen, from, Some(at), State::Established, &own);
            assert_eq!((of_client.uid, of_client.inode()), (user, Some(inode(&client))));
            // No process holds it yet: the thread that was running when it was established is not its owner.
            let waiting = find(&seen, at, Some(from), State::Established, &None);
            assert_eq!(waiting.ownership(), Ownership::None { reason: UnownedReason::AcceptQueue });
            assert_eq!((waiting.uid, waiting.inode()), (None, None));
            let cookies = [&of_listener, &of_client, &waiting].map(|row| row.cookie.unwrap());
            assert!(cookies[0] != cookies[1] && cookies[1] != cookies[2] && cookies[0] != cookies[2]);
            drop(client);
        }
    });
}

fn inode(of: &impl AsFd) -> u64 {
    rustix::fs::fstat(of).unwrap().st_ino
}

/// The process that calls is not the one that has made the socket.
#[test]
fn live_process_is_the_one_that_calls_and_not_the_one_that_made_the_socket() {
    alone!(|mut opened| {
        let of = |call: &str, socket: &OwnedFd, body: &dyn Fn() -> Result<(), Errno>| {
            let child = Child::fork(Some(call.as_bytes()), &[socket.as_fd()], |_| Ok(body()?));
            Some((child.unwrap().pid(), call.to_owned()))
        };
        let listener = bound(0);
        let listens = of("listens", &listener, &|| rustix::net::listen(&listener, 1));
        assert_eq!(read(&mut opened, 1)[0].1, listens);
        let client = unbound();
        let at = address(&listener);
        let connects = of("connects", &client, &|| rustix::net::connect(&client, &at));
        let mut seen: Vec<_> =
            read(&mut opened, 2).into_iter().map(|(row, by)| (row.local.port(), by)).collect();
        let mut expected = [(Some(address(&client).port()), connects), (Some(at.port()), None)];
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected);
    });
}

fn unbound() -> OwnedFd {
    rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap()
}

/// A socket with this port, which others can have too.
fn bound(port: u16) -> OwnedFd {
    let socket = unbound();
    set_socket_reuseaddr(&socket, true).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    socket
}

fn address(of: &OwnedFd) -> SocketAddr {
    SocketAddr::try_from(getsockname(of).unwrap()).unwrap()
}

#[test]
fn live_listen_that_fails_is_not_reported_and_a_later_one_is() {
    alone!(|mut opened| {
        let first = bound(0);
        let second = bound(address(&first).port());
        rustix::net::listen(&first, 1).unwrap();
        let of_first = inode(&first);
        assert_eq!(rustix::net::listen(&second, 1), Err(Errno::ADDRINUSE));
        drop(first);
        // Another attempt of the same socket does not.
        rustix::net::listen(&second, 1).unwrap();
        let seen: Vec<_> = read(&mut opened, 2).iter().map(|(row, _)| row.inode()).collect();
        assert_eq!(seen, [Some(of_first), Some(inode(&second))]);
    });
}

#[test]
fn live_connection_that_is_refused_is_forgotten_and_other_namespaces_are_not_reported() {
    alone!(|mut opened| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        drop(listener);
        let socket = unbound();
        assert_eq!(rustix::net::connect(&socket, &at), Err(Errno::CONNREFUSED));
        let elsewhere = || drop(TcpListener::bind("127.0.0.1:0").unwrap());
        namespace::in_network_namespace(elsewhere).unwrap();
        assert_eq!(read(&mut opened, 1)[0].0.state, Some(State::Listen));
        assert_eq!(opened.connecting.len(), 1);
        opened.forget(NonZeroU64::new(socket_cookie(socket.as_fd()).unwrap()).unwrap());
        assert_eq!(opened.connecting.len(), 0);
    });
}

/// How many descriptors of this process are of one of these, by a line of `fdinfo`.
fn descriptors_of(numbers: &[String]) -> usize {
    let entries = std::fs::read_dir("/proc/self/fdinfo").unwrap().filter_map(Result::ok);
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    texts.filter(|text| text.lines().any(|line| numbers.iter().any(|number| number == line))).count()
}

#[test]
fn live_program_and_ring_end_with_the_value() {
    alone!(|opened| {
        let number = |of: &OwnedFd, name: &str| {
            let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", of.as_raw_fd())).unwrap();
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}")).to_owned()
        };
        let program =
            opened.skipped.info().lines().find(|line| line.starts_with("prog_id:")).unwrap().to_owned();
        let numbers = [number(&opened.link, "link_id:"), number(&opened.ring_map, "map_id:"), program];
        assert_eq!(descriptors_of(&numbers), 3);
        drop(opened);
        assert_eq!(descriptors_of(&numbers), 0);
    });
}

#[test]
fn live_records_that_find_no_room_are_counted_and_later_ones_come() {
    const MANY: usize = 45_000;
    alone!(|mut opened| {
        for _ in 0..MANY {
            drop(TcpListener::bind("127.0.0.1:0").unwrap());
        }
        let (mut seen, mut lost) = (0, 0);
        opened.read(false, &mut |report| match report {
            Report::Lost(count, EventSource::Tracing) => lost += count,
            _ => seen += 1,
        });
        assert!(lost > 0 && seen > 0, "{seen} seen, {lost} lost");
        assert_eq!(seen + lost, MANY as u64);
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(read(&mut opened, 1)[0].0.state, Some(State::Listen));
    });
}

#[test]
fn live_runs_that_the_kernel_skips_are_counted_as_lost_once() {
    alone!(|mut opened| {
        let lost = |opened: &mut Opened| {
            let mut lost = Vec::new();
            opened.read(false, &mut |report| lost.push(report));
            lost
        };
        assert!(opened.skipped.info().contains("\nrecursion_misses:"), "{}", opened.skipped.info());
        opened.count_skipped();
        lost(&mut opened);
        opened.skipped.pretend(3);
        // Not counted at each read.
        assert_eq!(lost(&mut opened), []);
        opened.count_skipped();
        assert_eq!(lost(&mut opened), [Report::Lost(3, EventSource::Tracing)]);
        opened.count_skipped();
        assert_eq!(lost(&mut opened), []);
    });
}

#[test]
fn live_ring_without_records_is_empty() {
    if let Err(why) = kernel::bpf_iterators() {
        live_skip!("{why}");
    }
    let map = create_ring(b"netstat_test\0\0\0\0", 4096).unwrap();
    let mut ring = Ring::map(map.as_fd(), 4096).unwrap();
    assert!(ring.read::<RECORD_BYTES>(10, &mut |_| panic!("a record")));
    assert_eq!(Ring::map(map.as_fd(), 1 << 20).map(drop), Err(Errno::INVAL));
}

/// A record of a connection that process 814 has opened.
fn record() -> [u8; RECORD_BYTES] {
    let mut bytes = Vec::new();
    bytes.extend(4711_u64.to_ne_bytes());
    bytes.extend(77_u64.to_ne_bytes());
    bytes.extend(5_u64.to_ne_bytes());
    bytes.extend(123_456_789_u64.to_ne_bytes());
    bytes.extend(*b"nginx\0garbage\0\0\0");
    bytes.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([127, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(814_u32.to_ne_bytes());
    bytes.extend(33_u32.to_ne_bytes());
    bytes.extend(2_u32.to_ne_bytes());
    bytes.extend(80_u16.to_ne_bytes());
    bytes.extend(5000_u16.to_be_bytes());
    bytes.extend(2_u16.to_ne_bytes());
    bytes.extend([2, 1]);
    bytes.extend(4_026_531_840_u32.to_ne_bytes());
    bytes.try_into().unwrap()
}

#[test]
fn record_is_a_row_without_what_it_does_not_say() {
    let decoded = decode(&record(), true).unwrap();
    let socket = &decoded.socket;
    assert_eq!(socket.to_string(), "tcp ESTABLISHED 127.0.0.1:80 -> 127.0.0.2:5000");
    assert_eq!((socket.uid, socket.queues, socket.inode()), (Some(33), None, Some(4711)));
    assert_eq!(socket.cookie.map(|it| it.get()), Some(77));
    assert_eq!(socket.netns.map(|it| it.0.get()), Some(4_026_531_840));
    assert_eq!(socket.interface.map(|it| it.get()), Some(2));
    let process = decoded.process.unwrap();
    assert_eq!((process.to_string().as_str(), process.start), ("nginx (814)", Some(12)));
    assert_eq!((decoded.before, decoded.when), (2, 5));
    assert_eq!(decode(&record(), false).unwrap().socket.netns, None);
}

#[test]
fn record_of_another_family_is_no_row_and_without_a_process_it_has_none() {
    let mut other = record();
    other[96..98].copy_from_slice(&1_u16.to_ne_bytes());
    assert_eq!(decode(&other, false), None);
    let mut of_none = record();
    of_none[80..84].fill(0);
    assert_eq!(decode(&of_none, false).unwrap().process, None);
    let mut without_file = record();
    without_file[..8].fill(0);
    assert_eq!(decode(&without_file, false).unwrap().socket.uid, None);
}
