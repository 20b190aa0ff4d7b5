//! What no listing can go below: what the kernel takes to tell, with nothing done about what it says.
//!
//! A listing has two sources, the table of sockets and the descriptors of all processes. Here each is read to its
//! end and left unread: the dumps as the library asks for them, and the iteration with a program that does nothing.
//! A listing can have them side by side, so its bound is the slower one. What must be made ready before is not part
//! of it.

mod dump;
mod iteration;

use crate::Result;
use iteration::Iteration;
use netstat_contender::{Clock, Count};

/// Without BPF, it is the dumps alone.
pub(super) fn bound(clock: &mut Clock) -> Result<Count> {
    let mut dumps = dump::Dumps::open()?;
    clock.time(|| dumps.read())?;
    // Afterwards, so that the memory is that of the dumps. The reasons are told once, by `why_no_iteration`.
    let iteration = Iteration::prepare().ok();
    clock.time_beside(iteration.as_ref().map(|ready| || ready.run())).transpose()?;
    // That all of it was read is seen by reading it once more, with the records counted.
    Ok(Count { rows: dumps.count()?, owned: 0, pids: Some(0) })
}

/// Why the bound is that of the dumps alone, if it is.
pub(crate) fn why_no_iteration() -> Option<String> {
    Iteration::prepare().err().map(|error| error.to_string())
}
