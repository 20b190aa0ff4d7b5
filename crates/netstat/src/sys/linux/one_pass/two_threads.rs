//! A pass that two threads read, half of the descriptors each.
//!
//! The rows of both end in one list. Those of the second thread come to the first in parts, while both read: the first copies
//! them while they are in the caches, and the memory of a part is used again, which is cheaper than memory that was never used.

use super::pass::{NamespaceRows, Pass};
use crate::engine::parallel::lock;
use crate::sys::linux::owners::Iteration;
use crate::sys::linux::owners::bpf::SocketRow;
use rustix::io::Errno;
use std::mem;
use std::sync::Mutex;

/// How many rows are in a part: some hundred kilobytes.
const ROWS_OF_A_PART: usize = 1024;
/// After how many of its own rows the first thread takes what has come.
const ROWS_BETWEEN: usize = 256;

impl Pass<'_> {
    /// Reads all descriptors. `ahead`: on two threads. After an error what was read is to be discarded.
    pub(super) fn read(&mut self, iteration: &Iteration, ahead: bool) -> Result<(), Errno> {
        if !ahead {
            return iteration.list(&mut [&mut |row| self.add(row)]);
        }
        let (filled, empty) = Default::default();
        let mut second = Second { pass: self.without_rows(), rows: 0, filled: &filled, empty: &empty };
        let mut first = First { pass: self, rows: 0, filled: &filled, empty: &empty };
        iteration.list(&mut [&mut |row| first.add(row), &mut |row| second.add(row)])?;
        first.finish(second);
        Ok(())
    }
}

/// Rows of all namespaces, in the order of these, which one thread leaves to the other.
type Parts = Mutex<Vec<Vec<NamespaceRows>>>;

/// What the first thread does.
struct First<'a, 'q> {
    pass: &'a mut Pass<'q>,
    rows: usize,
    filled: &'a Parts,
    empty: &'a Parts,
}

impl First<'_, '_> {
    fn add(&mut self, row: &SocketRow) -> bool {
        self.rows += 1;
        if self.rows % ROWS_BETWEEN == 0 {
            self.take_filled();
        }
        self.pass.add(row)
    }

    fn take_filled(&mut self) {
        let mut parts = mem::take(&mut *lock(self.filled));
        parts.iter_mut().for_each(|part| self.pass.append(part));
        lock(self.empty).append(&mut parts);
    }

    fn finish(&mut self, mut second: Second<'_, '_>) {
        self.take_filled();
        self.pass.append_others(second.pass.others());
        self.pass.append(&mut second.pass.of_namespaces);
    }
}

/// What the second thread does.
struct Second<'a, 'q> {
    pass: Pass<'q>,
    /// Of the part that is being filled.
    rows: usize,
    filled: &'a Parts,
    empty: &'a Parts,
}

impl Second<'_, '_> {
    fn add(&mut self, row: &SocketRow) -> bool {
        let is_listed = self.pass.add(row);
        self.rows += usize::from(is_listed);
        if self.rows == ROWS_OF_A_PART {
            self.rows = 0;
            let empty = lock(self.empty).pop().unwrap_or_else(|| self.pass.empty_rows());
            lock(self.filled).push(mem::replace(&mut self.pass.of_namespaces, empty));
        }
        is_listed
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{connection, pass, rows};
    use super::*;
    use crate::model::protocol::Protocol;
    use crate::model::socket::Socket;
    use crate::query::Query;

    #[test]
    fn rows_of_both_threads_are_in_one_list_with_all_holders_of_each_socket() {
        let query = Query::new();
        let (mut all, filled, empty) = (pass(&query), Parts::default(), Parts::default());
        let mut second = Second { pass: all.without_rows(), rows: 0, filled: &filled, empty: &empty };
        let mut first = First { pass: &mut all, rows: 0, filled: &filled, empty: &empty };
        let each = 3 * u64::try_from(ROWS_OF_A_PART).unwrap() + 100;
        for inode in 1..=each {
            assert!(first.add(&connection(inode, 12, 3)));
            assert!(second.add(&connection(each + inode, 13, 4)));
            // Every tenth of the first is held by another process too.
            if inode % 10 == 0 {
                assert!(second.add(&connection(inode, 13, 5)));
            }
        }
        assert!(!lock(&empty).is_empty(), "memory of parts is used again");
        first.finish(second);
        let (mut found, seen) = rows(all, Protocol::Tcp);
        assert_eq!(seen.sockets, [2 * each, 0]);
        found.sort_by_key(Socket::inode);
        assert_eq!(
            found.iter().filter_map(Socket::inode).collect::<Vec<_>>(),
            (1..=2 * each).collect::<Vec<_>>()
        );
        for row in found {
            let mut holders: Vec<_> = row.owners().iter().map(|owner| (owner.pid, owner.fd)).collect();
            holders.sort_unstable();
            let expected = match row.inode().unwrap() {
                inode if inode > each => vec![(13, Some(4))],
                inode if inode % 10 == 0 => vec![(12, Some(3)), (13, Some(5))],
                _ => vec![(12, Some(3))],
            };
            assert_eq!(holders, expected, "{row:?}");
        }
    }
}
