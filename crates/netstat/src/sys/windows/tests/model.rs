//! Random machines, and the rows that their listings must have.

use super::scripted::{Endpoint, Program, World};
use crate::model::owner::{Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::windows::system::Windows;
use netstat_wire::windows::Family;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZeroU64;
use std::sync::Arc;

/// The boot time of the machines of these tests, and their current time.
pub(super) const BOOT: i64 = 133_497_504_000_000_000;
pub(super) const NOW: i64 = BOOT + 36_000_000_000;

pub(super) fn text(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

pub(super) fn windows(world: &Arc<World>) -> Windows<Arc<World>> {
    Windows::over(Arc::clone(world))
}

pub(super) struct Random(test_random::Random);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(test_random::Random::new(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.0.below(bound.max(1) as usize)).unwrap()
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub(super) fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        self.0.pick(from)
    }
}

pub(super) fn program(pid: u32, name: &str, created: i64) -> Program {
    Program {
        pid,
        parent: 4,
        created,
        session: 0,
        name: text(name),
        image: Some(text(&format!("\\Device\\HarddiskVolume3\\{name}"))),
        user: Some(vec![1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]),
        threads: 1,
    }
}

/// A machine with the idle and the system process.
pub(super) fn empty_world() -> World {
    let idle = Program { parent: 0, name: Vec::new(), image: None, user: None, ..program(0, "", 0) };
    let system = Program { parent: 0, image: None, user: None, threads: 100, ..program(4, "System", BOOT) };
    let local_system = vec![1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    World {
        programs: vec![idle, system],
        drives: vec![(b'C'.into(), text("\\Device\\HarddiskVolume3"))],
        accounts: [(local_system, (text("NT AUTHORITY"), text("SYSTEM")))].into(),
        now: NOW,
        uptime_ms: 3_600_000,
        ..World::default()
    }
}

pub(super) fn endpoint(protocol: Protocol, local: &str, state: u32, pid: u32) -> Endpoint {
    let local: SocketAddr = local.parse().unwrap();
    let remote = if local.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let remote = remote.parse().unwrap();
    Endpoint { protocol, local, remote, state, pid, created: BOOT + 600_000_000, tag: 0 }
}

fn random_endpoint(random: &mut Random, v4: bool) -> SocketAddr {
    let port = u16::try_from(random.below(1 << 16)).unwrap();
    if v4 {
        let address = if random.chance(20) { 0 } else { random.below(u32::MAX) };
        return SocketAddrV4::new(Ipv4Addr::from(address), port).into();
    }
    let address = match random.below(5) {
        0 => Ipv6Addr::UNSPECIFIED,
        1 => Ipv6Addr::LOCALHOST,
        2 => Ipv4Addr::from(random.below(u32::MAX)).to_ipv6_mapped(),
        3 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, port),
        _ => Ipv6Addr::from_bits(u128::from(random.next()) << 64 | u128::from(random.next())),
    };
    let scope = random.below(40);
    let scope = if random.chance(10) { u32::MAX } else { scope };
    SocketAddrV6::new(address, port, 0, scope).into()
}

fn random_name(random: &mut Random) -> Vec<u16> {
    let names = ["svchost.exe", "chrome.exe", "a", "Registry", "ünïcödé.exe", "rightle\u{202e}ft.exe", ""];
    let mut name = text(random.choose(&names));
    if random.chance(20) {
        // An unpaired surrogate.
        name.push(0xd800);
        name.extend(text("x"));
    }
    if random.chance(5) {
        name = vec![u16::from(b'n'); 255];
    }
    name
}

/// A random machine.
pub(super) fn random_world(seed: u64) -> World {
    let mut random = Random::new(seed);
    let random = &mut random;
    let mut world = empty_world();
    // An hour of uptime, in 100 nanoseconds.
    let moment = |random: &mut Random| BOOT + i64::from(random.below(3_600)) * 10_000_000;
    for number in 0..random.below(25) {
        let name = random_name(random);
        let alive = Program {
            parent: 4 * random.below(30),
            session: random.below(3),
            name,
            image: random.chance(90).then(|| text("\\Device\\HarddiskVolume3\\x\\y.exe")),
            user: random.chance(70).then(|| {
                let number = random.choose(&[18, 19, 20]);
                vec![1, 1, 0, 0, 0, 0, 0, 5, number, 0, 0, 0]
            }),
            threads: usize::try_from(random.below(5)).unwrap(),
            ..program(8 + 4 * number, "", moment(random))
        };
        world.programs.push(alive);
    }
    if random.chance(50) {
        // The order of the list is unspecified.
        world.programs.reverse();
    }
    for _ in 0..random.below(80) {
        let protocol = random.choose(&[Protocol::Tcp, Protocol::Udp]);
        let v4 = random.chance(50);
        let pid = match random.below(10) {
            0 => 0,
            1 => 4,
            // Some of these do not exist.
            _ => 8 + 4 * random.below(30),
        };
        world.endpoints.push(Endpoint {
            protocol,
            local: random_endpoint(random, v4),
            remote: random_endpoint(random, v4),
            state: random.choose(&[1, 2, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 10, 11, 12, 0, 13, 100, 999]),
            pid,
            created: if random.chance(10) { 0 } else { moment(random) },
            tag: if random.chance(30) { 1 + random.below(5) } else { 0 },
        });
    }
    for pid in (0..30).map(|number| 8 + 4 * number) {
        for tag in 1..5 {
            // Tag 5 has no name.
            world.services.insert((pid, tag), text(&format!("service-{pid}-{tag}")));
        }
    }
    if random.chance(10) {
        // The clock has been set back by two hours.
        world.uptime_ms += 7_200_000;
    } else if random.chance(10) {
        // The machine was paused for half an hour.
        world.uptime_ms -= 1_800_000;
    }
    world
}

/// An address with the scope that its row has.
fn scoped(end: SocketAddr) -> SocketAddr {
    match end {
        SocketAddr::V6(v6) => {
            let bits = v6.ip().to_bits();
            let link_local = bits >> 118 == 0xfe80 >> 6 || (bits >> 120 == 0xff && (bits >> 112) & 15 == 2);
            let scope = if link_local && v6.scope_id() != u32::MAX { v6.scope_id() } else { 0 };
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope).into()
        }
        v4 => v4,
    }
}

