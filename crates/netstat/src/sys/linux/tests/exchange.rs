//! Faults of the netlink exchange. Unless a test adds files there is no `/proc`, so that all rows come from the
//! exchange.

use super::script::{
    Answer, Channel, Message, Outcome, Requests, Script, answers, done, over, rows, tcp, udp,
};
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::model::state::State;
use crate::sys::linux::sock_diag::dumps::Dumps;
use crate::sys::linux::sock_diag::netlink::Peer;
use crate::sys::linux::sock_diag::recheck;
use crate::sys::linux::sock_diag::request::{Table, tables};
use netstat_wire::linux::inet_diag::{SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK};
use netstat_wire::linux::netlink::Messages;
use rustix::io::Errno;
use std::net::SocketAddr;
use std::num::NonZeroU64;

fn list(table: Table, channels: impl IntoIterator<Item = Channel>) -> Outcome {
    Script::new(channels).list(&[table])
}

/// A dump of TCP with these answers, and no further ones.
fn list_tcp(given: impl Into<Vec<Answer>>) -> Outcome {
    list(tcp(), [answers(given)])
}

/// The text of the error that ended a listing.
fn error(outcome: &Outcome) -> String {
    outcome.result.as_ref().expect_err("an error").to_string()
}

const NO_FILES: &str = "from /proc/thread-self/net/tcp (entity not found) or sock_diag";

#[test]
fn complete_dump_has_no_gap() {
    let outcome = list_tcp([rows([1, 2]), rows([3]), done()]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2, 3], vec![]));
}

#[test]
fn end_in_the_datagram_of_the_last_rows_is_the_end() {
    let last = Answer::Datagram(vec![Message::Row(1), Message::Done(0), Message::Row(2)]);
    let outcome = list_tcp([last]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1], vec![]));
}

#[test]
fn receive_interrupted_by_a_signal_is_repeated() {
    let intr = || Answer::Fails(Errno::INTR);
    let outcome = list_tcp([intr(), rows([1]), intr(), intr(), rows([2]), done()]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2], vec![]));
    assert_eq!(outcome.opened, 1);
}

#[test]
fn send_interrupted_by_a_signal_is_repeated() {
    let channel = Channel::SendFails(vec![Errno::INTR], vec![vec![rows([1]), done()]]);
    let outcome = list(tcp(), [channel]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1], vec![]));
}

#[test]
fn endless_signals_end_the_exchange() {
    let outcome = list_tcp([Answer::ForeverFails(Errno::INTR)]);
    assert_eq!(error(&outcome), format!("cannot list tcp sockets {NO_FILES}: no answer in time"));
}

#[test]
fn dump_is_restarted_after_an_overrun_on_a_new_socket_without_repeated_rows() {
    let outcome = list(
        tcp(),
        [
            answers([rows([1, 2]), rows([3, 4]), Answer::Fails(Errno::NOBUFS)]),
            answers([rows([1, 5]), rows([3, 2, 4, 6]), done()]),
        ],
    );
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2, 3, 4, 5, 6], vec![]));
    assert_eq!(outcome.opened, 2);
}

#[test]
fn dump_is_restarted_after_an_overrun_message() {
    let overrun = Answer::Datagram(vec![Message::Row(1), Message::Overrun]);
    let outcome = list(tcp(), [answers([overrun]), answers([rows([1, 2]), done()])]);
    assert_eq!((outcome.numbers(), outcome.gaps(), outcome.opened), (vec![1, 2], vec![], 2));
}

#[test]
fn dump_is_abandoned_after_three_restarts() {
    let overrun = || answers([rows([1]), Answer::Fails(Errno::NOBUFS)]);
    let outcome = list(tcp(), [overrun(), overrun(), overrun(), overrun(), overrun()]);
    assert_eq!((outcome.numbers(), outcome.opened), (vec![1], 4));
    assert!(matches!(outcome.gaps()[..], [(GapKind::TableInterrupted, _)]), "{:?}", outcome.gaps());
}

#[test]
fn truncated_answer_is_not_taken_for_a_complete_one() {
    let truncated = Answer::Truncated(vec![Message::Row(2)]);
    let outcome = list_tcp([rows([1]), truncated.clone(), done()]);
    assert_eq!(outcome.numbers(), [1]);
    assert!(matches!(outcome.gaps()[..], [(GapKind::TableInterrupted, _)]), "{:?}", outcome.gaps());
    assert!(list_tcp([truncated, done()]).result.is_err());
}

#[test]
fn time_out_before_any_row_is_an_error() {
    let outcome = list_tcp([]);
    assert_eq!(error(&outcome), format!("cannot list tcp sockets {NO_FILES}: no answer in time"));
}

#[test]
fn time_out_in_mid_dump_keeps_the_rows_and_is_a_gap() {
    let outcome = list_tcp([rows([1])]);
    assert_eq!(outcome.numbers(), [1]);
    assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, "sock_diag tcp: no answer in time")]);
}

