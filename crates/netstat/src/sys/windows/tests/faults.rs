//! Each fault by itself, and its gap or error.

use super::model::{BOOT, NOW, empty_world, endpoint, expected_rows, program, text, windows};
use super::scripted::{Endpoint, Program, Trouble, World};
use crate::engine::parallel::lock;
use crate::engine::snapshot::{stream, take};
#[cfg(feature = "log")]
use crate::model::gap::Gap;
use crate::model::gap::GapKind;
use crate::model::owner::OwnerRole;
use crate::model::process::ProcessFields;
use crate::model::process_id::ProcessId;
use crate::model::protocol::Protocol;
use crate::model::snapshot::Snapshot;
use crate::model::state::State;
use crate::query::Query;
use crate::sys::system::System;
use netstat_wire::windows::Family;
use netstat_wire::windows::filetime::system_time;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

const TABLES: [(Protocol, Family); 4] = [
    (Protocol::Tcp, Family::Ipv4),
    (Protocol::Tcp, Family::Ipv6),
    (Protocol::Udp, Family::Ipv4),
    (Protocol::Udp, Family::Ipv6),
];

/// A machine with one socket in each table, of one process that started before them.
fn world() -> World {
    let mut world = empty_world();
    world.programs.push(program(1232, "svchost.exe", BOOT + 10_000_000));
    for (protocol, family) in TABLES {
        let local = if family == Family::Ipv4 { "192.0.2.1:53" } else { "[2001:db8::1]:53" };
        world.endpoints.push(Endpoint { tag: 7, ..endpoint(protocol, local, 5, 1232) });
    }
    world.services.insert((1232, 7), text("Dnscache"));
    world
}

fn everything() -> Query {
    Query::new().processes(ProcessFields::all()).services(true).threads(1)
}

fn list(world: &Arc<World>) -> Snapshot {
    take(&windows(world), &everything()).unwrap()
}

fn kinds(snapshot: &Snapshot) -> Vec<GapKind> {
    snapshot.gaps.iter().map(|gap| gap.kind).collect()
}

fn trouble(world: &mut World, (protocol, family): (Protocol, Family), module: bool) -> &mut Trouble {
    world.tables.entry((protocol, family, module)).or_default()
}

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
fn without_the_list_of_processes_pids_remain_and_there_is_a_gap() {
    for trouble in [
        Trouble { status: 0xc000_0022, ..Trouble::default() },
        Trouble { grows: AtomicU32::new(u32::MAX), ..Trouble::default() },
        Trouble { cut: Some(0), ..Trouble::default() },
        Trouble { cut: Some(100), ..Trouble::default() },
    ] {
        let world = Arc::new(World { processes: trouble, ..world() });
        let snapshot = list(&world);
        assert_eq!(snapshot.sockets.len(), 4);
        assert!(kinds(&snapshot).contains(&GapKind::ProcessListUnavailable), "{:?}", snapshot.gaps);
        let owner = snapshot.sockets[0].owners()[0];
        assert_eq!((owner.pid, owner.role), (1232, OwnerRole::Binder));
        assert_eq!(snapshot.process_of(&owner).and_then(|process| process.name.clone()), None);
        assert!(world.calls.load(SeqCst) < 60, "{:?}", world.calls);
    }
}

#[test]
fn cut_list_of_processes_makes_no_binder_ended() {
    let world = Arc::new(World { processes: Trouble { cut: Some(300), ..Trouble::default() }, ..world() });
    let snapshot = list(&world);
    assert!(kinds(&snapshot).contains(&GapKind::RecordsSkipped), "{:?}", snapshot.gaps);
    assert!(snapshot.sockets.iter().all(|socket| socket.owners()[0].role == OwnerRole::Binder));
}

