//! Programs written for `netstat` 0.7 and netstat2 0.11 build against this crate and run. Each is a crate of its
//! own, with the edition of its users; its Cargo.toml shows what a user has to change. ci/cross.sh checks the same
//! programs for other systems, and ci/windows.sh runs them.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(netstat_test_unsupported)))]

use std::path::Path;
use std::process::Command;

/// Builds and runs one of the crates below `old_programs/`, and returns what it printed.
fn run(program: &str) -> String {
    let manifest =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_programs").join(program).join("Cargo.toml");
    // Its lock file and its target directory belong to this test run, not to the source tree: work on a copy.
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("old_programs").join(program);
    std::fs::create_dir_all(copy.join("src")).unwrap();
    let library = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(&manifest).unwrap().replace("../../..", library);
    std::fs::write(copy.join("Cargo.toml"), text).unwrap();
    std::fs::copy(manifest.with_file_name("src/main.rs"), copy.join("src/main.rs")).unwrap();
    // The versions that this workspace was tested with, which are already on this machine.
    std::fs::copy(Path::new(library).join("../../Cargo.lock"), copy.join("Cargo.lock")).unwrap();

    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--manifest-path"])
        .arg(copy.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("old_programs/target"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn example_of_netstat_0_7_builds_in_edition_2015_and_lists_sockets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let printed = run("netstat-0.7");
    let expected = format!(
        "TCP 127.0.0.1:{} -> 0.0.0.0:0 [{}] - LISTEN",
        listener.local_addr().unwrap().port(),
        std::process::id()
    );
    assert!(printed.lines().any(|line| line == expected), "{expected} is not in:\n{printed}");
}

#[test]
fn program_of_netstat2_0_11_that_uses_its_whole_interface_builds_and_runs() {
    assert!(run("netstat2-0.11").ends_with("netstat2 program: done\n"));
}

#[test]
fn program_of_netstat2_with_two_glob_imports_builds_through_the_module_compat() {
    assert!(run("netstat2-globs").ends_with("program with two globs: done\n"));
}
