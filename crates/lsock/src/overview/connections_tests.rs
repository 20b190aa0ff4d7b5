use super::*;
use crate::users::Users;
use netstat::{Family, Namespace, Owner, OwnerRole, Ownership, Process, Snapshot};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};

fn netns(number: u64) -> NetnsId {
    NetnsId(NonZeroU64::new(number).unwrap())
}

fn end(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn held(mut socket: Socket, state: State, pid: u32) -> Socket {
    socket.state = Some(state);
    socket.set_owners([Owner::new(pid, Some(3), OwnerRole::Holder)], Ownership::Known { complete: true });
    socket
}

fn connection(local: &str, remote: &str, pid: u32) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, end(local));
    socket.remote = Some(end(remote).into());
    held(socket, State::Established, pid)
}

fn listener(local: &str, pid: u32) -> Socket {
    held(Socket::new(Family::Ipv4, Protocol::Tcp, end(local)), State::Listen, pid)
}

fn within(number: u64, mut socket: Socket) -> Socket {
    socket.netns = Some(netns(number));
    socket
}

fn on_device(index: u32, mut socket: Socket) -> Socket {
    socket.interface = NonZeroU32::new(index);
    socket
}

/// Number, direction, processes and peer of each line, in alphabetical order.
fn lines(sockets: Vec<Socket>) -> Vec<String> {
    let mut snapshot = Snapshot::default();
    snapshot.namespaces = sockets.iter().filter_map(|socket| socket.netns).map(Namespace::new).collect();
    snapshot.sockets = sockets;
    snapshot.processes = (1..9)
        .map(|pid| {
            let mut process = Process::new(pid);
            process.name = Some(format!("p{pid}").into());
            process
        })
        .collect();
    snapshot.join_peers();
    let users = Users::known(&[]);
    let view = View::new(&snapshot, &users);
    let shown = |line: &Connection| {
        let arrow = match line.accepted {
            Some(true) => "<-",
            Some(false) => "->",
            None => "--",
        };
        format!("{} {} {arrow} {}", line.count, line.process.full(), line.peer.full())
    };
    let screen = Screen::new(|_| None, None);
    let mut lines: Vec<String> = folded(&view, &screen).iter().map(shown).collect();
    lines.sort();
    lines
}

const SERVER: &str = "127.0.0.1:80";
const CLIENT: &str = "127.0.0.1:40000";

#[test]
fn both_ends_in_one_namespace_are_one_line() {
    let sockets =
        || vec![listener("0.0.0.0:80", 1), connection(SERVER, CLIENT, 1), connection(CLIENT, SERVER, 2)];
    assert_eq!(lines(sockets()), ["1 p1 1 :80 <- p2 2 (local)"]);
    let elsewhere = sockets().into_iter().map(|socket| within(5, socket)).collect();
    assert_eq!(lines(elsewhere), ["1 p1 1 :80 <- p2 2 (local)"]);
}

#[test]
fn same_ends_in_different_namespaces_are_not_one_connection() {
    let sockets = vec![
        within(5, listener("0.0.0.0:80", 1)),
        within(5, connection(SERVER, CLIENT, 1)),
        within(6, connection(CLIENT, SERVER, 2)),
    ];
    assert_eq!(lines(sockets), ["1 p1 1 :80 <- 127.0.0.1", "1 p2 2 -- 127.0.0.1:80"]);
}

#[test]
fn listener_of_another_namespace_has_not_accepted_a_connection() {
    let sockets = vec![within(5, listener("0.0.0.0:80", 1)), within(6, connection(SERVER, "10.0.0.9:1", 2))];
    assert_eq!(lines(sockets), ["1 p2 2 -> 10.0.0.9:1"]);
}

#[test]
fn connections_of_one_process_in_different_namespaces_are_different_lines() {
    let sockets = [5, 6, 6].map(|number| within(number, connection("10.0.0.1:1", "10.0.0.2:80", 1)));
    assert_eq!(lines(sockets.into()), ["1 p1 1 -> 10.0.0.2:80", "2 p1 1 -> 10.0.0.2:80"]);
}

#[test]
fn no_socket_is_lost_where_several_have_the_same_ends() {
    let sockets =
        vec![connection(SERVER, CLIENT, 1), connection(CLIENT, SERVER, 2), connection(CLIENT, SERVER, 3)];
    let expected = ["1 p1 1 -- 127.0.0.1:40000", "1 p2 2 -- 127.0.0.1:80", "1 p3 3 -- 127.0.0.1:80"];
    assert_eq!(lines(sockets), expected);
}

#[test]
fn device_decides_between_sockets_with_the_same_ends() {
    let sockets = vec![
        on_device(7, connection(SERVER, CLIENT, 1)),
        on_device(8, connection(CLIENT, SERVER, 2)),
        on_device(7, connection(CLIENT, SERVER, 3)),
    ];
    assert_eq!(lines(sockets), ["1 p1 1 -- p3 3 (local)", "1 p2 2 -- 127.0.0.1:80"]);
}
