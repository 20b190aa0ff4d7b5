//! What a search for owners found: who holds what, and what a missing owner means.

use crate::engine::process_start_times::ProcessStartTimes;
use crate::model::gap::{Gap, GapKind};
use crate::model::owner::{HiddenOwner, Owner, Ownership};
use crate::model::owner_source::OwnersFrom;
use crate::model::socket::{Identity, Socket};
use std::fmt::Display;
use std::num::NonZeroU64;
use std::ops::Range;

/// One socket in the hands of one process. The key is the inode of [`Identity`](crate::Identity), or made of
/// its handle ([`handle_key`]).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    pub(crate) key: u64,
    pub(crate) owner: Owner,
}

/// The key of a socket with a handle. A handle is given out again when its socket is gone; the generation,
/// where the system tells one, is not. Both together are one number as the two are mixed: that of another
/// socket is the same once in 2^64, which is also how sure a handle is that a kernel has hashed itself.
pub(crate) fn handle_key(handle: u64, generation: Option<NonZeroU64>) -> u64 {
    match generation {
        None => handle,
        Some(generation) => {
            // The finish of MurmurHash3, which maps no two numbers to one.
            let mut mixed = generation.get();
            for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
                mixed = (mixed ^ (mixed >> 33)).wrapping_mul(factor);
            }
            handle ^ mixed ^ (mixed >> 33)
        }
    }
}

/// What joins a row to its owners.
pub(crate) fn join_key(socket: &Socket) -> Option<u64> {
    match socket.identity {
        Some(Identity::Inode(inode)) => Some(inode),
        Some(Identity::Handle(handle)) => Some(handle_key(handle, socket.cookie)),
        None => None,
    }
}

/// When a process was seen with the sockets it holds, on the clock that process start times are told in:
/// a process that started later has been given the pid of one that is gone.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) pid: u32,
    /// Nanoseconds since the machine was started. macOS: not a time, but the process's unique number, which
    /// tells the same better. `u64::MAX`: it was not seen.
    pub(crate) at: u64,
    /// Some descriptors that it had, and the keys of their sockets, by which it can be told from another one where
    /// times are too coarse. Linux.
    pub(crate) held: [Option<(i32, u64)>; 4],
    /// Whether it was seen in a second look too: by then its pid may have been given to another process.
    pub(crate) again: bool,
}

impl Sighting {
    pub(crate) const fn new(pid: u32, at: u64) -> Self {
        Self { pid, at, held: [None; 4], again: false }
    }

    /// Remembers a descriptor, if there are not enough yet.
    #[allow(dead_code, reason = "some systems have times that are fine enough")]
    pub(crate) fn has_held(&mut self, fd: i32, key: u64) {
        if let Some(place) = self.held.iter_mut().find(|held| held.is_none()) {
            *place = Some((fd, key));
        }
    }
}

/// The result of a search for owners.
#[derive(Debug, Default)]
pub(crate) struct OwnerTable {
    /// Ascending, each once.
    held: Vec<Held>,
    index: Index,
    /// Ascending by pid, each once: the processes that hold something.
    sightings: Vec<Sighting>,
    /// Ascending: the keys of sockets that are known to have no other holder than the one found, whatever
    /// other processes could not be read.
    sole: Vec<u64>,
    /// All processes of the machine, where the system tells them at once.
    pub(crate) census: Option<ProcessStartTimes>,
    /// Whether every process that could hold a socket was read.
    pub(crate) complete: bool,
    /// Where the holders were found, where there is a choice.
    pub(crate) from: Option<OwnersFrom>,
    /// What it means when a socket that has an identity is not in the table.
    pub(crate) absent: Ownership,
    /// What the search could not see.
    pub(crate) gaps: Vec<Gap>,
    /// What it could not see that matters only when an owner is missing.
    pub(crate) gaps_if_absent: Vec<Gap>,
}

impl OwnerTable {
    /// The result of a search that could not be made.
    #[allow(dead_code, reason = "some searches can always be made")]
    pub(crate) fn unsearched(why: impl Display) -> Self {
        Self {
            absent: Ownership::Hidden { reason: HiddenOwner::UnreadableProcess },
            gaps: vec![Gap::new(GapKind::OwnersUnavailable, 1, why.to_string())],
            ..Self::default()
        }
    }

    /// Adds what a round of the search found, in any order, each perhaps more than once.
    #[allow(dead_code, reason = "a system without a search finds nothing")]
    pub(crate) fn add(&mut self, held: Vec<Held>, sightings: Vec<Sighting>) {
        if self.held.is_empty() {
            self.held = held;
        } else {
            self.held.extend(held);
        }
        // Stable, because it finds the sorted runs that the threads left behind and only merges them.
        self.held.sort();
        self.held.dedup();
        self.index = Index::new(&self.held);
        self.sightings.extend(sightings);
        self.sightings = first_of_each(&self.sightings);
    }

    /// Adds sockets that are known to have no other holder than the one found.
    #[allow(dead_code, reason = "some systems tell, and some do not")]
    pub(crate) fn add_sole(&mut self, keys: Vec<u64>) {
        self.sole.extend(keys);
        self.sole.sort_unstable();
    }

    /// Whether the holder that was found of this socket is known to be its only one.
    pub(crate) fn is_sole(&self, key: u64) -> bool {
        !self.sole.is_empty() && self.sole.binary_search(&key).is_ok()
    }

