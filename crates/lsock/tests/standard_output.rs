//! Tests of a standard output that cannot be written. A closed pipe is in `listing.rs`.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(unix, not(netstat_test_unsupported)))]

mod common;

use common::lsock;

/// Exit code and message of a run with this redirection by a shell.
fn redirected(arguments: &str, redirection: &str) -> (Option<i32>, String) {
    let program = lsock(&[]).get_program().to_str().unwrap().to_owned();
    let script = format!("'{program}' {arguments} {redirection}");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn standard_output_that_cannot_be_written_is_an_error() {
    for arguments in [
        "-V",
        "--help",
        "man",
        "completions bash",
        "help columns",
        "-s",
        "-h",
        "",
        "--json",
        "--csv -t",
        "destroy --yes :1",
    ] {
        for redirection in [">&-", "1</dev/null", "<&- >&-"] {
            let (code, said) = redirected(arguments, redirection);
            assert_eq!(code, Some(1), "{arguments} {redirection}: {said}");
            assert!(
                said.starts_with("lsock: cannot write standard output: "),
                "{arguments} {redirection}: {said}"
            );
        }
        if std::path::Path::new("/dev/full").exists() && arguments != "destroy --yes :1" {
            let (code, said) = redirected(arguments, ">/dev/full");
            assert_eq!(code, Some(1), "{arguments}: {said}");
        }
    }
    // A usage error needs no standard output, and these can be written.
    assert_eq!(redirected("--foo", ">&-").0, Some(2));
    for redirection in [">/dev/null", "1<>/dev/null", "<&- >/dev/null", "2>&- >/dev/null"] {
        assert_eq!(redirected("-V", redirection).0, Some(0), "{redirection}");
    }
}
