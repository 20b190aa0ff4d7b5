use super::*;
use crate::model::details::Details;
use crate::model::direction::{DirectionBasis as Basis, DirectionKind as Kind};
use crate::model::endpoint::UnixName;
use crate::model::snapshot::Snapshot;
use std::num::NonZeroU64;

fn end(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn socket(protocol: Protocol, local: &str, remote: Option<&str>) -> Socket {
    let local = end(local);
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let mut socket = Socket::new(family, protocol, local);
    socket.remote = remote.map(|remote| end(remote).into());
    socket.state = (protocol == Protocol::Tcp).then_some(State::Established);
    socket
}

fn tcp(local: &str, remote: &str) -> Socket {
    socket(Protocol::Tcp, local, Some(remote))
}

fn listener(local: &str) -> Socket {
    in_state(State::Listen, socket(Protocol::Tcp, local, None))
}

fn in_state(state: State, mut socket: Socket) -> Socket {
    socket.state = Some(state);
    socket
}

fn within(netns: u64, mut socket: Socket) -> Socket {
    socket.netns = NonZeroU64::new(netns).map(NetnsId);
    socket
}

fn on_device(index: u32, mut socket: Socket) -> Socket {
    socket.interface = NonZeroU32::new(index);
    socket
}

fn of_proxy(mut socket: Socket) -> Socket {
    let details = Details { options: Some(SocketOptions::TRANSPARENT), ..Details::default() };
    socket.set_details(Some(Box::new(details)));
    socket
}

fn unix(kind: SocketType, name: Option<&str>, number: u64, peer: Option<u64>) -> Socket {
    let name = match name {
        None => UnixName::Unnamed,
        Some(name) => UnixName::Path(name.as_bytes().into()),
    };
    let mut socket = Socket::new(Family::Unix, Protocol::Unix, Endpoint::Unix(name));
    socket.socket_type = Some(kind);
    socket.identity = Some(Identity::Inode(number));
    socket.peer = peer.and_then(NonZeroU64::new);
    socket.remote = peer.map(|_| Endpoint::Unknown);
    socket.state = Some(if peer.is_some() { State::Established } else { State::Closed });
    socket
}

fn stream(name: Option<&str>, number: u64, peer: u64) -> Socket {
    unix(SocketType::Stream, name, number, Some(peer))
}

/// A snapshot of these rows.
fn snapshot_of(rows: Vec<Socket>, knows_namespaces: bool) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let (mut connections, _) = join(&rows, knows_namespaces);
    connections.settle(&rows, &mut snapshot.peers);
    snapshot.sockets = rows;
    snapshot.connections = Some(connections);
    snapshot
}

/// The places of the rows at the other end of each.
fn places(rows: Vec<Socket>, knows_namespaces: bool) -> Vec<Option<usize>> {
    let snapshot = snapshot_of(rows, knows_namespaces);
    let place = |row: &Socket| snapshot.sockets.iter().position(|other| std::ptr::eq(row, other));
    snapshot.sockets.iter().map(|row| snapshot.peer(row).and_then(place)).collect()
}

/// The places, where the rows are those of one namespace.
fn peers<const N: usize>(rows: [Socket; N]) -> Vec<Option<usize>> {
    places(rows.into(), false)
}

const SERVER: &str = "127.0.0.1:80";
const CLIENT: &str = "127.0.0.1:40000";
const BOTH: [Option<usize>; 2] = [Some(1), Some(0)];

#[test]
fn ends_are_joined_in_whichever_form_they_have_ipv4() {
    assert_eq!(peers([tcp(SERVER, CLIENT), tcp(CLIENT, SERVER)]), BOTH);
    assert_eq!(peers([tcp("[::1]:80", "[::1]:9"), tcp("[::1]:9", "[::1]:80")]), BOTH);
    let mapped = tcp("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:40000");
    assert_eq!(peers([mapped.clone(), tcp(CLIENT, SERVER)]), BOTH);
    // The same ends as an IPv4 socket and as an IPv6 one: either may be it.
    assert_eq!(peers([mapped, tcp(CLIENT, SERVER), tcp(SERVER, CLIENT)]), [None; 3]);
    let udp = |local, remote| socket(Protocol::Udp, local, Some(remote));
    assert_eq!(peers([udp(SERVER, CLIENT), udp(CLIENT, SERVER)]), BOTH);
    assert_eq!(peers([udp(SERVER, CLIENT), tcp(CLIENT, SERVER)]), [None; 2], "other protocols");
    assert_eq!(peers([socket(Protocol::Udp, SERVER, None), udp(CLIENT, SERVER)]), [None; 2], "not connected");
    assert_eq!(peers([tcp(SERVER, SERVER)]), [Some(0)], "connected with itself");
}

