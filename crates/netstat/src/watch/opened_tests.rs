use super::*;
use crate::model::family::Family;
use crate::model::gap::GapKind;
use crate::model::identity::Identity;
use crate::model::owner::{HiddenReason, Owner, OwnerRole};
use crate::model::protocol::Protocol;
use crate::query::Query;
use std::net::SocketAddr;
use std::num::NonZeroU64;

/// A port that no socket of this machine has.
const PORT: u16 = 0;

/// A watcher of nothing that there is, which has these rows from a listing before.
fn watcher(query: Query, rows: &[Socket]) -> Watcher {
    let mut watcher = Watcher::new(query.local_port(PORT), Duration::from_secs(3600)).expect("a listing");
    assert_eq!(watcher.snapshot().sockets, []);
    watcher.current.sockets = rows.to_vec();
    // Those of the first listing, if the kernel has reported a socket meanwhile.
    watcher.places = Places::default();
    watcher.since = vec![None; rows.len()];
    watcher
}

fn connection(cookie: u64, state: State) -> Socket {
    let local = SocketAddr::from(([127, 0, 0, 1], PORT));
    let mut row = Socket::new(Family::Ipv4, Protocol::Tcp, local);
    row.remote = Some(SocketAddr::from(([127, 0, 0, 1], 80)).into());
    row.cookie = NonZeroU64::new(cookie);
    row.state = Some(state);
    row
}

fn held(mut row: Socket, pid: u32) -> Socket {
    row.set_owners([Owner::new(pid, None, OwnerRole::Holder)], Ownership::Known { complete: false });
    row
}

fn waiting(mut row: Socket) -> Socket {
    row.set_owners([], Ownership::None { reason: UnownedReason::AcceptQueue });
    row
}

fn process(pid: u32, start: u64, name: &str) -> Process {
    let mut process = Process::new(pid);
    (process.start, process.name) = (Some(start), Some(name.into()));
    process
}

fn opened(watcher: &mut Watcher, socket: &Socket, process: Option<Process>) -> Option<Event> {
    watcher.opened(socket.clone(), process, Duration::from_secs(1), None)
}

const NEW: u64 = 1 << 60;

#[test]
fn opened_socket_is_a_row_with_the_process_that_has_opened_it_since_it_did() {
    let query = Query::new().processes(ProcessFields::NAME);
    let mut watcher = watcher(query, &[]);
    let socket = held(connection(NEW, State::Established), 814);
    let event = opened(&mut watcher, &socket, Some(process(814, 5, "nginx"))).unwrap();
    assert_eq!(
        (event.source, &event.change),
        (EventSource::Tracing, &Change::Opened { socket: socket.clone() })
    );
    assert_eq!(event.process(814).map(ToString::to_string).as_deref(), Some("nginx (814)"));
    assert!(event.at < SystemTime::now() - Duration::from_millis(900));
    assert_eq!(watcher.snapshot().sockets, std::slice::from_ref(&socket));
    assert!(watcher.since[0].is_some_and(|since| since.elapsed() >= Duration::from_secs(1)));
    // Another record of it is no other socket.
    assert_eq!(opened(&mut watcher, &socket, None), None);
}

#[test]
fn owners_are_left_out_where_the_query_does_not_ask_for_them() {
    let mut watcher = watcher(Query::new(), &[]);
    let socket = held(connection(NEW, State::Established), 814);
    let event = opened(&mut watcher, &socket, Some(process(814, 5, "nginx"))).unwrap();
    let Change::Opened { socket } = event.change else { panic!("{event:?}") };
    assert_eq!((socket.owners(), socket.ownership()), (&[][..], Ownership::NotAsked));
    assert_eq!(event.processes, []);
    assert_eq!(watcher.snapshot().processes, []);
}

