use super::*;
use crate::users::Users;
use netstat::{Endpoint, Family, NetnsId, OwnerRole, Process, Snapshot, State, UnixName};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

fn screen() -> Screen {
    Screen { unicode: true, ..Screen::new(|_| None, None) }
}

fn listener(local: impl Into<Endpoint>, pids: &[u32]) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, local);
    socket.state = Some(State::Listen);
    let owners = pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder));
    socket.set_owners(owners, Ownership::Known { complete: true });
    socket
}

fn at(local: &str, pids: &[u32]) -> Socket {
    listener(local.parse::<SocketAddr>().unwrap(), pids)
}

#[test]
fn overview_without_listeners_has_no_headings() {
    let snapshot = Snapshot::default();
    let users = Users::known(&[]);
    let view = View::new(&snapshot, &users);
    let text = crate::overview::text(&view, &screen(), crate::overview::Extent::All, None);
    assert_eq!(text, "LISTENING  none\n0 sockets · lsock -W: every socket\n");
}

/// Protocol, address and number of addresses of each line.
fn lines(sockets: Vec<Socket>) -> Vec<String> {
    let mut snapshot = Snapshot::default();
    snapshot.sockets = sockets;
    snapshot.processes = (1..9)
        .map(|pid| {
            let mut process = Process::new(pid);
            process.name = Some(if pid < 5 { "web" } else { "other" }.into());
            process
        })
        .collect();
    let users = Users::known(&[]);
    let view = View::new(&snapshot, &users);
    let shown = |line: &Listener<'_>| {
        let address = line.addresses.first().unwrap().full();
        let others = line.addresses.len() - 1;
        format!("{} {address} +{others} {}", line.protocol(), line.label.full())
    };
    folded(&view, &screen()).iter().map(shown).collect()
}

#[test]
fn both_families_are_one_line_if_the_same_processes_hold_them() {
    assert_eq!(lines(vec![at("0.0.0.0:80", &[1, 2]), at("[::]:80", &[1, 2])]), ["tcp46 * +0 web 1 +1"]);
    let apart = lines(vec![at("0.0.0.0:80", &[1]), at("[::]:80", &[2])]);
    assert_eq!(apart, ["tcp4 * +0 web 1", "tcp6 * +0 web 2"]);
}

#[test]
fn workers_with_a_socket_each_are_one_line_and_other_programs_are_not() {
    let sockets = vec![at("0.0.0.0:80", &[1]), at("0.0.0.0:80", &[2]), at("0.0.0.0:80", &[7])];
    assert_eq!(lines(sockets), ["tcp4 * +0 web 1 +1", "tcp4 * +0 other 7"]);
}

#[test]
fn several_addresses_of_one_reach_are_one_line() {
    let sockets = vec![at("10.0.0.1:53", &[1]), at("127.0.0.1:53", &[1]), at("10.0.0.2:53", &[1])];
    assert_eq!(lines(sockets), ["tcp4 10.0.0.1 +1 web 1", "tcp4 localhost +0 web 1"]);
}

#[test]
fn sockets_without_an_ip_address_come_last_and_are_not_called_open() {
    let path = |name: &[u8]| Endpoint::Unix(UnixName::Path(Arc::from(name)));
    let mut unix = [listener(path(b"/run/a"), &[1]), listener(path(b"/run/b"), &[1])];
    for socket in &mut unix {
        socket.protocol = Protocol::Unix;
    }
    let [a, b] = unix;
    let shown = lines(vec![a, b, at("127.0.0.1:80", &[1])]);
    assert_eq!(shown, ["tcp4 localhost +0 web 1", "unix /run/a +0 web 1", "unix /run/b +0 web 1"]);
}

#[test]
fn accept_queue_is_shown_and_red_when_it_is_full() {
    for (waiting, style, shown) in
        [(0, FAINT, "-"), (3, ATTENTION, "3 waiting"), (4, ALARM, "4 waiting"), (5, ALARM, "5 waiting")]
    {
        let mut socket = at("127.0.0.1:80", &[1]);
        socket.queues = Some(Queues::Accept { waiting, limit: Some(4) });
        let mut snapshot = Snapshot::default();
        snapshot.sockets = vec![socket];
        let users = Users::known(&[]);
        let view = View::new(&snapshot, &users);
        let Cell::Text(of, text) = folded(&view, &screen())[0].last(&screen()) else { panic!("a text") };
        assert_eq!((of, text.as_str()), (style, shown));
    }
}

#[test]
fn same_port_in_different_namespaces_is_a_line_each() {
    let within = |number, address| {
        let mut socket = at(address, &[1]);
        socket.netns = NonZeroU64::new(number).map(NetnsId);
        socket
    };
    let sockets = vec![within(5, "0.0.0.0:80"), within(5, "[::]:80"), within(6, "0.0.0.0:80")];
    assert_eq!(lines(sockets), ["tcp46 * +0 web 1", "tcp4 * +0 web 1"]);
}

#[test]
fn waiting_connections_of_several_sockets_are_counted_up_to_the_greatest_number() {
    let sockets = ["127.0.0.1:80", "127.0.0.2:80"].map(|address| {
        let mut socket = at(address, &[1]);
        socket.queues = Some(Queues::Accept { waiting: u32::MAX, limit: Some(4) });
        socket
    });
    let mut snapshot = Snapshot::default();
    snapshot.sockets = sockets.into();
    let users = Users::known(&[]);
    let view = View::new(&snapshot, &users);
    let waiting: Vec<u32> = folded(&view, &screen()).iter().map(|line| line.waiting).collect();
    assert_eq!(waiting, [u32::MAX]);
}

#[test]
fn lines_of_several_namespaces_show_theirs_and_lines_of_one_do_not() {
    let within = |number: u64, mut socket: Socket| {
        socket.netns = NonZeroU64::new(number).map(NetnsId);
        socket
    };
    let remote = |mut socket: Socket| {
        socket.state = Some(State::Established);
        socket.remote = Some("192.0.2.9:443".parse::<SocketAddr>().unwrap().into());
        socket
    };
    let shown = |width, numbers: [u64; 2]| {
        let mut snapshot = Snapshot::default();
        snapshot.sockets = numbers.map(|number| within(number, at("0.0.0.0:80", &[1]))).into();
        snapshot.sockets.extend(numbers.map(|number| within(number, remote(at("192.0.2.1:5000", &[1])))));
        let mut named = netstat::Namespace::new(NetnsId(NonZeroU64::new(numbers[0]).unwrap()));
        named.names.push("bl\nue".into());
        snapshot.namespaces = vec![named];
        let users = Users::known(&[]);
        let view = View::new(&snapshot, &users);
        let screen = Screen { width, ..screen() };
        let text = crate::overview::text(&view, &screen, crate::overview::Extent::All, None);
        text.lines()
            .filter(|line| line.contains("80") || line.contains("443"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let wide = shown(80, [4_026_532_100, 4_026_532_177]);
    assert_eq!(wide.iter().filter(|line| line.contains("bl\\nue")).count(), 2, "{wide:#?}");
    assert_eq!(wide.iter().filter(|line| line.contains("4026532177")).count(), 2, "{wide:#?}");
    for width in [40, 80] {
        let lines = shown(width, [4_026_532_100, 4_026_532_177]);
        assert!(lines[0] != lines[1] && lines[2] != lines[3], "{lines:#?}");
    }
    let one = shown(80, [4_026_532_177; 2]);
    assert!(one.iter().all(|line| !line.contains("2177") && !line.contains("bl\\")), "{one:#?}");
}
