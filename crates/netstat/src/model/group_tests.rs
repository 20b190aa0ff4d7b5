use super::*;
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::owner::{Owner, OwnerRole, UnownedReason};
use crate::model::protocol::Protocol;
use crate::model::workload::{Container, ContainerEngine};
use std::net::SocketAddr;
use std::num::NonZeroU64;

fn socket(
    protocol: Protocol,
    local: &str,
    remote: Option<&str>,
    state: Option<State>,
    pids: &[u32],
) -> Socket {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let mut socket = Socket::new(Family::Ipv4, protocol, address(local));
    socket.remote = remote.map(|remote| address(remote).into());
    socket.state = state;
    let ownership = match pids {
        [] => Ownership::None { reason: UnownedReason::TimeWait },
        _ => Ownership::Known { complete: true },
    };
    socket.set_owners(pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder)), ownership);
    socket
}

/// A listener of two programs, connections of one and of an unknown one, and one that no process has.
fn snapshot() -> Snapshot {
    let (listen, open) = (Some(State::Listen), Some(State::Established));
    let mut listener = socket(Protocol::Tcp, "0.0.0.0:80", None, listen, &[1, 2]);
    listener.queues = Some(Queues::Accept { waiting: 3, limit: Some(5) });
    listener.netns = NonZeroU64::new(7).map(NetnsId);
    let mut connection = socket(Protocol::Tcp, "10.0.0.1:80", Some("[::ffff:10.0.0.2]:5"), open, &[1]);
    connection.queues = Some(Queues::Bytes { receive: u32::MAX, send: 2 });
    connection.uid = Some(33);
    let mut udp = socket(Protocol::Udp, "127.0.0.1:53", Some("10.0.0.2:6"), None, &[9]);
    udp.queues = Some(Queues::Memory { receive: 4, send: 5 });
    let ended = socket(Protocol::Tcp, "10.0.0.1:80", Some("10.0.0.3:7"), Some(State::TimeWait), &[]);
    let process = |pid, name: &str, workload: Option<Workload>| Process {
        name: Some(name.into()),
        workload: workload.map(Box::new),
        ..Process::new(pid)
    };
    let mut of_container = Workload::new("/docker");
    of_container.container = Some(Container::new(ContainerEngine::Lxc, "web"));
    of_container.unit = Some("a\u{1b}.service".to_owned());
    Snapshot {
        sockets: vec![listener, connection.clone(), connection, udp, ended],
        processes: vec![
            process(1, "nginx", Some(of_container)),
            process(2, "php", Some(Workload::new("/x"))),
        ],
        ..Snapshot::default()
    }
}

/// The name, or the reason for none in brackets, and the number of sockets.
fn counted(key: GroupKey) -> Vec<(String, u64)> {
    let groups = snapshot().group_by(key);
    let shown = |group: Group| {
        let why = || group.reason.map_or("-".to_owned(), |reason| format!("({reason})"));
        (group.name.clone().unwrap_or_else(why), group.sockets)
    };
    groups.into_iter().map(shown).collect()
}

#[test]
fn each_key_divides_the_sockets_by_what_they_have_in_common() {
    for (key, expected) in [
        (GroupKey::Process, &[("nginx", 2), ("9", 1), ("nginx,php", 1), ("(time_wait)", 1)][..]),
        (GroupKey::User, &[("-", 3), ("33", 2)]),
        (GroupKey::Workload, &[("web", 2), ("/x,web", 1), ("(not_read)", 1), ("(time_wait)", 1)]),
        (GroupKey::Container, &[("web", 3), ("(not_read)", 1), ("(time_wait)", 1)]),
        (GroupKey::Unit, &[("a\\u{1b}.service", 3), ("(not_read)", 1), ("(time_wait)", 1)]),
        (GroupKey::Pod, &[("-", 3), ("(not_read)", 1), ("(time_wait)", 1)]),
        (GroupKey::State, &[("ESTABLISHED", 2), ("LISTEN", 1), ("TIME_WAIT", 1), ("-", 1)]),
        (GroupKey::Remote, &[("10.0.0.2", 3), ("10.0.0.3", 1), ("-", 1)]),
        (GroupKey::LocalPort, &[("tcp:80", 4), ("udp:53", 1)]),
        (GroupKey::Exposure, &[("-", 4), ("any", 1)]),
        (GroupKey::Netns, &[("-", 4), ("7", 1)]),
    ] {
        let expected: Vec<_> = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        assert_eq!(counted(key), expected, "{key}");
    }
}

#[test]
fn groups_of_every_key_add_up_to_the_same() {
    let snapshot = snapshot();
    for key in GroupKey::ALL {
        let mut sum = Group::default();
        for group in snapshot.group_by(key) {
            sum.sockets += group.sockets;
            sum.listening += group.listening;
            sum.established += group.established;
            sum.receive_bytes += group.receive_bytes;
            sum.send_bytes += group.send_bytes;
            sum.memory_bytes += group.memory_bytes;
            sum.waiting += group.waiting;
        }
        let expected = Group {
            sockets: 5,
            listening: 1,
            established: 3,
            receive_bytes: 2 * u64::from(u32::MAX),
            send_bytes: 4,
            memory_bytes: 9,
            waiting: 3,
            ..Group::default()
        };
        assert_eq!(sum, expected, "{key}");
    }
    assert!(Snapshot::default().group_by(GroupKey::State).is_empty());
}

#[test]
fn keys_are_read_as_they_are_printed() {
    for key in GroupKey::ALL {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    assert_eq!("LocalPort".parse(), Ok(GroupKey::LocalPort));
    assert!("port".parse::<GroupKey>().is_err());
}
