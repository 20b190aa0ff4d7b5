//! The protocols whose sockets are listed, and how the kernel's interfaces treat each. A further protocol is an
//! entry in this list.

use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::sys::linux::dedup::Repeats;
use netstat_wire::linux::inet_diag::{IPPROTO_TCP, IPPROTO_UDP};
use netstat_wire::linux::inet_diag_raw::IPPROTO_RAW;
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_CLOSING, TCP_ESTABLISHED, mask};

/// How the kernel's interfaces treat one protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProtocolInfo {
    /// The protocol of its rows; the number of a raw socket is that of the row.
    pub(crate) protocol: Protocol,
    /// The type of its sockets; `None`: they differ, and a dump does not report it.
    pub(crate) socket_type: Option<SocketType>,
    /// `IPPROTO_*`.
    pub(crate) number: u16,
    /// The states that its sockets can be in, as a mask of the kernel's numbers.
    pub(crate) states: u32,
    /// Whether these are states of a connection. A protocol without them borrows two of the numbers.
    pub(crate) has_states: bool,
    /// Whether the states and timers of its records have TCP's numbers, by which a request selects.
    pub(crate) has_tcp_numbers: bool,
    /// What its queues count.
    pub(crate) queues: QueueUnit,
    /// How it is dumped.
    pub(crate) dump: Dump,
    /// Whether the kernel runs a program over the sockets of a dump, and compares their ports with those of the request.
    pub(crate) has_program: bool,
    /// Whether one request finds, or closes, one socket by its ends and cookie.
    pub(crate) has_exact: bool,
    /// Whether sockets that are bound but idle have a table of their own, which a dump walks only on request and
    /// a lookup does not search.
    pub(crate) has_bound_inactive: bool,
    /// Whether a lookup names the socket as a packet that it receives does: its local end as the destination.
    pub(crate) lookup_by_packet: bool,
    /// Its file below `/proc/net`; the file for IPv6 has a 6 at the end. `None`: `/proc` has no such table.
    pub(crate) proc_file: Option<&'static str>,
    /// Where rows repeat when the table changes while it is read.
    pub(crate) repeats: Repeats,
}

/// What the queues of a protocol's sockets count.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueUnit {
    /// Bytes of data; of a listener, connections.
    Bytes,
    /// Kernel memory.
    Memory,
    /// Kernel memory; of a listener, connections.
    MemoryOrConnections,
}

/// How the sockets of a protocol are dumped.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dump {
    /// By the older request without attributes, for both families: TCP, on every kernel.
    Plain,
    /// By the older request with the attribute that names the protocol, for both families. A kernel that does not know
    /// the attribute ignores it and returns TCP; it gets a request for each family.
    ByAttribute,
    /// The same, of a protocol whose number has no place in the newer request.
    ByAttributeAlone,
    /// By the request of raw sockets, for each family.
    Raw,
    /// No request dumps them: the files in `/proc/net` are the only source.
    Never,
}

pub(crate) const TCP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Tcp,
    socket_type: Some(SocketType::Stream),
    number: IPPROTO_TCP as u16,
    // The mask of SYN_RECV also selects requests, which have a number of their own (12). Never more than that: the
    // pseudo state of bound but idle sockets makes the kernel walk another large table.
    states: first_states(TCP_CLOSING),
    has_states: true,
    has_tcp_numbers: true,
    queues: QueueUnit::Bytes,
    dump: Dump::Plain,
    has_program: true,
    has_exact: true,
    has_bound_inactive: true,
    lookup_by_packet: false,
    proc_file: Some("tcp"),
    // Its hash buckets are short.
    repeats: Repeats::AtChunkStart,
};

pub(crate) const UDP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Udp,
    socket_type: Some(SocketType::Datagram),
    number: IPPROTO_UDP as u16,
    // With a peer, and without.
    states: mask(TCP_ESTABLISHED) | mask(TCP_CLOSE),
    has_states: false,
    has_tcp_numbers: true,
    queues: QueueUnit::Memory,
    dump: Dump::ByAttribute,
    has_program: true,
    has_exact: true,
    has_bound_inactive: false,
    lookup_by_packet: true,
    proc_file: Some("udp"),
    // All sockets of one port are in one bucket.
    repeats: Repeats::Anywhere,
};

/// Gone since Linux 7.3.
pub(crate) const UDP_LITE: ProtocolInfo =
    ProtocolInfo { protocol: Protocol::UdpLite, number: IPPROTO_UDPLITE, proc_file: Some("udplite"), ..UDP };

/// Ping sockets, to which `sock_diag` is blind.
pub(crate) const ICMP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Icmp,
    number: IPPROTO_ICMP,
    dump: Dump::Never,
    has_program: false,
    has_exact: false,
    proc_file: Some("icmp"),
    ..UDP
};

