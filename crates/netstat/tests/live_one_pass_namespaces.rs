//! The sockets of all network namespaces that come from one pass are those of a dump in each, with the same gaps, and no namespace
//! is dumped whose counters show that nothing is missing.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{row, sources};
use netstat::{
    Filter, Lister, Namespace, NamespaceSource, NetnsId, OwnerSource, Ownership, Query, Scope, Snapshot,
    Socket,
};
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::{Child, Held, Made, SocketFacts, holders, live_skip, quiet, tcp, udp};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;

/// Whether this kernel has it; if not, the reason was reported as a skip.
macro_rules! needs_one_pass {
    () => {
        match sources().last() {
            Some(OwnerSource::OnePass) => {}
            Some(OwnerSource::Bpf) => live_skip!("BPF that walks tables: Linux before 6.4"),
            _ => return,
        }
    };
}

/// What was made, or the reason why it could not be as a skip.
macro_rules! made {
    ($make:expr) => {
        match $make {
            Ok(made) => made,
            Err(why) => live_skip!("a network namespace: {why}"),
        }
    };
}

fn own_namespace() -> NetnsId {
    NetnsId(NonZeroU64::new(fs::metadata("/proc/thread-self/ns/net").unwrap().ino()).unwrap())
}

/// Something made in a network namespace of its own, of which this process has a descriptor.
struct Inside<T> {
    id: NetnsId,
    _namespace: File,
    made: T,
}

fn inside<T: Send>(make: impl FnOnce() -> io::Result<T> + Send) -> io::Result<Inside<T>> {
    in_network_namespace(|| {
        let namespace = File::open("/proc/thread-self/ns/net")?;
        Ok(Inside { id: own_namespace(), _namespace: namespace, made: make()? })
    })?
}

fn list(query: &Query, source: OwnerSource) -> Snapshot {
    let snapshot = query.clone().netns(Scope::All).owners(true).owner_source(source).snapshot().unwrap();
    assert_eq!(snapshot.owner_source.as_ref().unwrap().source, source, "{:?}", snapshot.owner_source);
    assert!(snapshot.sockets.is_sorted_by_key(|row| row.protocol));
    snapshot
}

fn source_of(snapshot: &Snapshot, id: NetnsId) -> NamespaceSource {
    snapshot.namespace(id).unwrap().source
}

fn rows_in(snapshot: &Snapshot, id: NetnsId) -> impl Iterator<Item = &Socket> {
    snapshot.into_iter().filter(move |row| row.netns == Some(id))
}

/// A socket of which the kernel was asked for no cookie was not dumped.
fn was_dumped(socket: &Socket) -> bool {
    socket.cookie.is_some()
}

/// The rows of these namespaces by their keys, without cookies.
fn by_key(snapshot: &Snapshot, ids: &[NetnsId]) -> BTreeMap<String, Socket> {
    let rows: Vec<_> = ids.iter().flat_map(|id| rows_in(snapshot, *id)).collect();
    let without_cookie = |socket: &&Socket| {
        let mut socket = (*socket).clone();
        socket.cookie = None;
        (format!("{:?}", socket.key()), socket)
    };
    let by_key: BTreeMap<_, _> = rows.iter().map(without_cookie).collect();
    assert_eq!(by_key.len(), rows.len(), "a row twice: {rows:?}");
    by_key
}

/// What is known of these namespaces, but for how they were read.
fn described(snapshot: &Snapshot, ids: &[NetnsId]) -> Vec<Namespace> {
    let of = |id: &NetnsId| snapshot.namespace(*id).unwrap().clone();
    let mut namespaces: Vec<_> = ids.iter().map(of).collect();
    namespaces.iter_mut().for_each(|namespace| namespace.source = NamespaceSource::SockDiag);
    namespaces
}

/// The rows and gaps in one pass, which must be those of the dumps with the owners that another program finds.
fn same_as_dumped(query: &Query, ids: &[NetnsId], what: &str) -> Snapshot {
    let mut last = None;
    // Connections change their state by themselves, and other tests run on the machine.
    for _ in 0..10 {
        let snapshot = list(query, OwnerSource::OnePass);
        let dumped = list(query, OwnerSource::Bpf);
        let (rows, expected) = (by_key(&snapshot, ids), by_key(&dumped, ids));
        let are_same = rows == expected && described(&snapshot, ids) == described(&dumped, ids);
        if are_same && snapshot.gaps == dumped.gaps {
            return snapshot;
        }
        last = Some((rows, expected, snapshot.gaps, dumped.gaps));
    }
    panic!("{what}: {last:#?}");
}

#[test]
fn live_rows_of_every_kind_of_socket_in_namespaces_of_their_own_are_those_of_dumps() {
    needs_one_pass!();
    let _quiet = quiet();
    let mut all = Vec::new();
    for (name, make) in tcp::ALL.iter().chain(udp::ALL) {
        all.push((name, made!(inside(make))));
    }
    let ids: Vec<_> = all.iter().map(|(_, inside)| inside.id).collect();
    let snapshot = same_as_dumped(&Query::new(), &ids, "all");
    for (name, inside) in &all {
        assert!(rows_in(&snapshot, inside.id).count() >= inside.made.facts.len(), "{name}");
        for facts in &inside.made.facts {
            common::check_row_of_any_source(row(&snapshot_of(&snapshot, inside.id), facts), facts);
        }
    }
    for query in [
        Query::new().tcp(),
        Query::new().udp(),
        Query::new().ipv6(),
        Query::new().filter(!Filter::netns(ids[0])),
        Query::new().filter(!Filter::netns(ids[0]) & !Filter::process("no such name")),
    ] {
        same_as_dumped(&query, &ids, &format!("{query:?}"));
    }
}

