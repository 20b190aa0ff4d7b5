//! Random worlds, on terminals of every width.

use super::{Shown, screen, shown, users};
use crate::overview::Extent;
use crate::screen::{Screen, width_of};
use netstat::{
    Family, HiddenReason, Namespace, NetnsId, Owner, OwnerRole, Ownership, Process, Protocol, Queues,
    Snapshot, Socket, State, UnownedReason,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, SystemTime};
use test_random::Random;

const WIDTHS: std::ops::RangeInclusive<usize> = 40..=250;

fn number(random: &mut Random, end: usize) -> u16 {
    u16::try_from(random.below(end)).unwrap()
}

fn end(random: &mut Random) -> SocketAddr {
    let port = random.pick(&[0, 22, 443, 8080, 65_535]);
    let groups: [u16; 8] = std::array::from_fn(|_| number(random, 65_536));
    match random.below(6) {
        0 => (Ipv4Addr::UNSPECIFIED, port).into(),
        1 => (Ipv6Addr::UNSPECIFIED, port).into(),
        2 => (random.pick::<IpAddr>(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]), port).into(),
        3 => (Ipv4Addr::from([203, 0, 113, 200]), port).into(),
        4 => (Ipv4Addr::from([10, 200, 255, 254]).to_ipv6_mapped(), port).into(),
        _ => {
            let scope = random.pick(&[0, 0, 4_294_967_295]);
            SocketAddrV6::new(Ipv6Addr::from(groups), port, 0, scope).into()
        }
    }
}

fn name(random: &mut Random) -> String {
    let pieces = [
        "nginx",
        "redis-server",
        "a",
        " ",
        "日本語",
        "🦀",
        "❤\u{fe0f}",
        "e\u{301}",
        "\u{202e}",
        "\x1b[31m",
        "\n",
        "👩\u{200d}🚀",
        "🇩🇪",
        "لا",
        "\u{1100}\u{1161}",
        "x.y",
    ];
    (0..1 + random.below(5)).map(|_| random.pick(&pieces)).collect()
}

fn ownership(random: &mut Random) -> Ownership {
    match random.below(5) {
        0 => Ownership::Known { complete: true },
        1 => Ownership::Known { complete: false },
        2 => Ownership::None { reason: random.pick(&[UnownedReason::TimeWait, UnownedReason::AcceptQueue]) },
        3 => Ownership::None { reason: UnownedReason::KernelOrInFlight },
        _ => Ownership::Hidden {
            reason: random.pick(&[HiddenReason::UnreadableProcess, HiddenReason::OtherPidNamespace]),
        },
    }
}

fn socket(random: &mut Random) -> Socket {
    let local = end(random);
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let mut socket = Socket::new(family, random.pick(&[Protocol::Tcp, Protocol::Udp]), local);
    if socket.protocol == Protocol::Tcp {
        let states = [
            State::Listen,
            State::Listen,
            State::Established,
            State::CloseWait,
            State::FinWait2,
            State::TimeWait,
            State::SynReceived,
            State::Other(200),
        ];
        socket.state = Some(random.pick(&states));
    }
    if socket.state != Some(State::Listen) && random.below(3) > 0 {
        socket.remote = Some(end(random).into());
    }
    socket.uid = random.pick(&[None, Some(0), Some(65_534), Some(u32::MAX - 1)]);
    socket.v6_only = random.pick(&[None, Some(true), Some(false)]);
    socket.interface = NonZeroU32::new(random.pick(&[0, 0, 0, 1_000_002, 4_294_967_295]));
    socket.queues = random.pick(&[None, Some(Queues::Accept { waiting: u32::MAX, limit: Some(u32::MAX) })]);
    let owners = match ownership(random) {
        known @ Ownership::Known { .. } => {
            let count = random.pick(&[1, 1, 2, 30]);
            let pids: Vec<u32> = (0..count).map(|_| u32::from(number(random, 40)) + 4_194_264).collect();
            (pids.into_iter().map(|pid| Owner::new(pid, Some(3), OwnerRole::Holder)).collect(), known)
        }
        other => (Vec::new(), other),
    };
    socket.set_owners(owners.0, owners.1);
    socket
}

fn world(random: &mut Random) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.taken_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_331_200);
    snapshot.sockets = (0..random.below(6)).map(|_| socket(random)).collect();
    if random.below(4) == 0 {
        let namespaces = [1, 4_026_532_177, u64::MAX].map(|number| NonZeroU64::new(number).map(NetnsId));
        snapshot.sockets.iter_mut().for_each(|socket| socket.netns = random.pick(&namespaces));
        let mut named = Namespace::new(namespaces[0].unwrap());
        named.names.push(name(random).into());
        snapshot.namespaces = vec![named];
    }
    let mut pids: Vec<u32> = snapshot.sockets.iter().flat_map(Socket::pids).collect();
    pids.sort_unstable();
    pids.dedup();
    for pid in pids {
        let mut process = Process::new(pid);
        if random.below(4) > 0 {
            process.name = Some(name(random).into());
        }
        let script = name(random);
        process.command_line = Some(vec!["python3".into(), script.into()]);
        if random.below(3) == 0 {
            process.name = Some("python3".into());
        }
        process.parent = Some(u32::from(number(random, 40)) + 4_194_264);
        process.start_time = Some(snapshot.taken_at - Duration::from_secs(random.next_u64() % 1_000_000_000));
        snapshot.processes.push(process);
    }
    snapshot
}

/// Checks a table and an overview of each world at every width, on as many threads as there are processors.
pub(super) fn never_wrap(worlds: usize) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || (first..worlds).step_by(threads).for_each(check));
        }
    });
}

fn check(nth: usize) {
    let mut random = Random::new(nth as u64);
    let mut world = world(&mut random);
    world.join_peers();
    let typed =
        random.pick(&["", "-W", "--columns +path,command,started", "--columns owners,local,remote,details"]);
    let users = users();
    let mut shown_world = Shown::new(&world, &users, typed);
    for width in WIDTHS {
        let screen = Screen { unicode: nth.is_multiple_of(2), color: false, ..screen(width, 24) };
        for text in [shown_world.table(&screen), shown_world.overview(&screen, Extent::Screen)] {
            for line in text.lines() {
                assert!(width_of(line) <= width, "{width} {typed:?}\n{text}");
            }
        }
    }
    // The terminal has its own opinion of widths, and colours.
    let width = WIDTHS.start() + nth % WIDTHS.count();
    let screen = screen(width, 24);
    for text in [shown_world.table(&screen), shown_world.overview(&screen, Extent::All)] {
        let terminal = shown(&text, width);
        let rows = terminal.screen().size().0;
        assert!((0..rows).all(|row| !terminal.screen().row_wrapped(row)), "{width} {typed:?}\n{text}");
    }
}
