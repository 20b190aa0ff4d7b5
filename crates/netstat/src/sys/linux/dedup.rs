//! Rows that a source tells more than once, told once.
//!
//! A table of the kernel is read in chunks, and its place between two of them is a bucket of a hash table and
//! a count inside it. When sockets come and go in that bucket meanwhile, the count points elsewhere: rows
//! come twice, or never. Nothing marks such a read. That is so for dumps of `sock_diag` and for the files of
//! `/proc/net` alike.
//!
//! TCP's buckets are short: only the last rows of one chunk can come again as the first of the next. UDP
//! keeps all sockets of one port in one bucket (and its file counts through all buckets). So a UDP table
//! that needed more than one chunk is read again, until two reads agree on the sockets that were known
//! before them.

use std::collections::HashMap;

/// The rows of a table with short buckets: a row that comes twice is one of the last of a chunk, and comes
/// again as one of the first of the next.
#[derive(Default)]
pub(super) struct ChunkHeads {
    chunk: u32,
    before: Vec<u64>,
    current: Vec<u64>,
    /// Nothing new has come in this chunk yet.
    at_head: bool,
}

impl ChunkHeads {
    pub(super) fn is_new(&mut self, chunk: u32, key: u64) -> bool {
        if chunk != self.chunk {
            self.chunk = chunk;
            std::mem::swap(&mut self.before, &mut self.current);
            self.current.clear();
            self.at_head = true;
        }
        if self.at_head && self.before.contains(&key) {
            return false;
        }
        self.at_head = false;
        self.current.push(key);
        true
    }
}

/// The rows of a table that is read again and again.
#[derive(Default)]
pub(super) struct Reads {
    /// In which reads each row was seen, one bit a read.
    seen: HashMap<u64, u8>,
    /// The number of this read.
    read: u32,
}

impl Reads {
    /// How often a table is read at the most.
    pub(super) const MOST: u32 = 4;

    pub(super) fn is_new(&mut self, key: u64) -> bool {
        let reads = self.seen.entry(key).or_default();
        let new = *reads == 0;
        *reads |= 1_u8 << self.read;
        new
    }

    /// Ends a read that took this many chunks; whether the table is to be read again.
    pub(super) fn again_after(&mut self, chunks: u32) -> bool {
        let is_enough = match self.read.checked_sub(1) {
            // Read in one go, between two changes.
            None => chunks <= 1,
            Some(before) => self.agrees_with(before),
        };
        self.read += 1;
        !is_enough && self.read < Self::MOST
    }

    /// Whether this read and the one before it saw the same of the rows that were known before both;
    /// whether they saw the same altogether, as long as there was none before.
    fn agrees_with(&self, before: u32) -> bool {
        let known = (1_u8 << before).wrapping_sub(1);
        self.seen
            .values()
            .filter(|reads| known == 0 || **reads & known != 0)
            .all(|reads| (reads >> before) & 1 == (reads >> self.read) & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_repeated_at_the_head_of_a_chunk_are_not_new() {
        let mut heads = ChunkHeads::default();
        let told: Vec<(u32, u64)> = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (3, 4), (3, 5)]
            .into_iter()
            .filter(|(chunk, key)| heads.is_new(*chunk, *key))
            .collect();
        assert_eq!(told, [(1, 1), (1, 2), (1, 3), (2, 4), (3, 5)]);
    }

    fn reads_until_enough(reads: &[&[u64]], chunks: u32) -> (u32, Vec<u64>) {
        let mut state = Reads::default();
        let mut told = Vec::new();
        let mut count = 0;
        for read in reads {
            count += 1;
            told.extend(read.iter().filter(|key| state.is_new(**key)));
            if !state.again_after(chunks) {
                break;
            }
        }
        (count, told)
    }

    #[test]
    fn a_table_of_one_chunk_is_read_once() {
        assert_eq!(reads_until_enough(&[&[1, 2], &[1, 2, 3]], 1), (1, vec![1, 2]));
    }

    #[test]
    fn a_longer_table_is_read_until_two_reads_agree() {
        assert_eq!(reads_until_enough(&[&[1, 2], &[2, 1], &[9]], 2), (2, vec![1, 2]));
        assert_eq!(reads_until_enough(&[&[1, 2], &[1, 3], &[1, 2, 3], &[1, 2, 3]], 2), (4, vec![1, 2, 3]));
    }

    #[test]
    fn sockets_opened_meanwhile_do_not_keep_a_table_from_agreeing() {
        assert_eq!(reads_until_enough(&[&[1, 2], &[1, 2, 3], &[1, 2, 4], &[1]], 2), (3, vec![1, 2, 3, 4]));
    }

    #[test]
    fn a_table_that_never_agrees_is_read_four_times() {
        assert_eq!(reads_until_enough(&[&[1, 2], &[1], &[2], &[1], &[2]], 2).0, 4);
    }
}
