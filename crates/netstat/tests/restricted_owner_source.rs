//! The source of owners chosen under restrictions, what it finds, and the reason that is reported: a child of the
//! test restricts itself and lists.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use common::{check_row, owners, row, sources};
use netstat::{
    GapKind, HiddenReason, Lister, OwnerSource, Ownership, ProcessFields, Query, Scope, Snapshot, Socket,
};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, UnshareFlags};
use scene::{Scene, TEST_USER, has_gap_of, is_hidden, is_incomplete, is_known};
use socket_world::{Child, kernel, quiet, restrict, tcp};
use std::io::{self, ErrorKind};

/// Ends the test where a restriction would make no difference: where the kernel has no BPF without it either, which
/// was reported as a skip.
macro_rules! needs_bpf {
    () => {
        if !sources().contains(&OwnerSource::Bpf) {
            return;
        }
    };
}

/// The sources by BPF that this kernel has.
fn by_bpf() -> &'static [OwnerSource] {
    if kernel::is_before(6, 4) { &[OwnerSource::Bpf] } else { &[OwnerSource::Bpf, OwnerSource::OnePass] }
}

fn list_by(source: OwnerSource) -> Snapshot {
    if source == OwnerSource::OnePass {
        // The kernel gives a socket its cookie when it is asked for it, which this source does not do.
        Query::new().snapshot().unwrap();
    }
    Query::new().owners(true).owner_source(source).snapshot().unwrap()
}

fn from(snapshot: &Snapshot) -> (OwnerSource, &str) {
    let from = snapshot.owner_source.as_ref().unwrap();
    (from.source, &from.reason)
}

/// Whether BPF is requested or not, it is unavailable for this reason, and the walk replaces it. A reused lister
/// reports the same.
fn falls_back(reason: &str) -> Snapshot {
    assert_eq!(from(&list_by(OwnerSource::Auto)), (OwnerSource::Procfs, reason));
    for source in [OwnerSource::OnePass, OwnerSource::Bpf] {
        let mut lister = Lister::new();
        let query = Query::new().owners(true).owner_source(source);
        for _ in 0..2 {
            assert_eq!(from(&lister.snapshot(&query).unwrap()), (OwnerSource::Procfs, reason));
        }
    }
    list_by(OwnerSource::Bpf)
}

#[test]
fn live_plain_user_walks_and_the_reason_names_the_missing_capabilities() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("another user", || {
        restrict::become_user(TEST_USER)?;
        let own = Scene::new();
        let snapshot = falls_back("capabilities: no CAP_BPF and no CAP_PERFMON");
        scene.check_rows(&snapshot, check_row);
        scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
        own.check_owners(&snapshot, is_incomplete);
        has_gap_of(&snapshot, GapKind::ProcessesUnreadable);
        Ok(())
    });
}

#[test]
fn live_root_with_dropped_capabilities_walks_and_the_reason_names_them() {
    needs_bpf!();
    let _quiet = quiet();
    let scene = Scene::new();
    let (admin, bpf, perfmon) = (CapabilitySet::SYS_ADMIN, CapabilitySet::BPF, CapabilitySet::PERFMON);
    for (dropped, reason) in [
        (admin | bpf, "capabilities: no CAP_BPF"),
        (admin | perfmon, "capabilities: no CAP_PERFMON"),
        (admin | bpf | perfmon, "capabilities: no CAP_BPF and no CAP_PERFMON"),
    ] {
        restricted!("capabilities", || {
            restrict::drop_capabilities(dropped)?;
            // The search for namespaces leaves those that only a socket keeps to a pass which there is not.
            let of_all = Query::new().netns(Scope::All).owners(true).owner_source(OwnerSource::OnePass);
            let gaps = of_all.snapshot().unwrap().gaps;
            let why = format!("those that only a socket keeps: {reason}");
            assert!(gaps.iter().any(|gap| gap.source == why), "{gaps:?}");
            let snapshot = falls_back(reason);
            scene.check_rows(&snapshot, check_row);
            scene.check_owners(&snapshot, is_known);
            Ok(())
        });
    }
}

