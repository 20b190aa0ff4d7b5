//! The rows of a pass by their network namespaces and protocols.

use super::plan::Plan;
use super::rows::{ProtocolRows, holder};
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::owner::{Owners, Ownership};
use crate::model::protocol::Protocol;
use crate::query::Query;
use crate::sys::linux::netns::{MAX_PLACES, SocketHolder};
use crate::sys::linux::owners::bpf::SocketRow;
use crate::sys::linux::protocols::{TCP, UDP};
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6};
use netstat_wire::linux::tcp_states as states;
use std::collections::{BTreeMap, HashMap};

/// `SOCK_STREAM` and `SOCK_DGRAM` of linux/net.h.
pub(super) const SOCK_STREAM: u16 = 1;
pub(super) const SOCK_DGRAM: u16 = 2;

/// The rows of a pass, while it runs.
pub(super) struct Pass<'q> {
    query: &'q Query,
    ownership: Ownership,
    pub(super) of_namespaces: Vec<NamespaceRows>,
    /// The places of the namespaces, by their numbers, and that of the last row.
    places: HashMap<u32, usize>,
    last: Option<(u32, usize)>,
    /// Sockets of other namespaces, if these are looked for.
    others: Option<BTreeMap<u64, Vec<SocketHolder>>>,
}

/// A network namespace that is listed.
#[derive(Copy, Clone, Debug)]
pub(super) struct InNamespace {
    pub(super) number: u32,
    /// What its rows have.
    pub(super) netns: Option<NetnsId>,
    pub(super) plan: Plan,
    /// How many sockets it has, about.
    pub(super) sockets: u64,
}

/// The rows of a namespace.
pub(super) struct NamespaceRows {
    netns: Option<NetnsId>,
    tcp: Option<ProtocolRows>,
    udp: Option<ProtocolRows>,
}

impl<'q> Pass<'q> {
    /// `finds_all`: a holder that the pass does not see is none.
    pub(super) fn new(query: &'q Query, namespaces: &[InNamespace], finds_all: bool) -> Self {
        let rows = |of: &InNamespace| NamespaceRows {
            netns: of.netns,
            // The rows of UDP follow.
            tcp: of.plan.tcp.then(|| ProtocolRows::for_about(of.sockets)),
            udp: of.plan.udp.then(ProtocolRows::default),
        };
        Self {
            query,
            ownership: Ownership::Known { complete: finds_all },
            of_namespaces: namespaces.iter().map(rows).collect(),
            places: namespaces.iter().map(|of| of.number).zip(0..).collect(),
            last: None,
            others: None,
        }
    }

    /// Looks for sockets of other namespaces too.
    pub(super) fn looking_for_more(self) -> Self {
        Self { others: Some(BTreeMap::new()), ..self }
    }

    /// The same without rows, for another thread.
    pub(super) fn without_rows(&self) -> Self {
        Self {
            query: self.query,
            ownership: self.ownership,
            of_namespaces: self.empty_rows(),
            places: self.places.clone(),
            last: None,
            others: self.others.as_ref().map(|_| BTreeMap::new()),
        }
    }

    /// No rows, of the same namespaces.
    pub(super) fn empty_rows(&self) -> Vec<NamespaceRows> {
        let empty = |rows: &Option<ProtocolRows>| rows.as_ref().map(|_| ProtocolRows::default());
        let of =
            |of: &NamespaceRows| NamespaceRows { netns: of.netns, tcp: empty(&of.tcp), udp: empty(&of.udp) };
        self.of_namespaces.iter().map(of).collect()
    }

    /// Moves rows here, of the same namespaces.
    pub(super) fn append(&mut self, rows: &mut [NamespaceRows]) {
        for (own, other) in self.of_namespaces.iter_mut().zip(rows) {
            for (own, other) in [(&mut own.tcp, &mut other.tcp), (&mut own.udp, &mut other.udp)] {
                if let (Some(own), Some(other)) = (own, other) {
                    own.append(other);
                }
            }
        }
    }

    /// Adds what another thread has found of other namespaces.
    pub(super) fn append_others(&mut self, others: Option<BTreeMap<u64, Vec<SocketHolder>>>) {
        for (netns, found) in others.into_iter().flatten() {
            self.note_others(netns, found);
        }
    }

    /// Some of those that were found, by the numbers of their namespaces. `None`: they were not looked for.
    pub(super) fn others(&mut self) -> Option<BTreeMap<u64, Vec<SocketHolder>>> {
        self.others.take()
    }

    /// Adds the row of a descriptor. False: it belongs to no table of the plan.
    pub(super) fn add(&mut self, row: &SocketRow) -> bool {
        let Some(evidence) = row.file.evidence else { return false };
        let Some(place) = self.place_of(evidence.netns) else {
            self.note_others(evidence.netns.into(), [SocketHolder { pid: row.file.pid, fd: row.file.fd }]);
            return false;
        };
        let Some(of_namespace) = self.of_namespaces.get_mut(place) else { return false };
        let family = match u8::try_from(evidence.family) {
            Ok(AF_INET) => Family::Ipv4,
            Ok(AF_INET6) => Family::Ipv6,
            _ => return false,
        };
        let (of_protocol, info) = match (evidence.protocol, evidence.socket_type) {
            // In CLOSE it is in no table.
            (protocol, SOCK_STREAM) if protocol == TCP.number && row.state != states::TCP_CLOSE => {
                (&mut of_namespace.tcp, &TCP)
            }
            // Without a port it is in no table.
            (protocol, SOCK_DGRAM) if protocol == UDP.number && evidence.port != 0 => {
                (&mut of_namespace.udp, &UDP)
            }
            _ => return false,
        };
        let Some(rows) = of_protocol else { return false };
        let netns = of_namespace.netns;
        rows.add(row, family, info, |socket| {
            socket.netns = netns;
            socket.owners = Owners::One(holder(row));
            socket.ownership = self.ownership;
            self.query.filter.matches(socket)
        });
        true
    }

    fn note_others(&mut self, netns: u64, found: impl IntoIterator<Item = SocketHolder>) {
        let Some(others) = &mut self.others else { return };
        let holders = others.entry(netns).or_default();
        let room = MAX_PLACES.saturating_sub(holders.len());
        holders.extend(found.into_iter().take(room));
    }

    /// Where the rows of a namespace are: mostly where the last was.
    fn place_of(&mut self, number: u32) -> Option<usize> {
        if let Some((_, place)) = self.last.filter(|(last, _)| *last == number) {
            return Some(place);
        }
        let place = *self.places.get(&number)?;
        self.last = Some((number, place));
        Some(place)
    }

    /// The rows of a protocol in the namespace at this place, if they come from the pass.
    pub(super) fn rows_of(&mut self, place: usize, protocol: Protocol) -> Option<ProtocolRows> {
        let of_namespace = self.of_namespaces.get_mut(place)?;
        match protocol {
            Protocol::Tcp => of_namespace.tcp.take(),
            Protocol::Udp => of_namespace.udp.take(),
            _ => None,
        }
    }
}
