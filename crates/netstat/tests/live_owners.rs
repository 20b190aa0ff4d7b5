//! All holders of a socket, for every kind of holder, as the holders report themselves; from each available source
//! of owners.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{check_owners, check_row, list_by, owners, row, snapshot_by, sources};
use netstat::{GapKind, HiddenReason, Ownership, ProcessFields, Query};
use socket_world::{Held, holders, live_skip, names, quiet, tcp, threads, udp};
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

#[test]
fn live_listener_of_forked_workers_lists_them_all() {
    let made = tcp::listener_v4().unwrap();
    let children = holders::inherited(10, &made.sockets[0]).unwrap();
    let mut held = made.held().unwrap();
    held.extend(children.iter().flat_map(|child| child.held()));
    let expected = owners(&held, made.facts[0].inode.unwrap());
    assert_eq!(expected.len(), 11);
    let _quiet = quiet();
    for source in sources() {
        check_owners(row(&list_by(source), &made.facts[0]), &expected);
    }
}

#[test]
fn live_duplicated_descriptors_are_separate_owners() {
    let made = udp::unconnected_v4().unwrap();
    let copies = holders::duplicated(4, &made.sockets[0]).unwrap();
    let mut held = made.held().unwrap();
    held.extend(copies.iter().map(|copy| Held::of(copy.as_fd()).unwrap()));
    let expected = owners(&held, made.facts[0].inode.unwrap());
    assert_eq!(expected.len(), 5);
    let _quiet = quiet();
    for source in sources() {
        check_owners(row(&list_by(source), &made.facts[0]), &expected);
    }
}

#[test]
fn live_passed_descriptor_belongs_to_its_receiver() {
    let made = tcp::listener_v4().unwrap();
    let socket = made.sockets.into_iter().next().unwrap();
    let child = holders::passed(socket).unwrap();
    let expected = owners(child.held(), made.facts[0].inode.unwrap());
    assert_eq!(expected.len(), 1);
    let _quiet = quiet();
    for source in sources() {
        check_owners(row(&list_by(source), &made.facts[0]), &expected);
    }
}

#[test]
fn live_processes_that_share_a_descriptor_table_are_both_owners() {
    let made = tcp::listener_v4().unwrap();
    let child = holders::shared_table(&made.sockets[0]).unwrap();
    let mut held = made.held().unwrap();
    held.extend(child.held());
    let expected = owners(&held, made.facts[0].inode.unwrap());
    assert_eq!(expected.len(), 3);
    let _quiet = quiet();
    for source in sources() {
        check_owners(row(&list_by(source), &made.facts[0]), &expected);
    }
}

#[test]
fn live_thread_with_a_table_of_its_own_is_found() {
    let table = threads::own_table(tcp::pair_v4).unwrap();
    for source in sources() {
        let snapshot = list_by(source);
        for facts in table.sockets() {
            let socket = row(&snapshot, facts);
            check_row(socket, facts);
            check_owners(socket, &owners(table.held(), facts.inode.unwrap()));
        }
    }
}

#[test]
fn live_process_whose_first_thread_has_exited_is_found_with_its_executable() {
    let process = threads::exited_leader(Some(b"leaderless"), udp::pair_v4).unwrap();
    let fields = ProcessFields::NAME | ProcessFields::PATH;
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().processes(fields), source);
        for facts in process.child().sockets() {
            check_owners(row(&snapshot, facts), &owners(process.child().held(), facts.inode.unwrap()));
        }
        let process = snapshot.process(process.child().pid()).unwrap();
        assert_eq!(process.name.as_deref(), Some(OsStr::new("leaderless")));
        assert_eq!(process.path, std::env::current_exe().ok());
    }
}

#[test]
fn live_hostile_names_are_reported_byte_for_byte() {
    let children: Vec<_> =
        names::hostile().iter().map(|name| names::named(name, tcp::listener_v4).unwrap()).collect();
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().tcp().processes(ProcessFields::NAME), source);
        for (name, child) in names::hostile().iter().zip(&children) {
            check_owners(row(&snapshot, &child.sockets()[0]), &owners(child.held(), child.held()[0].inode));
            let process = snapshot.process(child.pid()).unwrap();
            assert_eq!(process.name.as_deref(), Some(OsStr::from_bytes(name)));
        }
    }
}

