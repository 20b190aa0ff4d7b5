//! The account of a program's memory.

use std::process::Command;

/// The memory that the kernel charges to a program begins with that of the process which started it.
#[test]
fn a_program_is_not_charged_for_the_memory_of_who_asked_for_it() {
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
fn a_program_that_fails_says_how() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["launch", "60", "nowhere", "false"])
        .output()
        .expect("the launcher");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("exit status: 1"), "{text}");
}

#[test]
fn a_program_that_takes_too_long_is_ended() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["launch", "1", "nowhere", "sh", "-c", "while :; do :; done"])
        .output()
        .expect("the launcher");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "launched: slow");
}
