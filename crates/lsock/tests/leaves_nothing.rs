//! Tests that no BPF program outlives a run, whether it exits or is killed.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{lsock, run};
use serde_json::Value;
use socket_world::{bpf, kernel, live_skip, wait_until};
use std::process::Stdio;
use std::time::Duration;

const ARGS: &[&str] = &["--json", "--owner-source", "bpf"];

/// Whether all of the library's programs with ids above `newest` are freed, with time for those of concurrent runs.
fn are_freed(newest: u32) -> bool {
    let loaded = bpf::programs_named("netstat_").unwrap();
    let loaded: Vec<u32> = loaded.into_iter().filter(|id| *id > newest).collect();
    wait_until(Duration::from_secs(30), || {
        let there = bpf::ids(bpf::Object::Program).unwrap();
        !loaded.iter().any(|id| there.contains(id))
    })
}

#[test]
fn live_no_bpf_program_is_left_after_exit_or_kill() {
    if let Err(why) = kernel::bpf_iterators() {
        live_skip!("{why}");
    }
    let output = run(ARGS);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["owner_source"]["used"], "bpf", "{}", document["owner_source"]);
    let newest = match bpf::ids(bpf::Object::Program) {
        Ok(ids) => ids.last().copied().unwrap_or(0),
        Err(error) => live_skip!("programs cannot be listed: {error}"),
    };
    assert!(run(ARGS).status.success());
    assert!(are_freed(newest));
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
    assert!(are_freed(newest));
}
