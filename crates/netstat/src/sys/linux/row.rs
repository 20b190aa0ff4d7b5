//! Converts kernel records to rows; a zero that means "not there" becomes `None`.

use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::protocols::{ProtocolInfo, QueueUnit};
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6, InetDiagMsg, SockId};
use netstat_wire::linux::proc_net::ProcNet;
use netstat_wire::linux::tcp_states as states;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroU32, NonZeroU64};

/// `idiag_timer` of minisocks in the table of TIME_WAIT.
const TIMER_TIME_WAIT: u8 = 3;

/// `AF_INET` or `AF_INET6`; `AF_UNSPEC` for a family that is no IP, which the kernel refuses.
pub(crate) const fn address_family(family: Family) -> u8 {
    match family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
        _ => 0,
    }
}

/// The kernel's number of a TCP state, include/net/tcp_states.h.
pub(crate) fn tcp_state(number: u8) -> State {
    match number {
        states::TCP_ESTABLISHED => State::Established,
        states::TCP_SYN_SENT => State::SynSent,
        states::TCP_SYN_RECV | states::TCP_NEW_SYN_RECV => State::SynReceived,
        states::TCP_FIN_WAIT1 => State::FinWait1,
        states::TCP_FIN_WAIT2 => State::FinWait2,
        states::TCP_TIME_WAIT => State::TimeWait,
        states::TCP_CLOSE | states::TCP_BOUND_INACTIVE => State::Closed,
        states::TCP_CLOSE_WAIT => State::CloseWait,
        states::TCP_LAST_ACK => State::LastAck,
        states::TCP_LISTEN => State::Listen,
        states::TCP_CLOSING => State::Closing,
        _ => State::Other(number),
    }
}

/// One end of a socket. A link-local address means nothing without its interface, which the kernel reports as
/// the one that the socket is bound to.
fn end(family: Family, address: &[u8; 16], port: u16, interface: u32) -> Endpoint {
    if family == Family::Ipv4 {
        let [a, b, c, d, ..] = *address;
        return SocketAddr::from(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port)).into();
    }
    let address = Ipv6Addr::from(*address);
    let [first, second, ..] = address.octets();
    let link_local = address.is_unicast_link_local() || (first == 0xff && second & 0x0f == 2);
    let scope_id = if link_local { interface } else { 0 };
    SocketAddr::from(SocketAddrV6::new(address, port, 0, scope_id)).into()
}

/// The row of a record; `None` for a family that is not IP.
pub(super) fn row(record: &InetDiagMsg, info: &ProtocolInfo) -> Option<Socket> {
    Some(row_of_family(ip_family(record)?, record, info))
}

