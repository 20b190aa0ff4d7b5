//! Refusals and races of `/proc`: each must result in the right ownership, reason and gap.

use super::scripted_proc::{INODE, Link, Machine, SEEN_AT_TEN, ScriptedProc, Task, holder, process, task};
use crate::engine::snapshot::take;
use crate::model::gap::GapKind;
use crate::model::owner::{HiddenReason, Ownership, UnownedReason};
use crate::model::process::ProcessFields;
use crate::query::Query;
use crate::sys::linux::owners::walk::{ProcfsWalk, Searchable};
use crate::sys::linux::procfs::process::read_all;
use crate::sys::linux::procfs::process_cache::ProcessCache;
use crate::sys::system::OwnerSearch as _;
use rustix::io::Errno;
use std::collections::BTreeMap;

const COMPLETE: Ownership = Ownership::Known { complete: true };
const INCOMPLETE: Ownership = Ownership::Known { complete: false };
const UNHELD: Ownership = Ownership::None { reason: UnownedReason::KernelOrInFlight };

const fn hidden(reason: HiddenReason) -> Ownership {
    Ownership::Hidden { reason }
}

const UNREADABLE: Ownership = hidden(HiddenReason::UnreadableProcess);
const OTHER_NAMESPACE: Ownership = hidden(HiddenReason::OtherPidNamespace);

/// The process 12 closes the socket, so that no process holds it.
fn closes(machine: &mut Machine) {
    machine.task(12, 12).links.clear();
}

#[test]
fn holder_is_known_and_complete_if_everything_was_read() {
    assert_eq!(ScriptedProc::new().ownership(), (vec![12], COMPLETE, vec![]));
}

#[test]
fn socket_is_unheld_if_everything_was_read() {
    assert_eq!(ScriptedProc::with(closes).ownership(), (vec![], UNHELD, vec![]));
}

#[test]
fn refused_directory_may_hide_the_owner_and_is_counted() {
    for errno in [Errno::ACCESS, Errno::PERM] {
        let proc = ScriptedProc::with(|machine| machine.task(12, 12).refuses = Some(errno));
        assert_eq!(proc.ownership(), (vec![], UNREADABLE, vec![GapKind::ProcessesUnreadable]));
    }
}

#[test]
fn refused_directory_of_another_process_makes_the_owners_incomplete() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.insert(13, process(13, &[8]));
        machine.task(13, 13).refuses = Some(Errno::ACCESS);
    });
    assert_eq!(proc.ownership(), (vec![12], INCOMPLETE, vec![GapKind::ProcessesUnreadable]));
}

#[test]
fn links_refused_one_by_one_count_as_one_unreadable_process() {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links = vec![(3, Link::Refused), (4, Link::Refused)];
    });
    let snapshot = proc.snapshot();
    assert_eq!(snapshot.sockets[0].ownership(), UNREADABLE);
    assert_eq!((snapshot.gaps[0].kind, snapshot.gaps[0].count), (GapKind::ProcessesUnreadable, 1));
}

#[test]
fn refused_process_is_read_once_and_its_threads_are_not() {
    let proc = ScriptedProc::with(|machine| {
        machine.task(12, 12).links = vec![(3, Link::Refused)];
        let thread = Task { links: vec![(3, Link::Refused)], ..task(12, &[]) };
        machine.processes.get_mut(&12).unwrap().insert(14, thread);
    });
    assert_eq!(proc.snapshot().sockets[0].ownership(), UNREADABLE);
    let steps = proc.steps();
    assert_eq!(steps.iter().filter(|step| *step == "sockets 12/12").count(), 1, "{steps:?}");
    assert!(!steps.iter().any(|step| step.ends_with("/14")), "{steps:?}");
}

#[test]
fn refused_links_of_a_thread_with_a_table_of_its_own_make_the_process_unreadable() {
    let proc = ScriptedProc::with(|machine| {
        let thread = Task { links: vec![(3, Link::Refused)], ..task(99, &[]) };
        machine.processes.get_mut(&12).unwrap().insert(14, thread);
    });
    assert_eq!(proc.ownership(), (vec![12], INCOMPLETE, vec![GapKind::ProcessesUnreadable]));
}

#[test]
fn processes_hidden_by_the_mount_may_hold_it() {
    let hide = |machine: &mut Machine| machine.not_shown.extend([1, 12]);
    assert_eq!(ScriptedProc::with(hide).ownership(), (vec![], UNREADABLE, vec![GapKind::ProcessesHidden]));
    // One that is shown and holds it may not be the only holder.
    let hide = |machine: &mut Machine| machine.not_shown.extend([1]);
    assert_eq!(ScriptedProc::with(hide).ownership(), (vec![12], INCOMPLETE, vec![]));
}