#[test]
fn ended_binder_keeps_its_row_and_pid() {
    let mut world = world();
    world.programs.retain(|program| program.pid != 1232);
    let snapshot = list(&Arc::new(world));
    assert_eq!(snapshot.sockets.len(), 4);
    for socket in &snapshot.sockets {
        let owner = socket.owners()[0];
        assert_eq!((owner.pid, owner.role, owner.fd), (1232, OwnerRole::EndedBinder, None));
        assert!(!socket.ownership().is_complete());
    }
    assert!(snapshot.processes.is_empty());
}

#[test]
fn process_with_the_reused_pid_of_an_ended_binder_is_not_the_owner() {
    let mut world = world();
    world.endpoints.truncate(1);
    world.programs.push(program(2000, "newcomer.exe", NOW - 10_000_000));
    let newcomers = "192.0.2.1:80";
    let bound_by_newcomer = Endpoint { created: NOW, ..endpoint(Protocol::Tcp, newcomers, 2, 2000) };
    world.endpoints.push(bound_by_newcomer);
    world.endpoints.push(endpoint(Protocol::Tcp, "192.0.2.1:81", 2, 2000));
    let snapshot = list(&Arc::new(world));
    let roles: Vec<_> = snapshot.sockets.iter().map(|socket| socket.owners()[0].role).collect();
    assert_eq!(roles, [OwnerRole::Binder, OwnerRole::Binder, OwnerRole::EndedBinder]);
    let name = |socket: usize| {
        let process = snapshot.process_of(&snapshot.sockets[socket].owners()[0]);
        process.and_then(|process| process.name.clone())
    };
    assert_eq!((name(1), name(2)), (Some("newcomer.exe".into()), None));
    let by_name = everything().process_name("newcomer.exe");
    let mut world = self::world();
    world.programs.push(program(2000, "newcomer.exe", NOW - 10_000_000));
    world.endpoints = vec![endpoint(Protocol::Tcp, "192.0.2.1:81", 2, 2000)];
    assert_eq!(take(&windows(&Arc::new(world)), &by_name).unwrap().sockets, []);
}

#[test]
fn setting_the_clock_makes_no_running_binder_ended() {
    // The hardware clock was two hours ahead at boot, and was corrected later.
    let mut world = world();
    let hours = 72_000_000_000;
    for program in &mut world.programs {
        program.created += hours;
    }
    world.uptime_ms = 3_600_000;
    let snapshot = list(&Arc::new(world));
    assert!(snapshot.sockets.iter().all(|socket| socket.owners()[0].role == OwnerRole::Binder));
    assert_eq!(snapshot.processes[0].name, Some("svchost.exe".into()));
}

