//! The outputs for programs, byte by byte: a made world, and the documents checked in for it.
//!
//! After a change that is meant: `UPDATE_GOLDEN=1 cargo test -p lsock --lib golden`, and read the difference.

use super::details::everything;
use super::{holder, made, process, rendered, tcp};
use netstat::details::{Bbr, Congestion, CongestionParameters, Dctcp, Details, Vegas};
use netstat::{
    Endpoint, Gap, GapKind, Identity, OwnerSource, OwnerSourceUsed, Ownership, Snapshot, State, UnownedReason,
};
use std::net::SocketAddr;
use std::num::NonZeroU32;

/// Pseudo-random rows, some with details, and gaps.
pub(super) fn world(rows: usize) -> Snapshot {
    let mut snapshot = made::snapshot(rows);
    for (nth, socket) in snapshot.sockets.iter_mut().enumerate() {
        socket.set_details(made_details(nth % 7).map(Box::new));
    }
    snapshot.gaps = vec![
        Gap::new(GapKind::ProcessesUnreadable, 12, "/proc/<pid>/fd"),
        Gap::new(GapKind::TableUnavailable, 1, "sock_diag \"udp\": \x1b[2J\u{202e}\\"),
    ];
    snapshot.owner_source = Some(OwnerSourceUsed::new(OwnerSource::Procfs, "BTF: no member \"i_sb\""));
    snapshot
}

/// Details with everything, with one kind of congestion control, and with nothing.
fn made_details(kind: usize) -> Option<Details> {
    let parameters = match kind {
        0 => return None,
        1 => return Some(Details::default()),
        2 => return Some(everything()),
        3 => Some(CongestionParameters::Vegas(Vegas::default())),
        4 => Some(CongestionParameters::Dctcp(Dctcp::default())),
        5 => Some(CongestionParameters::Bbr(Bbr::default())),
        _ => None,
    };
    let mut congestion = Congestion::default();
    congestion.parameters = parameters;
    let mut details = Details::default();
    details.congestion = Some(congestion);
    Some(details)
}

/// A small world, shown the same on every machine: its interfaces have numbers that no machine has a name for.
fn small_world() -> Snapshot {
    const NO_INTERFACE: u32 = u32::MAX;
    let renumbered = |address: SocketAddr| match address {
        SocketAddr::V6(mut address) if address.scope_id() != 0 => {
            address.set_scope_id(NO_INTERFACE);
            address.into()
        }
        address => address,
    };
    let mut snapshot = world(40);
    for socket in &mut snapshot.sockets {
        socket.interface = socket.interface.and(NonZeroU32::new(NO_INTERFACE));
        if let Some(local) = socket.local_addr() {
            socket.local = renumbered(local).into();
        }
        if let Some(remote) = socket.remote_addr() {
            socket.remote = Some(renumbered(remote).into());
        }
        for end in [Some(&mut socket.local), socket.remote.as_mut()].into_iter().flatten() {
            match end {
                Endpoint::Packet { interface: Some(index) } => *index = NonZeroU32::MAX,
                Endpoint::Address { scope_id, .. } if *scope_id != 0 => *scope_id = NO_INTERFACE,
                _ => {}
            }
        }
    }
    snapshot.processes.truncate(20);
    snapshot
}

/// A connection with one end beside the listed rows, one that waits to be accepted, and one to another machine.
pub(super) fn world_with_peers() -> Snapshot {
    let known = Ownership::Known { complete: true };
    let listener = tcp("127.0.0.1:80", None, State::Listen);
    let mut client = tcp("127.0.0.1:5000", Some("127.0.0.1:80"), State::Established);
    client.set_owners([holder(1, 3)], known);
    let mut server = tcp("127.0.0.1:80", Some("127.0.0.1:5000"), State::Established);
    server.set_owners([holder(2, 4), holder(3, 5)], known);
    server.identity = Some(Identity::Inode(12));
    let mut waiting = tcp("127.0.0.1:80", Some("127.0.0.1:5001"), State::Established);
    waiting.set_owners([], Ownership::None { reason: UnownedReason::AcceptQueue });
    let client_of_waiting = tcp("127.0.0.1:5001", Some("127.0.0.1:80"), State::Established);
    let outbound = tcp("10.0.0.1:5002", Some("10.0.0.2:443"), State::Established);
    let mut snapshot = Snapshot::default();
    snapshot.sockets = vec![listener, client, client_of_waiting, outbound];
    snapshot.peers = vec![server, waiting];
    snapshot.processes = vec![process(1, "client"), process(2, "server \"x\""), process(3, "server \"x\"")];
    snapshot.join_peers();
    snapshot
}

/// Compares the output for these arguments with a document, which it replaces if the variable says so.
fn assert_golden(arguments: &str, name: &str, document: &str) {
    assert_golden_of(&small_world(), arguments, name, document);
}

fn assert_golden_of(world: &Snapshot, arguments: &str, name: &str, document: &str) {
    let output = rendered(world, arguments, false);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = format!("{}/src/render/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, output).unwrap();
        return;
    }
    for (nth, (line, expected)) in output.lines().zip(document.lines()).enumerate() {
        assert_eq!(line, expected, "line {} of {name}", nth + 1);
    }
    assert_eq!(output, document, "{name}");
}

#[test]
fn json_equals_its_golden_document() {
    assert_golden("--json --columns command", "document.json", include_str!("golden/document.json"));
}

#[test]
fn json_lines_equal_their_golden_document() {
    assert_golden("--jsonl", "rows.jsonl", include_str!("golden/rows.jsonl"));
}

#[test]
fn csv_equals_its_golden_document() {
    let columns =
        "protocol,local,remote,state,pid,process,owners,service,user,path,process_user,command,created";
    assert_golden(&format!("--csv --columns {columns}"), "rows.csv", include_str!("golden/rows.csv"));
}

/// Empty fields that are a whole line are quoted: many readers skip an empty line.
#[test]
fn csv_of_one_column_equals_its_golden_document() {
    assert_golden("--csv --columns service", "service.csv", include_str!("golden/service.csv"));
}

#[test]
fn json_with_both_ends_equals_its_golden_document() {
    let document = include_str!("golden/peers.json");
    assert_golden_of(&world_with_peers(), "--json --peers", "peers.json", document);
}

#[test]
fn csv_with_both_ends_equals_its_golden_document() {
    let document = include_str!("golden/peers.csv");
    assert_golden_of(
        &world_with_peers(),
        "--csv --columns local,remote,direction,peer",
        "peers.csv",
        document,
    );
}
