//! Rows of raw and ping sockets. The kernel keeps in place of a raw socket's port its IP protocol, in place of a ping
//! socket's the identifier of its echo requests. Neither has a remote port.

use crate::model::endpoint::Endpoint;
use crate::model::family::Family;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::sys::linux::protocols::{ProtocolInfo, RAW};
use crate::sys::linux::row;
use netstat_wire::linux::inet_diag::InetDiagMsg;
use netstat_wire::linux::proc_net::ProcNet;
use std::net::SocketAddr;

/// The row of a raw socket's record.
pub(super) fn row_of_family(family: Family, record: &InetDiagMsg) -> Socket {
    let mut socket = row::row_of_family(family, record, &RAW);
    // The attribute is there since Linux 4.2, and the request since 4.10.
    socket.protocol = Protocol::Raw(record.protocol.unwrap_or_else(|| low_byte(record.id.sport)));
    socket.local = without_port(socket.local);
    socket.remote = socket.remote.map(without_port);
    socket
}

/// The row of a line in the file of raw or ping sockets.
pub(super) fn row_of_line(line: &ProcNet, info: &ProtocolInfo) -> Socket {
    let mut socket = row::row_of_line(line, info);
    socket.remote = socket.remote.map(without_port);
    if let Protocol::Raw(_) = info.protocol {
        socket.protocol = Protocol::Raw(low_byte(line.local.port()));
        socket.local = without_port(socket.local);
    }
    socket
}

/// IP protocols have one byte.
fn low_byte(number: u16) -> u8 {
    let [_, low] = number.to_be_bytes();
    low
}

fn without_port(end: Endpoint) -> Endpoint {
    match end {
        Endpoint::Ip(SocketAddr::V4(addr)) => Endpoint::Address { ip: (*addr.ip()).into(), scope_id: 0 },
        Endpoint::Ip(SocketAddr::V6(addr)) => {
            Endpoint::Address { ip: (*addr.ip()).into(), scope_id: addr.scope_id() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::queues::Queues;
    use crate::sys::linux::protocols::ICMP;
    use netstat_wire::linux::inet_diag::{AF_INET6, SockId};
    use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_ESTABLISHED};
    use std::net::{IpAddr, Ipv6Addr};

    fn address(text: &str, scope_id: u32) -> Endpoint {
        Endpoint::Address { ip: text.parse::<IpAddr>().unwrap(), scope_id }
    }

    fn line(local: &str, remote: &str, state: u8) -> ProcNet {
        ProcNet {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            state,
            tx_queue: 0,
            rx_queue: 768,
            timer: 0,
            expires_ticks: 0,
            retransmits: 0,
            uid: 1000,
            probes: 0,
            inode: 9,
        }
    }

    #[test]
    fn raw_socket_has_addresses_without_ports_and_its_ip_protocol() {
        let link_local = "fe80::1".parse::<Ipv6Addr>().unwrap().octets();
        let mut record = InetDiagMsg {
            family: AF_INET6,
            state: TCP_CLOSE,
            timer: 0,
            retrans: 0,
            id: SockId { sport: 58, dport: 0, src: link_local, dst: [0; 16], interface: 3, cookie: 7 },
            expires_ms: 0,
            rqueue: 768,
            wqueue: 0,
            uid: 1000,
            inode: 9,
            shutdown: Some(0),
            v6_only: None,
            protocol: Some(58),
            mark: None,
            cgroup_id: None,
        };
        let socket = row_of_family(Family::Ipv6, &record);
        assert_eq!((socket.protocol, &socket.local), (Protocol::Raw(58), &address("fe80::1", 3)));
        assert_eq!((&socket.remote, socket.state, socket.inode()), (&None, None, Some(9)));
        assert_eq!(socket.queues, Some(Queues::Memory { receive: 768, send: 0 }));
        assert!(socket.is_listening() && socket.local_addr().is_none());

        (record.state, record.protocol) = (TCP_ESTABLISHED, None);
        record.id.dst = Ipv6Addr::LOCALHOST.octets();
        let socket = row_of_family(Family::Ipv6, &record);
        assert_eq!((socket.protocol, socket.remote), (Protocol::Raw(58), Some(address("::1", 0))));
    }

    #[test]
    fn line_of_a_raw_socket_makes_the_same_row_but_for_the_cookie() {
        let socket = row_of_line(&line("127.0.0.1:1", "127.0.0.2:0", TCP_ESTABLISHED), &RAW);
        assert_eq!((socket.protocol, &socket.local), (Protocol::Raw(1), &address("127.0.0.1", 0)));
        assert_eq!(socket.remote, Some(address("127.0.0.2", 0)));
        assert_eq!((socket.uid, socket.inode(), socket.cookie), (Some(1000), Some(9), None));
        assert_eq!(row_of_line(&line("0.0.0.0:255", "0.0.0.0:0", TCP_CLOSE), &RAW).remote, None);
    }

    #[test]
    fn ping_socket_is_bound_to_an_identifier_and_its_peer_has_no_port() {
        let socket = row_of_line(&line("127.0.0.1:77", "127.0.0.2:0", TCP_ESTABLISHED), &ICMP);
        assert_eq!((socket.protocol, socket.local.port()), (Protocol::Icmp, Some(77)));
        assert_eq!((socket.remote, socket.state), (Some(address("127.0.0.2", 0)), None));
    }
}
