//! Counts from the kernel's counters, and from rows where these are missing or contradict the rows.

use super::script::{Answer, Channel, Message, Requests, done, open, rows, take_requests};
use crate::model::counts::Counts;
use crate::model::details::DetailFields;
use crate::model::family::Family;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::linux::sock_diag::counts::count;
use crate::sys::linux::sock_diag::dumps::Dumps;
use netstat_wire::linux::tcp_states as states;
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;

/// The text of `sockstat` for 10 sockets and 4 in TIME_WAIT.
const SOCKSTAT: &str = "sockets: used 99\nTCP: inuse 8 orphan 0 tw 4 alloc 9 mem 1\nUDP: inuse 1 mem 0\n";
const SOCKSTAT6: &str = "TCP6: inuse 2\nUDP6: inuse 0\n";

struct Counted {
    established: u64,
    time_wait: u64,
    closed: u64,
    /// The states in each request.
    requested: Vec<u32>,
    /// The attributes that each request names.
    attributes: Vec<u8>,
}

/// Counts TCP with these answers over netlink, and these files in `/proc`.
fn counted(given: Vec<Vec<Answer>>, files: &[(&str, Result<&str, Errno>)]) -> Counted {
    counted_by(false, given, files).1
}

fn counted_by(
    by_family: bool,
    given: Vec<Vec<Answer>>,
    files: &[(&str, Result<&str, Errno>)],
) -> (Counts, Counted) {
    let mut channels = [Channel::Opens(given)].into();
    let requests = Requests::default();
    let files: HashMap<&str, Result<&str, Errno>> = files.iter().copied().collect();
    let mut read = |path: &str, text: &mut Vec<u8>| {
        let file = path.strip_prefix("thread-self/net/").unwrap();
        let content = files.get(file).copied().unwrap_or(Err(Errno::NOENT))?;
        *text = content.as_bytes().to_vec();
        Ok(())
    };
    let mut counts = Counts::default();
    let gaps = count(
        &mut Dumps::new(|| open(&mut channels, &requests)),
        &mut |_| Err(io::ErrorKind::NotFound.into()),
        &mut read,
        // A count has no use for details.
        &Query::new().tcp().details(DetailFields::all()),
        by_family,
        &mut counts,
    );
    assert_eq!(gaps.unwrap(), []);
    // The older request, which has the states at its end.
    let states = |request: &Vec<u8>| u32::from_ne_bytes(request[16 + 52..16 + 56].try_into().unwrap());
    let requests = take_requests(&requests);
    let requested = requests.iter().map(states).collect();
    let counted = Counted {
        established: counts.in_state(State::Established),
        time_wait: counts.in_state(State::TimeWait),
        closed: counts.in_state(State::Closed),
        requested,
        attributes: requests.iter().map(|request| request[16 + 3]).collect(),
    };
    (counts, counted)
}

const BOTH: [(&str, Result<&str, Errno>); 2] = [("sockstat", Ok(SOCKSTAT)), ("sockstat6", Ok(SOCKSTAT6))];

/// One dump of three sockets.
fn three() -> Vec<Answer> {
    vec![rows([1, 2, 3]), done()]
}

fn is_requested(states: u32, state: u8) -> bool {
    states & states::mask(state) != 0
}

#[test]
fn rest_of_the_kernels_count_is_established() {
    let counted = counted(vec![three()], &BOTH);
    assert_eq!((counted.established, counted.time_wait, counted.closed), (7, 4, 3));
    let [requested] = counted.requested[..] else { panic!("{:x?}", counted.requested) };
    assert!(
        !is_requested(requested, states::TCP_ESTABLISHED) && !is_requested(requested, states::TCP_TIME_WAIT)
    );
    assert!(is_requested(requested, states::TCP_LISTEN) && is_requested(requested, states::TCP_CLOSING));
}

