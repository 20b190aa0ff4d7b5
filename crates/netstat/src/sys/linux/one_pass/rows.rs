//! The rows of one protocol: one for each socket, with all its holders.

use super::complete::Seen;
use super::slots::Slots;
use crate::engine::owner_table::{Holding, netns_tag};
use crate::model::family::Family;
use crate::model::owner::{Owner, OwnerRole};
use crate::model::socket::Socket;
use crate::sys::linux::ffi::advise_huge_pages;
use crate::sys::linux::owners::bpf::SocketRow;
use crate::sys::linux::protocols::ProtocolInfo;
use crate::sys::linux::row::row_of_family;
use netstat_wire::linux::inet_diag::{AF_INET6, InetDiagMsg, SockId};
use netstat_wire::linux::tcp_states as states;
use std::collections::HashSet;
use std::num::NonZeroU64;

/// Where the row of a descriptor is, and which socket it is of.
#[derive(Copy, Clone, Debug)]
struct Place {
    inode: u64,
    sock: u64,
    /// Where among the rows, or, if it does not pass the filter, among the holders that were left out.
    at: u32,
    is_kept: bool,
    is_v6: bool,
}

/// The rows of one protocol.
#[derive(Default)]
pub(super) struct ProtocolRows {
    rows: Vec<Socket>,
    /// Holders of sockets that did not pass the filter when they were seen: its state, say, may change during the pass.
    left_out: Vec<Owner>,
    places: Vec<Place>,
    pub(super) seen: Seen,
}

impl ProtocolRows {
    /// With room for so many: a list of megabytes that grows is moved by the kernel, which interrupts the other thread. What is
    /// not used of it is never there.
    pub(super) fn for_about(sockets: u64) -> Self {
        let mut new = Self::default();
        let sockets = usize::try_from(sockets).unwrap_or_default();
        // Without the room it grows.
        let _ = new.rows.try_reserve(sockets).and_then(|()| new.places.try_reserve(sockets));
        advise_huge_pages(&mut new.rows);
        advise_huge_pages(&mut new.places);
        new
    }

    #[inline] // A row has nearly 200 bytes, which each call may move.
    pub(super) fn add(
        &mut self,
        row: &SocketRow,
        family: Family,
        info: &ProtocolInfo,
        keep: impl FnOnce(&mut Socket) -> bool,
    ) {
        if info.has_states && row.state == states::TCP_LISTEN {
            let [waiting, _, handshakes, _] = row.queues;
            let port = row.file.evidence.map(|evidence| evidence.port).filter(|_| waiting > 0);
            self.seen.waiting_at.extend(port);
            self.seen.handshakes |= handshakes > 0;
        }
        // Written where it stays.
        self.rows.push(row_of_family(family, &message(row, info), info));
        let is_kept = self.rows.last_mut().is_some_and(keep);
        if !is_kept {
            self.rows.pop();
            self.left_out.push(holder(row));
        }
        let length = if is_kept { self.rows.len() } else { self.left_out.len() };
        let at = as_place(length - 1);
        let is_v6 = family == Family::Ipv6;
        self.places.push(Place { inode: row.file.inode, sock: row.sock, at, is_kept, is_v6 });
    }

    /// Moves those of other descriptors here.
    pub(super) fn append(&mut self, other: &mut Self) {
        let [before, left_out_before] = [self.rows.len(), self.left_out.len()].map(as_place);
        self.rows.append(&mut other.rows);
        self.left_out.append(&mut other.left_out);
        self.places.extend(other.places.drain(..).map(|place| {
            let before = if place.is_kept { before } else { left_out_before };
            Place { at: place.at.saturating_add(before), ..place }
        }));
        self.seen.add(std::mem::take(&mut other.seen));
    }

    /// Makes one row of those of each socket, with all its holders, and counts the sockets.
    pub(super) fn merged(mut self) -> Self {
        let mut may_repeat = self.may_repeat();
        // Numbers have 32 bits and repeat, so the number alone is not enough.
        may_repeat.sort_by_key(|place| (place.inode, place.sock));
        let mut repeats = Vec::new();
        // Holders that were left out of rows that are kept; and of those of the socket at hand, which may be.
        let (mut holders, mut waiting) = (Vec::new(), Vec::new());
        let mut counts = [0_u64; 2];
        let mut count = |place: &Place, by: i64| {
            if let Some(count) = counts.get_mut(usize::from(place.is_v6)) {
                *count = count.saturating_add_signed(by);
            }
        };
        self.places.iter().for_each(|place| count(place, 1));
        may_repeat.dedup_by(|place, known| {
            if (place.inode, place.sock) != (known.inode, known.sock) {
                waiting.clear();
                return false;
            }
            count(place, -1);
            match (known.is_kept, place.is_kept) {
                (true, true) => repeats.push((known.at, place.at)),
                (true, false) => holders.push((known.at, place.at)),
                (false, true) => {
                    // It passes the filter now.
                    waiting.push(known.at);
                    holders.extend(waiting.drain(..).map(|left_out| (place.at, left_out)));
                    (known.at, known.is_kept) = (place.at, true);
                }
                (false, false) => waiting.push(place.at),
            }
            true
        });
        self.seen.sockets = counts;
        for (row, left_out) in holders {
            let [row, left_out] = [row, left_out].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
            if let (Some(row), Some(owner)) = (self.rows.get_mut(row), self.left_out.get(left_out)) {
                row.owners.add(*owner);
            }
        }
        self.merge(&repeats);
        self
    }

