//! The protocols whose sockets are listed, and how the kernel's interfaces treat each. A further protocol is an
//! entry in this list.

use crate::model::protocol::{Protocol, SocketType};
use crate::model::protocol_kind::ProtocolKind;
use crate::sys::linux::dedup::Repeats;
use netstat_wire::linux::inet_diag::{IPPROTO_TCP, IPPROTO_UDP};
use netstat_wire::linux::tcp_states::{TCP_CLOSE, TCP_CLOSING, TCP_ESTABLISHED, mask};

/// How the kernel's interfaces treat one protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProtocolInfo {
    pub(crate) protocol: Protocol,
    /// The type of its sockets.
    pub(crate) socket_type: SocketType,
    /// `IPPROTO_*`.
    pub(crate) number: u8,
    /// The states that its sockets can be in, as a mask of the kernel's numbers.
    pub(crate) states: u32,
    /// Whether these are states of a connection, and its queues count bytes of data. A protocol without them borrows
    /// two of the numbers, and its queues count kernel memory.
    pub(crate) has_states: bool,
    /// The request that returns IPv4 and IPv6 in one dump.
    pub(crate) one_pass: OnePass,
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

/// How one dump returns both families of a protocol.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnePass {
    /// The older request without attributes: TCP, on every kernel.
    Plain,
    /// The older request with the attribute that names the protocol. A kernel that does not know the attribute
    /// ignores it and returns TCP.
    ByAttribute,
}

pub(crate) const TCP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Tcp,
    socket_type: SocketType::Stream,
    number: IPPROTO_TCP,
    // The mask of SYN_RECV also selects requests, which have a number of their own (12). Never more than that: the
    // pseudo state of bound but idle sockets makes the kernel walk another large table.
    states: first_states(TCP_CLOSING),
    has_states: true,
    one_pass: OnePass::Plain,
    has_bound_inactive: true,
    lookup_by_packet: false,
    proc_file: Some("tcp"),
    // Its hash buckets are short.
    repeats: Repeats::AtChunkStart,
};

pub(crate) const UDP: ProtocolInfo = ProtocolInfo {
    protocol: Protocol::Udp,
    socket_type: SocketType::Datagram,
    number: IPPROTO_UDP,
    // With a peer, and without.
    states: mask(TCP_ESTABLISHED) | mask(TCP_CLOSE),
    has_states: false,
    one_pass: OnePass::ByAttribute,
    has_bound_inactive: false,
    lookup_by_packet: true,
    proc_file: Some("udp"),
    // All sockets of one port are in one bucket.
    repeats: Repeats::Anywhere,
};

/// In the order in which they are listed. TCP is first: on a socket that has received its large datagrams, the
/// kernel makes those of the next dump large from the start.
pub(crate) const PROTOCOLS: [&ProtocolInfo; 2] = [&TCP, &UDP];

impl ProtocolInfo {
    /// The entry of a protocol; `None` for one that is not listed.
    pub(crate) fn of(kind: impl Into<ProtocolKind>) -> Option<&'static Self> {
        let kind = kind.into();
        PROTOCOLS.into_iter().find(|info| info.protocol.kind() == kind)
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
    }
}