#[test]
fn error_in_mid_dump_keeps_the_rows_and_is_a_gap_with_its_cause() {
    let outcome = list_tcp([rows([1]), Answer::Datagram(vec![Message::Error(-12)])]);
    assert_eq!(outcome.numbers(), [1]);
    let gap = "sock_diag tcp: Cannot allocate memory (os error 12)";
    assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, gap)]);
    let outcome = list_tcp([rows([1]), Answer::Datagram(vec![Message::Done(-12)])]);
    assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, gap)]);
}

#[test]
fn dump_that_the_kernel_marks_as_interrupted_is_a_gap() {
    let outcome =
        list_tcp([rows([1]), Answer::Datagram(vec![Message::RowOfInterruptedDump(2)]), rows([3]), done()]);
    assert_eq!(outcome.numbers(), [1, 2, 3]);
    assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, "sock_diag tcp")]);
}

#[test]
fn messages_that_are_no_answer_are_skipped() {
    let foreign = Answer::Datagram(vec![
        Message::Row(1),
        Message::RowForAnotherRequest(90),
        Message::RowForAnotherPort(91),
        Message::RowOfAnotherType(92),
        Message::Noop,
        Message::Row(2),
    ]);
    let from_process = Answer::FromProcess(vec![Message::Row(93), Message::Done(0)]);
    let outcome = list_tcp([from_process, foreign, rows([3]), done()]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2, 3], vec![]));
}

#[test]
fn endless_messages_that_are_no_answer_end_the_exchange() {
    for messages in [Answer::ForeverFromProcess, Answer::ForeverForAnotherRequest] {
        let outcome = list_tcp([rows([1]), messages]);
        assert_eq!(outcome.numbers(), [1]);
        assert_eq!(outcome.gaps(), [(GapKind::TableInterrupted, "sock_diag tcp: no answer in time")]);
    }
}

#[test]
fn malformed_framing_ends_the_dump_as_interrupted() {
    let outcome = list_tcp([rows([1]), Answer::Datagram(vec![Message::Garbage]), rows([2]), done()]);
    assert_eq!(outcome.numbers(), [1]);
    assert!(matches!(outcome.gaps()[..], [(GapKind::TableInterrupted, _)]), "{:?}", outcome.gaps());
}

#[test]
fn record_that_cannot_be_decoded_is_skipped_and_counted() {
    let outcome = list_tcp([
        Answer::Datagram(vec![Message::Row(1), Message::BadRow, Message::BadRow]),
        rows([2]),
        done(),
    ]);
    assert_eq!(outcome.numbers(), [1, 2]);
    let gaps = outcome.result.unwrap();
    assert_eq!((gaps.len(), gaps[0].kind, gaps[0].count), (1, GapKind::RecordsSkipped, 2));
}

#[test]
fn socket_that_cannot_be_opened_is_an_error_with_its_code() {
    for errno in [Errno::MFILE, Errno::PERM, Errno::ACCESS, Errno::PROTONOSUPPORT, Errno::AFNOSUPPORT] {
        let outcome = list(tcp(), [Channel::CannotOpen(errno)]);
        let error = outcome.result.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
        assert_eq!(error.is_permission_denied(), matches!(errno, Errno::PERM | Errno::ACCESS));
        assert_eq!(error.is_unsupported(), matches!(errno, Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT));
    }
}

#[test]
fn unavailable_table_is_a_gap_beside_one_that_is_listed() {
    let outcome = Script::new([Channel::Opens(vec![
        vec![rows([1]), done()],
        vec![Answer::Datagram(vec![Message::Done(-2)])],
    ])])
    .list(&[tcp(), udp()]);
    assert_eq!(outcome.numbers(), [1]);
    let cause = "sock_diag udp: No such file or directory (os error 2); \
                 /proc/thread-self/net/udp: entity not found";
    assert_eq!(outcome.gaps(), [(GapKind::TableUnavailable, cause)]);
}

#[test]
fn missing_handler_is_an_error_and_not_an_empty_list() {
    // No handler for the protocol, and none for the family.
    for missing in [Message::Done(-2), Message::Error(-2)] {
        let error = list_tcp([Answer::Datagram(vec![missing])]).result.unwrap_err();
        assert!(error.is_unsupported());
        assert_eq!(error.raw_os_error(), Some(2));
    }
}

#[test]
fn empty_table_is_an_empty_list_and_no_error() {
    let outcome = list_tcp([done()]);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![], vec![]));
}

#[test]
fn kernel_without_the_one_pass_request_gets_one_for_each_family_of_udp() {
    let tables = tables(&crate::query::Query::new(), false).unwrap();
    assert_eq!(tables.len(), 3);
    let one_row = |number| vec![rows([number]), done()];
    let outcome = Script::new([Channel::Opens(vec![one_row(1), one_row(2), one_row(3)])]).list(&tables);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2, 3], vec![]));
    let kinds: Vec<u16> = outcome
        .requests
        .iter()
        .map(|request| Messages::new(request).next().unwrap().unwrap().header.kind)
        .collect();
    assert_eq!(kinds, [TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY, SOCK_DIAG_BY_FAMILY]);
    let protocols: Vec<Protocol> = outcome.rows.iter().map(|row| row.protocol).collect();
    assert_eq!(protocols, [Protocol::Tcp, Protocol::Udp, Protocol::Udp]);
}

