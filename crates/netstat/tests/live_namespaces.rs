//! Sockets of other network namespaces than the caller's.
#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use common::{check_row, sources};
use netstat::{
    Filter, GapKind, Lister, NamespaceSource, NetnsId, OwnerSource, Ownership, Protocol, Query, Scope,
    Snapshot, Socket,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use scene::{Scene, TEST_USER, has_gap_of};
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::{Child, Held, Report, kernel, live_skip, quiet, restrict};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

/// The same in every namespace of these tests.
const LOCAL: &str = "127.0.0.1:4711";

/// The network namespace of this thread.
fn own_namespace() -> NetnsId {
    namespace_of("thread-self")
}

fn namespace_of(process: &str) -> NetnsId {
    let number = fs::metadata(format!("/proc/{process}/ns/net")).unwrap().ino();
    NetnsId(NonZeroU64::new(number).unwrap())
}

/// A listener and a UDP socket with the address that all have.
fn bind() -> io::Result<(TcpListener, UdpSocket)> {
    Ok((TcpListener::bind(LOCAL)?, UdpSocket::bind(LOCAL)?))
}

fn hold_sockets(report: &mut Report) -> io::Result<()> {
    let (tcp, udp) = bind()?;
    report.keep(tcp)?;
    report.keep(udp)?;
    report.number(own_namespace().0.get())
}

/// A process in a network namespace of its own that holds two sockets; an error if it cannot be made.
fn lodger(enter: fn() -> io::Result<()>) -> io::Result<Child> {
    Child::fork(Some(b"netns-lodger"), &[], |report| {
        enter()?;
        hold_sockets(report)
    })
}

fn id(child: &Child) -> NetnsId {
    NetnsId(NonZeroU64::new(child.numbers()[0]).unwrap())
}

/// Enters a network namespace that belongs to a user namespace of its own.
fn enter_nested() -> io::Result<()> {
    restrict::enter_user_namespace(UnshareFlags::empty())?;
    enter_network_namespace()
}

fn become_user_and_enter_nested() -> io::Result<()> {
    restrict::become_user(TEST_USER)?;
    enter_nested()
}

/// A namespace in which no process lives: this one has a descriptor of it, and two sockets in it.
struct Descriptor {
    _namespace: File,
    id: NetnsId,
    held: Vec<Held>,
    _sockets: (TcpListener, UdpSocket),
}

fn held_by_descriptor() -> io::Result<Descriptor> {
    in_network_namespace(|| {
        let sockets = bind()?;
        let held = vec![Held::of(sockets.0.as_fd())?, Held::of(sockets.1.as_fd())?];
        let namespace = File::open("/proc/thread-self/ns/net")?;
        Ok(Descriptor { _namespace: namespace, id: own_namespace(), held, _sockets: sockets })
    })?
}

/// The only row of a held socket.
#[track_caller]
fn row<'a>(snapshot: &'a Snapshot, held: &Held) -> &'a Socket {
    let rows: Vec<_> = snapshot.into_iter().filter(|row| row.inode() == Some(held.inode)).collect();
    assert_eq!(rows.len(), 1, "{held:?}: {rows:?}\n{:?}\n{:?}", snapshot.namespaces, snapshot.gaps);
    rows[0]
}

/// Checks that a held socket is listed once, in this namespace, with this holder and no other.
#[track_caller]
fn check(snapshot: &Snapshot, id: NetnsId, held: &Held) {
    let row = row(snapshot, held);
    assert_eq!(row.netns, Some(id), "{row:?}");
    assert_eq!(row.local.to_string(), LOCAL);
    common::check_owners(row, &common::owners([held], held.inode));
    let in_namespace = |row: &&Socket| row.netns == Some(id);
    assert_eq!(snapshot.into_iter().filter(in_namespace).count(), 2, "{:?}", snapshot.sockets);
}

