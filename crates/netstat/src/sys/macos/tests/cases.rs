//! One race, refusal or oddity each.

use super::*;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::process_id::ProcessId;
use crate::scripted::world::DescriptorFate;
use std::ops::ControlFlow;

fn holder(pid: u32, fd: i32) -> Owner {
    Owner::new(pid, Some(fd), OwnerRole::Holder)
}

fn last_user(pid: u32) -> Owner {
    Owner::new(pid, None, OwnerRole::LastUser)
}

fn at(mut socket: Socket, handle: u64, generation: u64) -> Socket {
    (socket.handle, socket.generation) = (handle, generation);
    socket
}

#[test]
fn one_socket_in_two_processes_has_two_owners_and_one_row() {
    let xnu = kernel(
        15,
        0,
        vec![process(100, 501, &[(3, 0), (9, 0)]), process(101, 0, &[(3, 0)])],
        vec![listener()],
    );
    let snapshot = xnu.snapshot(&everything()).unwrap();
    let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    assert_eq!(row.owners(), [holder(100, 3), holder(100, 9), holder(101, 3)]);
    assert_eq!(row.ownership(), Ownership::Known { complete: true });
    assert_eq!(
        (row.queues, row.uid),
        (Some(crate::Queues::Accept { waiting: 2, limit: Some(128) }), Some(501))
    );
    assert_eq!(snapshot.gaps, []);
}

#[test]
fn user_sees_all_sockets_and_the_holders_among_its_own_processes() {
    let others = Socket { uid: 0, last_user: 1, effective: 55, ..at(listener(), 2, 11) };
    let processes = vec![process(1, 0, &[(3, 1)]), process(100, 501, &[(3, 0)])];
    let xnu = kernel(15, 501, processes, vec![listener(), others]);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    let [newest, own] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    // One reference to the open file, and it has been seen: nobody else can hold it.
    assert_eq!((own.owners(), own.ownership()), (&[holder(100, 3)][..], Ownership::Known { complete: true }));
    let named = [last_user(1), Owner::new(55, None, OwnerRole::Effective)];
    assert_eq!((newest.owners(), newest.ownership()), (&named[..], Ownership::Known { complete: false }));
    // The names of others' processes are told all the same.
    assert_eq!(snapshot.process(1).unwrap().name.as_deref(), Some("server".as_ref()));
    assert_eq!(snapshot.process(1).unwrap().start_time, None);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesUnreadable, 1)]);
}

#[test]
fn socket_shared_with_a_process_that_cannot_be_read_is_not_complete() {
    let processes = vec![process(1, 0, &[(3, 0)]), process(100, 501, &[(3, 0)])];
    let snapshot = kernel(15, 501, processes, vec![listener()]).snapshot(&everything()).unwrap();
    let row = &snapshot.sockets[0];
    assert_eq!(
        (row.owners(), row.ownership()),
        (&[holder(100, 3)][..], Ownership::Known { complete: false })
    );
}

#[test]
fn macos_27_shows_a_user_libproc_s_sockets_and_says_that_others_are_missing() {
    let foreign = |number: u64| Socket { uid: 0, last_user: 1, ..at(listener(), 100 + number, 100 + number) };
    let mut sockets: Vec<Socket> = (0..57).map(foreign).collect();
    sockets.push(listener());
    let processes = || vec![process(1, 0, &[(3, 0)]), process(100, 501, &[(3, 57)])];
    for query in [everything(), Query::new()] {
        let wants_owners = query.wants_owners();
        let snapshot = kernel(27, 501, processes(), sockets.clone()).snapshot(&query).unwrap();
        let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
        assert_eq!(row.local.to_string(), "127.0.0.1:80");
        assert_eq!(row.uid, None);
        assert_eq!(row.owners().is_empty(), !wants_owners);
        let gap = snapshot.gaps.iter().find(|gap| gap.kind == GapKind::TableFiltered).unwrap();
        assert_eq!(gap.source, "net.inet.tcp.pcblist_n: 0 of 58 sockets shown");
    }
    // Root is shown everything.
    let snapshot = kernel(27, 0, processes(), sockets).snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets.len(), 58);
    assert_eq!(snapshot.gaps, []);
}

#[cfg(feature = "log")]
#[test]
fn filtered_table_logs_one_line() {
    use crate::log::recorder::lines_of;
    let foreign = |number: u64| Socket { uid: 0, last_user: 1, ..at(listener(), 100 + number, 100 + number) };
    let sockets: Vec<Socket> = (0..57).map(foreign).collect();
    for (uid, expected) in
        [(501, &["a table is filtered: net.inet.tcp.pcblist_n: 0 of 57 sockets shown"][..]), (0, &[])]
    {
        let xnu = kernel(27, uid, vec![process(1, 0, &[(3, 0)])], sockets.clone());
        let (_, lines) = lines_of(|| xnu.snapshot(&everything()).unwrap());
        assert_eq!(lines, expected, "{uid}");
    }
}

