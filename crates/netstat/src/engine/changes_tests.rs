use super::*;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::owner::OwnerRole;
use crate::model::queues::Queues;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use test_random::Random;

fn tcp(port: u16, cookie: u64) -> Socket {
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, SocketAddr::from(([127, 0, 0, 1], port)));
    socket.cookie = NonZeroU64::new(cookie);
    socket.identity = Some(Identity::Inode(cookie + 1000));
    socket.state = Some(State::Established);
    socket.queues = Some(Queues::Bytes { receive: 0, send: 0 });
    socket
}

/// The changes from these rows to those of a listing.
fn changes(known: &[Socket], rows: Vec<Socket>) -> Vec<Change> {
    listed(&mut known.to_vec(), &mut Since::new(), rows, false, Instant::now())
}

fn listed(
    known: &mut Vec<Socket>,
    since: &mut Since,
    rows: Vec<Socket>,
    is_incomplete: bool,
    at: Instant,
) -> Vec<Change> {
    let mut changes = Vec::new();
    replace(known, since, Listing { rows, is_incomplete, at }, &mut |change| changes.push(change));
    assert_eq!(known.len(), since.len());
    changes
}

fn kinds(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(Change::as_str).collect()
}

/// What a caller sees of rows, as often as it is there.
type Seen = BTreeMap<(SocketKey, Option<State>, Vec<u32>), usize>;

fn seen(rows: &[Socket]) -> Seen {
    let mut seen = Seen::new();
    for row in rows {
        *seen.entry(seen_of(row)).or_default() += 1;
    }
    seen
}

fn seen_of(row: &Socket) -> (SocketKey, Option<State>, Vec<u32>) {
    (row.key(), row.state, row.pids().collect())
}

/// Applies an event as a caller does.
fn fold(rows: &mut Vec<Socket>, change: Change) {
    let mut remove = |gone: &Socket| {
        // Several rows may have one key.
        let same = |row: &Socket| row.cookie == gone.cookie && seen_of(row) == seen_of(gone);
        let place = rows.iter().position(same).expect("an event removes only what is there");
        rows.swap_remove(place);
    };
    match change {
        Change::Opened { socket } => rows.push(socket),
        Change::Closed { socket, .. } => remove(&socket),
        Change::Changed { before, after } => {
            remove(&before);
            rows.push(after);
        }
        Change::Lost { .. } => panic!("a listing loses nothing"),
    }
}

/// A row of a small world, in which keys repeat, cookies may be missing and sockets become others.
fn any_row(random: &mut Random) -> Socket {
    let mut row = tcp(random.pick(&[80, 81]), 1 + random.next_u64() % 12);
    row.state = random.pick(&[
        Some(State::Established),
        Some(State::CloseWait),
        Some(State::TimeWait),
        Some(State::FinWait2),
        None,
    ]);
    if random.below(3) == 0 {
        (row.identity, row.queues) = (None, None);
    }
    if random.below(4) == 0 {
        row.cookie = None;
    }
    let holders = [7, 8].into_iter().take(random.below(3));
    let owners = holders.map(|pid| Owner::new(pid, Some(3), OwnerRole::Holder));
    row.set_owners(owners.collect::<Vec<_>>(), Ownership::Known { complete: true });
    row
}

#[test]
fn old_rows_folded_with_the_events_are_the_new_rows() {
    let mut random = Random::new(0x0077_6174_6368);
    for _ in 0..3_000 {
        let mut listing = || -> Vec<Socket> {
            let mut rows: Vec<Socket> = (0..random.below(8)).map(|_| any_row(&mut random)).collect();
            // A cookie is given to one socket, and to what remains of it.
            let mut used = std::collections::HashSet::new();
            rows.retain(|row| cookie(row).is_none_or(|cookie| used.insert(cookie)));
            rows
        };
        let (old, new) = (listing(), listing());
        let mut folded = old.clone();
        for change in changes(&old, new.clone()) {
            fold(&mut folded, change);
        }
        assert_eq!(seen(&folded), seen(&new));
    }
}

#[test]
fn equal_listings_have_no_difference() {
    let rows = vec![tcp(80, 1), tcp(81, 2)];
    let mut from_proc = rows.clone();
    from_proc.iter_mut().for_each(|row| row.cookie = None);
    for (old, new) in [(&rows, &rows), (&rows, &from_proc), (&from_proc, &rows)] {
        assert_eq!(changes(old, new.clone()), []);
    }
}

#[test]
fn connection_that_is_accepted_is_the_same_one() {
    let mut waiting = tcp(80, 1);
    waiting.identity = None;
    let accepted = tcp(80, 1);
    assert_ne!(waiting.key(), accepted.key());
    let made = changes(&[waiting.clone()], vec![accepted.clone()]);
    assert_eq!(made, [Change::Changed { before: waiting, after: accepted }]);
}