#[test]
fn no_peer_is_named_where_several_rows_fit() {
    let (server, client) = (|| tcp(SERVER, CLIENT), || tcp(CLIENT, SERVER));
    assert_eq!(peers([server(), client(), client()]), [None; 3]);
    let ended = in_state(State::TimeWait, client());
    assert_eq!(peers([server(), client(), ended]), [None; 3]);
    let udp = |local, remote| socket(Protocol::Udp, local, Some(remote));
    assert_eq!(
        peers([udp(SERVER, CLIENT), udp(CLIENT, SERVER), udp(SERVER, CLIENT)]),
        [None; 3],
        "SO_REUSEPORT"
    );
}

#[test]
fn time_wait_is_the_other_end_only_of_what_ends() {
    let ended = || in_state(State::TimeWait, tcp(SERVER, CLIENT));
    assert_eq!(peers([ended(), tcp(CLIENT, SERVER)]), [None; 2]);
    assert_eq!(peers([ended(), in_state(State::CloseWait, tcp(CLIENT, SERVER))]), [None; 2]);
    for state in [State::LastAck, State::TimeWait, State::Closing] {
        assert_eq!(peers([ended(), in_state(state, tcp(CLIENT, SERVER))]), BOTH, "{state}");
    }
}

#[test]
fn device_decides_between_sockets_with_the_same_ends() {
    let rows = || {
        [
            on_device(7, tcp(SERVER, CLIENT)),
            on_device(8, tcp(CLIENT, SERVER)),
            on_device(7, tcp(CLIENT, SERVER)),
        ]
    };
    assert_eq!(peers(rows()), [Some(2), None, Some(0)]);
    assert_eq!(peers(rows().map(|row| Socket { interface: None, ..row })), [None; 3]);
    // One that is bound and one that is not are the ends of one connection.
    assert_eq!(peers([on_device(7, tcp(SERVER, CLIENT)), tcp(CLIENT, SERVER)]), BOTH);
}

#[test]
fn sockets_of_a_transparent_proxy_are_not_each_others_ends() {
    let (outside, inside) = ("10.0.0.1:443", "10.0.0.2:5000");
    assert_eq!(peers([of_proxy(tcp(outside, inside)), of_proxy(tcp(inside, outside))]), [None; 2]);
    assert_eq!(peers([of_proxy(tcp(outside, inside)), tcp(inside, outside)]), BOTH, "its own client");
}

#[test]
fn namespaces_are_joined_where_all_are_known_and_nothing_else_fits() {
    let (a, b) = ("10.0.0.1:80", "10.0.0.2:5000");
    let pair = || vec![within(5, tcp(a, b)), within(6, tcp(b, a))];
    assert_eq!(places(pair(), true), BOTH);
    assert_eq!(places(pair(), false), [None; 2], "another namespace may have the same addresses");
    let with = |netns, row: Socket| [pair(), vec![within(netns, row)]].concat();
    assert_eq!(places(with(7, tcp(b, a)), true), [None; 3], "two namespaces with the same addresses");
    assert_eq!(places(with(7, tcp(a, b)), true), [None; 3]);
    // Within one namespace it is certain whatever others have.
    assert_eq!(places(with(5, tcp(b, a)), true), [Some(2), None, Some(0)]);
    for (a, b) in [(SERVER, CLIENT), ("[::1]:80", "[::1]:9"), ("[fe80::1%2]:80", "[fe80::2%2]:9")] {
        let rows = vec![within(5, tcp(a, b)), within(6, tcp(b, a))];
        assert_eq!(places(rows, true), [None; 2], "{a} is of one namespace");
    }
}

