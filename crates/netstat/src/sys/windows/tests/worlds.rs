//! Ten thousand random machines are listed as they are.

use super::model::{NOW, Random, expected_rows, random_world, set_back, text, windows};
use super::scripted::{Program, World};
use crate::engine::snapshot::{stream, take};
use crate::model::family::Family;
use crate::model::owner::OwnerRole;
use crate::model::process::ProcessFields;
use crate::model::protocol::Protocol;
use crate::model::socket::Socket;
use crate::query::Query;
use netstat_wire::windows::filetime::system_time;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

const WORLDS: u64 = 10_000;

fn everything() -> Query {
    Query::new().processes(ProcessFields::all()).services(true).threads(1)
}

fn os_string(units: &[u16]) -> OsString {
    String::from_utf16_lossy(units).into()
}

#[test]
fn random_worlds_are_listed_with_their_sockets_owners_names_and_services() {
    let (mut sockets, mut ended, mut services) = (0, 0, 0);
    for seed in 0..WORLDS {
        let world = Arc::new(random_world(seed));
        let snapshot = take(&windows(&world), &everything()).unwrap();
        assert_eq!(snapshot.gaps, [], "seed {seed}");
        assert_eq!(snapshot.sockets, expected_rows(&world), "seed {seed}");
        check_processes(&world, &snapshot.sockets, &snapshot, seed);

        sockets += snapshot.sockets.len();
        let owners = snapshot.sockets.iter().flat_map(Socket::owners);
        ended += owners.filter(|owner| owner.role == OwnerRole::EndedBinder).count();
        services += snapshot.sockets.iter().filter(|socket| socket.service().is_some()).count();
        // Four tables, two lists of processes, those of users and of services, three calls for each process, one for each
        // service.
        let bound = 19 + 3 * world.programs.len() + world.endpoints.len();
        let calls = usize::try_from(world.calls.load(SeqCst)).unwrap();
        assert!(calls <= bound, "seed {seed}: {calls} calls");
    }
    // The worlds are not trivial.
    assert!(sockets > 100_000 && ended > 10_000 && services > 10_000, "{sockets} {ended} {services}");
}

fn check_processes(world: &World, sockets: &[Socket], snapshot: &crate::Snapshot, seed: u64) {
    let mut pids: Vec<u32> = sockets
        .iter()
        .flat_map(Socket::owners)
        .filter(|owner| owner.role == OwnerRole::Binder)
        .map(|owner| owner.pid)
        .collect();
    pids.sort_unstable();
    pids.dedup();
    let listed: Vec<u32> = snapshot.processes.iter().map(|process| process.pid).collect();
    assert_eq!(listed, pids, "seed {seed}");
    for process in &snapshot.processes {
        let program = world.programs.iter().find(|program| program.pid == process.pid).unwrap();
        let Program { name, parent, created, session, image, user, .. } = program;
        assert_eq!(process.name, (!name.is_empty()).then(|| os_string(name)), "seed {seed}");
        assert_eq!(process.start_time, system_time(*created));
        assert_eq!(process.session, Some(*session));
        let elder = world.programs.iter().find(|other| other.pid == *parent && other.pid != 0);
        let elder = elder.filter(|elder| elder.created <= *created).map(|elder| elder.pid);
        assert_eq!(process.parent, elder, "seed {seed}");
        let path = image.as_ref().map(|_| PathBuf::from("C:\\x\\y.exe"));
        assert_eq!(process.path, path, "seed {seed}: {program:?}");
        let number = user.as_ref().map(|sid| sid[8]);
        let name = number.map(|number| match number {
            18 => "NT AUTHORITY\\SYSTEM".to_owned(),
            // The others have no name.
            number => format!("S-1-5-{number}"),
        });
        assert_eq!(process.user, name, "seed {seed}");
        assert_eq!((process.uid, &process.command_line), (None, &None));
    }
}

#[test]
fn queries_of_random_worlds_list_the_selected_rows() {
    for seed in 0..2_000 {
        let world = Arc::new(random_world(seed));
        let all = expected_rows(&world);
        let mut random = Random::new(!seed);
        let protocol = random.choose(&[Protocol::Tcp, Protocol::Udp]);
        let family = random.choose(&[Family::Ipv4, Family::Ipv6]);
        let pid = 8 + 4 * random.below(20);
        let listed = |query: &Query| take(&windows(&world), query).unwrap().sockets;
        let query = everything().protocol(protocol).family(family);
        let expected: Vec<_> =
            all.iter().filter(|row| row.protocol == protocol && row.family == family).cloned().collect();
        assert_eq!(listed(&query), expected, "seed {seed}");

        let expected: Vec<_> = all.iter().filter(|row| row.is_listening()).cloned().collect();
        assert_eq!(listed(&everything().listening()), expected, "seed {seed}");

        let expected: Vec<_> =
            all.iter().filter(|row| row.owners().iter().any(|owner| owner.pid == pid)).cloned().collect();
        assert_eq!(listed(&everything().pid(pid)), expected, "seed {seed}");

        let has_name = |row: &Socket| {
            row.owners().iter().any(|owner| {
                let program = world.programs.iter().find(|program| program.pid == owner.pid);
                owner.role == OwnerRole::Binder
                    && program.is_some_and(|program| program.name == text("chrome.exe"))
            })
        };
        let expected: Vec<_> = all.iter().filter(|row| has_name(row)).cloned().collect();
        assert_eq!(listed(&everything().process_name("CHROME")), expected, "seed {seed}");

        let plain = Query::new().threads(1);
        let without: Vec<_> = listed(&plain);
        assert_eq!(without.len(), all.len());
        assert!(without.iter().all(|row| row.owners().is_empty() && row.service().is_none()));
    }
}

#[test]
fn streamed_rows_of_random_worlds_are_those_of_a_snapshot() {
    for seed in 0..2_000 {
        let world = Arc::new(random_world(seed));
        let mut streamed = Vec::new();
        let gaps = stream(&windows(&world), &everything(), &mut |row| {
            streamed.push(row);
            ControlFlow::Continue(())
        });
        assert_eq!(gaps.unwrap(), [], "seed {seed}");
        let all = expected_rows(&world);
        assert_eq!(streamed.len(), all.len());
        for (row, expected) in streamed.iter().zip(&all) {
            // Without a reliable time, a process that is missing from an early list may be new.
            let listed_at = NOW - set_back(&world) - 50_000_000;
            let is_undecided =
                expected.created.is_none_or(|created| i64::try_from(created.get()).unwrap() >= listed_at);
            if is_undecided && expected.owners().iter().any(|owner| owner.role == OwnerRole::EndedBinder) {
                assert_eq!((&row.local, row.owners()[0].pid), (&expected.local, expected.owners()[0].pid));
            } else {
                assert_eq!(row, expected, "seed {seed}");
            }
        }
    }
}
