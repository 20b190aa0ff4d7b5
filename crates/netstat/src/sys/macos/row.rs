//! Rows from the kernel's records. A zero that stands for a missing value becomes `None`.

use crate::engine::owner_table::handle_key;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::owner::{Owner, OwnerRole, Owners, Ownership, UnownedReason};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use netstat_wire::macos::address::{Address, INP_IPV4, INP_V4MAPPEDV6};
use netstat_wire::macos::pcblist_n::{Pcb, XsocketN};
use netstat_wire::macos::socket_fdinfo::{self, InSockinfo, SocketFdinfo};
use netstat_wire::macos::socket_state::{
    SOF_FLOW_DIVERT, SOF_MP_SUBFLOW, SS_COMP, SS_INCOMP, SS_ISCONNECTED, SS_ISCONNECTING, SS_ISDISCONNECTING,
    SS_NOFDREF, XSOFF_FLOW_DIV,
};
use netstat_wire::macos::tcp_states as states;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU64;

/// `AF_INET` and `AF_INET6` of Darwin.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 30;

const IPPROTO_TCP: i32 = 6;
const IPPROTO_UDP: i32 = 17;

/// The TCP state with this number.
fn tcp_state(number: i32) -> State {
    match number {
        states::TCPS_CLOSED => State::Closed,
        states::TCPS_LISTEN => State::Listen,
        states::TCPS_SYN_SENT => State::SynSent,
        states::TCPS_SYN_RECEIVED => State::SynReceived,
        states::TCPS_ESTABLISHED => State::Established,
        states::TCPS_CLOSE_WAIT => State::CloseWait,
        states::TCPS_FIN_WAIT_1 => State::FinWait1,
        states::TCPS_CLOSING => State::Closing,
        states::TCPS_LAST_ACK => State::LastAck,
        states::TCPS_FIN_WAIT_2 => State::FinWait2,
        states::TCPS_TIME_WAIT => State::TimeWait,
        number => State::Other(u8::try_from(number).unwrap_or(u8::MAX)),
    }
}

/// The state of a TCP socket. A connection that flow divert carries (per-app VPN, transparent proxy) does not pass through
/// TCP, which stays CLOSED: its state is that of the socket.
fn state(number: i32, so_state: u16, may_be_diverted: bool) -> State {
    let connection = so_state & (SS_ISCONNECTED | SS_ISCONNECTING | SS_ISDISCONNECTING);
    match (tcp_state(number), connection) {
        (State::Closed, SS_ISCONNECTED) if may_be_diverted => State::Established,
        (State::Closed, SS_ISCONNECTING) if may_be_diverted => State::SynSent,
        (state, _) => state,
    }
}

/// Whether flow divert may carry the connection. Up to macOS 12 the table has no flags.
fn may_be_diverted(socket: &XsocketN) -> bool {
    match (socket.flags, socket.filter_flags) {
        (None, None) => true,
        (flags, filter_flags) => {
            flags.is_some_and(|flags| flags & SOF_FLOW_DIVERT != 0)
                || filter_flags.is_some_and(|flags| flags & XSOFF_FLOW_DIV != 0)
        }
    }
}

/// The endpoints of a socket, from either interface.
struct Endpoints<'a> {
    family: u32,
    vflag: u8,
    lport: u16,
    fport: u16,
    laddr: &'a [u8; 16],
    faddr: &'a [u8; 16],
}

/// An endpoint of a socket of this family.
fn endpoint(family: Family, address: Address, port: u16) -> SocketAddr {
    match (address, family) {
        (Address::V4(bytes), Family::Ipv6) => {
            SocketAddr::new(Ipv4Addr::from(bytes).to_ipv6_mapped().into(), port)
        }
        (Address::V4(bytes), _) => SocketAddr::new(Ipv4Addr::from(bytes).into(), port),
        (Address::V6 { bytes, scope }, _) => {
            SocketAddrV6::new(Ipv6Addr::from(bytes), port, 0, scope.into()).into()
        }
    }
}

/// Whether an address is the unspecified one, mapped or not.
fn is_unspecified(endpoint: SocketAddr) -> bool {
    match endpoint.ip() {
        IpAddr::V4(ip) => ip.is_unspecified(),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(ip.is_unspecified(), |ip| ip.is_unspecified()),
    }
}

