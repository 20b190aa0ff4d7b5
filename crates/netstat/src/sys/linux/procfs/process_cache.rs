//! Details of processes that a lister has read before.
//!
//! The pid and the start time of a process never change; together they identify it. Other properties can change: it
//! executes another program, or changes its name. `/proc/<pid>/stat` shows these changes in one read, which every listing
//! makes; the other files are read once.
//!
//! Within one listing nothing is read twice: details that were prefetched while the kernel still dumped its tables are
//! used when the rows have come.

use crate::model::process::{Process, ProcessFields};
use netstat_wire::linux::proc_pid_stat::Stat;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// After how many listings in which it owned no listed socket a process is dropped.
const MAX_UNSEEN: u32 = 16;

/// Processes that earlier listings have read.
#[derive(Default)]
pub(crate) struct ProcessCache {
    by_pid: HashMap<u32, Entry>,
    listing: u32,
    /// What all processes of this listing share.
    common: Option<Arc<Common>>,
}

/// What all processes of one listing share.
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

pub(crate) struct Entry {
    pub(crate) stamp: Stamp,
    fields: ProcessFields,
    pub(crate) process: Process,
    /// The listing that it was last seen in.
    seen: u32,
}

/// What distinguishes a process, its program and its name from any other.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    start_time_ticks: u64,
    start_stack: u64,
    comm: Vec<u8>,
    /// Whether each program gets its own address of the stack; `None`: not looked at yet.
    pub(crate) is_random: Option<bool>,
}

impl Stamp {
    /// `None` where the kernel does not show whether another program has been executed.
    pub(crate) fn of(stat: &Stat) -> Option<Self> {
        let Stat { start_time_ticks, comm, .. } = stat;
        stat.start_stack.map(|start_stack| Self {
            start_time_ticks: *start_time_ticks,
            start_stack,
            comm: comm.clone(),
            is_random: None,
        })
    }

    /// Whether two reads of one process are of two programs, or names.
    pub(crate) fn differs(a: &Stat, b: &Stat) -> bool {
        (a.start_stack, &a.comm) != (b.start_stack, &b.comm)
    }

    fn is_same(&self, other: &Self) -> bool {
        let of = |stamp: &Self| (stamp.start_time_ticks, stamp.start_stack);
        of(self) == of(other) && self.comm == other.comm
    }
}

impl ProcessCache {
    /// Begins a listing, and drops processes that no recent listing has read.
    pub(crate) fn begin(&mut self) {
        self.listing = self.listing.wrapping_add(1);
        self.common = None;
        let now = self.listing;
        self.by_pid.retain(|_, known| now.wrapping_sub(known.seen) < MAX_UNSEEN);
    }

    /// What all processes share, read once per listing.
    pub(crate) fn common(&mut self, fields: ProcessFields, read: impl FnOnce() -> Common) -> Arc<Common> {
        match &self.common {
            Some(common) if common.fields == fields => Arc::clone(common),
            _ => Arc::clone(self.common.insert(Arc::new(read()))),
        }
    }

    /// The process as it was read in this listing.
    pub(crate) fn current(&self, pid: u32, fields: ProcessFields) -> Option<&Process> {
        let known = self.by_pid.get(&pid)?;
        (known.seen == self.listing && known.fields == fields).then_some(&known.process)
    }

    /// The process as an earlier listing read it, if the stamp and the fields are the same.
    pub(crate) fn get(&self, pid: u32, stamp: &Stamp, fields: ProcessFields) -> Option<&Entry> {
        let known = self.by_pid.get(&pid)?;
        (known.stamp.is_same(stamp) && known.fields == fields).then_some(known)
    }

    /// Stores processes of this listing.
    pub(crate) fn store(&mut self, fields: ProcessFields, read: &[(Process, Option<Stamp>)]) {
        let seen = self.listing;
        for (process, stamp) in read {
            let Some(stamp) = stamp else { continue };
            match self.by_pid.get_mut(&process.pid) {
                Some(known) if known.stamp.is_same(stamp) && known.fields == fields => {
                    known.process.clone_from(process);
                    known.stamp.is_random = stamp.is_random;
                    known.seen = seen;
                }
                _ => {
                    let known = Entry { stamp: stamp.clone(), fields, process: process.clone(), seen };
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
        Stamp { start_time_ticks, start_stack, comm: comm.into(), is_random: None }
    }

    fn process(pid: u32, name: &str) -> Process {
        Process { name: Some(OsString::from(name)), ..Process::new(pid) }
    }

    #[test]
    fn process_is_cached_while_program_and_name_are_the_same() {
        let mut known = ProcessCache::default();
        known.store(FIELDS, &[(process(7, "a"), Some(stamp(1, 2, "a"))), (process(8, "b"), None)]);
        assert_eq!(
            known.get(7, &stamp(1, 2, "a"), FIELDS).map(|entry| &entry.process),
            Some(&process(7, "a"))
        );
        for other in [stamp(9, 2, "a"), stamp(1, 9, "a"), stamp(1, 2, "z")] {
            assert!(known.get(7, &other, FIELDS).is_none(), "{other:?}");
        }
        assert!(known.get(7, &stamp(1, 2, "a"), FIELDS | ProcessFields::PATH).is_none());
        assert!(known.get(8, &stamp(1, 2, "a"), FIELDS).is_none());
        // The pid now belongs to another process.
        known.store(FIELDS, &[(process(7, "c"), Some(stamp(5, 6, "c")))]);
        assert!(known.get(7, &stamp(1, 2, "a"), FIELDS).is_none());
        assert_eq!(
            known.get(7, &stamp(5, 6, "c"), FIELDS).map(|entry| &entry.process),
            Some(&process(7, "c"))
        );
    }

    #[test]
    fn process_is_current_only_in_the_listing_that_read_it() {
        let mut known = ProcessCache::default();
        known.begin();
        known.store(FIELDS, &[(process(7, "a"), Some(stamp(1, 2, "a")))]);
        assert_eq!(known.current(7, FIELDS), Some(&process(7, "a")));
        assert_eq!(known.current(7, ProcessFields::PATH), None);
        known.begin();
        assert_eq!(known.current(7, FIELDS), None);
    }

    #[test]
    fn process_that_many_listings_have_not_read_is_dropped() {
        let mut known = ProcessCache::default();
        known.store(FIELDS, &[(process(7, "a"), Some(stamp(1, 2, "a")))]);
        for listing in 1..MAX_UNSEEN {
            known.begin();
            known.store(FIELDS, &[(process(8, "b"), Some(stamp(1, 2, "b")))]);
            assert!(known.get(7, &stamp(1, 2, "a"), FIELDS).is_some(), "{listing}");
        }
        known.begin();
        assert!(known.get(7, &stamp(1, 2, "a"), FIELDS).is_none());
        assert!(known.get(8, &stamp(1, 2, "b"), FIELDS).is_some());
    }
}
