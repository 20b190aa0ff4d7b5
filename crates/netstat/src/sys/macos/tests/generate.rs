//! Random model worlds, from a seed.

use super::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

pub(super) struct Chance(test_random::Random);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(test_random::Random::new(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Less than `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    fn small(&mut self, end: u16) -> u16 {
        u16::try_from(self.below(end.into())).unwrap()
    }

    /// True once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        self.0.pick(all)
    }
}

const UIDS: [u32; 4] = [0, 70, 501, 502];

const NAMES: [(&str, Option<&str>); 7] = [
    ("server", Some("/usr/local/bin/server")),
    ("com.apple.WebKit.Networking", Some("/System/Library/com.apple.WebKit.Networking")),
    ("a name of its own choice", Some("/usr/bin/perl")),
    ("exactly15bytes!", Some("/bin/exactly15bytes!")),
    ("deleted-and-long-name", None),
    ("deleted", None),
    ("My", Some("/Applications/My.app/Contents/MacOS/My")),
];

pub(super) fn machine(chance: &mut Chance) -> Machine {
    let mut machine = Machine::new(chance.one_of(&[12, 15, 26, 27]), chance.one_of(&[0, 501]), 900);
    machine.outgrown = if chance.once_in(20) { 1 } else { 0 };
    machine.lists_grow = chance.once_in(20);
    machine.unknown_kinds = chance.once_in(20);
    machine.longer = if chance.once_in(20) { 24 } else { 0 };
    machine.larger = if chance.once_in(20) { 16 } else { 0 };
    machine.filters_root = chance.once_in(3);
    machine.counts_shown = chance.once_in(2);
    machine.filters |= chance.once_in(10);
    machine
}

pub(super) fn world(chance: &mut Chance, machine: &Machine) -> World {
    let mut world = World::default();
    let caller = Process { name: "lsock".to_owned(), ..process(machine.pid, machine.uid, &[]) };
    world.processes.push(caller);
    for pid in 0..u32::from(chance.small(12)) {
        let (name, path) = chance.one_of(&NAMES);
        let fate = match chance.below(40) {
            0 => Fate::Zombie,
            1 => Fate::EndsBeforeItIsRead,
            2 => Fate::EndsAfter(1 + chance.below(3)),
            3 => Fate::PidIsReused,
            4 => Fate::Refuses,
            _ => Fate::Lives,
        };
        world.processes.push(Process {
            name: name.to_owned(),
            path: path.map(str::to_owned),
            parent: u32::from(chance.small(3)),
            fate,
            ..process(100 + pid, chance.one_of(&UIDS), &[])
        });
    }
    for number in 0..chance.small(26) {
        let socket = socket(chance, &world, number);
        world.sockets.push(socket);
    }
    // A socket that is opened after the tables were read is newer than the others, and may reuse a handle.
    world.sockets.sort_by_key(|socket| socket.lifetime == Lifetime::OpenedAfterTables);
    let closed = world
        .sockets
        .iter()
        .find(|socket| socket.lifetime == Lifetime::ClosedAfterTables)
        .map(|it| it.handle);
    for (generation, socket) in (1..).zip(&mut world.sockets) {
        socket.generation = generation;
        if socket.lifetime == Lifetime::OpenedAfterTables {
            socket.handle = closed.filter(|_| chance.once_in(2)).unwrap_or(socket.handle);
        }
    }
    for place in 0..world.sockets.len() {
        hold(chance, &mut world, place);
    }
    for process in &mut world.processes {
        for fd in 0..i32::from(chance.small(3)) {
            let target = chance.one_of(&[Target::File, Target::File, Target::OtherSocket]);
            process.descriptors.push(Descriptor { fd, target, fate: DescriptorFate::Stays });
        }
    }
    world
}

/// Gives references to a socket to processes.
fn hold(chance: &mut Chance, world: &mut World, place: usize) {
    let socket = &mut world.sockets[place];
    let can_be_held =
        matches!(socket.attachment, Attachment::Open | Attachment::Detached | Attachment::Uninitialised);
    if !can_be_held || socket.lifetime == Lifetime::ClosedAfterTables {
        return;
    }
    let is_closed = socket.lifetime == Lifetime::ClosedBeforeTables;
    socket.in_flight = chance.once_in(12);
    for _ in 0..chance.one_of(&[0, 1, 1, 1, 1, 1, 2, 3]) {
        let holder = chance.below(world.processes.len());
        let process = &mut world.processes[holder];
        if is_closed && process.fate != Fate::Lives {
            // Whether the process ends during the scan must not depend on whether the scan sees this socket.
            continue;
        }
        if chance.once_in(10) {
            process.parked.push((0x1000 + u32::try_from(process.parked.len()).unwrap(), place));
            continue;
        }
        let fate = match chance.below(30) {
            _ if is_closed => DescriptorFate::Stays,
            0 => DescriptorFate::Closes,
            1 => DescriptorFate::BecomesFile,
            _ => DescriptorFate::Stays,
        };
        let fd = 10 + i32::try_from(process.descriptors.len()).unwrap();
        process.descriptors.push(Descriptor { fd, target: Target::Socket(place), fate });
    }
}

fn ipv6_address(chance: &mut Chance) -> (Ipv6Addr, u32) {
    match chance.below(6) {
        0 => (Ipv6Addr::LOCALHOST, 0),
        1 => (Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 4), u32::from(chance.small(3))),
        2 => (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb), 1 + u32::from(chance.small(70))),
        // Prefix-based: it has no scope.
        3 => (Ipv6Addr::new(0xff32, 0x0040, 0x2001, 0xdb8, 0, 0, 0, 1), 0),
        4 => (Ipv6Addr::new(0xfec0, 0x7, 0, 0, 0, 0, 0, 1), 0),
        _ => (Ipv6Addr::new(0x2001, 0xdb8, 9, 8, 7, 6, 5, chance.small(9)), 0),
    }
}

fn address(chance: &mut Chance, ipv6: bool, mapped: bool, port: u16) -> SocketAddr {
    let ipv4 = Ipv4Addr::new(10, 1, 2, 1 + u8::try_from(chance.below(200)).unwrap());
    match (ipv6, mapped) {
        (false, _) => SocketAddr::new(ipv4.into(), port),
        (true, true) => SocketAddr::new(ipv4.to_ipv6_mapped().into(), port),
        (true, false) => {
            let (ip, scope) = ipv6_address(chance);
            SocketAddrV6::new(ip, port, 0, scope).into()
        }
    }
}

fn socket(chance: &mut Chance, world: &World, number: u16) -> Socket {
    let protocol = chance.one_of(&[Protocol::Tcp, Protocol::Tcp, Protocol::Udp]);
    let attachment = match (protocol, chance.below(20)) {
        (Protocol::Tcp, 0) => Attachment::HalfOpen,
        (Protocol::Tcp, 1) => Attachment::AcceptQueue,
        (_, 2) => Attachment::Orphan,
        (_, 3) => Attachment::NoSocket,
        (_, 4) => Attachment::Flow,
        (Protocol::Tcp, 5) => Attachment::Subflow,
        (_, 6) => Attachment::Detached,
        (Protocol::Tcp, 7) => Attachment::Uninitialised,
        _ => Attachment::Open,
    };
    let connected = [
        State::SynSent,
        State::SynReceived,
        State::Established,
        State::Established,
        State::CloseWait,
        State::FinWait1,
        State::Closing,
        State::LastAck,
        State::FinWait2,
        State::TimeWait,
        State::Unknown,
    ];
    let state = match (protocol, attachment) {
        (Protocol::Udp, _) => State::Closed,
        (_, Attachment::HalfOpen) => State::SynReceived,
        (_, Attachment::AcceptQueue) => State::Established,
        (_, Attachment::Open) => {
            chance.one_of(&[&connected[..], &[State::Listen, State::Listen, State::Closed]].concat())
        }
        _ => chance.one_of(&connected),
    };
    let ipv6 = chance.once_in(2);
    let unconnected = match protocol {
        Protocol::Tcp => matches!(state, State::Listen | State::Closed),
        Protocol::Udp => attachment == Attachment::Open && chance.once_in(2),
    };
    // Without a socket, the family is known from the address alone, which does not show IPv4 on an IPv6 socket. UDP has a
    // flag for that.
    let shows_mapped = match attachment {
        Attachment::Flow => false,
        Attachment::NoSocket => protocol == Protocol::Udp,
        _ => true,
    };
    let mapped = ipv6 && shows_mapped && !unconnected && chance.once_in(3);
    let port = if state == State::Closed && chance.once_in(4) { 0 } else { 1024 + number };
    let any: IpAddr = if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let is_any = unconnected && (port == 0 || chance.once_in(2));
    let local = if is_any { SocketAddr::new(any, port) } else { address(chance, ipv6, mapped, port) };
    let users: Vec<u32> = world.processes.iter().map(|process| process.pid).chain([0, 99_999]).collect();
    let lifetime = match (attachment, chance.below(16)) {
        (Attachment::Open, 0) => Lifetime::OpenedAfterTables,
        (Attachment::Open, 1) => Lifetime::ClosedAfterTables,
        (Attachment::Open, 2) => Lifetime::ClosedBeforeTables,
        (Attachment::Open, 3) => Lifetime::DetachedBeforeTables,
        _ => Lifetime::Always,
    };
    let can_be_diverted =
        attachment == Attachment::Open && matches!(state, State::Established | State::SynSent);
    let diverted = can_be_diverted && chance.once_in(4);
    Socket {
        protocol,
        ipv6,
        v6_only: ipv6 && chance.once_in(3),
        local,
        remote: (!unconnected).then(|| address(chance, ipv6, mapped, 1 + remote_port(number))),
        state,
        uid: chance.one_of(&UIDS),
        last_user: chance.one_of(&users),
        effective: if chance.once_in(3) { chance.one_of(&users) } else { 0 },
        received: u32::from(chance.small(3)) * 1000,
        to_send: u32::from(chance.small(3)) * 2000,
        backlog: (5, chance.small(5), 128),
        handle: chance.next() | 1,
        generation: 0,
        attachment,
        lifetime,
        in_flight: false,
        diverted,
    }
}

/// A remote port that no other socket of the world has.
fn remote_port(number: u16) -> u16 {
    440 + number
}