#[test]
fn live_capabilities_for_bpf_are_enough_without_the_one_to_trace() {
    needs_bpf!();
    let _quiet = quiet();
    let scene = Scene::new();
    let (admin, bpf, perfmon) = (CapabilitySet::SYS_ADMIN, CapabilitySet::BPF, CapabilitySet::PERFMON);
    for kept in [bpf | perfmon, admin] {
        restricted!("capabilities", || {
            restrict::drop_capabilities(CapabilitySet::all() - kept)?;
            let walked = list_by(OwnerSource::Procfs);
            scene.check_owners(&walked, is_hidden(HiddenReason::UnreadableProcess));
            for source in by_bpf() {
                let snapshot = list_by(*source);
                assert_eq!(from(&snapshot), (*source, "asked for"));
                scene.check_rows(&snapshot, check_row);
                scene.check_owners(&snapshot, is_known);
                let complete = Ownership::Known { complete: true };
                scene.check_owners(&snapshot, |socket| assert_eq!(socket.ownership(), complete));
                has_no_gap_but_of_hidden_rows(&snapshot);
            }
            Ok(())
        });
    }
}

#[test]
fn live_root_of_a_user_namespace_is_refused_by_the_kernel_and_walks() {
    needs_bpf!();
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("a user namespace", || {
        restrict::become_user(TEST_USER)?;
        restrict::enter_user_namespace(UnshareFlags::empty())?;
        let own = Scene::new();
        for source in by_bpf() {
            let snapshot = list_by(*source);
            assert_bpf_refused(&snapshot, &io::Error::from_raw_os_error(1));
            scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
            own.check_owners(&snapshot, is_incomplete);
        }
        Ok(())
    });
}

/// The walk replaced BPF, because a call of bpf(2) failed so: which call depends on the kernel.
fn assert_bpf_refused(snapshot: &Snapshot, error: &io::Error) {
    let (source, reason) = from(snapshot);
    let calls = ["BPF_MAP_CREATE", "BPF_PROG_LOAD"].map(|call| format!("bpf({call}): {error}"));
    assert!(source == OwnerSource::Procfs && calls.iter().any(|call| call == reason), "{reason}");
}

#[test]
fn live_bpf_refused_by_a_sandbox_is_reported_with_the_cause() {
    needs_bpf!();
    let _quiet = quiet();
    let scene = Scene::new();
    for errno in [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::INVAL] {
        restricted!("seccomp", || {
            restrict::deny_bpf(u16::try_from(errno.raw_os_error()).unwrap())?;
            for source in by_bpf() {
                let snapshot = list_by(*source);
                assert_bpf_refused(&snapshot, &io::Error::from(errno));
                scene.check_rows(&snapshot, check_row);
                scene.check_owners(&snapshot, is_known);
            }
            Ok(())
        });
    }
}

#[test]
fn live_without_proc_owners_are_found_by_bpf() {
    needs_bpf!();
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("no /proc", || {
        restrict::without_proc()?;
        for (source, reason) in
            [(OwnerSource::Bpf, "asked for"), (OwnerSource::Auto, "no count of descriptors")]
        {
            let query = Query::new().processes(ProcessFields::NAME).owner_source(source);
            let snapshot = query.snapshot().unwrap();
            assert_eq!(from(&snapshot), (OwnerSource::Bpf, reason));
            scene.check_rows(&snapshot, check_row);
            scene.check_owners(&snapshot, is_known);
            // Their names are in /proc alone, and a gap reports that they are missing.
            has_gap_of(&snapshot, GapKind::ProcessesSkipped);
            let own = snapshot.process(scene.held[0].pid).unwrap();
            assert_eq!(own.name, None);
        }
        Ok(())
    });
}

#[test]
fn live_bpf_finds_all_owners_where_proc_hides_processes() {
    needs_bpf!();
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("hidepid", || {
        restrict::own_proc(c"hidepid=2")?;
        restrict::drop_capabilities(CapabilitySet::SYS_PTRACE)?;
        scene.check_owners(&list_by(OwnerSource::Procfs), is_hidden(HiddenReason::UnreadableProcess));
        for source in by_bpf() {
            let snapshot = list_by(*source);
            let complete = Ownership::Known { complete: true };
            scene.check_owners(&snapshot, |socket| assert_eq!(socket.ownership(), complete));
            has_no_gap_but_of_hidden_rows(&snapshot);
        }
        Ok(())
    });
}

/// BPF reads every descriptor. A gap can only be about rows of this machine that have none, and that a process which refuses
/// to be read may hold otherwise.
fn has_no_gap_but_of_hidden_rows(snapshot: &Snapshot) {
    let is_hidden = |socket: &Socket| matches!(socket.ownership(), Ownership::Hidden { .. });
    assert!(snapshot.gaps.is_empty() || snapshot.sockets.iter().any(is_hidden), "{:?}", snapshot.gaps);
}

