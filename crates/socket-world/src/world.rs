//! Many processes with many sockets, as a busy machine has.

use crate::child::{Child, Report, Starting};
use crate::facts::{Held, SocketFacts, State, Transport, inode_of};
use crate::tcp::{accept_from, listen_on, local_address, stream_socket};
use crate::{ffi, loopback, need_descriptors, udp};
use rustix::io::retry_on_intr;
use rustix::net::{bind, connect};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// The first address of a world, as an argument of [`loopback`]; each process has one address.
const WORLD: u32 = 16 << 16;

/// How many children build at the same time; each costs this process two descriptors while it builds and one
/// afterwards.
const PARALLEL_BUILDS: usize = 64;

/// The size of a [`World`]. The counts are those of *each process*.
///
/// A process holds both ends of its connections and the listener that they came through, so with C connections
/// and U UDP sockets it holds 2·C + 1 + U sockets (one listener more with IPv6 connections, none without any
/// connection at all):
///
/// | world | a process | in all |
/// |---|---|---|
/// | [`WorldSpec::small`], 200 processes | 2·50 + 1 + 5 = 106 sockets, 100 others | 21,200 sockets |
/// | [`WorldSpec::large`], 100 processes | 2·500 + 1 + 5 = 1,006 sockets | 100,600 sockets |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorldSpec {
    /// Processes.
    pub processes: usize,
    /// Descriptors of `/dev/null`, beside 0, 1, 2 and a pipe that each process has anyway.
    pub plain_descriptors: usize,
    /// TCP connections over the process's own address of 127.0.0.0/8, at most 20,000.
    pub connections: usize,
    /// TCP connections over `::1`, whose ports all processes share: some 25,000 in all.
    pub ipv6_connections: usize,
    /// UDP sockets on the process's own address; every fifth has the one before it as its peer.
    pub udp_sockets: usize,
}

impl WorldSpec {
    /// 200 processes with 100 plain descriptors, 50 connections and 5 UDP sockets each: 21,200 sockets.
    pub fn small() -> Self {
        Self { processes: 200, plain_descriptors: 100, connections: 50, ipv6_connections: 0, udp_sockets: 5 }
    }

    /// 100 processes with 500 connections and 5 UDP sockets each: 100,600 sockets.
    pub fn large() -> Self {
        Self { processes: 100, plain_descriptors: 0, connections: 500, ipv6_connections: 0, udp_sockets: 5 }
    }

    /// The sums for a world of this size.
    pub fn counts(&self) -> WorldCounts {
        let listeners = usize::from(self.connections > 0) + usize::from(self.ipv6_connections > 0);
        let tcp = 2 * (self.connections + self.ipv6_connections) + listeners;
        WorldCounts {
            processes: self.processes,
            plain_descriptors: self.processes * self.plain_descriptors,
            tcp_sockets: self.processes * tcp,
            udp_sockets: self.processes * self.udp_sockets,
        }
    }
}

/// The sums of a [`World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WorldCounts {
    pub processes: usize,
    pub plain_descriptors: usize,
    pub tcp_sockets: usize,
    pub udp_sockets: usize,
}

impl WorldCounts {
    /// TCP and UDP sockets together; each is held once, so also the number of descriptors of sockets.
    pub fn sockets(&self) -> usize {
        self.tcp_sockets + self.udp_sockets
    }
}

/// Processes with sockets, which end on drop.
#[derive(Debug)]
pub struct World {
    spec: WorldSpec,
    children: Vec<Child>,
}

impl World {
    /// Makes the processes and waits until each has made everything in `spec`.
    ///
    /// # Errors
    /// As [`Child::fork`]; a process may not have so many descriptors; there are not enough ports.
    pub fn build(spec: &WorldSpec) -> io::Result<Self> {
        need_descriptors(u64::try_from(spec.processes + 2 * PARALLEL_BUILDS + 64).unwrap_or(u64::MAX))?;
        let mut children = Vec::with_capacity(spec.processes);
        while children.len() < spec.processes {
            let first = children.len();
            let last = spec.processes.min(first + PARALLEL_BUILDS);
            let starting: Vec<Starting> = (first..last)
                .map(|number| Child::start(Some(b"world"), &[], |report| fill(spec, number, report)))
                .collect::<io::Result<_>>()?;
            for child in starting {
                children.push(child.ready()?);
            }
        }
        Ok(Self { spec: *spec, children })
    }

