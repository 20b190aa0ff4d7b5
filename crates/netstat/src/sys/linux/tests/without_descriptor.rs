//! Owners without a descriptor: registered in an io_uring, or mapped.

use super::scripted_proc::{INODE, Link, Machine, ScriptedProc, process, row};
use crate::model::gap::GapKind;
use crate::model::owner::{HiddenReason, Owner, OwnerRole, Ownership, UnownedReason};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::linux::owners::unmapped::LIMIT;
use rustix::io::Errno;
use std::num::NonZeroU64;

const COMPLETE: Ownership = Ownership::Known { complete: true };
const UNOWNED: Ownership = Ownership::None { reason: UnownedReason::KernelOrInFlight };
const UNREADABLE: Ownership = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };

const REGISTERED: &str = "pos:\t0\nUserFiles:\t2\n    0: socket:[7]\n    1: /run/socket:[8]\nUserBufs:\t0\n";
const MAPPED: &str = "7f00-7f01 rw-p 00000000 00:00 0 \n7f02-7f03 r--s 00000000 00:09 7    socket:[7]\n";

/// The process 12 has a ring in which the socket is registered, and no descriptor of it.
fn ring(kernel: &str, text: &str) -> ScriptedProc {
    ScriptedProc::with(|machine| {
        machine.task(12, 12).links = vec![(5, Link::Ring)];
        machine.files.insert("12/fdinfo/5".to_owned(), text.to_owned());
        machine.files.insert("sys/kernel/osrelease".to_owned(), kernel.to_owned());
    })
}

/// The process 12 has mapped the socket, which is of TCP, and closed its descriptor.
fn mapped() -> ScriptedProc {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links.clear();
        machine.files.insert("12/maps".to_owned(), MAPPED.to_owned());
    });
    proc.listing_rows(vec![tcp()])
}

fn tcp() -> Socket {
    Socket { protocol: Protocol::Tcp, ..row(INODE) }
}

#[test]
fn socket_registered_in_a_ring_is_owned_through_the_ring() {
    let snapshot = ring("6.18.1-generic\n", REGISTERED).snapshot();
    assert_eq!(snapshot.sockets[0].owners(), [Owner::new(12, Some(5), OwnerRole::IoUring)]);
    assert_eq!((snapshot.sockets[0].ownership(), snapshot.gaps), (COMPLETE, vec![]));
}

#[test]
fn ring_is_not_read_if_every_row_has_a_holder() {
    let proc = ring("6.18.1\n", REGISTERED);
    let proc = proc.before("sizes 12", |machine| machine.task(12, 12).links.push((6, Link::Socket(INODE))));
    assert_eq!(proc.ownership(), (vec![12], COMPLETE, vec![]));
    assert!(!proc.steps().iter().any(|step| step.contains("fdinfo") || step.contains("maps")));
}

#[test]
fn ring_of_a_process_named_by_the_query_is_read() {
    let snapshot = ring("6.18.1\n", REGISTERED).ask(Query::new().pid(12));
    assert_eq!(snapshot.sockets[0].owners(), [Owner::new(12, Some(5), OwnerRole::IoUring)]);
}

#[test]
fn ring_in_the_table_of_a_thread_is_read_there() {
    let proc = ring("6.18.1\n", "");
    let proc = ScriptedProc::with(|machine| {
        *machine = proc.take_machine();
        machine.task(12, 12).links.clear();
        let thread = super::scripted_proc::Task {
            links: vec![(5, Link::Ring)],
            ..super::scripted_proc::task(14, &[])
        };
        machine.processes.get_mut(&12).unwrap().insert(14, thread);
        machine.files.insert("12/task/14/fdinfo/5".to_owned(), REGISTERED.to_owned());
    });
    assert_eq!(proc.ownership(), (vec![12], COMPLETE, vec![]));
}

#[test]
fn ring_whose_files_are_not_shown_may_hold_the_socket() {
    // In use at every read; files shown by a name that any file can have.
    for (kernel, text) in [("6.18.1\n", "pos:\t0\n"), ("6.8.0\n", REGISTERED)] {
        let expected = (vec![], UNREADABLE, vec![GapKind::ProcessesSkipped]);
        assert_eq!(ring(kernel, text).ownership(), expected, "{kernel}");
    }
    let empty = "UserFiles:\t0\nUserBufs:\t0\n";
    assert_eq!(ring("6.8.0\n", empty).ownership(), (vec![], UNOWNED, vec![]));
}

