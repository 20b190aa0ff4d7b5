//! Several descriptors with one inode number: which of them hold the socket.

use super::scripted_proc::{INODE, Link, Machine, ScriptedProc, holder, process, row};
use crate::model::owner::{HiddenReason, Ownership};
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use rustix::io::Errno;
use std::num::NonZeroU64;

const COMPLETE: Ownership = Ownership::Known { complete: true };
const INCOMPLETE: Ownership = Ownership::Known { complete: false };

/// The process 13 has a descriptor with the inode number of the socket that the process 12 holds.
fn two(change: impl FnOnce(&mut Machine)) -> ScriptedProc {
    ScriptedProc::with(|machine| {
        machine.processes.insert(13, process(13, &[INODE]));
        change(machine);
    })
}

fn with_cookie(proc: ScriptedProc, cookie: u64) -> ScriptedProc {
    proc.listing_rows(vec![Socket { cookie: NonZeroU64::new(cookie), ..row(INODE) }])
}

#[test]
fn descriptors_of_one_open_file_are_all_holders() {
    let proc = two(|_| ());
    assert_eq!(proc.ownership(), (vec![12, 13], COMPLETE, vec![]));
    let steps = proc.steps();
    assert_eq!(steps.iter().filter(|step| step.starts_with("compare files")).count(), 1);
    assert!(!steps.iter().any(|step| step.starts_with("cookie")), "{steps:?}");
}

#[test]
fn single_descriptor_is_not_verified() {
    let proc = ScriptedProc::new();
    proc.snapshot();
    assert!(!proc.steps().iter().any(|step| step.starts_with("compare") || step.starts_with("mode")));
}

#[test]
fn descriptor_opened_with_o_path_does_not_hold_the_socket() {
    for pid in [12, 13] {
        let path_only =
            |machine: &mut Machine| machine.task(pid, pid).links = vec![(3, Link::PathOnly(INODE))];
        let other = 25 - pid;
        assert_eq!(two(path_only).ownership(), (vec![other], COMPLETE, vec![]));
        // Without kcmp(2) too.
        let proc = two(|machine| {
            path_only(machine);
            machine.compare_fails = Some(Errno::NOSYS);
        });
        assert_eq!(proc.ownership(), (vec![other], COMPLETE, vec![]));
    }
}

#[test]
fn streamed_rows_are_verified_too() {
    let proc = two(|machine| machine.task(13, 13).links = vec![(3, Link::PathOnly(INODE))]);
    assert_eq!(proc.stream().0[0].owners(), [holder(12)]);
}

#[test]
fn descriptor_of_another_socket_with_the_same_number_is_removed_by_its_cookie() {
    let proc = two(|machine| {
        machine.strangers.insert((13, 3));
        machine.cookies.extend([((12, 3), 70), ((13, 3), 71)]);
    });
    assert_eq!(with_cookie(proc, 70).ownership(), (vec![12], COMPLETE, vec![]));
}

#[test]
fn sockets_with_the_same_number_that_cannot_be_distinguished_have_no_owner() {
    let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
    let stranger = |machine: &mut Machine| _ = machine.strangers.insert((13, 3));
    assert_eq!(with_cookie(two(stranger), 70).ownership().0, [0; 0], "cookies are refused");
    let proc = two(|machine| {
        stranger(machine);
        machine.cookies.extend([((12, 3), 70), ((13, 3), 71)]);
    });
    let (pids, ownership, _) = proc.ownership();
    assert_eq!((pids, ownership), (vec![], hidden), "the row has no cookie");
    // What is known to hold it is still named, and may not be the only one.
    let proc = two(|machine| {
        stranger(machine);
        machine.cookies.insert((12, 3), 70);
    });
    let (pids, ownership, _) = with_cookie(proc, 70).ownership();
    assert_eq!((pids, ownership), (vec![12], INCOMPLETE));
}

#[test]
fn where_files_cannot_be_compared_cookies_tell_sockets_with_the_same_number_apart() {
    let proc = two(|machine| {
        machine.compare_fails = Some(Errno::NOSYS);
        machine.strangers.insert((13, 3));
        machine.cookies.extend([((12, 3), 70), ((13, 3), 71)]);
    });
    assert_eq!(with_cookie(proc, 70).ownership().0, [12]);
    // Both lead to the socket.
    let proc = two(|machine| {
        machine.compare_fails = Some(Errno::PERM);
        machine.cookies.extend([((12, 3), 70), ((13, 3), 70)]);
    });
    assert_eq!(with_cookie(proc, 70).ownership().0, [12, 13]);
}

#[test]
fn subflows_of_an_mptcp_socket_have_its_holders_and_cookies_of_their_own() {
    let proc = |name: &'static str| {
        let proc = two(|machine| {
            machine.compare_fails = Some(Errno::NOSYS);
            machine.cookies.extend([((12, 3), 71), ((13, 3), 71)]);
            machine.protocols.extend([((12, 3), name), ((13, 3), name)]);
        });
        let subflow = Socket { protocol: Protocol::Tcp, cookie: NonZeroU64::new(70), ..row(INODE) };
        proc.listing_rows(vec![subflow])
    };
    assert_eq!(proc("MPTCP").ownership().0, [12, 13]);
    assert_eq!(proc("TCP").ownership().0, [0; 0]);
}

#[test]
fn cookie_is_not_read_of_the_descriptor_of_the_leader_in_place_of_that_of_a_thread() {
    let proc = two(|machine| {
        machine.compare_fails = Some(Errno::NOSYS);
        machine.processes.insert(15, process(15, &[INODE]));
        let thread = super::scripted_proc::task(14, &[9, 9, INODE]);
        machine.processes.get_mut(&13).unwrap().insert(14, thread);
        machine.task(13, 13).links = vec![(3, Link::Socket(8)), (4, Link::Socket(8)), (5, Link::Socket(8))];
        machine.cookies.extend([((12, 3), 70), ((15, 3), 70)]);
        machine.cookies.extend([((13, 3), 99), ((13, 4), 99), ((13, 5), 99)]);
    });
    assert_eq!(with_cookie(proc, 70).ownership().0, [12, 13, 15]);
}

#[test]
fn where_cookies_are_refused_too_the_protocol_tells_sockets_of_two_kinds_apart() {
    let names = |name: &'static str| {
        two(|machine| {
            machine.compare_fails = Some(Errno::NOSYS);
            machine.protocols.insert((13, 3), name);
        })
    };
    for stranger in ["UNIX", "NETLINK", "TCP", "MPTCP"] {
        assert_eq!(names(stranger).ownership().0, [12], "{stranger}");
    }
    for maybe_same in ["UDP", "UDPv6", "RAW", "a name of a later kernel"] {
        assert_eq!(names(maybe_same).ownership().0, [12, 13], "{maybe_same}");
    }
}

#[test]
fn holder_in_the_table_of_a_thread_is_not_compared_with_the_leaders_descriptor() {
    let proc = two(|machine| {
        let thread = super::scripted_proc::task(14, &[9, 9, INODE]);
        machine.processes.get_mut(&13).unwrap().insert(14, thread);
        machine.task(13, 13).links = vec![(3, Link::Socket(8))];
    });
    assert_eq!(proc.ownership().0, [12, 13]);
}

#[test]
fn verifying_is_bounded() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.extend((100..6_000).map(|pid| (pid, process(pid, &[INODE]))));
    });
    let snapshot = proc.snapshot();
    assert_eq!(snapshot.sockets[0].owners().len(), 5_901, "beyond the bound all are kept");
    assert!(!proc.steps().iter().any(|step| step.starts_with("compare files")));
}