#[test]
fn process_that_vanished_is_no_error_and_no_holder_at_any_step() {
    let vanish = |machine: &mut Machine| {
        machine.processes.remove(&12);
    };
    for step in ["sizes 12", "sockets 12/12"] {
        let proc = ScriptedProc::new().before(step, vanish).closed(INODE);
        let vanished = hidden(HiddenReason::Vanished);
        assert_eq!(proc.ownership(), (vec![], vanished, vec![GapKind::ProcessesVanished]), "{step}");
    }
    // Before it is listed, and after its descriptors have been read.
    let proc = ScriptedProc::new().before("pids", vanish);
    assert_eq!(proc.ownership(), (vec![], UNHELD, vec![]));
    let proc = ScriptedProc::with(|machine| {
        machine.processes.get_mut(&12).unwrap().insert(14, task(12, &[INODE]));
    });
    let proc = proc.before("threads 12", vanish);
    assert_eq!(proc.ownership(), (vec![12], COMPLETE, vec![GapKind::ProcessesVanished]));
}

#[test]
fn socket_passed_on_by_a_process_that_vanished_is_found_at_its_receiver() {
    let proc = ScriptedProc::new().before("sockets 12/12", |machine| {
        machine.processes.remove(&12);
        machine.processes.insert(13, process(13, &[INODE]));
    });
    // The second pass lists the processes once more.
    assert_eq!(proc.ownership(), (vec![13], COMPLETE, vec![GapKind::ProcessesVanished]));
}

#[test]
fn process_that_vanished_before_its_details_keeps_its_pid_and_is_a_gap() {
    let proc = ScriptedProc::new().before("read 12/stat", |machine| {
        machine.processes.remove(&12);
    });
    let snapshot = proc.ask(Query::new().processes(ProcessFields::all()));
    let process = snapshot.process(12).unwrap();
    assert_eq!((&process.name, process.uid, process.parent), (&None, None, None));
    let gaps: Vec<_> = snapshot.gaps.iter().map(|gap| (gap.kind, gap.count)).collect();
    assert_eq!(gaps, [(GapKind::ProcessesVanished, 1)]);
}

#[test]
fn details_that_are_refused_are_none_beside_those_that_are_not() {
    let snapshot = ScriptedProc::new().ask(Query::new().processes(ProcessFields::all()));
    let process = snapshot.process(12).unwrap();
    assert_eq!(process.name.as_deref(), Some("name".as_ref()));
    assert_eq!((process.uid, &process.path, &process.command_line), (Some(5), &None, &None));
    // Control groups are for all to read, unless there are none.
    assert_eq!(process.workload, None);
    let gaps: Vec<_> = snapshot.gaps.iter().map(|gap| (gap.kind, gap.count, &*gap.source)).collect();
    assert_eq!(gaps, [(GapKind::ProcessesSkipped, 1, "/proc/<pid>/cgroup")]);
}

#[test]
fn pid_given_to_another_process_does_not_lend_its_details() {
    for case in SEEN_AT_TEN {
        let proc = ScriptedProc::with(|machine| case.apply(machine));
        let snapshot = proc.ask(Query::new().processes(ProcessFields::NAME));
        assert_eq!(snapshot.sockets[0].owners(), [holder(12)]);
        assert_eq!(snapshot.process(12).unwrap().name.is_some(), case.is_the_same, "{case:?}");
        assert_eq!(snapshot.gaps.is_empty(), case.is_the_same, "{case:?}");
    }
}

#[test]
fn missing_proc_leaves_the_owners_unknown_with_a_gap() {
    let mut search = ProcfsWalk::<&ScriptedProc>::over(Searchable::new(Err(Errno::NOENT)), &[]);
    search.run();
    let mut table = search.table();
    search.second_pass(&mut table, &[INODE], 1);
    assert_eq!((table.if_missing, table.complete), (UNREADABLE, false));
    assert_eq!(table.gaps[0].kind, GapKind::OwnersUnavailable);
    assert_eq!(table.gaps[0].source, "/proc: No such file or directory (os error 2)");
}

#[test]
fn directory_with_nothing_mounted_on_it_is_no_proc() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes = BTreeMap::new();
        machine.links = BTreeMap::new();
    });
    assert_eq!(proc.ownership(), (vec![], UNREADABLE, vec![GapKind::OwnersUnavailable]));
}