#[test]
fn ring_that_is_in_use_is_read_until_its_files_are_shown() {
    let proc = ring("6.18.1\n", "pos:\t0\n");
    let proc = proc.after(2, "read 12/fdinfo/5", |machine| {
        machine.files.insert("12/fdinfo/5".to_owned(), REGISTERED.to_owned());
    });
    assert_eq!(proc.ownership().0, [12]);
}

#[test]
fn ring_that_refuses_to_be_read_may_hold_the_socket() {
    let proc = ring("6.18.1\n", REGISTERED);
    let proc = ScriptedProc::with(|machine| {
        *machine = proc.take_machine();
        machine.files.remove("12/fdinfo/5");
    });
    assert_eq!(proc.ownership(), (vec![], UNREADABLE, vec![GapKind::ProcessesUnreadable]));
}

#[test]
fn mapped_socket_is_owned_by_the_process_that_has_mapped_it() {
    let snapshot = mapped().snapshot();
    assert_eq!(snapshot.sockets[0].owners(), [Owner::new(12, None, OwnerRole::Mapping)]);
    assert_eq!((snapshot.sockets[0].ownership(), snapshot.gaps), (COMPLETE, vec![]));
}

#[test]
fn mappings_are_read_for_tcp_alone() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    assert_eq!(proc.ownership(), (vec![], UNOWNED, vec![]));
    assert!(!proc.steps().iter().any(|step| step.contains("maps")));
}

#[test]
fn socket_that_is_neither_registered_nor_mapped_has_no_owner() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear()).listing_rows(vec![tcp()]);
    assert_eq!(proc.ownership(), (vec![], UNOWNED, vec![]));
}

#[test]
fn process_whose_mappings_are_refused_may_hold_the_socket() {
    let proc = mapped();
    let proc = ScriptedProc::with(|machine| {
        *machine = proc.take_machine();
        machine.files.remove("12/maps");
        machine.maps_refused.insert(12);
    })
    .listing_rows(vec![tcp()]);
    assert_eq!(proc.ownership(), (vec![], UNREADABLE, vec![GapKind::ProcessesUnreadable]));
}

#[test]
fn mappings_of_a_leader_that_has_exited_are_read_from_a_thread() {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links.clear();
        machine.processes.get_mut(&12).unwrap().insert(14, super::scripted_proc::task(12, &[]));
        machine.files.insert("12/maps".to_owned(), String::new());
        machine.files.insert("12/task/14/maps".to_owned(), MAPPED.to_owned());
    })
    .listing_rows(vec![tcp()]);
    assert_eq!(proc.ownership().0, [12]);
}

#[test]
fn mappings_beyond_the_budget_are_a_gap() {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links.clear();
        machine.files.insert("12/maps".to_owned(), "x".repeat(20 << 20));
    })
    .listing_rows(vec![tcp()]);
    assert_eq!(proc.ownership(), (vec![], UNREADABLE, vec![GapKind::ProcessesSkipped]));
}

#[test]
fn other_users_sockets_are_not_looked_for_in_mappings_where_processes_refuse() {
    // The scripted user is 5.
    for (uid, read) in [(5, true), (6, false)] {
        let proc = mapped();
        let proc = ScriptedProc::with(|machine| {
            *machine = proc.take_machine();
            machine.processes.insert(13, process(13, &[8]));
            machine.task(13, 13).refuses = Some(Errno::ACCESS);
        })
        .listing_rows(vec![Socket { uid: Some(uid), ..tcp() }]);
        let pids = if read { vec![12] } else { vec![] };
        assert_eq!(proc.ownership().0, pids, "{uid}");
        assert_eq!(proc.steps().iter().any(|step| step.contains("maps")), read);
    }
}

#[test]
fn mapping_is_removed_with_its_process() {
    let gone = |machine: &mut Machine| _ = machine.processes.remove(&12);
    let proc = mapped().before("read 12/maps", gone);
    let (pids, ownership, _) = proc.ownership();
    assert_eq!((pids, ownership), (vec![], UNOWNED));
}

/// A machine whose process 12 has neither descriptor nor mapping of the socket, which is of TCP and has a cookie.
fn unmapped() -> ScriptedProc {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear());
    proc.listing_rows(vec![Socket { cookie: NonZeroU64::new(70), ..tcp() }])
}

/// How often mappings have been read.
fn searches(proc: &ScriptedProc) -> usize {
    proc.steps().iter().filter(|step| *step == "read 12/maps").count()
}

