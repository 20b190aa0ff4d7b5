//! Restrictions (sandboxes, users, namespaces) must not cost rows, nor make owners wrong: a child of the test
//! restricts itself, lists, and compares with what it and the test have made.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use common::{check_row, check_row_of_any_source, list_by, row};
use netstat::{GapKind, HiddenReason, OwnerSource, ProcessFields, Protocol, Query, Snapshot, Socket};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, UnshareFlags};
use scene::{Scene, TEST_USER, has_gap, has_gap_of, is_hidden, is_incomplete, is_known};
use socket_world::namespace::{enter_network_namespace, in_network_namespace};
use socket_world::{SocketFacts, live_skip, quiet, restrict, udp};
use std::ffi::CString;
use std::io::{self, ErrorKind};

/// The kernel's stand-in for users that a user namespace has no number for.
const OVERFLOW_USER: u32 = 65_534;

/// Owners by the procfs walk. What BPF finds under the same restrictions is in `restricted_owner_source.rs`.
fn list() -> Snapshot {
    list_by(OwnerSource::Procfs)
}

/// Both tables from `/proc`, each with a gap that has the cause.
fn check_fallback(snapshot: &Snapshot, errno: Errno) {
    let code = format!("(os error {})", errno.raw_os_error());
    for table in ["sock_diag tcp: socket: ", "sock_diag udp: socket: "] {
        has_gap(snapshot, |gap| {
            gap.kind == GapKind::Fallback && gap.source.starts_with(table) && gap.source.ends_with(&code)
        });
    }
}

#[test]
fn live_netlink_denied_by_a_sandbox_falls_back_to_proc_with_every_row_and_the_cause() {
    let _quiet = quiet();
    let scene = Scene::new();
    for errno in [Errno::PERM, Errno::ACCESS, Errno::PROTONOSUPPORT, Errno::AFNOSUPPORT] {
        restricted!("seccomp", || {
            restrict::deny_netlink(u16::try_from(errno.raw_os_error()).unwrap())?;
            let snapshot = list();
            scene.check_rows(&snapshot, |socket, facts| {
                check_row_of_any_source(socket, facts);
                assert_eq!((socket.cookie, socket.v6_only, socket.interface), (None, None, None));
            });
            check_fallback(&snapshot, errno);
            if socket_world::is_root() {
                scene.check_owners(&snapshot, is_known);
            }
            Ok(())
        });
    }
}

#[test]
fn live_chain_of_udp_sockets_in_proc_is_listed_whole_and_once() {
    let _quiet = quiet();
    let made = udp::chain(2000).unwrap();
    restricted!("seccomp", || {
        restrict::deny_netlink(1)?;
        let snapshot = Query::new().udp().snapshot().unwrap();
        for facts in &made.facts {
            check_row_of_any_source(row(&snapshot, facts), facts);
        }
        Ok(())
    });
}

#[test]
fn live_neither_netlink_nor_proc_is_an_error_and_not_an_empty_list() {
    let _quiet = quiet();
    restricted!("no netlink and no /proc", || {
        restrict::without_proc()?;
        restrict::deny_netlink(13)?;
        for query in [Query::new(), Query::new().owners(true), Query::new().udp()] {
            let error = query.snapshot().expect_err("an error");
            let text = error.to_string();
            assert!(error.is_permission_denied(), "{text}");
            assert!(text.contains("/proc/thread-self/net/") && text.contains("sock_diag"), "{text}");
        }
        Ok(())
    });
}

#[test]
fn live_lack_of_descriptors_is_an_error_and_not_an_empty_list() {
    let _quiet = quiet();
    restricted!("descriptors", || {
        restrict::limit_descriptors(3)?;
        let error = Query::new().owners(true).snapshot().expect_err("an error");
        assert_eq!(error.raw_os_error(), Some(Errno::MFILE.raw_os_error()), "{error}");
        Ok(())
    });
}

#[test]
fn live_one_or_two_free_descriptors_are_enough_for_every_row() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("descriptors", || {
        // The lowest number that is free is the number of descriptors below it.
        let free = std::fs::File::open("/dev/null")?;
        let lowest = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&free)).unwrap();
        drop(free);
        for count in [1, 2] {
            restrict::limit_descriptors(lowest + count)?;
            // On several threads too, of which the one that reads the tables must not come too late.
            for threads in [1, 8] {
                let query = Query::new().owners(true).owner_source(OwnerSource::Procfs).threads(threads);
                let snapshot = query.snapshot().unwrap_or_else(|error| panic!("{count} {threads}: {error}"));
                scene.check_rows(&snapshot, check_row);
                assert!(snapshot.gaps.iter().all(|gap| gap.kind != GapKind::Fallback), "{:?}", snapshot.gaps);
                assert!(count > 1 || !snapshot.gaps.is_empty(), "owners take more descriptors");
            }
        }
        Ok(())
    });
}

