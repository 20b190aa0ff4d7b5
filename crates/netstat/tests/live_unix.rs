//! Unix sockets of the test: exact names, peers on both ends, queues, holders.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use netstat::{
    Endpoint, Family, Gap, GapKind, Identity, Owner, OwnerRole, Ownership, Protocol, Query, Queues, Snapshot,
    Socket, SocketType, State, UnixName,
};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, bind, connect, listen, socketpair};
use socket_world::namespace::in_network_namespace;
use socket_world::{Child, Held, inode_of, is_root, live_skip, quiet, restrict};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A directory of the test, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netstat-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn list() -> Snapshot {
    let snapshot = Query::new().unix().owners(true).snapshot().unwrap();
    assert!(snapshot.sockets.iter().all(|row| (row.family, row.protocol) == (Family::Unix, Protocol::Unix)));
    snapshot
}

/// The only row of a socket.
fn row(snapshot: &Snapshot, socket: impl AsFd) -> &Socket {
    row_of(snapshot, inode_of(socket))
}

fn row_of(snapshot: &Snapshot, inode: u64) -> &Socket {
    let rows: Vec<&Socket> = snapshot.into_iter().filter(|row| row.inode() == Some(inode)).collect();
    let [row] = rows[..] else { panic!("{} rows of {inode}", rows.len()) };
    row
}

fn path(path: &Path) -> Endpoint {
    Endpoint::Unix(UnixName::Path(path.as_os_str().as_bytes().into()))
}