#[test]
fn connection_that_was_listed_while_it_was_made_changes_its_state_and_no_state_goes_back() {
    let reported = waiting(connection(NEW, State::Established));
    for (listed, expected) in [
        (State::SynSent, Some(State::Established)),
        (State::SynReceived, Some(State::Established)),
        (State::Established, None),
        (State::CloseWait, None),
        (State::FinWait1, None),
    ] {
        let row = connection(NEW, listed);
        let mut watcher = watcher(Query::new(), std::slice::from_ref(&row));
        let after = opened(&mut watcher, &reported, None).map(|event| match event.change {
            Change::Changed { before, after } if before == row => after.state,
            other => panic!("{other:?}"),
        });
        assert_eq!(after, expected.map(Some), "{listed:?}");
        assert_eq!(watcher.snapshot().sockets[0].state, Some(expected.unwrap_or(listed)));
    }
}

#[test]
fn owners_that_a_listing_has_found_stay() {
    let row = held(connection(NEW, State::SynSent), 1000);
    let mut watcher = watcher(Query::new().owners(true), std::slice::from_ref(&row));
    let reported = held(connection(NEW, State::Established), 814);
    assert!(opened(&mut watcher, &reported, None).is_some());
    assert_eq!(watcher.snapshot().sockets[0].pids().collect::<Vec<_>>(), [1000]);
}

#[test]
fn report_that_is_older_than_what_a_listing_shows_adds_nothing() {
    // Of a socket whose end a listing has shown, and of one of which it has shown what remains.
    let row = connection(NEW, State::Established);
    let mut watcher_of_ended = watcher(Query::new(), std::slice::from_ref(&row));
    watcher_of_ended.list(&mut Vec::new()).unwrap();
    assert_eq!(opened(&mut watcher_of_ended, &row, None), None);
    assert_eq!(watcher_of_ended.snapshot().sockets, []);
    let remainder = connection(NEW, State::TimeWait);
    let mut watcher = watcher(Query::new(), std::slice::from_ref(&remainder));
    assert_eq!(opened(&mut watcher, &row, None), None);
    assert_eq!(watcher.snapshot().sockets, [remainder]);
}

#[test]
fn socket_of_which_the_filter_cannot_be_decided_is_left_to_the_listing() {
    let query = || Query::new().owners(true).process_name("nginx");
    let mut watcher = watcher(query(), &[]);
    let other = held(connection(NEW, State::Established), 815);
    // Others may hold it too.
    assert_eq!(opened(&mut watcher, &other, Some(process(815, 5, "curl"))), None);
    assert_eq!(opened(&mut watcher, &waiting(connection(NEW + 1, State::Established)), None), None);
    assert!(!watcher.unseen().iter().any(|gap| gap.kind == GapKind::SocketsUndecided));
    let of_nginx = held(connection(NEW + 2, State::Established), 814);
    assert!(opened(&mut watcher, &of_nginx, Some(process(814, 5, "nginx"))).is_some());
}

/// A watcher that has listed this process.
fn watcher_of(fields: ProcessFields, listed: &Process) -> Watcher {
    let mut watcher = watcher(Query::new().processes(fields), &[]);
    watcher.current.processes = vec![listed.clone()];
    watcher
}

/// With more than a report has.
fn listed(start: u64, name: &str) -> Process {
    let mut listed = process(814, start, name);
    (listed.uid, listed.parent, listed.path) = (Some(33), Some(1), Some("/bin/program".into()));
    listed
}

#[test]
fn details_of_a_listing_are_those_of_the_process_only_if_it_is_the_same_one() {
    let listed = listed(5, "nginx");
    let watcher = watcher_of(ProcessFields::NAME | ProcessFields::USER, &listed);
    let described = |start| watcher.described(process(814, start, "nginx"));
    assert_eq!(described(5), listed);
    assert_eq!(described(6), process(814, 6, "nginx"));
    // Of one that was gone when it was to be described, nothing is known but its pid.
    let watcher = watcher_of(ProcessFields::NAME, &Process::new(814));
    assert_eq!(watcher.described(process(814, 5, "nginx")), process(814, 5, "nginx"));
}

#[test]
fn process_that_runs_another_program_by_now_has_no_details_of_the_one_before() {
    for other in ["curl", "", "s", "shutdown"] {
        let mut watcher = watcher_of(ProcessFields::NAME | ProcessFields::PATH, &listed(5, "sh"));
        assert_eq!(watcher.described(process(814, 5, other)), process(814, 5, other));
        let socket = held(connection(NEW, State::Established), 814);
        let event = opened(&mut watcher, &socket, Some(process(814, 5, other))).unwrap();
        assert_eq!(event.processes, [process(814, 5, other)]);
        assert_eq!(watcher.snapshot().processes, event.processes);
    }
}

