//! Paths, users and services of processes: what is refused, reused or does not answer.

use super::fixture::{SECOND, kinds, list, world};
use super::model::{BOOT, NOW, empty_world, endpoint, program, text, windows};
use super::scripted::{Endpoint, Program, World};
use crate::engine::parallel::lock;
use crate::engine::snapshot::take;
use crate::filter::Filter;
use crate::model::gap::{Gap, GapKind};
use crate::model::process::ProcessFields;
use crate::model::process_id::ProcessId;
use crate::model::protocol::Protocol;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::workload::Bundle;
use crate::query::Query;
use crate::sys::system::System;
use netstat_wire::windows::filetime::system_time;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

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
    let world = Arc::new(super::fixture::world());
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
    // One gap for the services of four rows, one for the user's name, one for the services of the process.
    assert_eq!(kinds(&snapshot), [GapKind::NamesUnavailable; 3]);
    assert_eq!((snapshot.gaps[0].count, snapshot.sockets.len()), (4, 4));
    assert!(snapshot.sockets.iter().all(|socket| socket.service().is_none()));
    assert_eq!(users(&snapshot), [Some("S-1-5-18")]);
    assert_eq!(world.service_calls.load(SeqCst), 0);
    drop(blocked);
}

#[test]
fn services_of_a_process_are_all_said_and_its_package_by_its_family() {
    let mut world = world_of_denied_tokens();
    world.running = vec![(2000, text("mpssvc")), (2000, text("BFE")), (9999, text("other"))];
    world.denied_packages = vec![2000, 2004];
    world.packages.insert(2008, text("A.B_8wekyb3d8bbwe"));
    let world = Arc::new(world);
    let of = |pid: u32, query: &Query| {
        let snapshot = take(&windows(&world), query).unwrap();
        let workload = snapshot.process(pid).unwrap().workload.clone();
        (workload.map(|it| (it.services, it.bundle, it.is_complete)), snapshot.gaps)
    };
    let asked = Query::new().processes(ProcessFields::WORKLOAD);
    let (host, gaps) = of(2000, &asked);
    let services = vec!["BFE".to_owned(), "mpssvc".to_owned()];
    assert_eq!(host, Some((services, None, false)), "its package is not known");
    assert_eq!(gaps, [Gap::new(GapKind::NamesUnavailable, 2, "GetPackageFamilyName")]);
    let package = Some(Bundle::Package("A.B_8wekyb3d8bbwe".to_owned()));
    assert_eq!(of(2008, &asked).0, Some((vec![], package, true)));
    assert_eq!(of(2000, &Query::new().processes(ProcessFields::NAME)), (None, vec![]), "not asked for");

    // A filter by these names.
    let list = |filter: Filter| {
        let snapshot =
            take(&windows(&world), &Query::new().filter(filter).owners(true).only_decided(true)).unwrap();
        let pids: Vec<u32> = snapshot.sockets.iter().flat_map(Socket::pids).collect();
        let undecided = snapshot.gaps.iter().filter(|gap| gap.kind == GapKind::SocketsUndecided);
        (pids, undecided.map(|gap| gap.count).sum::<u64>())
    };
    assert_eq!(list(Filter::workload("service:bfe")), (vec![2000], 1), "what 2004 is of is not known");
    assert_eq!(list(Filter::workload("A.B")), (vec![2008], 2));
    let refused = take(&windows(&world), &Query::new().filter(Filter::container("web"))).unwrap_err();
    assert!(refused.is_unsupported(), "{refused}");
}

#[test]
fn child_of_the_service_manager_without_listed_services_may_be_of_one_that_is_omitted() {
    let mut world = world_of_denied_tokens();
    world.running = vec![(2004, text("BFE"))];
    world.programs.push(program(700, "Services.exe", BOOT + SECOND));
    for program in world.programs.iter_mut().filter(|program| [2000, 2004].contains(&program.pid)) {
        program.parent = 700;
    }
    // Has a later process in the place of its parent.
    world.programs.push(program(704, "services.exe", BOOT + 2 * SECOND));
    world.programs.iter_mut().filter(|program| program.pid == 2008).for_each(|program| program.parent = 704);
    let world = Arc::new(world);
    let snapshot = take(&windows(&world), &Query::new().processes(ProcessFields::WORKLOAD)).unwrap();
    let is_complete = |pid| snapshot.process(pid).unwrap().workload.as_ref().unwrap().is_complete;
    assert_eq!([2000, 2004, 2008].map(is_complete), [false, true, true]);
    let omitted = "EnumServicesStatusExW: omits services that the caller may not query";
    assert_eq!(snapshot.gaps, [Gap::new(GapKind::NamesUnavailable, 1, omitted)]);
    let query = Query::new().filter(Filter::workload("service:x")).owners(true).only_decided(true);
    let snapshot = take(&windows(&world), &query).unwrap();
    let undecided = snapshot.gaps.iter().find(|gap| gap.kind == GapKind::SocketsUndecided);
    assert_eq!((snapshot.sockets.len(), undecided.map(|gap| gap.count)), (0, Some(1)));
}

#[test]
fn services_that_cannot_be_listed_and_a_pid_that_is_reused_leave_gaps() {
    let query = Query::new().processes(ProcessFields::WORKLOAD);
    let world = Arc::new(World { running_status: 5, ..world() });
    let snapshot = take(&windows(&world), &query).unwrap();
    assert!(snapshot.gaps[0].source.starts_with("EnumServicesStatusExW: "), "{:?}", snapshot.gaps);
    assert_eq!((kinds(&snapshot), snapshot.gaps[0].count), (vec![GapKind::NamesUnavailable], 1));
    assert!(snapshot.processes.iter().all(|process| !process.workload.as_ref().unwrap().is_complete));

    let replaced = Some(program(2008, "newcomer.exe", NOW));
    let running = vec![(2008, text("Spooler"))];
    let world = Arc::new(World { running, replaced, ..world_of_denied_tokens() });
    let snapshot = take(&windows(&world), &query).unwrap();
    assert_eq!(snapshot.process(2008).unwrap().workload, None, "it may be the newcomer's");
    assert!(kinds(&snapshot).contains(&GapKind::ProcessesVanished));
}