fn socket(kind: rustix::net::SocketType) -> OwnedFd {
    rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

/// The owners that a process reports of itself.
fn owner(held: &Held) -> Owner {
    Owner::new(held.pid, Some(held.fd), OwnerRole::Holder)
}

#[test]
fn live_names_are_exact_whatever_bytes_they_hold() {
    let directory = Directory::new("names");
    let in_directory = directory.0.join("line\nbreak \x1b[2J\u{fc}");
    let bound = UnixListener::bind(&in_directory).unwrap();
    let forged = b"x\n0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/forged";
    let names: [&[u8]; 5] = [b"a\0b\nc\0", b"\n", b"\xff\xfe", forged, &[b'n'; 107]];
    let sockets: Vec<UnixListener> = names
        .iter()
        .map(|name| UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap())
        .collect();
    let unbound = UnixDatagram::unbound().unwrap();
    let snapshot = list();
    assert_eq!(row(&snapshot, &bound).local, path(&in_directory));
    for (name, socket) in names.iter().zip(&sockets) {
        let row = row(&snapshot, socket);
        assert_eq!(row.local, Endpoint::Unix(UnixName::Abstract((*name).into())));
        assert_eq!((row.unix_file(), row.state, row.remote.as_ref()), (None, Some(State::Listen), None));
    }
    assert!(!snapshot.sockets.iter().any(|row| row.inode() == Some(4711)), "a name forges no row");
    let row = row(&snapshot, &unbound);
    assert_eq!((&row.local, row.state), (&Endpoint::Unix(UnixName::Unnamed), Some(State::Closed)));
    assert_eq!(row.socket_type, Some(SocketType::Datagram));
}

#[test]
fn live_both_ends_of_a_connection_name_each_other_and_have_their_holders() {
    let _quiet = quiet();
    let directory = Directory::new("ends");
    let place = directory.0.join("listener");
    let listener = UnixListener::bind(&place).unwrap();
    let client = UnixStream::connect(&place).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    rustix::io::write(&client, b"12345").unwrap();
    let file = fs::metadata(&place).unwrap();
    let snapshot = list();
    let (at_client, at_server) = (row(&snapshot, &client), row(&snapshot, &accepted));
    let unnamed = Endpoint::Unix(UnixName::Unnamed);
    assert_eq!((&at_client.local, at_client.remote.as_ref()), (&unnamed, Some(&path(&place))));
    assert_eq!((&at_server.local, at_server.remote.as_ref()), (&path(&place), Some(&unnamed)));
    for (row, other) in [(at_client, at_server), (at_server, at_client)] {
        assert_eq!(row.peer_identity(), other.identity);
        assert_eq!((row.state, row.socket_type), (Some(State::Established), Some(SocketType::Stream)));
        assert_eq!(row.uid, Some(rustix::process::geteuid().as_raw()));
        assert!(row.cookie.is_some());
    }
    assert_eq!(at_server.queues.unwrap().receive(), 5);
    assert_eq!(at_client.queues.unwrap().receive(), 0);
    for (socket, row) in [(client.as_fd(), at_client), (accepted.as_fd(), at_server)] {
        assert_eq!(row.owners(), [owner(&Held::of(socket).unwrap())]);
    }
    for row in [at_server, row(&snapshot, &listener)] {
        let bound = row.unix_file().unwrap();
        assert_eq!((bound.device, bound.inode), (file.dev(), file.ino() & 0xffff_ffff));
    }
    assert_eq!(at_client.unix_file(), None);
}

#[test]
fn live_datagram_socket_names_the_one_that_it_sends_to() {
    let directory = Directory::new("datagrams");
    let place = directory.0.join("log");
    let log = UnixDatagram::bind(&place).unwrap();
    let senders: Vec<UnixDatagram> = (0..3).map(|_| UnixDatagram::unbound().unwrap()).collect();
    for sender in &senders {
        sender.connect(&place).unwrap();
    }
    let snapshot = list();
    for sender in &senders {
        let row = row(&snapshot, sender);
        assert_eq!(row.remote, Some(path(&place)));
        assert_eq!(row.peer_identity(), Some(Identity::Inode(inode_of(&log))));
    }
    let row = row(&snapshot, &log);
    assert_eq!((row.remote.as_ref(), row.peer_identity()), (None, None), "it is connected to none of them");
    assert!(row.is_listening(), "{row:?}");
    let listening = Query::new().unix().listening().snapshot().unwrap();
    let has =
        |socket: &UnixDatagram| listening.sockets.iter().any(|row| row.inode() == Some(inode_of(socket)));
    assert!(has(&log) && !senders.iter().any(has));
}

#[test]
fn live_four_thousand_waiting_connections_are_counted_and_each_has_a_row() {
    const WAITING: u32 = 4000;
    if !is_root() {
        live_skip!("a network namespace: not root");
    }
    let limit = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    if limit.trim().parse::<u32>().unwrap() < WAITING {
        live_skip!("a backlog of {WAITING}: net.core.somaxconn is {limit}");
    }
    let _quiet = quiet();
    in_network_namespace(|| {
        socket_world::need_descriptors(u64::from(WAITING) + 200).unwrap();
        let directory = Directory::new("backlog");
        let address = SocketAddrUnix::new(directory.0.join("listener")).unwrap();
        let listener = socket(rustix::net::SocketType::STREAM);
        bind(&listener, &address).unwrap();
        listen(&listener, WAITING.try_into().unwrap()).unwrap();
        let clients: Vec<OwnedFd> = (0..WAITING)
            .map(|_| {
                let client = socket(rustix::net::SocketType::STREAM);
                connect(&client, &address).unwrap();
                client
            })
            .collect();
        let snapshot = list();
        // The namespace has no other sockets.
        let expected: BTreeSet<u64> = clients.iter().chain([&listener]).map(inode_of).collect();
        let listed: Vec<u64> = snapshot.sockets.iter().filter_map(Socket::inode).collect();
        assert_eq!(listed.len(), snapshot.sockets.len());
        assert_eq!(listed.len(), expected.len(), "each once");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
        let queue = row(&snapshot, &listener).queues;
        assert_eq!(queue, Some(Queues::Accept { waiting: WAITING, limit: Some(WAITING) }));
        for client in &clients {
            let row = row(&snapshot, client);
            assert_eq!((row.state, row.peer_identity()), (Some(State::Established), None));
            assert_eq!(row.remote, Some(Endpoint::Unknown), "connected, to a socket that no process has");
            assert_eq!(row.owners(), [owner(&Held::of(client).unwrap())]);
        }
    })
    .unwrap();
}

#[test]
fn live_socketpair_across_a_fork_names_both_processes() {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, rustix::net::SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .unwrap();
    let inode = inode_of(&theirs);
    let child = Child::fork(None, &[theirs.as_fd()], |report| report.held(&theirs).map(drop)).unwrap();
    drop(theirs);
    let _quiet = quiet();
    let snapshot = list();
    let (at_us, at_child) = (row(&snapshot, &ours), row_of(&snapshot, inode));
    assert_eq!((at_us.peer_identity(), at_child.peer_identity()), (at_child.identity, at_us.identity));
    assert_eq!(at_us.socket_type, Some(SocketType::SeqPacket));
    assert_eq!(at_us.owners(), [owner(&Held::of(&ours).unwrap())]);
    assert_eq!(at_child.owners().iter().map(|owner| owner.pid).collect::<Vec<_>>(), [child.pid()]);
    assert!(matches!(at_child.ownership(), Ownership::Known { .. }));
    drop(child);
    let snapshot = list();
    assert_eq!(row(&snapshot, &ours).remote, Some(Endpoint::Unknown), "the other end is closed");
}

#[test]
fn live_deleted_path_is_still_the_name_and_the_file_shows_that_it_was_replaced() {
    let directory = Directory::new("deleted");
    let place = directory.0.join("socket");
    let old = UnixListener::bind(&place).unwrap();
    fs::remove_file(&place).unwrap();
    let new = UnixListener::bind(&place).unwrap();
    let snapshot = list();
    let (old, new) = (row(&snapshot, &old), row(&snapshot, &new));
    assert_eq!((&old.local, &new.local), (&path(&place), &path(&place)));
    assert_ne!(old.key(), new.key());
    let file = fs::metadata(&place).unwrap();
    assert_eq!(new.unix_file().unwrap().inode, file.ino() & 0xffff_ffff);
    assert!(old.unix_file().is_some());
}

#[test]
fn live_path_in_another_mount_namespace_is_the_one_that_was_bound_and_both_ends_are_joined() {
    if !is_root() {
        live_skip!("a mount namespace: not root");
    }
    let (here, there) = (Directory::new("mounted"), Directory::new("mountpoint"));
    let place = here.0.join("socket");
    let listener = UnixListener::bind(&place).unwrap();
    let child = Child::fork(None, &[], |report| {
        restrict::bind_directory(&here.0, &there.0)?;
        report.keep(UnixStream::connect(there.0.join("socket"))?).map(drop)
    });
    let child = child.unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let _quiet = quiet();
    let snapshot = list();
    let [held] = child.held() else { panic!("one socket") };
    let at_child = row_of(&snapshot, held.inode);
    assert_eq!(at_child.remote, Some(path(&place)), "not the path by which it connected");
    assert_eq!(at_child.owners(), [owner(held)]);
    assert_eq!(at_child.peer_identity(), Some(Identity::Inode(inode_of(&accepted))));
    assert_eq!(row(&snapshot, &accepted).peer_identity(), at_child.identity);
}

#[test]
fn live_peer_in_another_network_namespace_is_known_by_its_number_alone() {
    if !is_root() {
        live_skip!("a network namespace: not root");
    }
    let directory = Directory::new("across");
    let place = directory.0.join("socket");
    let log = UnixDatagram::bind(&place).unwrap();
    let inside = in_network_namespace(|| {
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&place).unwrap();
        let snapshot = list();
        let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
        assert_eq!(row.inode(), Some(inode_of(&sender)));
        assert_eq!(row.peer_identity(), Some(Identity::Inode(inode_of(&log))));
        assert_eq!(row.remote, Some(Endpoint::Unknown));
        sender
    });
    let sender = inside.unwrap();
    let snapshot = list();
    row(&snapshot, &log);
    assert!(!snapshot.sockets.iter().any(|row| row.inode() == Some(inode_of(&sender))));
}

