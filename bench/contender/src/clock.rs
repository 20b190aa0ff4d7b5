//! Measures the time of calls, and the memory at the end of each.

use crate::account::{Account, Bound, Count};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Times calls, and reads the peak memory at the end of each, before the rows are counted.
#[derive(Debug)]
pub struct Clock {
    /// The port of the query.
    pub port: u16,
    times: Vec<Time>,
    peak_kib: u64,
    bound: Option<Bound>,
}

/// How long a call took.
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
    pub(crate) fn new(port: u16) -> Self {
        Self { port, times: Vec::new(), peak_kib: 0, bound: None }
    }

    /// Times a call. The account has the median of several.
    pub fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let (time, result) = Time::of(call);
        self.times.push(time);
        self.peak_kib = own_peak_kib().unwrap_or(0);
        result
    }

    /// Takes the last call timed as the dumps of a lower bound, and times the iteration that a listing does beside
    /// them, if it is available. The wall-clock time is that of the slower one, the processor time that of both.
    pub fn time_beside<T>(&mut self, iteration: Option<impl FnOnce() -> T>) -> Option<T> {
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

    pub(crate) fn account(&self, count: Count) -> Account {
        Account {
            call: nanoseconds(median(self.times.iter().map(|time| time.wall))),
            cpu: nanoseconds(median(self.times.iter().map(|time| time.cpu))),
            several: self.times.len() > 1 || self.bound.is_some(),
            peak_kib: self.peak_kib,
            count,
            bound: self.bound,
        }
    }
}

/// Zero if there are none.
fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    (at(times.len().saturating_sub(1) / 2) + at(times.len() / 2)) / 2
}

fn nanoseconds(time: Duration) -> u64 {
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
    fn of_several_calls_the_account_has_the_median() {
        let mut clock = Clock::new(0);
        clock.times = [1, 100, 20]
            .map(|milliseconds| {
                let wall = Duration::from_millis(milliseconds);
                Time { wall, cpu: wall / 10 }
            })
            .into();
        let account = clock.account(Count::default());
        assert_eq!((account.call, account.cpu, account.several), (20_000_000, 2_000_000, true));
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let of = |times: &[u64]| median(times.iter().map(|&time| Duration::from_nanos(time))).as_nanos();
        assert_eq!([of(&[4, 1, 2, 9]), of(&[3, 1, 2]), of(&[5]), of(&[])], [3, 2, 5, 0]);
    }
}
