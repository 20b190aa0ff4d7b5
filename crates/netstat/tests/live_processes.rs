//! The details of this process itself, compared with what it knows of itself.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

use netstat::{Process, ProcessFields, Query};
use socket_world::{Child, live_skip, names, tcp};
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

fn own(fields: ProcessFields) -> Process {
    let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let snapshot = Query::new().pid(std::process::id()).processes(fields).snapshot().unwrap();
    snapshot.process(std::process::id()).unwrap().clone()
}

#[test]
fn live_details_of_a_process_are_its_own() {
    let process = own(ProcessFields::all());
    assert_eq!(process.path, std::env::current_exe().ok());
    assert_eq!(process.path_deleted, Some(false));
    assert_eq!(process.command_line.unwrap(), std::env::args_os().collect::<Vec<_>>());
    assert_eq!(process.parent, Some(std::os::unix::process::parent_id()));
    let age = SystemTime::now().duration_since(process.start_time.unwrap()).unwrap_or_default();
    // The boot time has a resolution of one second.
    assert!(age < Duration::from_secs(600), "{age:?}");
}

#[test]
fn live_name_truncated_by_the_kernel_is_completed() {
    let full = std::env::current_exe().unwrap().file_name().unwrap().to_owned();
    assert!(full.len() > 15, "{full:?} is too short to be cut");
    assert_eq!(own(ProcessFields::NAME).name, Some(full));
}

#[test]
fn live_details_that_are_not_requested_are_none() {
    let Process { name, path, command_line, parent, uid, user, start_time, .. } = own(ProcessFields::PARENT);
    assert!(parent.is_some());
    assert_eq!((name, path, command_line, uid, user, start_time), (None, None, None, None, None, None));
}

#[test]
fn live_start_time_of_a_process_does_not_change() {
    assert_eq!(own(ProcessFields::START_TIME), own(ProcessFields::START_TIME));
}

#[test]
fn live_user_of_a_process_is_reported_even_if_it_may_not_be_traced() {
    if !socket_world::is_root() {
        live_skip!("needs root, to start processes of other users");
    }
    let user = |child: &Child| {
        let query = Query::new().pid(child.pid()).processes(ProcessFields::UID);
        query.snapshot().unwrap().process(child.pid()).unwrap().uid
    };
    // A process that has changed its user may no longer be traced by others of that user.
    assert_eq!(user(&names::other_user(1000, tcp::listener_v4).unwrap()), Some(1000));
    assert_eq!(user(&names::not_dumpable(tcp::listener_v4).unwrap()), Some(0));
}