#[test]
fn macos_27_filter_is_noticed_by_one_missing_socket_when_most_are_shown() {
    // The caller's own three sockets are shown, that of another of its user's processes is not.
    let own = |number: u64| Socket { last_user: 900, ..at(listener(), 100 + number, 100 + number) };
    let sockets: Vec<Socket> = (0..3).map(own).chain([listener()]).collect();
    let xnu = kernel(27, 501, vec![process(100, 501, &[(3, 3)])], sockets);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets.len(), 4);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::TableFiltered, 1)]);
}

#[test]
fn few_dead_sockets_that_are_counted_and_not_shown_are_no_filter() {
    let dead = |number: u64| Socket { hands: Hands::Detached, ..at(listener(), 100 + number, 100 + number) };
    let live = |number: u64| at(listener(), 200 + number, 200 + number);
    let sockets: Vec<Socket> = (0..4).map(dead).chain((0..5).map(live)).collect();
    let held: Vec<(i32, usize)> = (3..).zip(0..9).collect();
    let snapshot = kernel(15, 501, vec![process(100, 501, &held)], sockets).snapshot(&everything()).unwrap();
    // Those whose connection is gone are no sockets of the table, though a descriptor refers to them.
    assert_eq!(snapshot.sockets.len(), 5);
    assert_eq!(snapshot.gaps, []);
}

#[test]
fn handle_that_was_given_out_again_does_not_join_the_new_holder_to_the_old_row() {
    let closed = Socket { when: When::UntilTables, last_user: 77, ..at(listener(), 5, 10) };
    let opened =
        Socket { when: When::AfterTables, local: "127.0.0.1:81".parse().unwrap(), ..at(listener(), 5, 11) };
    let xnu = kernel(15, 0, vec![process(100, 501, &[(3, 1)])], vec![closed, opened]);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    let [old, new] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    assert_eq!((old.local.port(), new.local.port()), (Some(80), Some(81)));
    assert_eq!(old.ownership(), Ownership::Hidden { reason: HiddenReason::Vanished });
    assert_eq!((old.owners(), new.owners()), (&[last_user(77)][..], &[holder(100, 3)][..]));
}

#[test]
fn descriptors_that_close_or_become_files_are_passed_over_and_counted() {
    for major in [10, 15] {
        let mut other = process(100, 501, &[(3, 0), (4, 0), (5, 0)]);
        other.descriptors[0].fate = DescriptorFate::Closes;
        other.descriptors[1].fate = DescriptorFate::BecomesFile;
        let snapshot = kernel(major, 0, vec![other], vec![listener()]).snapshot(&everything()).unwrap();
        assert_eq!(snapshot.sockets[0].owners(), [holder(100, 5)]);
        assert_eq!(counts(&snapshot.gaps), [(GapKind::DescriptorsVanished, 2)]);
    }
}

#[test]
fn processes_that_end_or_lose_their_pid_are_passed_over_and_counted_and_zombies_are_not() {
    let with = |pid, fate| Process { fate, ..process(pid, 501, &[(3, 0), (4, 0)]) };
    let processes = vec![
        with(100, Fate::EndsBeforeItIsRead),
        with(101, Fate::EndsAfter(1)),
        with(102, Fate::PidIsUsedAgain),
        with(103, Fate::Zombie),
        with(104, Fate::Lives),
    ];
    let snapshot = kernel(15, 0, processes, vec![listener()]).snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].owners(), [last_user(100), holder(104, 3), holder(104, 4)]);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesVanished, 3)]);
}

#[test]
fn process_that_refuses_even_root_makes_all_owners_incomplete() {
    let refusing = Process { fate: Fate::Refuses, ..process(100, 0, &[(3, 0)]) };
    let in_flight = Socket { in_flight: true, last_user: 0, ..at(listener(), 2, 11) };
    let snapshot =
        kernel(15, 0, vec![refusing], vec![listener(), in_flight]).snapshot(&everything()).unwrap();
    let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    let told: Vec<_> = snapshot.sockets.iter().map(crate::Socket::ownership).collect();
    assert_eq!(told, [hidden, Ownership::Known { complete: false }]);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesUnreadable, 1)]);
}

#[test]
fn table_that_outgrows_its_buffer_is_read_again_and_in_the_end_taken_in_part() {
    let sockets: Vec<Socket> = (1..200).map(|number| at(listener(), number, number)).collect();
    let machine = |outgrown| Machine { outgrown, ..Machine::new(15, 0, 900) };
    let grown = kernel_with(machine(2), Vec::new(), sockets.clone()).snapshot(&everything()).unwrap();
    assert_eq!((grown.sockets.len(), grown.gaps.len()), (199, 0));

    let tcp = Query::new().tcp();
    let never = kernel_with(machine(u32::MAX), Vec::new(), sockets).snapshot(&tcp).unwrap();
    assert!(!never.sockets.is_empty(), "whole sets are there, however many");
    assert_eq!(counts(&never.gaps), [(GapKind::TableInterrupted, 1)]);
}