#[test]
fn live_pipe_in_place_of_a_file_of_a_process_does_not_block_the_listing() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("mounts", || {
        let pid = std::process::id();
        let files = ["stat", "cmdline", "status", "maps"].map(|file| format!("/proc/{pid}/{file}"));
        let files = files.map(|file| CString::new(file).unwrap());
        restrict::pipes_in_place_of(&files.each_ref().map(CString::as_c_str))?;
        let own = Scene::new();
        let fields = ProcessFields::all();
        let snapshot = Query::new().processes(fields).owner_source(OwnerSource::Procfs).snapshot().unwrap();
        scene.check_rows(&snapshot, check_row);
        own.check_rows(&snapshot, check_row);
        assert_eq!(snapshot.process(pid).unwrap().name, None, "nothing is read from a pipe");
        let by_name = Query::new().process_name("no such process").snapshot().unwrap();
        assert!(by_name.sockets.is_empty());
        let by_pid = Query::new().pid(pid).udp().local_port(1).snapshot().unwrap();
        assert!(by_pid.sockets.is_empty());
        Ok(())
    });
}

#[test]
fn live_without_proc_rows_are_complete_and_owners_unknown() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("no /proc", || {
        restrict::without_proc()?;
        let snapshot = list();
        scene.check_rows(&snapshot, check_row);
        scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
        has_gap_of(&snapshot, GapKind::OwnersUnavailable);
        Ok(())
    });
}

#[test]
fn live_plain_user_sees_every_row_and_the_owners_of_its_own_sockets() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("another user", || {
        restrict::become_user(TEST_USER)?;
        let own = Scene::new();
        let snapshot = list();
        scene.check_rows(&snapshot, check_row);
        own.check_rows(&snapshot, check_row);
        scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
        own.check_owners(&snapshot, is_incomplete);
        has_gap_of(&snapshot, GapKind::ProcessesUnreadable);
        Ok(())
    });
}

#[test]
fn live_plain_user_without_netlink_sees_every_row() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("another user, seccomp", || {
        restrict::become_user(TEST_USER)?;
        restrict::deny_netlink(1)?;
        let snapshot = list();
        scene.check_rows(&snapshot, check_row_of_any_source);
        scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
        check_fallback(&snapshot, Errno::PERM);
        Ok(())
    });
}

#[test]
fn live_listing_works_without_further_threads() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("no threads", || {
        restrict::become_user(TEST_USER + 1)?;
        restrict::limit_threads(1)?;
        if std::thread::Builder::new().spawn(|| ()).is_ok() {
            return Err(io::Error::new(ErrorKind::Unsupported, "threads are to be had all the same"));
        }
        let own = Scene::new();
        let snapshot = Query::new().owners(true).threads(8).snapshot().unwrap();
        scene.check_rows(&snapshot, check_row);
        own.check_owners(&snapshot, is_incomplete);
        Ok(())
    });
}

#[test]
fn live_hidden_processes_are_reported() {
    let _quiet = quiet();
    let scene = Scene::new();
    for (options, gap) in
        [(c"hidepid=1", GapKind::ProcessesUnreadable), (c"hidepid=2", GapKind::ProcessesHidden)]
    {
        restricted!("hidepid", || {
            restrict::own_proc(options)?;
            restrict::become_user(TEST_USER)?;
            let own = Scene::new();
            let snapshot = list();
            scene.check_rows(&snapshot, check_row);
            scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
            own.check_owners(&snapshot, is_incomplete);
            has_gap_of(&snapshot, gap);
            Ok(())
        });
    }
}

#[test]
fn live_owner_outside_the_pid_namespace_is_reported_as_hidden() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("a pid namespace", || {
        restrict::in_pid_namespace(|| {
            restrict::own_proc(c"")?;
            let own = Scene::new();
            let snapshot = list();
            scene.check_rows(&snapshot, check_row);
            scene.check_owners(&snapshot, is_hidden(HiddenReason::OtherPidNamespace));
            own.check_rows(&snapshot, check_row);
            own.check_owners(&snapshot, is_incomplete);
            assert_eq!(own.held[0].pid, 1);
            has_gap_of(&snapshot, GapKind::ProcessesHidden);
            Ok(())
        })
    });
}

