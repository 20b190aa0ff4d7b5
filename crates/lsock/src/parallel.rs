//! Runs work on the rows of a long listing on several threads.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// The rows of one part: enough that passing a part between threads costs little, few enough that the parts in memory
/// stay small (120 KB each as JSON).
const ROWS: usize = 256;

/// How many finished parts may wait for the caller, for each thread.
const MAX_WAITING: usize = 2;

/// How many threads to use for so many rows: one for each processor, or one thread if the rows are too few. The standard
/// library reads the limits of control groups each time, which takes a tenth of a millisecond, so call this once.
pub(crate) fn threads_for(rows: usize, worth_it: usize) -> usize {
    if rows < worth_it { 1 } else { thread::available_parallelism().map_or(1, usize::from) }
}

/// The number of rows from which [`in_order`] is faster with several threads.
pub(crate) const WORTH_THREADS: usize = 4 * ROWS + 1;

/// Runs `make` on each part of the rows, on so many threads, and `take` on the results in the order of the rows. Few
/// results wait for `take` at any time. If a thread cannot be started, the caller's thread does its work.
///
/// Each thread makes every nth part, so the thread of the next result is known. The caller's thread makes parts too,
/// between receiving those of the others: a thread that only waited would be woken for each part.
pub(crate) fn in_order<'i, T: Sync, M: Send>(
    threads: usize,
    rows: &'i [T],
    make: impl Fn(&'i [T]) -> M + Sync,
    mut take: impl FnMut(M) -> io::Result<()>,
) -> io::Result<()> {
    let make = &make;
    let parts_of = |nth| rows.chunks(ROWS).skip(nth).step_by(threads);
    thread::scope(|scope| {
        let others: Vec<Receiver<M>> = (1..threads)
            .map_while(|nth| {
                let (sender, receiver) = sync_channel(MAX_WAITING);
                let work = move || {
                    // Sending fails after `take` has failed.
                    let _ = parts_of(nth).try_for_each(|part| sender.send(make(part)));
                };
                // Not `scope.spawn`, which panics when the system cannot start a thread.
                thread::Builder::new().name("lsock".into()).spawn_scoped(scope, work).ok()?;
                Some(receiver)
            })
            .collect();
        for (nth, part) in rows.chunks(ROWS).enumerate() {
            let other = (nth % threads).checked_sub(1).and_then(|other| others.get(other));
            take(match other.and_then(|other| other.recv().ok()) {
                Some(made) => made,
                None => make(part),
            })?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_taken_once_and_in_order() {
        for count in [0, 1, ROWS - 1, ROWS, ROWS + 1, 7 * ROWS + 3] {
            let rows: Vec<usize> = (0..count).collect();
            for makers in [1, 2, 3, 16] {
                let mut taken = Vec::new();
                let take = |part: Vec<usize>| {
                    taken.extend(part);
                    Ok(())
                };
                in_order(makers, &rows, <[usize]>::to_vec, take).unwrap();
                assert_eq!(taken, rows, "{makers} makers");
            }
        }
    }

    #[test]
    fn nothing_is_taken_after_a_failure_and_all_threads_end() {
        let rows = [0; 40 * ROWS];
        for makers in [1, 2, 4] {
            let mut taken = 0;
            let result = in_order(makers, &rows, <[_]>::len, |_| {
                taken += 1;
                if taken == 3 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
            });
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(taken, 3);
        }
    }
}