#[test]
fn program_that_a_report_calls_otherwise_is_one_program_where_the_system_says_so() {
    for (reported, name) in [("node-MainThread", "node"), ("nginx: worker p", "nginx: worker process")] {
        let listed = listed(5, name);
        let watcher = watcher_of(ProcessFields::NAME | ProcessFields::PATH, &listed);
        let is_one = watcher.described(process(814, 5, reported)) == listed;
        assert_eq!(is_one, Reports::is_short_name(reported.as_ref(), name.as_ref()), "{reported}");
    }
}

#[test]
fn details_of_a_listing_are_not_replaced_by_the_few_of_a_report() {
    let mut listed = listed(5, "nginx");
    listed.name = None;
    let mut watcher = watcher_of(ProcessFields::PATH, &listed);
    let socket = held(connection(NEW, State::Established), 814);
    let event = opened(&mut watcher, &socket, Some(process(814, 5, "nginx"))).unwrap();
    assert_eq!(
        (event.processes, &watcher.snapshot().processes),
        (vec![listed.clone()], &vec![listed.clone()])
    );
    // Nor those of a listing that is read in the meantime, by a process that the rows do not have yet.
    watcher.current.processes.clear();
    let mut fresh = Fresh { processes: vec![listed.clone()], ..Fresh::default() };
    let other = held(connection(NEW + 1, State::Established), 814);
    let reported = process(814, 5, "nginx");
    watcher.opened(other, Some(reported.clone()), Duration::ZERO, Some(&mut fresh)).unwrap();
    assert_eq!(fresh.processes, std::slice::from_ref(&listed));
    // Another process with that pid is another matter.
    let later = held(connection(NEW + 2, State::Established), 814);
    let reported = Process { start: Some(6), ..reported };
    watcher.opened(later, Some(reported), Duration::ZERO, Some(&mut fresh)).unwrap();
    assert_eq!((fresh.processes[0].start, &fresh.processes[0].path), (Some(6), &None));
}

#[test]
fn start_of_a_process_is_known_wherever_details_are_and_shown_only_if_it_was_asked_for() {
    let of = |fields| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut watcher =
            Watcher::new(Query::new().local_port(port).processes(fields), Duration::MAX).unwrap();
        // Other processes may have sockets with this port, at other addresses; a child that another test is about to start has
        // this one too, for a moment.
        let own = |watcher: &Watcher| watcher.snapshot().process(std::process::id()).cloned().unwrap();
        let first = own(&watcher);
        watcher.list(&mut Vec::new()).unwrap();
        let process = own(&watcher);
        assert_eq!(process, first);
        (process.start.is_some(), process.start_time.is_some(), process.name.is_some())
    };
    assert_eq!(of(ProcessFields::NAME), (true, false, true));
    assert_eq!(of(ProcessFields::START_TIME), (true, true, false));
}

#[test]
fn processes_of_sockets_that_are_gone_take_bounded_memory() {
    let mut watcher = watcher(Query::new().processes(ProcessFields::NAME), &[]);
    let kept = held(connection(NEW, State::Established), 1);
    opened(&mut watcher, &kept, Some(process(1, 1, "kept"))).unwrap();
    let many = u32::try_from(3 * MOST_NAMED).unwrap();
    for pid in 2..many {
        let mut socket = held(connection(NEW + u64::from(pid), State::Established), pid);
        socket.identity = Some(Identity::Inode(pid.into()));
        opened(&mut watcher, &socket, Some(process(pid, 1, "short"))).unwrap();
        let name = changes::name(&socket).unwrap();
        watcher.places.take(&mut watcher.current.sockets, Some(&mut watcher.since), &name).unwrap();
    }
    assert!(watcher.snapshot().processes.len() <= MOST_NAMED + 1);
    assert!(watcher.snapshot().process(1).is_some());
    let hidden = Ownership::Hidden { reason: HiddenReason::NotSearched };
    assert_ne!(watcher.snapshot().sockets[0].ownership(), hidden);
}