#[test]
fn lists_longer_than_was_told_are_read_to_their_end() {
    let machine = Machine { lists_grow: true, ..Machine::new(15, 0, 900) };
    let held: Vec<(i32, usize)> = (3..2003).map(|fd| (fd, 0)).collect();
    let mut processes: Vec<Process> = (1000..1300).map(|pid| process(pid, 0, &[])).collect();
    processes.push(process(100, 501, &held));
    let snapshot = kernel_with(machine, processes, vec![listener()]).snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].owners().len(), 2000);
    assert_eq!(snapshot.gaps, []);
}

#[test]
fn refused_tables_leave_what_libproc_shows() {
    let machine = || Machine { refuses_tables: true, ..Machine::new(15, 501, 900) };
    let processes = || vec![process(100, 501, &[(3, 0), (4, 1)])];
    let sockets = || vec![listener(), datagrams(2, 10)];
    for query in [everything(), Query::new()] {
        let snapshot = kernel_with(machine(), processes(), sockets()).snapshot(&query).unwrap();
        let ports: Vec<_> = snapshot.sockets.iter().map(|socket| socket.local.port().unwrap()).collect();
        assert_eq!(ports, [80, 5353]);
        assert_eq!(
            counts(&snapshot.gaps)[..],
            [(GapKind::TableUnavailable, 1), (GapKind::TableUnavailable, 1)]
        );
    }
    let refusing = Machine { refuses_lists: true, ..machine() };
    let error = kernel_with(refusing, processes(), sockets()).snapshot(&everything()).unwrap_err();
    assert!(error.is_permission_denied(), "{error}");
    assert_eq!(
        error.to_string(),
        format!("cannot read net.inet.tcp.pcblist_n: {}", std::io::Error::from_raw_os_error(1))
    );
}

#[test]
fn where_no_process_is_listed_the_caller_still_finds_itself() {
    let machine = Machine { refuses_lists: true, ..Machine::new(15, 501, 100) };
    let own = process(100, 501, &[(3, 0)]);
    let xnu = Xnu::new(World { processes: vec![own], sockets: vec![listener()] }, machine);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].owners(), [holder(100, 3)]);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesHidden, 1)]);
}

#[test]
fn flows_have_no_handle_user_or_holder_and_one_without_address_is_no_row() {
    let flow = Socket { hands: Hands::Flow, last_user: 321, effective: 400, ..datagrams(9, 0) };
    let empty = Socket { hands: Hands::Flow, ..listener() };
    let xnu = kernel(15, 0, vec![process(321, 501, &[])], vec![flow, empty]);
    let snapshot = xnu.snapshot(&everything().udp()).unwrap();
    let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    assert_eq!((row.identity, row.uid, row.cookie), (None, None, None));
    assert_eq!(row.queues, None);
    assert_eq!(row.owners(), [last_user(321), Owner::new(400, None, OwnerRole::Effective)]);
    assert_eq!(row.ownership(), Ownership::Known { complete: false });
}

#[test]
fn socket_parked_in_a_mach_port_has_an_owner_without_descriptor() {
    let launchd = Process { parked: vec![(0x1203, 0)], ..process(1, 0, &[]) };
    let snapshot = kernel(15, 0, vec![launchd], vec![listener()]).snapshot(&everything()).unwrap();
    let parked = Owner::new(1, None, OwnerRole::Holder);
    assert_eq!(snapshot.sockets[0].owners(), [parked, last_user(100)]);
}

#[test]
fn kernel_without_file_ports_still_tells_descriptors() {
    let machine = Machine { has_no_fileports: true, ..Machine::new(15, 0, 900) };
    let xnu = kernel_with(machine, vec![process(100, 501, &[(3, 0)])], vec![listener()]);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    assert_eq!((snapshot.sockets[0].owners(), snapshot.gaps), (&[holder(100, 3)][..], Vec::new()));
}

