//! How many processors there are for this program.

use std::sync::OnceLock;
use std::thread;

/// Found out once: the standard library looks into control groups, which takes a tenth of a millisecond each time.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}