fn state(number: u32) -> State {
    use State as S;
    let known = [
        S::Closed,
        S::Listen,
        S::SynSent,
        S::SynReceived,
        S::Established,
        S::FinWait1,
        S::FinWait2,
        S::CloseWait,
        S::Closing,
        S::LastAck,
        S::TimeWait,
        S::DeleteTcb,
    ];
    match number {
        100 => S::Closed,
        number => *known
            .get(usize::try_from(number).unwrap().wrapping_sub(1))
            .unwrap_or(&S::Other(u8::try_from(number).unwrap_or(u8::MAX))),
    }
}

/// By how much the clock of a random world has been set back.
pub(super) fn set_back(world: &World) -> i64 {
    if world.uptime_ms > 3_600_000 { 72_000_000_000 } else { 0 }
}

/// The row that an endpoint must have in a snapshot with owners and services.
pub(super) fn expected_row(world: &World, endpoint: &Endpoint, module: bool) -> Socket {
    let local = scoped(endpoint.local);
    let family = if local.is_ipv4() { crate::Family::Ipv4 } else { crate::Family::Ipv6 };
    let mut row = Socket::new(family, endpoint.protocol, local);
    let tcp = endpoint.protocol == Protocol::Tcp;
    row.socket_type = Some(if tcp { SocketType::Stream } else { SocketType::Datagram });
    row.created = if module { NonZeroU64::new(u64::try_from(endpoint.created).unwrap_or(0)) } else { None };
    if endpoint.protocol == Protocol::Tcp {
        row.state = Some(state(endpoint.state));
        let has_no_remote = endpoint.remote.port() == 0 && endpoint.remote.ip().is_unspecified();
        if ![2, 100].contains(&endpoint.state) && !has_no_remote {
            row.remote = Some(scoped(endpoint.remote).into());
        }
    }
    if module && endpoint.tag != 0 {
        let name = world.services.get(&(endpoint.pid, endpoint.tag));
        row.set_service(name.map(|name| String::from_utf16_lossy(name).into()));
    }
    if endpoint.pid == 0 {
        let reason = match row.state {
            Some(State::TimeWait) => UnownedReason::TimeWait,
            Some(State::SynReceived) => UnownedReason::SynReceived,
            None | Some(State::Closed | State::Listen | State::DeleteTcb | State::Other(_)) => {
                UnownedReason::KernelOrInFlight
            }
            Some(_) => UnownedReason::Orphan,
        };
        row.set_owners([], Ownership::None { reason });
    } else {
        let program = world.programs.iter().find(|program| program.pid == endpoint.pid);
        let role = match program {
            None => OwnerRole::EndedBinder,
            Some(program) if module && endpoint.created > 0 && program.pid != 4 => {
                let is_early = program.created <= BOOT + 6_000_000_000;
                let allowed = set_back(world) + if is_early { 600_000_000 } else { 50_000_000 };
                let is_younger = program.created - allowed > endpoint.created;
                if is_younger { OwnerRole::EndedBinder } else { OwnerRole::Binder }
            }
            Some(_) => OwnerRole::Binder,
        };
        row.set_owners([Owner::new(endpoint.pid, None, role)], Ownership::Known { complete: false });
    }
    row
}

/// The rows that a snapshot of everything must have, in order.
pub(super) fn expected_rows(world: &World) -> Vec<Socket> {
    let mut rows = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for family in [Family::Ipv4, Family::Ipv6] {
            let table =
                world.endpoints.iter().filter(|row| (row.protocol, row.family()) == (protocol, family));
            rows.extend(table.map(|endpoint| expected_row(world, endpoint, true)));
        }
    }
    rows
}
