//! What a query lets through. One mechanism: back ends read from it what they may leave out, and the
//! predicate here decides, whatever the kernel has filtered already.

use crate::owner::Owner;
use crate::socket::{Family, Protocol, Socket};
use crate::tcp_state::TcpState;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// A set of TCP states, one bit each.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct States(u16);

impl States {
    fn insert(&mut self, state: TcpState) {
        self.0 |= 1 << (state as u8);
    }

    pub(crate) fn contains(self, state: TcpState) -> bool {
        self.0 & (1 << (state as u8)) != 0
    }
}

/// The terms of a query. Terms of one kind unite, terms of different kinds narrow; no term of a kind lets
/// everything through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    protocols: Vec<Protocol>,
    families: Vec<Family>,
    states: Option<States>,
    listening: bool,
    local_ports: Vec<RangeInclusive<u16>>,
    remote_ports: Vec<RangeInclusive<u16>>,
    ports: Vec<RangeInclusive<u16>>,
    uids: Vec<u32>,
    pids: Vec<u32>,
    process_names: Vec<OsString>,
    services: bool,
}

/// Whether a list of alternatives, if there is any, holds one that fits.
fn any<T>(alternatives: &[T], fits: impl Fn(&T) -> bool) -> bool {
    alternatives.is_empty() || alternatives.iter().any(fits)
}

impl Filter {
    pub(crate) fn add_protocol(&mut self, protocol: Protocol) {
        self.protocols.push(protocol);
    }

    pub(crate) fn add_family(&mut self, family: Family) {
        self.families.push(family);
    }

    pub(crate) fn add_state(&mut self, state: TcpState) {
        self.states.get_or_insert_default().insert(state);
    }

    pub(crate) fn add_listening(&mut self) {
        self.listening = true;
    }

    pub(crate) fn add_local_ports(&mut self, ports: RangeInclusive<u16>) {
        self.local_ports.push(ports);
    }

    pub(crate) fn add_remote_ports(&mut self, ports: RangeInclusive<u16>) {
        self.remote_ports.push(ports);
    }

    pub(crate) fn add_ports(&mut self, ports: RangeInclusive<u16>) {
        self.ports.push(ports);
    }

    pub(crate) fn add_uid(&mut self, uid: u32) {
        self.uids.push(uid);
    }

    pub(crate) fn add_pid(&mut self, pid: u32) {
        self.pids.push(pid);
    }

    pub(crate) fn add_process_name(&mut self, name: OsString) {
        self.process_names.push(name);
    }

    pub(crate) fn set_services(&mut self, services: bool) {
        self.services = services;
    }

    /// Whether rows should tell the service that made them.
    #[allow(dead_code, reason = "some systems have services, and some do not")]
    pub(crate) fn wants_services(&self) -> bool {
        self.services
    }

    /// Whether this state is asked for by name, and not only because none is.
    #[allow(dead_code, reason = "some systems have sockets that are listed only when asked for by name")]
    pub(crate) fn names_state(&self, state: TcpState) -> bool {
        self.states.is_some_and(|states| states.contains(state))
    }

    pub(crate) fn wants_protocol(&self, protocol: Protocol) -> bool {
        any(&self.protocols, |p| *p == protocol)
    }

    pub(crate) fn wants_family(&self, family: Family) -> bool {
        any(&self.families, |f| *f == family)
    }

    /// Whether a socket in this state may pass. A UDP socket counts as ESTABLISHED when it has a remote
    /// end and as CLOSED when it has none, in the kernel as in `ss`.
    pub(crate) fn wants_state(&self, protocol: Protocol, state: TcpState) -> bool {
        let listening = match protocol {
            Protocol::Tcp => TcpState::Listen,
            Protocol::Udp => TcpState::Closed,
        };
        match self.states {
            None if !self.listening => true,
            states => states.unwrap_or_default().contains(state) || (self.listening && state == listening),
        }
    }

    /// The one local port that a row must have, if there is one.
    #[allow(dead_code, reason = "of use where the kernel can be asked for less")]
    pub(crate) fn single_local_port(&self) -> Option<u16> {
        match &self.local_ports[..] {
            [ports] if ports.start() == ports.end() => Some(*ports.start()),
            _ => None,
        }
    }