/// Raw sockets of every IP protocol. A lookup finds any that receives from these ends, whatever its cookie.
pub(crate) const RAW: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Raw(0),
    socket_type: Some(SocketType::Raw),
    number: IPPROTO_RAW as u16,
    dump: Dump::Raw,
    has_exact: false,
    proc_file: Some("raw"),
    ..UDP
};

pub(crate) const SCTP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Sctp,
    socket_type: None,
    number: IPPROTO_SCTP,
    // The kernel selects by these coarsely; the states of associations have other numbers.
    states: first_states(TCP_CLOSING),
    has_states: true,
    has_tcp_numbers: false,
    queues: QueueUnit::MemoryOrConnections,
    dump: Dump::ByAttribute,
    has_program: false,
    has_exact: false,
    has_bound_inactive: false,
    lookup_by_packet: false,
    proc_file: Some("sctp"),
    repeats: Repeats::Anywhere,
};

/// Connections of MPTCP. The TCP sockets that carry them, their subflows, are in the table of TCP.
pub(crate) const MPTCP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Mptcp,
    socket_type: Some(SocketType::Stream),
    number: IPPROTO_MPTCP,
    states: first_states(TCP_CLOSING),
    has_states: true,
    has_tcp_numbers: true,
    queues: QueueUnit::MemoryOrConnections,
    dump: Dump::ByAttributeAlone,
    has_program: true,
    has_exact: false,
    has_bound_inactive: false,
    lookup_by_packet: false,
    proc_file: None,
    // Its sockets are in a hash table of their tokens.
    repeats: Repeats::AtChunkStart,
};

/// In the order in which they are listed. TCP is first: on a socket that has received its large datagrams, the
/// kernel makes those of the next dump large from the start.
pub(crate) const PROTOCOLS: [&ProtocolInfo; 7] = [&TCP, &UDP, &UDP_LITE, &ICMP, &RAW, &SCTP, &MPTCP];

/// `IPPROTO_*` of linux/in.h.
const IPPROTO_ICMP: u16 = 1;
const IPPROTO_UDPLITE: u16 = 136;
pub(crate) const IPPROTO_SCTP: u16 = 132;
pub(crate) const IPPROTO_MPTCP: u16 = 262;

impl ProtocolInfo {
    /// The entry of a protocol; `None` for one that is not listed.
    pub(crate) fn of(kind: impl Into<ProtocolKind>) -> Option<&'static Self> {
        let kind = kind.into();
        PROTOCOLS.into_iter().find(|info| info.protocol.kind() == kind)
    }

    /// Its number in the newer request.
    pub(crate) fn number_byte(&self) -> u8 {
        u8::try_from(self.number).unwrap_or_default()
    }

    /// Whether its sockets have ports: of a raw socket, the kernel has the IP protocol in that place.
    pub(crate) fn has_ports(&self) -> bool {
        self.dump != Dump::Raw
    }

    /// The numbers of its states, ascending.
    pub(crate) fn state_numbers(&self) -> impl Iterator<Item = u8> {
        numbers(self.states)
    }
}

/// The numbers of the states in a mask, ascending.
pub(crate) fn numbers(states: u32) -> impl Iterator<Item = u8> {
    (TCP_ESTABLISHED..=TCP_CLOSING).filter(move |number| states & mask(*number) != 0)
}

/// The mask of all states up to this one.
const fn first_states(last: u8) -> u32 {
    (mask(last) | (mask(last) - 1)) & !(mask(TCP_ESTABLISHED) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::linux::families::FAMILIES;

    #[test]
    fn each_protocol_has_the_entry_that_is_listed() {
        for info in PROTOCOLS {
            assert_eq!(ProtocolInfo::of(info.protocol), Some(info));
        }
        assert!(PROTOCOLS.is_sorted_by_key(|info| info.protocol));
        let of_families = FAMILIES.into_iter().map(|info| info.kind);
        let mut kinds: Vec<_> =
            PROTOCOLS.iter().map(|info| info.protocol.kind()).chain(of_families).collect();
        kinds.dedup();
        assert_eq!(crate::sys::support::LINUX.protocols, kinds);
    }

    #[test]
    fn states_are_those_of_sockets() {
        assert!(TCP.state_numbers().eq(1..=11));
        assert!(UDP.state_numbers().eq([1, 7]));
        assert_eq!(IPPROTO_SCTP, netstat_wire::linux::inet_diag_sctp::IPPROTO_SCTP.into());
        assert_eq!(u32::from(IPPROTO_MPTCP), netstat_wire::linux::mptcp_info::IPPROTO_MPTCP);
    }
}
