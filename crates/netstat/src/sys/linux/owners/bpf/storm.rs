//! The program that walks descriptor tables, in a storm: processes that fork, execute, leave and share their tables, let
//! them grow, and open, close and replace sockets, while the program reads their tables without a lock.
//!
//! Some windows in which a table can change are shorter than a microsecond, so that a program that checks nothing is right for
//! hours. Here the program waits in these windows, and each of its checks is left out once: then there must be faults.
//!
//! Ignored, since it takes both processors for half a minute; `ci/check.sh storm` runs it. `NETSTAT_STORM_SECONDS=600` makes it
//! longer.

use super::fdtable::settings::{Checks, Settings, Waits};
use super::fdtable::{Fault, FdTables, Layout};
use super::types::Types;
use super::{Evidence, Families, SocketFile, SocketRow, kernel_types};
use crate::engine::parallel::lock;
use rustix::io::Errno;
use socket_world::{Held, Storm, Turmoil, Verdict, kernel, live_skip, namespace};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a process may take until it, or its parent, has written down that it exists.
const PATIENCE: Duration = Duration::from_secs(1);

/// The calm processes of each storm.
const CALM: usize = 3;

/// One storm at a time.
static STORM: Mutex<()> = Mutex::new(());

/// How long the whole of a test may take.
fn seconds(default: u64) -> Duration {
    let asked = std::env::var("NETSTAT_STORM_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(default))
}

/// What was wrong in the passes of a storm.
#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    /// Records by what is wrong with them, and the first few.
    wrong: BTreeMap<&'static str, u64>,
    examples: Vec<String>,
}

impl Faults {
    fn note(&mut self, what: &'static str, example: impl FnOnce() -> String) {
        *self.wrong.entry(what).or_default() += 1;
        if self.examples.len() < 10 {
            self.examples.push(format!("{what}: {}", example()));
        }
    }

    fn any(&self) -> bool {
        !self.wrong.is_empty()
    }
}

/// A storm, the program that reads its tables, and what it has read so far.
struct Passes<'a> {
    storm: &'a Storm,
    layout: Layout,
    tables: FdTables,
    netns: u32,
    calm: BTreeSet<(u32, i32, u64)>,
    flipping: BTreeSet<(u32, i32, u64)>,
    /// Records of processes that may not be known yet.
    unknown: VecDeque<(Instant, Held, u16)>,
    faults: Faults,
    passes: u64,
    records: u64,
    /// Passes without an answer: slots kept changing. A slow program may find a table changed each time that it looks.
    given_up: u64,
}

impl<'a> Passes<'a> {
    fn new(storm: &'a Storm, layout: Layout, settings: Settings) -> Self {
        let file = kernel_types().unwrap();
        let types = Types::new(&file).unwrap();
        let set = |held: &[Held]| held.iter().map(|held| (held.pid, held.fd, held.inode)).collect();
        let netns = std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino();
        Self {
            storm,
            layout,
            tables: FdTables::load_with(&types, Families::Internet, layout, settings).unwrap(),
            netns: u32::try_from(netns).unwrap(),
            calm: set(storm.calm()),
            flipping: set(storm.flipping()),
            unknown: VecDeque::new(),
            faults: Faults::default(),
            passes: 0,
            records: 0,
            given_up: 0,
        }
    }