/// A row with its endpoints and state; `None` for a socket that is detached or not IP.
fn row(endpoints: &Endpoints<'_>, protocol: Protocol, state: Option<State>) -> Option<Socket> {
    let Endpoints { family, vflag, lport, fport, laddr, faddr } = *endpoints;
    let local = Address::new(vflag, laddr)?;
    let remote = Address::new(vflag, faddr)?;
    let family = match (family, local) {
        (AF_INET, _) => Family::Ipv4,
        (AF_INET6, _) | (0, Address::V6 { .. }) => Family::Ipv6,
        // Without a socket its family is not known; this bit marks IPv4 on an IPv6 socket.
        (0, Address::V4(_)) if vflag & INP_V4MAPPEDV6 != 0 => Family::Ipv6,
        (0, Address::V4(_)) => Family::Ipv4,
        _ => return None,
    };
    let local = endpoint(family, local, lport);
    let mut socket = Socket::new(family, protocol, local);
    let remote = endpoint(family, remote, fport);
    if fport != 0 || !is_unspecified(remote) {
        socket.remote = Some(remote.into());
    }
    if protocol == Protocol::Tcp {
        socket.socket_type = Some(SocketType::Stream);
        socket.state = state;
    } else {
        socket.socket_type = Some(SocketType::Datagram);
    }
    // A socket that is bound to the unspecified address has both bits if it accepts IPv4 too. With any other address the
    // bits are those of the address.
    let is_any = matches!(local, SocketAddr::V6(local) if local.ip().is_unspecified());
    if family == Family::Ipv6 && is_any && lport != 0 && socket.is_listening() {
        socket.v6_only = Some(vflag & INP_IPV4 == 0);
    }
    Some(socket)
}

/// The accept queue of a listener.
pub(super) struct Backlog {
    pub(super) qlen: u16,
    pub(super) incqlen: u16,
    pub(super) qlimit: u16,
}

pub(super) fn set_queues(socket: &mut Socket, backlog: &Backlog, rx: Option<u32>, tx: Option<u32>) {
    if socket.state == Some(State::Listen) {
        // The kernel counts connections in the handshake too.
        let waiting = backlog.qlen.saturating_sub(backlog.incqlen).into();
        socket.queues = Some(Queues::Accept { waiting, limit: Some(backlog.qlimit.into()) });
    } else {
        socket.queues = rx.zip(tx).map(|(receive, send)| Queues::Bytes { receive, send });
    }
}

/// The processes that the table names. They are not holders: the process that used a socket last may have passed it on,
/// closed it, or ended.
pub(super) fn named_owners(socket: &XsocketN) -> Owners {
    let last = (socket.last_pid != 0).then(|| Owner::new(socket.last_pid, None, OwnerRole::LastUser));
    let effective = (socket.e_pid != 0 && socket.e_pid != socket.last_pid)
        .then(|| Owner::new(socket.e_pid, None, OwnerRole::Effective));
    last.into_iter().chain(effective).collect()
}

/// The row of a pcb; `None` if it has no address.
pub(super) fn of_pcb(pcb: &Pcb, protocol: Protocol) -> Option<Socket> {
    let inpcb = &pcb.inpcb;
    let endpoints = Endpoints {
        family: pcb.socket.map_or(0, |socket| socket.family),
        vflag: inpcb.vflag,
        lport: inpcb.lport,
        fport: inpcb.fport,
        laddr: &inpcb.laddr,
        faddr: &inpcb.faddr,
    };
    let (so_state, is_diverted) = pcb.socket.map_or((0, false), |it| (it.state, may_be_diverted(&it)));
    let state = pcb.tcpcb.map(|tcpcb| state(tcpcb.state, so_state, is_diverted));
    let mut row = row(&endpoints, protocol, state)?;
    row.cookie = NonZeroU64::new(inpcb.generation);
    let Some(socket) = pcb.socket.filter(|_| pcb.has_socket()) else {
        row.ownership = Ownership::None { reason: without_socket(&row) };
        return Some(row);
    };
    let (rcv, snd) = (pcb.rcv.map(|queue| queue.cc), pcb.snd.map(|queue| queue.cc));
    let backlog = Backlog { qlen: socket.qlen, incqlen: socket.incqlen, qlimit: socket.qlimit };
    row.owners = named_owners(&socket);
    if pcb.is_flow() {
        // The kernel returns one queue only of a flow over UDP.
        set_queues(&mut row, &backlog, rcv, snd.filter(|_| protocol == Protocol::Tcp));
        row.ownership = attributed(&row);
        return Some(row);
    }
    set_queues(&mut row, &backlog, rcv, snd);
    row.uid = Some(socket.uid);
    row.identity = Some(Identity::Handle(socket.so));
    if socket.state & SS_NOFDREF != 0 {
        row.ownership = without_descriptor(&row, &socket);
    }
    Some(row)
}