#[test]
fn live_socket_in_flight_is_listed_and_no_process_is_named() {
    let (sender, receiver) = UnixDatagram::pair().unwrap();
    let sent = UnixDatagram::unbound().unwrap();
    let inode = inode_of(&sent);
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
    let descriptors = [sent.as_fd()];
    assert!(control.push(rustix::net::SendAncillaryMessage::ScmRights(&descriptors)));
    let data = [io::IoSlice::new(b"x")];
    rustix::net::sendmsg(&sender, &data, &mut control, rustix::net::SendFlags::empty()).unwrap();
    drop(sent);
    let _quiet = quiet();
    let snapshot = list();
    let row = row_of(&snapshot, inode);
    assert!(row.owners().is_empty(), "{row:?}");
    assert!(matches!(row.ownership(), Ownership::None { .. } | Ownership::Hidden { .. }), "{row:?}");
    drop(receiver);
}

#[test]
fn live_filters_select_by_state_type_inode_and_user() {
    let directory = Directory::new("filters");
    let listener = UnixListener::bind(directory.0.join("listener")).unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    let listening = Query::new().unix().listening().snapshot().unwrap();
    assert_eq!(row(&listening, &listener).state, Some(State::Listen));
    assert!(listening.sockets.iter().all(|row| row.inode() != Some(inode_of(&one))));
    let by_inode = Query::new().unix().filter(netstat::Filter::inode(inode_of(&other))).snapshot().unwrap();
    assert_eq!(by_inode.sockets.len(), 1);
    assert_eq!(by_inode.sockets[0].peer_identity(), Some(Identity::Inode(inode_of(&one))));
    let pattern = format!("src {}/*", directory.0.display());
    let by_name = Query::new().filter(pattern.parse().unwrap()).snapshot().unwrap();
    assert_eq!(by_name.sockets.iter().map(Socket::inode).collect::<Vec<_>>(), [Some(inode_of(&listener))]);
    let by_family = Query::new().family(Family::Unix).snapshot().unwrap();
    assert!(by_family.sockets.iter().all(|row| row.family == Family::Unix));
    row(&by_family, &listener);
    let both = Query::new().tcp().unix().pid(std::process::id()).snapshot().unwrap();
    assert_eq!(row(&both, &one).pids().collect::<Vec<_>>(), [std::process::id()]);
    let default = Query::new().snapshot().unwrap();
    assert!(default.sockets.iter().all(|row| row.family.is_ip()), "TCP and UDP alone");
    let counts = Query::new().unix().count().unwrap();
    assert!(counts.iter().any(|(protocol, state, count)| {
        (protocol, state) == (Protocol::Unix, Some(State::Listen)) && count > 0
    }));
}

