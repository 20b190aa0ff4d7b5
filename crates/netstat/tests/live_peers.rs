//! Both ends of connections that the test makes: the row at the other end, its holders, and the direction.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;

use netstat::{
    Direction, DirectionBasis, DirectionKind, Filter, GapKind, Ownership, Protocol, Query, Scope, Snapshot,
    Socket, UnownedReason,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket_world::namespace::in_network_namespace;
use socket_world::{Child, Made, SocketFacts, holders, inode_of, live_skip, quiet, tcp, udp};
use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;

/// The only row with this inode, among those listed and those beside them.
#[track_caller]
fn row(snapshot: &Snapshot, inode: u64) -> &Socket {
    let rows: Vec<&Socket> =
        snapshot.sockets.iter().chain(&snapshot.peers).filter(|row| row.inode() == Some(inode)).collect();
    let [row] = rows[..] else { panic!("{} rows of {inode}: {:?}", rows.len(), snapshot.gaps) };
    row
}

/// Checks that two sockets are each other's ends.
#[track_caller]
fn check_ends(snapshot: &Snapshot, one: u64, other: u64) {
    let of = |inode| snapshot.peer(row(snapshot, inode)).and_then(Socket::inode);
    assert_eq!((of(one), of(other)), (Some(other), Some(one)), "{:?}", row(snapshot, one));
}

#[track_caller]
fn check_direction(snapshot: &Snapshot, inode: u64, accepted: Option<bool>, basis: DirectionBasis) {
    let direction = snapshot.direction(row(snapshot, inode));
    assert_eq!(direction, Some(Direction::new(DirectionKind::Local, accepted, basis)));
}

fn inode(facts: &SocketFacts) -> u64 {
    facts.inode.unwrap()
}

type Make = fn() -> io::Result<Made>;

#[test]
fn live_both_ends_of_tcp_and_udp_are_joined_in_every_form_of_their_addresses() {
    let _quiet = quiet();
    let makers: [Make; 6] =
        [tcp::pair_v4, tcp::pair_v6, tcp::pair_mapped, udp::pair_v4, udp::pair_v6, udp::pair_mapped];
    let made: Vec<Made> = makers.iter().map(|make| make().unwrap()).collect();
    let unconnected = udp::unconnected_v4().unwrap();
    for owners in [false, true] {
        let snapshot = Query::new().owners(owners).peers(true).snapshot().unwrap();
        assert_eq!(snapshot.peers, [], "everything is listed");
        for made in &made {
            let [one, other] = [0, 1].map(|place| inode(&made.facts[place]));
            check_ends(&snapshot, one, other);
            let pids: Vec<u32> = snapshot.peer(row(&snapshot, one)).unwrap().pids().collect();
            let expected = if owners { vec![std::process::id()] } else { Vec::new() };
            assert_eq!(pids, expected);
        }
        for made in &made[..3] {
            let [client, server] = [0, 1].map(|place| inode(&made.facts[place]));
            check_direction(&snapshot, client, Some(false), DirectionBasis::PeerListener);
            check_direction(&snapshot, server, Some(true), DirectionBasis::Listener);
        }
        let alone = row(&snapshot, inode(&unconnected.facts[0]));
        assert_eq!((snapshot.peer(alone), snapshot.direction(alone)), (None, None));
    }
}

#[test]
fn live_nothing_is_joined_and_no_option_is_kept_unless_asked_for() {
    let _quiet = quiet();
    let made = tcp::pair_v4().unwrap();
    let snapshot = Query::new().tcp().snapshot().unwrap();
    let client = row(&snapshot, inode(&made.facts[0]));
    assert!(!snapshot.has_peers() && snapshot.peers.is_empty());
    assert_eq!((snapshot.peer(client), snapshot.direction(client)), (None, None));
    let joined = Query::new().tcp().peers(true).snapshot().unwrap();
    assert!(joined.has_peers() && joined.sockets.iter().all(|row| row.details().is_none()));
}

#[test]
fn live_other_end_that_the_filter_leaves_out_is_beside_the_listed_rows_with_its_holder() {
    let _quiet = quiet();
    let Made { mut sockets, facts } = tcp::pair_v4().unwrap();
    let client = holders::passed(sockets.remove(0)).unwrap();
    let own = std::process::id();
    let server = &facts[1];
    let port = server.local.port();
    let filters = [
        Filter::tcp() & Filter::local_port(port) & Filter::state(netstat::State::Established),
        Filter::tcp() & Filter::local_address(server.local.ip()) & Filter::pid(own) & Filter::port(port),
        Filter::inode(inode(server)),
        Filter::tcp() & Filter::local_port(port) & !Filter::listening() & Filter::autobound(),
    ];
    for filter in filters {
        let query = Query::new().filter(filter.clone()).owners(true).peers(true);
        let snapshot = query.snapshot().unwrap();
        let listed: Vec<Option<u64>> =
            snapshot.sockets.iter().filter(|row| row.remote.is_some()).map(Socket::inode).collect();
        assert_eq!(listed, [server.inode], "{filter}");
        let beside: Vec<Option<u64>> = snapshot.peers.iter().map(Socket::inode).collect();
        assert_eq!(beside, [facts[0].inode], "{filter}: {:?}", snapshot.gaps);
        check_ends(&snapshot, inode(server), inode(&facts[0]));
        let peer = snapshot.peer(row(&snapshot, inode(server))).unwrap();
        assert_eq!(peer.pids().collect::<Vec<_>>(), [client.pid()], "{filter}");
        // The listener, which the filter leaves out too, decides the direction.
        check_direction(&snapshot, inode(server), Some(true), DirectionBasis::Listener);
        check_direction(&snapshot, inode(&facts[0]), Some(false), DirectionBasis::PeerListener);
        assert_eq!(query.count().unwrap().total(), u64::try_from(snapshot.sockets.len()).unwrap());
    }
}

#[test]
fn live_sockets_are_found_by_the_process_at_the_other_end() {
    let _quiet = quiet();
    let Made { mut sockets, facts } = tcp::pair_v4().unwrap();
    let client = Child::fork(Some(b"peer-of-test"), &[sockets[0].as_fd()], |report| {
        report.held(&sockets[0]).map(drop)
    });
    let client = client.unwrap();
    drop(sockets.remove(0));
    let listed = |query: &Query| {
        let snapshot = query.snapshot().unwrap();
        snapshot.sockets.iter().map(|row| row.inode().unwrap()).collect::<Vec<u64>>()
    };
    let by_pid = Query::new().tcp().filter(Filter::peer_pid(client.pid()));
    assert_eq!(listed(&by_pid), [inode(&facts[1])]);
    let by_name = Query::new().tcp().filter("peer process peer-of-test".parse().unwrap());
    assert_eq!(listed(&by_name), [inode(&facts[1])]);
    let neither = by_pid.clone().filter(!Filter::peer_process("peer-of-test"));
    assert_eq!(listed(&neither), [0; 0]);
    assert_eq!(by_pid.count().unwrap().total(), 1);
    let mut rows = Vec::new();
    let each = |row: Socket| {
        rows.push(row.inode());
        std::ops::ControlFlow::Continue(())
    };
    by_pid.for_each(each).unwrap();
    assert_eq!(rows, [facts[1].inode]);
    let none = Query::new().tcp().filter(Filter::peer_pid(u32::MAX)).snapshot().unwrap();
    assert!(none.sockets.is_empty());
    assert!(none.gaps.iter().any(|gap| gap.kind == GapKind::ProcessNotFound), "{:?}", none.gaps);
}

#[test]
fn live_ends_that_no_process_holds_are_joined_with_the_reason() {
    let _quiet = quiet();
    let waiting = tcp::accept_queue().unwrap();
    let snapshot = Query::new().tcp().owners(true).peers(true).snapshot().unwrap();
    let clients = waiting.facts.iter().filter(|facts| facts.inode.is_some() && facts.remote.is_some());
    let mut checked = 0;
    for client in clients {
        let peer = snapshot.peer(row(&snapshot, inode(client))).unwrap();
        assert_eq!(peer.ownership(), Ownership::None { reason: UnownedReason::AcceptQueue });
        assert_eq!((peer.local_addr(), peer.remote_addr()), (client.remote, Some(client.local)));
        checked += 1;
    }
    assert!(checked > 0);
    // What ended is the other end of nothing that still runs.
    let ended = tcp::time_wait().unwrap();
    let snapshot = Query::new().tcp().peers(true).snapshot().unwrap();
    let is_it =
        |row: &&Socket| row.local == ended.facts[0].local && row.remote_addr() == ended.facts[0].remote;
    for row in snapshot.sockets.iter().filter(is_it) {
        let peer = snapshot.peer(row).and_then(|peer| peer.state);
        assert!(!matches!(peer, Some(netstat::State::Established)), "{row:?}");
    }
}

#[test]
fn live_udp_sockets_that_share_both_ends_have_no_peer() {
    let _quiet = quiet();
    let Made { mut sockets, facts } = udp::pair_v4().unwrap();
    let (one, other) = (facts[0].local, facts[1].local);
    drop(sockets.remove(0));
    let shared = || -> io::Result<OwnedFd> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        bind(&socket, &one)?;
        connect(&socket, &other)?;
        Ok(socket)
    };
    let [first, second] = [shared().unwrap(), shared().unwrap()];
    let snapshot = Query::new().udp().peers(true).snapshot().unwrap();
    for socket in [&first, &second] {
        let socket = row(&snapshot, inode_of(socket));
        assert_eq!((socket.local_addr(), socket.remote_addr()), (Some(one), Some(other)));
        assert_eq!(snapshot.peer(socket), None);
    }
    let rest = snapshot.sockets.iter().find(|row| row.local == other && row.protocol == Protocol::Udp);
    assert_eq!(snapshot.peer(rest.unwrap()), None, "either may be it");
}