    /// Whether it names more than protocols, families and states.
    #[allow(dead_code, reason = "of use where the kernel counts")]
    pub(crate) fn narrows_beyond_states(&self) -> bool {
        !(self.local_ports.is_empty()
            && self.remote_ports.is_empty()
            && self.ports.is_empty()
            && self.uids.is_empty()
            && self.pids.is_empty()
            && self.process_names.is_empty())
    }

    /// The processes of which one must be among the owners; empty: any.
    pub(crate) fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// The names of which one of the owners must have one; empty: any.
    pub(crate) fn process_names(&self) -> &[OsString] {
        &self.process_names
    }

    /// Whether a row passes, as far as that can be told without its owners.
    pub(crate) fn matches(&self, socket: &Socket) -> bool {
        let state = match (socket.state, socket.remote) {
            (Some(state), _) => state,
            (None, Some(_)) => TcpState::Established,
            (None, None) => TcpState::Closed,
        };
        let local = socket.local.port();
        let remote = socket.remote.map(|remote| remote.port());
        let is_remote = |ports: &RangeInclusive<u16>| remote.is_some_and(|port| ports.contains(&port));
        self.wants_protocol(socket.protocol)
            && self.wants_family(socket.family)
            && self.wants_state(socket.protocol, state)
            && any(&self.local_ports, |ports| ports.contains(&local))
            && any(&self.remote_ports, is_remote)
            && any(&self.ports, |ports| ports.contains(&local) || is_remote(ports))
            && any(&self.uids, |uid| socket.uid == Some(*uid))
    }

    /// Whether a row with these owners passes, their names left aside.
    pub(crate) fn matches_owners(&self, owners: &[Owner]) -> bool {
        any(&self.pids, |pid| owners.iter().any(|owner| owner.pid == *pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn socket(protocol: Protocol, local: &str, remote: Option<&str>, state: Option<TcpState>) -> Socket {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mut socket = Socket::new(protocol, address(local));
        socket.remote = remote.map(address);
        socket.state = state;
        socket
    }

    #[test]
    fn no_terms_let_everything_through() {
        let filter = Filter::default();
        assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(TcpState::Unknown))));
        assert!(filter.matches(&socket(Protocol::Udp, "[::1]:1", None, None)));
        assert!(filter.matches_owners(&[]));
    }

    #[test]
    fn terms_of_one_kind_unite_and_of_different_kinds_narrow() {
        let mut filter = Filter::default();
        filter.add_protocol(Protocol::Tcp);
        filter.add_protocol(Protocol::Udp);
        filter.add_local_ports(22..=22);
        filter.add_local_ports(80..=89);
        assert!(filter.matches(&socket(Protocol::Udp, "127.0.0.1:85", None, None)));
        assert!(!filter.matches(&socket(Protocol::Udp, "127.0.0.1:90", None, None)));
        filter.add_family(Family::Ipv6);
        assert!(!filter.matches(&socket(Protocol::Udp, "127.0.0.1:85", None, None)));
        assert_eq!(filter.single_local_port(), None);
    }

    #[test]
    fn listening_is_tcp_listen_and_udp_without_remote() {
        let mut filter = Filter::default();
        filter.add_listening();
        let remote = Some("127.0.0.1:9");
        assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(TcpState::Listen))));
        assert!(!filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(TcpState::Closed))));
        assert!(filter.matches(&socket(Protocol::Udp, "127.0.0.1:1", None, None)));
        assert!(!filter.matches(&socket(Protocol::Udp, "127.0.0.1:1", remote, None)));
        filter.add_state(TcpState::Established);
        assert!(filter.matches(&socket(Protocol::Udp, "127.0.0.1:1", remote, None)));
        assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", remote, Some(TcpState::Established))));
        assert!(filter.matches(&socket(Protocol::Tcp, "127.0.0.1:1", None, Some(TcpState::Listen))));
    }

    #[test]
    fn a_port_is_local_or_remote_and_a_remote_port_is_remote() {
        let mut either = Filter::default();
        either.add_ports(443..=443);
        let mut remote = Filter::default();
        remote.add_remote_ports(443..=443);
        let client = socket(Protocol::Tcp, "127.0.0.1:5000", Some("127.0.0.1:443"), Some(TcpState::SynSent));
        let server = socket(Protocol::Tcp, "127.0.0.1:443", None, Some(TcpState::Listen));
        assert!(either.matches(&client) && either.matches(&server));
        assert!(remote.matches(&client) && !remote.matches(&server));
    }
}
