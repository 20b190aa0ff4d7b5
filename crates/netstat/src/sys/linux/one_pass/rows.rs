//! The rows of a pass: one for each socket, with all its holders.

use super::complete::Seen;
use super::plan::Plan;
use crate::engine::owner_table::Holding;
use crate::model::family::Family;
use crate::model::owner::{Owner, OwnerRole, Owners, Ownership};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::owners::bpf::SocketRow;
use crate::sys::linux::protocols::{ProtocolInfo, TCP, UDP};
use crate::sys::linux::row::row_of_family;
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6, InetDiagMsg, SockId};
use netstat_wire::linux::tcp_states as states;
use std::collections::HashSet;
use std::num::NonZeroU64;

/// `SOCK_STREAM` and `SOCK_DGRAM` of linux/net.h.
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;

/// The rows of a pass, while it runs.
pub(super) struct Pass<'q> {
    query: &'q Query,
    netns: u32,
    ownership: Ownership,
    tcp: Option<ProtocolRows>,
    udp: Option<ProtocolRows>,
}

impl<'q> Pass<'q> {
    /// `netns`: the network namespace that is listed. `finds_all`: a holder that the pass does not see is none.
    pub(super) fn new(query: &'q Query, plan: Plan, netns: u32, finds_all: bool) -> Self {
        let rows_if = |wanted: bool| wanted.then(ProtocolRows::default);
        let ownership = Ownership::Known { complete: finds_all };
        Self { query, netns, ownership, tcp: rows_if(plan.tcp), udp: rows_if(plan.udp) }
    }

    /// Adds the row of a descriptor. False: it belongs to no table of the plan.
    pub(super) fn add(&mut self, row: &SocketRow) -> bool {
        let Some(evidence) = row.file.evidence.filter(|evidence| evidence.netns == self.netns) else {
            return false;
        };
        let family = match u8::try_from(evidence.family) {
            Ok(AF_INET) => Family::Ipv4,
            Ok(AF_INET6) => Family::Ipv6,
            _ => return false,
        };
        let (of_protocol, info) = match (evidence.protocol, evidence.socket_type) {
            // In CLOSE it is in no table.
            (protocol, SOCK_STREAM) if protocol == TCP.number && row.state != states::TCP_CLOSE => {
                (&mut self.tcp, &TCP)
            }
            // Without a port it is in no table.
            (protocol, SOCK_DGRAM) if protocol == UDP.number && evidence.port != 0 => (&mut self.udp, &UDP),
            _ => return false,
        };
        let Some(rows) = of_protocol else { return false };
        rows.add(row, family, info, |socket| {
            socket.owners = Owners::One(Owner::new(row.file.pid, Some(row.file.fd), OwnerRole::Holder));
            socket.ownership = self.ownership;
            self.query.filter.matches(socket)
        });
        true
    }

    /// The rows of a protocol, if they come from the pass.
    pub(super) fn rows_of(&mut self, protocol: Protocol) -> Option<ProtocolRows> {
        match protocol {
            Protocol::Tcp => self.tcp.take(),
            Protocol::Udp => self.udp.take(),
            _ => None,
        }
    }
}

/// Where the row of a descriptor is, and which socket it is of.
#[derive(Copy, Clone, Debug)]
struct Place {
    inode: u64,
    sock: u64,
    /// `LEFT_OUT`: nowhere, since it does not pass the filter.
    row: u32,
    is_v6: bool,
}

const LEFT_OUT: u32 = u32::MAX;

/// The rows of one protocol.
#[derive(Default)]
pub(super) struct ProtocolRows {
    rows: Vec<Socket>,
    places: Vec<Place>,
    pub(super) seen: Seen,
}

impl ProtocolRows {
    #[inline] // A row has nearly 200 bytes, which each call may move.
    fn add(
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
        // A list of four thousand million rows is longer than memory.
        let place = u32::try_from(self.rows.len() - 1).ok().filter(|_| is_kept).unwrap_or(LEFT_OUT);
        if !is_kept {
            self.rows.pop();
        }
        let is_v6 = family == Family::Ipv6;
        self.places.push(Place { inode: row.file.inode, sock: row.sock, row: place, is_v6 });
    }

    /// Makes one row of those of each socket, with all its holders, and counts the sockets.
    pub(super) fn merged(mut self) -> Self {
        // Sockets of one process mostly have ascending numbers, and a stable sort only merges what is ascending. Numbers have
        // 32 bits and repeat, so the number alone is not enough.
        self.places.sort_by_key(|place| (place.inode, place.sock));
        let mut repeats = Vec::new();
        self.places.dedup_by(|place, known| {
            let is_same = (place.inode, place.sock) == (known.inode, known.sock);
            if is_same && known.row == LEFT_OUT {
                // It passes the filter now.
                known.row = place.row;
            } else if is_same && place.row != LEFT_OUT {
                repeats.push((known.row, place.row));
            }
            is_same
        });
        for place in &self.places {
            if let Some(count) = self.seen.sockets.get_mut(usize::from(place.is_v6)) {
                *count += 1;
            }
        }
        self.merge(&repeats);
        self
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
        self.rows.retain(|_| !is_repeat.next().unwrap_or(false));
        // Rows have moved; only what identifies the sockets is needed from now on.
        self.places.iter_mut().for_each(|place| place.row = LEFT_OUT);
    }

