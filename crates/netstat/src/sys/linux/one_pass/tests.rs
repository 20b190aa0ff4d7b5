//! Tests of the rows of a pass.

use super::complete::Seen;
use super::counters::Counters;
use super::pass::{InNamespace, Pass, SOCK_DGRAM, SOCK_STREAM};
use super::plan::Plan;
use super::rows::message;
use super::table::Counted;
use crate::filter::Filter;
use crate::model::family::Family;
use crate::model::identity::NetnsId;
use crate::model::owner::Ownership;
use crate::model::protocol::Protocol;
use crate::model::queues::Queues;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::owners::bpf::{Evidence, SocketFile, SocketRow};
use crate::sys::linux::protocols::{ProtocolInfo, TCP, UDP};
use crate::sys::linux::row::row_of_family;
use crate::sys::linux::sock_diag::request::tables_of;
use netstat_wire::linux::inet_diag::{AF_INET, AF_INET6};
use netstat_wire::linux::tcp_states as states;
use std::num::NonZeroU64;

const NETNS: u32 = 4_026_531_840;

/// A connection of TCP over IPv4 that this process has.
pub(super) fn connection(inode: u64, pid: u32, fd: i32) -> SocketRow {
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

fn own(plan: Plan) -> [InNamespace; 1] {
    [InNamespace { number: NETNS, netns: None, plan, sockets: 2 }]
}

pub(super) fn pass(query: &Query) -> Pass<'_> {
    Pass::new(query, &own(Plan { tcp: true, udp: true }), true)
}

pub(super) fn rows(mut pass: Pass<'_>, protocol: Protocol) -> (Vec<Socket>, Seen) {
    let found = pass.rows_of(0, protocol).unwrap().merged();
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
    let holders = |row: &Socket| row.owners().iter().map(|owner| (owner.pid, owner.fd.unwrap())).collect();
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
        (row.state, evidence.protocol, evidence.socket_type) = (states::TCP_CLOSE, UDP.number, SOCK_DGRAM);
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
    assert!(!Pass::new(&query, &own(only_udp), true).add(&tcp));
}

#[test]
fn rows_of_each_namespace_are_apart_and_name_it() {
    let id = |number: u32| NonZeroU64::new(number.into()).map(NetnsId);
    let of = |number, plan| InNamespace { number, netns: id(number), plan, sockets: 2 };
    let (both, only_udp) = (Plan { tcp: true, udp: true }, Plan { tcp: false, udp: true });
    let namespaces = [of(NETNS, both), of(NETNS + 1, both), of(NETNS + 2, only_udp)];
    let query = Query::new().filter(!Filter::netns(id(NETNS).unwrap()) | Filter::remote_port(7));
    let mut pass = Pass::new(&query, &namespaces, true);
    for (inode, number, is_added) in
        [(7, 0, true), (8, 1, true), (9, 2, false), (10, 3, false), (11, 0, true), (12, 1, true)]
    {
        let row = with(connection(inode, 5, 3), |_, evidence| evidence.netns = NETNS + number);
        assert_eq!(pass.add(&row), is_added, "{inode}");
    }
    let mut found = |place| {
        let found = pass.rows_of(place, Protocol::Tcp)?.merged();
        let (seen, mut rows) = (found.seen.sockets, Vec::new());
        found.add_to(&mut rows);
        let rows: Vec<_> = rows.iter().map(|row| (row.inode().unwrap(), row.netns)).collect();
        Some((rows, seen))
    };
    assert_eq!(found(0), Some((vec![(7, id(NETNS))], [2, 0])));
    assert_eq!(found(1), Some((vec![(8, id(NETNS + 1)), (12, id(NETNS + 1))], [2, 0])));
    assert_eq!(found(2), None);
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
    assert_eq!(found, [(8, 2), (7, 2)]);
    assert_eq!(seen.sockets, [3, 0]);
}