    /// One pass, and what is wrong with it.
    fn pass(&mut self) {
        let (mut files, mut rows, mut more) = (Vec::new(), Vec::new(), Vec::new());
        let read = match self.layout {
            Layout::Record => self.tables.read(&mut |_, file| files.push(file)),
            // In turns by one thread and by two.
            Layout::Row if self.passes % 2 == 0 => self.tables.read_rows(&mut [&mut |_, row| rows.push(row)]),
            Layout::Row => {
                self.tables.read_rows(&mut [&mut |_, row| rows.push(row), &mut |_, row| more.push(row)])
            }
        };
        rows.append(&mut more);
        files.extend(rows.iter().map(|row| row.file));
        let torn = rows.into_iter().filter(|row| !is_whole(self.storm, self.netns, row));
        match read {
            Ok(()) => {}
            Err(Fault::Errno(Errno::BUSY)) => {
                self.given_up += 1;
                return;
            }
            Err(fault) => panic!("{fault:?}"),
        }
        self.passes += 1;
        torn.for_each(|row| self.faults.note("torn", || format!("{row:?}")));
        let (mut calm, mut flipping, mut seen) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        // The socket by which another program of this test is checked is no part of the storm.
        files.retain(|file| file.pid != std::process::id());
        for SocketFile { pid, fd, inode, evidence } in files {
            let key = (pid, fd, inode);
            let is_calm = self.calm.contains(&key);
            let Some(evidence) = evidence.filter(|evidence| evidence.netns == self.netns) else {
                if is_calm {
                    self.faults.note("network namespace", || format!("{key:?} {evidence:?}"));
                }
                continue;
            };
            self.records += 1;
            if is_calm {
                *calm.entry(key).or_insert(0) += 1;
            }
            if self.flipping.contains(&key) {
                flipping.insert(key);
            }
            if self.storm.single_threaded().contains(&pid) && !seen.insert((pid, fd)) {
                self.faults.note("doubled", || format!("{key:?}"));
            }
            let is_right = (evidence.family, evidence.socket_type, evidence.protocol);
            if evidence.port != 0 && ![(2, 1, 6), (2, 2, 17)].contains(&is_right) {
                self.faults.note("torn", || format!("{key:?} {evidence:?}"));
            }
            self.judge(Instant::now(), Held { pid, fd, inode }, evidence.port, PATIENCE);
        }
        for key in &self.calm {
            match calm.get(key).copied().unwrap_or(0) {
                1 => {}
                0 => self.faults.note("missing", || format!("{key:?}")),
                _ => self.faults.note("doubled", || format!("{key:?}")),
            }
        }
        for key in self.flipping.difference(&flipping) {
            self.faults.note("missing", || format!("{key:?} of a table that flips"));
        }
        self.judge_older_than(PATIENCE);
    }

    /// A record that is wrong, or, with some patience, to be judged later.
    fn judge(&mut self, since: Instant, held: Held, port: u16, patience: Duration) {
        let what = match self.storm.judge(held, port) {
            Verdict::Right => return,
            Verdict::WrongProcess if !patience.is_zero() => {
                return self.unknown.push_back((since, held, port));
            }
            Verdict::WrongProcess => "process",
            Verdict::WrongDescriptor => "descriptor",
            Verdict::Torn => "torn",
        };
        self.faults.note(what, || format!("{held:?} port {port}"));
    }

    fn judge_older_than(&mut self, patience: Duration) {
        while self.unknown.front().is_some_and(|(since, ..)| since.elapsed() >= patience) {
            if let Some((since, held, port)) = self.unknown.pop_front() {
                self.judge(since, held, port, Duration::ZERO);
            }
        }
    }

    /// Passes until the time is over or, if that is asked for, there is a fault.
    fn run(&mut self, limit: Duration, until_fault: bool) {
        let end = Instant::now() + limit;
        let is_over = |passes: &Self| until_fault && passes.faults.any();
        while Instant::now() < end && !is_over(self) {
            self.pass();
        }
        while !is_over(self) && !self.unknown.is_empty() {
            std::thread::sleep(Duration::from_millis(20));
            self.judge_older_than(PATIENCE);
        }
    }
}

/// Whether what follows the record in a row is of the same socket, as far as it does not change while the socket is open.
fn is_whole(storm: &Storm, netns: u32, row: &SocketRow) -> bool {
    let of_storm = |evidence: &Evidence| evidence.netns == netns && evidence.port != 0;
    let Some(evidence) = row.file.evidence.filter(|it| of_storm(it) && row.file.pid != std::process::id())
    else {
        return true;
    };
    let [a, b, c, d, rest @ ..] = row.local;
    let is_connected = row.remote != [0; 16] || row.remote_port != 0;
    storm.has_address(evidence.port, [a, b, c, d].into())
        && rest == [0; 12]
        && (row.uid, row.interface, row.v6_only) == (0, 0, false)
        && !(evidence.protocol == 17 && (is_connected || row.state != 7))
}

/// Runs `test` in a network namespace of its own, or returns why it cannot.
fn in_own_namespace(test: impl FnOnce() + Send) -> Result<(), String> {
    kernel::bpf_iterators()?;
    if kernel::is_before(6, 4) {
        return Err("BPF that walks tables: Linux before 6.4".to_owned());
    }
    match namespace::in_network_namespace(test) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(format!("a network namespace: {error}"))
        }
        done => {
            done.unwrap();
            Ok(())
        }
    }
}

