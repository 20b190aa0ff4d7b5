//! Pseudo-random rows from a fixed seed: every field present and absent, hostile names.

use netstat::{
    Bundle, Container, ContainerEngine, Endpoint, Family, HiddenReason, Identity, Namespace, NamespaceSource,
    NetnsId, Owner, OwnerRole, Ownership, Pod, Process, Protocol, Published, Queues, Signature, Snapshot,
    Socket, SocketType, State, UnixName, UnownedReason, Workload,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

/// The number of the `nth` namespace.
pub(super) fn netns(nth: usize) -> NetnsId {
    NetnsId(NonZeroU64::MIN.saturating_add(4_026_531_839 + nth as u64))
}

struct Random(test_random::Random);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        self.0.pick(all)
    }

    /// Numbers of all lengths.
    fn number(&mut self) -> u64 {
        let shift = self.below(64);
        self.0.next_u64() >> shift
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.number() & 0xffff_ffff).unwrap()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    fn end(&mut self) -> SocketAddr {
        let port = self.one_of(&[0, 1, 80, 8080, 65_535]);
        let ip = match self.below(4) {
            0 | 1 => IpAddr::V4(self.small().to_be_bytes().into()),
            2 => IpAddr::V6(Ipv4Addr::from_bits(self.small()).to_ipv6_mapped()),
            _ => {
                let groups: [u16; 8] =
                    std::array::from_fn(|_| u16::try_from(self.number() & 0xffff).unwrap());
                let zeros = self.below(256);
                let left = |(at, group): (usize, u16)| if zeros >> at & 1 == 1 { 0 } else { group };
                let groups: Vec<u16> = groups.into_iter().enumerate().map(left).collect();
                Ipv6Addr::from(<[u16; 8]>::try_from(groups).unwrap()).into()
            }
        };
        match ip {
            IpAddr::V4(ip) => (ip, port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.one_of(&[0, 0, 1, 4_294_967_295])).into(),
        }
    }

    fn name(&mut self) -> String {
        let pieces =
            ["nginx", " ", "\"", "\\", "\\u0041", "\n", "\0", "\x08\x0c\r\t", "\x1b[31m", "\x7f", "\u{85}"];
        let more = [
            "日本",
            "🦀",
            "\u{202e}",
            "\u{e0041}",
            "\u{feff}",
            "é",
            "a,b",
            "=1+1",
            "'@",
            "</script>",
            "\u{10ffff}",
            "\u{fffd}",
        ];
        (0..self.below(6))
            .map(|_| if self.below(2) == 0 { self.one_of(&pieces) } else { self.one_of(&more) })
            .collect()
    }

    fn ownership(&mut self) -> Ownership {
        match self.below(4) {
            0 => Ownership::NotAsked,
            1 => Ownership::Known { complete: self.below(2) == 0 },
            2 => Ownership::None { reason: self.one_of(&[UnownedReason::TimeWait, UnownedReason::Orphan]) },
            _ => Ownership::Hidden {
                reason: self.one_of(&[HiddenReason::Vanished, HiddenReason::UnreadableProcess]),
            },
        }
    }

    fn queues(&mut self) -> Queues {
        let (receive, send) = (self.small(), self.small());
        match self.below(3) {
            0 => Queues::Bytes { receive, send },
            1 => Queues::Memory { receive, send },
            _ => Queues::Accept { waiting: receive, limit: self.maybe(|_| send) },
        }
    }

    /// A name of a unix socket, of any bytes.
    fn unix_end(&mut self) -> Endpoint {
        let mut name = self.name().into_bytes();
        if self.below(4) == 0 {
            name.extend([0, 0xff, b'\n']);
        }
        match self.below(4) {
            0 => Endpoint::Unknown,
            1 => Endpoint::Unix(UnixName::Unnamed),
            2 => Endpoint::Unix(UnixName::Path(name.into())),
            _ => Endpoint::Unix(UnixName::Abstract(name.into())),
        }
    }

    fn other_end(&mut self) -> Endpoint {
        match self.below(4) {
            0 => Endpoint::Netlink { port_id: self.small() },
            1 => Endpoint::Packet { interface: self.maybe(|_| 1.try_into().unwrap()) },
            2 => Endpoint::Vsock { cid: self.one_of(&[2, u32::MAX]), port: self.small() },
            _ => Endpoint::Unknown,
        }
    }

    /// The row with its ends only.
    fn ends(&mut self) -> Socket {
        match self.below(10) {
            0 | 1 => {
                let mut socket = Socket::new(Family::Unix, Protocol::Unix, self.unix_end());
                socket.remote = self.maybe(Self::unix_end);
                socket
            }
            2 => {
                let families = [Family::Netlink, Family::Packet, Family::Vsock, Family::Other(44)];
                let protocols =
                    [Protocol::Netlink(16), Protocol::Packet(0x806), Protocol::Vsock, Protocol::Other(0)];
                let (family, protocol) = (self.one_of(&families), self.one_of(&protocols));
                let mut socket = Socket::new(family, protocol, self.other_end());
                socket.remote = self.maybe(Self::other_end);
                socket
            }
            3 => {
                let protocol = self.one_of(&[Protocol::Raw(0), Protocol::Raw(58), Protocol::Raw(255)]);
                let mut address = || {
                    let end: SocketAddr = self.end();
                    let scope_id = if let SocketAddr::V6(end) = end { end.scope_id() } else { 0 };
                    Endpoint::Address { ip: end.ip(), scope_id }
                };
                let mut socket = Socket::new(Family::Ipv6, protocol, address());
                socket.remote = Some(address());
                socket
            }
            _ => {
                let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::UdpLite, Protocol::Mptcp];
                let protocol = self.one_of(&protocols);
                let family = self.one_of(&[Family::Ipv4, Family::Ipv6]);
                let mut socket = Socket::new(family, protocol, self.end());
                socket.remote = self.maybe(Self::end).map(Into::into);
                socket
            }
        }
    }

    fn socket(&mut self) -> Socket {
        let mut socket = self.ends();
        let types = [SocketType::Stream, SocketType::Datagram, SocketType::Other(9)];
        socket.socket_type = self.maybe(|random| random.one_of(&types));
        let states = [State::Listen, State::Established, State::TimeWait, State::Other(99)];
        socket.state = self.maybe(|random| random.one_of(&states));
        socket.queues = self.maybe(Self::queues);
        socket.uid = self.maybe(|random| random.one_of(&[0, 33, 4711, u32::MAX]));
        socket.identity = match self.below(3) {
            0 => None,
            1 => Some(Identity::Inode(self.number())),
            _ => Some(Identity::Handle(self.number())),
        };
        socket.cookie = self.number().try_into().ok();
        socket.interface =
            self.maybe(|random| random.one_of(&[1, 4_294_967_295])).and_then(|it| it.try_into().ok());
        socket.v6_only = self.maybe(|random| random.below(2) == 0);
        socket.set_created(
            self.maybe(|random| SystemTime::UNIX_EPOCH + Duration::from_millis(random.0.next_u64() >> 20)),
        );
        socket.set_service(self.maybe(|random| random.name().into()));
        let roles = [OwnerRole::Holder, OwnerRole::Holder, OwnerRole::Binder, OwnerRole::EndedBinder];
        let count = self.one_of(&[0, 1, 1, 1, 2, 3]);
        let owners = (0..count).map(|_| {
            let fd = self.maybe(|random| i32::from_ne_bytes(random.small().to_ne_bytes()));
            Owner::new(u32::try_from(self.below(60)).unwrap(), fd, self.one_of(&roles))
        });
        let owners: Vec<Owner> = owners.collect();
        socket.set_owners(owners, self.ownership());
        socket
    }

    fn namespace(&mut self, nth: usize) -> Namespace {
        let mut namespace = Namespace::new(netns(nth));
        namespace.names = (0..nth).map(|_| self.name().into()).collect();
        namespace.path = self.maybe(Self::name).map(Into::into);
        namespace.pids = (0..self.below(4)).map(|_| self.small()).collect();
        namespace.processes = self.number();
        namespace.source =
            self.one_of(&[NamespaceSource::SockDiag, NamespaceSource::Procfs, NamespaceSource::Unavailable]);
        namespace
    }

    fn process(&mut self, pid: u32) -> Process {
        let mut process = Process::new(pid);
        process.name = self.maybe(Self::name).map(Into::into);
        process.path = self.maybe(Self::name).map(Into::into);
        process.path_deleted = self.maybe(|random| random.below(2) == 0);
        process.command_line =
            self.maybe(|random| (0..random.below(4)).map(|_| random.name().into()).collect());
        process.parent = self.maybe(Self::small);
        process.uid = self.maybe(Self::small);
        process.user = self.maybe(Self::name);
        process.start_time =
            self.maybe(|random| SystemTime::UNIX_EPOCH + Duration::from_millis(random.0.next_u64() >> 20));
        process.session = self.maybe(Self::small);
        process.workload = self.maybe(|random| Box::new(random.workload()));
        process
    }

    fn container(&mut self) -> Container {
        let engine = self.one_of(&[ContainerEngine::Docker, ContainerEngine::CriO, ContainerEngine::Lxc]);
        let id = if self.below(3) == 0 { self.name() } else { "0123456789abcdef".repeat(4) };
        let mut container = Container::new(engine, id);
        container.name = self.maybe(Self::name);
        container.compose = self.maybe(|random| (random.name(), random.name()));
        container.user = self.maybe(Self::small);
        container.is_nested = self.below(4) == 0;
        container
    }

    fn workload(&mut self) -> Workload {
        let mut workload = Workload::new(self.name());
        workload.container = self.maybe(Self::container);
        workload.pod = self.maybe(|random| {
            let mut pod = Pod::new(random.name());
            (pod.name, pod.namespace) = (random.maybe(Self::name), random.maybe(Self::name));
            pod
        });
        workload.unit = self.maybe(Self::name);
        workload.user_unit = self.maybe(Self::name);
        workload.slice = self.maybe(Self::name);
        workload.user = self.maybe(Self::small);
        workload.is_complete = workload.user.is_none();
        workload.services = workload.unit.clone().into_iter().collect();
        workload.signature = workload.slice.clone().map(Signature::new);
        workload.bundle = self.maybe(|random| match random.below(2) {
            0 => Bundle::Snap { name: random.name(), app: random.name() },
            _ => Bundle::Flatpak(random.name()),
        });
        workload.published = self.maybe(|random| {
            let mut published = Published::new(random.end());
            published.container = random.maybe(Self::container);
            published
        });
        workload
    }
}

/// A snapshot with this many rows, and processes for most of their owners.
pub(super) fn snapshot(rows: usize) -> Snapshot {
    let mut random = Random(test_random::Random::new(2026));
    let mut snapshot = Snapshot::default();
    snapshot.sockets = (0..rows).map(|_| random.socket()).collect();
    snapshot.processes = (0..50).map(|pid| random.process(pid)).collect();
    for (nth, socket) in snapshot.sockets.iter_mut().enumerate() {
        socket.netns = (nth % 5 == 4).then(|| netns(nth % 3));
    }
    snapshot.namespaces = (0..3).map(|nth| random.namespace(nth)).collect();
    snapshot
}
