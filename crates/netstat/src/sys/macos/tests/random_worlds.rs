//! Ten thousand worlds, each listed and compared with what its caller could know.

use super::expect::Oracle;
use super::*;
use std::ops::ControlFlow;

/// Rows in an order of their own, for comparison.
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
    let oracle = Oracle { world: &world, machine: &machine };
    let start = || Xnu::new(world.clone(), machine.clone());

    let xnu = start();
    let snapshot = xnu.snapshot(&everything()).unwrap();
    let expected = oracle.everything();
    assert!(snapshot.sockets.is_sorted_by_key(|socket| socket.protocol), "seed {seed}");
    assert_same("owners", seed, &machine, snapshot.sockets, expected.sockets.clone());
    assert_eq!(counts(&snapshot.gaps), expected.gaps, "gaps, seed {seed}, {machine:?}");
    for process in &snapshot.processes {
        assert_eq!(*process, oracle.process(process.pid), "process, seed {seed}, {machine:?}");
    }

    // Each call has its place: none is made more often than this.
    let descriptors: usize =
        world.processes.iter().map(|process| process.descriptors.len() + process.parked.len()).sum();
    let bound = 60 + 20 * world.processes.len() + 2 * descriptors;
    assert!(xnu.calls() <= bound as u64, "seed {seed}: {} calls", xnu.calls());

    if seed.is_multiple_of(2) {
        let alone = start().snapshot(&Query::new()).unwrap();
        assert_same("rows alone", seed, &machine, alone.sockets, oracle.rows_alone());
        return;
    }

    // The search comes first here, so it looks twice: and the second time at the process that has been given
    // the pid of another one.
    if world.processes.iter().any(|process| process.fate == Fate::PidIsUsedAgain) {
        return;
    }
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
