//! The results, as they are stored in a file.

use crate::Result;
use crate::figures::{grouped, median};
use crate::world::Named;
use netstat_contender::{Bound, Count};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The form of the file; it changes when fields change their meaning.
const SCHEMA: &str = "netstat-bench/2";

/// A file of results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) schema: String,
    pub(crate) machine: Machine,
    pub(crate) worlds: Vec<Measured>,
    pub(crate) micro: Vec<Micro>,
}

/// The machine: figures of two machines are not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
}

/// The results of one world.
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
    /// Why the lower bound is that of the dumps alone, if it is.
    #[serde(default)]
    pub(crate) no_iteration: Option<String>,
}

/// The samples of one contender, and what it found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) title: String,
    /// The rows found; `None` if it does not list.
    pub(crate) count: Option<Count>,
    /// What it must find, if it is one of ours.
    pub(crate) expected: Option<Count>,
    /// In the order of the rounds.
    #[serde(rename = "turns")]
    pub(crate) samples: Vec<Sample>,
}

/// The measurement of one run. Times in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// The call alone; `None` for a program.
    pub(crate) call: Option<u64>,
    /// The whole process; `None` where it made several calls, of which `call` is the median.
    pub(crate) process: Option<u64>,
    /// The time of all processors together, for the call, or for the process of a program.
    pub(crate) cpu: u64,
    /// Of the whole process, from `exec` to its end, by the kernel's account.
    #[serde(default)]
    pub(crate) process_cpu: u64,
    pub(crate) peak_kib: u64,
    /// The parts of the lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<Bound>,
}

/// A contender that did not take part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) title: String,
    pub(crate) why: String,
}

/// A decoder: nanoseconds a record, in each round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Micro {
    pub(crate) name: String,
    /// The peer by whose time it is divided in the table.
    pub(crate) peer: Option<String>,
    pub(crate) nanoseconds: Vec<f64>,
}

impl Results {
    /// Results without measurements.
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
    /// It cannot be read or has another form.
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
    /// Results without measurements.
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
            no_iteration: None,
        }
    }

    /// How many sockets the world has; each is held by one process.
    pub(crate) fn sockets(&self) -> u64 {
        u64::try_from(self.tcp_sockets + self.udp_sockets).unwrap_or(u64::MAX)
    }

    /// A line that describes the world.
    pub(crate) fn heading(&self) -> String {
        format!(
            "World {}: {} sockets ({} TCP, {} UDP) and {} other descriptors in {} processes.\n",
            self.world,
            grouped(self.sockets()),
            grouped(self.tcp_sockets),
            grouped(self.udp_sockets),
            grouped(self.plain_descriptors),
            grouped(self.processes)
        )
    }

    /// The contenders that did not take part, a line each. (Writing to a `String` does not fail.)
    pub(crate) fn write_skipped(&self, out: &mut String) {
        for skipped in &self.skipped {
            let _ = writeln!(out, "skipped: {}: {}", skipped.title, skipped.why);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    /// The contenders of ours that did not find exactly what is expected: their figures are worth nothing.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.series.iter().filter_map(Series::fault).collect()
    }
}

impl Series {
    fn fault(&self) -> Option<String> {
        let (count, expected) = (self.count?, self.expected?);
        let title = &self.title;
        if (count.rows, count.owned) != (expected.rows, expected.owned) {
            let found = format!("{title} found {} rows and {} with owners", count.rows, count.owned);
            return Some(format!("{found}, where there are {} and {}", expected.rows, expected.owned));
        }
        let other = count.pids.is_some_and(|pids| Some(pids) != expected.pids);
        other.then(|| format!("{title} found other owners than there are"))
    }

    pub(crate) fn peak_kib(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.peak_kib as f64))
    }
}

impl Sample {
    /// The time that is compared: of the call, or of the program.
    pub(crate) fn time(&self) -> f64 {
        self.call.or(self.process).unwrap_or(0) as f64
    }
}