#[test]
fn proc_that_cannot_be_listed_leaves_the_owners_unknown_with_a_gap() {
    let proc = ScriptedProc::with(|machine| machine.list_fails = Some(Errno::ACCESS));
    assert_eq!(proc.ownership(), (vec![], UNREADABLE, vec![GapKind::OwnersUnavailable]));
}

#[test]
fn owner_outside_a_pid_namespace_cannot_be_seen() {
    let proc = ScriptedProc::with(|machine| {
        closes(machine);
        machine.links.insert("self/ns/pid".to_owned(), b"pid:[4026532100]".to_vec());
    });
    assert_eq!(proc.ownership(), (vec![], OTHER_NAMESPACE, vec![GapKind::ProcessesHidden]));
}

#[test]
fn owner_inside_a_pid_namespace_is_known_and_may_not_be_the_only_one() {
    let proc = ScriptedProc::with(|machine| {
        machine.links.insert("self/ns/pid".to_owned(), b"pid:[4026532100]".to_vec());
    });
    assert_eq!(proc.ownership(), (vec![12], INCOMPLETE, vec![]));
}

#[test]
fn proc_of_another_pid_namespace_names_no_owner_by_its_numbers() {
    // This process has another number there, or none.
    for own in [Some("4711"), None] {
        let proc = ScriptedProc::with(|machine| {
            machine.links.remove("self");
            machine.links.extend(own.map(|own| ("self".to_owned(), own.as_bytes().to_vec())));
        });
        assert_eq!(proc.ownership(), (vec![], OTHER_NAMESPACE, vec![GapKind::OwnersUnavailable]), "{own:?}");
        // Nor are its processes taken for those that the query names.
        assert_eq!(proc.ask(Query::new().pid(12)).sockets, []);
    }
}

/// The process 12 with a second thread that has a table of its own with another socket in it.
fn two_tables() -> ScriptedProc {
    ScriptedProc::with(|machine| {
        machine.processes.get_mut(&12).unwrap().insert(14, task(99, &[8]));
    })
    .listing(&[INODE, 8])
}

/// The holders of the first socket and the second.
fn holders(proc: &ScriptedProc) -> [usize; 2] {
    let snapshot = proc.snapshot();
    [0, 1].map(|index| snapshot.sockets[index].owners().len())
}

#[test]
fn thread_with_a_table_of_its_own_is_read() {
    assert_eq!(holders(&two_tables()), [1, 1]);
}

#[test]
fn threads_that_share_a_table_are_read_once() {
    let proc = ScriptedProc::with(|machine| {
        let tasks = machine.processes.get_mut(&12).unwrap();
        tasks.extend((14..20).map(|tid| (tid, task(12 + tid % 2, &[INODE]))));
    });
    proc.snapshot();
    let reads = proc.steps().iter().filter(|step| step.starts_with("sockets 12/")).count();
    assert_eq!(reads, 2);
}

#[test]
fn threads_that_cannot_be_compared_are_read_within_the_budget() {
    for errno in [Errno::PERM, Errno::NOSYS] {
        let proc = ScriptedProc::with(|machine| {
            machine.processes.get_mut(&12).unwrap().insert(14, task(99, &[8]));
            machine.compare_fails = Some(errno);
        })
        .listing(&[INODE, 8]);
        let snapshot = proc.snapshot();
        assert_eq!(snapshot.sockets[1].owners(), [holder(12)]);
        assert_eq!((snapshot.sockets[1].ownership(), snapshot.gaps), (COMPLETE, vec![]));
    }
}

#[test]
fn threads_that_cannot_be_compared_are_a_gap_beyond_the_budget() {
    let proc = ScriptedProc::with(|machine| {
        // 40,000 links a thread: one is read, two are not.
        let tasks = machine.processes.get_mut(&12).unwrap();
        tasks.insert(12, task(12, &vec![9; 40_000]));
        tasks.extend([(14, task(14, &[])), (15, task(15, &[])), (16, task(16, &[INODE]))]);
        machine.compare_fails = Some(Errno::PERM);
    });
    let snapshot = proc.snapshot();
    assert_eq!(snapshot.sockets[0].ownership(), UNREADABLE);
    assert_eq!((snapshot.gaps[0].kind, snapshot.gaps[0].count), (GapKind::ThreadsNotCompared, 2));
}

