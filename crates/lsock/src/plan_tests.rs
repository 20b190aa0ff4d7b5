//! Tests of the plan: arguments in, query and output out.

use super::*;
use netstat::{Filter, State};

fn planned(typed: &str) -> Result<Plan, UsageError> {
    let words = std::iter::once("lsock").chain(typed.split_whitespace());
    Plan::new(&ListArgs::try_parse_from(words).unwrap())
}

/// The default query for these sockets.
fn default_query_of(filter: Filter) -> Query {
    default_query().filter(filter)
}

/// Queries have no equality, but all they hold is in their debug form.
fn assert_query(typed: &str, expected: Query) {
    let plan = planned(typed).unwrap();
    assert_eq!(format!("{:?}", plan.query), format!("{expected:?}"), "{typed}");
}

fn usage_error(typed: &str) -> String {
    planned(typed).map(|plan| format!("{plan:?}")).expect_err(typed).to_string()
}

fn default_query() -> Query {
    Query::new().owners(true).processes(ProcessFields::NAME)
}

#[test]
fn options_mean_what_they_mean_in_ss_and_netstat() {
    assert_query("", default_query());
    assert_query("-pna", default_query());
    assert_query("-tulpn", default_query().tcp().udp().filter(Filter::listening()));
    assert_query("-t4", default_query().tcp().ipv4());
    assert_query(":8080", default_query_of(Filter::port(8080)));
    let ports = Filter::port(80) | Filter::port(443) | Filter::ports(8000..=8999);
    assert_query(":80,https,8000-8999", default_query_of(ports));
}

#[test]
fn network_namespaces_reach_the_query_and_have_a_column() {
    for (typed, scope) in [
        ("-N blue", Scope::Named("blue".into())),
        ("--netns 814", Scope::Of(814)),
        ("--net ./814", Scope::Path("./814".into())),
        ("-N /proc/814/ns/net", Scope::Path("/proc/814/ns/net".into())),
        ("-N all", Scope::All),
        ("--all-namespaces", Scope::All),
    ] {
        assert_query(typed, default_query().netns(scope));
        let plan = planned(typed).unwrap();
        assert_eq!(plan.output.columns.last().unwrap().name, "netns", "{typed}");
    }
    let names =
        |typed| planned(typed).unwrap().output.columns.iter().map(|column| column.name).collect::<Vec<_>>();
    assert_eq!(names("-N all --columns local"), ["local"]);
    assert_eq!(names(""), columns::DEFAULT_COLUMNS);
    assert!(names("-N all --json").is_empty());
}

#[test]
fn owner_source_reaches_the_query() {
    assert_query("--owner-source bpf", default_query().owner_source(OwnerSource::Bpf));
    assert_query("--owner-source one-pass", default_query().owner_source(OwnerSource::OnePass));
    assert_query("--owner-source procfs", default_query().owner_source(OwnerSource::Procfs));
    assert_query("--owner-source auto", default_query());
}

#[test]
fn values_of_an_option_are_ored() {
    use Filter as F;
    assert_query("--port 80,82 --port 81", default_query_of(F::port(80) | F::port(82) | F::port(81)));
    assert_query("--local-port 1-2,3", default_query_of(F::local_ports(1..=2) | F::local_port(3)));
    assert_query("--remote-port https", default_query_of(F::remote_port(443)));
    assert_query("--pid 1,2 --pid 3", default_query_of(F::pid(1) | F::pid(2) | F::pid(3)));
    assert_query("--process a,b --process c", default_query_of(F::process("a,b") | F::process("c")));
    assert_query("--user 33,4711", default_query_of(F::uid(33) | F::uid(4711)));
    let states = [State::Established, State::Listen].map(F::state);
    let [established, listen] = states.clone();
    assert_query("--state estab,LISTENING", default_query_of(established | listen));
    let [established, _] = states;
    assert_query("-l --state estab", default_query_of(F::listening() | established));
    assert_query("--state connected", default_query_of(F::connected()));
}

#[test]
fn expression_is_anded_with_the_options() {
    use Filter as F;
    let established = || F::state(State::Established);
    let either = F::remote_port(443) | F::remote_net([10, 0, 0, 0], 8);
    assert_query(
        "state established ( dport = :443 or dst 10.0.0.0/8 )",
        default_query_of(established() & either),
    );
    assert_query("sport gt :1024", default_query_of(F::local_ports(1025..)));
    assert_query("process nginx", default_query_of(F::process("nginx")));
    assert_query("-t state listening", default_query().tcp().filter(F::state(State::Listen)));
    assert_query("! tcp --port 1", default_query_of(F::port(1) & !F::tcp()));
    assert_query("--state estab :1 or :2", default_query_of(established() & (F::port(1) | F::port(2))));
    assert_query("-t :1 and -4 :2", default_query().tcp().ipv4().filter(F::port(1) & F::port(2)));
    assert_query("--process a process b", default_query_of(F::process("a") & F::process("b")));
}

