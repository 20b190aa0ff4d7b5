//! What people type who know `ss`, `netstat`, `lsof` or nothing: each line works, or is answered by one line of at most 120
//! characters that names the right thing.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]

mod common;

use common::{ports, refused, run};
use std::net::TcpStream;

/// A line works: rows, or an empty listing with the reason on standard error.
const WORKS: &str = "";

/// Each line with a part of its answer. Quotation marks group words as in a shell; PORT is a port that listens.
const LINES: &[(&str, &str)] = &[
    // One word, or a word beside options.
    ("PORT", WORKS),
    ("8080", WORKS),
    ("443", WORKS),
    ("nginx", WORKS),
    ("-p nginx", WORKS),
    ("-l nginx", WORKS),
    ("-tulpn PORT", WORKS),
    ("-tlnp sshd", WORKS),
    ("localhost", WORKS),
    ("localhost:PORT", WORKS),
    ("127.0.0.1", WORKS),
    ("127.0.0.1:PORT", WORKS),
    ("'*:PORT'", WORKS),
    ("::1", WORKS),
    ("'[::1]'", WORKS),
    ("'[::1]:80'", WORKS),
    ("10.0.0.0/8", WORKS),
    ("10/8", WORKS),
    ("80,443", WORKS),
    ("8000-8999", WORKS),
    (":PORT", WORKS),
    (":http", WORKS),
    (":7777,:6379", WORKS),
    ("tcp:80", WORKS),
    ("udp/53", WORKS),
    ("80/tcp", WORKS),
    ("http://localhost:3000/", WORKS),
    ("python3.11", WORKS),
    ("1234567", WORKS),
    #[cfg(feature = "top")]
    ("top", "top needs a terminal"),
    #[cfg(feature = "top")]
    ("top --config /no/such/file", "top needs a terminal"),
    #[cfg(feature = "top")]
    ("--top", "lsock top"),
    // A filter.
    ("tcp", WORKS),
    ("udp listening", WORKS),
    ("established", WORKS),
    ("ESTAB", WORKS),
    ("LISTEN", WORKS),
    ("port 80", WORKS),
    ("sport = 80", WORKS),
    ("dport 443", WORKS),
    ("state established '( dport = :443 or dst 10.0.0.0/8 )'", WORKS),
    ("process nosuch", WORKS),
    ("pid 1234567", WORKS),
    ("not :22", WORKS),
    ("80 443", "lsock :80,443"),
    ("tcp 80", "did you mean :80 (a port)?"),
    (":80 :443", ":80,443 for either of them"),
    ("tcp nginx", "did you mean process nginx?"),
    ("tcp 127.0.0.1", "did you mean host 127.0.0.1?"),
    ("tcp listning", "did you mean listening?"),
    ("process ~ ngin", "lsock ngin"),
    ("state foo", "\"foo\" is not a state; example: state established"),
    ("state", "a state"),
    ("netns", "the name, path or number of a network namespace"),
    ("proto", "the name of a protocol"),
    ("family", "an address family"),
    ("type", "a type of sockets"),
    ("dst google.com", "names of hosts are not looked up"),
    ("google.com:443", ":443 for the port alone"),
    ("user bob-who-is-nobody", "is not the name or number of a user"),
    (":99999", "is not a port (0 to 65535)"),
    ("127.0.0.1:99999", "is not a port (0 to 65535)"),
    ("4294967296", "is not a port (0 to 65535) nor a pid"),
    ("10.0.0.0/33", "is not an address"),
    ("'('", "a condition; example: state established and dport = :443"),
    ("'sport = http and'", "a condition"),
    ("-tulpn '|' grep", "\"|\" is not a condition"),
    // Commands that are none.
    ("-t kill 8080", "kill must come first: lsock kill FILTER"),
    ("monitor 1", "lsock watch prints what changes"),
    ("stats tcp", "lsock -s"),
    ("list tcp", "a listing needs no command"),
    ("-t destroy :80", "destroy must come first: lsock destroy FILTER"),
    // Options of ss.
    ("-ltnp", WORKS),
    ("-anp", WORKS),
    ("-tulpn", WORKS),
    ("-Htna", WORKS),
    ("-tieom", WORKS),
    ("-to state established", WORKS),
    ("-e", WORKS),
    ("-m", WORKS),
    ("-O", WORKS),
    ("-tnQ", WORKS),
    ("-r -l", WORKS),
    ("-s", WORKS),
    ("-46", WORKS),
    ("-4 -6", WORKS),
    ("-A tcp,udp", WORKS),
    ("--query=inet", WORKS),
    ("--tos --cgroup", WORKS),
    ("-B", WORKS),
    ("-K", "lsock destroy FILTER"),
    ("-E", "lsock watch"),
    ("-T", "--columns +owners"),
    ("-Z", "SELinux"),
    ("-b", "BPF"),
    ("-D dump", "lsock --json > FILE"),
    ("-F filter", "lsock state established"),
    ("-d", "DCCP"),
    ("-x", WORKS),
    ("-f unix", WORKS),
    ("-A unix", WORKS),
    ("-A all,tcp", WORKS),
    ("-t -f all", "--family all lists every protocol"),
    ("--protocol unix --family all", "--family all lists every protocol"),
    ("--vsock", "lsock -f vsock"),
    // Habits of netstat.
    ("-ano", WORKS),
    ("-an", WORKS),
    ("-plant", WORKS),
    ("-tuln", WORKS),
    ("--inet", WORKS),
    ("--inet6", WORKS),
    ("--numeric --listening --tcp --program nginx", WORKS),
    ("-c", "lsock --watch"),
    ("-g", "ip maddr"),
    ("-v", "the version by -V"),
    // Habits of lsof.
    ("-i:PORT", WORKS),
    ("-i :PORT", WORKS),
    ("-i", WORKS),
    ("-i tcp", WORKS),
    ("-i tcp:PORT", WORKS),
    ("-iTCP:PORT", WORKS),
    ("-iTCP:PORT -sTCP:LISTEN -P -n", WORKS),
    ("-nP -iTCP -sTCP:LISTEN", WORKS),
    ("-nPi:PORT", WORKS),
    ("-iUDP -sTCP:^LISTEN", WORKS),
    ("-i@127.0.0.1:PORT", WORKS),
    ("-t -i:PORT", WORKS),
    ("-ti:PORT", WORKS),
    ("-a -p 1 -iTCP", WORKS),
    ("-p1234567", WORKS),
    ("-P -n", WORKS),
    ("-ti :PORT", "lsock --pids :PORT"),
    ("-p 123", "--pid 123 selects a process, :123 a port"),
    ("-i:80 -R", "there is no -R of lsof here"),
    // Long options by other names.
    ("--port http", WORKS),
    ("--state LISTENING", WORKS),
    ("--listen", WORKS),
    ("--cols pid", WORKS),
    ("--no-headers", WORKS),
    ("--noheader", WORKS),
    ("--no-color", WORKS),
    ("--name nginx", WORKS),
    ("--process ngin", WORKS),
    ("--format json", WORKS),
    ("--output csv", WORKS),
    ("--output=jsonl", WORKS),
    ("-o json", WORKS),
    ("-j", WORKS),
    ("--summary", WORKS),
    ("--resolve :PORT", WORKS),
    ("--pids -l", WORKS),
    ("-q :PORT", WORKS),
    ("--sort rtt:desc --columns +rtt,bytes_sent,delivery_rate", WORKS),
    ("--output wide", WORKS),
    ("-W", WORKS),
    ("overview", WORKS),
    ("--output html", "is not table, json, jsonl or csv"),
    ("--format", "--format needs a value: table, json, jsonl or csv"),
    ("--yaml", "the formats are --json, --jsonl and --csv"),
    ("--tree", "--columns +parent"),
    ("--interval 1x", "a time is a number with ms, s, m, h or d"),
    ("watch --interval 1ms", "an interval is at least 10ms"),
    ("--watch -s", "--watch cannot be used with --summary"),
    ("--unix", WORKS),
    ("--coloms pid", "did you mean --columns?"),
    ("--columns port", "local_port and remote_port"),
    ("--sort port", "local_port and remote_port"),
    ("--columns help", "lsock help columns"),
    ("--pid nginx", "--process nginx"),
    ("--state open", "\"open\" is not a state; example: --state established"),
    ("--json --csv", "--json cannot be used with --csv"),
    ("--nonsense", "lsock help options"),
    ("-X", "lsock help options"),
    ("-k", "lsock kill 8080"),
    // Commands and help.
    ("help", WORKS),
    ("--help", WORKS),
    ("-h", WORKS),
    ("-V", WORKS),
    ("help filters", WORKS),
    ("help columns", WORKS),
    ("help json", WORKS),
    ("man", WORKS),
    ("man destroy", WORKS),
    ("man watch", WORKS),
    ("help watch", WORKS),
    ("completions bash", WORKS),
    ("help nonsense", "lsock --help names the topics"),
    ("completions", "example: lsock completions bash"),
    ("destroy", "a port, address, process or user; example: lsock destroy :8080"),
    ("destroy -t", "a port, address, process or user; example: lsock destroy :8080"),
    ("destroy :1", "add --yes"),
    ("kill", "a port, address, process or user; example: lsock kill 8080"),
    ("kill -t", "a port, address, process or user; example: lsock kill 8080"),
    ("kill :1", "add --yes"),
    ("kill -9 1", "add --yes"),
    ("kill -s NOSUCH :1", "is not a signal"),
    ("kill --timeout never :1", "a time is a number"),
    ("wait", "what to wait for; example: lsock wait 8080"),
    ("wait --timeout 30x :1", "a time is a number"),
    ("wait --interval 0 :1", "an interval is at least 10ms"),
    ("wait --timeout 1s PORT", WORKS),
    ("man kill", WORKS),
    ("help wait", WORKS),
];