    /// Who holds the socket with this key. Looked up, never taken: a second row with the same key has the
    /// same owners.
    pub(crate) fn owners(&self, key: u64) -> impl Iterator<Item = Owner> {
        let step = self.held.get(self.index.step(key)).unwrap_or_default();
        let first = step.partition_point(|held| held.key < key);
        step.iter().skip(first).take_while(move |held| held.key == key).map(|held| held.owner)
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

/// Ascending by pid, of each process the first sighting.
#[allow(dead_code, reason = "as OwnerTable::add")]
fn first_of_each(sightings: &[Sighting]) -> Vec<Sighting> {
    const PLACE: u64 = u32::MAX as u64;
    // Not the sightings themselves are sorted, which are ten times as long.
    let mut order = Vec::with_capacity(sightings.len());
    for (place, sighting) in (0..=PLACE).zip(sightings) {
        order.push(u64::from(sighting.pid) << 32 | place);
    }
    order.sort_unstable();
    let mut first: Vec<Sighting> = Vec::with_capacity(sightings.len());
    for number in order {
        let place = usize::try_from(number & PLACE).ok();
        let Some(sighting) = place.and_then(|place| sightings.get(place)) else { continue };
        match first.last_mut() {
            Some(known) if known.pid == sighting.pid => {
                if sighting.at < known.at {
                    *known = *sighting;
                }
                known.again = true;
            }
            _ => first.push(*sighting),
        }
    }
    first
}

/// Where keys stand in a sorted list. The span from the least key to the greatest is cut into steps, as many as
/// the list has entries or up to twice as many; of each step it knows where it begins. Kernels give keys out in
/// order, so they are dense and a step holds one or two: a look-up reads memory twice, where a search in a
/// hundred thousand reads it seventeen times.
#[derive(Debug, Default)]
struct Index {
    least: u64,
    shift: u32,
    /// Where each step begins, and where the last one ends.
    starts: Vec<u32>,
}

impl Index {
    #[allow(dead_code, reason = "as OwnerTable::add")]
    fn new(held: &[Held]) -> Self {
        let (Some(first), Some(last)) = (held.first(), held.last()) else { return Self::default() };
        let span = last.key - first.key;
        // The smallest that leaves at most twice as many steps as entries.
        let shift = (0..63).find(|shift| span >> shift < 2 * held.len() as u64).unwrap_or(63);
        let mut index = Self { least: first.key, shift, starts: Vec::new() };
        for (at, held) in (0_u32..).zip(held) {
            let step = index.number(held.key);
            while index.starts.len() <= step {
                index.starts.push(at);
            }
        }
        index.starts.push(u32::try_from(held.len()).unwrap_or(u32::MAX));
        index
    }

    /// The step that a key belongs to; keys below the least belong to the first.
    fn number(&self, key: u64) -> usize {
        usize::try_from(key.saturating_sub(self.least) >> self.shift).unwrap_or(usize::MAX)
    }

    /// The place of the step that a key would be in.
    fn step(&self, key: u64) -> Range<usize> {
        let number = self.number(key);
        let start = |number: usize| self.starts.get(number).map_or(0, |start| *start as usize);
        match number.checked_add(1) {
            Some(next) if next < self.starts.len() => start(number)..start(next),
            // Above the greatest.
            _ => 0..0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::owner::OwnerRole;

    fn table(keys: &[u64]) -> OwnerTable {
        let mut table = OwnerTable::default();
        let owner = |pid| Owner::new(pid, Some(3), OwnerRole::Holder);
        let held = (0..).zip(keys).map(|(pid, key)| Held { key: *key, owner: owner(pid) });
        table.add(held.collect(), Vec::new());
        table
    }

    #[test]
    fn every_key_is_found_with_all_its_owners_and_no_other() {
        let spread = [7, 7, 7, 9, 1_000, 1_001, u64::from(u32::MAX), u64::MAX, 0];
        for keys in [&spread[..], &spread[..4], &[5], &[5, 5], &[0, u64::MAX], &[]] {
            let table = table(keys);
            for key in keys {
                let expected = keys.iter().filter(|other| *other == key).count();
                assert_eq!(table.owners(*key).count(), expected, "{key} in {keys:?}");
            }
            for key in [1, 6, 8, 999, 1_002, u64::MAX - 1].iter().filter(|key| !keys.contains(key)) {
                assert_eq!(table.owners(*key).count(), 0, "{key} in {keys:?}");
            }
        }
    }

    #[test]
    fn second_round_adds_to_the_first_and_nothing_comes_twice() {
        let mut both = table(&[4, 2]);
        let owner = Owner::new(0, Some(3), OwnerRole::Holder);
        both.add(vec![Held { key: 4, owner }, Held { key: 3, owner }], vec![Sighting::new(0, 5)]);
        assert_eq!([2, 3, 4, 5].map(|key| both.owners(key).count()), [1, 1, 1, 0]);
        assert_eq!(both.sighting(0), Some(Sighting::new(0, 5)));
        both.add(Vec::new(), vec![Sighting::new(0, 3), Sighting::new(1, 3)]);
        assert_eq!(both.sighting(0), Some(Sighting { again: true, ..Sighting::new(0, 3) }));
        assert_eq!(both.sighting(1), Some(Sighting::new(1, 3)));
    }
}