/// The same for a program that writes records and for one that writes rows.
fn in_each_layout<T: Copy>(case: T) -> [(T, Layout); 2] {
    [Layout::Record, Layout::Row].map(|layout| (case, layout))
}

#[test]
#[ignore = "takes both processors for half a minute; ci/check.sh storm"]
fn no_record_of_a_storm_is_wrong_and_no_stable_one_missing_or_doubled() {
    let _one = lock(&STORM);
    let slow = Waits { slots: 50, sockets: 50, record: 50 };
    let default = Settings::DEFAULT;
    let all = [
        ("as in a listing", default),
        ("slowed down", Settings { waits: slow, ..default }),
        // Every step is the last of its call.
        ("resumed", Settings { max_records: 32, max_slots: 8, ..default }),
        ("slowed down and resumed", Settings { waits: slow, max_records: 32, max_slots: 8, ..default }),
    ];
    let ran = in_own_namespace(|| {
        let storm = Storm::start(&Turmoil::ALL, CALM).unwrap();
        assert_eq!(storm.calm().len(), CALM * Storm::CALM_SOCKETS);
        for ((name, settings), layout) in all.into_iter().flat_map(in_each_layout) {
            let mut passes = Passes::new(&storm, layout, settings);
            passes.run(seconds(16) / 8, false);
            let Passes { faults, passes, records, given_up, .. } = passes;
            println!(
                "{name}, {layout:?}: {passes} passes, {records} records, {given_up} given up, {faults:?}"
            );
            assert!(!faults.any() && passes > 0, "{name}, {layout:?}: {faults:?} in {records} records");
            let is_slow = settings.waits.record > 0;
            assert!(is_slow || given_up == 0, "{name}, {layout:?}: {given_up} of {passes} passes given up");
        }
        let counts = storm.counts();
        println!("{counts:?}");
        assert!(
            [counts.forks, counts.unshares, counts.accepts, counts.changes].iter().all(|count| *count > 0)
        );
    });
    if let Err(why) = ran {
        live_skip!("{why}");
    }
}

#[test]
#[ignore = "takes both processors for half a minute; ci/check.sh storm"]
fn without_any_one_of_the_checks_a_storm_finds_faults() {
    let _one = lock(&STORM);
    let all = Settings::DEFAULT.checks;
    let none = Waits { slots: 0, sockets: 0, record: 0 };
    // Each with the windows long in which the check must notice a change, and with those who make that change.
    let cases = [
        ("A", Checks { before: false, ..all }, Waits { slots: 300, ..none }, Turmoil::Flips),
        ("B", Checks { record: false, ..all }, Waits { sockets: 3000, ..none }, Turmoil::Moves),
        ("C", Checks { after: false, ..all }, Waits { sockets: 3000, ..none }, Turmoil::Shares),
    ];
    let ran = in_own_namespace(|| {
        let end = Instant::now() + seconds(24);
        for ((name, checks, waits, turmoil), layout) in cases.into_iter().flat_map(in_each_layout) {
            let storm = Storm::start(&[turmoil; 2], CALM).unwrap();
            let mut passes = Passes::new(&storm, layout, Settings { checks, waits, ..Settings::DEFAULT });
            let start = Instant::now();
            passes.run(end.saturating_duration_since(start), true);
            let Passes { faults, passes, records, given_up, .. } = passes;
            let time = start.elapsed();
            println!(
                "without {name}, {layout:?}: {passes} passes, {records} records, {given_up} given up in {time:?}, {faults:?}"
            );
            assert!(faults.any(), "without {name}, {layout:?}: no fault in {records} records");
            // The same with all checks.
            let mut passes = Passes::new(&storm, layout, Settings { waits, ..Settings::DEFAULT });
            passes.run(time.max(Duration::from_secs(1)).min(Duration::from_secs(3)), false);
            let Passes { faults, records, .. } = passes;
            assert!(
                !faults.any(),
                "with all checks, where {name} was missing, {layout:?}: {faults:?} in {records} records"
            );
        }
    });
    if let Err(why) = ran {
        live_skip!("{why}");
    }
}
