//! What the tests of faults share.

use super::model::{BOOT, empty_world, endpoint, program, text, windows};
use super::scripted::{Endpoint, Trouble, World};
use crate::engine::snapshot::take;
use crate::model::gap::GapKind;
use crate::model::process::ProcessFields;
use crate::model::protocol::Protocol;
use crate::model::snapshot::Snapshot;
use crate::query::Query;
use netstat_wire::windows::Family;
use std::sync::Arc;

pub(super) const TABLES: [(Protocol, Family); 4] = [
    (Protocol::Tcp, Family::Ipv4),
    (Protocol::Tcp, Family::Ipv6),
    (Protocol::Udp, Family::Ipv4),
    (Protocol::Udp, Family::Ipv6),
];

/// A machine with one socket in each table, of one process that started before them.
pub(super) fn world() -> World {
    let mut world = empty_world();
    world.programs.push(program(1232, "svchost.exe", BOOT + 10_000_000));
    for (protocol, family) in TABLES {
        let local = if family == Family::Ipv4 { "192.0.2.1:53" } else { "[2001:db8::1]:53" };
        world.endpoints.push(Endpoint { tag: 7, ..endpoint(protocol, local, 5, 1232) });
    }
    world.services.insert((1232, 7), text("Dnscache"));
    world
}

pub(super) fn everything() -> Query {
    Query::new().processes(ProcessFields::all()).services(true).threads(1)
}

pub(super) fn list(world: &Arc<World>) -> Snapshot {
    take(&windows(world), &everything()).unwrap()
}

pub(super) fn kinds(snapshot: &Snapshot) -> Vec<GapKind> {
    snapshot.gaps.iter().map(|gap| gap.kind).collect()
}

pub(super) fn trouble(
    world: &mut World,
    (protocol, family): (Protocol, Family),
    module: bool,
) -> &mut Trouble {
    world.tables.entry((protocol, family, module)).or_default()
}

pub(super) const SECOND: i64 = 10_000_000;
