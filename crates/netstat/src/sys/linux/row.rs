//! From a record of the kernel to a row, with the rule that a zero which means "not there" is no value.

use crate::model::socket::{Family, Identity, Protocol, Socket};
use crate::model::tcp_state::TcpState;
use crate::sys::linux::protocols::ProtocolInfo;
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6, InetDiagMsg, SockId};
use netstat_wire::linux::proc_net::ProcNet;
use netstat_wire::linux::tcp_states as states;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroU32, NonZeroU64};

/// `idiag_timer` of minisocks in the table of TIME_WAIT.
const TIMER_TIME_WAIT: u8 = 3;

/// `AF_*`.
pub(crate) const fn address_family(family: Family) -> u8 {
    match family {
        Family::Ipv4 => AF_INET,
        Family::Ipv6 => AF_INET6,
    }
}

/// The kernel's number of a TCP state, include/net/tcp_states.h.
pub(crate) fn tcp_state(number: u8) -> TcpState {
    match number {
        states::TCP_ESTABLISHED => TcpState::Established,
        states::TCP_SYN_SENT => TcpState::SynSent,
        states::TCP_SYN_RECV | states::TCP_NEW_SYN_RECV => TcpState::SynReceived,
        states::TCP_FIN_WAIT1 => TcpState::FinWait1,
        states::TCP_FIN_WAIT2 => TcpState::FinWait2,
        states::TCP_TIME_WAIT => TcpState::TimeWait,
        states::TCP_CLOSE | states::TCP_BOUND_INACTIVE => TcpState::Closed,
        states::TCP_CLOSE_WAIT => TcpState::CloseWait,
        states::TCP_LAST_ACK => TcpState::LastAck,
        states::TCP_LISTEN => TcpState::Listen,
        states::TCP_CLOSING => TcpState::Closing,
        _ => TcpState::Unknown,
    }
}

/// One end of a socket. A link-local address means nothing without its interface, which the kernel reports as
/// the one that the socket is bound to.
fn end(family: Family, address: &[u8; 16], port: u16, interface: u32) -> SocketAddr {
    match family {
        Family::Ipv4 => {
            let [a, b, c, d, ..] = *address;
            SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into()
        }
        Family::Ipv6 => {
            let address = Ipv6Addr::from(*address);
            let [first, second, ..] = address.octets();
            let link_local = address.is_unicast_link_local() || (first == 0xff && second & 0x0f == 2);
            let scope_id = if link_local { interface } else { 0 };
            SocketAddrV6::new(address, port, 0, scope_id).into()
        }
    }
}

/// The row of a record; `None` for a family that is no IP.
pub(super) fn row(record: &InetDiagMsg, protocol: Protocol) -> Option<Socket> {
    let InetDiagMsg { state, timer, rqueue, wqueue, uid, inode, v6_only, .. } = *record;
    let SockId { sport, dport, src, dst, interface, cookie } = record.id;
    let family = match record.family {
        AF_INET => Family::Ipv4,
        AF_INET6 => Family::Ipv6,
        _ => return None,
    };
    let mut socket = Socket::new(protocol, end(family, &src, sport, interface));
    socket.family = family;
    if dport != 0 || dst != [0; 16] {
        socket.remote = Some(end(family, &dst, dport, interface));
    }
    // The kernel adds the attribute to full sockets only.
    let is_full_socket = record.shutdown.is_some();
    RawCounters { state, timer, rqueue, wqueue, uid, inode: inode.into(), is_full_socket }.apply(&mut socket);
    socket.cookie = if cookie == u64::MAX { None } else { NonZeroU64::new(cookie) };
    socket.interface = NonZeroU32::new(interface);
    socket.v6_only = v6_only;
    Some(socket)
}

/// The row of a line of `/proc/net`, which has less.
pub(super) fn row_of_line(line: &ProcNet, protocol: Protocol) -> Socket {
    let ProcNet { local, remote, state, tx_queue, rx_queue, timer, uid, inode, .. } = *line;
    let mut socket = Socket::new(protocol, local);
    if remote.port() != 0 || !remote.ip().is_unspecified() {
        socket.remote = Some(remote);
    }
    // The line of a request has the user of its listener.
    let uid = if inode == 0 && is_request(protocol, state) { 0 } else { uid };
    let (rqueue, wqueue, is_full_socket) = (rx_queue, tx_queue, false);
    RawCounters { state, timer, rqueue, wqueue, uid, inode, is_full_socket }.apply(&mut socket);
    if socket.state == Some(TcpState::Listen) {
        // Not reported: the 0 is not the limit of the accept queue.
        socket.tx_queue = None;
    }
    socket
}