    /// Its processes.
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// Every descriptor of a socket, as its holder reported it.
    pub fn held(&self) -> Vec<Held> {
        self.children.iter().flat_map(Child::held).copied().collect()
    }

    /// Every socket, as its maker described it.
    pub fn sockets(&self) -> Vec<SocketFacts> {
        self.children.iter().flat_map(Child::sockets).cloned().collect()
    }

    /// The sums of what it has.
    pub fn counts(&self) -> WorldCounts {
        self.spec.counts()
    }
}

/// In the child: makes the sockets of one process.
fn fill(spec: &WorldSpec, number: usize, report: &mut Report) -> io::Result<()> {
    let per_process = WorldSpec { processes: 1, ..*spec }.counts();
    let descriptors = spec.plain_descriptors + per_process.sockets() + 64;
    need_descriptors(u64::try_from(descriptors).unwrap_or(u64::MAX))?;
    let address = loopback(WORLD + 1 + u32::try_from(number).map_err(io::Error::other)?);
    for _ in 0..spec.plain_descriptors {
        report.keep_unreported(std::fs::File::open("/dev/null")?);
    }
    let mut maker = Maker { report, uid: rustix::process::geteuid().as_raw() };
    maker.connections(spec.connections, address.into())?;
    maker.connections(spec.ipv6_connections, Ipv6Addr::LOCALHOST.into())?;
    maker.udp(spec.udp_sockets, address.into())
}

struct Maker<'a> {
    report: &'a mut Report,
    uid: u32,
}

impl Maker<'_> {
    /// Reports a socket and keeps it open. The facts are known from making it, which saves some system calls for
    /// each of a hundred thousand sockets.
    fn keep(
        &mut self,
        fd: OwnedFd,
        state: State,
        local: SocketAddr,
        remote: Option<SocketAddr>,
    ) -> io::Result<()> {
        let udp = matches!(state, State::UdpConnected | State::UdpUnconnected);
        self.report.socket(SocketFacts {
            protocol: if udp { Transport::Udp } else { Transport::Tcp },
            local,
            remote,
            state,
            inode: Some(inode_of(&fd)),
            uid: Some(self.uid),
            rx_queue: if udp { None } else { Some(0) },
        })?;
        self.report.keep(fd)?;
        Ok(())
    }

    fn connections(&mut self, count: usize, address: IpAddr) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let listener = listen_on((address, 0).into(), 16)?;
        let to = local_address(&listener)?;
        for _ in 0..count {
            let client = stream_socket(to)?;
            // Both ends have the process's own address; `connect` chooses the port.
            ffi::bind_address_no_port(client.as_fd())?;
            bind(&client, &SocketAddr::new(address, 0))?;
            retry_on_intr(|| connect(&client, &to))?;
            let from = local_address(&client)?;
            let server = accept_from(&listener)?;
            self.keep(client, State::Established, from, Some(to))?;
            self.keep(server, State::Established, to, Some(from))?;
        }
        self.keep(listener, State::Listen, to, None)
    }

    fn udp(&mut self, count: usize, address: IpAddr) -> io::Result<()> {
        let mut before = None;
        for number in 1..=count {
            let fd = udp::bind_to((address, 0).into())?;
            let local = local_address(&fd)?;
            let peer = before.filter(|_| number % 5 == 0);
            if let Some(peer) = peer {
                connect(&fd, &peer)?;
            }
            let state = if peer.is_some() { State::UdpConnected } else { State::UdpUnconnected };
            self.keep(fd, state, local, peer)?;
            before = Some(local);
        }
        Ok(())
    }
}