#[test]
fn process_that_started_between_the_list_and_the_tables_is_a_binder_in_a_stream() {
    // A stream reads the list before the tables: a process that bound its socket after that is not ended.
    let mut world = world();
    world.endpoints =
        vec![Endpoint { created: NOW + 10, ..endpoint(Protocol::Tcp, "192.0.2.1:80", 2, 3000) }];
    let mut roles = Vec::new();
    stream(&windows(&Arc::new(world)), &everything(), &mut |socket| {
        roles.push(socket.owners()[0].role);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(roles, [OwnerRole::Binder]);
}

#[test]
fn paths_are_read_from_the_process_if_the_kernel_does_not_return_them() {
    let world = Arc::new(World { no_image_names: true, ..world() });
    let snapshot = list(&world);
    // Through a handle, Windows returns a Win32 path; the scripted machine returns the NT path as it is.
    let path = snapshot.processes[0].path.as_deref();
    assert_eq!(path, Some(Path::new("\\Device\\HarddiskVolume3\\svchost.exe")));
    assert_eq!(snapshot.gaps, []);
}

#[test]
fn long_paths_are_read_whole_also_in_32_bit_processes() {
    for is_wow64 in [false, true] {
        for length in [600, 5_000, 32_700] {
            let mut world = World { is_wow64, ..world() };
            let long = "x".repeat(length);
            world.programs[2].image = Some(text(&format!("\\Device\\HarddiskVolume3\\{long}")));
            let snapshot = list(&Arc::new(world));
            let path = snapshot.processes[0].path.clone().unwrap();
            assert_eq!(path, Path::new(&format!("C:\\{long}")), "{length} {is_wow64}");
        }
    }
}

#[test]
fn denied_token_is_no_user_and_accounts_of_a_server_are_sids() {
    let sid = |numbers: &[u32]| -> Vec<u8> {
        let mut bytes = vec![1, u8::try_from(numbers.len()).unwrap(), 0, 0, 0, 0, 0, 5];
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    };
    let (own, local, foreign) =
        (sid(&[21, 9, 9, 9, 1000]), sid(&[21, 1, 2, 3, 1001]), sid(&[21, 9, 9, 9, 1002]));
    let mut world = World {
        own: Some((own.clone(), text("CORP\\alice"))),
        machine: Some(sid(&[21, 1, 2, 3])),
        ..empty_world()
    };
    for sid in [&local, &foreign] {
        world.accounts.insert(sid.clone(), (text("PC"), text("bob")));
    }
    let users = [Some(own), Some(local), Some(foreign.clone()), Some(foreign), None];
    for (pid, user) in (2000..).step_by(4).zip(users) {
        world.programs.push(super::scripted::Program { user, ..program(pid, "x.exe", BOOT) });
        let local = format!("192.0.2.1:{pid}");
        world.endpoints.push(endpoint(Protocol::Tcp, &local, 2, pid));
    }
    let world = Arc::new(world);
    let snapshot = list(&world);
    let users: Vec<_> = snapshot.processes.iter().map(|process| process.user.as_deref()).collect();
    let number = Some("S-1-5-21-9-9-9-1002");
    assert_eq!(users, [Some("CORP\\alice"), Some("PC\\bob"), number, number, None]);
    // The caller's own account and that of the server were not looked up.
    assert_eq!(world.account_calls.load(SeqCst), 1);
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
    let world = Arc::new(self::world());
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

#[test]
fn only_the_listed_process_is_terminated() {
    let mut world = empty_world();
    world.programs.push(program(100, "server.exe", BOOT + 7));
    world.programs.push(Program { user: None, ..program(104, "protected.exe", BOOT + 8) });
    world.endpoints.push(endpoint(Protocol::Tcp, "127.0.0.1:80", 2, 100));
    let world = Arc::new(world);
    let system = windows(&world);
    let snapshot = take(&system, &Query::new().processes(ProcessFields::START_TIME)).unwrap();
    let id = snapshot.process(100).unwrap().id().unwrap();
    let start = u64::try_from(BOOT + 7).unwrap();
    assert_eq!(id, ProcessId::new(100, start));
    for signal in [0, 9] {
        assert!(system.signal(ProcessId::new(100, start + 1), signal).unwrap_err().is_not_found());
        assert!(system.signal(ProcessId::new(555, start), signal).unwrap_err().is_not_found());
    }
    assert!(system.signal(ProcessId::new(104, start + 1), 9).unwrap_err().is_permission_denied());
    let refused = system.signal(id, 2).unwrap_err();
    assert!(refused.is_unsupported(), "{refused}");
    assert!(system.signal(id, 0).is_ok());
    assert_eq!(*world.terminated.lock().unwrap(), [0; 0]);
    assert!(system.signal(id, 15).is_ok() && system.signal(id, 9).is_ok());
    assert_eq!(*world.terminated.lock().unwrap(), [100, 100]);
}

const SECOND: i64 = 10_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// The role of the owner of a socket that was bound at `bound`, whose pid has a process that started at `started`.
/// `elapsed`: wall-clock time since boot. `gained`: by how much it exceeds the uptime.
fn role(elapsed: i64, gained: i64, started: i64, bound: i64) -> OwnerRole {
    let mut world = empty_world();
    world.now = BOOT + elapsed;
    world.uptime_ms = u64::try_from((elapsed - gained) / 10_000).unwrap();
    world.programs.push(program(1232, "server.exe", BOOT + started));
    let socket = endpoint(Protocol::Tcp, "192.0.2.1:80", 2, 1232);
    world.endpoints.push(Endpoint { created: BOOT + bound, ..socket });
    list(&Arc::new(world)).sockets[0].owners()[0].role
}

#[test]
fn clock_set_back_at_boot_makes_no_running_binder_ended() {
    // The process started 60 s after boot, then the clock went back by 30 s, then the process bound its socket.
    let (started, bound) = (60 * SECOND, 35 * SECOND);
    assert_eq!(role(HOUR, -30 * SECOND, started, bound), OwnerRole::Binder);
    // The virtual machine was paused later, which hides the step back.
    assert_eq!(role(4 * HOUR, 3 * HOUR - 30 * SECOND, started, bound), OwnerRole::Binder);
    // A step of two hours, as with a hardware clock in local time.
    assert_eq!(role(HOUR, -2 * HOUR, 2 * HOUR + 60 * SECOND, 70 * SECOND), OwnerRole::Binder);
}

#[test]
fn reused_pid_is_noticed_after_weeks_of_drift_a_pause_and_a_clock_set_back() {
    let weeks = 3 * 7 * 24 * HOUR;
    let (bound, started) = (weeks / 2, weeks / 2 + HOUR / 6);
    for gained in [0, 90 * SECOND, -90 * SECOND, 3 * HOUR, 100 * HOUR] {
        assert_eq!(role(weeks, gained, started, bound), OwnerRole::EndedBinder, "{gained}");
    }
    // The allowance is what the clock has gone back, and no more.
    assert_eq!(role(weeks, -2 * HOUR, bound + HOUR, bound), OwnerRole::Binder);
    assert_eq!(role(weeks, -2 * HOUR, bound + 3 * HOUR, bound), OwnerRole::EndedBinder);
    assert_eq!(role(weeks, 0, bound + 4 * SECOND, bound), OwnerRole::Binder);
    assert_eq!(role(weeks, 0, bound + 6 * SECOND, bound), OwnerRole::EndedBinder);
}

#[test]
fn system_process_never_ends() {
    for gained in [0, -2 * HOUR, 3 * HOUR] {
        let mut world = empty_world();
        world.now = BOOT + 10 * HOUR;
        world.uptime_ms = u64::try_from((10 * HOUR - gained) / 10_000).unwrap();
        let smb = endpoint(Protocol::Tcp, "0.0.0.0:445", 2, 4);
        world.endpoints.push(Endpoint { created: BOOT - 5 * HOUR, ..smb });
        let snapshot = list(&Arc::new(world));
        assert_eq!(snapshot.sockets[0].owners()[0].role, OwnerRole::Binder, "{gained}");
        assert_eq!(snapshot.processes[0].name, Some("System".into()));
    }
}

#[test]
fn without_the_system_process_no_times_are_compared() {
    let mut world = world();
    world.programs.retain(|program| program.pid != 4);
    world.programs[1].created = NOW;
    let snapshot = list(&Arc::new(world));
    assert!(snapshot.sockets.iter().all(|socket| socket.owners()[0].role == OwnerRole::Binder));
}

const SYSTEM_SID: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
const SERVICE_SID: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0];

/// A machine with processes 2000, 2004 and 2008, each with a socket. The tokens of the first two are denied.
fn world_of_denied_tokens() -> World {
    let mut world = empty_world();
    for pid in [2000, 2004, 2008] {
        let user = (pid == 2008).then(|| SYSTEM_SID.to_vec());
        world.programs.push(Program { user, ..program(pid, "service.exe", BOOT + SECOND) });
        world.endpoints.push(endpoint(Protocol::Tcp, &format!("192.0.2.1:{pid}"), 2, pid));
    }
    world
}

fn users(snapshot: &Snapshot) -> Vec<Option<&str>> {
    snapshot.processes.iter().map(|process| process.user.as_deref()).collect()
}

#[test]
fn users_of_denied_tokens_come_from_one_list_of_all_users() {
    let process_users =
        vec![(2000, SERVICE_SID.to_vec()), (2008, SERVICE_SID.to_vec()), (9999, SYSTEM_SID.to_vec())];
    let world = Arc::new(World { process_users, ..world_of_denied_tokens() });
    let snapshot = list(&world);
    assert_eq!(users(&snapshot), [Some("S-1-5-19"), None, Some("NT AUTHORITY\\SYSTEM")]);
    assert_eq!((&snapshot.gaps[..], world.user_list_calls.load(SeqCst)), (&[][..], 1));
    // Without a denied token the list is not read.
    let world = Arc::new(self::world());
    assert_eq!(users(&list(&world)), [Some("NT AUTHORITY\\SYSTEM")]);
    assert_eq!(world.user_list_calls.load(SeqCst), 0);
}

#[test]
fn path_and_user_are_not_shown_if_the_pid_was_reused_meanwhile() {
    let process_users = vec![(2000, SERVICE_SID.to_vec()), (2004, SERVICE_SID.to_vec())];
    for (pid, expected) in [
        (2004, [Some("S-1-5-19"), None, Some("NT AUTHORITY\\SYSTEM")]),
        (2008, [Some("S-1-5-19"), Some("S-1-5-19"), None]),
    ] {
        let replaced = Some(program(pid, "newcomer.exe", NOW));
        let process_users = process_users.clone();
        let world = Arc::new(World { process_users, replaced, ..world_of_denied_tokens() });
        let snapshot = list(&world);
        assert_eq!(users(&snapshot), expected);
        assert_eq!((kinds(&snapshot), snapshot.gaps[0].count), (vec![GapKind::ProcessesVanished], 1));
        let process = snapshot.process(pid).unwrap();
        assert_eq!((&process.name, &process.path), (&Some("service.exe".into()), &None));
        assert_eq!(process.start_time, system_time(BOOT + SECOND));
    }
}

#[test]
fn tags_beyond_the_bound_of_a_process_are_a_gap() {
    let mut world = world();
    for tag in 1000..1300 {
        let socket = endpoint(Protocol::Udp, "192.0.2.1:5353", 0, 3000);
        // Two sockets of each tag.
        world.endpoints.extend([Endpoint { tag, ..socket.clone() }, Endpoint { tag, ..socket }]);
        world.services.insert((3000, tag), text("Fake"));
    }
    let world = Arc::new(world);
    let snapshot = list(&world);
    assert_eq!(kinds(&snapshot), [GapKind::NamesUnavailable]);
    assert_eq!((snapshot.gaps[0].count, world.service_calls.load(SeqCst)), (2 * 44, 256 + 1));
    let named = |name| snapshot.sockets.iter().filter(|socket| socket.service() == Some(name)).count();
    assert_eq!((named("Fake"), named("Dnscache"), snapshot.sockets.len()), (2 * 256, 4, 604));
}

#[test]
fn services_of_the_system_that_do_not_answer_delay_a_listing_by_a_bounded_time() {
    let world = Arc::new(world());
    let blocked = lock(&world.blocked);
    let start = Instant::now();
    let snapshot = list(&world);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // One gap for the services of four rows, one for the user's name.
    assert_eq!(kinds(&snapshot), [GapKind::NamesUnavailable; 2]);
    assert_eq!((snapshot.gaps[0].count, snapshot.sockets.len()), (4, 4));
    assert!(snapshot.sockets.iter().all(|socket| socket.service().is_none()));
    assert_eq!(users(&snapshot), [Some("S-1-5-18")]);
    assert_eq!(world.service_calls.load(SeqCst), 0);
    drop(blocked);
}
