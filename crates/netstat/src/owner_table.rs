//! What a search for owners found: who holds what, and what a missing owner means.

use crate::gap::{Gap, GapKind};
use crate::owner::{HiddenOwner, Owner, Ownership};
use std::fmt::Display;

/// One socket in the hands of one process. The key is the inode or handle of
/// [`Identity`](crate::Identity).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    pub(crate) key: u64,
    pub(crate) owner: Owner,
}

/// When a process was seen with the sockets it holds, on the clock that process start times are told in:
/// a process that started later has been given the pid of one that is gone.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    pub(crate) pid: u32,
    /// Nanoseconds since the machine was started.
    pub(crate) at: u64,
}

/// The result of a search for owners.
#[derive(Debug, Default)]
pub(crate) struct OwnerTable {
    /// Ascending, each once.
    held: Vec<Held>,
    /// Ascending by pid, each once: the processes that hold something.
    sightings: Vec<Sighting>,
    /// Whether every process that could hold a socket was read.
    pub(crate) complete: bool,
    /// What it means when a socket that has an identity is not in the table.
    pub(crate) absent: Ownership,
    /// What the search could not see.
    pub(crate) gaps: Vec<Gap>,
    /// What it could not see that matters only when an owner is missing.
    pub(crate) gaps_if_absent: Vec<Gap>,
}

impl OwnerTable {
    /// The result of a search that could not be made.
    pub(crate) fn unsearched(why: impl Display) -> Self {
        Self {
            absent: Ownership::Hidden { reason: HiddenOwner::UnreadableProcess },
            gaps: vec![Gap::new(GapKind::OwnersUnavailable, 1, why.to_string())],
            ..Self::default()
        }
    }

    /// Adds what a round of the search found, in any order, each perhaps more than once.
    pub(crate) fn add(&mut self, held: Vec<Held>, sightings: Vec<Sighting>) {
        if self.held.is_empty() {
            self.held = held;
        } else {
            self.held.extend(held);
        }
        // Stable, because it finds the sorted runs that the threads left behind and only merges them.
        self.held.sort();
        self.held.dedup();
        self.sightings.extend(sightings);
        self.sightings.sort_unstable();
        self.sightings.dedup_by_key(|sighting| sighting.pid);
    }

    /// Who holds the socket with this key. Looked up, never taken: a second row with the same key has the
    /// same owners.
    pub(crate) fn owners(&self, key: u64) -> impl Iterator<Item = Owner> {
        let from = self.held.partition_point(|held| held.key < key);
        self.held.iter().skip(from).take_while(move |held| held.key == key).map(|held| held.owner)
    }

    /// When this process was seen.
    pub(crate) fn sighting(&self, pid: u32) -> Option<Sighting> {
        let found = self.sightings.binary_search_by_key(&pid, |sighting| sighting.pid);
        found.ok().and_then(|index| self.sightings.get(index).copied())
    }

    /// The processes that hold something.
    pub(crate) fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }
}
