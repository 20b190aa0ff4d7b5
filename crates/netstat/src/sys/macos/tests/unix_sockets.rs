//! Unix sockets: their rows from both interfaces, and holders whose handle is reused.

use super::cases::{holder, last_user};
use super::*;
use crate::model::owner::{Ownership, UnownedReason};
use crate::scripted::world::UnixSocket;
use crate::{Family, ProtocolKind, Queues, SocketType};
use std::ops::ControlFlow;

fn socket(handle: u64) -> UnixSocket {
    UnixSocket {
        is_datagram: false,
        path: "",
        peer: None,
        is_listening: false,
        uid: 501,
        last_user: 100,
        received: 0,
        backlog: (0, 0, 0),
        handle,
        generation: handle,
        attachment: Attachment::Open,
        exists: 0..u32::MAX,
    }
}

/// A listener, the two ends of a connection to it, a connection that waits, and the socket of a log.
fn sockets() -> Vec<UnixSocket> {
    let path = "/var/run/x.sock";
    vec![
        UnixSocket { path, is_listening: true, backlog: (2, 1, 128), ..socket(1) },
        UnixSocket { path, peer: Some(2), received: 7, ..socket(2) },
        UnixSocket { peer: Some(1), ..socket(3) },
        UnixSocket { path, peer: Some(2), attachment: Attachment::AcceptQueue, ..socket(4) },
        UnixSocket { path: "/var/run/log", is_datagram: true, uid: 0, last_user: 1, ..socket(5) },
    ]
}

fn holding(pid: u32, uid: u32, sockets: &[(i32, usize)]) -> Process {
    let descriptor =
        |(fd, socket)| Descriptor { fd, target: Target::Unix(socket), fate: DescriptorFate::Stays };
    Process { descriptors: sockets.iter().copied().map(descriptor).collect(), ..process(pid, uid, &[]) }
}

fn machine(major: u32, uid: u32) -> Machine {
    Machine::new(major, uid, 900)
}

fn with(machine: Machine, mut processes: Vec<Process>, unix: Vec<UnixSocket>) -> Xnu {
    processes.push(process(900, machine.uid, &[]));
    Xnu::new(World { processes, unix, ..World::default() }, machine)
}

fn server_and_client() -> Vec<Process> {
    vec![holding(100, 501, &[(3, 0), (4, 1)]), holding(101, 501, &[(5, 2)]), holding(1, 0, &[(9, 4)])]
}

fn unix() -> Query {
    Query::new().unix().owners(true).threads(1)
}

/// The row with this handle.
fn row(rows: &[crate::Socket], handle: u64) -> &crate::Socket {
    rows.iter().find(|row| row.handle() == Some(handle)).unwrap()
}

#[test]
fn rows_have_path_type_state_queues_user_peer_and_holders() {
    let snapshot = with(machine(15, 0), server_and_client(), sockets()).snapshot(&unix()).unwrap();
    assert_eq!((snapshot.sockets.len(), &snapshot.gaps[..]), (5, &[][..]));
    assert!(snapshot.sockets.iter().all(|row| row.family == Family::Unix));
    let shown = |handle| {
        let row = row(&snapshot.sockets, handle);
        let remote = row.remote.as_ref().map(ToString::to_string);
        (row.local.to_string(), remote, row.state.unwrap(), row.peer_identity())
    };
    let path = || "/var/run/x.sock".to_owned();
    let peer = |handle| Some(crate::Identity::Handle(handle));
    use crate::State::{Closed, Established, Listen};
    assert_eq!(shown(1), (path(), None, Listen, None));
    assert_eq!(shown(2), (path(), Some("*".to_owned()), Established, peer(3)));
    assert_eq!(shown(3), ("*".to_owned(), Some(path()), Established, peer(2)));
    assert_eq!(shown(5), ("/var/run/log".to_owned(), None, Closed, None));
    assert_eq!(row(&snapshot.sockets, 1).queues, Some(Queues::Accept { waiting: 1, limit: Some(128) }));
    assert_eq!(row(&snapshot.sockets, 2).queues, Some(Queues::Bytes { receive: 7, send: 0 }));
    let log = row(&snapshot.sockets, 5);
    assert_eq!((log.socket_type, log.uid), (Some(SocketType::Datagram), Some(0)));
    assert!(log.is_listening());
    for (handle, owner) in [(1, holder(100, 3)), (2, holder(100, 4)), (3, holder(101, 5)), (5, holder(1, 9))]
    {
        let row = row(&snapshot.sockets, handle);
        assert_eq!(row.owners().iter().filter(|it| it.fd.is_some()).collect::<Vec<_>>(), [&owner]);
        assert_eq!(row.ownership(), Ownership::Known { complete: true });
    }
    let waiting = row(&snapshot.sockets, 4);
    assert_eq!(waiting.ownership(), Ownership::None { reason: UnownedReason::AcceptQueue });
}

#[test]
fn both_ends_of_a_connection_are_joined_by_their_handles() {
    let query = unix().peers(true);
    let snapshot = with(machine(15, 0), server_and_client(), sockets()).snapshot(&query).unwrap();
    let peer = |handle| snapshot.peer(row(&snapshot.sockets, handle)).and_then(crate::Socket::handle);
    assert_eq!((peer(1), peer(2), peer(3), peer(5)), (None, Some(3), Some(2), None));
}

