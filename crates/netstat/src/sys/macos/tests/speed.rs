//! A bound on our own work, generous enough for a build without optimisation on a busy machine. What it takes
//! in a release build is printed by the example `scripted_macos`.

use super::*;
use std::time::{Duration, Instant};

#[test]
fn work_grows_with_the_number_of_sockets_and_not_with_its_square() {
    let time = |count: u64| {
        let sockets: Vec<Socket> =
            (1..=count).map(|number| Socket { handle: number, generation: number, ..listener() }).collect();
        let held = |place: usize| (3 + i32::try_from(place % 10).unwrap(), place);
        let places: Vec<(i32, usize)> = (0..sockets.len()).map(held).collect();
        let processes = (1000..).zip(places.chunks(10)).map(|(pid, held)| process(pid, 0, held)).collect();
        let xnu = kernel(15, 0, processes, sockets);
        let runs = (0..5).map(|_| {
            let start = Instant::now();
            assert_eq!(xnu.snapshot(&everything()).unwrap().gaps, []);
            start.elapsed()
        });
        runs.min().unwrap_or_default().max(Duration::from_millis(1))
    };
    let (small, large) = (time(1_000), time(8_000));
    assert!(large < small * 32, "{small:?} for 1,000, {large:?} for 8,000");
}