    /// The places of sockets that have several, and perhaps some others. Few have: to sort the places of 100,000 rows took
    /// two and a half of thirty milliseconds.
    fn may_repeat(&self) -> Vec<Place> {
        let mut slots = Slots::for_about(self.places.len());
        let repeats = self.places.iter().filter(|place| slots.take(place.inode)).count();
        if repeats == 0 {
            return Vec::new();
        }
        self.places.iter().filter(|place| slots.is_taken_twice(place.inode)).copied().collect()
    }

    /// Adds to rows the holders of others of the same socket, which are removed.
    fn merge(&mut self, repeats: &[(u32, u32)]) {
        if repeats.is_empty() {
            return;
        }
        let mut is_repeat = vec![false; self.rows.len()];
        for (known, repeat) in repeats {
            let [known, repeat] = [known, repeat].map(|row| usize::try_from(*row).unwrap_or(usize::MAX));
            let Some(owners) = self.rows.get_mut(repeat).map(|row| std::mem::take(&mut row.owners)) else {
                continue;
            };
            let Some(row) = self.rows.get_mut(known) else { continue };
            for owner in owners.as_slice() {
                row.owners.add(*owner);
            }
            if let Some(is_repeat) = is_repeat.get_mut(repeat) {
                *is_repeat = true;
            }
        }
        let mut is_repeat = is_repeat.into_iter();
        // Rows move; only what identifies the sockets is needed of their places from now on.
        self.rows.retain(|_| !is_repeat.next().unwrap_or(false));
    }

    /// Those of these rows from a dump whose sockets the pass has not seen. `is_quiet`: no connection has opened or closed
    /// meanwhile.
    pub(super) fn not_seen(&self, mut others: Vec<Socket>, is_quiet: bool) -> Vec<Socket> {
        let mut seen: Vec<_> = others.iter().filter_map(Socket::inode).collect();
        seen.sort_unstable();
        let mut found = vec![false; seen.len()];
        for place in &self.places {
            if let Ok(at) = seen.binary_search(&place.inode) {
                found[at] = true;
            }
        }
        let is_seen = |inode| seen.binary_search(&inode).is_ok_and(|at| found[at]);
        others.retain(|row| !row.inode().is_some_and(is_seen));
        if is_quiet || others.is_empty() {
            return others;
        }
        // One that a process held when the pass saw it, and has closed since.
        let ends = |row: &Socket| Some((row.local_addr()?, row.remote_addr()?));
        let mut left: HashSet<_> = others.iter().filter_map(ends).collect();
        for row in &self.rows {
            if let Some(ends) = ends(row) {
                left.remove(&ends);
            }
        }
        others.retain(|row| ends(row).is_none_or(|ends| left.contains(&ends)));
        others
    }

    /// Adds the rows to others.
    pub(super) fn add_to(self, rows: &mut Vec<Socket>) {
        let mut own = self.rows;
        if rows.is_empty() {
            *rows = own;
        } else {
            rows.append(&mut own);
        }
    }

    /// The holders alone.
    pub(super) fn into_holdings(self) -> impl Iterator<Item = Holding> {
        self.rows.into_iter().flat_map(|row| {
            let protocol = ProtocolInfo::of(row.protocol).map_or(0, |info| info.number);
            let (inode, port) = (row.inode().unwrap_or_default(), row.local.port().unwrap_or_default());
            let cookie = row.cookie.map_or(0, NonZeroU64::get);
            let netns = row.netns.map_or(0, netns_tag);
            let holding =
                move |owner| Holding::new(inode, owner).in_netns(netns).of_socket(cookie, port, protocol);
            row.owners().iter().copied().map(holding).collect::<Vec<_>>()
        })
    }
}

/// A list of four thousand million rows is longer than memory.
fn as_place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The holder that a descriptor is.
pub(super) fn holder(row: &SocketRow) -> Owner {
    Owner::new(row.file.pid, Some(row.file.fd), OwnerRole::Holder)
}

/// What a dump reports of the socket.
pub(super) fn message(row: &SocketRow, info: &ProtocolInfo) -> InetDiagMsg {
    let SocketRow { state, uid, interface, queues: [first, second, third, fourth], .. } = *row;
    let evidence = row.file.evidence;
    let (rqueue, wqueue) = match state {
        states::TCP_LISTEN if info.has_states => (first, second),
        // Sequence numbers: to be received next, to be read next; to be written next, acknowledged.
        _ if info.has_states => {
            let unread = i32::from_ne_bytes(first.wrapping_sub(second).to_ne_bytes());
            (unread.max(0).unsigned_abs(), third.wrapping_sub(fourth))
        }
        // The socket itself counts as one byte that is being sent.
        _ => (first.wrapping_sub(third), second.wrapping_sub(1)),
    };
    let has_v6_only = matches!(state, states::TCP_LISTEN | states::TCP_CLOSE)
        && evidence.is_some_and(|evidence| evidence.family == u16::from(AF_INET6));
    InetDiagMsg {
        family: evidence.and_then(|evidence| u8::try_from(evidence.family).ok()).unwrap_or_default(),
        state,
        timer: 0,
        retrans: 0,
        id: SockId {
            sport: evidence.map_or(0, |evidence| evidence.port),
            dport: row.remote_port,
            src: row.local,
            dst: row.remote,
            interface,
            cookie: evidence.map_or(0, |evidence| evidence.cookie),
        },
        expires_ms: 0,
        rqueue,
        wqueue,
        uid,
        inode: u32::try_from(row.file.inode).unwrap_or_default(),
        // A socket that a process holds is no minisock.
        shutdown: Some(0),
        v6_only: has_v6_only.then_some(row.v6_only),
        protocol: None,
        mark: None,
        cgroup_id: None,
    }
}