#[test]
fn row_says_why_no_descriptor_can_exist() {
    let with = |number, state, hands| Socket {
        state,
        hands,
        remote: Some("10.0.0.9:1".parse().unwrap()),
        last_user: 0,
        ..at(listener(), number, number)
    };
    let sockets = vec![
        with(1, State::TimeWait, Hands::Orphan),
        with(2, State::FinWait2, Hands::Orphan),
        with(3, State::Established, Hands::Waiting),
        with(4, State::SynReceived, Hands::HalfOpen),
        with(5, State::TimeWait, Hands::NoSocket),
        with(6, State::Established, Hands::Open),
    ];
    let snapshot = kernel(15, 0, Vec::new(), sockets).snapshot(&everything()).unwrap();
    let mut told: Vec<_> =
        snapshot.sockets.iter().map(|row| (row.cookie.unwrap().get(), row.ownership())).collect();
    told.sort_unstable_by_key(|(number, _)| *number);
    let reasons = [
        UnownedReason::TimeWait,
        UnownedReason::Orphan,
        UnownedReason::AcceptQueue,
        UnownedReason::SynReceived,
        UnownedReason::TimeWait,
        UnownedReason::KernelOrInFlight,
    ];
    let expected: Vec<_> =
        (1..).zip(reasons).map(|(number, reason)| (number, Ownership::None { reason })).collect();
    assert_eq!(told, expected);
}

#[test]
fn query_for_one_process_reads_that_one_and_says_so() {
    let sockets = vec![listener(), Socket { last_user: 101, ..at(listener(), 2, 11) }];
    let processes = vec![process(100, 501, &[(3, 0)]), process(101, 501, &[(3, 0), (4, 1)])];
    let xnu = kernel(15, 0, processes, sockets);
    let snapshot = xnu.snapshot(&Query::new().pid(100).threads(1)).unwrap();
    let [row] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    assert_eq!(
        (row.owners(), row.ownership()),
        (&[holder(100, 3)][..], Ownership::Known { complete: false })
    );
}

#[test]
fn query_for_a_name_finds_holders_and_those_that_only_the_table_names() {
    let sockets = vec![listener(), Socket { uid: 0, last_user: 1, ..at(listener(), 2, 11) }];
    let processes =
        vec![Process { name: "launchd".to_owned(), ..process(1, 0, &[]) }, process(100, 501, &[(3, 0)])];
    let xnu = || kernel(15, 501, processes.clone(), sockets.clone());
    for (name, generation) in [("server", 10), ("launchd", 11)] {
        let query = Query::new().process_name(name).threads(1);
        let snapshot = xnu().snapshot(&query).unwrap();
        let mut streamed = Vec::new();
        xnu()
            .for_each(&query, |socket| {
                streamed.push(socket);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(snapshot.sockets, streamed);
        let told: Vec<_> = snapshot.sockets.iter().map(|row| row.cookie.unwrap().get()).collect();
        assert_eq!(told, [generation], "{name}");
    }
}

#[test]
fn many_threads_find_what_one_finds() {
    let sockets: Vec<Socket> = (1..500).map(|number| at(listener(), number, number)).collect();
    let held = |pid: u32| process(pid, 0, &[(3, pid as usize - 100), (4, pid as usize - 90), (5, 0)]);
    let processes: Vec<Process> = (100..500).map(held).collect();
    let xnu = || kernel(15, 0, processes.clone(), sockets.clone());
    let alone = xnu().snapshot(&everything()).unwrap();
    let together = xnu().snapshot(&everything().threads(8)).unwrap();
    assert_eq!(alone.sockets, together.sockets);
    assert_eq!(alone.processes, together.processes);
    assert_eq!((alone.gaps, together.gaps), (Vec::new(), Vec::new()));
}

#[test]
fn signal_goes_to_the_process_that_was_listed_and_to_no_other() {
    let other = Process { started: 1_700_000_001, ..process(101, 501, &[]) };
    let foreign = process(102, 0, &[]);
    let xnu = kernel(26, 501, vec![process(100, 501, &[(3, 0)]), other, foreign], vec![listener()]);
    let query = Query::new().processes(ProcessFields::START_TIME).threads(1);
    let snapshot = xnu.snapshot(&query).unwrap();
    let id = snapshot.process(100).unwrap().id().unwrap();
    // A quarter of a second after the full one: xnu::libproc.
    assert_eq!(id, ProcessId::new(100, 1_700_000_000_250_000));
    assert!(xnu.signal(id, 15).is_ok());
    // Another process has the pid: it started a second later.
    assert!(xnu.signal(ProcessId::new(101, id.start()), 9).unwrap_err().is_not_found());
    assert!(xnu.signal(ProcessId::new(555, id.start()), 9).unwrap_err().is_not_found());
    let denied = xnu.signal(ProcessId::new(102, id.start()), 9).unwrap_err();
    assert!(denied.is_permission_denied(), "{denied}");
    assert_eq!(xnu.signal(id, 77).unwrap_err().raw_os_error(), Some(22));
    assert_eq!(xnu.signals(), [(100, 15)]);
    let without = xnu.snapshot(&Query::new().processes(ProcessFields::NAME).threads(1)).unwrap();
    assert_eq!(without.process(100).unwrap().id(), None);
}
