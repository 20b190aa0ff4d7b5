//! Tests of the launcher: a program is charged for its own memory and time only.

use std::process::Command;

/// The kernel's account of a program's memory starts with that of the process which started it.
#[test]
fn program_is_not_charged_for_the_memory_of_the_caller() {
    let large = std::hint::black_box(vec![1_u8; 64 << 20]);
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["launch", "patient", "nowhere", "true"])
        .output()
        .expect("the launcher");
    let text = String::from_utf8_lossy(&output.stdout);
    let account: Vec<u64> = text
        .strip_prefix("launched:")
        .expect("an account")
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    let [_, _, peak_kib] = account[..] else { panic!("not three numbers: {text}") };
    assert!((100..16 << 10).contains(&peak_kib), "{peak_kib} KiB");
    drop(large);
}

#[test]
fn program_that_fails_is_reported_with_its_status() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["launch", "60", "nowhere", "false"])
        .output()
        .expect("the launcher");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("exit status: 1"), "{text}");
}

#[test]
fn program_that_takes_too_long_is_ended() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["launch", "1", "nowhere", "sh", "-c", "while :; do :; done"])
        .output()
        .expect("the launcher");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "launched: slow");
}
