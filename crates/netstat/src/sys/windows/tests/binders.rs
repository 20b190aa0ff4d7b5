//! Whether the process that bound a socket still runs: the list of processes, and clocks that are set.

use super::fixture::{SECOND, everything, kinds, list, world};
use super::model::{BOOT, NOW, empty_world, endpoint, program, windows};
use super::scripted::{Endpoint, Trouble, World};
use crate::engine::snapshot::{stream, take};
use crate::model::gap::GapKind;
use crate::model::owner::OwnerRole;
use crate::model::protocol::Protocol;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

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
    let mut world = super::fixture::world();
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