#[test]
fn option_values_are_never_parsed_as_expressions() {
    let planned = |args: &[&str]| Plan::new(&ListArgs::try_parse_from([&["lsock"], args].concat()).unwrap());
    for name in ["nginx: worker", "a\" or tcp or process \"b", "\\", "\\u{41}", "", "not", "(", "=", "a\nb"] {
        let query = planned(&["--process", name]).unwrap().query;
        assert_eq!(
            format!("{query:?}"),
            format!("{:?}", default_query_of(Filter::process(name))),
            "{name:?}"
        );
    }
    for option in ["--state", "--port", "--user", "--pid"] {
        for value in ["1 or tcp", "established or udp", "\" or udp or port \"1", "(", "", "=1", "!"] {
            let said = planned(&[option, value]).map(|plan| format!("{plan:?}")).unwrap_err().to_string();
            assert!(said.starts_with(&format!("{option}: {value:?} is not ")), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

#[test]
fn query_collects_only_what_is_shown() {
    assert_query("--no-owners", Query::new().owners(false));
    assert_query("--columns local,remote", Query::new().owners(false));
    assert_query("--columns local,pid", Query::new().owners(true));
    assert_query("--columns local --sort path", Query::new().owners(true).processes(ProcessFields::PATH));
    assert_query("--jsonl", default_query());
    assert_query("--json", Query::new().owners(true).processes(JSON_FIELDS));
    let with_command = JSON_FIELDS | ProcessFields::COMMAND_LINE;
    assert_query("--json --columns command", Query::new().owners(true).processes(with_command));
    assert_query("--json --no-owners", Query::new().owners(false));
    assert_query(
        "--columns +session",
        default_query().processes(ProcessFields::NAME | ProcessFields::SESSION),
    );
}

#[test]
fn services_are_collected_only_for_their_column() {
    let sockets = || Query::new().owners(false);
    assert_query("--columns local", sockets().services(false));
    assert_query("--columns local,service", sockets().services(true));
    assert_query("--sort service", default_query().services(true));
    assert_query("--jsonl --columns service", default_query().services(true));
    assert_query("--no-owners --columns +service", sockets().services(true));
    assert_query("--no-owners --sort service", sockets().services(true));
}

#[test]
fn details_are_collected_for_their_option_or_columns() {
    let sockets = || Query::new().owners(false);
    assert_query("-i", default_query().details(DetailFields::all()));
    assert_query(
        "--json --details",
        Query::new().owners(true).processes(JSON_FIELDS).details(DetailFields::all()),
    );
    assert_query("--columns local,rtt,cwnd", sockets().details(DetailFields::TCP_INFO));
    assert_query(
        "--columns timer --sort drops",
        sockets().details(DetailFields::TIMER | DetailFields::MEMORY),
    );
    assert_query("--no-owners --sort -rtt", sockets().details(DetailFields::TCP_INFO));
}

#[test]
fn bound_selects_a_state_and_with_all_adds_to_every_state() {
    let asks = |filter| default_query().bound_inactive(true).filter(filter);
    let bound = || Filter::tcp() & Filter::state(State::Closed);
    assert_query("-B", asks(bound()));
    assert_query("-aB", default_query().bound_inactive(true));
    // With states it adds to them, and takes no socket of another protocol away.
    assert_query("-Bl", asks(Filter::listening() | bound()));
    assert_query("-B --state established", asks(bound() | Filter::state(State::Established)));
    let refused = planned("-uB").unwrap_err().to_string();
    assert!(refused.starts_with("--bound is about TCP sockets"), "{refused}");
}

#[test]
fn columns_replace_the_defaults_and_plus_adds() {
    let names =
        |typed| planned(typed).unwrap().output.columns.iter().map(|column| column.name).collect::<Vec<_>>();
    assert_eq!(names(""), columns::DEFAULT_COLUMNS);
    assert_eq!(names("--csv"), columns::DEFAULT_CSV_COLUMNS);
    assert_eq!(names("--columns proto,Local-Port"), ["protocol", "local_port"]);
    assert_eq!(names("--columns +inode,fd"), [columns::DEFAULT_COLUMNS, &["inode", "fd"]].concat());
    assert_eq!(names("-i"), [columns::DEFAULT_COLUMNS, &["details"]].concat());
    assert_eq!(names("-i --columns rtt,details"), ["rtt", "details"]);
    assert_eq!(names("-i --csv --columns rtt"), ["rtt", "details"]);
    assert_eq!(names("--no-owners"), ["protocol", "state", "local", "remote", "user"]);
}

#[test]
fn one_word_means_a_port_an_address_or_a_process_and_options_narrow_it() {
    use Filter as F;
    assert_query("8080", default_query_of(F::port(8080)));
    assert_query("-tulpn 8080", default_query().tcp().udp().filter(F::listening() & F::port(8080)));
    assert_query("70000", default_query_of(F::pid(70000)));
    assert_query("nginx", default_query_of(F::process("nginx")));
    assert_query("-p nginx", default_query_of(F::process("nginx")));
    assert_query("10.0.0.0/8", default_query_of(F::net([10, 0, 0, 0], 8)));
    assert_query("tcp:80", default_query_of(F::tcp() & F::port(80)));
}

#[test]
fn number_among_several_words_is_refused_with_a_suggestion() {
    assert_eq!(
        usage_error("tcp and 80"),
        "filter, column 9: \"80\": did you mean :80 (a port)?\n  tcp and 80\n          ^^"
    );
    assert_eq!(usage_error("80 443"), "for several ports type: lsock :80,443\n  80 443\n  ^^");
    // Where a port would be as wrong there is no such hint.
    for typed in ["99999 or 1", "process = = 80", "fwmark 0x1/0x0000000001 0"] {
        assert!(!usage_error(typed).contains("did you mean :9"), "{typed}");
    }
    assert!(usage_error("tcp :htps").contains("\":htps\" is not a port"));
    assert!(usage_error(":80,").contains("\":80,\" is not a port"));
}

#[test]
fn name_or_address_among_several_words_is_refused_with_its_condition() {
    for (typed, meant) in [
        ("tcp nginx", "did you mean process nginx?"),
        ("tcp listning", "did you mean listening?"),
        ("tcp 10.0.0.1", "did you mean host 10.0.0.1?"),
        ("process ~ ngin", "one word alone finds parts of them: lsock ngin"),
        ("tcp kill :8080", "kill must come first: lsock kill FILTER"),
    ] {
        assert!(usage_error(typed).contains(meant), "{typed}: {}", usage_error(typed));
    }
}

#[test]
fn options_of_ss_add_columns_and_resolve_replaces_addresses() {
    let names =
        |typed| planned(typed).unwrap().output.columns.iter().map(|column| column.name).collect::<Vec<_>>();
    assert_eq!(names("-o"), [columns::DEFAULT_COLUMNS, &["timer"]].concat());
    assert_eq!(
        names("-em --columns pid,inode"),
        ["pid", "inode", "uid", "cookie", "rcvbuf", "sndbuf", "drops"]
    );
    assert_eq!(names("-r")[2..4], ["local_host", "remote_host"]);
    assert!(planned("-r").unwrap().host_names && !planned("").unwrap().host_names);
    assert!(usage_error("-r --json").contains("names of hosts"));
}

#[test]
fn expression_of_ports_alone_is_refused_as_ambiguous() {
    let said = "filter, column 5: :443 after :80: write :80,443 for either of them, ':80 and :443' for both";
    assert_eq!(usage_error(":80 :443"), format!("{said}\n  :80 :443\n      ^^^^"));
    assert!(usage_error(":1 :1 :2-3").starts_with("filter, column 4: :1 after :1: write :1,1 "));
    assert_query(":80 and :443", default_query_of(Filter::port(80) & Filter::port(443)));
    assert_query("tcp :80 :443", default_query_of(Filter::tcp() & Filter::port(80) & Filter::port(443)));
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    assert!(usage_error("--state open").contains("\"open\" is not a state; example: --state established"));
    assert!(usage_error("--columns colour").contains("lsock help columns"));
    assert!(usage_error("--sort colour").contains("lsock help columns"));
    assert!(
        usage_error("--user no-such-user")
            .starts_with("--user: \"no-such-user\" is not the name or number of a user")
    );
    assert!(usage_error("--port 70000").contains("65535"));
    assert!(usage_error("--pid x").contains("--pid: \"x\" is not the number of a process"));
    assert!(usage_error("--columns ,").contains("there is no column \"\""));
}

#[test]
fn no_owners_conflicts_with_what_needs_owners() {
    assert!(usage_error("--no-owners --pid 1").contains("--no-owners"));
    assert!(usage_error("--no-owners --process x").contains("--no-owners"));
    assert!(usage_error("--no-owners tcp or not process x").contains("--no-owners"));
    assert!(usage_error("--no-owners --columns pid").contains("\"pid\""));
    assert!(usage_error("--no-owners --sort process").contains("\"process\""));
}