#[test]
fn sink_that_stops_gets_no_more_rows_and_no_more_tables_are_requested() {
    let outcome = Script::new([answers([rows([1, 2]), rows([3]), done()])]).list_at_most(&[tcp(), udp()], 2);
    assert_eq!((outcome.numbers(), outcome.gaps()), (vec![1, 2], vec![]));
    assert_eq!(outcome.requests.len(), 1);
}

#[test]
fn failed_exchange_leaves_nothing_for_the_next() {
    // The rest of the first socket's answer would be taken for the answer about UDP.
    let outcome = Script::new([
        Channel::Opens(vec![
            vec![rows([1]), Answer::Datagram(vec![Message::Garbage]), rows([2]), done()],
            vec![rows([90]), done()],
        ]),
        answers([rows([3]), done()]),
    ])
    .list(&[tcp(), over(Family::Ipv4, udp())]);
    assert_eq!((outcome.numbers(), outcome.opened), (vec![1, 3], 2));
}

#[test]
fn socket_with_another_running_dump_is_not_reused() {
    let busy = Answer::Datagram(vec![Message::Error(-Errno::BUSY.raw_os_error())]);
    let channels = [Channel::Opens(vec![vec![busy], vec![rows([90]), done()]]), answers([rows([3]), done()])];
    let outcome = Script::new(channels).list(&[tcp(), over(Family::Ipv4, udp())]);
    assert_eq!((outcome.numbers(), outcome.opened), (vec![3], 2));
}

#[test]
fn exchange_whose_reader_panicked_leaves_nothing_for_the_next() {
    let mut channels = [
        Channel::Opens(vec![vec![rows([1]), done()], vec![rows([90]), done()]]),
        answers([rows([2]), done()]),
    ]
    .into();
    let requests = Requests::default();
    let mut dumps = Dumps::new(|| super::script::open(&mut channels, &requests));
    let mut ask = |panics: bool| {
        let table = tcp();
        let mut ports = Vec::new();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut answer = dumps.ask(|seq| table.request(seq)).unwrap();
            while let Some(record) = answer.next().unwrap() {
                assert!(!panics, "as a caller may");
                ports.push(u16::from_be_bytes([record.payload[4], record.payload[5]]));
            }
        }));
        (outcome.is_ok(), ports)
    };
    assert_eq!(ask(true), (false, vec![]));
    assert_eq!(ask(false), (true, vec![2]));
}

/// The results of looking up rows with these cookies one by one.
fn still_open(given: Vec<Vec<Answer>>, cookies: &[u64]) -> Vec<bool> {
    still_open_in(given, cookies, None)
}

fn still_open_in(given: Vec<Vec<Answer>>, cookies: &[u64], state: Option<State>) -> Vec<bool> {
    let mut channels = [Channel::Opens(given)].into();
    let requests = Requests::default();
    let sockets: Vec<Socket> = cookies
        .iter()
        .map(|cookie| {
            let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], 1)));
            socket.cookie = NonZeroU64::new(*cookie);
            socket.state = state;
            socket
        })
        .collect();
    let mut open = || super::script::open(&mut channels, &requests);
    fn is_peer(_: &impl Peer) {}
    let mut dumps = Dumps::new(|| {
        let peer = open()?;
        is_peer(&peer);
        Ok(peer)
    });
    recheck::still_open(&mut dumps, &mut sockets.iter(), &mut { recheck::MAX_LOOKUPS })
}

#[test]
fn row_is_closed_only_if_the_kernel_reports_that() {
    let error = |code| vec![Answer::Datagram(vec![Message::Error(code)])];
    let stale = Errno::STALE.raw_os_error();
    let given = vec![vec![rows([1])], error(-2), error(-stale), vec![rows([4])]];
    assert_eq!(still_open(given, &[1, 2, 3, 4]), [true, false, true, true]);
}

#[test]
fn row_without_a_cookie_is_not_looked_up() {
    // The answer would be that it is closed.
    let gone = vec![vec![Answer::Datagram(vec![Message::Error(-2)])]];
    assert_eq!(still_open(gone, &[0, 7]), [true, false]);
}

#[test]
fn bound_but_idle_socket_is_not_looked_up() {
    // It is in no table that a lookup searches: the answer would be that it is closed.
    let gone = || vec![vec![Answer::Datagram(vec![Message::Error(-2)])]];
    assert_eq!(still_open_in(gone(), &[7], Some(State::Closed)), [true]);
    assert_eq!(still_open_in(gone(), &[7], Some(State::Listen)), [false]);
}

#[test]
fn rows_count_as_open_if_the_kernel_does_not_answer() {
    assert_eq!(still_open(vec![], &[1, 2]), [true, true]);
}