/// A path below the directory for temporary files, removed at the end.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netstat-peers-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn live_unix_sockets_are_joined_with_their_direction_and_the_holders_of_both_ends() {
    let _quiet = quiet();
    let path = Path::new("stream");
    let listener = UnixListener::bind(&path.0).unwrap();
    let client = UnixStream::connect(&path.0).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (here, there) = UnixStream::pair().unwrap();
    let log = Path::new("log");
    let receiver = UnixDatagram::bind(&log.0).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(&log.0).unwrap();
    let [client, server, here, there, receiver, sender]: [OwnedFd; 6] =
        [client.into(), server.into(), here.into(), there.into(), receiver.into(), sender.into()];
    let [at_client, at_server, at_here, at_there, at_receiver, at_sender] =
        [&client, &server, &here, &there, &receiver, &sender].map(inode_of);
    let child = holders::passed(there).unwrap();

    let snapshot = Query::new().unix().owners(true).peers(true).snapshot().unwrap();
    check_ends(&snapshot, at_client, at_server);
    check_direction(&snapshot, at_client, Some(false), DirectionBasis::PeerListener);
    check_direction(&snapshot, at_server, Some(true), DirectionBasis::Listener);
    check_ends(&snapshot, at_here, at_there);
    check_direction(&snapshot, at_here, None, DirectionBasis::SameMachine);
    let holders = |inode| snapshot.peer(row(&snapshot, inode)).unwrap().pids().collect::<Vec<_>>();
    assert_eq!(holders(at_here), [child.pid()]);
    assert_eq!(holders(at_there), [std::process::id()]);
    let peer = |inode| snapshot.peer(row(&snapshot, inode)).and_then(Socket::inode);
    assert_eq!(
        (peer(at_sender), peer(at_receiver)),
        (Some(at_receiver), None),
        "it sends, and is sent nothing"
    );

    drop(listener);
    let snapshot = Query::new().unix().filter(Filter::inode(at_server)).peers(true).snapshot().unwrap();
    assert_eq!((snapshot.sockets.len(), snapshot.peers.len()), (1, 1));
    check_ends(&snapshot, at_server, at_client);
    check_direction(&snapshot, at_server, Some(true), DirectionBasis::Name);
}