/// A connection request, which is no full socket yet.
fn is_request(protocol: Protocol, state: u8) -> bool {
    ProtocolInfo::of(protocol).has_states && tcp_state(state) == TcpState::SynReceived
}

/// What both sources of rows have in the kernel's own numbers.
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
    /// Sets what is a value. A row without an inode has no process, and its zeros are no values. A minisock, in the
    /// table of TIME_WAIT or of requests, has no queues. A connection that has not been accepted has queues, but no
    /// user.
    fn apply(self, socket: &mut Socket) {
        let Self { state, timer, rqueue, wqueue, uid, inode, is_full_socket } = self;
        if ProtocolInfo::of(socket.protocol).has_states {
            socket.state = Some(tcp_state(state));
        }
        let is_minisock = timer == TIMER_TIME_WAIT
            || state == states::TCP_TIME_WAIT
            || (is_request(socket.protocol, state) && !is_full_socket);
        let is_pending = inode == 0 && matches!(state, states::TCP_ESTABLISHED | states::TCP_CLOSE_WAIT);
        if !is_minisock {
            let queue = |bytes: u32| (bytes != 0 || !is_pending).then_some(bytes);
            socket.rx_queue = queue(rqueue);
            socket.tx_queue = queue(wqueue);
        }
        if inode != 0 {
            socket.identity = Some(Identity::Inode(inode));
        }
        if inode != 0 || uid != 0 {
            socket.uid = Some(uid);
        }
    }
}

