//! Tests of usage errors, help, version, manual page and completions.

mod common;

use common::{listed, lsock, refused, start};

#[test]
fn bare_number_is_refused_with_a_hint() {
    assert!(refused(&["8080"]).contains("did you mean :8080?"));
    assert!(refused(&["-p", "123"]).contains("--pid 123"));
    assert!(refused(&["-p123"]).contains("--pid 123"));
    assert!(refused(&["-tulp80"]).contains("unexpected argument"));
}

#[test]
fn options_of_other_programs_are_refused_with_the_equivalent() {
    for (typed, hint) in [
        (&["-e"][..], "--details (-i)"),
        (&["-tulpe"], "--details (-i)"),
        (&["-to"], "--columns +timer"),
        (&["-H"], "--no-header"),
        (&["-K", "sport", ":80"], "lsock destroy FILTER"),
        (&["-x"], "Unix sockets are not supported"),
        (&["--yes", ":80"], "lsock destroy FILTER"),
        (&["--coloms", "pid"], "'--columns'"),
    ] {
        let said = refused(typed);
        assert!(said.contains(hint) && !said.contains("as a value"), "{typed:?}: {said}");
    }
    for typed in [&["-z"][..], &["--foo"], &["destroy", "--all", ":80"]] {
        let said = refused(typed);
        assert!(said.contains("unexpected argument") && !said.contains("as a value"), "{typed:?}: {said}");
    }
}

#[test]
fn destroy_after_other_words_is_refused_with_the_right_order() {
    for typed in [&["-t", "destroy", ":80"][..], &[":80", "destroy"], &["--no-owners", "destroy", "pid", "1"]]
    {
        let said = refused(typed);
        assert!(said.starts_with("lsock: destroy must come first: lsock destroy FILTER\n  "), "{said}");
    }
}

#[test]
fn help_of_destroy_has_its_rule_and_exit_codes_but_not_all() {
    let help = listed(&["destroy", "--help"]);
    for wanted in ["lsock --help", "on each side of an or", "Exit status: 0", "--yes"] {
        assert!(help.replace(['\n', ' '], "").contains(&wanted.replace(' ', "")), "{wanted}: {help}");
    }
    assert!(!help.replace("--all-namespaces", "").contains("--all"), "{help}");
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    assert!(refused(&["--state", "foo"]).contains("established, syn-sent, "));
    assert!(refused(&["--columns", "proto,foo"]).contains("unknown column \"foo\"; there are protocol, "));
    assert!(refused(&["--sort", "foo"]).contains("unknown column \"foo\"; there are protocol, "));
    assert!(
        refused(&["--user", "no such user"]).contains("\"no such user\" is not the name or number of a user")
    );
    assert!(refused(&["--completions", "csh"]).contains("bash"));
    assert!(refused(&["--color", "sometimes"]).contains("always"));
    assert!(refused(&["--owner-source", "proc"]).contains("auto, procfs, bpf"));
}

#[test]
fn bad_ports_are_refused() {
    for typed in [&[":99999"], &[":x"], &["--port=0x50"], &["--local-port=9-8"], &["--remote-port="]] {
        assert!(refused(typed).contains("is not a port (0 to 65535)"), "{typed:?}");
    }
}