#[test]
fn thread_that_ended_before_it_was_compared_or_read_is_no_gap() {
    for step in ["compare 12 14", "sockets 12/14"] {
        let proc = two_tables().before(step, |machine| {
            machine.processes.get_mut(&12).unwrap().remove(&14);
        });
        let snapshot = proc.snapshot();
        assert_eq!((snapshot.sockets[0].ownership(), snapshot.gaps.len()), (COMPLETE, 0), "{step}");
    }
}

#[test]
fn thread_is_read_although_the_thread_it_is_compared_with_has_ended() {
    // The thread 14 is read, and ends before the thread 15 is compared with it.
    let proc = ScriptedProc::with(|machine| {
        let tasks = machine.processes.get_mut(&12).unwrap();
        tasks.extend([(14, task(99, &[])), (15, task(100, &[8]))]);
    })
    .listing(&[INODE, 8])
    .before("compare 14 15", |machine| {
        machine.processes.get_mut(&12).unwrap().remove(&14);
    });
    assert_eq!(holders(&proc), [1, 1]);
}

#[test]
fn thread_that_refuses_makes_the_process_unreadable() {
    let proc = ScriptedProc::with(|machine| {
        let thread = Task { refuses: Some(Errno::ACCESS), ..task(99, &[]) };
        machine.processes.get_mut(&12).unwrap().insert(14, thread);
    });
    assert_eq!(proc.ownership(), (vec![12], INCOMPLETE, vec![GapKind::ProcessesUnreadable]));
}

#[test]
fn leader_that_has_exited_leaves_the_sockets_to_its_threads() {
    let proc = ScriptedProc::with(|machine| {
        let tasks = machine.processes.get_mut(&12).unwrap();
        tasks.insert(12, task(0, &[]));
        tasks.insert(14, task(99, &[INODE]));
    });
    assert_eq!(proc.ownership(), (vec![12], COMPLETE, vec![]));
}

#[test]
fn process_that_holds_nothing_is_not_opened() {
    let proc = ScriptedProc::new();
    proc.snapshot();
    assert!(!proc.steps().contains(&"sockets 1/1".to_owned()));
}

#[test]
fn lack_of_descriptors_to_open_a_process_is_a_gap_with_its_cause() {
    let proc = ScriptedProc::with(|machine| machine.task(12, 12).refuses = Some(Errno::MFILE));
    let snapshot = proc.snapshot();
    assert_eq!(snapshot.sockets[0].ownership(), UNREADABLE);
    let gap = &snapshot.gaps[0];
    assert_eq!((gap.kind, gap.count), (GapKind::ProcessesSkipped, 1));
    assert_eq!(gap.source, "/proc/<pid>/fd: Too many open files (os error 24)");
}

#[test]
fn second_pass_finds_a_socket_opened_after_its_process_was_read() {
    let proc = ScriptedProc::with(closes).before("table of sockets", |machine| {
        *machine.task(12, 12) = task(12, &[INODE]);
    });
    let (rows, gaps) = proc.stream();
    assert_eq!((rows[0].owners(), rows[0].ownership()), (&[holder(12)][..], COMPLETE));
    assert_eq!(gaps, []);
}

#[test]
fn second_pass_for_one_process_finds_a_socket_opened_after_it_was_read() {
    let proc = ScriptedProc::with(closes).before("table of sockets", |machine| {
        *machine.task(12, 12) = task(12, &[INODE]);
    });
    let (rows, _) = proc.stream_of(&Query::new().pid(12));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].owners(), [holder(12)]);
}

#[test]
fn second_pass_finds_a_process_started_after_the_first() {
    let proc = ScriptedProc::with(closes).before("table of sockets", |machine| {
        machine.processes.insert(20, process(20, &[INODE]));
    });
    let (rows, gaps) = proc.stream();
    assert_eq!((rows[0].owners(), rows[0].ownership()), (&[holder(20)][..], COMPLETE));
    assert_eq!(gaps, []);
}

#[test]
fn second_pass_does_not_reread_processes_read_after_the_table() {
    let proc = ScriptedProc::with(closes);
    proc.snapshot();
    let reads = proc.steps().iter().filter(|step| *step == "sizes 12").count();
    assert_eq!(reads, 1);
}

#[test]
fn new_process_that_cannot_be_read_may_hold_it() {
    let proc = ScriptedProc::with(closes).before("table of sockets", |machine| {
        machine.processes.insert(20, process(20, &[INODE]));
        machine.task(20, 20).refuses = Some(Errno::ACCESS);
    });
    let (rows, gaps) = proc.stream();
    assert_eq!(rows[0].ownership(), UNREADABLE);
    assert_eq!(gaps[0].kind, GapKind::ProcessesUnreadable);
}