/// The identity of a row, as a request for that socket has it.
pub(super) fn sock_id(socket: &Socket) -> SockId {
    let bytes = |address: SocketAddr| match address {
        SocketAddr::V4(address) => {
            let mut bytes = [0; 16];
            for (to, from) in bytes.iter_mut().zip(address.ip().octets()) {
                *to = from;
            }
            bytes
        }
        SocketAddr::V6(address) => address.ip().octets(),
    };
    SockId {
        sport: socket.local.port(),
        dport: socket.remote.map_or(0, |remote| remote.port()),
        src: bytes(socket.local),
        dst: socket.remote.map_or([0; 16], bytes),
        interface: socket.interface.map_or(0, NonZeroU32::get),
        cookie: socket.cookie.map_or(u64::MAX, NonZeroU64::get),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::NoOwner;

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
        let socket = row(&record(states::TCP_TIME_WAIT, 0), Protocol::Tcp).unwrap();
        assert_eq!((socket.uid, socket.inode(), socket.rx_queue, socket.tx_queue), (None, None, None, None));
        assert_eq!(socket.unowned_reason(), NoOwner::TimeWait);
        assert_eq!(socket.remote.unwrap().to_string(), "127.0.0.2:5000");
    }

    #[test]
    fn fin_wait2_in_the_table_of_time_wait_is_an_orphan_without_queues() {
        let mut record = record(states::TCP_FIN_WAIT2, 0);
        record.timer = TIMER_TIME_WAIT;
        let socket = row(&record, Protocol::Tcp).unwrap();
        assert_eq!((socket.uid, socket.rx_queue), (None, None));
        assert_eq!(socket.unowned_reason(), NoOwner::Orphan);
    }

    #[test]
    fn both_numbers_of_syn_recv_are_requests_without_owner() {
        for state in [states::TCP_SYN_RECV, states::TCP_NEW_SYN_RECV] {
            let socket = row(&record(state, 0), Protocol::Tcp).unwrap();
            assert_eq!(socket.state, Some(TcpState::SynReceived));
            assert_eq!((socket.uid, socket.rx_queue), (None, None));
            assert_eq!(socket.unowned_reason(), NoOwner::SynReceived);
        }
    }

    #[test]
    fn connection_in_the_accept_queue_keeps_waiting_bytes_but_no_zeros() {
        let mut record = record(states::TCP_ESTABLISHED, 0);
        record.rqueue = 12;
        let socket = row(&record, Protocol::Tcp).unwrap();
        assert_eq!((socket.uid, socket.rx_queue, socket.tx_queue), (None, Some(12), None));
        assert_eq!(socket.unowned_reason(), NoOwner::AcceptQueue);
    }

    #[test]
    fn root_is_a_user_and_zero_bytes_are_a_queue_where_there_is_a_socket() {
        let socket = row(&record(states::TCP_ESTABLISHED, 9), Protocol::Tcp).unwrap();
        assert_eq!((socket.uid, socket.inode(), socket.rx_queue), (Some(0), Some(9), Some(0)));
    }

    #[test]
    fn unknown_state_keeps_the_row_and_unknown_family_does_not_make_one() {
        let socket = row(&record(99, 9), Protocol::Tcp).unwrap();
        assert_eq!(socket.state, Some(TcpState::Unknown));
        let mut foreign = record(1, 9);
        foreign.family = 1;
        assert_eq!(row(&foreign, Protocol::Tcp), None);
    }

    #[test]
    fn scope_is_set_for_link_local_addresses_only() {
        let mut record = record(states::TCP_LISTEN, 9);
        record.family = AF_INET6;
        record.id.interface = 3;
        record.id.dport = 0;
        record.id.dst = [0; 16];
        record.id.src = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
        let socket = row(&record, Protocol::Tcp).unwrap();
        assert_eq!(socket.local.to_string(), "[fe80::1%3]:80");
        assert_eq!((socket.remote, socket.interface), (None, NonZeroU32::new(3)));
        record.id.src = Ipv6Addr::LOCALHOST.octets();
        assert_eq!(row(&record, Protocol::Tcp).unwrap().local.to_string(), "[::1]:80");
    }

    #[test]
    fn udp_with_the_number_of_established_has_no_state_and_is_not_pending() {
        let socket = row(&record(states::TCP_ESTABLISHED, 9), Protocol::Udp).unwrap();
        assert_eq!((socket.state, socket.rx_queue), (None, Some(0)));
    }

    #[test]
    fn a_row_identifies_the_record_that_it_was_made_of() {
        let record = record(states::TCP_ESTABLISHED, 9);
        assert_eq!(sock_id(&row(&record, Protocol::Tcp).unwrap()), record.id);
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
        let mut expected = row(&record, Protocol::Tcp).unwrap();
        expected.cookie = None;
        assert_eq!(row_of_line(&line(states::TCP_ESTABLISHED, 9), Protocol::Tcp), expected);
    }

    #[test]
    fn connection_in_syn_recv_that_is_a_full_socket_has_its_queues() {
        // TCP Fast Open: data came with the SYN.
        let mut record = record(states::TCP_SYN_RECV, 0);
        (record.rqueue, record.shutdown) = (10, Some(0));
        let socket = row(&record, Protocol::Tcp).unwrap();
        assert_eq!((socket.state, socket.rx_queue), (Some(TcpState::SynReceived), Some(10)));
    }

    #[test]
    fn line_of_a_request_does_not_have_the_user_of_its_listener() {
        let socket = row_of_line(&line(states::TCP_SYN_RECV, 0), Protocol::Tcp);
        assert_eq!((socket.uid, socket.rx_queue, socket.inode()), (None, None, None));
    }

    #[test]
    fn line_of_time_wait_has_no_uid_inode_or_queues() {
        let mut line = line(states::TCP_TIME_WAIT, 0);
        (line.timer, line.uid) = (TIMER_TIME_WAIT, 0);
        let socket = row_of_line(&line, Protocol::Tcp);
        assert_eq!((socket.uid, socket.inode(), socket.rx_queue, socket.tx_queue), (None, None, None, None));
    }

    #[test]
    fn line_of_a_listener_has_waiting_connections_and_no_limit_of_them() {
        let mut line = line(states::TCP_LISTEN, 9);
        (line.remote, line.rx_queue) = ("0.0.0.0:0".parse().unwrap(), 2);
        let socket = row_of_line(&line, Protocol::Tcp);
        assert_eq!((socket.remote, socket.rx_queue, socket.tx_queue), (None, Some(2), None));
        let socket = row_of_line(&line, Protocol::Udp);
        assert_eq!((socket.state, socket.tx_queue, socket.uid), (None, Some(0), Some(1000)));
    }
}
