//! Tests of usage errors, help, version, manual page and completions.

mod common;

use common::{listed, lsock, refused, start};

#[test]
fn p_takes_no_value() {
    assert!(refused(&["-p", "123"]).contains("--pid 123 selects a process, :123 a port"));
    assert!(refused(&["-tulp80"]).contains("there is no option -8"));
}

#[test]
fn options_of_other_programs_are_refused_with_the_equivalent() {
    for (typed, hint) in [
        (&["-K", "sport", ":80"][..], "lsock destroy FILTER"),
        (&["-E"], "lsock watch"),
        (&["--yes", ":80"], "lsock destroy FILTER"),
        (&["--coloms", "pid"], "did you mean --columns?"),
        (&["-z"], "SELinux"),
        (&["--foo"], "lsock help options"),
        (&["destroy", "--all", ":80"], "lsock help options"),
    ] {
        let said = refused(typed);
        assert!(said.contains(hint), "{typed:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
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
    for wanted in ["lsock help filters", "Each side of an or", "Exit status: 0", "--yes"] {
        assert!(help.contains(wanted), "{wanted}: {help}");
    }
    assert!(!help.replace("--all-namespaces", "").contains("--all"), "{help}");
    assert_eq!(listed(&["help", "destroy"]), help);
}

#[test]
fn unknown_names_are_refused_with_known_ones_or_where_they_are_listed() {
    assert!(refused(&["--state", "foo"]).contains("lsock help states"));
    for option in ["--columns", "--sort"] {
        let said = refused(&[option, "proto,foo"]);
        assert!(said.contains("there is no column \"foo\" (all columns: lsock help columns)"), "{said}");
    }
    assert!(
        refused(&["--user", "no such user"]).contains("\"no such user\" is not the name or number of a user")
    );
    assert!(refused(&["completions", "csh"]).contains("bash"));
    assert!(refused(&["--color", "sometimes"]).contains("always"));
    assert!(refused(&["--owner-source", "proc"]).contains("auto, procfs, bpf or one-pass"));
    assert!(refused(&["help", "nonsense"]).contains("lsock --help names the topics"));
    assert!(refused(&["help", "colums"]).contains("did you mean columns?"));
    assert!(refused(&["man", "nonsense"]).contains("; example: lsock man destroy"));
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
        ("80 443", "^^"),
        (":80 :443", "    ^^^^"),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        for args in [&[typed][..], &words] {
            let said = refused(args);
            let lines: Vec<&str> = said.lines().collect();
            assert!(lines[0].chars().count() <= 120, "{said}");
            match words.len() {
                1 => assert_eq!(lines.len(), 1, "{said}"),
                _ => assert_eq!(lines[1..], [&format!("  {typed}"), &format!("  {place}")], "{said}"),
            }
        }
    }
}

#[test]
fn formats_exclude_each_other() {
    for pair in
        [["--json", "--jsonl"], ["--json", "--csv"], ["--csv", "--jsonl"], ["-s", "--pids"], ["-s", "-q"]]
    {
        assert!(refused(&pair).contains("cannot be used with"), "{pair:?}");
    }
}

#[test]
fn usage_errors_escape_what_was_typed() {
    let hostile = "\x1b[31m\u{202e}x";
    let cgroup = format!("cgroup=/{hostile}");
    for args in [
        &["--state", hostile][..],
        &["--user", hostile],
        &["tcp", hostile],
        &["dst", hostile],
        &[&cgroup],
        &["--columns", hostile],
        &["--color", hostile],
        &["help", hostile],
        &["man", hostile],
    ] {
        let said = refused(args);
        assert!(!said.contains('\x1b') && !said.contains('\u{202e}'), "{said:?}");
        assert!(said.contains("\\u{1b}[31m\\u{202e}x"), "{said:?}");
    }
}

#[test]
fn help_is_one_screen_and_topics_have_the_rest() {
    let short = listed(&["-h"]);
    assert!(short.contains("lsock -tulpn") && short.contains("--local-port"));
    assert!(short.lines().count() <= 24 && short.lines().all(|line| line.chars().count() <= 80), "{short}");
    assert_eq!(listed(&["--help"]), short);
    assert_eq!(listed(&["help"]), short);
    for (topic, wanted) in [
        ("examples", &["lsock 8080", "lsock destroy"][..]),
        ("filters", &["autobound", "PORTS", "localhost:80"]),
        ("states", &["time-wait"]),
        ("columns", &["owner_reason", "bytes_sent", "local_service"]),
        ("owners", &["unreadable_process"]),
        ("output", &["--jsonl", "--pids"]),
        ("rights", &["CAP_SYS_PTRACE"]),
        ("closing", &["CAP_NET_ADMIN"]),
        ("exit", &["With -q: 0"]),
        ("options", &["--owner-source", "-r, --resolve"]),
        ("completions", &["Usage: lsock completions"]),
        ("all", &["--owner-source", "autobound"]),
    ] {
        let text = listed(&["help", topic]);
        for wanted in wanted {
            assert!(text.contains(wanted), "{topic}: {wanted}: {text}");
        }
    }
}

#[test]
fn version_is_that_of_the_package() {
    assert_eq!(listed(&["-V"]), format!("lsock {}\n", env!("CARGO_PKG_VERSION")));
}

/// Every long option in the help.
fn options() -> Vec<String> {
    let help = listed(&["help", "options"]);
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
    let page = listed(&["man"]);
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
fn every_command_has_a_manual_page() {
    for command in
        ["overview", "destroy", "kill", "wait", "watch", "why", "completions", "man", "help", "lsock-destroy"]
    {
        let page = listed(&["man", command]);
        let name = command.strip_prefix("lsock-").unwrap_or(command);
        assert!(page.contains(&format!(".TH lsock-{name} 1")), "{page}");
    }
    assert!(listed(&["man", "destroy"]).contains(".SH CLOSING SOCKETS"));
    assert_eq!(listed(&["man", "lsock"]), listed(&["man"]));
}

#[test]
fn shells_get_a_script_that_asks_the_program() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(listed(&["completions", shell]).contains(&format!("__complete {shell}")), "{shell}");
    }
    assert!(refused(&["completions"]).contains("example: lsock completions bash"));
}

#[test]
fn every_option_is_offered() {
    let offered = listed(&["__complete", "zsh", "--"]);
    for option in options() {
        assert!(offered.contains(&option), "{option}: {offered}");
    }
    assert_eq!(listed(&["__complete"]), "");
    assert_eq!(listed(&["__complete", "csh", "--"]), "");
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
    let mut child = start(|| lsock(&["man"]).stdout(std::process::Stdio::piped()).spawn());
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