#[test]
fn live_unix_pair_across_namespaces_is_joined_and_the_peer_has_its_name() {
    let _quiet = quiet();
    let path = Path::new("crossing");
    let listener = UnixListener::bind(&path.0).unwrap();
    let other = match namespace() {
        Ok(other) => other,
        Err(why) => live_skip!("a network namespace: {why}"),
    };
    let client = within(&other, || Ok(OwnedFd::from(UnixStream::connect(&path.0)?))).unwrap();
    let (server, _) = listener.accept().unwrap();
    let (client, server) = (inode_of(&client), inode_of(&server));
    let query = Query::new().unix().netns(Scope::All);
    let snapshot = query.clone().peers(true).snapshot().unwrap();
    check_ends(&snapshot, client, server);
    let name = format!("{}", path.0.display());
    assert_eq!(row(&snapshot, client).remote.as_ref().map(ToString::to_string), Some(name));
}

/// Runs work on a thread in this network namespace.
fn within<T: Send>(namespace: &File, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        scope.spawn(inside).join().unwrap()
    })
}

fn ip(arguments: &str) -> io::Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("ip {arguments}: {said}"))) }
}

/// A network namespace without processes.
fn namespace() -> io::Result<File> {
    in_network_namespace(|| File::open("/proc/thread-self/ns/net"))?
}