#[test]
fn all_namespaces_are_known_only_without_a_gap() {
    let gap = |kind| [Gap::new(kind, 1, "")];
    assert!(knows_namespaces(&Scope::All, &gap(GapKind::Fallback)));
    assert!(!knows_namespaces(&Scope::Current, &[]) && !knows_namespaces(&Scope::Of(1), &[]));
    for kind in [GapKind::NamespacesUnreadable, GapKind::NamespacesVanished, GapKind::NamespacesSkipped] {
        assert!(!knows_namespaces(&Scope::All, &gap(kind)), "{kind:?}");
    }
    for place in ["/proc/<pid>/fd of 1: permission denied", "those that only a socket keeps: no BPF"] {
        let unsearched = [Gap::new(GapKind::NamespacesSkipped, 1, place)];
        assert!(knows_namespaces(&Scope::All, &unsearched), "a place where there may be none: {place}");
    }
}

#[test]
fn unix_sockets_are_joined_by_number_across_namespaces() {
    let rows = [within(5, stream(Some("/a"), 1, 2)), within(6, stream(None, 2, 1))];
    assert_eq!(peers(rows.clone()), BOTH);
    // The name of a peer in another namespace is that of its row.
    let (_, names) = join(&rows, false);
    let name = |row: &Socket| Some((RowDigest::of(row), row.local.clone()));
    assert_eq!(names.first().cloned().map(|(_, name)| name), name(&rows[1]).map(|(_, name)| name));
    assert_eq!(names.len(), 2);
    assert_eq!(peers([stream(None, 1, 2), stream(None, 2, 3)]), [None; 2], "it has another peer by now");
    assert_eq!(
        peers([stream(None, 1, 2), stream(None, 2, 1), stream(None, 2, 9)]),
        [None; 3],
        "the number twice"
    );
    let log = unix(SocketType::Datagram, Some("/dev/log"), 1, None);
    let sender = |number| unix(SocketType::Datagram, None, number, Some(1));
    assert_eq!(peers([log, sender(2), sender(3)]), [None, Some(0), Some(0)], "several send to one");
}

/// The directions of the rows that are connected, in order.
fn directions<const N: usize>(rows: [Socket; N]) -> Vec<(Kind, Option<bool>, Basis)> {
    let snapshot = snapshot_of(rows.into(), false);
    let of = |row| snapshot.direction(row).map(|it| (it.kind, it.accepted, it.basis));
    snapshot.sockets.iter().filter_map(of).collect()
}

const INBOUND: (Kind, Option<bool>, Basis) = (Kind::Inbound, Some(true), Basis::Listener);
const OUTBOUND: (Kind, Option<bool>, Basis) = (Kind::Outbound, Some(false), Basis::NoListener);

#[test]
fn connection_is_inbound_if_a_listener_takes_its_port_and_address_and_else_outbound() {
    let far = || tcp("10.0.0.1:80", "10.0.0.9:5000");
    for at in ["0.0.0.0:80", "10.0.0.1:80", "[::]:80", "[::ffff:10.0.0.1]:80"] {
        assert_eq!(directions([listener(at), far()]), [INBOUND], "{at}");
    }
    for at in ["0.0.0.0:81", "10.0.0.2:80", "[2001:db8::1]:80"] {
        assert_eq!(directions([listener(at), far()]), [OUTBOUND], "{at}");
    }
    let v6_only = Socket { v6_only: Some(true), ..listener("[::]:80") };
    assert_eq!(directions([v6_only.clone(), far()]), [OUTBOUND]);
    assert_eq!(directions([v6_only, tcp("[2001:db8::1]:80", "[2001:db8::9]:1")]), [INBOUND]);
    let dual = Socket { v6_only: Some(false), ..listener("[::]:80") };
    assert_eq!(directions([dual, tcp("[::ffff:10.0.0.1]:80", "[::ffff:10.0.0.9]:1")]), [INBOUND]);
    assert_eq!(directions([within(5, listener("0.0.0.0:80")), far()]), [OUTBOUND], "of another namespace");
    assert_eq!(directions([on_device(3, listener("0.0.0.0:80")), far()]), [OUTBOUND], "bound to a device");
    assert_eq!(directions([on_device(3, listener("0.0.0.0:80")), on_device(3, far())]), [INBOUND]);
    let udp = |local, remote| socket(Protocol::Udp, local, remote);
    let connected = || udp("10.0.0.1:80", Some("10.0.0.9:5"));
    assert_eq!(directions([listener("0.0.0.0:80"), connected()]), [OUTBOUND], "of another protocol");
    assert_eq!(directions([udp("0.0.0.0:80", None), connected()]), [INBOUND]);
    let state = |state| in_state(state, far());
    let by_state = |kind, accepted| [(kind, Some(accepted), Basis::State)];
    assert_eq!(directions([listener("0.0.0.0:80"), state(State::SynSent)]), by_state(Kind::Outbound, false));
    assert_eq!(directions([state(State::SynReceived)]), by_state(Kind::Inbound, true));
}

