use super::*;
use netstat::{Filter, State};

fn planned(typed: &str) -> Result<Plan, UsageError> {
    let words = std::iter::once("lsock").chain(typed.split_whitespace());
    Plan::new(&ListArgs::try_parse_from(words).unwrap())
}

/// What is asked about these sockets.
fn usual_of(filter: Filter) -> Query {
    usual().filter(filter)
}

/// Queries have no equality, but all they hold is in their debug form.
fn assert_asks(typed: &str, expected: Query) {
    let plan = planned(typed).unwrap();
    assert_eq!(format!("{:?}", plan.query), format!("{expected:?}"), "{typed}");
}

fn refusal(typed: &str) -> String {
    planned(typed).map(|plan| format!("{plan:?}")).expect_err(typed).to_string()
}

fn usual() -> Query {
    Query::new().owners(true).processes(ProcessFields::NAME)
}

#[test]
fn habits_mean_what_they_mean_elsewhere() {
    assert_asks("", usual());
    assert_asks("-pna", usual());
    assert_asks("-tulpn", usual().tcp().udp().filter(Filter::listening()));
    assert_asks("-t4", usual().tcp().ipv4());
    assert_asks(":8080", usual_of(Filter::port(8080)));
    let ports = Filter::port(80) | Filter::port(443) | Filter::ports(8000..=8999);
    assert_asks(":80,https,8000-8999", usual_of(ports));
}

#[test]
fn owner_source_reaches_the_query() {
    assert_asks("--owner-source bpf", usual().owner_source(OwnerSource::Bpf));
    assert_asks("--owner-source procfs", usual().owner_source(OwnerSource::Procfs));
    assert_asks("--owner-source auto", usual());
}

#[test]
fn values_of_an_option_unite() {
    use Filter as F;
    assert_asks("--port 80,82 --port 81", usual_of(F::port(80) | F::port(82) | F::port(81)));
    assert_asks("--local-port 1-2,3", usual_of(F::local_ports(1..=2) | F::local_port(3)));
    assert_asks("--remote-port https", usual_of(F::remote_port(443)));
    assert_asks("--pid 1,2 --pid 3", usual_of(F::pid(1) | F::pid(2) | F::pid(3)));
    assert_asks("--process a,b --process c", usual_of(F::process("a,b") | F::process("c")));
    assert_asks("--user 33,4711", usual_of(F::uid(33) | F::uid(4711)));
    let states = [State::Established, State::Listen].map(F::state);
    let [established, listen] = states.clone();
    assert_asks("--state estab,LISTENING", usual_of(established | listen));
    let [established, _] = states;
    assert_asks("-l --state estab", usual_of(F::listening() | established));
    assert_asks("--state connected", usual_of(F::connected()));
}

#[test]
fn words_are_one_filter_and_narrow_what_options_say() {
    use Filter as F;
    let established = || F::state(State::Established);
    let either = F::remote_port(443) | F::remote_net([10, 0, 0, 0], 8);
    assert_asks("state established ( dport = :443 or dst 10.0.0.0/8 )", usual_of(established() & either));
    assert_asks("sport gt :1024", usual_of(F::local_ports(1025..)));
    assert_asks("process nginx", usual_of(F::process("nginx")));
    assert_asks("-t state listening", usual().tcp().filter(F::state(State::Listen)));
    assert_asks("! tcp --port 1", usual_of(F::port(1) & !F::tcp()));
    assert_asks("--state estab :1 or :2", usual_of(established() & (F::port(1) | F::port(2))));
    assert_asks("-t :1 and -4 :2", usual().tcp().ipv4().filter(F::port(1) & F::port(2)));
    assert_asks("--process a process b", usual_of(F::process("a") & F::process("b")));
}