/// The holders have the pids of this pid namespace, and those of outer sockets are hidden.
fn check_nested(own: &Scene, outer: &Scene, snapshot: &Snapshot) {
    own.check_rows(snapshot, check_row);
    own.check_owners(snapshot, |socket: &Socket| {
        is_incomplete(socket);
        assert_eq!(socket.owners(), owners(&own.held, socket.inode().unwrap()));
    });
    outer.check_rows(snapshot, check_row);
    outer.check_owners(snapshot, is_hidden(HiddenReason::OtherPidNamespace));
    has_gap_of(snapshot, GapKind::ProcessesHidden);
}

#[test]
fn live_in_a_pid_namespace_bpf_reports_its_pids() {
    needs_bpf!();
    let _quiet = quiet();
    let outer = Scene::new();
    restricted!("a pid namespace", || {
        restrict::in_pid_namespace(|| {
            restrict::own_proc(c"")?;
            let own = Scene::new();
            assert_eq!(own.held[0].pid, 1);
            let snapshot = list_by(OwnerSource::Bpf);
            if kernel::is_before(6, 5) && from(&snapshot).0 == OwnerSource::Procfs {
                // The walk replaces it.
                assert!(from(&snapshot).1.starts_with("bpf(BPF_PROG_LOAD): Permission denied"));
                check_nested(&own, &outer, &snapshot);
                return Err(io::Error::new(ErrorKind::Unsupported, "BPF in one: Linux before 6.5"));
            }
            assert_eq!(from(&snapshot), (OwnerSource::Bpf, "asked for"));
            check_nested(&own, &outer, &snapshot);
            // The kernel's counters tell of the sockets of outer processes.
            let snapshot = list_by(OwnerSource::OnePass);
            assert_eq!(from(&snapshot), (OwnerSource::OnePass, "asked for"));
            check_nested(&own, &outer, &snapshot);
            // Walking a handful of processes is faster than loading a program.
            let snapshot = list_by(OwnerSource::Auto);
            let (source, reason) = from(&snapshot);
            assert_eq!(source, OwnerSource::Procfs);
            // There may be few on the whole machine, too.
            assert!(["few processes", "few descriptors"].contains(&reason), "{reason}");
            check_nested(&own, &outer, &snapshot);
            Ok(())
        })
    });
}

#[test]
fn live_proc_of_another_pid_namespace_names_no_owner() {
    needs_bpf!();
    let _quiet = quiet();
    let outer = Scene::new();
    restricted!("a pid namespace", || {
        restrict::in_pid_namespace(|| {
            let own = Scene::new();
            let snapshot = falls_back("/proc: of another pid namespace");
            for scene in [&outer, &own] {
                scene.check_rows(&snapshot, check_row);
                scene.check_owners(&snapshot, is_hidden(HiddenReason::OtherPidNamespace));
            }
            has_gap_of(&snapshot, GapKind::OwnersUnavailable);
            Ok(())
        })
    });
}

#[test]
fn live_lister_forked_into_another_pid_namespace_loads_a_program_for_it() {
    needs_bpf!();
    let _quiet = quiet();
    let outer = Scene::new();
    for source in by_bpf() {
        forked_into_another_pid_namespace(&outer, *source);
    }
}

fn forked_into_another_pid_namespace(outer: &Scene, source: OwnerSource) {
    restricted!("a pid namespace", || {
        let mut lister = Lister::new();
        let query = Query::new().owners(true).owner_source(source);
        let before = lister.snapshot(&query.clone().cookies(true)).unwrap();
        assert_eq!(from(&before), (source, "asked for"));
        outer.check_owners(&before, is_known);
        restrict::in_pid_namespace(|| {
            restrict::own_proc(c"")?;
            let own = Scene::new();
            let snapshot = lister.snapshot(&query.clone().cookies(true)).unwrap();
            check_nested(&own, outer, &snapshot);
            let snapshot = lister.snapshot(&query).unwrap();
            check_nested(&own, outer, &snapshot);
            // A process in the inner namespace has this process's pid, and its pids for the others differ from this
            // one's.
            restrict::in_pid_namespace(|| {
                restrict::own_proc(c"")?;
                let other = Child::fork(None, &[], |report| report.made(tcp::pair_v4()?))?;
                assert_eq!(std::process::id(), 1);
                let snapshot = lister.snapshot(&query).unwrap();
                check_nested(&own, outer, &snapshot);
                for facts in other.sockets() {
                    assert_eq!(row(&snapshot, facts).owners(), owners(other.held(), facts.inode.unwrap()));
                }
                Ok(())
            })
        })
    });
}
