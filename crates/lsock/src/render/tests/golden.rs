//! The outputs for programs, byte by byte: a made world, and the documents checked in for it.
//!
//! After a change that is meant: `UPDATE_GOLDEN=1 cargo test -p lsock --lib golden`, and read the difference.

use super::details::everything;
use super::{made, rendered};
use netstat::details::{Bbr, Congestion, CongestionParameters, Dctcp, Details, Vegas};
use netstat::{Endpoint, Gap, GapKind, OwnerSource, OwnerSourceUsed, Snapshot};
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

/// Compares the output for these arguments with a document, which it replaces if the variable says so.
fn assert_golden(arguments: &str, name: &str, document: &str) {
    let output = rendered(&small_world(), arguments, false);
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
