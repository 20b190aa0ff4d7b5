//! Races: what closes, ends or grows between two calls.

use super::cases::{at, holder, last_user};
use super::*;
use crate::model::owner::{HiddenReason, Ownership};
use std::ops::ControlFlow;

/// The rows and gaps of a stream, in which the scan over processes comes before the tables.
pub(super) fn stream(xnu: &Xnu) -> (Vec<crate::Socket>, Vec<Gap>) {
    let mut rows = Vec::new();
    let gaps = xnu.for_each(&Query::new().owners(true).threads(1), |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    (rows, gaps.unwrap())
}

#[test]
fn socket_that_closes_between_the_scan_and_the_table_is_not_listed_and_not_a_filter() {
    for (major, uid) in [(12, 501), (15, 0), (26, 501), (26, 0)] {
        let closed = Socket { lifetime: Lifetime::ClosedBeforeTables, ..at(listener(), 5, 10) };
        let detached = Socket { lifetime: Lifetime::DetachedBeforeTables, ..at(listener(), 6, 11) };
        let (open, other) = (datagrams(7, 12), at(listener(), 8, 13));
        let holders = vec![process(100, 501, &[(3, 0), (4, 1), (5, 2), (6, 3)])];
        let (rows, gaps) = stream(&kernel(major, uid, holders, vec![closed, detached, open, other]));
        let listed: Vec<u64> = rows.iter().map(|row| row.cookie.unwrap().get()).collect();
        assert_eq!(listed, [13, 12], "{major} {uid}");
        assert_eq!(gaps, [], "{major} {uid}");
    }
}

#[test]
fn descriptor_that_is_reused_for_another_socket_does_not_list_the_first_one() {
    let closed = Socket { lifetime: Lifetime::OpenedAfterTables, ..at(listener(), 6, 11) };
    let mut other = process(100, 501, &[(3, 1)]);
    other.descriptors[0].fate = DescriptorFate::BecomesSocket(0);
    let (rows, gaps) = stream(&kernel(15, 501, vec![other], vec![at(listener(), 5, 10), closed]));
    let listed: Vec<u64> = rows.iter().map(|row| row.cookie.unwrap().get()).collect();
    assert_eq!((listed, gaps), (vec![10], Vec::new()));
}

#[test]
fn socket_opened_after_the_table_is_listed_if_it_is_still_open() {
    let opened = Socket { lifetime: Lifetime::OpenedAfterTables, ..at(listener(), 6, 11) };
    let xnu = kernel(15, 501, vec![process(100, 501, &[(3, 1)])], vec![at(listener(), 5, 10), opened]);
    let (rows, gaps) = stream(&xnu);
    let new = rows.iter().find(|row| row.cookie.unwrap().get() == 11).unwrap();
    assert_eq!((new.owners(), new.ownership()), (&[holder(100, 3)][..], Ownership::Known { complete: true }));
    assert_eq!(gaps, []);
}

#[test]
fn descriptor_that_cannot_be_read_takes_none_of_the_others_away() {
    const EPERM: i32 = 1;
    const EIO: i32 = 5;
    for (errno, kind) in [(EPERM, GapKind::ProcessesUnreadable), (EIO, GapKind::ProcessesSkipped)] {
        let mut other = process(100, 501, &[(3, 0), (4, 1), (5, 1), (6, 0)]);
        other.descriptors[1].fate = DescriptorFate::Fails(errno);
        other.descriptors[2].fate = DescriptorFate::Fails(errno);
        let xnu = kernel(15, 0, vec![other], vec![listener(), datagrams(7, 12)]);
        let snapshot = xnu.snapshot(&everything()).unwrap();
        let row = &snapshot.sockets[0];
        assert_eq!(row.owners(), [holder(100, 3), holder(100, 6)]);
        assert_eq!(row.ownership(), Ownership::Known { complete: false });
        assert_eq!(snapshot.sockets[1].owners(), [last_user(100)]);
        assert_eq!(snapshot.sockets[1].ownership(), Ownership::Known { complete: false });
        assert_eq!(counts(&snapshot.gaps), [(kind, 1)]);

        let machine = Machine { fileports_errno: errno, ..Machine::new(15, 0, 900) };
        let xnu = kernel_with(machine, vec![process(100, 501, &[(3, 0)])], vec![listener()]);
        let snapshot = xnu.snapshot(&everything()).unwrap();
        assert_eq!(snapshot.sockets[0].owners(), [holder(100, 3)]);
        assert_eq!(counts(&snapshot.gaps), [(kind, 2)], "this process and the caller");
    }
}

#[test]
fn processes_of_other_users_that_do_not_run_are_not_unreadable() {
    let with = |pid, fate| Process { fate, ..process(pid, 0, &[]) };
    let others = vec![with(1, Fate::Lives), with(2, Fate::Zombie), with(3, Fate::EndsBeforeItIsRead)];
    let snapshot = kernel(15, 501, others, vec![listener()]).snapshot(&everything()).unwrap();
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesUnreadable, 1)]);
}

