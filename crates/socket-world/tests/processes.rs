//! Processes that hold sockets in every way the kit offers, compared with `/proc/PID/fd`.
#![cfg(any(target_os = "linux", target_os = "android"))]

mod common;

use common::{assert_in_tables, holders, sockets_in, sockets_of, table_of};
use socket_world::{
    Child, Held, Made, holders as make, inode_of, is_root, live_skip, names, namespace, quiet, tcp, threads,
    udp, wait_until,
};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

fn listener() -> OwnedFd {
    tcp::listener_v4().expect("a listener").sockets.remove(0)
}

fn set<'a>(held: impl IntoIterator<Item = &'a Held>) -> BTreeSet<Held> {
    held.into_iter().copied().collect()
}

#[test]
fn live_inherited_listener_is_held_by_each_child_and_nothing_else_is() {
    let other = listener();
    let fd = listener();
    let children = make::inherited(3, &fd).expect("children");
    let mut expected = set(children.iter().flat_map(Child::held));
    assert_eq!(expected.len(), 3);
    expected.insert(Held::of(&fd).expect("open"));
    {
        let _quiet = quiet();
        assert_eq!(holders(inode_of(&fd)), expected);
        assert_eq!(holders(inode_of(&other)), BTreeSet::from([Held::of(&other).expect("open")]));
    }
    for child in &children {
        assert_eq!(sockets_of(child.pid()), set(child.held()));
        assert!(child.held().iter().all(|held| held.fd == fd.as_raw_fd()));
    }
    drop(children);
    let _quiet = quiet();
    assert_eq!(holders(inode_of(&fd)).len(), 1);
}

#[test]
fn live_child_has_only_its_pipe_and_dev_null() {
    let child = Child::fork(None, &[], |_| Ok(())).expect("a child");
    let links: Vec<PathBuf> = std::fs::read_dir(format!("/proc/{}/fd", child.pid()))
        .expect("its descriptors")
        .map(|entry| std::fs::read_link(entry.expect("an entry").path()).expect("a link"))
        .collect();
    let pipes = links.iter().filter(|link| link.to_string_lossy().starts_with("pipe:")).count();
    let nulls = links.iter().filter(|link| link.as_os_str() == "/dev/null").count();
    assert_eq!((pipes, nulls, links.len()), (1, 3, 4), "{links:?}");
}

#[test]
fn live_each_duplicate_is_a_descriptor() {
    let fd = listener();
    let more = make::duplicated(5, &fd).expect("duplicates");
    let expected = more.iter().chain([&fd]).map(|fd| Held::of(fd).expect("open")).collect();
    let _quiet = quiet();
    assert_eq!(holders(inode_of(&fd)), expected);
}

#[test]
fn live_passed_socket_is_held_by_the_receiver_alone() {
    let fd = listener();
    let inode = inode_of(&fd);
    let child = make::passed(fd).expect("a child");
    assert_eq!(child.held().len(), 1);
    assert_eq!(sockets_of(child.pid()), set(child.held()));
    let _quiet = quiet();
    assert_eq!(holders(inode), set(child.held()));
}

#[test]
fn live_socket_in_flight_is_open_and_has_no_holder() {
    let sent = make::in_flight(listener()).expect("in flight");
    let facts = sent.facts().expect("a listener").clone();
    assert_in_tables(std::process::id(), [&facts]);
    {
        let _quiet = quiet();
        assert_eq!(holders(sent.inode()), BTreeSet::new());
    }
    let landed = sent.land().expect("landed");
    assert_eq!(Some(inode_of(&landed)), facts.inode);
}

#[test]
fn live_processes_with_one_table_both_hold_the_socket() {
    let fd = listener();
    let inode = inode_of(&fd);
    let child = make::shared_table(&fd).expect("two processes");
    drop(fd);
    let pids: BTreeSet<u32> = child.held().iter().map(|held| held.pid).collect();
    assert_eq!(pids.len(), 2);
    {
        let _quiet = quiet();
        assert_eq!(holders(inode), set(child.held()));
    }
    drop(child);
    for pid in pids {
        assert!(!PathBuf::from(format!("/proc/{pid}")).exists(), "reaped");
    }
}

#[test]
fn live_descriptor_table_of_a_thread_is_shown_under_the_thread_alone() {
    let thread = threads::own_table(tcp::pair_v4).expect("a thread");
    let pid = std::process::id();
    assert_eq!(thread.held().len(), 3);
    assert_eq!(sockets_in(format!("/proc/{pid}/task/{}/fd", thread.tid()), pid), set(thread.held()));
    let inodes: BTreeSet<u64> = thread.held().iter().map(|held| held.inode).collect();
    {
        let _quiet = quiet();
        assert_eq!(common::holders_of(&inodes), BTreeSet::new());
    }
    assert_in_tables(pid, thread.sockets());
    let listener = thread.sockets()[2].local;
    drop(thread);
    assert!(table_of(pid).iter().all(|row| row.local != listener || row.state != 10));
}

#[test]
fn live_descriptor_table_of_a_thread_keeps_no_copies_of_other_sockets() {
    let fd = listener();
    let port = tcp::local_address(&fd).expect("an address");
    let _thread = threads::own_table(tcp::listener_v4).expect("a thread");
    drop(fd);
    assert!(table_of(std::process::id()).iter().all(|row| row.local != port));
}