/// The family of a record; `None` if it is not IP.
pub(super) fn ip_family(record: &InetDiagMsg) -> Option<Family> {
    match record.family {
        AF_INET => Some(Family::Ipv4),
        AF_INET6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// The row of a record of this family.
#[inline] // A row has nearly 200 bytes, which each call may move.
pub(super) fn row_of_family(family: Family, record: &InetDiagMsg, info: &ProtocolInfo) -> Socket {
    let InetDiagMsg { state, timer, rqueue, wqueue, uid, inode, v6_only, .. } = *record;
    let SockId { sport, dport, src, dst, interface, cookie } = record.id;
    let mut socket = Socket::new(family, info.protocol, end(family, &src, sport, interface));
    if dport != 0 || dst != [0; 16] {
        socket.remote = Some(end(family, &dst, dport, interface));
    }
    // The kernel adds the attribute to full sockets only.
    let is_full_socket = record.shutdown.is_some();
    RawCounters { state, timer, rqueue, wqueue, uid, inode: inode.into(), is_full_socket }
        .apply(info, &mut socket);
    socket.cookie = if cookie == u64::MAX { None } else { NonZeroU64::new(cookie) };
    socket.interface = NonZeroU32::new(interface);
    socket.v6_only = v6_only;
    socket
}

/// The row of a line of `/proc/net`, which has less.
pub(super) fn row_of_line(line: &ProcNet, info: &ProtocolInfo) -> Socket {
    let ProcNet { local, remote, state, tx_queue, rx_queue, timer, uid, inode, .. } = *line;
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let mut socket = Socket::new(family, info.protocol, local);
    if remote.port() != 0 || !remote.ip().is_unspecified() {
        socket.remote = Some(remote.into());
    }
    // The line of a request has the uid of its listener.
    let uid = if inode == 0 && is_request(info, state) { 0 } else { uid };
    let (rqueue, wqueue, is_full_socket) = (rx_queue, tx_queue, false);
    RawCounters { state, timer, rqueue, wqueue, uid, inode, is_full_socket }.apply(info, &mut socket);
    if let Some(Queues::Accept { limit, .. }) = &mut socket.queues {
        // Not reported: the 0 is not the limit of the accept queue.
        *limit = None;
    }
    socket
}

/// A connection request, which is no full socket yet.
fn is_request(info: &ProtocolInfo, state: u8) -> bool {
    info.has_states && tcp_state(state) == State::SynReceived
}

/// The kernel's numbers that records and lines have in common.
struct RawCounters {
    state: u8,
    timer: u8,
    rqueue: u32,
    wqueue: u32,
    uid: u32,
    inode: u64,
    /// Whether it is known to be a full socket in a state that requests are in too: made by TCP Fast Open before the
    /// third step of the handshake, or by a simultaneous open.
    is_full_socket: bool,
}

impl RawCounters {
    /// Sets the fields that have a value. A row without an inode has no process, and its uid of 0 is no value. A
    /// minisock, in the table of TIME_WAIT or of requests, has no queues.
    fn apply(self, info: &ProtocolInfo, socket: &mut Socket) {
        let Self { state, timer, rqueue, wqueue, uid, inode, is_full_socket } = self;
        socket.socket_type = info.socket_type;
        if info.has_states {
            socket.state = Some(tcp_state(state));
        }
        let is_minisock = timer == TIMER_TIME_WAIT
            || state == states::TCP_TIME_WAIT
            || (is_request(info, state) && !is_full_socket);
        if !is_minisock {
            socket.queues = Some(match info.queues {
                QueueUnit::Bytes | QueueUnit::MemoryOrConnections if state == states::TCP_LISTEN => {
                    Queues::Accept { waiting: rqueue, limit: Some(wqueue) }
                }
                QueueUnit::Bytes => Queues::Bytes { receive: rqueue, send: wqueue },
                QueueUnit::Memory | QueueUnit::MemoryOrConnections => {
                    Queues::Memory { receive: rqueue, send: wqueue }
                }
            });
        }
        if inode != 0 {
            socket.identity = Some(Identity::Inode(inode));
        }
        if inode != 0 || uid != 0 {
            socket.uid = Some(uid);
        }
    }
}

/// An address in the form of requests.
pub(super) fn address_bytes(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        SocketAddr::V6(address) => address.ip().octets(),
    }
}

/// The identity of a row in a request for that socket; `None` for a row without IP addresses and ports.
pub(super) fn sock_id(socket: &Socket) -> Option<SockId> {
    let (local, remote) = (socket.local_addr()?, socket.remote_addr());
    Some(SockId {
        sport: local.port(),
        dport: remote.map_or(0, |remote| remote.port()),
        src: address_bytes(local),
        dst: remote.map_or([0; 16], address_bytes),
        interface: socket.interface.map_or(0, NonZeroU32::get),
        cookie: socket.cookie.map_or(u64::MAX, NonZeroU64::get),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::UnownedReason;
    use crate::sys::linux::protocols::{TCP, UDP};

    fn record(state: u8, inode: u32) -> InetDiagMsg {
        InetDiagMsg {
            family: AF_INET,
            state,
            timer: 0,
            retrans: 0,
            id: SockId {
                sport: 80,
                dport: 5000,
                src: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                dst: [127, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                interface: 0,
                cookie: 7,
            },
            expires_ms: 0,
            rqueue: 0,
            wqueue: 0,
            uid: 0,
            inode,
            shutdown: None,
            v6_only: None,
            protocol: None,
            mark: None,
            cgroup_id: None,
        }
    }

    #[test]
    fn time_wait_has_no_uid_inode_or_queues() {
        let socket = row(&record(states::TCP_TIME_WAIT, 0), &TCP).unwrap();
        assert_eq!((socket.uid, socket.inode(), socket.queues), (None, None, None));
        assert_eq!(socket.unowned_reason(), UnownedReason::TimeWait);
        assert_eq!(socket.remote.unwrap().to_string(), "127.0.0.2:5000");
    }

    #[test]
    fn fin_wait2_in_the_table_of_time_wait_is_an_orphan_without_queues() {
        let mut record = record(states::TCP_FIN_WAIT2, 0);
        record.timer = TIMER_TIME_WAIT;
        let socket = row(&record, &TCP).unwrap();
        assert_eq!((socket.uid, socket.queues), (None, None));
        assert_eq!(socket.unowned_reason(), UnownedReason::Orphan);
    }

    #[test]
    fn both_numbers_of_syn_recv_are_requests_without_owner() {
        for state in [states::TCP_SYN_RECV, states::TCP_NEW_SYN_RECV] {
            let socket = row(&record(state, 0), &TCP).unwrap();
            assert_eq!(socket.state, Some(State::SynReceived));
            assert_eq!((socket.uid, socket.queues), (None, None));
            assert_eq!(socket.unowned_reason(), UnownedReason::SynReceived);
        }
    }

    #[test]
    fn connection_in_the_accept_queue_has_queues_and_no_user() {
        let mut record = record(states::TCP_ESTABLISHED, 0);
        record.rqueue = 12;
        let socket = row(&record, &TCP).unwrap();
        assert_eq!((socket.uid, socket.queues), (None, Some(Queues::Bytes { receive: 12, send: 0 })));
        assert_eq!(socket.unowned_reason(), UnownedReason::AcceptQueue);
    }

    #[test]
    fn root_is_a_user_and_zero_bytes_are_a_queue_where_there_is_a_socket() {
        let socket = row(&record(states::TCP_ESTABLISHED, 9), &TCP).unwrap();
        assert_eq!(
            (socket.uid, socket.inode(), socket.queues),
            (Some(0), Some(9), Some(Queues::Bytes { receive: 0, send: 0 }))
        );
    }

    #[test]
    fn unknown_state_keeps_the_row_and_unknown_family_does_not_make_one() {
        let socket = row(&record(99, 9), &TCP).unwrap();
        assert_eq!(socket.state, Some(State::Other(99)));
        let mut foreign = record(1, 9);
        foreign.family = 1;
        assert_eq!(row(&foreign, &TCP), None);
    }

    #[test]
    fn scope_is_set_for_link_local_addresses_only() {
        let mut record = record(states::TCP_LISTEN, 9);
        record.family = AF_INET6;
        record.id.interface = 3;
        record.id.dport = 0;
        record.id.dst = [0; 16];
        record.id.src = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
        let socket = row(&record, &TCP).unwrap();
        assert_eq!(socket.local.to_string(), "[fe80::1%3]:80");
        assert_eq!((socket.remote, socket.interface), (None, NonZeroU32::new(3)));
        record.id.src = Ipv6Addr::LOCALHOST.octets();
        assert_eq!(row(&record, &TCP).unwrap().local.to_string(), "[::1]:80");
    }

    #[test]
    fn udp_with_the_number_of_established_has_no_state_and_is_not_pending() {
        let socket = row(&record(states::TCP_ESTABLISHED, 9), &UDP).unwrap();
        assert_eq!((socket.state, socket.queues), (None, Some(Queues::Memory { receive: 0, send: 0 })));
    }

    #[test]
    fn a_row_identifies_the_record_that_it_was_made_of() {
        let record = record(states::TCP_ESTABLISHED, 9);
        assert_eq!(sock_id(&row(&record, &TCP).unwrap()), Some(record.id));
    }

    fn line(state: u8, inode: u64) -> ProcNet {
        ProcNet {
            local: "127.0.0.1:80".parse().unwrap(),
            remote: "127.0.0.2:5000".parse().unwrap(),
            state,
            tx_queue: 0,
            rx_queue: 0,
            timer: 0,
            expires_ticks: 0,
            retransmits: 0,
            uid: 1000,
            probes: 0,
            inode,
        }
    }

    #[test]
    fn line_and_record_of_one_connection_make_one_row_but_for_the_cookie() {
        let mut record = record(states::TCP_ESTABLISHED, 9);
        record.uid = 1000;
        let mut expected = row(&record, &TCP).unwrap();
        expected.cookie = None;
        assert_eq!(row_of_line(&line(states::TCP_ESTABLISHED, 9), &TCP), expected);
    }

    #[test]
    fn connection_in_syn_recv_that_is_a_full_socket_has_its_queues() {
        // TCP Fast Open: data came with the SYN.
        let mut record = record(states::TCP_SYN_RECV, 0);
        (record.rqueue, record.shutdown) = (10, Some(0));
        let socket = row(&record, &TCP).unwrap();
        assert_eq!(
            (socket.state, socket.queues),
            (Some(State::SynReceived), Some(Queues::Bytes { receive: 10, send: 0 }))
        );
    }

    #[test]
    fn line_of_a_request_does_not_have_the_user_of_its_listener() {
        let socket = row_of_line(&line(states::TCP_SYN_RECV, 0), &TCP);
        assert_eq!((socket.uid, socket.queues, socket.inode()), (None, None, None));
    }

    #[test]
    fn line_of_time_wait_has_no_uid_inode_or_queues() {
        let mut line = line(states::TCP_TIME_WAIT, 0);
        (line.timer, line.uid) = (TIMER_TIME_WAIT, 0);
        let socket = row_of_line(&line, &TCP);
        assert_eq!((socket.uid, socket.inode(), socket.queues), (None, None, None));
    }

    #[test]
    fn line_of_a_listener_has_waiting_connections_and_no_limit_of_them() {
        let mut line = line(states::TCP_LISTEN, 9);
        (line.remote, line.rx_queue) = ("0.0.0.0:0".parse().unwrap(), 2);
        let socket = row_of_line(&line, &TCP);
        assert_eq!((socket.remote, socket.queues), (None, Some(Queues::Accept { waiting: 2, limit: None })));
        let socket = row_of_line(&line, &UDP);
        assert_eq!(
            (socket.state, socket.queues, socket.uid),
            (None, Some(Queues::Memory { receive: 2, send: 0 }), Some(1000))
        );
    }
}
