//! The procfs walk and the BPF programs find the same holders, however these came to hold their sockets; names stay right while
//! pids are reused; and nothing stays loaded in the kernel.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{check_owners, owners, row, snapshot_by, sources};
use netstat::{
    GapKind, HiddenReason, Lister, Owner, OwnerRole, OwnerSource, Ownership, ProcessFields, Query, Snapshot,
    Socket, UnownedReason,
};
use socket_world::bpf::{self, Object};
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::{
    Child, Held, Made, World, WorldSpec, holders, kernel, live_skip, loopback, names, quiet, restrict, tcp,
    threads, udp, wait_until,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Whether this kernel has both sources; if it lacks BPF, the reason is reported as a skip.
fn has_both_sources() -> bool {
    sources().contains(&OwnerSource::Bpf)
}

/// The rows by their cookies.
fn by_cookie(snapshot: &Snapshot) -> BTreeMap<u64, &Socket> {
    let rows: BTreeMap<_, _> =
        snapshot.sockets.iter().map(|socket| (socket.cookie.expect("a cookie").get(), socket)).collect();
    assert_eq!(rows.len(), snapshot.sockets.len());
    rows
}

/// Whether two sources report the same of a row. A walk that could not read every process does not know whether the
/// holders it found are all.
fn agree(walked: &Socket, by_bpf: &Socket, walk_is_incomplete: bool) -> bool {
    let knows_less = || {
        matches!(
            (walked.ownership(), by_bpf.ownership()),
            (Ownership::Known { complete: false }, Ownership::Known { complete: true })
                | (
                    // The iterator sees that a process which refuses to be read has no io_uring.
                    Ownership::Hidden { reason: HiddenReason::UnreadableProcess },
                    Ownership::None { reason: UnownedReason::KernelOrInFlight },
                )
        )
    };
    walked.owners() == by_bpf.owners()
        && (walked.ownership() == by_bpf.ownership() || (walk_is_incomplete && knows_less()))
}

/// The rows by BPF, after comparing them with the walk's.
fn same_from_all(query: &Query) -> Snapshot {
    let by_bpf = sources().into_iter().filter(|source| *source != OwnerSource::Procfs);
    let mut snapshots: Vec<Snapshot> = by_bpf.map(|source| same_as_walked(query, source)).collect();
    snapshots.pop().expect("the kernel has BPF")
}

fn same_as_walked(query: &Query, source: OwnerSource) -> Snapshot {
    // Closing connections change their state by themselves: two walks must agree about the rows.
    for _ in 0..10 {
        let walk = snapshot_by(query, OwnerSource::Procfs);
        let bpf = snapshot_by(query, source);
        let (walked, by_bpf) = (by_cookie(&walk), by_cookie(&bpf));
        if walked.keys().eq(by_bpf.keys()) {
            let incomplete = walk.gaps.iter().any(|gap| gap.kind == GapKind::ProcessesUnreadable);
            for (walked, by_bpf) in walked.values().zip(by_bpf.values()) {
                assert!(agree(walked, by_bpf, incomplete), "{query:?} {source}: {walked:?} {by_bpf:?}");
            }
            drop((walked, by_bpf));
            return bpf;
        }
    }
    panic!("the sockets do not stay the same");
}

#[test]
fn live_walk_and_bpf_agree_for_every_kind_of_holder() {
    if !has_both_sources() {
        return;
    }
    let ran = in_network_namespace(|| {
        let _quiet = quiet();
        let mut held: Vec<Held> = Vec::new();
        let made: Vec<Made> = tcp::ALL.iter().chain(udp::ALL).map(|(_, make)| make().unwrap()).collect();
        held.extend(made.iter().flat_map(|made| made.held().unwrap()));
        let first = made[0].sockets[0].as_fd();
        let copies = holders::duplicated(3, first).unwrap();
        held.extend(copies.iter().map(|copy| Held::of(copy.as_fd()).unwrap()));
        let mut children = holders::inherited(3, first).unwrap();
        children.push(holders::shared_table(made[1].sockets[0].as_fd()).unwrap());
        let sent = tcp::listener_v4().unwrap();
        children.push(holders::passed(sent.sockets.into_iter().next().unwrap()).unwrap());
        children.push(names::named(b"pair", tcp::pair_v6).unwrap());
        children.push(names::not_dumpable(udp::pair_v4).unwrap());
        children.extend(names::other_user(23_457, tcp::listener_dual_stack));
        // A zombie holds nothing, and a process that was reaped does not even have a pid.
        let mut zombie = holders::inherited(1, first).unwrap();
        zombie.iter_mut().for_each(|child| child.become_zombie().unwrap());
        holders::inherited(1, first).unwrap().into_iter().for_each(Child::stop);
        held.extend(children.iter().flat_map(Child::held));
        let tables: Vec<_> =
            [tcp::pair_v4, udp::unconnected_v6].map(|make| threads::own_table(make).unwrap()).into();
        held.extend(tables.iter().flat_map(|table| table.held()));
        let leaderless = threads::exited_leader(None, udp::pair_v6).unwrap();
        held.extend(leaderless.child().held());
        let lost = udp::unconnected_v4().unwrap();
        let in_flight = holders::in_flight(lost.sockets.into_iter().next().unwrap()).unwrap();

        let snapshot = same_from_all(&Query::new().owners(true));
        let mut expected: BTreeMap<u64, BTreeSet<Owner>> = BTreeMap::new();
        for Held { pid, fd, inode } in &held {
            expected.entry(*inode).or_default().insert(Owner::new(*pid, Some(*fd), OwnerRole::Holder));
        }
        for socket in &snapshot {
            let of_row: Vec<Owner> =
                socket.inode().and_then(|inode| expected.remove(&inode)).into_iter().flatten().collect();
            assert_eq!(socket.owners(), of_row, "{socket:?}");
        }
        assert_eq!(expected, BTreeMap::new(), "held and not listed");
        let lost = row(&snapshot, in_flight.facts().unwrap());
        let expected = Ownership::None { reason: UnownedReason::KernelOrInFlight };
        assert_eq!(lost.ownership(), expected);

        let child = &children[0];
        let name = ProcessFields::NAME;
        for query in [
            Query::new().pid(child.pid()),
            Query::new().pid(child.pid()).pid(leaderless.child().pid()),
            Query::new().process_name("pair"),
            Query::new().udp().processes(name),
            Query::new().listening().owners(true),
            Query::new().local_port(lost.local.port().unwrap()).owners(true),
        ] {
            let by_pid = same_from_all(&query);
            assert!(!by_pid.sockets.is_empty(), "{query:?}");
        }
    });
    if let Err(why) = ran {
        live_skip!("a network namespace: {why}");
    }
}

#[test]
fn live_walk_and_bpf_agree_for_many_processes() {
    if !has_both_sources() {
        return;
    }
    let ran = in_network_namespace(|| {
        let _quiet = quiet();
        let spec = WorldSpec {
            processes: 60,
            plain_descriptors: 20,
            connections: 20,
            ipv6_connections: 5,
            udp_sockets: 10,
        };
        let world = World::build(&spec).unwrap();
        let snapshot = same_from_all(&Query::new().owners(true));
        assert_eq!(snapshot.sockets.len(), world.counts().sockets());
        let held = world.held();
        for facts in world.sockets() {
            check_owners(row(&snapshot, &facts), &owners(&held, facts.inode.unwrap()));
        }
    });
    if let Err(why) = ran {
        live_skip!("a network namespace: {why}");
    }
}

/// The number of pids that processes reuse, and the time before one is reused: the kernel reports start times in
/// hundredths of a second, so they do not distinguish a pid that is reused sooner.
const PIDS: u32 = 24;
const FIRST_PID: u32 = 3_000;
const REST: Duration = Duration::from_millis(25);

/// Starts processes that share few pids, one after another, until `is_over`. The `n`th is named
/// `churn-n` before it opens its socket, which is at the `n`th address. Returns how many there were.
fn start_and_end_processes(is_over: &AtomicBool) -> io::Result<u32> {
    let mut alive: Vec<(u32, Child)> = Vec::new();
    let mut ended = vec![Instant::now(); usize::try_from(PIDS).unwrap()];
    let mut n = 0;
    while !is_over.load(SeqCst) {
        let slot = n % PIDS;
        let ended_at = ended[usize::try_from(slot).unwrap()];
        wait_until(REST, || ended_at.elapsed() >= REST);
        // The next process of this pid namespace gets the pid after that one.
        std::fs::write("/proc/sys/kernel/ns_last_pid", (FIRST_PID + 10 * slot - 1).to_string())?;
        let address = IpAddr::from(loopback(n + 1));
        let child = Child::fork(Some(format!("churn-{n}").as_bytes()), &[], |report| {
            report.keep(udp::bind_to((address, 0).into())?).map(drop)
        })?;
        alive.push((slot, child));
        if alive.len() > 6 {
            let (slot, child) = alive.remove(0);
            child.stop();
            ended[usize::try_from(slot).unwrap()] = Instant::now();
        }
        n += 1;
    }
    Ok(n)
}

/// Lists, and compares every name with the address of the socket, until enough was seen.
fn names_are_right(source: OwnerSource) -> String {
    let mut lister = Lister::new();
    let query =
        Query::new().udp().processes(ProcessFields::NAME | ProcessFields::START_TIME).owner_source(source);
    let mut names: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    let (mut listings, mut unnamed) = (0, 0);
    // Three seconds are enough; a busy machine gets longer.
    let start = Instant::now();
    let counts = |names: &BTreeMap<u32, BTreeSet<String>>| {
        let seen: usize = names.values().map(BTreeSet::len).sum();
        (seen, names.values().filter(|names| names.len() > 1).count())
    };
    let is_enough = |(seen, reused): (usize, usize)| seen > 50 && reused > 10;
    while start.elapsed() < Duration::from_secs(3)
        || (!is_enough(counts(&names)) && start.elapsed() < Duration::from_secs(60))
    {
        let snapshot = lister.snapshot(&query).unwrap();
        assert_eq!(snapshot.owner_source.as_ref().unwrap().source, source, "{:?}", snapshot.owner_source);
        listings += 1;
        for socket in &snapshot {
            let Some(IpAddr::V4(address)) = socket.local.ip() else { panic!("{socket:?}") };
            let expected = format!("churn-{}", (address.to_bits() & 0x00ff_ffff) - 1);
            for owner in socket.owners() {
                let process = snapshot.process_of(owner).unwrap();
                match &process.name {
                    Some(name) => {
                        let name = name.to_str().unwrap();
                        assert_eq!(name, expected, "{socket:?} {process:?}");
                        names.entry(owner.pid).or_default().insert(name.to_owned());
                    }
                    // It has ended since.
                    None => unnamed += 1,
                }
            }
        }
    }
    let (seen, reused) = counts(&names);
    assert!(is_enough((seen, reused)), "{listings} listings saw {seen} processes, {reused} pids reused");
    format!("{source}: {listings} listings, {seen} processes, {reused} pids reused, {unnamed} unnamed")
}

#[test]
fn live_lister_never_gives_a_process_the_name_of_an_earlier_one_with_its_pid() {
    if !socket_world::is_root() {
        live_skip!("needs root, for a pid namespace");
    }
    for source in sources() {
        let ran = Child::fork(Some(b"lister"), &[], |_| {
            restrict::in_pid_namespace(|| {
                restrict::own_proc(c"")?;
                enter_network_namespace()?;
                if std::fs::metadata("/proc/sys/kernel/ns_last_pid").is_err() {
                    return Err(io::Error::new(ErrorKind::Unsupported, "pids cannot be chosen"));
                }
                let from = Query::new().owners(true).owner_source(source).snapshot().unwrap().owner_source;
                let from = from.unwrap();
                if from.source != source {
                    assert!(kernel::is_before(6, 5), "{from}");
                    return Err(io::Error::new(ErrorKind::Unsupported, "BPF in one: Linux before 6.5"));
                }
                // The first thread starts the processes, as it has forked before.
                let is_over = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    let lister = scope.spawn(|| {
                        let over = Over(&is_over);
                        let seen = names_are_right(source);
                        drop(over);
                        seen
                    });
                    let started = start_and_end_processes(&is_over);
                    let seen = lister.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                    assert!(started? > 100);
                    assert!(seen.starts_with(source.as_str()));
                    Ok(())
                })
            })
        });
        match ran {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Other => panic!("{source}: {error}"),
            Err(error) => socket_world::skipped(format_args!("a pid namespace: {error}")),
        }
    }
}

