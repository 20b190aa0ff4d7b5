//! Text of many rows.

use netstat::Socket;
use std::hint;

/// The text of a part of the rows.
pub(super) fn text_of_rows(rows: &[&Socket], mut push: impl FnMut(&Socket, &mut String)) -> String {
    // The size of a row in JSON.
    let mut text = String::with_capacity(rows.len() * 512);
    prefetched(rows).for_each(|socket| push(socket, &mut text));
    text
}

/// Sorted rows are scattered over the memory, and waiting for each would take as long as rendering it. So several rows are
/// touched in advance, which the processor fetches at the same time.
pub(super) fn prefetched<'r>(rows: &[&'r Socket]) -> impl Iterator<Item = &'r Socket> {
    const BATCH: usize = 32;
    rows.chunks(BATCH).flat_map(|batch| {
        for socket in batch {
            // These fields are in all the cache lines of a row.
            hint::black_box((socket.protocol, socket.local.port(), socket.identity, socket.owners().len()));
        }
        batch.iter().copied()
    })
}