    /// Those of these rows from a dump whose sockets the pass has not seen. `is_quiet`: no connection has opened or closed
    /// meanwhile.
    pub(super) fn not_seen(&self, mut others: Vec<Socket>, is_quiet: bool) -> Vec<Socket> {
        let is_seen = |inode| self.places.binary_search_by_key(&inode, |place| place.inode).is_ok();
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
            let holding = move |owner| Holding::new(inode, owner).of_socket(cookie, port, protocol);
            row.owners().iter().copied().map(holding).collect::<Vec<_>>()
        })
    }
}

/// What a dump reports of the socket.
fn message(row: &SocketRow, info: &ProtocolInfo) -> InetDiagMsg {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::queues::Queues;
    use crate::sys::linux::owners::bpf::{Evidence, SocketFile};

    const NETNS: u32 = 4_026_531_840;

    /// A connection of TCP over IPv4 that this process has.
    fn connection(inode: u64, pid: u32, fd: i32) -> SocketRow {
        let evidence = Evidence {
            family: AF_INET.into(),
            socket_type: SOCK_STREAM,
            netns: NETNS,
            cookie: 0,
            port: 80,
            protocol: TCP.number,
        };
        SocketRow {
            file: SocketFile { pid, fd, inode, evidence: Some(evidence) },
            state: states::TCP_ESTABLISHED,
            uid: 0,
            interface: 0,
            sock: inode << 8,
            local: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            remote: [127, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            remote_port: u16::try_from(inode).unwrap(),
            v6_only: false,
            queues: [7, 5, 9, 6],
        }
    }

    fn with(row: SocketRow, change: impl FnOnce(&mut SocketRow, &mut Evidence)) -> SocketRow {
        let (mut changed, mut evidence) = (row, row.file.evidence.unwrap());
        change(&mut changed, &mut evidence);
        changed.file.evidence = Some(evidence);
        changed
    }

    fn pass(query: &Query) -> Pass<'_> {
        Pass::new(query, Plan { tcp: true, udp: true }, NETNS, true)
    }

    fn rows(mut pass: Pass<'_>, protocol: Protocol) -> (Vec<Socket>, Seen) {
        let found = pass.rows_of(protocol).unwrap().merged();
        let seen = found.seen.clone();
        let mut rows = Vec::new();
        found.add_to(&mut rows);
        (rows, seen)
    }

    #[test]
    fn socket_of_several_descriptors_is_one_row_with_all_of_them() {
        let query = Query::new();
        let mut pass = pass(&query);
        for (inode, pid, fd) in [(9, 5, 3), (7, 5, 4), (9, 4, 8), (8, 6, 3), (9, 5, 3), (9, 5, 6)] {
            assert!(pass.add(&connection(inode, pid, fd)));
        }
        let (rows, seen) = rows(pass, Protocol::Tcp);
        let holders =
            |row: &Socket| row.owners().iter().map(|owner| (owner.pid, owner.fd.unwrap())).collect();
        let found: Vec<(u64, Vec<(u32, i32)>)> =
            rows.iter().map(|row| (row.inode().unwrap(), holders(row))).collect();
        let expected = [(9, vec![(4, 8), (5, 3), (5, 6)]), (7, vec![(5, 4)]), (8, vec![(6, 3)])];
        assert_eq!(found, expected);
        assert_eq!(seen.sockets, [3, 0]);
        assert!(rows.iter().all(|row| row.ownership() == Ownership::Known { complete: true }));
    }

    #[test]
    fn sockets_with_the_same_inode_number_stay_apart() {
        let query = Query::new();
        let mut pass = pass(&query);
        pass.add(&connection(9, 5, 3));
        pass.add(&with(connection(9, 6, 3), |row, _| row.sock = 1));
        pass.add(&connection(9, 7, 3));
        let (rows, seen) = rows(pass, Protocol::Tcp);
        let pids = |row: &Socket| row.pids().collect::<Vec<_>>();
        assert_eq!(rows.iter().map(pids).collect::<Vec<_>>(), [vec![5, 7], vec![6]]);
        assert_eq!(seen.sockets, [2, 0]);
    }

    #[test]
    fn rows_are_those_of_the_tables() {
        let query = Query::new();
        let add = |row: SocketRow| {
            let mut pass = pass(&query);
            pass.add(&row)
        };
        let tcp = connection(9, 5, 3);
        let udp = with(tcp, |row, evidence| {
            (row.state, evidence.protocol, evidence.socket_type) =
                (states::TCP_CLOSE, UDP.number, SOCK_DGRAM);
        });
        assert!(add(tcp) && add(udp));
        assert!(add(with(tcp, |_, evidence| evidence.family = AF_INET6.into())));
        for (what, row) in [
            ("bound only", with(tcp, |row, _| row.state = states::TCP_CLOSE)),
            ("not bound", with(udp, |_, evidence| evidence.port = 0)),
            ("of another network namespace", with(tcp, |_, evidence| evidence.netns += 1)),
            ("raw", with(tcp, |_, evidence| evidence.socket_type = 3)),
            ("MPTCP", with(tcp, |_, evidence| evidence.protocol = 262)),
            ("unix", with(tcp, |_, evidence| evidence.family = 1)),
            ("without a sock", SocketRow { file: SocketFile { evidence: None, ..tcp.file }, ..tcp }),
        ] {
            assert!(!add(row), "{what}");
        }
        let only_udp = Plan { tcp: false, udp: true };
        assert!(!Pass::new(&query, only_udp, NETNS, true).add(&tcp));
    }

    #[test]
    fn rows_that_do_not_pass_the_filter_are_counted_all_the_same() {
        let query = Query::new().remote_port(8);
        let mut pass = pass(&query);
        for (inode, pid) in [(7, 5), (8, 5), (9, 5), (8, 6), (9, 6)] {
            pass.add(&connection(inode, pid, 3));
        }
        // It has connected in the meantime.
        pass.add(&with(connection(7, 6, 3), |row, _| row.remote_port = 8));
        let (rows, seen) = rows(pass, Protocol::Tcp);
        let found: Vec<_> = rows.iter().map(|row| (row.inode().unwrap(), row.owners().len())).collect();
        assert_eq!(found, [(8, 2), (7, 1)]);
        assert_eq!(seen.sockets, [3, 0]);
    }

    #[test]
    fn queues_are_those_of_the_state_and_the_protocol() {
        let queues = |change: fn(&mut SocketRow, &mut Evidence), info: &'static ProtocolInfo| {
            let row = with(connection(9, 5, 3), change);
            row_of_family(Family::Ipv4, &message(&row, info), info).queues.unwrap()
        };
        assert_eq!(queues(|_, _| (), &TCP), Queues::Bytes { receive: 2, send: 3 });
        // The end of the stream counts in what has been read.
        assert_eq!(queues(|row, _| row.queues = [5, 6, 1, 1], &TCP), Queues::Bytes { receive: 0, send: 0 });
        assert_eq!(
            queues(|row, _| row.queues = [1, u32::MAX, 3, u32::MAX], &TCP),
            Queues::Bytes { receive: 2, send: 4 },
            "sequence numbers wrap"
        );
        let listens = |row: &mut SocketRow, _: &mut Evidence| row.state = states::TCP_LISTEN;
        assert_eq!(queues(listens, &TCP), Queues::Accept { waiting: 7, limit: Some(5) });
        assert_eq!(
            queues(|row, _| row.queues = [70, 1, 20, 0], &UDP),
            Queues::Memory { receive: 50, send: 0 }
        );
    }

    #[test]
    fn waiting_connections_and_handshakes_of_listeners_are_noticed() {
        let query = Query::new();
        for (queues, waiting_at, handshakes) in [
            ([0, 128, 0, 0], vec![], false),
            ([1, 128, 0, 0], vec![80], false),
            ([0, 128, 2, 0], vec![], true),
        ] {
            let mut pass = pass(&query);
            pass.add(&with(connection(9, 5, 3), |row, _| {
                (row.state, row.queues) = (states::TCP_LISTEN, queues);
            }));
            let (_, seen) = rows(pass, Protocol::Tcp);
            assert_eq!((Vec::from_iter(seen.waiting_at), seen.handshakes), (waiting_at, handshakes));
        }
    }

    #[test]
    fn dumped_connection_that_the_pass_has_seen_is_left_out() {
        let query = Query::new();
        let mut pass = pass(&query);
        pass.add(&connection(9, 5, 3));
        let found = pass.rows_of(Protocol::Tcp).unwrap().merged();
        let of = |row: SocketRow| row_of_family(Family::Ipv4, &message(&row, &TCP), &TCP);
        let seen = of(connection(9, 5, 3));
        let other = of(connection(8, 5, 3));
        let closed = of(with(connection(9, 5, 3), |row, _| {
            (row.state, row.file.inode) = (states::TCP_TIME_WAIT, 0);
        }));
        let all = vec![seen, other.clone(), closed.clone()];
        assert_eq!(found.not_seen(all.clone(), false), std::slice::from_ref(&other));
        // If nothing has closed in the meantime, it is one that has the same ends for another reason.
        assert_eq!(found.not_seen(all, true), [other, closed]);
    }
}
