//! Whether the binders that the tables name still run.
//!
//! A row names the process that bound the endpoint, so there is nothing to search for. But that process may have
//! ended, and its pid may have been reused. One list of all processes with their start times, read after the tables,
//! decides: a binder whose pid is not in it has ended, and a process that started after the bind is not the binder.
//!
//! The times of bind and start are wall-clock times, and the clock may have been set in between: on a machine whose
//! hardware clock is in local time, services of the first minute seem to have started hours after they bound their
//! sockets. So times are compared only while the start of the system process and the uptime agree on the time of boot.

use super::kernel::{Clock, Kernel};
use super::processes::Shared;
use crate::engine::owner_table::{OwnerTable, ProcessSeen};
use crate::engine::parallel::lock;
use crate::engine::process_start_times::ProcessStartTimes;
use crate::model::gap::{Gap, GapKind};
use crate::sys::system::OwnerSearch;
use netstat_wire::windows::filetime::system_time;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// The system process, the first there is.
const SYSTEM: u32 = 4;

/// By how much two accounts of the machine's start may differ: clocks are corrected a little all the time.
const TOLERANCE_MS: i64 = 60_000;

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
        table.process_starts = Some(ProcessStartTimes {
            started: list.processes().map(|process| (process.pid, system_time(process.created))).collect(),
            at: system_time(clock.now),
            after_sockets,
            times_agree: times_agree(clock, list.get(SYSTEM).map(|system| system.created)),
        });
        table
    }
}

impl<K: Kernel + Send> OwnerSearch for BinderCheck<K> {
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

/// Whether the clock has not been set since boot, as far as two measures of the time of boot show.
fn times_agree(clock: Clock, system_started: Option<i64>) -> bool {
    let Some(started) = system_started.filter(|started| *started > 0) else { return false };
    let since_start = clock.now.saturating_sub(started) / 10_000;
    let uptime = i64::try_from(clock.uptime_ms).unwrap_or(i64::MAX);
    since_start.saturating_sub(uptime).saturating_abs() <= TOLERANCE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_compared_only_while_the_clock_has_not_been_set() {
        let hour = 36_000_000_000;
        let now = 133_497_504_000_000_000;
        let clock = Clock { now, uptime_ms: 3_600_000 };
        assert!(times_agree(clock, Some(now - hour)));
        assert!(times_agree(clock, Some(now - hour - 300_000_000)));
        assert!(!times_agree(clock, Some(now)));
        assert!(!times_agree(clock, Some(now + hour)));
        assert!(!times_agree(clock, Some(now - 3 * hour)));
        assert!(!times_agree(clock, Some(0)));
        assert!(!times_agree(clock, None));
        assert!(!times_agree(Clock { now: i64::MIN, uptime_ms: u64::MAX }, Some(i64::MAX)));
    }
}