/// The namespaces of all rows are described, each once.
#[track_caller]
fn check_namespaces(snapshot: &Snapshot) {
    let ids: Vec<_> = snapshot.namespaces.iter().map(|namespace| namespace.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    for row in snapshot {
        let id = row.netns.expect("the namespace of every row");
        assert_ne!(snapshot.namespace(id).unwrap().source, NamespaceSource::Unavailable);
    }
    assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
}

/// How a namespace is read of which nothing is missing.
fn read_by(source: OwnerSource) -> NamespaceSource {
    match source {
        OwnerSource::OnePass => NamespaceSource::OnePass,
        _ => NamespaceSource::SockDiag,
    }
}

macro_rules! made {
    ($make:expr) => {
        match $make {
            Ok(made) => made,
            Err(why) => live_skip!("a network namespace: {why}"),
        }
    };
}

#[test]
fn live_sockets_of_every_namespace_are_listed_once_with_their_namespace_and_owner() {
    let _quiet = quiet();
    let scene = Scene::new();
    let plain = made!(lodger(enter_network_namespace));
    let nested = made!(lodger(enter_nested));
    let descriptor = made!(held_by_descriptor());
    for source in sources() {
        let query = Query::new().netns(Scope::All).owners(true);
        let snapshot = common::snapshot_by(&query, source);
        for child in [&plain, &nested] {
            child.held().iter().for_each(|held| check(&snapshot, id(child), held));
            let namespace = snapshot.namespace(id(child)).unwrap();
            assert_eq!((&namespace.pids[..], namespace.processes), (&[child.pid()][..], 1));
            assert_eq!(namespace.source, read_by(source), "{:?}", snapshot.gaps);
        }
        descriptor.held.iter().for_each(|held| check(&snapshot, descriptor.id, held));
        let namespace = snapshot.namespace(descriptor.id).unwrap();
        assert_eq!((namespace.processes, namespace.source), (0, read_by(source)));
        let path = namespace.path.as_ref().unwrap().to_str().unwrap();
        assert!(path.starts_with(&format!("/proc/{}/fd/", std::process::id())), "{path}");
        scene.check_rows(&snapshot, |socket, facts| {
            check_row(socket, facts);
            assert_eq!(socket.netns, Some(own_namespace()));
        });
        scene.check_owners(&snapshot, scene::is_known);
        check_namespaces(&snapshot);
    }
}

/// A process that has left the namespace in which it made its sockets: nothing else keeps it.
fn left_behind() -> io::Result<Child> {
    Child::fork(Some(b"netns-left"), &[], |report| {
        let here = File::open("/proc/thread-self/ns/net")?;
        enter_network_namespace()?;
        hold_sockets(report)?;
        Ok(move_into_link_name_space(here.as_fd(), Some(LinkNameSpaceType::Network))?)
    })
}

#[test]
fn live_namespace_that_only_a_socket_keeps_is_listed_as_any_other_or_a_gap_says_that_it_may_be_missing() {
    let _quiet = quiet();
    let child = made!(left_behind());
    let without_bpf = Query::new().netns(Scope::All).owner_source(OwnerSource::Procfs).snapshot().unwrap();
    assert!(without_bpf.namespace(id(&child)).is_none());
    let is_said = |gap: &netstat::Gap| gap.source.starts_with("those that only a socket keeps: ");
    assert!(without_bpf.gaps.iter().any(is_said), "{:?}", without_bpf.gaps);
    if let Err(why) = kernel::bpf_iterators() {
        live_skip!("a namespace that only a socket keeps: {why}");
    }
    let by =
        sources().into_iter().filter(|source| *source != OwnerSource::Procfs).map(|source| (source, true));
    let auto = [false, true].map(|owners| (OwnerSource::Auto, owners));
    for (source, owners) in auto.into_iter().chain(by) {
        let query = Query::new().netns(Scope::All).owners(owners).owner_source(source);
        let snapshot = query.snapshot().unwrap();
        let namespace = snapshot.namespace(id(&child)).unwrap();
        assert_eq!((namespace.processes, namespace.path.as_ref()), (0, None));
        assert_eq!(namespace.source, NamespaceSource::SockDiag);
        assert!(!snapshot.gaps.iter().any(is_said), "{:?}", snapshot.gaps);
        for held in child.held() {
            assert_eq!(row(&snapshot, held).netns, Some(id(&child)));
            if owners {
                check(&snapshot, id(&child), held);
            }
        }
        check_namespaces(&snapshot);
    }
    let by_number = Query::new().filter(Filter::netns(id(&child))).snapshot().unwrap();
    assert_eq!(by_number.sockets.len(), 2);
    assert!(!by_number.gaps.iter().any(|gap| gap.source.contains("is not found")), "{:?}", by_number.gaps);
    // A row of it can be closed, there and nowhere else.
    match row(&by_number, &child.held()[0]).destroy() {
        Err(error) if error.is_unsupported() => live_skip!("closing sockets: {error}"),
        closed => closed.unwrap(),
    }
    let left = Query::new().filter(Filter::netns(id(&child))).snapshot().unwrap();
    assert_eq!(left.sockets.iter().map(Socket::inode).collect::<Vec<_>>(), [Some(child.held()[1].inode)]);
}

#[test]
fn live_one_namespace_is_listed_by_process_or_path_and_nothing_else() {
    let _quiet = quiet();
    let other = made!(lodger(enter_network_namespace));
    let child = made!(lodger(enter_network_namespace));
    let path = format!("/proc/{}/ns/net", child.pid());
    for scope in [Scope::Of(child.pid()), Scope::Path(path.into())] {
        let snapshot = Query::new().netns(scope).owners(true).snapshot().unwrap();
        child.held().iter().for_each(|held| check(&snapshot, id(&child), held));
        let ids: Vec<_> = snapshot.namespaces.iter().map(|namespace| namespace.id).collect();
        assert_eq!((snapshot.sockets.len(), ids), (2, vec![id(&child)]));
        assert_ne!(id(&child), id(&other));
    }
    // The caller's own rows have it too, if it is asked for.
    let own = Query::new().netns(Scope::Of(std::process::id())).snapshot().unwrap();
    assert!(own.sockets.iter().all(|row| row.netns == Some(own_namespace())));
    assert_eq!(own.namespaces.len(), 1);
}

#[test]
fn live_counted_and_streamed_sockets_of_namespaces_are_those_of_a_snapshot() {
    let _quiet = quiet();
    let child = made!(lodger(enter_network_namespace));
    let query = Query::new().netns(Scope::Of(child.pid()));
    let mut lister = Lister::new();
    for _ in 0..2 {
        assert_eq!(lister.count(&query).unwrap().total(), 2);
        for owners in [false, true] {
            let mut rows = Vec::new();
            let each = |row: Socket| {
                rows.push((row.netns, row.protocol, row.pids().collect::<Vec<_>>()));
                ControlFlow::Continue(())
            };
            // Processes of the machine may refuse to be read, or end meanwhile.
            let of_processes =
                [GapKind::ProcessesUnreadable, GapKind::ProcessesVanished, GapKind::DescriptorsVanished];
            let mut gaps = lister.for_each(&query.clone().owners(owners), each).unwrap();
            gaps.retain(|gap| !of_processes.contains(&gap.kind));
            assert_eq!(gaps, []);
            let pids = if owners { vec![child.pid()] } else { vec![] };
            let of = |protocol| (Some(id(&child)), protocol, pids.clone());
            assert_eq!(rows, [of(Protocol::Tcp), of(Protocol::Udp)]);
        }
        assert_eq!(lister.snapshot(&query).unwrap().sockets.len(), 2);
    }
    let mut rows = 0;
    let stopped = Query::new().netns(Scope::All).for_each(|_| {
        rows += 1;
        ControlFlow::Break(())
    });
    assert!(stopped.is_ok() && rows == 1);
}

#[test]
fn live_process_in_another_namespace_is_found_by_its_pid_with_its_namespace() {
    let _quiet = quiet();
    let own = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = made!(lodger(enter_network_namespace));
    for source in sources() {
        let snapshot = common::snapshot_by(&Query::new().pid(child.pid()), source);
        child.held().iter().for_each(|held| {
            assert_eq!(row(&snapshot, held).netns, Some(id(&child)));
            assert_eq!(row(&snapshot, held).pids().collect::<Vec<_>>(), [child.pid()]);
        });
        assert_eq!(snapshot.sockets.len(), 2);
        assert!(snapshot.gaps.iter().all(|gap| gap.kind != GapKind::SocketsElsewhere), "{:?}", snapshot.gaps);
        // Rows of the caller's own namespace are as without the other.
        let both = Filter::pid(child.pid()) | Filter::pid(std::process::id());
        let snapshot = common::snapshot_by(&Query::new().filter(both), source);
        let inode = Held::of(own.as_fd()).unwrap().inode;
        let row = snapshot.into_iter().find(|row| row.inode() == Some(inode)).unwrap();
        assert_eq!((row.netns, row.pids().collect::<Vec<_>>()), (None, vec![std::process::id()]));
    }
}

#[test]
fn live_socket_whose_holder_has_moved_shows_its_own_namespace() {
    let _quiet = quiet();
    let stays = made!(lodger(enter_network_namespace));
    let old = File::open(format!("/proc/{}/ns/net", stays.pid())).unwrap();
    let moved = Child::fork(Some(b"netns-moved"), &[old.as_fd()], |report| {
        let own = File::open("/proc/thread-self/ns/net")?;
        move_into_link_name_space(old.as_fd(), Some(LinkNameSpaceType::Network))?;
        let listener = TcpListener::bind("127.0.0.1:4712")?;
        move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Network))?;
        report.keep(listener)?;
        Ok(())
    });
    let moved = made!(moved);
    for source in sources() {
        let snapshot = common::snapshot_by(&Query::new().netns(Scope::All).owners(true), source);
        let row = row(&snapshot, &moved.held()[0]);
        assert_eq!(row.netns, Some(id(&stays)));
        assert_eq!(row.pids().collect::<Vec<_>>(), [moved.pid()]);
        assert!(!snapshot.namespace(id(&stays)).unwrap().pids.contains(&moved.pid()));
    }
}

