//! A call of a library in a process of its own, `bench contender NAME PORT`, so that the memory is its own and no call
//! finds what another one has prepared.

use crate::Result;
use crate::figures::median;
use crate::results::{Bound, Count};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Lists with the clock given, which times the call alone, and counts what came.
pub(super) type Call = fn(&mut Clock) -> Result<Count>;

/// Times calls, and takes the memory at the end of each, before anything is counted.
#[derive(Debug)]
pub(super) struct Clock {
    /// The port that is asked about.
    pub(super) port: u16,
    times: Vec<Time>,
    peak_kib: u64,
    bound: Option<Bound>,
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
struct Time {
    wall: Duration,
    /// Of all processors together.
    cpu: Duration,
}

impl Time {
    fn of<T>(call: impl FnOnce() -> T) -> (Self, T) {
        let (start, cpu) = (Instant::now(), cpu_of_this_process());
        let result = call();
        (Self { wall: start.elapsed(), cpu: cpu_of_this_process().saturating_sub(cpu) }, result)
    }
}

impl Clock {
    fn new(port: u16) -> Self {
        Self { port, times: Vec::new(), peak_kib: 0, bound: None }
    }

    /// Of several calls the one in the middle is told.
    pub(super) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let (time, result) = Time::of(call);
        self.times.push(time);
        self.peak_kib = own_peak_kib().unwrap_or(0);
        result
    }

    /// Takes what was timed last as the dumps of a lower bound, and times what a listing has beside them, if it can be
    /// had. The time is that of the slower one, and of the processors that of both.
    pub(super) fn time_beside<T>(&mut self, iteration: Option<impl FnOnce() -> T>) -> Option<T> {
        let last = self.times.last_mut()?;
        let mut bound = Bound { dump: nanoseconds(last.wall), iteration: None };
        let result = iteration.map(|iteration| {
            let (time, result) = Time::of(iteration);
            bound.iteration = Some(nanoseconds(time.wall));
            last.wall = last.wall.max(time.wall);
            last.cpu += time.cpu;
            result
        });
        self.bound = Some(bound);
        result
    }

    fn account(&self, count: Count) -> Account {
        let middle = |of: fn(&Time) -> Duration| median(self.times.iter().map(|time| of(time).as_secs_f64()));
        Account {
            call: nanoseconds(Duration::from_secs_f64(middle(|time| time.wall))),
            cpu: nanoseconds(Duration::from_secs_f64(middle(|time| time.cpu))),
            several: self.times.len() > 1 || self.bound.is_some(),
            peak_kib: self.peak_kib,
            count,
            bound: self.bound,
        }
    }
}

/// What such a process says, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Account(Account),
    /// Why it does not take part.
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    /// Nanoseconds, as all times here.
    pub(super) call: u64,
    pub(super) cpu: u64,
    /// More than one call was made.
    pub(super) several: bool,
    pub(super) peak_kib: u64,
    pub(super) count: Count,
    pub(super) bound: Option<Bound>,
}

/// Why a contender does not take part here: no error, but a reason to tell.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The process itself.
///
/// # Errors
/// The listing fails; there is no call of this name.
pub(crate) fn main(name: &str, port: u16) -> Result<()> {
    let call = super::call(name).ok_or("contender is for the bench itself")?;
    let mut clock = Clock::new(port);
    let answer = match call(&mut clock) {
        Ok(count) => Answer::Account(clock.account(count)),
        Err(error) if error.is::<Unavailable>() => Answer::Unavailable(error.to_string()),
        Err(error) => return Err(error),
    };
    writeln!(io::stdout(), "{}", serde_json::to_string(&answer)?)?;
    Ok(())
}

/// Counts rows, each given as whether it has an owner.
pub(super) fn count(rows: impl Iterator<Item = bool>) -> Count {
    let mut count = Count::default();
    for owned in rows {
        count.rows += 1;
        count.owned += u64::from(owned);
    }
    count
}

/// Counts rows, each given as the pids of its owners.
pub(super) fn count_owners<Pids: Iterator<Item = u32>>(rows: impl Iterator<Item = Pids>) -> Count {
    let mut count = Count::default();
    let mut sum = 0;
    for pids in rows {
        let mut owned = false;
        for pid in pids {
            owned = true;
            sum += u64::from(pid);
        }
        count.rows += 1;
        count.owned += u64::from(owned);
    }
    Count { pids: Some(sum), ..count }
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn cpu_of_this_process() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// `VmHWM`: the most memory that this process has had since its `exec`.
fn own_peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn the_bound_is_the_slower_of_its_two_parts() {
        for (dump, iteration) in [(20, 1), (1, 20)] {
            let mut clock = Clock::new(0);
            let wait = |milliseconds| move || sleep(Duration::from_millis(milliseconds));
            clock.time(wait(dump));
            clock.time_beside(Some(wait(iteration)));
            let account = clock.account(Count::default());
            let bound = account.bound.expect("its parts");
            assert_eq!(Some(account.call), Some(bound.dump).max(bound.iteration));
            assert!(account.call >= 20_000_000, "{account:?}");
        }
    }

    #[test]
    fn of_several_calls_the_one_in_the_middle_is_told() {
        let mut clock = Clock::new(0);
        for milliseconds in [1, 100, 20] {
            clock.time(|| sleep(Duration::from_millis(milliseconds)));
        }
        let account = clock.account(Count::default());
        assert!((20_000_000..100_000_000).contains(&account.call) && account.several, "{account:?}");
    }
}
