//! Names of users where `/etc/passwd` does not know them, cannot be read, or has no number for them.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;
#[macro_use]
#[path = "common/scene.rs"]
mod scene;

use netstat::{Filter, OwnerSource, Process, ProcessFields, Query, Snapshot};
use rustix::thread::UnshareFlags;
use scene::TEST_USER;
use socket_world::{live_skip, quiet, restrict, tcp};
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The kernel's stand-in for users that a user namespace has no number for.
const OVERFLOW_USER: u32 = 65_534;

/// The result of `work`, which must not block.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it does not block")
}

fn with_users(source: OwnerSource) -> Snapshot {
    let fields = ProcessFields::UID | ProcessFields::USER;
    Query::new().tcp().listening().processes(fields).owner_source(source).snapshot().unwrap()
}

fn user(snapshot: &Snapshot, pid: u32) -> (Option<u32>, Option<&str>) {
    let process: &Process = snapshot.process(pid).unwrap();
    (process.uid, process.user.as_deref())
}

#[test]
fn live_pipe_in_place_of_a_file_of_etc_does_not_block() {
    if !socket_world::is_root() {
        live_skip!("needs root");
    }
    let _quiet = quiet();
    let _socket = tcp::listener_v4().unwrap();
    restricted!("mounts", || {
        restrict::pipes_in_place_of(&[c"/etc/passwd", c"/etc/services"])?;
        let pid = std::process::id();
        let _own = tcp::listener_v4()?;
        let snapshot = in_time(|| with_users(OwnerSource::Procfs));
        assert_eq!(user(&snapshot, pid), (Some(0), None));
        assert!(in_time(|| Filter::user("root")).is_err());
        assert_eq!(in_time(|| netstat::user_names([0])), HashMap::new());
        let https = in_time(|| "sport = :https".parse::<Filter>()).unwrap();
        assert_eq!(https, Filter::local_port(443));
        Ok(())
    });
}

#[test]
fn live_user_of_a_record_of_userdb_has_its_name_everywhere() {
    if !socket_world::is_root() {
        live_skip!("needs root");
    }
    let _quiet = quiet();
    for source in [OwnerSource::Procfs, OwnerSource::Bpf] {
        restricted!("mounts", move || {
            restrict::empty_directory(c"/run")?;
            std::fs::create_dir("/run/userdb")?;
            std::fs::write("/run/userdb/54321.user", r#"{"userName":"dynsvc","uid":54321}"#)?;
            std::os::unix::fs::symlink("54321.user", "/run/userdb/dynsvc.user")?;
            let names = netstat::user_names([0, TEST_USER, TEST_USER + 1]);
            let expected = [(0, "root".to_owned()), (TEST_USER, "dynsvc".to_owned())];
            assert_eq!(names, HashMap::from(expected));
            assert_eq!(Filter::user("dynsvc").unwrap(), Filter::uid(TEST_USER));
            restrict::become_user(TEST_USER)?;
            let _own = tcp::listener_v4()?;
            let snapshot = with_users(source);
            assert_eq!(user(&snapshot, std::process::id()), (Some(TEST_USER), Some("dynsvc")));
            let of_user = Query::new().filter(Filter::user("dynsvc").unwrap()).snapshot().unwrap();
            assert_eq!(of_user.sockets.len(), 1, "{of_user:?}");
            Ok(())
        });
    }
}

#[test]
fn live_user_without_a_number_in_the_user_namespace_is_unknown() {
    let _quiet = quiet();
    let stranger = tcp::listener_v4().unwrap();
    let port = stranger.facts[0].local.port();
    restricted!("namespaces of a user", || {
        restrict::become_user(TEST_USER)?;
        restrict::enter_user_namespace(UnshareFlags::empty())?;
        let own = tcp::listener_v4()?;
        for netlink in [true, false] {
            if !netlink {
                restrict::deny_netlink(1)?;
            }
            let uid = |port| Query::new().tcp().local_port(port).snapshot().unwrap().sockets[0].uid;
            assert_eq!(uid(port), None, "netlink: {netlink}");
            assert_eq!(uid(own.facts[0].local.port()), Some(0), "netlink: {netlink}");
            assert_eq!(Query::new().uid(OVERFLOW_USER).snapshot().unwrap().sockets, []);
            let snapshot = with_users(OwnerSource::Procfs);
            assert_eq!(user(&snapshot, std::process::id()), (Some(0), Some("root")));
            assert!(snapshot.processes.iter().all(|process| process.uid != Some(OVERFLOW_USER)));
        }
        Ok(())
    });
}