#[test]
fn live_without_the_right_to_enter_tables_are_read_from_proc_and_the_rest_is_a_gap() {
    let _quiet = quiet();
    let same_user = made!(lodger(become_user_and_enter_nested));
    let other_user = made!(lodger(enter_network_namespace));
    restricted!("another user", || {
        restrict::become_user(TEST_USER)?;
        let snapshot = Query::new().netns(Scope::All).owners(true).snapshot().unwrap();
        for held in same_user.held() {
            let row = row(&snapshot, held);
            assert_eq!((row.netns, row.cookie), (Some(id(&same_user)), None));
        }
        assert_eq!(snapshot.namespace(id(&same_user)).unwrap().source, NamespaceSource::Procfs);
        has_gap_of(&snapshot, GapKind::Fallback);
        has_gap_of(&snapshot, GapKind::NamespacesUnreadable);
        assert!(snapshot.namespace(id(&other_user)).is_none());
        assert!(snapshot.namespace(own_namespace()).unwrap().source == NamespaceSource::SockDiag);
        check_namespaces(&snapshot);
        let error = Query::new().netns(Scope::Of(other_user.pid())).snapshot().unwrap_err();
        assert!(error.is_permission_denied(), "{error}");
        Ok(())
    });
}

#[test]
fn live_named_namespaces_have_their_names_and_are_listed_by_them() {
    let _quiet = quiet();
    let child = made!(lodger(enter_network_namespace));
    restricted!("mounts", || {
        restrict::empty_directory(c"/run")?;
        fs::create_dir("/run/netns")?;
        for name in ["blue", "a name"] {
            let path = format!("/run/netns/{name}");
            File::create(&path)?;
            rustix::mount::mount_bind(format!("/proc/{}/ns/net", child.pid()), &path)?;
        }
        for scope in [Scope::Named("blue".into()), Scope::Named("a name".into()), Scope::All] {
            let snapshot = Query::new().netns(scope).owners(true).snapshot().unwrap();
            child.held().iter().for_each(|held| check(&snapshot, id(&child), held));
            let namespace = snapshot.namespace(id(&child)).unwrap();
            assert_eq!(namespace.names, ["a name", "blue"]);
            assert_eq!(namespace.pids, [child.pid()]);
        }
        Ok(())
    });
}

