//! Connections looked up by their ends: the answers of the kernel, and when the table is dumped nevertheless.

use super::script::{Answer, Channel, Message, Outcome, Script, done, tcp, udp};
use crate::filter::Filter;
use crate::query::Query;
use crate::sys::linux::sock_diag::request::{Table, tables_of};
use netstat_wire::linux::netlink::{Messages, NLM_F_DUMP};
use rustix::io::Errno;
use std::net::SocketAddr;

const LOCAL: u16 = 5000;
const REMOTE: u16 = 80;

fn end(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A table of which the connections from these ports to [`REMOTE`] are wanted.
fn wanted(table: Table, ports: &[u16]) -> Table {
    Table { connections: ports.iter().map(|port| (end(*port), end(REMOTE))).collect(), ..table }
}

fn found(local: u16, remote: u16) -> Vec<Answer> {
    vec![Answer::Datagram(vec![Message::Connected(local, remote)])]
}

fn refused(errno: Errno) -> Vec<Answer> {
    vec![Answer::Datagram(vec![Message::Error(-errno.raw_os_error())])]
}

fn dumped(local: u16) -> Vec<Answer> {
    vec![Answer::Datagram(vec![Message::Connected(local, REMOTE)]), done()]
}

fn list(table: Table, given: Vec<Vec<Answer>>) -> Outcome {
    Script::new([Channel::Opens(given)]).list(&[table])
}

/// Which of the requests are dumps.
fn dumps(outcome: &Outcome) -> Vec<bool> {
    let header = |request: &Vec<u8>| Messages::new(request).next().unwrap().unwrap().header;
    outcome.requests.iter().map(|request| header(request).flags & NLM_F_DUMP == NLM_F_DUMP).collect()
}

#[test]
fn connection_that_is_found_is_not_dumped() {
    let outcome = list(wanted(tcp(), &[LOCAL]), vec![found(LOCAL, REMOTE)]);
    assert_eq!((outcome.numbers(), outcome.gaps(), dumps(&outcome)), (vec![LOCAL], vec![], vec![false]));
    let request = &outcome.requests[0];
    // After the header: family, protocol, ext, pad, states, and the ends.
    assert_eq!(request[24..28], [LOCAL.to_be_bytes(), REMOTE.to_be_bytes()].concat());
    assert_eq!((&request[28..32], &request[44..48]), (&[127, 0, 0, 1][..], &[127, 0, 0, 1][..]));
    // Any cookie.
    assert_eq!(request[64..], [0xff; 8]);
}

#[test]
fn udp_lookup_has_the_local_end_as_the_destination() {
    let outcome = list(wanted(udp(), &[LOCAL]), vec![found(LOCAL, REMOTE)]);
    assert_eq!(outcome.numbers(), [LOCAL]);
    assert_eq!(outcome.requests[0][24..28], [REMOTE.to_be_bytes(), LOCAL.to_be_bytes()].concat());
}

#[test]
fn connection_that_is_not_found_is_searched_in_a_dump() {
    for answer in [refused(Errno::NOENT), refused(Errno::INVAL), found(REMOTE, 1), found(LOCAL, 81)] {
        let outcome = list(wanted(tcp(), &[LOCAL]), vec![answer, dumped(LOCAL)]);
        assert_eq!((outcome.numbers(), outcome.gaps()), (vec![LOCAL], vec![]));
        assert_eq!(dumps(&outcome), [false, true]);
    }
}

#[test]
fn listener_returned_for_the_connection_is_not_listed() {
    let listener = vec![Answer::Datagram(vec![Message::Row(LOCAL)])];
    let outcome = list(wanted(tcp(), &[LOCAL]), vec![listener, vec![done()]]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![], vec![]));
}

#[test]
fn several_connections_are_each_listed_once() {
    let both = wanted(tcp(), &[LOCAL, 5001]);
    let outcome = list(both.clone(), vec![found(LOCAL, REMOTE), found(5001, REMOTE)]);
    assert_eq!((outcome.numbers(), dumps(&outcome)), (vec![LOCAL, 5001], vec![false, false]));
    let outcome = list(both, vec![found(LOCAL, REMOTE), refused(Errno::NOENT), dumped(LOCAL)]);
    assert_eq!((outcome.numbers(), dumps(&outcome)), (vec![LOCAL], vec![false, false, true]));
}

#[test]
fn missing_netlink_is_an_error_and_not_an_empty_list() {
    let outcome = Script::new([Channel::CannotOpen(Errno::ACCESS), Channel::CannotOpen(Errno::ACCESS)])
        .list(&[wanted(tcp(), &[LOCAL])]);
    assert!(outcome.result.unwrap_err().is_permission_denied());
}

#[test]
fn terms_that_only_the_kernel_can_decide_need_a_dump() {
    let query = Query::new().connection(end(LOCAL), end(REMOTE));
    let connections = |query: &Query| {
        let tables = tables_of(query).unwrap();
        tables.iter().map(|table| table.connections.len()).collect::<Vec<_>>()
    };
    assert_eq!(connections(&query), [1]);
    assert_eq!(
        connections(&query.clone().udp().tcp()).iter().sum::<usize>(),
        connections(&query.clone().udp().tcp()).len()
    );
    assert_eq!(connections(&query.filter(Filter::mark(1))), [0]);
}
