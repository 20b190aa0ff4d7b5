//! Faults of the tables of sockets, and the gap or error of each.

use super::fixture::{TABLES, everything, kinds, list, trouble, world};
use super::model::{empty_world, endpoint, expected_rows, windows};
use super::scripted::{Endpoint, Trouble, World};
use crate::engine::snapshot::{stream, take};
#[cfg(feature = "log")]
use crate::model::gap::Gap;
use crate::model::gap::GapKind;
use crate::model::protocol::Protocol;
use crate::model::state::State;
use crate::query::Query;
use netstat_wire::windows::Family;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

#[test]
fn listing_without_faults_has_no_gap() {
    let world = Arc::new(world());
    let snapshot = list(&world);
    assert_eq!((snapshot.sockets.len(), &snapshot.gaps[..]), (4, &[][..]));
    assert_eq!(snapshot.sockets, expected_rows(&world));
    assert_eq!(snapshot.sockets[0].service(), Some("Dnscache"));
    // Four sockets of one service.
    assert_eq!(world.service_calls.load(SeqCst), 1);
    let process = &snapshot.processes[0];
    assert_eq!(process.path.as_deref(), Some(Path::new("C:\\svchost.exe")));
    assert_eq!(process.user.as_deref(), Some("NT AUTHORITY\\SYSTEM"));
    assert_eq!(process.parent, Some(4));
}

#[test]
fn table_that_grows_or_changes_a_few_times_is_read_whole() {
    for (grows, transient) in [(1, 0), (9, 0), (0, 1), (0, 9), (4, 5)] {
        for table in TABLES {
            let mut world = world();
            let trouble = trouble(&mut world, table, true);
            *trouble = Trouble {
                grows: AtomicU32::new(grows),
                transient: AtomicU32::new(transient),
                ..Trouble::default()
            };
            let world = Arc::new(world);
            let snapshot = list(&world);
            assert_eq!(snapshot.gaps, [], "{grows} {transient} {table:?}");
            assert_eq!(snapshot.sockets, expected_rows(&world));
        }
    }
}

#[test]
fn table_that_always_grows_or_changes_is_a_gap_after_a_bounded_number_of_calls() {
    for (grows, transient) in [(u32::MAX, 0), (0, u32::MAX)] {
        for table in TABLES {
            let mut world = world();
            let trouble = trouble(&mut world, table, true);
            *trouble = Trouble {
                grows: AtomicU32::new(grows),
                transient: AtomicU32::new(transient),
                ..Trouble::default()
            };
            let world = Arc::new(world);
            let snapshot = list(&world);
            assert_eq!(kinds(&snapshot), [GapKind::TableUnavailable], "{table:?}");
            assert_eq!(snapshot.sockets.len(), 3);
            assert!(world.calls.load(SeqCst) < 40, "{:?}", world.calls);
        }
    }
}

#[test]
fn denied_table_is_a_gap_that_names_it_and_if_all_are_denied_there_is_an_error() {
    for table in TABLES {
        let mut world = world();
        trouble(&mut world, table, true).status = 5;
        let snapshot = list(&Arc::new(world));
        assert_eq!(kinds(&snapshot), [GapKind::TableUnavailable]);
        let call = if table.0 == Protocol::Tcp { "GetExtendedTcpTable" } else { "GetExtendedUdpTable" };
        let family = if table.1 == Family::Ipv4 { "IPv4" } else { "IPv6" };
        assert_eq!(snapshot.gaps[0].source, format!("{call} over {family}: permission denied"));
        assert_eq!(snapshot.sockets.len(), 3);
    }
    // As in an AppContainer.
    let mut world = world();
    for table in TABLES {
        trouble(&mut world, table, true).status = 5;
    }
    let error = take(&windows(&Arc::new(world)), &everything()).unwrap_err();
    assert!(error.is_permission_denied());
    assert_eq!(error.to_string(), "cannot call GetExtendedTcpTable over IPv4: permission denied");
}

/// A machine that refuses both classes of IPv6 with this status.
fn without_ipv6_tables(status: u32) -> World {
    let mut world = world();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for module in [true, false] {
            trouble(&mut world, (protocol, Family::Ipv6), module).status = status;
        }
    }
    world
}

#[test]
fn machine_without_ipv6_is_not_a_failure() {
    for status in [50, 87, 1168, 10047] {
        let world = Arc::new(World { has_no_ipv6: true, ..without_ipv6_tables(status) });
        let snapshot = list(&world);
        assert_eq!((snapshot.sockets.len(), &snapshot.gaps[..]), (2, &[][..]), "{status}");
        let only_ipv6 = take(&windows(&world), &everything().ipv6()).unwrap();
        assert_eq!((only_ipv6.sockets.len(), &only_ipv6.gaps[..]), (0, &[][..]), "{status}");
    }
    // The same code for IPv4 is a failure: every machine has IPv4.
    let mut world = World { has_no_ipv6: true, ..world() };
    for module in [true, false] {
        trouble(&mut world, TABLES[0], module).status = 1168;
    }
    assert_eq!(kinds(&list(&Arc::new(world))), [GapKind::TableUnavailable]);
}

