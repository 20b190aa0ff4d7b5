//! What was measured, as it is kept in a file of results.

use crate::Result;
use crate::figures::median;
use crate::world::Named;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The form of the file; another one when fields change their meaning.
const SCHEMA: &str = "netstat-bench/1";

/// A file of results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema: String,
    pub(crate) machine: Machine,
    pub(crate) worlds: Vec<Measured>,
    pub(crate) micro: Vec<Micro>,
}

/// Where it was measured: figures of two machines are not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
}

/// All that was measured in one world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) world: String,
    pub(crate) processes: usize,
    pub(crate) plain_descriptors: usize,
    pub(crate) tcp_sockets: usize,
    pub(crate) udp_sockets: usize,
    pub(crate) rounds: usize,
    pub(crate) series: Vec<Series>,
    pub(crate) skipped: Vec<Skipped>,
}

/// One contender's turns, and what it found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) title: String,
    /// Whether it is one of ours.
    pub(crate) ours: bool,
    /// Whether it is to find owners.
    pub(crate) owners: bool,
    pub(crate) count: Count,
    /// In the order of the rounds.
    pub(crate) turns: Vec<Turn>,
}

/// What a listing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) rows: u64,
    /// Those with an owner.
    pub(crate) owned: u64,
}

/// One turn. Times in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The call alone; `None` for a program.
    pub(crate) call: Option<u64>,
    /// The whole process.
    pub(crate) process: u64,
    /// Of all processors together, for the whole process.
    pub(crate) cpu: u64,
    pub(crate) peak_kib: u64,
}

/// Who did not take part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) title: String,
    pub(crate) why: String,
}

/// A decoder: nanoseconds a record, in each round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Micro {
    pub(crate) name: String,
    /// Whose time it is divided by in the table.
    pub(crate) peer: Option<String>,
    pub(crate) nanoseconds: Vec<f64>,
}

impl Results {
    /// Nothing yet.
    pub(crate) fn of_this_machine() -> Self {
        Self { schema: SCHEMA.to_owned(), machine: Machine::this(), worlds: Vec::new(), micro: Vec::new() }
    }

    /// # Errors
    /// It cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// # Errors
    /// It cannot be read or is something else.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
        let results: Self = serde_json::from_str(&text).map_err(|error| fail(&error))?;
        if results.schema == SCHEMA {
            Ok(results)
        } else {
            Err(fail(&format!("its form is {}, not {SCHEMA}", results.schema)).into())
        }
    }
}

impl Machine {
    fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map(|(_, name)| name.trim().to_owned());
        Self {
            processor: processor.unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl Measured {
    /// Nothing yet.
    pub(crate) fn new(world: &Named, rounds: usize) -> Self {
        let counts = world.spec.counts();
        Self {
            world: world.name.clone(),
            processes: counts.processes,
            plain_descriptors: counts.plain_descriptors,
            tcp_sockets: counts.tcp_sockets,
            udp_sockets: counts.udp_sockets,
            rounds,
            series: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// How many sockets the world has; each is held by one process.
    pub(crate) fn sockets(&self) -> u64 {
        u64::try_from(self.tcp_sockets + self.udp_sockets).unwrap_or(u64::MAX)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// Where one of ours did not find exactly what there is: its figures are worth nothing then.
    pub(crate) fn faults(&self) -> Vec<String> {
        let sockets = self.sockets();
        let ours = self.series.iter().filter(|series| series.ours);
        ours.filter_map(|Series { title, owners, count, .. }| {
            let expected = Count { rows: sockets, owned: if *owners { sockets } else { 0 } };
            (*count != expected).then(|| {
                let Count { rows, owned } = count;
                format!("{title} found {rows} rows and {owned} with owners, where {} sockets are", sockets)
            })
        })
        .collect()
    }
}

impl Series {
    pub(crate) fn peak_kib(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.peak_kib as f64))
    }
}

impl Turn {
    /// The time that counts: of the call, or of the program.
    pub(crate) fn time(&self) -> f64 {
        self.call.unwrap_or(self.process) as f64
    }
}
