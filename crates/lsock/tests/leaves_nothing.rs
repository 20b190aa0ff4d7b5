//! Tests that no BPF program and no map of one outlives a run, whether it exits or is killed. (A link holds its program.)

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{lsock, run};
use serde_json::Value;
use socket_world::bpf::{self, Object};
use socket_world::{kernel, live_skip, wait_until};
use std::process::Stdio;
use std::time::Duration;

const ARGS: &[&str] = &["--json", "--owner-source", "bpf"];

/// Whether all of the library's programs and maps but these are freed, with time for those of concurrent runs.
fn are_freed(before: &[(Object, u32)]) -> bool {
    let mut loaded = bpf::named("netstat_").unwrap();
    loaded.retain(|object| !before.contains(object));
    wait_until(Duration::from_secs(30), || bpf::left(&loaded).unwrap().is_empty())
}

#[test]
fn live_no_bpf_program_and_no_map_is_left_after_exit_or_kill() {
    if let Err(why) = kernel::bpf_iterators() {
        live_skip!("{why}");
    }
    let output = run(ARGS);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["owner_source"]["used"], "bpf", "{}", document["owner_source"]);
    let before = match bpf::named("netstat_") {
        Ok(before) => before,
        Err(error) => live_skip!("programs cannot be listed: {error}"),
    };
    assert!(run(ARGS).status.success());
    assert!(are_freed(&before));
    for milliseconds in 0..25 {
        let mut child = lsock(ARGS).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut has_ended = false;
        wait_until(Duration::from_millis(milliseconds), || {
            has_ended = child.try_wait().unwrap().is_some();
            has_ended
        });
        if !has_ended {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    assert!(are_freed(&before));
}