#[test]
fn unix_sockets_are_listed_counted_and_streamed_only_if_they_are_wanted() {
    let xnu = || with(machine(15, 501), server_and_client(), sockets());
    assert_eq!(xnu().snapshot(&Query::new().owners(true)).unwrap().sockets, []);
    assert_eq!(xnu().count(&Query::new().unix()).unwrap().total(), 5);
    let mut streamed = Vec::new();
    let each = |row| {
        streamed.push(row);
        ControlFlow::Continue(())
    };
    let gaps = xnu().for_each(&unix(), each).unwrap();
    let snapshot = xnu().snapshot(&unix()).unwrap();
    assert_eq!((streamed, gaps), (snapshot.sockets, snapshot.gaps));
    let listening = xnu().snapshot(&unix().listening()).unwrap();
    assert_eq!(listening.sockets.iter().map(crate::Socket::handle).collect::<Vec<_>>(), [Some(1), Some(5)]);
    // What the system does not list is an error, and beside unix sockets a gap.
    let vsock = Query::new().protocol_kind(ProtocolKind::Vsock);
    assert!(xnu().snapshot(&vsock).unwrap_err().is_unsupported());
    let both = xnu().snapshot(&vsock.unix()).unwrap();
    assert_eq!((both.sockets.len(), counts(&both.gaps)), (5, vec![(GapKind::TableUnavailable, 1)]));
}

#[test]
fn holder_of_another_socket_with_the_same_handle_is_not_named() {
    // The listing reads the tables, closes and opens: the handle 7 is another socket's when the scan sees it.
    let closed = UnixSocket { path: "/old", generation: 50, exists: 0..2, ..socket(7) };
    let opened = UnixSocket { path: "/new", generation: 60, exists: 2..u32::MAX, ..socket(7) };
    for uid in [0, 501] {
        let xnu =
            with(machine(15, uid), vec![holding(100, 501, &[(3, 1)])], vec![closed.clone(), opened.clone()]);
        let snapshot = xnu.snapshot(&unix()).unwrap();
        let [old] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
        assert_eq!(old.local.to_string(), "/old");
        assert!(old.owners().iter().all(|owner| owner.fd.is_none()), "{old:?}");
    }
}

#[test]
fn socket_that_is_opened_before_its_table_is_read_has_its_holder() {
    // Not in the tables that are read before the scan.
    let opened = UnixSocket { path: "/new", exists: 1..u32::MAX, ..socket(7) };
    let xnu = || with(machine(15, 0), vec![holding(100, 501, &[(3, 0)])], vec![opened.clone()]);
    let snapshot = xnu().snapshot(&unix()).unwrap();
    assert_eq!(row(&snapshot.sockets, 7).owners(), [holder(100, 3)]);
    let mut streamed = Vec::new();
    let each = |row| {
        streamed.push(row);
        ControlFlow::Continue(())
    };
    xnu().for_each(&unix(), each).unwrap();
    assert_eq!(streamed, snapshot.sockets);
}

#[test]
fn holders_that_cannot_be_verified_are_not_named_and_a_gap_says_so() {
    let machine = Machine { refuses_unix_after: 2, ..machine(15, 0) };
    let snapshot = with(machine, server_and_client(), sockets()).snapshot(&unix()).unwrap();
    let listener = row(&snapshot.sockets, 1);
    assert_eq!(listener.owners(), [last_user(100)]);
    assert_eq!(listener.ownership(), Ownership::Known { complete: false });
    assert_eq!(counts(&snapshot.gaps), [(GapKind::OwnersUnavailable, 1)]);
}

#[test]
fn without_the_tables_the_sockets_of_readable_processes_are_listed() {
    let refusing = Machine { refuses_tables: true, ..machine(15, 501) };
    // The first version with these tables is macOS 13.
    for machine in [refusing, machine(12, 501)] {
        let snapshot = with(machine, server_and_client(), sockets()).snapshot(&unix()).unwrap();
        let handles: Vec<_> = snapshot.sockets.iter().filter_map(crate::Socket::handle).collect();
        assert_eq!(handles, [1, 2, 3]);
        let accepted = row(&snapshot.sockets, 2);
        assert_eq!((accepted.owners(), accepted.uid), (&[holder(100, 4)][..], Some(501)));
        assert_eq!(accepted.peer_identity(), Some(crate::Identity::Handle(3)));
        let expected = [(GapKind::TableUnavailable, 1), (GapKind::ProcessesUnreadable, 1)];
        let mut gaps = counts(&snapshot.gaps);
        gaps.sort_by_key(|(kind, _)| *kind != GapKind::TableUnavailable);
        assert_eq!(gaps, expected);
    }
}

#[test]
fn tables_that_omit_sockets_of_others_are_completed_from_libproc_with_a_gap() {
    let machine = Machine { filters_unix: true, ..machine(27, 501) };
    for owners in [true, false] {
        let xnu = with(machine.clone(), server_and_client(), sockets());
        let snapshot = xnu.snapshot(&unix().owners(owners)).unwrap();
        assert_eq!(snapshot.sockets.len(), 3);
        assert!(snapshot.gaps.iter().any(|gap| gap.kind == GapKind::TableFiltered), "{:?}", snapshot.gaps);
    }
    // A kernel that filters the tables of IP alone.
    let machine = Machine { filters_unix: false, ..machine };
    let snapshot = with(machine, server_and_client(), sockets()).snapshot(&unix()).unwrap();
    assert_eq!(
        (snapshot.sockets.len(), counts(&snapshot.gaps)),
        (5, vec![(GapKind::ProcessesUnreadable, 1)])
    );
}

#[test]
fn tables_that_grow_and_longer_records_change_nothing() {
    let usual = with(machine(15, 0), server_and_client(), sockets()).snapshot(&unix()).unwrap();
    for (outgrown, longer) in [(1, 0), (3, 0), (0, 16)] {
        let machine = Machine { outgrown, longer, ..machine(15, 0) };
        let snapshot = with(machine, server_and_client(), sockets()).snapshot(&unix()).unwrap();
        assert_eq!(snapshot.sockets, usual.sockets);
    }
}