/// A connection between two network namespaces, over a pair of devices: client, server, listener.
struct Crossing {
    _namespaces: [File; 2],
    client: TcpStream,
    server: TcpStream,
    _listener: TcpListener,
}

impl Crossing {
    fn new() -> io::Result<Self> {
        let [near, far] = [namespace()?, namespace()?];
        let place = format!("/proc/{}/fd/{}", std::process::id(), far.as_raw_fd());
        within(&near, || {
            ip("link add dev near type veth peer name far")?;
            ip(&format!("link set dev far netns {place}"))?;
            ip("address add 192.0.2.1/24 dev near")?;
            ip("link set dev near up")
        })?;
        let listener = within(&far, || {
            ip("address add 192.0.2.2/24 dev far")?;
            ip("link set dev far up")?;
            TcpListener::bind("192.0.2.2:4711")
        })?;
        // From a port that is the same in each of these.
        let client = within(&near, || {
            use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
            let client = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            bind(&client, &"192.0.2.1:4712".parse::<std::net::SocketAddr>().unwrap())?;
            connect(&client, &"192.0.2.2:4711".parse::<std::net::SocketAddr>().unwrap())?;
            Ok(TcpStream::from(client))
        })?;
        let (server, _) = listener.accept()?;
        Ok(Self { _namespaces: [near, far], client, server, _listener: listener })
    }
}

#[test]
fn live_tcp_connection_between_namespaces_is_joined_only_where_no_other_has_its_addresses() {
    let _quiet = quiet();
    let crossing = match Crossing::new() {
        Ok(crossing) => crossing,
        Err(why) => live_skip!("a connection between network namespaces: {why}"),
    };
    let (client, server) = (inode_of(&crossing.client), inode_of(&crossing.server));
    let query = Query::new().tcp().netns(Scope::All).owners(true).peers(true);
    let snapshot = query.snapshot().unwrap();
    let lacks = [GapKind::NamespacesUnreadable, GapKind::NamespacesVanished];
    if !snapshot.gaps.iter().any(|gap| lacks.contains(&gap.kind)) {
        check_ends(&snapshot, client, server);
        check_direction(&snapshot, client, Some(false), DirectionBasis::PeerListener);
        check_direction(&snapshot, server, Some(true), DirectionBasis::Listener);
        assert_ne!(row(&snapshot, client).netns, row(&snapshot, server).netns);
    }
    // Only one of the namespaces is listed: the other end may be anywhere.
    let netns = row(&snapshot, client).netns.unwrap();
    let one = Query::new().tcp().filter(Filter::netns(netns)).peers(true).snapshot().unwrap();
    assert_eq!(one.peer(row(&one, client)), None);
    let outbound = Direction::new(DirectionKind::Outbound, Some(false), DirectionBasis::NoListener);
    assert_eq!(one.direction(row(&one, client)), Some(outbound));

    let second = Crossing::new().unwrap();
    let snapshot = query.snapshot().unwrap();
    for inode in [client, server, inode_of(&second.client), inode_of(&second.server)] {
        assert_eq!(snapshot.peer(row(&snapshot, inode)), None, "two pairs with the same addresses");
    }
}
