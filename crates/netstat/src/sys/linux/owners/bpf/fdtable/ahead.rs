//! Reads on a second thread: while the kernel walks the next tables, what it has found in the last ones becomes rows.

use crate::engine::parallel::start;
use rustix::io::Errno;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

/// How many reads may wait to be taken.
const MAX_WAITING: usize = 2;

/// The records of a read, copied, since the next one overwrites them; and a time before it.
struct Records {
    at: u64,
    bytes: Vec<u8>,
}

/// Gets the records of each read, and a time before it.
pub(super) type Take<'t> = dyn FnMut(u64, &[u8]) + 't;

/// Calls `iterate`, which makes all reads, on another thread, and `take` on this one. Without another thread, both on this one.
pub(super) fn read_ahead(
    iterate: &mut (dyn FnMut(&mut Take<'_>) -> Result<(), Errno> + Send),
    take: &mut Take<'_>,
) -> Result<(), Errno> {
    let mut end = None;
    thread::scope(|scope| {
        let (filled, to_take) = sync_channel::<Records>(MAX_WAITING);
        // Buffers go back, so that few are allocated.
        let (taken, to_fill) = channel::<Vec<u8>>();
        let (iterate, end) = (&mut *iterate, &mut end);
        let read = move || {
            *end = Some(iterate(&mut |at, records| {
                let mut bytes = to_fill.try_recv().unwrap_or_default();
                bytes.clear();
                bytes.extend_from_slice(records);
                // It fails only if this thread panics.
                let _ = filled.send(Records { at, bytes });
            }));
        };
        if start(scope, Box::new(read)).is_ok() {
            for Records { at, bytes } in to_take {
                take(at, &bytes);
                let _ = taken.send(bytes);
            }
        }
    });
    end.unwrap_or_else(|| iterate(take))
}
