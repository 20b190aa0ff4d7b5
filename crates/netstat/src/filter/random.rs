//! Random filters and sockets for tests, made from few values so that filters often match.

use super::base::Filter;
use super::decide::{OwnerFacts, PeerRow};
use super::states::EVERY;
use super::term::Term;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::owner::{Owner, OwnerRole, Ownership};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::model::socket::Socket;
use crate::model::workload_part::WorkloadPart;
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

/// A process that has no name that could be read.
pub(crate) const NAMELESS: u32 = 9;

/// The names of the processes that own random sockets. A row whose owners are not all known may have any.
pub(crate) struct Names;

impl OwnerFacts for Names {
    fn is_named(&self, pid: u32, name: &OsStr) -> Option<bool> {
        (pid != NAMELESS).then(|| [(1, "one"), (2, "t w o")].contains(&(pid, name.to_str().unwrap())))
    }

    fn is_part_of(&self, pid: u32, _part: WorkloadPart, name: &str) -> Option<bool> {
        self.is_named(pid, OsStr::new(name))
    }

    fn may_be_unseen(&self, socket: &Socket, _term: &Term) -> bool {
        !matches!(socket.ownership(), Ownership::Known { complete: true } | Ownership::None { .. })
    }

    fn peer(&self, _socket: &Socket) -> PeerRow<'_> {
        PeerRow::None
    }
}

/// TCP and UDP most often.
const PROTOCOLS: [Protocol; 6] =
    [Protocol::Tcp, Protocol::Udp, Protocol::Tcp, Protocol::Udp, Protocol::Mptcp, Protocol::Raw(58)];

pub(crate) struct Random(test_random::Random);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(test_random::Random::new(seed))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        self.0.pick(of)
    }

    fn port(&mut self) -> u16 {
        self.pick(&[0, 1, 22, 79, 80, 81, 443, 1023, 1024, 65534, 65535])
    }

    fn address(&mut self) -> IpAddr {
        let texts = [
            "0.0.0.0",
            "127.0.0.1",
            "10.0.0.1",
            "10.0.128.1",
            "10.1.2.3",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:0.0.0.0",
            "2001:db8::1",
            "2001:db8:8000::1",
        ];
        self.pick(&texts).parse().unwrap()
    }

    fn term(&mut self) -> Filter {
        let (first, last) = (self.port(), self.port());
        let prefix = self.pick(&[0, 1, 8, 17, 24, 31, 32, 33, 96, 104, 127, 128]);
        let index = u32::try_from(self.below(3)).unwrap();
        match self.below(33) {
            32 => {
                let name = self.pick(&["one", "t w o"]);
                let any = Filter::workload(name);
                self.pick(&[Filter::container(name), Filter::pod(name), Filter::unit(name), any])
            }
            31 => self.pick(&[Filter::exposed(), Filter::loopback_only()]),
            0 => Filter::protocol(self.pick(&PROTOCOLS)),
            27 => Filter::local_unix_name(self.pick(&["/run/*", "@a b", "*.sock"])),
            28 => {
                let pattern = self.pick(&["/run/x", "*", "unix:"]);
                self.pick(&[Filter::remote_unix_name(pattern), Filter::unix_name(pattern)])
            }
            29 => Filter::peer_pid(index),
            30 => Filter::peer_process(self.pick(&["one", "t w o"])),
            25 => Filter::protocol_kind(self.pick(&ProtocolKind::ALL)),
            26 => Filter::socket_type(self.pick(&[
                SocketType::Stream,
                SocketType::Datagram,
                SocketType::Other(9),
            ])),
            1 => Filter::family(self.pick(&[
                Family::Ipv4,
                Family::Ipv6,
                Family::Ipv6,
                Family::Unix,
                Family::Other(31),
            ])),
            2 => Filter::state(self.pick(&EVERY)),
            3 => Filter::states([self.pick(&EVERY), self.pick(&EVERY)]),
            4 => self.pick(&[Filter::connected(), Filter::synchronized(), Filter::bucket(), Filter::big()]),
            5 => Filter::listening(),
            6 | 7 => Filter::local_port(first),
            8 => Filter::local_ports(first..=last),
            9 => Filter::remote_port(first),
            10 => Filter::remote_ports(first..=last),
            11 => Filter::port(first),
            12 => Filter::ports(first..=last),
            13 | 14 => Filter::local_net(self.address(), prefix),
            15 => Filter::remote_net(self.address(), prefix),
            16 => Filter::net(self.address(), prefix),
            17 => Filter::interface(index),
            18 => Filter::uid(index),
            19 => Filter::pid(index),
            20 => Filter::process(self.pick(&["one", "t w o", "\"th\\ree\"", ""])),
            21 => Filter::inode(u64::from(index)),
            22 => Filter::cgroup_id(u64::from(index)),
            23 => Filter::mark_masked(index & 1, self.pick(&[1, 3, u32::MAX])),
            _ => Filter::autobound(),
        }
    }

    /// A filter nested no deeper than this.
    pub(crate) fn filter(&mut self, depth: usize) -> Filter {
        let kind = if depth == 0 { 0 } else { self.below(7) };
        match kind {
            0 | 1 => self.term(),
            2 => !self.filter(depth - 1),
            3 | 4 => self.filter(depth - 1) & self.filter(depth - 1),
            5 => self.filter(depth - 1) | self.filter(depth - 1),
            _ => self.filter(depth - 1) | self.filter(depth - 1) | self.filter(depth - 1),
        }
    }

    /// A row that a kernel could report.
    pub(crate) fn socket(&mut self) -> Socket {
        let family = self.pick(&[Family::Ipv4, Family::Ipv6]);
        let mut end = || {
            let address = match (family, self.address()) {
                (Family::Ipv4, IpAddr::V6(_)) => Ipv4Addr::new(10, 0, 0, 1).into(),
                (Family::Ipv6, IpAddr::V4(address)) => address.to_ipv6_mapped().into(),
                (_, address) => address,
            };
            SocketAddr::new(address, self.port())
        };
        let (local, remote) = (end(), end());
        let protocol = self.pick(&[Protocol::Tcp, Protocol::Udp]);
        let mut socket = Socket::new(family, protocol, local);
        let socket_type = if protocol == Protocol::Tcp { SocketType::Stream } else { SocketType::Datagram };
        socket.socket_type = Some(socket_type);
        // No remote end is one of zeros, in the kernel.
        let is_end = remote.port() != 0 || !remote.ip().is_unspecified();
        socket.remote = (is_end && self.below(3) > 0).then_some(remote.into());
        socket.state = (socket.protocol == Protocol::Tcp).then(|| self.pick(&EVERY));
        socket.interface = NonZeroU32::new(u32::try_from(self.below(3)).unwrap());
        socket.uid = self.pick(&[None, Some(0), Some(1)]);
        socket.identity = self.pick(&[None, Some(Identity::Inode(1)), Some(Identity::Inode(2))]);
        let pids = self.pick(&[&[][..], &[1], &[2], &[1, 2], &[3]]);
        let owners = pids.iter().map(|pid| Owner::new(*pid, Some(3), OwnerRole::Holder));
        socket.set_owners(owners, Ownership::Known { complete: true });
        socket
    }
}