/// Sets the flag when it is dropped, by a panic too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// The BPF programs, links and maps that this process has: programs and links from `/proc/self/fdinfo`, and the maps of those
/// programs.
fn own_objects() -> BTreeSet<(Object, u32)> {
    let mut objects = BTreeSet::new();
    for file in std::fs::read_dir("/proc/self/fdinfo").unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        for line in text.lines() {
            let number = |name| line.strip_prefix(name).and_then(|number| number.trim().parse().ok());
            objects.extend(number("prog_id:").map(|id| (Object::Program, id)));
            objects.extend(number("link_id:").map(|id| (Object::Link, id)));
            objects.extend(number("map_id:").map(|id| (Object::Map, id)));
        }
    }
    let programs: Vec<u32> = of_kind(&objects, Object::Program).collect();
    let maps = programs.into_iter().flat_map(|id| bpf::maps_of_program(id).unwrap());
    objects.extend(maps.map(|id| (Object::Map, id)));
    objects
}

fn of_kind(objects: &BTreeSet<(Object, u32)>, kind: Object) -> impl Iterator<Item = u32> {
    objects.iter().filter(move |(of, _)| *of == kind).map(|(_, id)| *id)
}

/// A program and its link, which are two of each if some also find io_urings, since a socket of the machine has no holder;
/// and where programs walk descriptor tables, a map of each.
fn are_whole(objects: &BTreeSet<(Object, u32)>) {
    let [programs, links, maps] = Object::ALL.map(|kind| of_kind(objects, kind).count());
    assert!(programs == links && matches!(programs, 1 | 2), "{objects:?}");
    assert_eq!(maps, if kernel::is_before(6, 4) { 0 } else { programs }, "{objects:?}");
    assert_eq!(left(objects).len(), objects.len(), "{objects:?}");
}