#[test]
fn refused_tables_of_ipv6_are_gaps_where_the_machine_has_ipv6() {
    for status in [50, 87, 1168, 10047] {
        let world = Arc::new(without_ipv6_tables(status));
        let snapshot = list(&world);
        assert_eq!(kinds(&snapshot), [GapKind::TableUnavailable; 2], "{status}");
        assert_eq!(snapshot.sockets.len(), 2);
        let error = take(&windows(&world), &everything().ipv6()).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
}

#[test]
fn ipv6_rows_are_read_by_the_pid_class_if_only_the_module_class_is_refused() {
    for has_no_ipv6 in [false, true] {
        let mut world = World { has_no_ipv6, ..world() };
        trouble(&mut world, TABLES[1], true).status = 50;
        trouble(&mut world, TABLES[3], true).status = 50;
        let snapshot = list(&Arc::new(world));
        assert_eq!((snapshot.sockets.len(), kinds(&snapshot)), (4, vec![GapKind::Fallback; 2]));
    }
}

#[test]
fn system_without_the_module_class_is_read_by_the_pid_class_with_a_gap() {
    let mut world = world();
    for table in TABLES {
        trouble(&mut world, table, true).status = 87;
    }
    let world = Arc::new(world);
    let snapshot = list(&world);
    assert_eq!(kinds(&snapshot), [GapKind::Fallback; 4]);
    assert_eq!(snapshot.sockets.len(), 4);
    for socket in &snapshot.sockets {
        assert_eq!((socket.owners()[0].pid, socket.created(), socket.service()), (1232, None, None));
    }
}

#[cfg(feature = "log")]
#[test]
fn each_fallback_logs_one_line() {
    use crate::log::recorder::lines_of;
    let mut world = world();
    trouble(&mut world, TABLES[0], true).status = 87;
    trouble(&mut world, TABLES[1], true).status = 87;
    let world = Arc::new(world);
    let (snapshot, lines) = lines_of(|| list(&world));
    let fallbacks = snapshot.gaps.iter().filter(|gap| gap.kind == GapKind::Fallback);
    let line = |gap: &Gap| format!("a table is read from a lesser source: {}", gap.source);
    assert_eq!(lines, fallbacks.map(line).collect::<Vec<_>>());
    assert_eq!(lines.len(), 2);
}

#[test]
fn rows_that_are_counted_but_missing_are_a_gap() {
    let mut world = world();
    trouble(&mut world, TABLES[2], true).phantoms = 3;
    let snapshot = list(&Arc::new(world));
    assert_eq!(kinds(&snapshot), [GapKind::RecordsSkipped]);
    assert_eq!((snapshot.gaps[0].count, snapshot.sockets.len()), (3, 4));
}

#[test]
fn table_cut_at_any_byte_lists_its_whole_rows() {
    for cut in 0..=168 {
        let mut world = world();
        trouble(&mut world, TABLES[0], true).cut = Some(cut);
        let snapshot = list(&Arc::new(world));
        let expected = match cut {
            0..4 => vec![GapKind::TableUnavailable],
            4..168 => vec![GapKind::RecordsSkipped],
            _ => Vec::new(),
        };
        assert_eq!(kinds(&snapshot), expected, "cut at {cut}");
        assert_eq!(snapshot.sockets.len(), if cut == 168 { 4 } else { 3 });
    }
}

#[test]
fn empty_tables_are_empty_and_not_a_failure() {
    let snapshot = list(&Arc::new(empty_world()));
    assert_eq!((snapshot.sockets.len(), &snapshot.gaps[..]), (0, &[][..]));
}

#[test]
fn bound_endpoints_are_listed_on_request_and_none_twice() {
    let mut world = world();
    let client = Endpoint { state: 100, ..endpoint(Protocol::Tcp, "0.0.0.0:53", 100, 1232) };
    let idle = endpoint(Protocol::Tcp, "0.0.0.0:5000", 100, 1232);
    let idle_v6 = endpoint(Protocol::Tcp, "[::]:5001", 100, 1232);
    world.bound = Some(vec![client, idle, idle_v6]);
    let world = Arc::new(world);
    assert_eq!(list(&world).sockets.len(), 4);
    let closed = take(&windows(&world), &everything().tcp().state(State::Closed)).unwrap();
    let ports: Vec<_> = closed.sockets.iter().map(|socket| socket.local.port().unwrap()).collect();
    assert_eq!((ports, &closed.gaps[..]), (vec![5000, 5001], &[][..]));
    assert!(closed.sockets.iter().all(|socket| socket.remote.is_none() && socket.owners()[0].pid == 1232));
    // A system without the call lists none, with a gap.
    let world = Arc::new(super::fixture::world());
    let closed = take(&windows(&world), &everything().tcp().state(State::Closed)).unwrap();
    assert_eq!((closed.sockets.len(), kinds(&closed)), (0, vec![GapKind::TableUnavailable]));
}

#[test]
fn refused_table_of_bound_ipv6_endpoints_is_a_gap_unless_the_machine_has_no_ipv6() {
    for (has_no_ipv6, expected) in [(false, vec![GapKind::TableUnavailable]), (true, Vec::new())] {
        let idle = endpoint(Protocol::Tcp, "0.0.0.0:5000", 100, 1232);
        let world = World { bound: Some(vec![idle]), bound_ipv6_status: 50, has_no_ipv6, ..world() };
        let closed = take(&windows(&Arc::new(world)), &everything().tcp().state(State::Closed)).unwrap();
        assert_eq!((closed.sockets.len(), kinds(&closed)), (1, expected));
    }
}

#[test]
fn sink_that_breaks_ends_the_calls() {
    let world = Arc::new(world());
    let mut rows = 0;
    stream(&windows(&world), &Query::new(), &mut |_| {
        rows += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!((rows, world.calls.load(SeqCst)), (1, 1));
}

#[test]
fn query_of_listeners_reads_the_class_of_listeners() {
    let mut world = world();
    world.endpoints.push(endpoint(Protocol::Tcp, "0.0.0.0:80", 2, 4));
    let world = Arc::new(world);
    let snapshot = take(&windows(&world), &Query::new().tcp().listening()).unwrap();
    assert_eq!(snapshot.sockets.len(), 1);
    assert_eq!(world.calls.load(SeqCst), 2);
}
