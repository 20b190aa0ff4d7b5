//! Ten thousand random worlds: each listing is compared with what its caller can know.

use super::expect::Oracle;
use super::*;
use std::ops::ControlFlow;

/// Sorts rows for comparison.
fn sorted(mut sockets: Vec<crate::Socket>) -> Vec<crate::Socket> {
    sockets
        .sort_by_key(|socket| (socket.protocol, socket.cookie, socket.local.clone(), socket.remote.clone()));
    sockets
}

fn assert_same(
    what: &str,
    seed: u64,
    machine: &Machine,
    got: Vec<crate::Socket>,
    expected: Vec<crate::Socket>,
) {
    let (got, expected) = (sorted(got), sorted(expected));
    let lost: Vec<_> = expected.iter().filter(|row| !got.contains(row)).collect();
    let made_up: Vec<_> = got.iter().filter(|row| !expected.contains(row)).collect();
    assert!(
        got == expected,
        "{what}, seed {seed}, {machine:?}\nnot listed as expected: {lost:#?}\nlisted: {made_up:#?}"
    );
}

fn check(seed: u64) {
    let mut chance = generate::Chance::new(seed);
    let machine = generate::machine(&mut chance);
    let world = generate::world(&mut chance, &machine);
    let oracle = Oracle { scan_first: false, world: &world, machine: &machine };
    let start = || Xnu::new(world.clone(), machine.clone());

    let xnu = start();
    let snapshot = xnu.snapshot(&everything()).unwrap();
    let expected = oracle.everything();
    assert!(snapshot.sockets.is_sorted_by_key(|socket| socket.protocol), "seed {seed}");
    assert_same("owners", seed, &machine, snapshot.sockets, expected.sockets);
    assert_eq!(counts(&snapshot.gaps), expected.gaps, "gaps, seed {seed}, {machine:?}");
    for process in &snapshot.processes {
        assert_eq!(*process, oracle.process(process.pid), "process, seed {seed}, {machine:?}");
    }

    // No call is repeated without need.
    let descriptors: usize =
        world.processes.iter().map(|process| process.descriptors.len() + process.parked.len()).sum();
    let bound = 60 + 20 * world.processes.len() + 4 * descriptors;
    assert!(xnu.calls() <= bound as u64, "seed {seed}: {} calls", xnu.calls());

    if seed.is_multiple_of(2) {
        let alone = start().snapshot(&Query::new()).unwrap();
        let filtered = |gaps: &[Gap]| {
            let mut counts = counts(gaps);
            counts.retain(|(kind, _)| *kind == GapKind::TableFiltered);
            counts
        };
        assert_eq!(
            filtered(&alone.gaps),
            oracle.filter_gaps(),
            "gaps of rows alone, seed {seed}, {machine:?}"
        );
        let counted = start().count(&Query::new()).unwrap();
        assert_eq!(counted.total(), alone.sockets.len() as u64, "seed {seed}, {machine:?}");
        assert_eq!(
            filtered(&counted.gaps),
            oracle.filter_gaps(),
            "gaps of a count, seed {seed}, {machine:?}"
        );
        assert_same("rows alone", seed, &machine, alone.sockets, oracle.rows_alone());
        return;
    }

    // The search comes first, so the second pass reads the process that has the reused pid.
    if world.processes.iter().any(|process| process.fate == Fate::PidIsReused) {
        return;
    }
    let expected = Oracle { scan_first: true, ..oracle }.everything();
    let mut streamed = Vec::new();
    let gaps = start().for_each(&everything(), |socket| {
        streamed.push(socket);
        ControlFlow::Continue(())
    });
    assert_same("streamed", seed, &machine, streamed, expected.sockets);
    assert_eq!(counts(&gaps.unwrap()), expected.gaps, "gaps of a stream, seed {seed}, {machine:?}");
}

#[test]
fn ten_thousand_random_worlds_list_exactly_what_their_caller_can_know() {
    for seed in 0..10_000 {
        check(seed);
    }
}