#[test]
fn live_mount_in_another_mount_namespace_leads_to_its_namespace() {
    let _quiet = quiet();
    let keeper = Child::fork(Some(b"netns-keeper"), &[], |report| {
        let here = File::open("/proc/thread-self/ns/net")?;
        enter_network_namespace()?;
        restrict::empty_directory(c"/run")?;
        File::create("/run/kept")?;
        rustix::mount::mount_bind("/proc/thread-self/ns/net", "/run/kept")?;
        hold_sockets(report)?;
        Ok(move_into_link_name_space(here.as_fd(), Some(LinkNameSpaceType::Network))?)
    });
    let keeper = made!(keeper);
    let snapshot = Query::new().netns(Scope::All).owners(true).snapshot().unwrap();
    keeper.held().iter().for_each(|held| check(&snapshot, id(&keeper), held));
    let namespace = snapshot.namespace(id(&keeper)).unwrap();
    let (path, root) = (namespace.path.as_ref().unwrap(), format!("/proc/{}/root", keeper.pid()));
    assert!(path.starts_with(root) && path.ends_with("run/kept"), "{}", path.display());
    assert_eq!(namespace.processes, 0);
}

#[test]
fn live_scopes_that_lead_to_no_namespace_are_errors_that_say_so() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let error = |scope| Query::new().netns(scope).snapshot().unwrap_err();
    for scope in
        [Scope::Of(child.id()), Scope::Path("/no/such/file".into()), Scope::Named("no-such-namespace".into())]
    {
        let error = error(scope);
        assert!(error.is_not_found(), "{error}");
    }
    let said = |scope| error(scope).to_string();
    assert_eq!(
        said(Scope::Path("/dev/null".into())),
        "cannot list the network namespace /dev/null: it is no network namespace"
    );
    assert!(said(Scope::Path("/proc/self/ns/uts".into())).contains("network namespace"));
    assert_eq!(
        said(Scope::Named("../x".into())),
        "cannot list the network namespace ../x: a name has no slash"
    );
}

