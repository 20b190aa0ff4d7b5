//! The lower bound of a listing: what the kernel alone takes for both sources, with nothing decoded.
//!
//! A listing has two sources, the table of sockets and the descriptors of all processes. Each is read to its end
//! and not decoded: the dumps as the library requests them, and the iteration with a program that does nothing. A
//! listing can do both side by side, so its bound is the slower one. Preparations, such as loading the program, are
//! not part of it.

mod dump;
mod iteration;

use crate::Result;
use iteration::Iteration;
use netstat_contender::{Clock, Count};

/// Without BPF, the bound is that of the dumps alone.
pub(super) fn bound(clock: &mut Clock) -> Result<Count> {
    let mut dumps = dump::Dumps::open()?;
    clock.time(|| dumps.read())?;
    // Afterwards, so that the memory is that of the dumps. `why_no_iteration` reports the reason once.
    let iteration = Iteration::prepare().ok();
    clock.time_beside(iteration.as_ref().map(|ready| || ready.run())).transpose()?;
    // A second read, with the records counted, shows that the first one read everything.
    Ok(Count { rows: dumps.count()?, owned: 0, pids: Some(0) })
}

/// Why the bound is that of the dumps alone, if it is.
pub(crate) fn why_no_iteration() -> Option<String> {
    Iteration::prepare().err().map(|error| error.to_string())
}
