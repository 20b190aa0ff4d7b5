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
        first.take_filled();
        first.pass.append_others(&mut second.pass);
        first.pass.append(&mut second.pass.of_namespaces);
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