/// The parts of a TCP or UDP socket behind a descriptor.
fn ip_parts<'a>(info: &'a SocketFdinfo<'_>) -> Option<(Protocol, &'a InSockinfo, Option<State>)> {
    let protocol = match info.protocol {
        IPPROTO_TCP => Protocol::Tcp,
        IPPROTO_UDP => Protocol::Udp,
        _ => return None,
    };
    match &info.proto {
        socket_fdinfo::Protocol::In(ini) => Some((protocol, ini, None)),
        socket_fdinfo::Protocol::Tcp { ini, state: number } => {
            // libproc has no flag for flow divert.
            Some((protocol, ini, Some(state(*number, info.state, true))))
        }
        _ => None,
    }
}

/// What identifies a socket among all that ever had its handle; without a generation among those that have it now.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenSocket {
    pub(super) protocol: Protocol,
    pub(super) handle: u64,
    pub(super) generation: Option<NonZeroU64>,
}

impl SeenSocket {
    /// The TCP or UDP socket behind a descriptor; `None` if it is another one.
    pub(super) fn of_ip(info: &SocketFdinfo<'_>) -> Option<Self> {
        let (protocol, ini, _) = ip_parts(info)?;
        Some(Self { protocol, handle: info.so, generation: NonZeroU64::new(ini.generation) })
    }

    /// The key that joins it with its row.
    pub(super) fn key(&self) -> u64 {
        handle_key(self.handle, self.generation)
    }

    /// What the table that lists it has as its key.
    pub(super) fn listed_key(&self) -> u64 {
        if self.protocol == Protocol::Unix { self.handle } else { self.key() }
    }
}

/// The row of the socket behind a descriptor; `None` if it is detached or not yet initialised.
pub(super) fn of_fdinfo(info: &SocketFdinfo<'_>) -> Option<Socket> {
    let (protocol, ini, state) = ip_parts(info)?;
    if protocol == Protocol::Tcp && state.is_none() {
        return None;
    }
    let endpoints = Endpoints {
        family: u32::try_from(info.family).unwrap_or(u32::MAX),
        vflag: ini.vflag,
        lport: ini.lport,
        fport: ini.fport,
        laddr: &ini.laddr,
        faddr: &ini.faddr,
    };
    let mut row = row(&endpoints, protocol, state)?;
    let backlog = Backlog { qlen: info.qlen, incqlen: info.incqlen, qlimit: info.qlimit };
    set_queues(&mut row, &backlog, Some(info.rcv.cc), Some(info.snd.cc));
    row.identity = Some(Identity::Handle(info.so));
    row.cookie = NonZeroU64::new(ini.generation);
    Some(row)
}

/// The ownership of a socket that only the table can name owners of.
fn attributed(row: &Socket) -> Ownership {
    if row.owners().is_empty() {
        Ownership::None { reason: UnownedReason::KernelOrInFlight }
    } else {
        Ownership::Known { complete: false }
    }
}

/// Why a pcb without a socket has no owner.
fn without_socket(row: &Socket) -> UnownedReason {
    match row.state {
        Some(State::TimeWait) => UnownedReason::TimeWait,
        Some(State::SynReceived) => UnownedReason::SynReceived,
        _ => UnownedReason::Orphan,
    }
}

/// Why no descriptor refers to a socket.
pub(super) fn without_descriptor(row: &Socket, socket: &XsocketN) -> Ownership {
    if socket.flags.is_some_and(|flags| flags & SOF_MP_SUBFLOW != 0) {
        // The descriptor belongs to the multipath connection.
        return attributed(row);
    }
    let reason = match row.state {
        Some(State::TimeWait) => UnownedReason::TimeWait,
        _ if socket.state & SS_COMP != 0 => UnownedReason::AcceptQueue,
        _ if socket.state & SS_INCOMP != 0 => UnownedReason::SynReceived,
        _ => UnownedReason::Orphan,
    };
    Ownership::None { reason }
}
