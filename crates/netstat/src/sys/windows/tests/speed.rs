//! What a listing costs beside the calls of the system.

use super::model::{BOOT, empty_world, endpoint, program, windows};
use super::scripted::World;
use crate::engine::snapshot::take_from;
use crate::model::socket::Protocol;
use crate::query::Query;
use crate::sys::windows::kernel::{Account, Answer, Clock, Kernel};
use crate::sys::windows::system::Windows;
use crate::sys::windows::table::Table;
use netstat_wire::windows::Family;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ROWS: u32 = 10_000;

/// A machine of so many sockets, a quarter in each table, of 200 processes.
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

/// Answers as the machine inside did the first time, so that hardly more than a copy is left of a call, and
/// counts the time that even that takes.
struct Recorded {
    world: Arc<World>,
    tables: HashMap<(Protocol, bool), Vec<u8>>,
    spent: Mutex<Duration>,
}

impl Recorded {
    fn new(world: Arc<World>) -> Self {
        Self { world, tables: HashMap::new(), spent: Mutex::default() }
    }

    fn record(&mut self) {
        use crate::sys::windows::table::Class;
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for family in [Family::Ipv4, Family::Ipv6] {
                let table = Table { protocol, family, class: Class::OwnerModule, listeners: false };
                let mut bytes = vec![0; 32 << 20];
                let answer = self.world.socket_table(table, &mut bytes);
                assert_eq!(answer.status, 0);
                bytes.truncate(answer.bytes);
                self.tables.insert((protocol, family == Family::Ipv4), bytes);
            }
        }
    }

    fn timed<R>(&self, call: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let answer = call();
        *self.spent.lock().unwrap() += start.elapsed();
        answer
    }
}

impl Kernel for Arc<Recorded> {
    fn socket_table(&self, table: Table, buffer: &mut [u8]) -> Answer {
        self.timed(|| {
            let bytes = &self.tables[&(table.protocol, table.family == Family::Ipv4)];
            match buffer.get_mut(..bytes.len()) {
                Some(place) => {
                    place.copy_from_slice(bytes);
                    Answer { status: 0, bytes: bytes.len() }
                }
                None => Answer { status: 122, bytes: bytes.len() },
            }
        })
    }
    fn bound_tcp_table(&self, _: Family) -> Option<Result<Vec<u8>, u32>> {
        None
    }
    fn udp_table_2(&self, _: Family) -> Option<Result<Vec<u8>, u32>> {
        None
    }
    fn process_information(&self, buffer: &mut [u8]) -> Answer {
        self.timed(|| self.world.process_information(buffer))
    }
    fn image_name(&self, pid: u32, buffer: &mut [u16]) -> Answer {
        self.timed(|| self.world.image_name(pid, buffer))
    }
    fn image_path(&self, pid: u32) -> Result<Vec<u16>, u32> {
        self.timed(|| self.world.image_path(pid))
    }
    fn drives(&self) -> Vec<(u16, Vec<u16>)> {
        self.world.drives()
    }
    fn windows_directory(&self) -> Vec<u16> {
        self.world.windows_directory()
    }
    fn user(&self, pid: u32) -> Result<Vec<u8>, u32> {
        self.timed(|| self.world.user(pid))
    }
    fn own_account(&self) -> Option<Account> {
        self.world.own_account()
    }
    fn machine_sid(&self) -> Option<Vec<u8>> {
        self.world.machine_sid()
    }
    fn account(&self, sid: &[u8]) -> Option<(Vec<u16>, Vec<u16>)> {
        self.world.account(sid)
    }
    fn service(&self, pid: u32, tag: u32) -> Option<Vec<u16>> {
        self.timed(|| self.world.service(pid, tag))
    }
    fn clock(&self) -> Clock {
        self.world.clock()
    }
    fn error(&self, status: u32) -> io::Error {
        self.world.error(status)
    }
    fn os_string(&self, units: &[u16]) -> OsString {
        self.world.os_string(units)
    }
}

/// The least time of some listings that is not spent inside of calls.
fn own_time(query: &Query) -> Duration {
    let mut recorded = Recorded::new(Arc::new(large_world(ROWS)));
    recorded.record();
    let recorded = Arc::new(recorded);
    let listing = || {
        *recorded.spent.lock().unwrap() = Duration::ZERO;
        let start = Instant::now();
        let snapshot = take_from(&Windows::over(Arc::clone(&recorded)), query).unwrap();
        let whole = start.elapsed();
        assert_eq!(snapshot.sockets.len(), usize::try_from(ROWS).unwrap());
        whole.saturating_sub(*recorded.spent.lock().unwrap())
    };
    (0..50).map(|_| listing()).min().unwrap()
}

/// Run with optimisation: `cargo test --release --lib -- --ignored --nocapture ten_thousand_rows`.
#[test]
#[ignore = "a measurement, of use in a release build alone"]
fn bench_ten_thousand_rows_cost_at_most_three_milliseconds() {
    for (what, query) in [
        ("rows alone", Query::new().threads(1)),
        ("with owners", Query::new().owners(true).threads(1)),
        ("with all details", Query::new().processes(crate::ProcessFields::all()).services(true).threads(1)),
    ] {
        let time = own_time(&query);
        println!("{ROWS} rows, {what}: {time:?}");
        if !cfg!(debug_assertions) {
            assert!(time <= Duration::from_millis(3), "{what}: {time:?}");
        }
    }
}

#[test]
fn hundred_thousand_rows_are_listed() {
    let world = Arc::new(large_world(100_000));
    let snapshot = take_from(&windows(&world), &Query::new().owners(true).threads(1)).unwrap();
    assert_eq!((snapshot.sockets.len(), &snapshot.gaps[..]), (100_000, &[][..]));
}
