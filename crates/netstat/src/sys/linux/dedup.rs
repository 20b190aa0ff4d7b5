//! Removes rows that a source returns more than once.
//!
//! The kernel reads a table in chunks, and its position between two of them is a bucket of a hash table and a count
//! inside it. When sockets open and close in that bucket meanwhile, the count refers to another socket: rows
//! repeat, or are missed. Nothing marks such a read. This affects dumps of `sock_diag` and the files of
//! `/proc/net` alike.
//!
//! TCP's buckets are short: only the last rows of one chunk can repeat, as the first rows of the next (in a file, at its end,
//! more of them, which [`net`](super::procfs::net) remembers). UDP keeps
//! all sockets of one port in one bucket (and the position in its file counts through all buckets). So a UDP table
//! that needed more than one chunk is read repeatedly, until two reads agree on the sockets that were known before
//! them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Where rows of a table repeat.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Short buckets: the last rows of a chunk, as the first of the next.
    AtChunkStart,
    /// Long buckets: anywhere, and rows may be missed.
    Anywhere,
}

/// Which rows of a table have been emitted, over all reads of it.
pub(crate) enum Dedup {
    ChunkBoundary(ChunkBoundaryDedup),
    Reread(RereadUntilStable),
}

impl Dedup {
    pub(crate) fn new(repeats: Repeats) -> Self {
        match repeats {
            Repeats::AtChunkStart => Self::ChunkBoundary(ChunkBoundaryDedup::default()),
            Repeats::Anywhere => Self::Reread(RereadUntilStable::default()),
        }
    }

    /// Whether the row with this key, in this chunk of the read, has not been emitted.
    #[inline]
    pub(crate) fn is_new(&mut self, chunk: u32, key: u64) -> bool {
        match self {
            Self::ChunkBoundary(dedup) => dedup.is_new(chunk, key),
            Self::Reread(dedup) => dedup.is_new(key),
        }
    }

    /// The read failed before its end and starts from the beginning.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::ChunkBoundary(dedup) => dedup.restart(),
            // A row has been seen in this read or not, however often the read starts.
            Self::Reread(_) => {}
        }
    }

    /// Ends a read that took this many chunks. Returns whether the table must be read another time.
    pub(crate) fn needs_another_read(&mut self, chunks: u32) -> bool {
        match self {
            Self::ChunkBoundary(_) => false,
            Self::Reread(dedup) => dedup.needs_another_read(chunks),
        }
    }
}

/// The rows of a table with short buckets: a row that repeats is one of the last of a chunk, and one of the first
/// of the next.
#[derive(Default)]
pub(crate) struct ChunkBoundaryDedup {
    chunk: u32,
    previous: Vec<u64>,
    current: Vec<u64>,
    /// This chunk has had no new row yet.
    at_head: bool,
    /// The rows since the last restart.
    emitted: Vec<u64>,
    /// The rows before it, ascending.
    before_restart: Vec<u64>,
}

impl ChunkBoundaryDedup {
    #[inline]
    fn is_new(&mut self, chunk: u32, key: u64) -> bool {
        if chunk != self.chunk {
            self.chunk = chunk;
            std::mem::swap(&mut self.previous, &mut self.current);
            self.current.clear();
            self.at_head = true;
        }
        if self.at_head && self.previous.contains(&key) {
            return false;
        }
        self.at_head = false;
        self.current.push(key);
        let is_new = self.before_restart.binary_search(&key).is_err();
        if is_new {
            self.emitted.push(key);
        }
        is_new
    }

    fn restart(&mut self) {
        self.before_restart.append(&mut self.emitted);
        self.before_restart.sort_unstable();
        self.chunk = 0;
        self.previous.clear();
        self.current.clear();
        self.at_head = false;
    }
}

/// The rows of a table that is read until two reads agree.
#[derive(Default)]
pub(crate) struct RereadUntilStable {
    /// In which reads each row was seen, one bit a read.
    seen: HashMap<u64, u8, BuildHasherDefault<KeyHasher>>,
    /// The number of this read.
    read: u32,
}

/// The hash of a key, which is a cookie of the kernel, or hashed already: nobody chooses it, so that no hash is needed
/// against keys that collide on purpose. That one takes a thirtieth of the time of a listing of UDP (`bench many`).
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, key: u64) {
        // Fibonacci hashing: cookies count up, and the map uses the lowest and the highest bits.
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl RereadUntilStable {
    /// How often a table is read at most.
    const MAX_READS: u32 = 4;

    fn is_new(&mut self, key: u64) -> bool {
        let reads = self.seen.entry(key).or_default();
        let new = *reads == 0;
        *reads |= 1_u8 << self.read;
        new
    }

    fn needs_another_read(&mut self, chunks: u32) -> bool {
        let is_stable = match self.read.checked_sub(1) {
            // Read in one step, between two changes.
            None => chunks <= 1,
            Some(previous) => self.agrees_with(previous),
        };
        self.read += 1;
        !is_stable && self.read < Self::MAX_READS
    }

    /// Whether this read and the previous one saw the same of the rows that were known before both; if none was
    /// known, whether they saw the same rows.
    fn agrees_with(&self, previous: u32) -> bool {
        let known = (1_u8 << previous).wrapping_sub(1);
        self.seen
            .values()
            .filter(|reads| known == 0 || **reads & known != 0)
            .all(|reads| (reads >> previous) & 1 == (reads >> self.read) & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_repeated_at_the_head_of_a_chunk_are_not_new() {
        let mut dedup = ChunkBoundaryDedup::default();
        let emitted: Vec<(u32, u64)> = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 4), (3, 5)]
            .into_iter()
            .filter(|(chunk, key)| dedup.is_new(*chunk, *key))
            .collect();
        assert_eq!(emitted, [(1, 1), (1, 2), (1, 3), (2, 4), (3, 5)]);
    }

    fn read_until_stable(reads: &[&[u64]], chunks: u32) -> (u32, Vec<u64>) {
        let mut state = RereadUntilStable::default();
        let mut emitted = Vec::new();
        let mut count = 0;
        for read in reads {
            count += 1;
            emitted.extend(read.iter().filter(|key| state.is_new(**key)));
            if !state.needs_another_read(chunks) {
                break;
            }
        }
        (count, emitted)
    }

    #[test]
    fn a_table_of_one_chunk_is_read_once() {
        assert_eq!(read_until_stable(&[&[1, 2], &[1, 2, 3]], 1), (1, vec![1, 2]));
    }

    #[test]
    fn a_longer_table_is_read_until_two_reads_agree() {
        assert_eq!(read_until_stable(&[&[1, 2], &[2, 1], &[9]], 2), (2, vec![1, 2]));
        assert_eq!(read_until_stable(&[&[1, 2], &[1, 3], &[1, 2, 3], &[1, 2, 3]], 2), (4, vec![1, 2, 3]));
    }

    #[test]
    fn sockets_opened_meanwhile_do_not_keep_a_table_from_agreeing() {
        assert_eq!(read_until_stable(&[&[1, 2], &[1, 2, 3], &[1, 2, 4], &[1]], 2), (3, vec![1, 2, 3, 4]));
    }

    #[test]
    fn a_table_that_never_agrees_is_read_four_times() {
        assert_eq!(read_until_stable(&[&[1, 2], &[1], &[2], &[1], &[2]], 2).0, 4);
    }
}