#[test]
fn socket_that_is_not_mapped_is_searched_for_by_the_next_listings_only_after_a_while() {
    let proc = unmapped();
    for _ in 0..3 {
        assert_eq!(proc.ownership().1, UNOWNED);
        proc.pass_time(LIMIT / 4);
    }
    assert_eq!(searches(&proc), 1);
    // The time counts from the search, and not from the last listing.
    proc.pass_time(LIMIT / 4);
    proc.machine().files.insert("12/maps".to_owned(), MAPPED.to_owned());
    assert_eq!(proc.snapshot().sockets[0].owners(), [Owner::new(12, None, OwnerRole::Mapping)]);
    assert_eq!(searches(&proc), 2);
    // What is mapped is searched for each time.
    proc.snapshot();
    assert_eq!(searches(&proc), 3);
}

#[test]
fn socket_that_had_a_holder_meanwhile_is_searched_for_at_once() {
    let proc = unmapped();
    assert_eq!(proc.ownership().1, UNOWNED);
    proc.machine().task(12, 12).links = vec![(3, Link::Socket(INODE))];
    assert_eq!(proc.ownership().0, [12]);
    // It maps the socket and closes the descriptor.
    proc.machine().task(12, 12).links.clear();
    proc.machine().files.insert("12/maps".to_owned(), MAPPED.to_owned());
    assert_eq!(proc.snapshot().sockets[0].owners(), [Owner::new(12, None, OwnerRole::Mapping)]);
}

#[test]
fn only_a_complete_search_for_that_very_socket_is_remembered() {
    // Without a cookie another socket may have its inode number.
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).links.clear()).listing_rows(vec![tcp()]);
    drop([proc.snapshot(), proc.snapshot()]);
    assert_eq!(searches(&proc), 2);
    // The budget was used up.
    let proc = unmapped();
    let long = "7f00-7f01 rw-p 00000000 00:00 0 \n".repeat(600_000);
    proc.machine().files.insert("12/maps".to_owned(), long);
    drop([proc.snapshot(), proc.snapshot()]);
    assert_eq!(searches(&proc), 2);
    // Only one process was searched.
    let proc = unmapped();
    proc.ask(Query::new().pid(12));
    let before = searches(&proc);
    assert_eq!(proc.ownership().1, UNOWNED);
    assert_eq!(searches(&proc), before + 1);
}

#[test]
fn process_that_has_refused_is_not_forgotten() {
    let proc = unmapped();
    proc.machine().processes.insert(13, process(13, &[]));
    proc.machine().maps_refused.insert(13);
    let first = proc.snapshot();
    assert_eq!(first.sockets[0].ownership(), UNREADABLE);
    let second = proc.snapshot();
    assert_eq!((second.sockets, second.gaps), (first.sockets, first.gaps));
    assert_eq!(searches(&proc), 1);
}

#[test]
fn rings_are_searched_by_every_listing() {
    let proc = unmapped();
    assert_eq!(proc.ownership().1, UNOWNED);
    proc.machine().task(12, 12).links = vec![(5, Link::Ring)];
    proc.machine().files.insert("12/fdinfo/5".to_owned(), REGISTERED.to_owned());
    proc.machine().files.insert("sys/kernel/osrelease".to_owned(), "6.18.1\n".to_owned());
    assert_eq!(proc.snapshot().sockets[0].owners(), [Owner::new(12, Some(5), OwnerRole::IoUring)]);
}

#[test]
fn mappings_that_were_read_in_vain_count_against_the_budget() {
    let long = "7f00-7f01 rw-p 00000000 00:00 0 \n".repeat(300_000);
    let proc = mapped();
    for pid in 20..24 {
        proc.machine().processes.insert(pid, process(pid, &[]));
        proc.machine().files.insert(format!("{pid}/maps"), long.clone());
    }
    proc.snapshot();
    // Ten megabytes, then more than is left, then none.
    let read = |pid: u32| proc.steps().contains(&format!("read {pid}/maps"));
    assert_eq!([20, 21, 22, 23].map(read), [true, true, false, false]);
}

#[test]
fn rings_are_read_up_to_a_bound_and_the_others_are_a_gap() {
    let proc = ring("6.18.1\n", "UserFiles:\t1\n    0: socket:[9]\n");
    proc.machine().task(12, 12).links.extend((100..20_100).map(|fd| (fd, Link::Ring)));
    let text = "UserFiles:\t0\n".to_owned();
    proc.machine().files.extend((100..20_100).map(|fd| (format!("12/fdinfo/{fd}"), text.clone())));
    let snapshot = proc.snapshot();
    assert_eq!(snapshot.sockets[0].ownership(), UNREADABLE);
    let gap = snapshot.gaps.iter().find(|gap| gap.kind == GapKind::ProcessesSkipped).unwrap();
    assert_eq!(gap.count, 20_001 - 16 * 1024);
}