#[test]
fn values_of_options_are_values_whatever_they_hold() {
    let planned = |args: &[&str]| Plan::new(&ListArgs::try_parse_from([&["lsock"], args].concat()).unwrap());
    for name in ["nginx: worker", "a\" or tcp or process \"b", "\\", "\\u{41}", "", "not", "(", "=", "a\nb"] {
        let query = planned(&["--process", name]).unwrap().query;
        assert_eq!(format!("{query:?}"), format!("{:?}", usual_of(Filter::process(name))), "{name:?}");
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
fn only_what_is_shown_is_asked_for() {
    assert_asks("--no-owners", Query::new().owners(false));
    assert_asks("--columns local,remote", Query::new().owners(false));
    assert_asks("--columns local,pid", Query::new().owners(true));
    assert_asks("--columns local --sort path", Query::new().owners(true).processes(ProcessFields::PATH));
    assert_asks("--jsonl", usual());
    assert_asks("--json", Query::new().owners(true).processes(JSON_FIELDS));
    let with_command = JSON_FIELDS | ProcessFields::COMMAND_LINE;
    assert_asks("--json --columns command", Query::new().owners(true).processes(with_command));
    assert_asks("--json --no-owners", Query::new().owners(false));
    assert_asks("--columns +session", usual().processes(ProcessFields::NAME | ProcessFields::SESSION));
}

#[test]
fn services_are_asked_for_by_their_column_alone() {
    let sockets = || Query::new().owners(false);
    assert_asks("--columns local", sockets().services(false));
    assert_asks("--columns local,service", sockets().services(true));
    assert_asks("--sort service", usual().services(true));
    assert_asks("--jsonl --columns service", usual().services(true));
    assert_asks("--no-owners --columns +service", sockets().services(true));
    assert_asks("--no-owners --sort service", sockets().services(true));
}

#[test]
fn details_are_asked_for_by_their_option_or_their_columns() {
    let sockets = || Query::new().owners(false);
    assert_asks("-i", usual().details(DetailFields::all()));
    assert_asks(
        "--json --details",
        Query::new().owners(true).processes(JSON_FIELDS).details(DetailFields::all()),
    );
    assert_asks("--columns local,rtt,cwnd", sockets().details(DetailFields::TCP_INFO));
    assert_asks(
        "--columns timer --sort drops",
        sockets().details(DetailFields::TIMER | DetailFields::MEMORY),
    );
    assert_asks("--no-owners --sort -rtt", sockets().details(DetailFields::TCP_INFO));
}

#[test]
fn bound_alone_is_a_state_and_beside_all_is_everything() {
    let asks = |filter| usual().bound_inactive(true).filter(filter);
    let bound = || Filter::tcp() & Filter::state(State::Closed);
    assert_asks("-B", asks(bound()));
    assert_asks("-aB", usual().bound_inactive(true));
    // With states it adds to them, and takes no socket of another protocol away.
    assert_asks("-Bl", asks(Filter::listening() | bound()));
    assert_asks("-B --state established", asks(bound() | Filter::state(State::Established)));
    let refused = planned("-uB").unwrap_err().to_string();
    assert!(refused.starts_with("--bound is about TCP sockets"), "{refused}");
}

#[test]
fn columns_replace_the_usual_ones_and_plus_adds() {
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
fn bare_number_is_refused_with_what_was_probably_meant() {
    assert_eq!(refusal("8080"), "cannot filter by \"8080\": did you mean :8080?\n  8080\n  ^^^^");
    assert!(refusal("-p 123").contains("did you mean --pid 123 (a process) or :123 (a port)?"));
    assert!(refusal("-tulpn 123").contains(":123"));
    assert!(refusal("tcp and 80").ends_with("did you mean :80?\n  tcp and 80\n          ^^"));
    // Where a port would be as wrong there is no such hint.
    for typed in ["99999", "process = = 80", "fwmark 0x1/0x0000000001 0"] {
        assert!(!refusal(typed).contains("did you mean :9") && !refusal(typed).contains("--pid"), "{typed}");
    }
    assert!(refusal(":htps").contains("\":htps\" is not a port"));
    assert!(refusal(":80,").contains("\":80,\" is not a port"));
}

#[test]
fn ports_alone_in_a_row_are_refused_since_either_and_both_are_likely() {
    let said = "filter, column 5: :443 after :80: write :80,443 for either of them, ':80 and :443' for both";
    assert_eq!(refusal(":80 :443"), format!("{said}\n  :80 :443\n      ^^^^"));
    assert!(refusal(":1 :1 :2-3").starts_with("filter, column 4: :1 after :1: write :1,1 "));
    assert_asks(":80 and :443", usual_of(Filter::port(80) & Filter::port(443)));
    assert_asks("tcp :80 :443", usual_of(Filter::tcp() & Filter::port(80) & Filter::port(443)));
}

#[test]
fn unknown_names_are_refused_and_the_known_ones_listed() {
    assert!(refusal("--state open").contains("(established, syn-sent, "));
    assert!(refusal("--columns colour").contains("local_port"));
    assert!(refusal("--sort colour").contains("local_port"));
    assert!(
        refusal("--user nobody-here")
            .starts_with("--user: \"nobody-here\" is not the name or number of a user (")
    );
    assert!(refusal("--port 70000").contains("65535"));
    assert!(refusal("--pid x").contains("--pid: \"x\" is not the number of a process"));
    assert!(refusal("--columns ,").contains("unknown column \"\""));
}

#[test]
fn what_needs_owners_and_no_owners_exclude_each_other() {
    assert!(refusal("--no-owners --pid 1").contains("--no-owners"));
    assert!(refusal("--no-owners --process x").contains("--no-owners"));
    assert!(refusal("--no-owners tcp or not process x").contains("--no-owners"));
    assert!(refusal("--no-owners --columns pid").contains("\"pid\""));
    assert!(refusal("--no-owners --sort process").contains("\"process\""));
}