#[test]
fn live_process_keeps_its_sockets_without_its_first_thread() {
    let leaderless = threads::exited_leader(Some(b"leaderless"), tcp::pair_v6).expect("a process");
    let (pid, tid) = (leaderless.child().pid(), leaderless.tid());
    assert_ne!(pid, tid);
    assert_eq!(sockets_of(pid), BTreeSet::new());
    assert_eq!(leaderless.child().held().len(), 3);
    assert_eq!(sockets_in(format!("/proc/{pid}/task/{tid}/fd"), pid), set(leaderless.child().held()));
    assert_in_tables(std::process::id(), leaderless.child().sockets());
    drop(leaderless);
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists(), "reaped");
}

#[test]
fn live_hostile_names_are_set_as_given() {
    for &name in names::hostile() {
        let child = names::named(name, tcp::listener_v4).expect("a child");
        let mut comm = name.to_vec();
        comm.push(b'\n');
        assert_eq!(std::fs::read(format!("/proc/{}/comm", child.pid())).expect("comm"), comm);
        assert_eq!(sockets_of(child.pid()), set(child.held()));
    }
}

#[test]
fn live_process_and_socket_of_another_user_have_its_uid() {
    let child = match names::other_user(54_321, udp::unconnected_v4) {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => live_skip!("not root: {error}"),
        Err(error) => panic!("{error}"),
    };
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.pid())).expect("its status");
    assert!(status.contains("Uid:\t54321\t54321\t54321\t54321"), "{status}");
    assert_eq!(child.sockets()[0].uid, Some(54_321));
    assert_in_tables(std::process::id(), child.sockets());
    assert_eq!(sockets_of(child.pid()), set(child.held()));
}

#[test]
fn live_process_that_is_not_dumpable_is_read_by_root_alone() {
    let child = names::not_dumpable(tcp::listener_v4).expect("a child");
    assert_in_tables(std::process::id(), child.sockets());
    let seen = std::fs::read_dir(format!("/proc/{}/fd", child.pid()));
    if is_root() {
        assert_eq!(sockets_of(child.pid()), set(child.held()));
    } else {
        assert_eq!(seen.expect_err("refused").kind(), std::io::ErrorKind::PermissionDenied);
    }
}

#[test]
fn live_new_network_namespace_has_only_what_is_made_in_it() {
    let made = Child::fork(None, &[], |report| {
        namespace::enter_network_namespace()?;
        report.made(tcp::pair_v4()?)?;
        report.made(udp::unconnected_v6()?)
    });
    let child = match made {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => live_skip!("not root: {error}"),
        Err(error) => panic!("{error}"),
    };
    assert_in_tables(child.pid(), child.sockets());
    assert_eq!(table_of(child.pid()).len(), child.sockets().len());
}

#[test]
fn live_zombie_holds_nothing_and_is_reaped_by_the_drop() {
    let mut child = names::named(b"zombie", tcp::listener_v4).expect("a child");
    let pid = child.pid();
    child.become_zombie().expect("an end");
    assert!(std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its stat").contains(") Z "));
    assert_eq!(sockets_of(pid), BTreeSet::new());
    drop(child);
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
}

#[test]
fn live_child_outlives_the_thread_that_made_it() {
    let child = std::thread::spawn(|| names::named(b"kept", tcp::listener_v4)).join().expect("no panic");
    let child = child.expect("a child");
    assert!(!wait_until(Duration::from_millis(50), || sockets_of(child.pid()).is_empty()));
}

#[test]
fn live_children_end_with_the_process_that_made_them() {
    // A child makes a grandchild and is killed.
    let child = Child::fork(None, &[], |report| {
        let grandchild = names::named(b"grandchild", tcp::listener_v4)?;
        report.number(grandchild.pid().into())?;
        std::mem::forget(grandchild);
        Ok(())
    })
    .expect("a child");
    let grandchild = PathBuf::from(format!("/proc/{}", child.numbers()[0]));
    assert!(grandchild.exists());
    drop(child);
    // Another process reaps it; until then it is a zombie and has no descriptors.
    let ended = || std::fs::read_dir(grandchild.join("fd")).map_or(true, |fds| fds.count() == 0);
    assert!(wait_until(Duration::from_secs(10), ended));
}

#[test]
fn live_error_or_panic_in_a_child_is_reported() {
    let refused =
        Child::fork(None, &[], |_| Err(std::io::Error::from_raw_os_error(98))).expect_err("refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    let panicked = Child::fork(None, &[], |_| panic!("nothing works")).expect_err("panicked");
    assert!(panicked.to_string().contains("nothing works"), "{panicked}");
    let dead = Child::fork(None, &[], |_| std::process::exit(3)).expect_err("dead");
    assert!(dead.to_string().contains("died"), "{dead}");
    let gone =
        threads::exited_leader(None, || Err(std::io::Error::other("no socket"))).expect_err("no socket");
    assert!(gone.to_string().contains("no socket"), "{gone}");
    assert!(Child::fork(Some(b"a\0b"), &[], |_| Ok(())).is_err());
}

#[test]
fn live_kept_descriptor_has_its_number_and_others_are_closed() {
    let kept = listener();
    let lost = listener();
    let number = lost.as_raw_fd();
    let child = Child::fork(None, &[kept.as_fd()], |report| {
        report.held(&kept)?;
        let lost = std::fs::read_link(format!("/proc/self/fd/{number}"));
        report.number(u64::from(lost.is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))))?;
        report.made(Made::of(vec![listener()])?)
    })
    .expect("a child");
    assert_eq!(child.numbers(), [0]);
    assert_eq!(child.held()[0].fd, kept.as_raw_fd());
    assert_eq!(sockets_of(child.pid()), set(child.held()));
}
