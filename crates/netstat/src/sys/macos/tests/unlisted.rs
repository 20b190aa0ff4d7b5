//! Processes that a query asks for and that have no row.

use super::*;
use std::ops::ControlFlow;

/// A server, and a process without sockets.
fn processes() -> Vec<Process> {
    let idle = Process { name: "idle".to_owned(), path: None, ..process(101, 501, &[]) };
    let zombie = Process { name: "gone".to_owned(), fate: Fate::Zombie, ..process(102, 501, &[]) };
    vec![process(100, 501, &[(3, 0)]), idle, zombie]
}

/// The gaps of a query: of a snapshot, and the same of a stream and of a count.
#[track_caller]
fn gaps(machine: &Machine, query: &Query) -> Vec<Gap> {
    let xnu = || kernel_with(machine.clone(), processes(), vec![listener()]);
    let gaps = xnu().snapshot(query).unwrap().gaps;
    assert_eq!(xnu().for_each(query, |_| ControlFlow::Continue(())).unwrap(), gaps, "a stream");
    assert_eq!(xnu().count(query).unwrap().gaps, gaps, "a count");
    gaps
}

fn not_found(source: &str) -> Vec<Gap> {
    vec![Gap::new(GapKind::ProcessNotFound, 1, source.to_owned())]
}

#[test]
fn process_that_does_not_exist_is_a_gap_and_one_without_sockets_is_not() {
    let machine = Machine::new(15, 0, 900);
    assert_eq!(gaps(&machine, &Query::new().process_name("other")), not_found("name other"));
    for query in [Query::new().pid(101), Query::new().process_name("idle"), Query::new().pid(100)] {
        assert_eq!(gaps(&machine, &query), []);
    }
    // A zombie exists, and has no name any more.
    assert_eq!(gaps(&machine, &Query::new().pid(102)), []);
    assert_eq!(gaps(&machine, &Query::new().process_name("gone")), not_found("name gone"));
    // The scan finds out too that the process is gone.
    let gone = gaps(&machine, &Query::new().pid(77));
    assert!(gone.contains(&not_found("pid 77")[0]), "{gone:?}");
    let gone = gaps(&machine, &Query::new().pid(100).pid(77));
    assert!(gone.contains(&not_found("pid 77")[0]), "{gone:?}");
}

#[test]
fn other_users_processes_have_names_too() {
    let machine = Machine::new(15, 502, 900);
    let found = |name| {
        gaps(&machine, &Query::new().process_name(name)).contains(&not_found(&format!("name {name}"))[0])
    };
    assert!(found("other") && !found("idle"));
}

#[test]
fn nothing_is_said_of_names_where_a_sandbox_refuses_to_list_processes() {
    let machine = Machine { refuses_lists: true, ..Machine::new(15, 501, 900) };
    let gaps = gaps(&machine, &Query::new().process_name("other"));
    assert!(gaps.iter().any(|gap| gap.kind == GapKind::ProcessesHidden), "{gaps:?}");
    assert!(gaps.iter().all(|gap| gap.kind != GapKind::ProcessNotFound), "{gaps:?}");
}