/// Those of these objects that still exist.
fn left(objects: &BTreeSet<(Object, u32)>) -> Vec<(Object, u32)> {
    let objects: Vec<_> = objects.iter().copied().collect();
    bpf::left(&objects).unwrap()
}

/// The kernel frees an object shortly after its last user is gone.
fn are_freed(objects: &BTreeSet<(Object, u32)>) {
    let freed = wait_until(Duration::from_secs(30), || left(objects).is_empty());
    assert!(freed, "{:?} are left", left(objects));
}

#[test]
fn live_nothing_is_loaded_after_a_lister_is_dropped_or_its_process_killed() {
    if !has_both_sources() {
        return;
    }
    // In processes of their own, so that other tests' programs are not mistaken for theirs. With unix sockets the program is the
    // one that walks tables, however few there are.
    let query = Query::new().tcp().unix().owners(true).owner_source(OwnerSource::Bpf);
    let dropped = Child::fork(None, &[], |_| {
        let mut lister = Lister::new();
        for _ in 0..3 {
            let snapshot = lister.snapshot(&query).unwrap();
            assert_eq!(snapshot.owner_source.unwrap().source, OwnerSource::Bpf);
        }
        let objects = own_objects();
        are_whole(&objects);
        drop(lister);
        assert_eq!(own_objects(), BTreeSet::new());
        are_freed(&objects);
        drop(query.snapshot().unwrap());
        assert_eq!(own_objects(), BTreeSet::new());
        Ok(())
    });
    dropped.unwrap();

    let killed = Child::fork(None, &[], |report| {
        let mut lister = Lister::new();
        lister.snapshot(&query).unwrap();
        for (kind, id) in own_objects() {
            let kind = Object::ALL.iter().position(|one| *one == kind).unwrap();
            report.number(u64::try_from(kind).unwrap())?;
            report.number(u64::from(id))?;
        }
        std::mem::forget(lister);
        Ok(())
    })
    .unwrap();
    let objects: BTreeSet<_> = killed
        .numbers()
        .chunks_exact(2)
        .map(|object| (Object::ALL[usize::try_from(object[0]).unwrap()], u32::try_from(object[1]).unwrap()))
        .collect();
    are_whole(&objects);
    killed.stop();
    are_freed(&objects);
}

