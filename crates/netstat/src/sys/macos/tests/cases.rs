//! One refusal or oddity each.

use super::*;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::process_id::ProcessId;
use crate::model::workload::{Bundle, Signature, Workload};
use crate::sys::macos::kernel::Errno;
use crate::sys::macos::workload::workload;
use std::ops::ControlFlow;

pub(super) fn holder(pid: u32, fd: i32) -> Owner {
    Owner::new(pid, Some(fd), OwnerRole::Holder)
}

pub(super) fn last_user(pid: u32) -> Owner {
    Owner::new(pid, None, OwnerRole::LastUser)
}

pub(super) fn at(mut socket: Socket, handle: u64, generation: u64) -> Socket {
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
    // The open file has one reference, which was seen: no other process can hold it.
    assert_eq!((own.owners(), own.ownership()), (&[holder(100, 3)][..], Ownership::Known { complete: true }));
    let named = [last_user(1), Owner::new(55, None, OwnerRole::Effective)];
    assert_eq!((newest.owners(), newest.ownership()), (&named[..], Ownership::Known { complete: false }));
    // The names of other users' processes are available all the same.
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
fn process_that_refuses_even_root_makes_all_owners_incomplete() {
    let refusing = Process { fate: Fate::Refuses, ..process(100, 0, &[(3, 0)]) };
    let in_flight = Socket { in_flight: true, last_user: 0, ..at(listener(), 2, 11) };
    let snapshot =
        kernel(15, 0, vec![refusing], vec![listener(), in_flight]).snapshot(&everything()).unwrap();
    let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    let ownership: Vec<_> = snapshot.sockets.iter().map(crate::Socket::ownership).collect();
    assert_eq!(ownership, [hidden, Ownership::Known { complete: false }]);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesUnreadable, 1)]);
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
fn caller_finds_its_own_sockets_if_no_process_is_listed() {
    let machine = Machine { refuses_lists: true, ..Machine::new(15, 501, 100) };
    let own = process(100, 501, &[(3, 0)]);
    let xnu =
        Xnu::new(World { processes: vec![own], sockets: vec![listener()], ..World::default() }, machine);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].owners(), [holder(100, 3)]);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesHidden, 1)]);
}

#[test]
fn flow_has_no_handle_user_or_holder_and_one_without_address_is_not_a_row() {
    let flow = Socket { attachment: Attachment::Flow, last_user: 321, effective: 400, ..datagrams(9, 0) };
    let empty = Socket { attachment: Attachment::Flow, ..listener() };
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
fn kernel_without_file_ports_lists_descriptors() {
    let machine = Machine { fileports_errno: 22, ..Machine::new(15, 0, 900) };
    let xnu = kernel_with(machine, vec![process(100, 501, &[(3, 0)])], vec![listener()]);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    assert_eq!((snapshot.sockets[0].owners(), snapshot.gaps), (&[holder(100, 3)][..], Vec::new()));
}

#[test]
fn row_has_the_reason_why_no_descriptor_can_exist() {
    let with = |number, state, attachment| Socket {
        state,
        attachment,
        remote: Some("10.0.0.9:1".parse().unwrap()),
        last_user: 0,
        ..at(listener(), number, number)
    };
    let sockets = vec![
        with(1, State::TimeWait, Attachment::Orphan),
        with(2, State::FinWait2, Attachment::Orphan),
        with(3, State::Established, Attachment::AcceptQueue),
        with(4, State::SynReceived, Attachment::HalfOpen),
        with(5, State::TimeWait, Attachment::NoSocket),
        with(6, State::Established, Attachment::Open),
    ];
    let snapshot = kernel(15, 0, Vec::new(), sockets).snapshot(&everything()).unwrap();
    let mut rows: Vec<_> =
        snapshot.sockets.iter().map(|row| (row.cookie.unwrap().get(), row.ownership())).collect();
    rows.sort_unstable_by_key(|(number, _)| *number);
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
    assert_eq!(rows, expected);
}

#[test]
fn query_for_one_process_reads_that_process_only() {
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
        let listed: Vec<_> = snapshot.sockets.iter().map(|row| row.cookie.unwrap().get()).collect();
        assert_eq!(listed, [generation], "{name}");
    }
}

