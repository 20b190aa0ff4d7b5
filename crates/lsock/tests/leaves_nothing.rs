//! The program leaves nothing in the kernel, whether it ends or is killed.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{lsock, run};
use serde_json::Value;
use socket_world::{bpf, kernel, live_skip, wait_until};
use std::process::Stdio;
use std::time::Duration;

const ARGS: &[&str] = &["--json", "--owner-source", "bpf"];

/// Whether all of the library's programs that were loaded after `newest` are gone, within a time in which those of
/// others who run it beside this test are gone, too.
fn are_freed(newest: u32) -> bool {
    let loaded = bpf::programs_named("netstat_").unwrap();
    let loaded: Vec<u32> = loaded.into_iter().filter(|id| *id > newest).collect();
    wait_until(Duration::from_secs(30), || {
        let there = bpf::ids(bpf::Object::Program).unwrap();
        !loaded.iter().any(|id| there.contains(id))
    })
}

#[test]
fn live_no_program_of_bpf_is_left_after_an_end_or_a_kill_at_any_moment() {
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