#[test]
fn holders_that_were_seen_while_the_row_did_not_pass_the_filter_are_among_those_of_the_row() {
    let query = Query::new().remote_port(8);
    let other = |pid| connection(7, pid, 3);
    let passes = |pid| with(other(pid), |row, _| row.remote_port = 8);
    for order in [
        [other(4), other(5), passes(6), passes(7)],
        [passes(4), other(5), other(6), passes(7)],
        [other(4), passes(5), other(6), other(7)],
        [passes(4), passes(5), passes(6), other(7)],
    ] {
        let mut pass = pass(&query);
        // Those of other sockets are not mixed in.
        for row in
            [connection(6, 9, 3), connection(8, 9, 3)].iter().chain(&order).chain(&[connection(9, 9, 3)])
        {
            pass.add(row);
        }
        let (rows, _) = rows(pass, Protocol::Tcp);
        let found: Vec<_> =
            rows.iter().map(|row| (row.inode().unwrap(), Vec::from_iter(row.pids()))).collect();
        assert_eq!(found, [(8, vec![9]), (7, vec![4, 5, 6, 7])]);
    }
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
    assert_eq!(queues(|row, _| row.queues = [70, 1, 20, 0], &UDP), Queues::Memory { receive: 50, send: 0 });
}

#[test]
fn waiting_connections_and_handshakes_of_listeners_are_noticed() {
    let query = Query::new();
    for (queues, waiting_at, handshakes) in
        [([0, 128, 0, 0], vec![], false), ([1, 128, 0, 0], vec![80], false), ([0, 128, 2, 0], vec![], true)]
    {
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
    let found = pass.rows_of(0, Protocol::Tcp).unwrap().merged();
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

/// The rows of a table after what is missing was dumped: a connection was seen, and the dump has the same one, without a holder
/// and in this state. `None`: the table is to be dumped.
fn completed(before: &Counters, recounted: &Counters, state: State) -> Option<usize> {
    let query = Query::new();
    let tables = tables_of(&query).unwrap();
    let table = tables.iter().find(|table| table.selection.info.protocol == Protocol::Tcp).unwrap();
    let mut pass = pass(&query);
    pass.add(&connection(9, 5, 3));
    let found = pass.rows_of(0, Protocol::Tcp).unwrap().merged();
    let recount = || Some(recounted.clone());
    let counted = Counted { query: &query, table, before, after: Some(before), recount: &recount };
    let mut rows = Vec::new();
    let mut dump = |_: &_| {
        let seen = connection(9, 5, 3);
        let mut row = row_of_family(Family::Ipv4, &message(&seen, &TCP), &TCP);
        (row.state, row.identity) = (Some(state), None);
        Some(vec![row])
    };
    counted.complete(found, &mut dump, &mut rows).ok().map(|()| rows.len())
}

#[test]
fn connection_that_closes_before_the_dump_has_one_row_and_stands_for_no_hidden_one() {
    let quiet = Counters { tcp: [2, 0], udp: [0, 0], time_wait: 0, orphans: 1, opens: 10 };
    let changed = |change: fn(&mut Counters)| {
        let mut counters = quiet.clone();
        change(&mut counters);
        counters
    };
    // One socket is hidden.
    assert_eq!(completed(&quiet, &quiet, State::FinWait1), Some(2), "it is another one");
    for later in [
        changed(|it| it.tcp = [1, 0]),
        changed(|it| it.time_wait = 1),
        changed(|it| it.orphans = 2),
        changed(|it| it.opens = 11),
    ] {
        assert_eq!(completed(&quiet, &later, State::FinWait1), None, "{later:?}");
    }
    // None is, but some connections are in TIME_WAIT.
    let quiet = Counters { tcp: [1, 0], time_wait: 1, ..quiet };
    let later = Counters { tcp: [0, 0], time_wait: 2, ..quiet.clone() };
    assert_eq!(completed(&quiet, &later, State::TimeWait), Some(1));
}