#[test]
fn many_threads_find_the_same_as_one() {
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
fn signal_reaches_the_listed_process_and_no_other() {
    let other = Process { started: 1_700_000_001, ..process(101, 501, &[]) };
    let foreign = process(102, 0, &[]);
    let xnu = kernel(26, 501, vec![process(100, 501, &[(3, 0)]), other, foreign], vec![listener()]);
    let query = Query::new().processes(ProcessFields::START_TIME).threads(1);
    let snapshot = xnu.snapshot(&query).unwrap();
    let id = snapshot.process(100).unwrap().id().unwrap();
    // The scripted kernel adds a quarter of a second.
    assert_eq!(id, ProcessId::new(100, 1_700_000_000_250_000));
    assert!(xnu.signal(id, 15).is_ok());
    // Another process has the pid, and started a second later.
    assert!(xnu.signal(ProcessId::new(101, id.start()), 9).unwrap_err().is_not_found());
    assert!(xnu.signal(ProcessId::new(555, id.start()), 9).unwrap_err().is_not_found());
    let denied = xnu.signal(ProcessId::new(102, id.start()), 9).unwrap_err();
    assert!(denied.is_permission_denied(), "{denied}");
    assert_eq!(xnu.signal(id, 77).unwrap_err().raw_os_error(), Some(22));
    assert_eq!(xnu.signals(), [(100, 15)]);
    let without = xnu.snapshot(&Query::new().processes(ProcessFields::NAME).threads(1)).unwrap();
    assert_eq!(without.process(100).unwrap().id(), None);
}

#[test]
fn socketless_pcb_with_the_flag_of_mapped_addresses_is_ipv6() {
    let mapped = Socket {
        ipv6: true,
        attachment: Attachment::NoSocket,
        local: "[::ffff:10.0.0.1]:5353".parse().unwrap(),
        remote: Some("[::ffff:10.0.0.9]:53".parse().unwrap()),
        ..datagrams(2, 11)
    };
    let plain = Socket { attachment: Attachment::NoSocket, ..datagrams(3, 10) };
    let snapshot = kernel(15, 501, Vec::new(), vec![mapped, plain]).snapshot(&everything()).unwrap();
    let rows: Vec<_> = snapshot.sockets.iter().map(|row| (row.family, row.local.to_string())).collect();
    let expected = [
        (crate::Family::Ipv6, "[::ffff:10.0.0.1]:5353".to_owned()),
        (crate::Family::Ipv4, "10.0.0.1:5353".to_owned()),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn connection_by_flow_divert_has_the_state_of_its_socket() {
    let with = |number, state, diverted| Socket {
        state,
        diverted,
        remote: Some("10.0.0.9:443".parse().unwrap()),
        backlog: (0, 0, 0),
        ..at(listener(), number, number)
    };
    let sockets = vec![
        with(4, State::Established, true),
        with(3, State::SynSent, true),
        with(2, State::CloseWait, false),
        // TCP in CLOSED with a remote end is not a connection unless flow divert carries it.
        with(1, State::Closed, false),
    ];
    let states = |snapshot: crate::Snapshot| -> Vec<_> {
        snapshot.sockets.iter().map(|row| row.state.unwrap()).collect()
    };
    use crate::State as Shown;
    let expected = [Shown::Established, Shown::SynSent, Shown::CloseWait, Shown::Closed];
    let snapshot = kernel(15, 501, Vec::new(), sockets.clone()).snapshot(&everything()).unwrap();
    assert_eq!(states(snapshot), expected);
    // From libproc, which has no flag and lists the oldest first. A connection that has ended is not connected.
    let machine = Machine { refuses_tables: true, ..Machine::new(15, 501, 900) };
    let holders = vec![process(100, 501, &[(3, 0), (4, 1), (5, 2)])];
    let snapshot = kernel_with(machine, holders, sockets).snapshot(&everything()).unwrap();
    assert_eq!(states(snapshot), [Shown::CloseWait, Shown::SynSent, Shown::Established]);
}

#[test]
fn larger_structures_longer_records_and_a_longer_header_change_nothing() {
    let processes = || vec![process(100, 501, &[(3, 0)]), process(101, 501, &[(3, 0), (4, 1)])];
    let sockets = || vec![listener(), datagrams(2, 11)];
    let usual = kernel(15, 501, processes(), sockets()).snapshot(&everything()).unwrap();
    for (larger, longer) in [(8, 0), (232, 0), (0, 8), (0, 16), (100, 40)] {
        let machine = Machine { larger, longer, ..Machine::new(15, 501, 900) };
        let snapshot = kernel_with(machine, processes(), sockets()).snapshot(&everything()).unwrap();
        assert_eq!(snapshot.sockets, usual.sockets, "{larger} {longer}");
        assert_eq!(snapshot.processes, usual.processes, "{larger} {longer}");
        assert_eq!(snapshot.gaps, [], "{larger} {longer}");
    }
}

#[test]
fn both_ends_are_joined_and_the_one_that_the_filter_leaves_out_has_its_holder() {
    let end = |text: &str| text.parse().unwrap();
    let connected = |local, remote, handle| Socket {
        local: end(local),
        remote: Some(end(remote)),
        state: State::Established,
        backlog: (0, 0, 0),
        ..at(listener(), handle, handle)
    };
    let client = Socket { last_user: 101, ..connected("127.0.0.1:5000", "127.0.0.1:80", 21) };
    let server = Socket { ipv6: true, ..connected("[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:5000", 22) };
    let processes = vec![process(100, 501, &[(3, 0), (4, 2)]), process(101, 501, &[(5, 1)])];
    let xnu = kernel(15, 0, processes, vec![listener(), client, server]);
    let snapshot = xnu.snapshot(&everything().pid(101).peers(true)).unwrap();
    let ([row], [peer]) = (&snapshot.sockets[..], &snapshot.peers[..]) else { panic!("{snapshot:?}") };
    assert_eq!((row.owners(), peer.owners()), (&[holder(101, 5)][..], &[holder(100, 4)][..]));
    assert_eq!((snapshot.peer(row), snapshot.peer(peer)), (Some(peer), Some(row)));
    let direction = |row| snapshot.direction(row).map(|it| (it.kind, it.accepted));
    assert_eq!(direction(row), Some((crate::DirectionKind::Local, Some(false))));
    assert_eq!(direction(peer), Some((crate::DirectionKind::Local, Some(true))));
    assert!(snapshot.process(100).is_some(), "the details of both");
    assert_eq!(snapshot.gaps, []);
}

#[test]
fn process_has_its_application_and_its_signature_and_without_an_answer_both_are_unknown() {
    let query = Query::new().processes(ProcessFields::WORKLOAD).threads(1);
    let on = |machine: Machine, path: Option<&str>| {
        let held = Process { path: path.map(str::to_owned), ..process(100, 501, &[(3, 0)]) };
        let snapshot = kernel_with(machine, vec![held], vec![listener()]).snapshot(&query).unwrap();
        *snapshot.process(100).unwrap().workload.clone().unwrap()
    };
    let machine = || Machine::new(15, 501, 900);
    let of = |path: Option<&str>| on(machine(), path);
    let name = process(100, 501, &[]).name;
    let signed = |identifier: String, team: Option<&str>| {
        let mut signature = Signature::new(identifier);
        signature.team = team.map(str::to_owned);
        Some(signature)
    };
    let app = of(Some("/Applications/My.app/Contents/MacOS/My"));
    assert_eq!(app.bundle, Some(Bundle::App("/Applications/My.app".to_owned())));
    assert_eq!(app.signature, signed(format!("org.example.{name}"), Some("ABCDE12345")));
    let system = of(Some("/usr/sbin/sshd"));
    assert_eq!((system.bundle, system.signature), (None, signed(format!("com.apple.{name}"), None)));
    // Its program was deleted, perhaps to be replaced, and has no valid signature.
    let deleted = of(None);
    assert_eq!((&deleted.bundle, &deleted.signature, deleted.is_complete), (&None, &None, false));
    for machine in
        [Machine { refuses_signatures: true, ..machine() }, Machine { garbles_signatures: true, ..machine() }]
    {
        let unknown = on(machine, Some("/Applications/My.app/Contents/MacOS/My"));
        assert_eq!((unknown.signature, unknown.is_complete), (None, false));
        assert_eq!(unknown.bundle, app.bundle);
    }
    assert!(app.is_complete);
}

#[test]
fn kernel_itself_is_of_no_application_and_has_not_the_signature_of_the_caller() {
    let xnu = kernel(15, 0, vec![process(100, 501, &[])], vec![]);
    assert!(workload(&xnu, 900, Ok(b"/usr/bin/lsock")).signature.is_some(), "the caller's own");
    assert_eq!(workload(&xnu, 0, Err(Errno::SRCH)), Workload::none());
}
