use super::*;
use clap::Parser;
use netstat::TcpState;

fn planned(typed: &str) -> Result<Plan, Usage> {
    let words = std::iter::once("lsock").chain(typed.split_whitespace());
    let users = Users::from_passwd("root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:\n");
    plan(&Args::try_parse_from(words).unwrap(), &users)
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
    assert_asks("-tulpn", usual().tcp().udp().listening());
    assert_asks("-t4", usual().tcp().ipv4());
    assert_asks(":8080", usual().port(8080));
    assert_asks(":80,443 :8000-8999", usual().port(80).port(443).ports(8000..=8999));
}

#[test]
fn filters_reach_the_query() {
    assert_asks("--port 80 :81", usual().port(81).port(80));
    assert_asks("--local-port 1-2,3", usual().local_ports(1..=2).local_port(3));
    assert_asks("--remote-port 443", usual().remote_port(443));
    assert_asks("--pid 1,2 --pid 3", usual().pid(1).pid(2).pid(3));
    assert_asks("--process a,b --process c", usual().process_name("a,b").process_name("c"));
    assert_asks("--user www,0,4711", usual().uid(33).uid(0).uid(4711));
    assert_asks("--state estab,LISTENING", usual().state(TcpState::Established).state(TcpState::Listen));
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
    assert_asks("-B", usual().bound_inactive(true).tcp().state(TcpState::Closed));
    assert_asks("-Bl", usual().tcp().listening().bound_inactive(true).state(TcpState::Closed));
    assert_asks("-aB", usual().bound_inactive(true));
}

#[test]
fn columns_replace_the_usual_ones_and_plus_adds() {
    let names = |typed| planned(typed).unwrap().columns.iter().map(|column| column.name).collect::<Vec<_>>();
    assert_eq!(names(""), columns::USUAL);
    assert_eq!(names("--csv"), columns::USUAL_CSV);
    assert_eq!(names("--columns proto,Local-Port"), ["protocol", "local_port"]);
    assert_eq!(names("--columns +inode,fd"), [columns::USUAL, &["inode", "fd"]].concat());
    assert_eq!(names("-i"), [columns::USUAL, &["details"]].concat());
    assert_eq!(names("-i --columns rtt,details"), ["rtt", "details"]);
    assert_eq!(names("-i --csv --columns rtt"), ["rtt", "details"]);
    assert_eq!(names("--no-owners"), ["protocol", "state", "local", "remote", "user"]);
}

#[test]
fn bare_number_is_refused_with_what_was_probably_meant() {
    assert_eq!(refusal("8080"), r#"cannot filter by "8080": did you mean :8080?"#);
    assert!(refusal("-p 123").contains("--pid 123"));
    assert!(refusal("-tulpn 123").contains(":123"));
    assert!(refusal("nginx").contains("--process NAME"));
    assert!(refusal(":http").contains("bad port \"http\""));
    assert!(refusal(":80,").contains("bad port \"\""));
}

#[test]
fn unknown_names_are_refused_and_the_known_ones_listed() {
    assert!(refusal("--state open").contains("established"));
    assert!(refusal("--columns colour").contains("local_port"));
    assert!(refusal("--sort colour").contains("local_port"));
    assert!(refusal("--user nobody-here").contains("unknown user"));
    assert!(refusal("--port 70000").contains("65535"));
    assert!(refusal("--pid x").contains("bad process id \"x\""));
    assert!(refusal("--columns ,").contains("unknown column \"\""));
}

#[test]
fn what_needs_owners_and_no_owners_exclude_each_other() {
    assert!(refusal("--no-owners --pid 1").contains("--no-owners"));
    assert!(refusal("--no-owners --process x").contains("--no-owners"));
    assert!(refusal("--no-owners --columns pid").contains("\"pid\""));
    assert!(refusal("--no-owners --sort process").contains("\"process\""));
}