/// The rows of one namespace: ports are the same in several.
fn snapshot_of(snapshot: &Snapshot, id: NetnsId) -> Snapshot {
    let mut of = Snapshot::default();
    of.sockets.extend(rows_in(snapshot, id).cloned());
    of
}

#[test]
fn live_namespaces_whose_counters_show_that_nothing_is_missing_are_not_dumped() {
    needs_one_pass!();
    let _quiet = quiet();
    let makers: [fn() -> io::Result<Made>; 6] = [
        tcp::listener_dual_stack,
        tcp::pair_v4,
        tcp::pair_v6,
        tcp::half_closed,
        udp::pair_v4,
        udp::unconnected_dual_stack,
    ];
    let mut held = Vec::new();
    for make in makers {
        held.push(made!(inside(make)));
    }
    // In flight in a message, and waiting to be accepted.
    let in_flight = made!(inside(|| {
        let made = tcp::pair_v4()?;
        let in_flight = holders::in_flight(made.sockets.into_iter().next().unwrap())?;
        Ok((in_flight, made.facts))
    }));
    let waiting = made!(inside(tcp::accept_queue));
    let first = list(&Query::new(), OwnerSource::OnePass);
    for inside in &held {
        assert_eq!(source_of(&first, inside.id), NamespaceSource::OnePass);
        for facts in &inside.made.facts {
            assert!(!was_dumped(row(&snapshot_of(&first, inside.id), facts)), "{facts:?}");
        }
    }
    for id in [in_flight.id, waiting.id] {
        assert_eq!(source_of(&first, id), NamespaceSource::SockDiag);
    }
    let lost: &SocketFacts = in_flight.made.0.facts().unwrap();
    let lost = row(&snapshot_of(&first, in_flight.id), lost).clone();
    assert!(!matches!(lost.ownership(), Ownership::Known { .. }), "{lost:?}");
    let ids: Vec<_> = held.iter().map(|inside| inside.id).chain([in_flight.id, waiting.id]).collect();
    same_as_dumped(&Query::new(), &ids, "held and not held");
}

/// A process in a namespace of its own, with a listener, a connection and a UDP socket.
fn lodger() -> io::Result<Child> {
    Child::fork(Some(b"netns-lodger"), &[], |report| {
        enter_network_namespace()?;
        let listener = TcpListener::bind("127.0.0.1:4711")?;
        report.keep(TcpStream::connect("127.0.0.1:4711")?)?;
        report.keep(listener.accept()?.0)?;
        report.keep(listener)?;
        report.keep(UdpSocket::bind("[::1]:4711")?)?;
        report.number(own_namespace().0.get())
    })
}

fn lodgers() -> io::Result<Vec<Child>> {
    (0..12).map(|_| lodger()).collect()
}

fn namespace_of(lodger: &Child) -> NetnsId {
    NetnsId(NonZeroU64::new(lodger.numbers()[0]).unwrap())
}

#[test]
fn live_many_namespaces_are_listed_in_one_pass_by_default_and_by_a_lister_too() {
    needs_one_pass!();
    let _quiet = quiet();
    let lodgers = made!(lodgers());
    let ids: Vec<_> = lodgers.iter().map(namespace_of).collect();
    let check = |snapshot: &Snapshot| {
        let from = snapshot.owner_source.as_ref().unwrap();
        assert_eq!(from.source, OwnerSource::OnePass, "{from}");
        for child in &lodgers {
            assert_eq!(source_of(snapshot, namespace_of(child)), NamespaceSource::OnePass);
            let rows: Vec<_> = rows_in(snapshot, namespace_of(child)).collect();
            assert_eq!(rows.len(), 4, "{rows:?}");
            for Held { fd, inode, .. } in child.held() {
                let row = rows.iter().find(|row| row.inode() == Some(*inode)).unwrap();
                let holders: Vec<_> = row.owners().iter().map(|owner| (owner.pid, owner.fd)).collect();
                assert_eq!(holders, [(child.pid(), Some(*fd))]);
                assert!(!was_dumped(row));
            }
        }
    };
    let query = Query::new().netns(Scope::All).owners(true);
    check(&query.clone().snapshot().unwrap());
    let mut lister = Lister::new();
    for _ in 0..3 {
        check(&lister.snapshot(&query).unwrap());
    }
    same_as_dumped(&Query::new(), &ids, "with processes");
}

#[test]
fn live_rows_of_many_namespaces_without_owners_are_those_of_dumps() {
    needs_one_pass!();
    let _quiet = quiet();
    let lodgers = made!(lodgers());
    let query = Query::new().netns(Scope::All);
    let found = query.snapshot().unwrap();
    let dumped = query.clone().owner_source(OwnerSource::Procfs).snapshot().unwrap();
    let mut streamed = Snapshot::default();
    let stream = |row| {
        streamed.sockets.push(row);
        ControlFlow::Continue(())
    };
    query.for_each(stream).unwrap();
    for id in lodgers.iter().map(namespace_of) {
        assert_eq!(source_of(&found, id), NamespaceSource::OnePass);
        assert_eq!(source_of(&dumped, id), NamespaceSource::SockDiag);
        let [found, dumped, streamed] = [&found, &dumped, &streamed].map(|snapshot| {
            let mut rows: Vec<_> = rows_in(snapshot, id).cloned().collect();
            rows.sort_unstable_by_key(|row| row.inode());
            // The pass gives a socket no cookie that it does not have yet.
            rows.iter_mut().for_each(|row| row.cookie = None);
            rows
        });
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|row| row.ownership() == Ownership::NotAsked));
        assert_eq!((&found, &streamed), (&dumped, &dumped));
    }
}
