//! A call of a library in a process of its own, `bench contender NAME`, so that the memory is its own and no call
//! finds what another one has prepared.

use crate::Result;
use crate::results::Count;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Lists with the clock given, which times the call alone, and counts what came.
pub(super) type Call = fn(&mut Clock) -> Result<Count>;

/// Times one call, and takes the memory at its end, before anything is counted.
#[derive(Debug, Default)]
pub(super) struct Clock {
    time: Duration,
    peak_kib: u64,
}

impl Clock {
    pub(super) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        self.time = start.elapsed();
        self.peak_kib = own_peak_kib().unwrap_or(0);
        result
    }
}

/// What such a process says: one line of nanoseconds, KiB, rows, and rows with an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) call: Duration,
    pub(super) peak_kib: u64,
    pub(super) count: Count,
}

impl Answer {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            call: Duration::from_nanos(next()?),
            peak_kib: next()?,
            count: Count { rows: next()?, owned: next()? },
        })
    }
}

/// The process itself.
///
/// # Errors
/// The listing fails; there is no call of this name.
pub(crate) fn main(name: &str) -> Result<()> {
    let call = super::call(name).ok_or("contender is for the bench itself")?;
    let mut clock = Clock::default();
    let Count { rows, owned } = call(&mut clock)?;
    let time = clock.time.as_nanos();
    writeln!(io::stdout(), "{time} {} {rows} {owned}", clock.peak_kib)?;
    Ok(())
}

/// Counts rows, each given as whether it has an owner.
pub(super) fn count(rows: impl Iterator<Item = bool>) -> Count {
    let mut count = Count { rows: 0, owned: 0 };
    for owned in rows {
        count.rows += 1;
        count.owned += u64::from(owned);
    }
    count
}

/// `VmHWM`: the most memory that this process has had since its `exec`.
fn own_peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
