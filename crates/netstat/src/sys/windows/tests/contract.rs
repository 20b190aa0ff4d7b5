//! A listing of the scripted machine shows exactly what `Support` has for Windows; other filters are refused.

use super::model::{BOOT, empty_world, endpoint, program, text, windows};
use super::scripted::{Endpoint, World};
use crate::engine::snapshot::{count, stream, take};
use crate::filter::Filter;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::ProcessFields;
use crate::model::protocol::Protocol;
use crate::model::protocol_kind::ProtocolKind;
use crate::query::Query;
use crate::sys::promises::Seen;
use crate::sys::support;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A connection and a UDP socket of a service, and a listener whose binder has ended.
fn world() -> Arc<World> {
    let mut world = empty_world();
    world.programs.push(program(1232, "svchost.exe", BOOT + 10_000_000));
    let remote = "203.0.113.9:443".parse().unwrap();
    let connection = endpoint(Protocol::Tcp, "192.0.2.1:50000", 5, 1232);
    let udp = endpoint(Protocol::Udp, "[2001:db8::1]:53", 0, 1232);
    world.endpoints = vec![
        Endpoint { remote, tag: 7, ..connection },
        Endpoint { remote: "[2001:db8::2]:53".parse().unwrap(), ..udp },
        endpoint(Protocol::Tcp, "0.0.0.0:80", 2, 4444),
    ];
    world.services.insert((1232, 7), text("Dnscache"));
    Arc::new(world)
}

#[test]
fn listing_shows_exactly_the_supported_fields() {
    let query = Query::new().services(true).processes(ProcessFields::all()).threads(1);
    let snapshot = take(&windows(&world()), &query).unwrap();
    assert_eq!(Seen::of(&snapshot), Seen::promised(&support::WINDOWS));
    assert_eq!(support::WINDOWS.system, "windows");
}

#[test]
fn filter_by_an_unsupported_field_is_refused_before_a_table_is_read() {
    let world = world();
    let system = || windows(&world);
    let refused =
        [Filter::uid(0), Filter::inode(7), Filter::interface(1), Filter::mark(1), Filter::cgroup_id(1)];
    for filter in refused {
        let query = Query::new().filter(filter | Filter::tcp() & Filter::local_port(80)).threads(1);
        assert!(take(&system(), &query).unwrap_err().is_unsupported(), "{query:?}");
        assert!(count(&system(), &query, false).unwrap_err().is_unsupported());
        let mut each = |_| ControlFlow::Continue(());
        assert!(stream(&system(), &query, &mut each).unwrap_err().is_unsupported());
    }
    assert_eq!(world.calls.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert!(take(&system(), &Query::new().uid(0)).unwrap_err().is_unsupported());
}

#[test]
fn unix_and_hyper_v_sockets_are_refused_alone_and_beside_others_a_gap() {
    // Hyper-V sockets would be of the family of vsock, or of one without a name.
    for kind in [ProtocolKind::Unix, ProtocolKind::Vsock, ProtocolKind::Other] {
        let query = Query::new().protocol_kind(kind).threads(1);
        let error = take(&windows(&world()), &query).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
        let beside = take(&windows(&world()), &query.tcp()).unwrap();
        assert_eq!(beside.sockets.len(), 2);
        let source = format!("{kind}: not listed on this system");
        assert_eq!(beside.gaps, [Gap::new(GapKind::TableUnavailable, 1, source)]);
    }
}