#[test]
fn live_nothing_is_loaded_where_descriptors_run_out_half_way() {
    if !has_both_sources() {
        return;
    }
    let before = bpf::named("netstat_").unwrap();
    let child = Child::fork(None, &[], |_| {
        let query = Query::new().tcp().owners(true).threads(1).owner_source(OwnerSource::Bpf);
        let mut sources = Vec::new();
        // Fewer and fewer: first the run cannot be started, then the program not attached, then not loaded.
        for count in (3..24).rev() {
            restrict::limit_descriptors(count)?;
            let mut lister = Lister::new();
            // An error if not even the tables can be read.
            let snapshot = lister.snapshot(&query).ok();
            sources.push(snapshot.and_then(|snapshot| snapshot.owner_source).map(|from| from.source));
            drop(lister);
            restrict::limit_descriptors(64)?;
            assert_eq!(own_objects(), BTreeSet::new(), "{count}");
        }
        assert_eq!(sources.first(), Some(&Some(OwnerSource::Bpf)), "{sources:?}");
        assert!(sources.contains(&Some(OwnerSource::Procfs)), "{sources:?}");
        assert_eq!(sources.last(), Some(&None), "{sources:?}");
        Ok(())
    });
    child.unwrap();
    // Objects of other processes that use this library may be among them, and end too.
    are_freed(
        &bpf::named("netstat_").unwrap().into_iter().filter(|object| !before.contains(object)).collect(),
    );
}

#[test]
fn live_reused_lister_keeps_the_program_loaded_and_a_single_query_chooses_the_cheaper_source() {
    if !has_both_sources() {
        return;
    }
    let query = Query::new().tcp().listening().owners(true);
    let mut lister = Lister::new();
    let mut from = || lister.snapshot(&query).unwrap().owner_source.unwrap();
    let [first, second, third] = [from(), from(), from()];
    let expected = match first.source {
        OwnerSource::Bpf => ["loaded before", "loaded before"],
        _ => ["repeated query", "loaded before"],
    };
    assert_eq!((second.source, third.source), (OwnerSource::Bpf, OwnerSource::Bpf), "{first} {second}");
    assert_eq!([&*second.reason, &*third.reason], expected, "{first}");
    assert_eq!(
        query.pid(std::process::id()).snapshot().unwrap().owner_source.unwrap().source,
        OwnerSource::Procfs
    );
}