/// Unit tests of the filter arguments have thousands more.
#[test]
fn malformed_filters_are_refused_with_their_position_marked() {
    for (typed, place) in [
        ("foo", "^^^"),
        ("tcp foo", "    ^^^"),
        ("tcp and", "       ^"),
        ("and tcp", "^^^"),
        ("tcp or or udp", "       ^^"),
        ("not", "   ^"),
        ("!", " ^"),
        ("( tcp", "     ^"),
        ("tcp )", "    ^"),
        ("()", " ^"),
        ("= 80", "^"),
        ("state", "     ^"),
        ("state open", "      ^^^^"),
        ("state established exclude foo", "                          ^^^"),
        ("dst", "   ^"),
        ("dst example.com", "    ^^^^^^^^^^^"),
        ("dst 10.0.0.0/33", "    ^^^^^^^^^^^"),
        ("dst < 10.0.0.1", "    ^"),
        ("src [::1", "    ^^^^"),
        ("src [fe80::1%lo]:6666", "    ^^^^^^^^^^^^^^^^^"),
        ("sport = :65536", "        ^^^^^^"),
        ("sport > :80-90", "        ^^^^^^"),
        ("dport !", "      ^"),
        ("pid nginx", "    ^^^^^"),
        ("pid = 4294967296", "      ^^^^^^^^^^"),
        ("user no-such-user-here", "     ^^^^^^^^^^^^^^^^^"),
        ("inode x", "      ^"),
        ("dev no-such-device", "    ^^^^^^^^^^^^^^"),
        ("fwmark 0xg", "       ^^^"),
        ("cgroup /no/such/group", "       ^^^^^^^^^^^^^^"),
        ("process \"nginx", "        ^^^^^^"),
        ("8080", "^^^^"),
        (":80 :443", "    ^^^^"),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        for args in [&[typed][..], &words] {
            let said = refused(args);
            let lines: Vec<&str> = said.lines().collect();
            assert_eq!(
                lines[1..],
                [&format!("  {typed}"), &format!("  {place}"), "Try 'lsock --help'."],
                "{said}"
            );
        }
    }
}

#[test]
fn formats_exclude_each_other() {
    for pair in [["--json", "--jsonl"], ["--json", "--csv"], ["--csv", "--jsonl"]] {
        assert!(refused(&pair).contains("cannot be used with"), "{pair:?}");
    }
}

#[test]
fn usage_errors_escape_what_was_typed() {
    let hostile = "\x1b[31m\u{202e}x";
    let cgroup = format!("cgroup=/{hostile}");
    for args in [&["--state", hostile][..], &["--user", hostile], &[hostile], &["dst", hostile], &[&cgroup]] {
        let said = refused(args);
        assert!(!said.contains('\x1b') && !said.contains('\u{202e}'), "{said:?}");
        assert!(said.contains("\\u{1b}[31m\\u{202e}x"), "{said:?}");
    }
}

#[test]
fn help_shows_examples_columns_states_and_exit_codes() {
    let short = listed(&["-h"]);
    assert!(short.contains("lsock -tulpn") && short.contains("--local-port"));
    let long = listed(&["--help"]);
    for wanted in [
        "lsock :8080",
        "owner_reason",
        "time-wait",
        "unreadable_process",
        "Exit status",
        "lsock destroy",
        "CAP_NET_ADMIN",
        "PORTS",
        "autobound",
    ] {
        assert!(long.contains(wanted), "{wanted}");
    }
}

#[test]
fn version_is_that_of_the_package() {
    assert_eq!(listed(&["-V"]), format!("lsock {}\n", env!("CARGO_PKG_VERSION")));
}

/// Every long option in the help.
fn options() -> Vec<String> {
    let help = listed(&["--help"]);
    let names = help.lines().filter_map(|line| {
        let (_, name) = line.trim_start().split_once("--").filter(|_| line.trim_start().starts_with('-'))?;
        name.split([' ', ',']).next().map(str::to_owned)
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() > 20, "{names:?}");
    names
}

#[test]
fn manual_page_has_every_option() {
    let page = listed(&["--man"]);
    assert!(page.contains(".TH lsock 1"), "{page}");
    for option in options() {
        assert!(page.contains(&option.replace('-', "\\-")), "{option}");
    }
    for wanted in [
        "owner_reason",
        "EXIT STATUS",
        "EXAMPLES",
        "SYNOPSIS",
        "COMMANDS",
        "lsock destroy",
        "<STATE,",
        "fin\\-wait\\-1",
        "autobound",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn completions_have_every_option() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = listed(&["--completions", shell]);
        for option in options() {
            assert!(script.contains(&option), "{shell}: {option}");
        }
    }
}

#[test]
#[cfg(netstat_test_unsupported)]
fn unsupported_system_is_one_error_line() {
    let output = common::run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("lsock: cannot ") && said.contains("not supported"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn closed_pipe_is_success_for_help_too() {
    let mut child = start(|| lsock(&["--man"]).stdout(std::process::Stdio::piped()).spawn());
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
