//! The time since boot, and the unit in which `/proc` counts times.

#[cfg(feature = "bpf")]
use rustix::time::ClockId;
use rustix::time::{DynamicClockId, clock_gettime_dynamic};

/// Nanoseconds since boot, suspended time included; 0 if the kernel does not report it.
///
/// # Sources
/// clock_gettime(2), `CLOCK_BOOTTIME`.
pub(crate) fn nanoseconds_since_boot() -> u64 {
    nanoseconds(DynamicClockId::Boottime)
}

/// Nanoseconds of the monotonic clock, that of [`Instant`](std::time::Instant); 0 if the kernel does not report it.
///
/// # Sources
/// clock_gettime(2), `CLOCK_MONOTONIC`.
#[cfg(feature = "bpf")]
pub(crate) fn monotonic_nanoseconds() -> u64 {
    nanoseconds(DynamicClockId::Known(ClockId::Monotonic))
}

fn nanoseconds(of: DynamicClockId<'_>) -> u64 {
    // Not `clock_gettime` of rustix, which panics if the kernel or a sandbox refuses.
    let Ok(now) = clock_gettime_dynamic(of) else { return 0 };
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

/// The length of a tick, the unit of times in `/proc`. A second has `USER_HZ` of them, 100 on every processor but Alpha and
/// Itanium, for which there is no Rust.
///
/// # Sources
/// `USER_HZ` of asm-generic/param.h, as sysconf(3) has it under `_SC_CLK_TCK`.
pub(crate) const NANOSECONDS_PER_TICK: u64 = 1_000_000_000 / 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_since_boot_runs_and_is_the_one_of_proc_uptime() {
        let before = nanoseconds_since_boot();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let after = nanoseconds_since_boot();
        let (before, after) = (before / 10_000_000, after / 10_000_000 + 1);
        assert!(
            (before..=after).any(|hundredths| (seconds * 100.0).round() == hundredths as f64),
            "{uptime}"
        );
    }

    #[test]
    fn start_time_of_a_thread_is_between_the_times_before_and_after_its_start() {
        let before = nanoseconds_since_boot() / NANOSECONDS_PER_TICK;
        let stat = std::thread::spawn(|| std::fs::read("/proc/thread-self/stat").unwrap()).join().unwrap();
        let after = nanoseconds_since_boot() / NANOSECONDS_PER_TICK;
        let started = netstat_wire::linux::proc_pid_stat::Stat::decode(&stat).unwrap().start_time_ticks;
        assert!((before..=after).contains(&started), "{before} {started} {after}");
    }
}