/// The words of a line as a shell takes them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn assert_short(typed: &str, said: &str) {
    for line in said.lines() {
        // A command for sudo has the path of the program in it.
        let is_advice = line.contains("could not be read");
        assert!(
            is_advice || line.chars().count() <= 120,
            "{typed}: {} characters: {line}",
            line.chars().count()
        );
    }
}

#[test]
fn every_line_works_or_is_answered_in_one_line() {
    let (_listener, port) = ports::listener();
    let port = port.to_string();
    for (typed, answer) in LINES {
        let (typed, answer) = (typed.replace("PORT", &port), answer.replace("PORT", &port));
        let words = words(&typed);
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        if answer.is_empty() {
            let output = run(&args);
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{typed}: {}: {said}", output.status);
            assert_short(&typed, &said);
            // A listing that has no rows says why.
            let rows = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            let is_silent = ["-q", "--pids", "-o json", "-j", "csv", "jsonl", "no-header", "-H", "noheader"]
                .iter()
                .any(|option| typed.contains(option));
            assert!(
                rows > 1 || !said.is_empty() || is_silent || typed == "-V" || typed.contains("-t"),
                "{typed}"
            );
        } else {
            let said = refused(&args);
            assert!(said.contains(&answer), "{typed}: {said}");
            assert_short(&typed, &said);
            // Below a filter of several words the place is marked.
            let marked = said.lines().nth(2).is_some_and(|line| line.trim().chars().all(|c| c == '^'));
            assert!(said.lines().count() == 1 || (said.lines().count() == 3 && marked), "{typed}: {said}");
        }
    }
    assert!(LINES.len() >= 150);
}

