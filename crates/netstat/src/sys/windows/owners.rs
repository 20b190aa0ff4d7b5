//! Whether the processes that the tables name are still those that were meant.
//!
//! A row names the process that bound the endpoint, so there is nothing to search. But that process may have
//! ended, and its number be another's by now. One list of all processes with their start times, taken after
//! the tables, tells: a binder that is not in it has ended, and a process that started after the bind is not
//! the binder.
//!
//! The time of the bind and that of the start are both told by the time of day, which somebody may have set
//! in between: on a machine whose hardware clock is in local time, services of the first minute seem to have
//! started hours after they bound their sockets. So times are compared only while the start of the system
//! process and the uptime agree on when the machine was started.

use super::kernel::{Clock, Kernel};
use super::system::{Listing, list_failed};
use crate::engine::owner_table::{OwnerTable, Sighting};
use crate::engine::process_start_times::ProcessStartTimes;
use crate::model::gap::{Gap, GapKind};
use crate::sys;
use netstat_wire::windows::filetime::system_time;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// The system process, the first there is.
const SYSTEM: u32 = 4;

/// By how much two accounts of the machine's start may differ: clocks are corrected a little all the time.
const TOLERANCE_MS: i64 = 60_000;

/// A search for owners.
pub(crate) struct Search<K> {
    listing: Arc<Listing<K>>,
    sockets_are_listed: AtomicBool,
    result: Mutex<Option<OwnerTable>>,
}

impl<K: Kernel> Search<K> {
    pub(super) fn over(listing: Arc<Listing<K>>) -> Self {
        Self { listing, sockets_are_listed: AtomicBool::new(false), result: Mutex::new(None) }
    }

    fn look(&self) -> OwnerTable {
        let mut table = OwnerTable::default();
        let after_sockets = self.sockets_are_listed.load(SeqCst);
        let clock = self.listing.kernel.clock();
        let list = match self.listing.read_processes() {
            Ok(list) => list,
            Err(error) => {
                table.gaps.push(Gap::new(GapKind::ProcessListUnavailable, 1, list_failed(&error)));
                return table;
            }
        };
        // Those that ended are told apart by their time of start, whatever clock it is on.
        let sightings = list
            .processes()
            .map(|process| Sighting::new(process.pid, u64::try_from(process.created).unwrap_or(0)));
        table.add(Vec::new(), sightings.collect());
        if !list.is_complete() {
            // Who is missing in a list with holes has not ended.
            table.gaps.push(Gap::new(GapKind::RecordsSkipped, 1, "NtQuerySystemInformation"));
            return table;
        }
        table.census = Some(ProcessStartTimes {
            started: list.processes().map(|process| (process.pid, system_time(process.created))).collect(),
            at: system_time(clock.now),
            after_sockets,
            times_agree: times_agree(clock, list.get(SYSTEM).map(|system| system.created)),
        });
        table
    }
}

impl<K: Kernel + Send> sys::Search for Search<K> {
    /// Reads the processes, if the sockets are listed: not before, and once.
    fn run(&self) {
        if self.sockets_are_listed.load(SeqCst) {
            let mut result = self.result.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            result.get_or_insert_with(|| self.look());
        }
    }

    fn sockets_are_listed(&self, _keys: Option<Vec<u64>>) {
        self.sockets_are_listed.store(true, SeqCst);
    }

    fn table(&mut self) -> OwnerTable {
        let result = self.result.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        result.unwrap_or_else(|| self.look())
    }

    /// There is nothing to look for again: rows have named their owners.
    fn again(&mut self, _table: &mut OwnerTable, _missed: &[u64], _threads: usize) {}
}

/// Whether nobody has set the clock since the machine was started, as far as can be told.
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
