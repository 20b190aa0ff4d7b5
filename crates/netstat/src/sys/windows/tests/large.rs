//! Machines of many sockets.

use super::model::{BOOT, empty_world, endpoint, expected_rows, program, windows};
use super::scripted::World;
use crate::engine::snapshot::take;
use crate::model::protocol::Protocol;
use crate::query::Query;
use std::sync::Arc;

/// A machine with this many sockets, a quarter in each table, of 200 processes.
fn large_world(rows: u32) -> World {
    let mut world = empty_world();
    world.programs.extend((0..200).map(|number| program(8 + 4 * number, "svchost.exe", BOOT)));
    world.endpoints.extend((0..rows).map(|number| {
        let port = 1024 + number % 60_000;
        let v4 = number % 2 == 0;
        let protocol = if number % 4 < 2 { Protocol::Tcp } else { Protocol::Udp };
        let local = if v4 { format!("192.0.2.1:{port}") } else { format!("[2001:db8::1]:{port}") };
        endpoint(protocol, &local, 5, 8 + 4 * (number % 200))
    }));
    world
}

#[test]
fn every_row_of_many_is_listed_with_its_owner() {
    for (rows, threads) in [(10_000, 1), (100_000, 4)] {
        let world = Arc::new(large_world(rows));
        let snapshot = take(&windows(&world), &Query::new().owners(true).threads(threads)).unwrap();
        assert_eq!(snapshot.gaps, []);
        assert!(snapshot.sockets == expected_rows(&world), "{rows} rows");
    }
}
