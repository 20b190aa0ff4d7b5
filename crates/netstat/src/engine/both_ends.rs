//! The rows that a listing with both ends of its connections reads beside those that pass its filter.

use crate::engine::join;
use crate::engine::peers;
use crate::filter::{OwnerFacts, PeerRow, Term};
use crate::model::connections::{Connections, RowDigest};
use crate::model::details::{DetailFields, Details};
use crate::model::direction::DirectionKind;
use crate::model::endpoint::Endpoint;
use crate::model::error::Error;
use crate::model::family::Family;
use crate::model::gap::Gap;
use crate::model::snapshot::Snapshot;
use crate::model::socket::{Rare, Socket};
use crate::model::socket_key::SocketKey;
use crate::model::state::State;
use crate::model::workload_part::WorkloadPart;
use crate::query::Query;
use crate::sys::system::System;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::ops::ControlFlow;

/// What is read beside the rows that pass.
#[derive(Default)]
pub(crate) struct BothEnds {
    /// Until the tables are read, the rows that may be at the other end, or be mistaken for it; then those that are.
    pub(crate) beside: Vec<Socket>,
    /// Known when the tables are read.
    pub(crate) connections: Connections,
}

impl BothEnds {
    /// The query by which the rows that pass are listed. What only the kernel decides no wider filter can express: then
    /// other ends are listed by themselves.
    pub(crate) fn query_of_rows(query: &Query) -> Cow<'_, Query> {
        match query.wants_peers() && query.filter.has_kernel_terms() {
            true => Cow::Owned(query.without_peers()),
            false => Cow::Borrowed(query),
        }
    }

    /// Takes a row that does not pass, if both ends are wanted.
    #[inline] // Called for each row that the kernel has not left out.
    pub(crate) fn offer(&mut self, query: &Query, row: Socket) {
        if query.wants_peers() && query.table_filter().matches(&row) {
            self.beside.push(row);
        }
    }

    /// Joins the rows of the tables, and drops those beside the listed ones that are the other end of none of these.
    pub(crate) fn join<S: System>(
        &mut self,
        system: &S,
        query: &Query,
        listed: &mut [Socket],
        gaps: &mut Vec<Gap>,
    ) -> Result<(), Error> {
        if query.filter.has_kernel_terms() {
            self.list_beside(system, query, listed, gaps)?;
        }
        let knows_namespaces = peers::knows_namespaces(&query.scope, gaps);
        let (connections, names) = peers::join(listed.iter().chain(&self.beside), knows_namespaces);
        self.connections = connections;
        if !names.is_empty() {
            let names: HashMap<RowDigest, Endpoint> = names.into_iter().collect();
            for row in listed.iter_mut().chain(&mut self.beside).filter(|row| row.family == Family::Unix) {
                if let Some(name) = names.get(&RowDigest::of(row)) {
                    row.remote = Some(name.clone());
                }
            }
        }
        self.connections.settle(listed, &mut self.beside);
        if !query.details.contains(DetailFields::OPTIONS) {
            listed.iter_mut().chain(&mut self.beside).for_each(forget_options);
        }
        Ok(())
    }

    /// Lists what may be at the other end of rows that are listed already.
    fn list_beside<S: System>(
        &mut self,
        system: &S,
        query: &Query,
        listed: &[Socket],
        gaps: &mut Vec<Gap>,
    ) -> Result<(), Error> {
        // They come once more.
        self.beside.clear();
        let key = |row: &Socket| (row.key(), row.remote.clone());
        let known: HashSet<(SocketKey, Option<Endpoint>)> = listed.iter().map(key).collect();
        let more = join::list(system, query, &mut |row| {
            if !known.contains(&key(&row)) {
                self.offer(query, row);
            }
            ControlFlow::Continue(())
        })?;
        for gap in more {
            if !gaps.contains(&gap) {
                gaps.push(gap);
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// Joins the rows of a snapshot of the caller's own, for a test: as [`Query::peers`] does, but among these rows alone, and
    /// within each network namespace.
    ///
    /// # Examples
    /// ```
    /// use netstat::{Family, Protocol, Snapshot, Socket};
    /// use std::net::SocketAddr;
    ///
    /// let [one, other] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    /// let socket = |local: SocketAddr, remote: SocketAddr| {
    ///     let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, local);
    ///     socket.remote = Some(remote.into());
    ///     socket
    /// };
    /// let mut snapshot = Snapshot::default();
    /// snapshot.sockets = vec![socket(one, other), socket(other, one)];
    /// snapshot.join_peers();
    /// assert_eq!(snapshot.peer(&snapshot.sockets[0]), Some(&snapshot.sockets[1]));
    /// ```
    pub fn join_peers(&mut self) {
        let (mut connections, _) = peers::join(self.sockets.iter().chain(&self.peers), false);
        connections.settle(&self.sockets, &mut self.peers);
        self.connections = Some(connections);
    }
}

/// Removes the options of a socket, which were read to recognize proxies.
fn forget_options(row: &mut Socket) {
    let Some(details) = row.rare.as_mut().and_then(|rare| rare.details.as_mut()) else { return };
    (details.options, details.shutdown) = (None, None);
    if **details == Details::default() {
        row.set_details(None);
    }
    if row.rare.as_deref() == Some(&Rare::default()) {
        row.rare = None;
    }
}

/// What a filter needs to know of the owners at both ends.
pub(crate) struct OwnersOfBothEnds<'a> {
    pub(crate) owners: &'a dyn OwnerFacts,
    pub(crate) both_ends: &'a BothEnds,
    pub(crate) listed: &'a [Socket],
}

impl OwnerFacts for OwnersOfBothEnds<'_> {
    fn is_named(&self, pid: u32, name: &OsStr) -> Option<bool> {
        self.owners.is_named(pid, name)
    }

    fn is_part_of(&self, pid: u32, part: WorkloadPart, name: &str) -> Option<bool> {
        self.owners.is_part_of(pid, part, name)
    }

    fn may_be_unseen(&self, socket: &Socket, term: &Term) -> bool {
        self.owners.may_be_unseen(socket, term)
    }

    fn peer(&self, socket: &Socket) -> PeerRow<'_> {
        let BothEnds { beside, connections } = self.both_ends;
        if let Some(peer) = connections.peer(socket, self.listed, beside) {
            return PeerRow::Known(peer);
        }
        let direction = connections.of(socket).and_then(|connection| connection.direction);
        let is_local = direction.is_some_and(|direction| direction.kind == DirectionKind::Local);
        // The other end of a unix socket without a peer, or of one that waits for the last packets, is closed.
        let is_over = match socket.family {
            Family::Unix => socket.peer_identity().is_none(),
            _ => socket.state == Some(State::TimeWait),
        };
        if is_local && !is_over { PeerRow::Unclear } else { PeerRow::None }
    }
}