#[test]
fn live_threads_of_the_caller_stay_in_their_namespace() {
    let _quiet = quiet();
    let child = made!(lodger(enter_network_namespace));
    let before = own_namespace();
    let mut lister = Lister::new();
    for scope in [Scope::All, Scope::Of(child.pid())] {
        lister.snapshot(&Query::new().netns(scope).owners(true)).unwrap();
        assert_eq!(own_namespace(), before);
    }
    let of_threads: BTreeSet<_> = fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| fs::read_link(task.unwrap().path().join("ns/net")).ok())
        .collect();
    // Other tests of this program run in namespaces of their own, but none of them in that of the child.
    let other = fs::read_link(format!("/proc/{}/ns/net", child.pid())).unwrap();
    assert!(!of_threads.contains(&other));
    // The caller's own listing is as before.
    assert!(lister.snapshot(&Query::new()).unwrap().sockets.iter().all(|row| row.netns.is_none()));
}

#[test]
fn live_namespace_of_an_ended_process_is_not_kept_by_a_lister() {
    let _quiet = quiet();
    let child = made!(lodger(enter_network_namespace));
    let id = id(&child);
    let mut lister = Lister::new();
    let query = Query::new().netns(Scope::All);
    assert!(lister.snapshot(&query).unwrap().namespace(id).is_some());
    drop(child);
    assert!(lister.snapshot(&query).unwrap().namespace(id).is_none());
}

#[test]
fn live_lack_of_descriptors_costs_no_namespace() {
    let _quiet = quiet();
    let children: Vec<Child> = (0..12).map_while(|_| lodger(enter_network_namespace).ok()).collect();
    if children.len() < 12 {
        live_skip!("network namespaces");
    }
    // 0, 1, 2, two pipes of the child, the caller's own netlink socket, and one in each namespace after the other.
    for limit in [7, 9, 16] {
        restricted!("descriptors", || {
            restrict::limit_descriptors(limit)?;
            let snapshot = Query::new().netns(Scope::All).snapshot().unwrap();
            for child in &children {
                for held in child.held() {
                    assert_eq!(row(&snapshot, held).netns, Some(id(child)), "{limit}");
                }
            }
            Ok(())
        });
    }
}

#[test]
fn live_keys_of_equal_sockets_in_two_namespaces_differ() {
    let _quiet = quiet();
    let (one, other) = (made!(lodger(enter_network_namespace)), made!(lodger(enter_network_namespace)));
    let snapshot = Query::new().netns(Scope::All).owners(true).snapshot().unwrap();
    let of = |child: &Child| row(&snapshot, &child.held()[0]);
    assert_eq!(of(&one).local, of(&other).local);
    assert_ne!(of(&one).key(), of(&other).key());
    assert!(matches!(of(&one).ownership(), Ownership::Known { .. }));
    let again = Query::new().netns(Scope::Of(one.pid())).snapshot().unwrap();
    assert_eq!(row(&again, &one.held()[0]).key(), of(&one).key());
}

