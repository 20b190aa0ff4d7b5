//! Tests of the advice after processes could not be read, on real processes of several rights.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

#[path = "common/public_copy.rs"]
mod public_copy;

use public_copy::PublicCopy;
use socket_world::{Child, live_skip, quiet, restrict, tcp};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const USER: u32 = 23_456;

/// Standard error of a listing by procfs.
fn message(command: &mut Command) -> io::Result<String> {
    let _quiet = quiet();
    let output = command.args(["-l", "--owner-source", "procfs"]).output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stderr).unwrap())
}

fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.uid(USER).gid(USER);
    command
}

#[test]
fn live_user_gets_the_exact_lines_and_the_capabilities_suffice() {
    if !socket_world::is_root() {
        live_skip!("needs root, to be another user");
    }
    let _socket = tcp::listener_v4().unwrap();
    let copy = PublicCopy::new();
    let program = copy.program();
    let shown = program.to_str().unwrap();
    let text = message(&mut as_user(&program)).unwrap();
    assert!(text.contains(&format!("run: sudo {shown} -l --owner-source procfs; or once: ")), "{text}");
    let line = format!("setcap cap_sys_ptrace,cap_dac_read_search=ep {shown}");
    assert!(text.ends_with(&format!("or once: sudo {line}\n")), "{text}");
    let mut words = line.split(' ');
    match Command::new(words.next().unwrap()).args(words).status() {
        Ok(status) if status.success() => {}
        result => live_skip!("setcap: {result:?}"),
    }
    // As much as root sees: a security module may hide some processes from root too.
    let of_root = message(&mut Command::new(&program)).unwrap();
    assert!(!of_root.contains("sudo"), "{of_root}");
    assert_eq!(message(&mut as_user(&program)).unwrap(), of_root);
}

#[test]
fn live_root_without_a_capability_is_advised_to_get_it() {
    if !socket_world::is_root() {
        live_skip!("needs root");
    }
    // A process of another user, which root may not read without the capability.
    let _other = socket_world::names::other_user(USER, tcp::listener_v4).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-sys_ptrace", env!("CARGO_BIN_EXE_lsock")]);
    match message(&mut command) {
        Ok(text) => {
            assert!(text.contains("root needs CAP_SYS_PTRACE, which"), "{text}");
            assert!(!text.contains("sudo") && !text.contains("setcap"), "{text}");
        }
        Err(error) => live_skip!("setpriv: {error}"),
    }
}

#[test]
fn live_hidepid_is_named_with_the_group_that_sees_all() {
    if !socket_world::is_root() {
        live_skip!("needs root");
    }
    let _socket = tcp::listener_v4().unwrap();
    let copy = PublicCopy::new();
    let program = copy.program();
    let result = Child::fork(Some(b"hidepid"), &[], |_| {
        restrict::own_proc(c"hidepid=2,gid=4711")?;
        let text = message(&mut as_user(&program))?;
        assert!(text.contains("(hidepid): to see them, join the group 4711, "), "{text}");
        assert!(text.contains(&format!("or run: sudo {}", program.display())), "{text}");
        Ok(())
    });
    match result {
        Err(error) if error.kind() == io::ErrorKind::Other => panic!("{error}"),
        Err(error) => live_skip!("hidepid: {error}"),
        Ok(_) => {}
    }
}