#[test]
fn connection_within_the_machine_is_local_and_accepted_where_something_listens() {
    let local = |accepted, basis| (Kind::Local, accepted, basis);
    let (accepted, opened) = (local(Some(true), Basis::Listener), local(Some(false), Basis::PeerListener));
    let unknown = local(None, Basis::SameMachine);
    let (server, client) = (|| tcp(SERVER, CLIENT), || tcp(CLIENT, SERVER));
    assert_eq!(directions([listener(SERVER), server(), client()]), [accepted, opened]);
    assert_eq!(
        directions([listener("[::]:80"), client()]),
        [opened],
        "even without the row of the other end"
    );
    assert_eq!(directions([server(), client()]), [unknown; 2]);
    assert_eq!(directions([listener(SERVER), listener(CLIENT), server(), client()]), [unknown; 2]);
    let (a, b) = ("10.0.0.1:80", "10.0.0.1:9");
    assert_eq!(directions([listener(a), tcp(a, b)]), [accepted], "its own address");
}

#[test]
fn unix_connection_was_accepted_by_the_end_with_the_name_of_the_listener() {
    let local = |accepted, basis| (Kind::Local, accepted, basis);
    let ends = |name| [stream(Some("/a"), 1, 2), stream(name, 2, 1)];
    let waiting = in_state(State::Listen, unix(SocketType::Stream, Some("/a"), 9, None));
    let [server, client] = ends(None);
    let expected = [local(Some(true), Basis::Listener), local(Some(false), Basis::PeerListener)];
    assert_eq!(directions([waiting.clone(), server.clone(), client.clone()]), expected);
    let expected = [local(Some(true), Basis::Name), local(Some(false), Basis::Name)];
    assert_eq!(directions([server, client]), expected, "the listener is closed");
    let unknown = local(None, Basis::SameMachine);
    assert_eq!(directions(ends(Some("/b"))), [unknown; 2], "both have a name");
    assert_eq!(directions([stream(None, 1, 2), stream(None, 2, 1)]), [unknown; 2], "a socketpair");
    let [server, client] = ends(Some("/b"));
    let expected = [local(Some(true), Basis::Listener), local(Some(false), Basis::PeerListener)];
    assert_eq!(directions([waiting, server, client]), expected, "a client with a name");
    let sender = unix(SocketType::Datagram, Some("/a"), 2, Some(1));
    assert_eq!(directions([unix(SocketType::Datagram, Some("/dev/log"), 1, None), sender]), [unknown]);
}

#[test]
fn peers_are_found_after_rows_were_sorted_or_removed() {
    let rows = vec![tcp(SERVER, CLIENT), tcp("127.0.0.1:1", "127.0.0.1:2"), tcp(CLIENT, SERVER)];
    let mut snapshot = snapshot_of(rows, false);
    snapshot.sockets.reverse();
    let peer =
        |snapshot: &Snapshot, place: usize| snapshot.peer(&snapshot.sockets[place]).map(Socket::local_addr);
    assert_eq!(peer(&snapshot, 0), Some(Some(end(SERVER))));
    assert_eq!(peer(&snapshot, 1), None);
    snapshot.sockets.truncate(2);
    assert_eq!(peer(&snapshot, 0), None, "it is gone");
    assert_eq!(snapshot.peer(&tcp("127.0.0.1:2", "127.0.0.1:1")), None, "a row that the snapshot lacks");
    assert_eq!(snapshot.peer(&tcp(SERVER, CLIENT)), Some(&snapshot.sockets[0]), "an equal row");
}

#[test]
fn rows_that_look_alike_have_a_direction_and_no_peer() {
    let twice = || in_state(State::LastAck, tcp(SERVER, CLIENT));
    let ended = in_state(State::TimeWait, tcp(CLIENT, SERVER));
    let snapshot = snapshot_of(vec![listener(SERVER), twice(), twice(), ended], false);
    let row = &snapshot.sockets[1];
    assert_eq!((snapshot.peer(row), snapshot.peer(&snapshot.sockets[3])), (None, None));
    assert_eq!(snapshot.direction(row).and_then(|direction| direction.accepted), Some(true));
}
