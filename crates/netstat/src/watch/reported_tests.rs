use super::*;
use crate::engine::changes::Places;
use crate::model::family::Family;
use crate::model::queues::Queues;
use crate::model::socket_key::SocketKey;
use crate::model::state::State;
use crate::query::Query;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroU64;

/// A port that no socket of this machine has.
const PORT: u16 = 0;

/// A watcher of nothing that there is, which has these rows from a listing before.
fn watcher(rows: &[Socket]) -> Watcher {
    let query = Query::new().local_port(PORT);
    let mut watcher = Watcher::new(query, Duration::from_secs(3600)).expect("a listing");
    assert_eq!(watcher.snapshot().sockets, []);
    watcher.current.sockets = rows.to_vec();
    // Those of the first listing, if the kernel has reported a socket meanwhile.
    watcher.places = Places::default();
    watcher.since = vec![None; rows.len()];
    watcher
}

fn connection(cookie: u64) -> Socket {
    let local = SocketAddr::from(([127, 0, 0, 1], PORT));
    let mut row = Socket::new(Family::Ipv4, Protocol::Tcp, local);
    row.remote = Some(SocketAddr::from(([127, 0, 0, 1], 80)).into());
    row.cookie = NonZeroU64::new(cookie);
    row.state = Some(State::Established);
    row.queues = Some(Queues::Bytes { receive: 0, send: 0 });
    row
}

/// As the kernel reports its end.
fn reported(socket: &Socket) -> Socket {
    let mut last = socket.clone();
    (last.state, last.queues) = (None, None);
    last
}

fn names(made: &[(Change, Vec<Process>)]) -> Vec<&'static str> {
    made.iter().map(|(change, _)| change.as_str()).collect()
}

#[test]
fn end_is_no_second_event_however_many_listings_before_its_report_have_shown_it() {
    let row = connection(1 << 60);
    for listings in 1..4 {
        let mut watcher = watcher(std::slice::from_ref(&row));
        let mut events = Vec::new();
        for _ in 0..listings {
            watcher.list(&mut events).unwrap();
        }
        assert_eq!(events.iter().map(|event| event.change.as_str()).collect::<Vec<_>>(), ["closed"]);
        assert_eq!(watcher.destroyed(reported(&row), None, Instant::now()), [], "{listings}");
        assert_eq!(watcher.undecided, 0);
    }
}

#[test]
fn end_of_a_socket_without_room_in_the_listing_is_no_second_event_either() {
    // A request that is not accepted yet has no queues.
    let mut row = connection(1 << 60);
    (row.state, row.queues) = (Some(State::SynReceived), None);
    let mut watcher = watcher(std::slice::from_ref(&row));
    watcher.list(&mut Vec::new()).unwrap();
    assert_eq!(watcher.destroyed(reported(&row), None, Instant::now()), []);
}

#[test]
fn time_wait_that_was_listed_before_its_socket_was_reported_stays_a_row() {
    let mut remainder = connection(1 << 60);
    (remainder.state, remainder.queues) = (Some(State::TimeWait), None);
    let mut watcher = watcher(std::slice::from_ref(&remainder));
    let made = watcher.destroyed(reported(&remainder), None, Instant::now());
    assert_eq!(names(&made), ["closed", "opened"]);
    let mut rows: HashSet<SocketKey> = HashSet::from([remainder.key()]);
    for (change, _) in made {
        match change {
            Change::Closed { socket, .. } => assert!(rows.remove(&socket.key())),
            Change::Opened { socket } => assert!(rows.insert(socket.key())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rows, watcher.snapshot().sockets.iter().map(Socket::key).collect());
    assert_eq!(rows.len(), 1);
}

#[test]
fn what_was_lost_during_the_first_listing_is_an_event_and_another_listing_follows() {
    let row = connection(1 << 60);
    let mut watcher = watcher(&[]);
    watcher.begin(vec![Report::Destroyed(reported(&row)), Report::Lost(3, EventSource::Destroy)]);
    assert!(watcher.due() <= RECOVERY, "{:?}", watcher.due());
    let events = watcher.wait(Duration::ZERO).unwrap();
    // What has ended then was no row.
    assert_eq!(events.iter().map(|event| &event.change).collect::<Vec<_>>(), [&Change::Lost { count: 3 }]);
    // Listed once, and at the interval from then on.
    assert_eq!(watcher.wait(2 * RECOVERY).unwrap(), []);
    assert!(watcher.due() > 10 * RECOVERY, "{:?}", watcher.due());
}