#[test]
fn live_socket_of_another_namespace_is_closed_there_and_its_equal_in_the_callers_is_not() {
    let _quiet = quiet();
    let child = made!(lodger(enter_network_namespace));
    let closed = in_network_namespace(|| {
        let own = TcpListener::bind(LOCAL).unwrap();
        let snapshot = Query::new().netns(Scope::All).snapshot().unwrap();
        let other = row(&snapshot, &child.held()[0]).clone();
        assert_eq!((other.netns, other.local_addr()), (Some(id(&child)), Some(own.local_addr().unwrap())));
        let closed = other.destroy();
        let own_row = || {
            let snapshot = Query::new().tcp().listening().snapshot().unwrap();
            row(&snapshot, &Held::of(own.as_fd()).unwrap()).clone()
        };
        assert_eq!(own_row().local.to_string(), LOCAL);
        if closed.is_ok() {
            let there = Query::new().tcp().netns(Scope::Of(child.pid())).snapshot().unwrap();
            assert_eq!(there.sockets, []);
        }
        // A row of a namespace that is gone is not one of the caller's.
        let mut gone = own_row();
        gone.netns = NonZeroU64::new(1).map(NetnsId);
        let error = gone.destroy().unwrap_err();
        assert!(error.is_not_found() && error.to_string().contains("network namespace 1"), "{error}");
        assert_eq!(own_row().local.to_string(), LOCAL);
        closed
    });
    match made!(closed) {
        Err(error) if error.is_unsupported() => live_skip!("closing sockets: {error}"),
        closed => closed.unwrap(),
    }
}

#[test]
fn live_processes_of_a_name_are_found_in_every_namespace() {
    let _quiet = quiet();
    let named = |enter: fn() -> io::Result<()>| {
        Child::fork(Some(b"netns-by-name"), &[], |report| {
            enter()?;
            let listener = TcpListener::bind("127.0.0.1:0")?;
            report.keep(listener)?;
            report.number(own_namespace().0.get())
        })
    };
    let here = named(|| Ok(())).unwrap();
    let there = made!(named(enter_network_namespace));
    for source in sources() {
        let snapshot = common::snapshot_by(&Query::new().process_name("netns-by-name"), source);
        assert_eq!(snapshot.sockets.len(), 2, "{snapshot:?}");
        for (child, netns) in [(&here, None), (&there, Some(id(&there)))] {
            let row = row(&snapshot, &child.held()[0]);
            assert_eq!((row.netns, row.pids().collect::<Vec<_>>()), (netns, vec![child.pid()]));
        }
        assert!(snapshot.gaps.iter().all(|gap| gap.kind != GapKind::SocketsElsewhere), "{:?}", snapshot.gaps);
    }
}

#[test]
fn live_filter_by_namespace_lists_that_namespace_or_leaves_it_out() {
    let _quiet = quiet();
    let child = made!(lodger(enter_network_namespace));
    let other = made!(lodger(enter_network_namespace));
    let [of_child, of_other, of_own] = [id(&child), id(&other), own_namespace()].map(Filter::netns);
    let namespaces = |filter: &Filter, scope| {
        let snapshot = Query::new().filter(filter.clone()).netns(scope).snapshot().unwrap();
        snapshot.sockets.iter().map(|row| row.netns.unwrap()).collect::<BTreeSet<_>>()
    };
    let _own = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(namespaces(&of_child, Scope::Current), [id(&child)].into());
    assert_eq!(namespaces(&(of_child.clone() | of_other), Scope::Current), [id(&child), id(&other)].into());
    assert_eq!(namespaces(&of_own, Scope::Current), [own_namespace()].into());
    assert_eq!(namespaces(&!of_child.clone(), Scope::Current), [own_namespace()].into());
    assert!(!namespaces(&!of_child.clone(), Scope::All).contains(&id(&child)));
    assert_eq!(namespaces(&of_child, Scope::Of(other.pid())), [].into());
    let path = format!("netns /proc/{}/ns/net and tcp", child.pid());
    assert_eq!(namespaces(&path.parse().unwrap(), Scope::Current), [id(&child)].into());
    // A number that no namespace has.
    let none = NetnsId(NonZeroU64::MIN);
    let snapshot = Query::new().filter(Filter::netns(none)).snapshot().unwrap();
    assert_eq!(snapshot.sockets, []);
    has_gap_of(&snapshot, GapKind::NamespacesSkipped);
}

#[test]
fn live_namespace_without_processes_is_read_from_proc_where_netlink_is_refused() {
    let _quiet = quiet();
    let descriptor = made!(held_by_descriptor());
    restricted!("seccomp", || {
        restrict::deny_netlink(1)?;
        let snapshot = Query::new().netns(Scope::All).owners(true).snapshot().unwrap();
        descriptor.held.iter().for_each(|held| check(&snapshot, descriptor.id, held));
        assert_eq!(snapshot.namespace(descriptor.id).unwrap().source, NamespaceSource::Procfs);
        has_gap_of(&snapshot, GapKind::Fallback);
        Ok(())
    });
}
