//! Tests of all output formats, with hand-made rows.

use crate::list_args::ListArgs;
use crate::plan::Plan;
use crate::users::Users;
use crate::view::View;
use crate::{render, sort};
use netstat::{
    Family, HiddenReason, Owner, OwnerRole, Ownership, Process, Protocol, Snapshot, Socket, State,
    UnownedReason,
};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

mod details;
mod golden;
mod made;
mod serde;

fn holder(pid: u32, fd: i32) -> Owner {
    Owner::new(pid, Some(fd), OwnerRole::Holder)
}

fn process(pid: u32, name: &str) -> Process {
    let mut process = Process::new(pid);
    process.name = Some(name.into());
    process
}

fn row(protocol: Protocol, local: &str) -> Socket {
    let local: SocketAddr = local.parse().unwrap();
    let family = if local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
    Socket::new(family, protocol, local)
}

fn tcp(local: &str, remote: Option<&str>, state: State) -> Socket {
    let mut socket = row(Protocol::Tcp, local);
    socket.remote = remote.map(|remote| remote.parse::<SocketAddr>().unwrap().into());
    socket.state = Some(state);
    socket
}

/// A listener of three processes, a connection, one in TIME_WAIT, one hidden, and a UDP socket with a zone.
fn world() -> Snapshot {
    let mut listener = tcp("0.0.0.0:80", None, State::Listen);
    listener.uid = Some(0);
    listener
        .set_owners([holder(814, 6), holder(815, 6), holder(816, 7)], Ownership::Known { complete: true });
    let mut connection = tcp("10.0.0.1:80", Some("10.0.0.22:40000"), State::Established);
    connection.uid = Some(4711);
    connection.set_owners([holder(815, 9)], Ownership::Known { complete: false });
    let mut ended = tcp("10.0.0.1:80", Some("10.0.0.22:40001"), State::TimeWait);
    ended.set_owners([], Ownership::None { reason: UnownedReason::TimeWait });
    let mut hidden = tcp("[::1]:631", None, State::Listen);
    hidden.set_owners([], Ownership::Hidden { reason: HiddenReason::UnreadableProcess });
    let mut udp = row(Protocol::Udp, "[fe80::1%4294967295]:0");
    udp.set_owners([holder(900, 3)], Ownership::Known { complete: true });

    let mut snapshot = Snapshot::default();
    snapshot.sockets = vec![udp, ended, connection, hidden, listener];
    snapshot.processes = vec![
        process(814, "nginx"),
        process(815, "nginx"),
        process(816, "日本\n"),
        process(900, "a\u{202e}b"),
    ];
    snapshot
}

fn rendered(snapshot: &Snapshot, typed: &str, color: bool) -> String {
    let users = Users::known(&[(0, "root")]);
    let plan = planned(typed);
    let view = View::new(snapshot, &users).seen_from(made::netns(0));
    text(&plan, color, &view, &sort::sorted(&view, &plan.sort))
}

fn planned(typed: &str) -> Plan {
    let words = std::iter::once("lsock").chain(typed.split_whitespace());
    Plan::new(&ListArgs::try_parse_from(words).unwrap()).unwrap()
}