#[test]
fn live_socket_of_another_user_is_listed_with_that_user_and_holder() {
    let id = 12_345;
    let child = match names::other_user(id, tcp::listener_v4) {
        Ok(child) => child,
        Err(why) => live_skip!("another user: {why}"),
    };
    let fields = ProcessFields::UID | ProcessFields::USER;
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().uid(id).processes(fields), source);
        let socket = row(&snapshot, &child.sockets()[0]);
        assert_eq!((snapshot.sockets.len(), socket.uid), (1, Some(id)));
        check_owners(socket, &owners(child.held(), child.held()[0].inode));
        let process = snapshot.process(child.pid()).unwrap();
        assert_eq!((process.uid, process.user.as_deref()), (Some(id), None));
    }
}

#[test]
fn live_unreadable_process_is_reported_as_hidden_to_a_plain_user_and_found_by_root() {
    let child = match names::not_dumpable(tcp::listener_v4) {
        Ok(child) => child,
        Err(why) => live_skip!("not dumpable: {why}"),
    };
    for source in sources() {
        let snapshot = list_by(source);
        let socket = row(&snapshot, &child.sockets()[0]);
        if socket_world::is_root() {
            check_owners(socket, &owners(child.held(), child.held()[0].inode));
        } else {
            let hidden = Ownership::Hidden { reason: HiddenReason::UnreadableProcess };
            assert_eq!(socket.ownership(), hidden);
            assert!(snapshot.gaps.iter().any(|gap| gap.kind == GapKind::ProcessesUnreadable));
        }
    }
}

#[test]
fn live_query_for_a_process_lists_its_sockets_alone_and_reports_incomplete_owners() {
    let made = tcp::listener_v4().unwrap();
    let children = holders::inherited(2, &made.sockets[0]).unwrap();
    let child = &children[0];
    for source in sources() {
        let rows = snapshot_by(&Query::new().pid(child.pid()), source).sockets;
        assert_eq!(rows.len(), 1);
        check_owners(&rows[0], &owners(child.held(), child.held()[0].inode));
        assert_eq!(rows[0].ownership(), Ownership::Known { complete: false });
    }
}

#[test]
fn live_query_for_a_name_finds_the_full_name_and_the_truncated_one() {
    let child = names::named(b"netstat-by-name", tcp::listener_v4).unwrap();
    let other = names::named(b"netstat-by-nam", tcp::listener_v4).unwrap();
    for source in sources() {
        let snapshot = snapshot_by(&Query::new().process_name("netstat-by-name"), source);
        assert_eq!(snapshot.sockets.len(), 1);
        assert_eq!(snapshot.sockets[0].owners()[0].pid, child.pid());
        let none = snapshot_by(&Query::new().process_name("netstat-by"), source);
        assert_eq!(none.sockets, []);
    }
    drop(other);
}

#[test]
fn live_streamed_rows_are_those_of_a_snapshot() {
    let child = names::named(b"streamed", udp::pair_v6).unwrap();
    for source in sources() {
        let query = Query::new().udp().pid(child.pid()).owner_source(source);
        let kept = snapshot_by(&query, source);
        let mut streamed = Vec::new();
        query
            .for_each(|socket| {
                streamed.push(socket);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(streamed, kept.sockets);
        assert_eq!(streamed.len(), 2);

        let mut first = 0;
        query
            .for_each(|_| {
                first += 1;
                ControlFlow::Break(())
            })
            .unwrap();
        assert_eq!(first, 1);
    }
}

#[test]
fn live_one_thread_finds_what_many_find() {
    let made = tcp::pair_v6().unwrap();
    let _quiet = quiet();
    for source in sources() {
        let rows = |threads| {
            let snapshot = snapshot_by(&Query::new().owners(true).threads(threads), source);
            made.facts.iter().map(|facts| row(&snapshot, facts).clone()).collect::<Vec<_>>()
        };
        assert_eq!(rows(1), rows(8));
    }
}