#[test]
fn live_without_netlink_the_rows_come_from_proc_with_a_gap_and_nothing_is_forged_in_silence() {
    let directory = Directory::new("fallback");
    let place = directory.0.join("a name so long that no line after it can be a part of it");
    let listener = UnixListener::bind(&place).unwrap();
    let forging = b"x\n0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/forged";
    let forger = UnixListener::bind_addr(&SocketAddr::from_abstract_name(forging).unwrap()).unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    let inodes = [inode_of(&listener), inode_of(&forger), inode_of(&one), inode_of(&other)];
    restricted!("seccomp", || {
        restrict::deny_netlink(1)?;
        let snapshot = list();
        let is_fallback =
            |gap: &Gap| gap.kind == GapKind::Fallback && gap.source.starts_with("sock_diag unix: socket: ");
        assert!(snapshot.gaps.iter().any(is_fallback), "{:?}", snapshot.gaps);
        let rows = inodes.map(|inode| row_of(&snapshot, inode));
        assert_eq!((&rows[0].local, rows[0].state), (&path(&place), Some(State::Listen)));
        assert_eq!(
            (rows[2].state, rows[2].remote.as_ref()),
            (Some(State::Established), Some(&Endpoint::Unknown))
        );
        for row in snapshot.sockets.iter().filter(|row| row.inode() == Some(4711)) {
            assert!(row.owners().is_empty(), "{row:?}");
            let is_said = |gap: &Gap| gap.kind == GapKind::SocketsUncertain && gap.count > 0;
            assert!(snapshot.gaps.iter().any(is_said), "{:?}", snapshot.gaps);
        }
        Ok(())
    });
}