fn text(plan: &Plan, color: bool, view: &View<'_>, rows: &[&Socket]) -> String {
    let mut out = Vec::new();
    render::write(&plan.output, color, view, rows, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The output, and what `make` returns for the same rows.
fn rendered_with<T>(
    snapshot: &Snapshot,
    typed: &str,
    make: impl FnOnce(&View<'_>, &[&Socket]) -> T,
) -> (String, T) {
    let users = Users::known(&[(0, "root")]);
    let plan = planned(typed);
    let view = View::new(snapshot, &users);
    let rows = sort::sorted(&view, &plan.sort);
    (text(&plan, false, &view, &rows), make(&view, &rows))
}

fn world_rendered(typed: &str) -> String {
    rendered(&world(), typed, false)
}

#[test]
fn table_is_aligned_and_shows_the_reason_for_a_missing_owner() {
    let expected = r"
PROTO  STATE        LOCAL                   REMOTE           USER  PID          PROCESS
tcp    LISTEN       0.0.0.0:80              *:*              root  814,815,816  nginx,日本\n
tcp    ESTABLISHED  10.0.0.1:80             10.0.0.22:40000  4711  815          nginx
tcp    TIME_WAIT    10.0.0.1:80             10.0.0.22:40001  -     -            (time_wait)
tcp    LISTEN       [::1]:631               *:*              -     -            (unreadable_process)
udp    -            [fe80::1%4294967295]:*  *:*              -     900          a\u{202e}b
";
    assert_eq!(format!("\n{}", world_rendered("")), expected);
}

#[test]
fn columns_are_aligned_by_display_width() {
    let expected = r"
PROCESS               LPORT  FD
nginx,日本\n             80  6,7
nginx                    80  9
(time_wait)              80  -
(unreadable_process)    631  -
a\u{202e}b                0  3
";
    assert_eq!(format!("\n{}", world_rendered("--columns process,local_port,fd")), expected);
}

#[test]
fn no_header_leaves_out_the_header() {
    let expected = r"
nginx(814:6),nginx(815:6),日本\n(816:7)
nginx(815:9)
(time_wait)
(unreadable_process)
a\u{202e}b(900:3)
";
    assert_eq!(format!("\n{}", world_rendered("--no-header --columns owners")), expected);
}

#[test]
fn very_wide_cell_shifts_only_its_own_line() {
    let mut snapshot = world();
    let owners: Vec<_> = (1000..1100).map(|pid| holder(pid, 3)).collect();
    snapshot.sockets[0].set_owners(owners, Ownership::Known { complete: true });
    let text = rendered(&snapshot, "--columns pid,protocol", false);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], "814,815,816  tcp");
    assert_eq!(lines[3], "-            tcp");
    assert!(lines[5].starts_with("1000,1001,") && lines[5].ends_with(",1099  udp"), "{}", lines[5]);
}

#[test]
fn no_line_ends_in_a_space() {
    for columns in ["", "--columns remote,local", "--columns pid,lport", "--columns user"] {
        assert!(world_rendered(columns).lines().all(|line| !line.ends_with(' ')), "{columns}");
    }
}

#[test]
fn colour_adds_only_escape_sequences() {
    let colored = rendered(&world(), "", true);
    let mut plain = String::new();
    for (nth, piece) in colored.split('\x1b').enumerate() {
        // The first piece is before the first escape.
        plain.push_str(if nth == 0 { piece } else { piece.split_once('m').unwrap().1 });
    }
    assert!(colored.contains("\x1b[32mLISTEN\x1b[0m"), "{colored}");
    assert_eq!(plain, world_rendered(""));
}

#[test]
fn csv_has_one_record_per_socket_and_empty_fields() {
    let expected = r#"
protocol,local_addr,local_port,remote_addr,pid,process,owner_reason
tcp,0.0.0.0,80,,"814,815,816","nginx,日本\n",
tcp,10.0.0.1,80,10.0.0.22,815,nginx,
tcp,10.0.0.1,80,10.0.0.22,,,time_wait
tcp,::1,631,,,,unreadable_process
udp,fe80::1%4294967295,0,,900,a\u{202e}b,
"#;
    let columns = "protocol,local_addr,local_port,remote_addr,pid,process,owner_reason";
    assert_eq!(format!("\n{}", world_rendered(&format!("--csv --columns {columns}"))), expected);
    assert_eq!(world_rendered(&format!("--csv --no-header --columns {columns}")).lines().count(), 5);
    assert_eq!(
        world_rendered("--csv").lines().next(),
        Some(crate::columns::DEFAULT_CSV_COLUMNS.join(",").as_str())
    );
}

#[test]
fn json_line_equals_the_documented_form() {
    let lines = world_rendered("--jsonl");
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(
        lines[0],
        concat!(
            r#"{"protocol":"tcp","family":"ipv4","local":{"addr":"0.0.0.0","port":80},"remote":null,"#,
            r#""state":"LISTEN","inode":null,"uid":0,"rx_queue":null,"tx_queue":null,"queue_unit":null,"owners":["#,
            r#"{"pid":814,"fd":6,"name":"nginx","role":"holder"},{"pid":815,"fd":6,"name":"nginx","role":"holder"},"#,
            r#"{"pid":816,"fd":7,"name":"日本\n","role":"holder"}],"owner_status":"known","owners_complete":true,"#,
            r#""owner_reason":null,"cookie":null,"handle":null,"interface":null,"v6_only":null,"created":null,"#,
            r#""service":null,"#,
            r#""exposure":{"reach":"any","ipv4":true,"ipv6":false,"other_netns":false}}"#,
        )
    );
    assert!(
        lines[2].contains(
            r#""owners":[],"owner_status":"none","owners_complete":true,"owner_reason":"time_wait""#
        )
    );
    let scoped = r#""local":{"addr":"fe80::1","scope_id":4294967295,"port":0},"remote":null,"state":null"#;
    assert!(lines[4].contains(scoped), "{}", lines[4]);
    // Escaped because the output may be a terminal; a JSON parser reads the same string.
    assert!(lines[4].contains(r#""name":"a\u202eb""#), "{}", lines[4]);
}

#[test]
fn json_document_has_rows_processes_and_gaps() {
    let mut snapshot = world();
    let known = &mut snapshot.processes[0];
    known.path = Some("/usr/sbin/nginx".into());
    known.uid = Some(0);
    known.user = Some("root".to_owned());
    known.parent = Some(1);
    known.start_time = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_709_251_200_120));
    let json: serde_json::Value = serde_json::from_str(&rendered(&snapshot, "--json", false)).unwrap();
    assert_eq!(json["schema"], "lsock/1");
    assert_eq!(json["sockets"].as_array().unwrap().len(), 5);
    assert_eq!(json["gaps"], serde_json::json!([]));
    assert_eq!(json["owner_source"], serde_json::Value::Null);
    assert_eq!(
        json["processes"][0],
        serde_json::json!({
            "pid": 814, "name": "nginx", "path": "/usr/sbin/nginx", "uid": 0, "user": "root",
            "path_deleted": null, "parent": 1, "start_time": "2024-03-01T00:00:00.120Z",
            "session": null,
        })
    );
    assert_eq!(json["processes"][1]["path"], serde_json::Value::Null);
    assert_eq!(json["processes"][3]["name"], "a\u{202e}b");
}

/// A socket of a service in a shared process, and one whose binder has ended and whose pid was reused.
fn windows_world() -> Snapshot {
    let mut of_service = row(Protocol::Udp, "0.0.0.0:5353");
    of_service.set_service(Some("Dns\u{202e}cache".into()));
    of_service.set_owners([Owner::new(814, None, OwnerRole::Binder)], Ownership::Known { complete: false });
    let mut of_ended = tcp("0.0.0.0:80", None, State::Listen);
    let ended = Owner::new(814, None, OwnerRole::EndedBinder);
    of_ended.set_owners([ended], Ownership::Known { complete: false });

    let mut snapshot = Snapshot::default();
    snapshot.sockets = vec![of_service, of_ended];
    snapshot.processes = vec![process(814, "svchost.exe")];
    snapshot.processes[0].path = Some("svchost.exe".into());
    snapshot.processes[0].parent = Some(4);
    snapshot.processes[0].session = Some(0);
    snapshot
}

#[test]
fn ended_binder_has_no_details_of_the_process_that_reuses_its_pid() {
    let columns = "--columns pid,process,owners,path,parent,session,role --sort local_port";
    let expected = r"
PID  PROCESS      OWNERS            PATH         PARENT  SESSION  ROLE
814  -            (814)             -            -       -        ended_binder
814  svchost.exe  svchost.exe(814)  svchost.exe  4       0        binder
";
    assert_eq!(format!("\n{}", rendered(&windows_world(), columns, false)), expected);
    let json = rendered(&windows_world(), "--json", false);
    assert!(json.contains(r#"{"pid":814,"fd":null,"name":null,"role":"ended_binder"}"#), "{json}");
    assert!(json.contains(r#"{"pid":814,"fd":null,"name":"svchost.exe","role":"binder"}"#), "{json}");
}

#[test]
fn services_and_sessions_are_shown() {
    let text = rendered(&windows_world(), "--no-header --columns local,service --sort service", false);
    assert_eq!(text, "0.0.0.0:5353  Dns\\u{202e}cache\n0.0.0.0:80    -\n");
    let json = rendered(&windows_world(), "--json --columns service", false);
    assert!(json.contains(r#""created":null,"service":"Dns\u202ecache","#), "{json}");
    assert!(json.contains(r#""start_time":null,"session":0}"#), "{json}");
}

#[test]
fn empty_listing_is_an_empty_list() {
    let nothing = Snapshot::default();
    assert_eq!(rendered(&nothing, "--no-header", false), "");
    assert_eq!(rendered(&nothing, "--jsonl", false), "");
    assert_eq!(
        rendered(&nothing, "--json", false),
        "{\"schema\":\"lsock/1\",\"sockets\":[],\"unix_sockets\":[],\"other_sockets\":[],\"processes\":[],\"namespaces\":[],\"gaps\":[],\"owner_source\":null}\n"
    );
}

#[test]
fn command_lines_and_paths_are_shown_on_request() {
    let mut snapshot = world();
    snapshot.processes[3].command_line = Some(vec!["sh".into(), "-c".into(), "a\tb".into()]);
    snapshot.processes[3].path = Some("/bin/sh".into());
    snapshot.processes[3].path_deleted = Some(true);
    let text = rendered(&snapshot, "--columns path,command --sort -pid --no-header", false);
    assert_eq!(text.lines().next(), Some(r"/bin/sh (deleted)  sh -c a\tb"));
    let json = rendered(&snapshot, "--json --columns command", false);
    assert!(json.contains(r#""command_line":["sh","-c","a\tb"]"#), "{json}");
}

#[test]
fn csv_cell_cannot_start_a_formula_and_one_quotation_mark_restores_it() {
    let hostile = ["=cmd|'/c calc'!A1", "+1", "-2", "@SUM(1)", "'=1", "''-x", "\u{ff1d}1", "=\"a\",1"];
    for name in hostile.into_iter().chain(["a=1", "nginx", "'quoted'", "1-2"]) {
        let mut snapshot = Snapshot::default();
        let mut socket = tcp("10.0.0.1:80", None, State::Listen);
        socket.set_owners([holder(814, 6)], Ownership::Known { complete: true });
        socket.uid = Some(4711);
        snapshot.sockets = vec![socket];
        snapshot.processes = vec![process(814, name)];
        snapshot.processes[0].path = Some(name.into());
        snapshot.processes[0].user = Some(name.to_owned());
        snapshot.processes[0].command_line = Some(vec![name.into()]);
        for column in ["process", "owners", "path", "process_user", "command"] {
            let text = rendered(&snapshot, &format!("--csv --no-header --columns {column},uid"), false);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            assert!(!record[0].starts_with(['=', '+', '-', '@', '\u{ff1d}']), "{column}: {text}");
            assert_eq!(&record[1], "4711");
            let restored =
                if hostile.contains(&name) { record[0].strip_prefix('\'').unwrap() } else { &record[0] };
            let expected = if column == "owners" { format!("{name}(814:6)") } else { name.to_owned() };
            assert_eq!(restored, expected, "{column}");
        }
    }
}

/// Several threads write the same lines as one.
#[test]
fn long_table_equals_its_lines_rendered_one_by_one() {
    let columns = "--columns protocol,local,remote,pid,owners,service,user,created,handle";
    let (output, lines) = rendered_with(&made::snapshot(10_000), columns, |view, rows| {
        let plan = planned(&format!("--no-header {columns}"));
        rows.iter().map(|socket| text(&plan, false, view, &[socket])).collect::<Vec<_>>()
    });
    assert_eq!(output.lines().count(), 1 + lines.len());
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (output_line, line) in output.lines().skip(1).zip(&lines) {
        assert_eq!(words(output_line), words(line));
    }
}