#[test]
fn live_proc_of_another_pid_namespace_names_no_owner() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("a pid namespace", || {
        restrict::in_pid_namespace(|| {
            let own = Scene::new();
            let look = |check: fn(&Socket, &SocketFacts)| {
                let snapshot = list();
                for scene in [&scene, &own] {
                    scene.check_rows(&snapshot, check);
                    scene.check_owners(&snapshot, is_hidden(HiddenReason::OtherPidNamespace));
                }
                has_gap_of(&snapshot, GapKind::OwnersUnavailable);
            };
            look(check_row);
            restrict::deny_netlink(1)?;
            look(check_row_of_any_source);
            Ok(())
        })
    });
}

#[test]
fn live_user_pid_and_network_namespaces_list_their_own_sockets_and_processes() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("namespaces of a user", || {
        restrict::become_user(TEST_USER)?;
        restrict::enter_user_namespace(UnshareFlags::NEWNS)?;
        // Users of other namespaces have no number, so they are unknown.
        let snapshot = list();
        scene.check_rows(&snapshot, |socket, facts| {
            check_row(socket, &SocketFacts { uid: None, ..facts.clone() });
        });
        assert_eq!(Query::new().uid(OVERFLOW_USER).snapshot().unwrap().sockets, []);
        scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
        restrict::in_pid_namespace(|| {
            restrict::own_proc(c"")?;
            enter_network_namespace()?;
            let own = Scene::new();
            let look = |check: fn(&Socket, &SocketFacts)| {
                let snapshot = list();
                own.check_rows(&snapshot, check);
                own.check_owners(&snapshot, is_incomplete);
                let count = own.facts().filter(|facts| facts.inode.is_some()).count();
                let listed = snapshot.into_iter().filter(|socket| socket.inode().is_some()).count();
                assert_eq!(listed, count);
            };
            look(check_row);
            restrict::deny_netlink(1)?;
            look(check_row_of_any_source);
            Ok(())
        })
    });
}

#[test]
fn live_thread_in_another_network_namespace_reads_its_own_tables_from_proc() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("a network namespace", || {
        in_network_namespace(|| {
            let own = Scene::new();
            restrict::deny_netlink(1)?;
            let snapshot = Query::new().snapshot().unwrap();
            own.check_rows(&snapshot, check_row_of_any_source);
            let inodes: Vec<_> = scene.facts().filter_map(|facts| facts.inode).collect();
            let of_the_process =
                |socket: &Socket| socket.inode().is_some_and(|inode| inodes.contains(&inode));
            assert!(!snapshot.sockets.iter().any(of_the_process));
            Ok(())
        })?
    });
}

#[test]
fn live_root_without_ptrace_reports_hidden_owners() {
    let _quiet = quiet();
    if !socket_world::is_root() {
        live_skip!("needs root");
    }
    let scene = Scene::new();
    for dropped in [CapabilitySet::SYS_PTRACE, CapabilitySet::all()] {
        restricted!("capabilities", || {
            restrict::drop_capabilities(dropped)?;
            let own = Scene::new();
            let snapshot = list();
            scene.check_rows(&snapshot, check_row);
            scene.check_owners(&snapshot, is_hidden(HiddenReason::UnreadableProcess));
            own.check_owners(&snapshot, is_incomplete);
            has_gap_of(&snapshot, GapKind::ProcessesUnreadable);
            Ok(())
        });
    }
}

#[test]
fn live_root_without_other_capabilities_sees_the_owners() {
    let _quiet = quiet();
    if !socket_world::is_root() {
        live_skip!("needs root");
    }
    let scene = Scene::new();
    let reading = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE;
    for dropped in [CapabilitySet::DAC_READ_SEARCH, CapabilitySet::NET_ADMIN, reading] {
        restricted!("capabilities", || {
            restrict::drop_capabilities(dropped)?;
            let snapshot = list();
            scene.check_rows(&snapshot, check_row);
            scene.check_owners(&snapshot, is_known);
            Ok(())
        });
    }
}

#[test]
fn live_streamed_rows_fall_back_too() {
    let _quiet = quiet();
    let scene = Scene::new();
    restricted!("seccomp", || {
        restrict::deny_netlink(1)?;
        let mut rows = Vec::new();
        let gaps = Query::new()
            .for_each(|socket| {
                rows.push(socket);
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        let udp = scene.facts().filter(|facts| common::protocol(facts) == Protocol::Udp).count();
        assert!(rows.iter().filter(|row| row.protocol == Protocol::Udp).count() >= udp);
        assert!(gaps.iter().any(|gap| gap.kind == GapKind::Fallback), "{gaps:?}");
        Ok(())
    });
}