#[test]
fn families_are_counted_apart_and_time_wait_by_its_rows() {
    const IPV4: u8 = 2;
    const IPV6: u8 = 10;
    let others = vec![
        Message::RowIn(1, IPV4, states::TCP_LISTEN),
        Message::RowIn(2, IPV6, states::TCP_LISTEN),
        Message::RowIn(3, IPV6, states::TCP_TIME_WAIT),
        Message::RowIn(4, IPV4, states::TCP_TIME_WAIT),
        Message::RowIn(5, IPV4, states::TCP_TIME_WAIT),
    ];
    let (counts, counted) = counted_by(true, vec![vec![Answer::Datagram(others), done()]], &BOTH);
    let [requested] = counted.requested[..] else { panic!("{:x?}", counted.requested) };
    assert!(
        !is_requested(requested, states::TCP_ESTABLISHED) && is_requested(requested, states::TCP_TIME_WAIT)
    );
    let of = |wanted, family| {
        let all = counts.iter_by_family();
        let found = all.filter(|(_, state, of, _)| (*state, *of) == (Some(wanted), Some(family)));
        found.map(|(.., count)| count).sum::<u64>()
    };
    for (state, ipv4, ipv6) in
        [(State::Established, 7, 1), (State::TimeWait, 2, 1), (State::Listen, 1, 1), (State::Closed, 0, 0)]
    {
        assert_eq!((of(state, Family::Ipv4), of(state, Family::Ipv6)), (ipv4, ipv6), "{state}");
        assert_eq!(counts.in_state(state), ipv4 + ipv6, "{state}");
    }
    assert_eq!(counts.total(), counts.of_family(Family::Ipv4) + counts.of_family(Family::Ipv6));
    // More in other states than the kernel has of this family.
    let many = (1..=3).map(|number| Message::RowIn(number, IPV6, states::TCP_LISTEN)).collect();
    let rows = vec![Answer::Datagram(vec![Message::Established(1)]), done()];
    let (_, counted) = counted_by(true, vec![vec![Answer::Datagram(many), done()], rows], &BOTH);
    assert_eq!((counted.established, counted.requested.len()), (1, 2), "rows are counted");
}

#[test]
fn one_dump_without_attributes_has_all_that_is_counted_by_rows() {
    for (by_family, tw) in [(false, "tw 0"), (true, "tw 0"), (true, "tw 4")] {
        let sockstat = SOCKSTAT.replace("tw 4", tw);
        let (counts, counted) = counted_by(by_family, vec![three()], &[("sockstat", Ok(&sockstat)), BOTH[1]]);
        assert_eq!((counted.requested.len(), &counted.attributes[..]), (1, &[0][..]), "{by_family} {tw}");
        assert_eq!((counts.in_state(State::TimeWait), counted.closed), (0, 3), "{by_family} {tw}");
    }
}

#[test]
fn kernel_without_ipv6_has_no_second_file() {
    let counted = counted(vec![three()], &BOTH[..1]);
    assert_eq!((counted.established, counted.time_wait, counted.closed), (5, 4, 3));
}

/// Counts twice: the first dump is discarded, the second is of every state.
fn by_rows(first: Vec<Answer>, files: &[(&str, Result<&str, Errno>)], why: &str) {
    let all = vec![Answer::Datagram(vec![Message::Established(1), Message::Row(2)]), done()];
    let counted = counted(vec![first, all], files);
    assert_eq!((counted.established, counted.time_wait, counted.closed), (1, 0, 1), "{why}");
    let last = counted.requested.last().copied().unwrap();
    assert!(
        is_requested(last, states::TCP_ESTABLISHED) && is_requested(last, states::TCP_TIME_WAIT),
        "{why}"
    );
}

#[test]
fn rows_are_counted_where_the_kernels_counts_are_missing() {
    by_rows(three(), &[], "no such files");
    by_rows(three(), &[("sockstat", Err(Errno::ACCESS))], "not to be read");
    by_rows(three(), &[BOTH[0], ("sockstat6", Err(Errno::ACCESS))], "one of them not to be read");
    by_rows(three(), &[("sockstat", Ok("TCP: nothing\n")), BOTH[1]], "not understood");
    by_rows(three(), &[("sockstat", Ok("TCP: inuse 8\n")), BOTH[1]], "no count of TIME_WAIT");
}

#[test]
fn rows_are_counted_where_the_counts_contradict_the_rows() {
    let many = vec![rows(1..=11), done()];
    by_rows(many, &BOTH, "more sockets in other states than there are");
    let mask_ignored = vec![Answer::Datagram(vec![Message::Established(1)]), done()];
    by_rows(mask_ignored, &BOTH, "a state that was not requested for");
    let bad = vec![Answer::Datagram(vec![Message::BadRow]), done()];
    by_rows(bad, &BOTH, "a record that was not understood");
}
