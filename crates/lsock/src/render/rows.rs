//! Text of many rows.

use netstat::Socket;
use std::hint;

/// The text of a part of the rows.
pub(super) fn text_of_rows(rows: &[&Socket], mut push: impl FnMut(&Socket, &mut String)) -> String {
    // The size of a row in JSON.
    let mut text = String::with_capacity(rows.len() * 512);
    for_each(rows, |socket| push(socket, &mut text));
    text
}

/// Sorted rows are scattered over the memory, and waiting for each would take as long as rendering it. So several rows are
/// touched in advance, which the processor fetches at the same time.
pub(super) fn for_each(rows: &[&Socket], mut act: impl FnMut(&Socket)) {
    const BATCH: usize = 32;
    for batch in rows.chunks(BATCH) {
        for socket in batch {
            // These fields are in all the cache lines of a row.
            hint::black_box((socket.protocol, socket.local.port(), socket.identity, socket.owners().len()));
        }
        batch.iter().copied().for_each(&mut act);
    }
}
