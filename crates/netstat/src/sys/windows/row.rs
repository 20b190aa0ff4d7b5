//! Makes rows of records. A zero that means "not there" becomes `None`.

use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::owner::{Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::protocol::{Protocol, SocketType};
use crate::model::socket::Socket;
use crate::model::state::State;
use netstat_wire::windows::mib_tcp_state as states;
use netstat_wire::windows::tcp_table::TcpRow;
use netstat_wire::windows::udp_table::UdpRow;
use std::net::SocketAddr;
use std::num::NonZeroU64;

/// `MIB_TCP_STATE` as a state.
pub(crate) fn tcp_state(number: u32) -> State {
    match number {
        // Bound only, which Linux calls closed too.
        states::MIB_TCP_STATE_CLOSED | states::MIB_TCP_STATE_RESERVED => State::Closed,
        states::MIB_TCP_STATE_LISTEN => State::Listen,
        states::MIB_TCP_STATE_SYN_SENT => State::SynSent,
        states::MIB_TCP_STATE_SYN_RCVD => State::SynReceived,
        states::MIB_TCP_STATE_ESTAB => State::Established,
        states::MIB_TCP_STATE_FIN_WAIT1 => State::FinWait1,
        states::MIB_TCP_STATE_FIN_WAIT2 => State::FinWait2,
        states::MIB_TCP_STATE_CLOSE_WAIT => State::CloseWait,
        states::MIB_TCP_STATE_CLOSING => State::Closing,
        states::MIB_TCP_STATE_LAST_ACK => State::LastAck,
        states::MIB_TCP_STATE_TIME_WAIT => State::TimeWait,
        states::MIB_TCP_STATE_DELETE_TCB => State::DeleteTcb,
        number => State::Other(u8::try_from(number).unwrap_or(u8::MAX)),
    }
}

/// Every state that a table may show.
pub(super) const STATES: [State; 13] = [
    State::Closed,
    State::Listen,
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
    State::DeleteTcb,
    State::Other(0),
];

/// Keeps the scope id of a link-local address, which is ambiguous without it, and clears all others. All ones is
/// Wine's "none".
fn clear_scope(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut address {
        let [first, second, ..] = v6.ip().octets();
        let link_local = v6.ip().is_unicast_link_local() || (first == 0xff && second & 0x0f == 2);
        if !link_local || v6.scope_id() == u32::MAX {
            v6.set_scope_id(0);
        }
    }
    address
}

/// A remote endpoint; all zeros is none.
fn remote(remote: SocketAddr) -> Option<Endpoint> {
    (remote.port() != 0 || !remote.ip().is_unspecified()).then(|| clear_scope(remote).into())
}

/// A row with the fields that TCP and UDP records share.
fn row(protocol: Protocol, socket_type: SocketType, local: SocketAddr, created: i64) -> Socket {
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    let mut socket = Socket::new(family, protocol, clear_scope(local));
    socket.socket_type = Some(socket_type);
    socket.created = u64::try_from(created).ok().and_then(NonZeroU64::new);
    socket
}

/// Sets the process that bound the endpoint, or the reason for having none.
fn set_owner(socket: &mut Socket, pid: u32) {
    if pid == 0 {
        let reason = unowned_reason(socket);
        socket.set_owners([], Ownership::None { reason });
    } else {
        // Never complete: processes that inherited or duplicated the socket are not reported.
        socket.set_owners([Owner::new(pid, None, OwnerRole::Binder)], Ownership::Known { complete: false });
    }
}

/// The row of a TCP endpoint.
pub(super) fn tcp(record: &TcpRow) -> Socket {
    let mut socket = row(Protocol::Tcp, SocketType::Stream, record.local, record.created);
    let state = tcp_state(record.state);
    socket.state = Some(state);
    // The remote endpoint of a listener is undefined.
    let has_remote = state != State::Listen && record.state != states::MIB_TCP_STATE_RESERVED;
    socket.remote = has_remote.then(|| remote(record.remote)).flatten();
    set_owner(&mut socket, record.pid);
    socket
}

/// The row of a UDP endpoint.
pub(super) fn udp(record: &UdpRow) -> Socket {
    let mut socket = row(Protocol::Udp, SocketType::Datagram, record.local, record.created);
    set_owner(&mut socket, record.pid);
    socket
}

/// Why a row has no process. Windows keeps the process of a connection until TIME_WAIT, so a connection without one in
/// another state is an orphan.
pub(super) fn unowned_reason(socket: &Socket) -> UnownedReason {
    match socket.state {
        // Not in the accept queue: connections there belong to the listener's process.
        Some(State::Established | State::CloseWait) => UnownedReason::Orphan,
        _ => socket.unowned_reason(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: u32, local: &str, remote: &str, pid: u32) -> TcpRow {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        TcpRow { state, local, remote, pid, created: 0, service_tag: 0 }
    }

    #[test]
    fn every_state_has_its_name_and_unknown_ones_keep_the_row() {
        let states: Vec<State> = (1..=12).chain([0]).map(tcp_state).collect();
        assert_eq!(states, STATES);
        for (number, kept) in [(0, 0), (13, 13), (99, 99), (101, 101), (u32::MAX, u8::MAX)] {
            assert_eq!(tcp_state(number), State::Other(kept));
        }
        assert_eq!(tcp_state(100), State::Closed);
    }

    #[test]
    fn remote_endpoint_of_a_listener_is_none_whatever_the_record_has() {
        let socket = tcp(&record(2, "0.0.0.0:80", "86.52.31.7:5123", 4));
        assert_eq!((socket.remote, socket.state), (None, Some(State::Listen)));
        let bound = tcp(&record(100, "0.0.0.0:80", "86.52.31.7:5123", 8));
        assert_eq!((bound.remote, bound.state), (None, Some(State::Closed)));
    }

    #[test]
    fn pid_zero_is_no_owner_and_the_state_gives_the_reason() {
        let socket = tcp(&record(11, "192.0.2.1:5000", "192.0.2.2:80", 0));
        assert_eq!(socket.owners(), []);
        assert_eq!(socket.ownership(), Ownership::None { reason: UnownedReason::TimeWait });
        let orphan = tcp(&record(7, "192.0.2.1:5000", "192.0.2.2:80", 0));
        assert_eq!(orphan.ownership(), Ownership::None { reason: UnownedReason::Orphan });
        let system = tcp(&record(2, "[::]:445", "[::]:0", 4));
        assert_eq!(system.owners(), [Owner::new(4, None, OwnerRole::Binder)]);
        assert_eq!(system.ownership(), Ownership::Known { complete: false });
    }

    #[test]
    fn only_link_local_addresses_keep_their_scope() {
        let local = |text: &str| tcp(&record(2, text, "[::]:0", 4)).local.to_string();
        assert_eq!(local("[fe80::1%12]:80"), "[fe80::1%12]:80");
        assert_eq!(local("[ff02::fb%12]:80"), "[ff02::fb%12]:80");
        assert_eq!(local("[::1%4096]:80"), "[::1]:80");
        assert_eq!(local("[fe80::1%4294967295]:80"), "[fe80::1]:80");
    }

    #[test]
    fn mapped_addresses_stay_mapped() {
        let socket = tcp(&record(5, "[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.2]:5000", 8));
        assert_eq!(socket.local.to_string(), "[::ffff:192.0.2.1]:80");
    }

    #[test]
    fn udp_has_no_state_and_no_remote_endpoint() {
        let record = UdpRow {
            local: "0.0.0.0:53".parse().unwrap(),
            pid: 8,
            created: 133_497_504_000_000_000,
            service_tag: 0,
        };
        assert_eq!((udp(&record).state, udp(&record).remote), (None, None));
        assert!(udp(&record).created.is_some());
    }
}
