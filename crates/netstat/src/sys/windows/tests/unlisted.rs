//! Processes that a query asks for and that have no row.

use super::model::{BOOT, empty_world, endpoint, program, windows};
use super::scripted::{Program, Trouble, World};
use crate::engine::snapshot::{count, stream, take};
use crate::model::gap::{Gap, GapKind};
use crate::model::protocol::Protocol;
use crate::query::Query;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A machine with a server, and a process without sockets.
fn world() -> World {
    let mut world = empty_world();
    world.programs.push(program(1232, "server.exe", BOOT + 7));
    world.programs.push(program(1236, "idle.exe", BOOT + 8));
    world.endpoints.push(endpoint(Protocol::Tcp, "192.0.2.1:80", 2, 1232));
    world
}

/// The gaps of a query: of a snapshot, and the same of a stream and of a count.
#[track_caller]
fn gaps(world: &Arc<World>, query: &Query) -> Vec<Gap> {
    let gaps = take(&windows(world), query).unwrap().gaps;
    assert_eq!(stream(&windows(world), query, &mut |_| ControlFlow::Continue(())).unwrap(), gaps, "a stream");
    assert_eq!(count(&windows(world), query, false).unwrap().gaps, gaps, "a count");
    gaps
}

fn not_found(source: &str) -> Vec<Gap> {
    vec![Gap::new(GapKind::ProcessNotFound, 1, source.to_owned())]
}

#[test]
fn process_that_does_not_exist_is_a_gap_and_one_without_sockets_is_not() {
    let world = Arc::new(world());
    assert_eq!(gaps(&world, &Query::new().pid(1240)), not_found("pid 1240"));
    assert_eq!(gaps(&world, &Query::new().process_name("other")), not_found("name other"));
    for query in [Query::new().pid(1236), Query::new().process_name("IDLE"), Query::new().pid(1232)] {
        assert_eq!(gaps(&world, &query), []);
    }
    // One of two.
    assert_eq!(gaps(&world, &Query::new().pid(1232).pid(1240)), not_found("pid 1240"));
    let names = Query::new().process_name("server.exe").process_name("other");
    assert_eq!(gaps(&world, &names), not_found("name other"));
}

#[test]
fn ended_binder_has_its_row_by_pid() {
    let mut world = world();
    world.programs.retain(|program: &Program| program.pid != 1232);
    let world = Arc::new(world);
    assert_eq!(take(&windows(&world), &Query::new().pid(1232)).unwrap().sockets.len(), 1);
    assert_eq!(gaps(&world, &Query::new().pid(1232)), []);
}

#[test]
fn nothing_is_said_of_processes_if_their_list_is_not_whole() {
    for processes in [
        Trouble { cut: Some(300), ..Trouble::default() },
        Trouble { status: 0xc000_0022, ..Trouble::default() },
    ] {
        let world = Arc::new(World { processes, ..world() });
        for query in [Query::new().pid(1240), Query::new().process_name("other")] {
            let gaps = gaps(&world, &query);
            assert!(
                !gaps.is_empty() && gaps.iter().all(|gap| gap.kind != GapKind::ProcessNotFound),
                "{gaps:?}"
            );
        }
    }
}
