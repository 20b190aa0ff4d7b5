//! Details of processes that a lister has read before.
//!
//! A process keeps its pid and start time for life; together they name it for good. What it has besides can
//! change: it executes another program, which draws a new place for its stack, or gives itself another name.
//! `/proc/<pid>/stat` has all of that in one read, which is made at every listing; the other files are read once.
//!
//! Within one listing nothing is read twice: what is read ahead, while the kernel still dumps its tables, is at
//! hand when the rows are there.

use crate::model::process::{Process, ProcessFields};
use netstat_wire::linux::proc_pid_stat::Stat;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// How many listings a process is remembered for that owns none of the sockets that they show.
const UNSEEN: u32 = 16;

/// Processes that have been met.
#[derive(Default)]
pub(crate) struct ProcessCache {
    by_pid: HashMap<u32, Known>,
    listing: u32,
    /// What is the same for all processes of this listing.
    common: Option<Arc<Common>>,
}

/// What is the same for all processes of one listing.
pub(crate) struct Common {
    fields: ProcessFields,
    pub(crate) boot: Option<SystemTime>,
    /// The stand-in number of users without one, if the user namespace has such users.
    pub(crate) stand_in_uid: Option<u32>,
}

impl Common {
    pub(crate) fn new(fields: ProcessFields, boot: Option<SystemTime>, stand_in_uid: Option<u32>) -> Self {
        Self { fields, boot, stand_in_uid }
    }
}

struct Known {
    stamp: Stamp,
    fields: ProcessFields,
    process: Process,
    /// The listing that it was last seen in.
    seen: u32,
}

/// What distinguishes a process, its program and its name from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    start_time_ticks: u64,
    start_stack: u64,
    comm: Vec<u8>,
}

impl Stamp {
    /// `None` where the kernel does not show whether another program has been executed.
    pub(crate) fn of(stat: &Stat) -> Option<Self> {
        let Stat { start_time_ticks, comm, .. } = stat;
        stat.start_stack.map(|start_stack| Self {
            start_time_ticks: *start_time_ticks,
            start_stack,
            comm: comm.clone(),
        })
    }
}

impl ProcessCache {
    /// A new listing begins. Those not met for long are forgotten.
    pub(crate) fn begin(&mut self) {
        self.listing = self.listing.wrapping_add(1);
        self.common = None;
        let now = self.listing;
        self.by_pid.retain(|_, known| now.wrapping_sub(known.seen) < UNSEEN);
    }

    /// What is the same for all processes, read once a listing.
    pub(crate) fn common(&mut self, fields: ProcessFields, read: impl FnOnce() -> Common) -> Arc<Common> {
        match &self.common {
            Some(common) if common.fields == fields => Arc::clone(common),
            _ => Arc::clone(self.common.insert(Arc::new(read()))),
        }
    }

    /// The process as it was read in this listing.
    pub(crate) fn met(&self, pid: u32, fields: ProcessFields) -> Option<&Process> {
        let known = self.by_pid.get(&pid)?;
        (known.seen == self.listing && known.fields == fields).then_some(&known.process)
    }

    /// The process as it was read before, if it is still that one and as much was asked for then.
    pub(crate) fn get(&self, pid: u32, stamp: &Stamp, fields: ProcessFields) -> Option<&Process> {
        let known = self.by_pid.get(&pid)?;
        (known.stamp == *stamp && known.fields == fields).then_some(&known.process)
    }

    /// Remembers processes of this listing.
    pub(crate) fn learn(&mut self, fields: ProcessFields, met: &[(Process, Option<Stamp>)]) {
        let seen = self.listing;
        for (process, stamp) in met {
            let Some(stamp) = stamp else { continue };
            match self.by_pid.get_mut(&process.pid) {
                Some(known) if known.stamp == *stamp && known.fields == fields => {
                    known.process.parent = process.parent;
                    known.seen = seen;
                }
                _ => {
                    let known = Known { stamp: stamp.clone(), fields, process: process.clone(), seen };
                    self.by_pid.insert(process.pid, known);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    const FIELDS: ProcessFields = ProcessFields::NAME;

    fn stamp(start_time_ticks: u64, start_stack: u64, comm: &str) -> Stamp {
        Stamp { start_time_ticks, start_stack, comm: comm.into() }
    }

    fn process(pid: u32, name: &str) -> Process {
        Process { name: Some(OsString::from(name)), ..Process::new(pid) }
    }

    #[test]
    fn process_is_known_while_it_is_the_same_with_the_same_program_and_name() {
        let mut known = ProcessCache::default();
        known.learn(FIELDS, &[(process(7, "a"), Some(stamp(1, 2, "a"))), (process(8, "b"), None)]);
        assert_eq!(known.get(7, &stamp(1, 2, "a"), FIELDS), Some(&process(7, "a")));
        for other in [stamp(9, 2, "a"), stamp(1, 9, "a"), stamp(1, 2, "z")] {
            assert_eq!(known.get(7, &other, FIELDS), None, "{other:?}");
        }
        assert_eq!(known.get(7, &stamp(1, 2, "a"), FIELDS | ProcessFields::PATH), None);
        assert_eq!(known.get(8, &stamp(1, 2, "a"), FIELDS), None);
        // Its pid is that of another one now.
        known.learn(FIELDS, &[(process(7, "c"), Some(stamp(5, 6, "c")))]);
        assert_eq!(known.get(7, &stamp(1, 2, "a"), FIELDS), None);
        assert_eq!(known.get(7, &stamp(5, 6, "c"), FIELDS), Some(&process(7, "c")));
    }

    #[test]
    fn process_that_was_read_in_this_listing_is_met_and_not_in_the_next() {
        let mut known = ProcessCache::default();
        known.begin();
        known.learn(FIELDS, &[(process(7, "a"), Some(stamp(1, 2, "a")))]);
        assert_eq!(known.met(7, FIELDS), Some(&process(7, "a")));
        assert_eq!(known.met(7, ProcessFields::PATH), None);
        known.begin();
        assert_eq!(known.met(7, FIELDS), None);
    }

    #[test]
    fn process_that_is_not_met_for_long_is_forgotten() {
        let mut known = ProcessCache::default();
        known.learn(FIELDS, &[(process(7, "a"), Some(stamp(1, 2, "a")))]);
        for listing in 1..UNSEEN {
            known.begin();
            known.learn(FIELDS, &[(process(8, "b"), Some(stamp(1, 2, "b")))]);
            assert!(known.get(7, &stamp(1, 2, "a"), FIELDS).is_some(), "{listing}");
        }
        known.begin();
        assert_eq!(known.get(7, &stamp(1, 2, "a"), FIELDS), None);
        assert!(known.get(8, &stamp(1, 2, "b"), FIELDS).is_some());
    }
}