/// The local ports in the table that these words list.
fn listed_ports(words: &[&str]) -> (Vec<String>, String) {
    let output = run(&[words, &["-H", "--columns", "local_port"]].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ports = text(output.stdout).lines().map(|line| line.trim().to_owned()).collect();
    (ports, text(output.stderr))
}

#[test]
fn spellings_of_one_question_have_one_answer() {
    let (_listener, port) = ports::listener();
    let port = port.to_string();
    let typed = [
        "PORT",
        ":PORT",
        "localhost:PORT",
        "127.0.0.1:PORT",
        "'*:PORT'",
        "tcp:PORT",
        "-l PORT",
        "-tulpn PORT",
        "-i:PORT",
        "-iTCP:PORT",
        "-i tcp:PORT",
        "-iTCP:PORT -sTCP:LISTEN -P -n",
        "-nPi:PORT",
        "-i@127.0.0.1:PORT",
        "--port PORT",
        "--sport PORT",
        "http://localhost:PORT/x",
        "sport = PORT",
    ];
    for typed in typed {
        let typed = typed.replace("PORT", &port);
        let words = words(&typed);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(listed_ports(&words).0, [port.as_str()], "{typed}");
    }
}

#[test]
fn number_that_is_no_port_is_a_pid_and_part_of_a_name_finds_the_process() {
    let (_listener, port) = ports::listener();
    let port = port.to_string();
    let pid = std::process::id();
    // A port that some other socket has would be listed instead.
    if pid <= 65535 && run(&["-q", &format!(":{pid}")]).status.code() == Some(1) {
        let (ports, said) = listed_ports(&[&pid.to_string()]);
        assert!(ports.contains(&port), "{ports:?} {said}");
        assert!(
            said.contains(&format!("no socket has port {pid}; these are held by process {pid}\n")),
            "{said}"
        );
    }
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    let part = &comm.trim()[2..10];
    let (ports, said) = listed_ports(&[part]);
    assert!(ports.contains(&port), "{ports:?} {said}");
    let names = format!("no process is called \"{part}\"; names that contain it: ");
    assert!(said.contains(&names) || said.contains("names contain it"), "{said}");
    let upper = part.to_uppercase();
    assert!(listed_ports(&[&upper]).0.contains(&port), "{upper}");
    // Whole names win over parts, and are not commented on.
    let (ports, said) = listed_ports(&[comm.trim()]);
    assert!(ports.contains(&port) && !said.contains("is called"), "{ports:?} {said}");
}

#[test]
fn empty_listing_says_what_may_be_meant() {
    let (_listener, port) = ports::listener();
    for (typed, wanted) in [
        (
            format!("192.0.2.1:{port}"),
            format!("no socket has both; 1 socket has the port on another address: lsock :{port}\n"),
        ),
        ("no-such-process".to_owned(), "no process is called \"no-such-process\"".to_owned()),
        ("listning".to_owned(), "; did you mean listening?".to_owned()),
        ("https".to_owned(), "; as a port: lsock :https".to_owned()),
        ("nobody.example.org".to_owned(), "names of hosts are not looked up: type an address".to_owned()),
        ("-t dst 192.0.2.200 :1".to_owned(), "lsock: no socket matches".to_owned()),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        let output = run(&words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains(&wanted), "{typed}: {said}");
        assert_short(&typed, &said);
    }
}

#[test]
fn quiet_is_the_status_alone_and_pids_are_one_per_line() {
    let (listener, port) = ports::listener();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let port = format!(":{port}");
    for (words, status) in
        [(&["-q", &port][..], 0), (&["-lq", &port], 0), (&["-uq", &port], 1), (&["-q", "nonsense", "x"], 2)]
    {
        let output = run(words);
        assert_eq!(output.status.code(), Some(status), "{words:?}");
        assert!(output.stdout.is_empty() && (status == 2 || output.stderr.is_empty()), "{output:?}");
    }
    let output = run(&["--pids", &port]);
    // A process that another test is starting holds everything of this one until it runs its program.
    let text = String::from_utf8(output.stdout).unwrap();
    let pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert!(pids.contains(&std::process::id()) && pids.is_sorted(), "{text}");
    drop((client, listener));
    let output = run(&["--pids", "-l", &port]);
    assert!(output.status.success() && output.stdout.is_empty());
}

#[test]
fn summary_counts_what_the_filter_selects() {
    let (_listener, port) = ports::listener();
    let port = format!(":{port}");
    let text = String::from_utf8(run(&["-s", "-l", &port]).stdout).unwrap();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [
        vec!["PROTO", "STATE", "SOCKETS", "IPV4", "IPV6"],
        vec!["tcp", "LISTEN", "1", "1", "0"],
        vec!["all", "-", "1", "1", "0"],
    ];
    assert_eq!(lines, expected);
}

#[test]
fn loopback_has_a_name_and_counters_have_values() {
    let (listener, port) = ports::listener();
    let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut client, &[0; 4321]).unwrap();
    let remote = format!("--remote-port={port}");
    let columns = "--columns=bytes_sent,data_segs_out,remote_host,remote_service";
    let output = run(&["-r", "-H", &remote, columns]);
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let [bytes, segments, host, service] = words[..] else { panic!("{text}") };
    assert_eq!((bytes, service), ("4321", "-"), "{text}");
    assert!(segments.parse::<u64>().unwrap() > 0, "{text}");
    // Machines name it in /etc/hosts, as a rule.
    assert!(host.ends_with(&format!(":{port}")), "{text}");
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let name = hosts.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("127.0.0.1")).then(|| words.next().unwrap_or_default().to_owned())
    });
    if let Some(name) = name {
        assert!(host.starts_with(&name), "{host} {name}");
    }
    drop(server);
}

/// docs/filters.md says that `ss` lists it for each of these.
#[test]
fn listener_has_no_remote_end_whatever_the_condition() {
    let (_listener, port) = ports::listener();
    let port = port.to_string();
    let local = format!("sport = :{port}");
    let selected = |condition: &str| listed_ports(&["-l", &format!("{local} and {condition}")]).0;
    for condition in ["dst 0.0.0.0", "dst 0.0.0.0/0", "dst ::/0", "dport = 0", "dport lt :1024"] {
        assert!(selected(condition).is_empty(), "{condition}");
        assert_eq!(selected(&format!("not {condition}")), [port.as_str()], "{condition}");
    }
}