#[test]
fn processes_that_cannot_be_listed_in_the_second_pass_may_hold_it() {
    let proc = ScriptedProc::with(closes)
        .before("table of sockets", |machine| machine.list_fails = Some(Errno::MFILE));
    let (rows, gaps) = proc.stream();
    assert_eq!(rows[0].ownership(), UNREADABLE);
    assert_eq!(gaps[0].kind, GapKind::ProcessesSkipped);
}

#[test]
fn socket_that_closed_meanwhile_vanished() {
    let proc = ScriptedProc::with(closes).closed(INODE);
    assert_eq!(proc.ownership(), (vec![], hidden(HiddenReason::Vanished), vec![]));
}

#[test]
fn socket_whose_owner_is_found_is_not_rechecked() {
    assert_eq!(ScriptedProc::new().closed(INODE).ownership(), (vec![12], COMPLETE, vec![]));
}

#[test]
fn many_threads_find_what_one_finds() {
    let pids = 100..200;
    let proc = || {
        ScriptedProc::with(|machine| {
            machine.processes.extend(pids.clone().map(|pid| (pid, process(pid, &[INODE, u64::from(pid)]))));
        })
    };
    let query = |threads| Query::new().owners(true).threads(threads);
    let one = take(&&proc(), &query(1)).unwrap();
    let many = take(&&proc(), &query(8)).unwrap();
    assert_eq!(one.sockets[0].owners().len(), 101);
    assert_eq!(one.sockets, many.sockets);
}

#[test]
fn details_of_many_processes_are_in_the_requested_order() {
    let proc = ScriptedProc::with(|machine| {
        machine.processes.extend((100..200).map(|pid| (pid, process(pid, &[INODE]))));
    });
    let seen: Vec<_> =
        (100..200).rev().map(|pid| crate::engine::owner_table::ProcessSeen::new(pid, u64::MAX)).collect();
    for threads in [1, 8] {
        let (processes, gaps) =
            read_all(&&proc, &seen, ProcessFields::NAME, threads, &mut ProcessCache::default());
        let pids: Vec<_> = processes.iter().map(|process| process.pid).collect();
        assert_eq!(pids, (100..200).rev().collect::<Vec<_>>());
        assert_eq!(gaps, []);
    }
}

#[test]
fn proc_of_an_outer_pid_namespace_is_recognised_when_the_numbers_are_equal() {
    let with_status = |status: &str| {
        ScriptedProc::with(|machine| {
            machine.links.insert("self/ns/pid".to_owned(), b"pid:[4026532100]".to_vec());
            machine.files.insert("self/status".to_owned(), format!("Name:\tx\n{status}\nUid:\t0\n"));
        })
    };
    let own = std::process::id();
    let outer = with_status(&format!("NSpid:\t{own}\t{own}"));
    assert_eq!(outer.ownership(), (vec![], OTHER_NAMESPACE, vec![GapKind::OwnersUnavailable]));
    // Its own `/proc`; a kernel without the line.
    for status in [format!("NSpid:\t{own}"), "Pid:\t1".to_owned()] {
        assert_eq!(with_status(&status).ownership().0, [12], "{status}");
    }
    // The first process of this namespace is the first that is shown: nothing else has to be read.
    let first_is = |namespace: &str| {
        let machine = with_status(&format!("NSpid:\t{own}\t{own}"));
        machine.machine().links.insert("1/ns/pid".to_owned(), namespace.into());
        machine.ownership()
    };
    assert_eq!(first_is("pid:[4026532100]").0, [12]);
    assert_eq!(first_is("pid:[4026531836]").1, OTHER_NAMESPACE);
}

#[test]
fn copies_of_a_descriptor_table_are_read_up_to_a_bound() {
    let proc = ScriptedProc::with(|machine| {
        let tasks = machine.processes.get_mut(&12).unwrap();
        let copies = (12..40).map(|tid| (tid, task(tid, &vec![INODE; 100_000])));
        tasks.extend(copies);
    });
    let snapshot = proc.snapshot();
    assert_eq!(snapshot.sockets[0].owners().len(), 100_000, "each descriptor once");
    assert_eq!(snapshot.sockets[0].ownership(), INCOMPLETE);
    let reads = proc.steps().iter().filter(|step| step.starts_with("sockets 12/")).count();
    assert_eq!(reads, 11, "a million links");
    assert_eq!((snapshot.gaps[0].kind, snapshot.gaps[0].count), (GapKind::ThreadsNotCompared, 17));
}
