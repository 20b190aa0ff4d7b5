//! Whether the binders that the tables name still run.
//!
//! A row names the process that bound the endpoint, so there is nothing to search for. But that process may have
//! ended, and its pid may have been reused. One list of all processes with their start times, read after the tables,
//! decides: a binder whose pid is not in it has ended, and a process that started after the bind is not the binder.
//! The system process never ends.
//!
//! The times of bind and start are wall-clock times. If the clock goes back by an hour after a service has started and
//! before it binds its socket, the service seems to have started an hour after the bind. So a process counts as younger
//! only if it started later by more than the clock may have gone back since boot. The uptime, which is never set, shows
//! that: it exceeds the wall-clock time since the start of the system process. Time that the wall clock has gained (corrections forward, pauses of a virtual machine) makes no running
//! binder look younger and needs no allowance, so the check works after weeks of drift and after a pause.

use super::kernel::{Clock, Kernel};
use super::process_list::{ProcessEntry, ProcessList};
use super::shared::Shared;
use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::engine::parallel::lock;
use crate::engine::process_start_times::ProcessStartTimes;
use crate::model::gap::{Gap, GapKind};
use crate::sys::system::OwnerSearch;
use netstat_wire::windows::filetime::{PER_SECOND, system_time};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The system process, which is created at boot.
const SYSTEM: u32 = 4;

/// The least allowance, for small steps back that a later step forward has hidden.
const MIN_ALLOWANCE: i64 = 5 * PER_SECOND;

/// The allowance for processes that started in the first minutes, when the clock is set most often: a step back may be
/// hidden by a step or pause forward later.
const BOOT_ALLOWANCE: i64 = 60 * PER_SECOND;
const BOOT_PHASE: i64 = 10 * 60 * PER_SECOND;

/// Finds out which of the binders still run.
pub(crate) struct BinderCheck<K> {
    shared: Arc<Shared<K>>,
    tables_complete: AtomicBool,
    result: Mutex<Option<OwnerTable>>,
}

impl<K: Kernel> BinderCheck<K> {
    pub(super) fn over(shared: Arc<Shared<K>>) -> Self {
        Self { shared, tables_complete: AtomicBool::new(false), result: Mutex::new(None) }
    }

    fn check(&self) -> OwnerTable {
        let mut table = OwnerTable::default();
        let after_sockets = self.tables_complete.load(SeqCst);
        let clock = self.shared.kernel.clock();
        let list = match self.shared.read_processes() {
            Ok(list) => list,
            Err(failure) => {
                table.gaps.push(Gap::new(GapKind::ProcessListUnavailable, 1, failure));
                return table;
            }
        };
        // The start time identifies a process even if the clock has been set.
        let seen = list
            .processes()
            .map(|process| ProcessSeen::new(process.pid, u64::try_from(process.created).unwrap_or(0)));
        table.add(Vec::new(), seen.collect());
        if !list.is_complete() {
            // A process that is missing from an incomplete list may still run.
            table.gaps.push(Gap::new(GapKind::RecordsSkipped, 1, "NtQuerySystemInformation"));
            return table;
        }
        table.process_starts = Some(process_starts(clock, &list, after_sockets));
        table
    }
}

impl<K: Kernel> OwnerSearch for BinderCheck<K> {
    /// Reads the processes, if the tables are complete: not before, and once.
    fn run(&self) {
        if self.tables_complete.load(SeqCst) {
            lock(&self.result).get_or_insert_with(|| self.check());
        }
    }

    fn tables_complete(&self, _keys: Option<Vec<u64>>) {
        self.tables_complete.store(true, SeqCst);
    }

    fn table(&mut self) -> OwnerTable {
        let result = self.result.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| self.check())
    }
}

/// The earliest times, on the clock of a later bind, at which the processes can have started.
fn process_starts(clock: Clock, list: &ProcessList, after_sockets: bool) -> ProcessStartTimes {
    let boot = list.get(SYSTEM).map(|system| system.created).filter(|created| *created > 0);
    // Without the system process (Wine) the clock cannot be checked, and no time is compared.
    let set_back = boot.map(|boot| set_back_since(boot, clock));
    let earliest = |process: &ProcessEntry| -> Option<SystemTime> {
        let (boot, set_back) = (boot?, set_back?);
        let is_of_boot = process.created.saturating_sub(boot) <= BOOT_PHASE;
        let allowance = set_back.saturating_add(if is_of_boot { BOOT_ALLOWANCE } else { MIN_ALLOWANCE });
        let started = (process.pid != SYSTEM && process.created > 0).then_some(process.created)?;
        system_time(started.saturating_sub(allowance))
    };
    ProcessStartTimes {
        started: list.processes().map(|process| (process.pid, earliest(process))).collect(),
        at: set_back.and_then(|set_back| {
            system_time(clock.now.saturating_sub(set_back).saturating_sub(MIN_ALLOWANCE))
        }),
        after_sockets,
    }
}

/// By how much the wall clock has gone back since boot, in units of a `FILETIME`.
fn set_back_since(boot: i64, clock: Clock) -> i64 {
    let uptime = i64::try_from(clock.uptime_ms).unwrap_or(i64::MAX).saturating_mul(PER_SECOND / 1000);
    uptime.saturating_sub(clock.now.saturating_sub(boot)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_set_back_is_measured_and_time_gained_is_not() {
        const HOUR: i64 = 3_600 * PER_SECOND;
        let now = 133_497_504_000_000_000;
        let clock = Clock { now, uptime_ms: 3_600_000 };
        assert_eq!(set_back_since(now - HOUR, clock), 0);
        assert_eq!(set_back_since(now - HOUR + 30 * PER_SECOND, clock), 30 * PER_SECOND);
        assert_eq!(set_back_since(now, clock), HOUR);
        assert_eq!(set_back_since(now + HOUR, clock), 2 * HOUR);
        assert_eq!(set_back_since(now - 3 * HOUR, clock), 0);
        assert_eq!(set_back_since(i64::MAX, Clock { now: i64::MIN, uptime_ms: u64::MAX }), i64::MAX);
    }
}