#[test]
fn time_wait_is_not_the_socket_that_it_remains_of() {
    let socket = tcp(80, 1);
    let mut orphan = socket.clone();
    (orphan.identity, orphan.state) = (None, Some(State::FinWait2));
    let mut remainder = orphan.clone();
    (remainder.state, remainder.queues) = (Some(State::TimeWait), None);
    for before in [socket.clone(), orphan.clone()] {
        assert_eq!(kinds(&changes(&[before], vec![remainder.clone()])), ["closed", "opened"]);
    }
    // FIN_WAIT_2 without its socket is a remainder already, and with it a change of state.
    let mut kept = orphan.clone();
    kept.queues = None;
    assert_eq!(kinds(&changes(&[kept], vec![remainder])), ["changed"]);
    assert_eq!(kinds(&changes(&[socket], vec![orphan])), ["changed"]);
}

#[test]
fn another_socket_with_the_same_ends_is_another_socket() {
    let (mut old, mut new) = (tcp(80, 1), tcp(80, 2));
    (old.identity, new.identity) = (None, None);
    assert_eq!(old.key(), new.key());
    assert_eq!(kinds(&changes(&[old], vec![new])), ["closed", "opened"]);
}

#[test]
fn holders_count_and_their_descriptors_do_not() {
    let held_by = |owners: &[(u32, i32)]| {
        let mut row = tcp(80, 1);
        let owners = owners.iter().map(|(pid, fd)| Owner::new(*pid, Some(*fd), OwnerRole::Holder));
        row.set_owners(owners.collect::<Vec<_>>(), Ownership::Known { complete: true });
        row
    };
    let one = held_by(&[(7, 3)]);
    let made = |after: Socket| kinds(&changes(std::slice::from_ref(&one), vec![after]));
    assert_eq!(made(held_by(&[(7, 4), (7, 9)])), [""; 0]);
    assert_eq!(made(held_by(&[(7, 3), (8, 3)])), ["changed"]);
    assert_eq!(made(held_by(&[])), ["changed"]);
    let mut vanished = held_by(&[]);
    vanished.set_owners([], Ownership::Hidden { reason: HiddenReason::Vanished });
    assert_eq!(made(vanished), [""; 0]);
}

#[test]
fn rows_that_an_incomplete_listing_lacks_are_kept_and_compared_with_the_next() {
    let (one, other) = (tcp(80, 1), tcp(81, 2));
    let (mut rows, mut since) = (vec![one, other.clone()], Since::new());
    let mut next =
        |rows: &mut _, new, is_incomplete| listed(rows, &mut since, new, is_incomplete, Instant::now());
    assert_eq!(next(&mut rows, vec![other.clone()], true), []);
    assert_eq!(rows.len(), 2);
    assert_eq!(kinds(&next(&mut rows, vec![other], false)), ["closed"]);
}

#[test]
fn a_table_that_fails_makes_a_listing_incomplete_until_it_fails_as_before() {
    let unavailable = [Gap::new(GapKind::TableUnavailable, 1, "sock_diag udp: Permission denied")];
    assert!(is_incomplete(&[], &unavailable));
    assert!(!is_incomplete(&unavailable, &unavailable));
    assert!(!is_incomplete(&unavailable, &[]));
    let other = [Gap::new(GapKind::TableUnavailable, 1, "sock_diag tcp: Permission denied")];
    assert!(is_incomplete(&unavailable, &other));
    // Which rows an interrupted table lacks is another matter each time.
    let interrupted = [Gap::new(GapKind::TableInterrupted, 1, "sock_diag tcp")];
    assert!(is_incomplete(&interrupted, &interrupted));
    assert!(!is_incomplete(&[], &[Gap::new(GapKind::ProcessesVanished, 1, "/proc/<pid>/fd")]));
}

#[test]
fn time_that_a_socket_was_open_is_known_if_its_beginning_was_seen() {
    let began = Instant::now();
    let (mut rows, mut since) = (vec![tcp(80, 1)], Since::new());
    let mut at = |after, new| listed(&mut rows, &mut since, new, false, began + Duration::from_secs(after));
    at(1, vec![tcp(80, 1), tcp(81, 2)]);
    let mut times = Vec::new();
    for change in at(4, Vec::new()) {
        let Change::Closed { socket, open_for } = change else { panic!("{change:?}") };
        times.push((socket.local.port(), open_for));
    }
    times.sort_unstable();
    assert_eq!(times, [(Some(80), None), (Some(81), Some(Duration::from_secs(3)))]);
}