#[test]
fn reused_handle_does_not_join_the_new_holder_to_the_old_row() {
    let closed = Socket { lifetime: Lifetime::ClosedAfterTables, last_user: 77, ..at(listener(), 5, 10) };
    let opened = Socket {
        lifetime: Lifetime::OpenedAfterTables,
        local: "127.0.0.1:81".parse().unwrap(),
        ..at(listener(), 5, 11)
    };
    let xnu = kernel(15, 0, vec![process(100, 501, &[(3, 1)])], vec![closed, opened]);
    let snapshot = xnu.snapshot(&everything()).unwrap();
    let [old, new] = &snapshot.sockets[..] else { panic!("{:?}", snapshot.sockets) };
    assert_eq!((old.local.port(), new.local.port()), (Some(80), Some(81)));
    assert_eq!(old.ownership(), Ownership::Hidden { reason: HiddenReason::Vanished });
    assert_eq!((old.owners(), new.owners()), (&[last_user(77)][..], &[holder(100, 3)][..]));
}

#[test]
fn descriptors_that_close_or_become_files_are_skipped_and_counted() {
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
fn processes_that_end_or_lose_their_pid_are_skipped_and_counted_and_zombies_are_not() {
    let with = |pid, fate| Process { fate, ..process(pid, 501, &[(3, 0), (4, 0)]) };
    let processes = vec![
        with(100, Fate::EndsBeforeItIsRead),
        with(101, Fate::EndsAfter(1)),
        with(102, Fate::PidIsReused),
        with(103, Fate::Zombie),
        with(104, Fate::Lives),
    ];
    let snapshot = kernel(15, 0, processes, vec![listener()]).snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].owners(), [last_user(100), holder(104, 3), holder(104, 4)]);
    assert_eq!(counts(&snapshot.gaps), [(GapKind::ProcessesVanished, 3)]);
}

#[test]
fn table_that_outgrows_its_buffer_is_reread_and_in_the_end_listed_in_part() {
    let sockets: Vec<Socket> = (1..200).map(|number| at(listener(), number, number)).collect();
    let machine = |outgrown| Machine { outgrown, ..Machine::new(15, 0, 900) };
    let grown = kernel_with(machine(2), Vec::new(), sockets.clone()).snapshot(&everything()).unwrap();
    assert_eq!((grown.sockets.len(), grown.gaps.len()), (199, 0));

    let tcp = Query::new().tcp();
    let never = kernel_with(machine(u32::MAX), Vec::new(), sockets).snapshot(&tcp).unwrap();
    assert!(!never.sockets.is_empty(), "complete sets are listed");
    assert_eq!(counts(&never.gaps), [(GapKind::TableInterrupted, 1)]);
}

#[test]
fn lists_longer_than_their_size_are_read_to_their_end() {
    let machine = Machine { lists_grow: true, ..Machine::new(15, 0, 900) };
    let held: Vec<(i32, usize)> = (3..2003).map(|fd| (fd, 0)).collect();
    let mut processes: Vec<Process> = (1000..1300).map(|pid| process(pid, 0, &[])).collect();
    processes.push(process(100, 501, &held));
    let snapshot = kernel_with(machine, processes, vec![listener()]).snapshot(&everything()).unwrap();
    assert_eq!(snapshot.sockets[0].owners().len(), 2000);
    assert_eq!(snapshot.gaps, []);
}
