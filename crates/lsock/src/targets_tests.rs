use super::*;
use netstat::{Family, Owner, Protocol, State, UnownedReason};
use std::net::SocketAddr;

/// The own process with its start, which alone can be made here.
#[cfg(not(netstat_test_unsupported))]
fn own() -> Process {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let query = netstat::Query::new().listening().local_port(port).pid(std::process::id()).processes(FIELDS);
    query.snapshot().unwrap().process(std::process::id()).unwrap().clone()
}

fn socket(port: u16, remote: Option<u16>, pids: &[u32], role: OwnerRole) -> Socket {
    let end = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let mut socket = Socket::new(Family::Ipv4, Protocol::Tcp, end(port));
    socket.state = Some(if remote.is_some() { State::Established } else { State::Listen });
    socket.remote = remote.map(|port| end(port).into());
    let owners = pids.iter().map(|pid| Owner::new(*pid, None, role));
    socket.set_owners(owners, Ownership::Known { complete: true });
    socket
}

fn snapshot(sockets: Vec<Socket>, processes: Vec<Process>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    (snapshot.sockets, snapshot.processes) = (sockets, processes);
    snapshot
}

fn nobody() -> Protected {
    Protected::new(u32::MAX, |_| None)
}

fn filter(text: &str) -> Filter {
    text.parse().unwrap()
}

#[test]
#[cfg(not(netstat_test_unsupported))]
fn holders_of_listeners_and_named_processes_are_meant_and_clients_are_not() {
    let own = own();
    let pid = own.pid;
    let name = own.to_string();
    let client = snapshot(vec![socket(9000, Some(80), &[pid], OwnerRole::Holder)], vec![own.clone()]);
    let of = |text: &str, snapshot: &Snapshot| {
        let found = Targets::find(snapshot, &filter(text), &nobody());
        let names = |targets: Vec<Target>| targets.into_iter().map(|it| it.name).collect::<Vec<_>>();
        (names(found.meant), names(found.connected), found.left)
    };
    assert_eq!(of(":80", &client), (vec![], vec![name.clone()], vec![]));
    assert_eq!(of(&format!(":80 and not pid {}", pid + 1), &client).1, std::slice::from_ref(&name));
    assert_eq!(of(&format!("pid {pid}"), &client), (vec![name.clone()], vec![], vec![]));
    let both =
        vec![socket(9000, Some(80), &[pid], OwnerRole::Holder), socket(80, None, &[pid], OwnerRole::Holder)];
    let both = snapshot(both, vec![own]);
    assert_eq!(of(":80", &both), (vec![name], vec![], vec![]));
    let found = Targets::find(&both, &filter(":80"), &nobody());
    let text = table(&found.meant, SystemTime::now());
    assert!(
        text.starts_with("PID") && text.contains("  tcp 127.0.0.1:80, tcp 127.0.0.1:9000 127.0.0.1:80\n")
    );
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn what_is_not_visible_or_not_certain_is_left_alone_with_its_reason() {
    let mut hidden = socket(80, None, &[], OwnerRole::Holder);
    hidden.set_owners([], Ownership::Hidden { reason: HiddenReason::UnreadableProcess });
    let mut kernel = socket(81, None, &[], OwnerRole::Holder);
    kernel.set_owners([], Ownership::None { reason: UnownedReason::KernelOrInFlight });
    let last_user = socket(82, None, &[7], OwnerRole::LastUser);
    let ended = socket(83, None, &[8], OwnerRole::EndedBinder);
    let without_start = socket(84, None, &[9], OwnerRole::Holder);
    // A connection without a visible process is not meant anyway.
    let mut closing = socket(80, Some(5), &[], OwnerRole::Holder);
    closing.set_owners([], Ownership::None { reason: UnownedReason::TimeWait });
    let sockets = vec![hidden, kernel, last_user, ended, without_start, closing];
    let processes = [7, 8, 9].map(Process::new).to_vec();
    let mut snapshot = snapshot(sockets, processes);
    snapshot.undecided = vec![socket(85, None, &[], OwnerRole::Holder)];
    let found = Targets::find(&snapshot, &filter(":80-85"), &nobody());
    assert_eq!(
        found.left,
        [
            "tcp 127.0.0.1:85: it depends on owners or names that are not visible whether the filter selects it",
            "tcp 127.0.0.1:80: the process that holds it is not visible",
            "tcp 127.0.0.1:81: no process holds it",
            "7: it used the socket, and is not seen to hold it",
            "8: it used the socket, and is not seen to hold it",
            "9: its start could not be read, so that another process might be hit",
        ]
    );
    assert!(found.meant.is_empty() && found.connected.is_empty());
}

#[test]
fn this_process_those_it_runs_in_and_the_first_are_never_meant() {
    let parents = |pid| match pid {
        9 => Some(8),
        8 => Some(7),
        7 => Some(1),
        1 => Some(0),
        _ => None,
    };
    let protected = Protected::new(9, parents);
    assert_eq!(protected.reason(9), Some("it is this program"));
    assert_eq!(protected.reason(8), Some("this program runs in it"));
    assert_eq!(protected.reason(7), Some("this program runs in it"));
    assert_eq!(protected.reason(1), Some("the system ends with it"));
    assert_eq!((protected.reason(6), protected.reason(0)), (None, None));
    // Parents that were not read at one instant.
    assert_eq!(Protected::new(9, |pid| Some(17 - pid)).ancestors.len(), 256);
}

#[test]
#[cfg(not(netstat_test_unsupported))]
fn holder_that_is_protected_is_left_alone() {
    let own = own();
    let (pid, name) = (own.pid, own.to_string());
    let snapshot = snapshot(vec![socket(80, None, &[pid], OwnerRole::Holder)], vec![own]);
    let found = Targets::find(&snapshot, &filter(":80"), &Protected::new(pid, |_| None));
    assert_eq!((found.meant, found.left), (vec![], vec![format!("{name}: it is this program")]));
}
