//! Long listings in parts, on several threads, in order.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// How many rows make a part: enough that passing it on costs little, few enough that the parts in memory
/// do (as JSON some 120 KB each).
const ROWS: usize = 256;

/// How many parts that are done may wait for their turn, for each thread.
const WAITING: usize = 1;

/// Makes something of each part of the rows, as many at a time as there are processors, and takes it in the order
/// of the rows. What is made and not taken yet is bounded. A listing of a few parts is not worth a thread, and a
/// thread that cannot be started is done without.
pub(super) fn in_order<'i, T: Sync, M: Send>(
    rows: &'i [T],
    make: impl Fn(&'i [T]) -> M + Sync,
    take: impl FnMut(M) -> io::Result<()>,
) -> io::Result<()> {
    let threads =
        if rows.len() <= 4 * ROWS { 0 } else { thread::available_parallelism().map_or(1, usize::from) };
    on_threads(threads, rows, &make, take)
}

fn on_threads<'i, T: Sync, M: Send>(
    threads: usize,
    rows: &'i [T],
    make: &(impl Fn(&'i [T]) -> M + Sync),
    mut take: impl FnMut(M) -> io::Result<()>,
) -> io::Result<()> {
    // Each thread makes every nth part, so that it is known whose turn it is to hand one over.
    let parts_of = |nth| rows.chunks(ROWS).skip(nth).step_by(threads);
    thread::scope(|scope| {
        let makers: Vec<Receiver<M>> = (0..threads)
            .map_while(|nth| {
                let (sender, receiver) = sync_channel(WAITING);
                let work = move || {
                    // Nobody takes any more once writing has failed.
                    let _ = parts_of(nth).try_for_each(|part| sender.send(make(part)));
                };
                // Not `scope.spawn`, which panics when the system has no thread left to give.
                thread::Builder::new().name("lsock".into()).spawn_scoped(scope, work).ok()?;
                Some(receiver)
            })
            .collect();
        for (nth, part) in rows.chunks(ROWS).enumerate() {
            let maker = nth.checked_rem(threads).and_then(|thread| makers.get(thread));
            take(match maker.and_then(|maker| maker.recv().ok()) {
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
            for threads in [0, 1, 2, 3, 16] {
                let mut taken = Vec::new();
                let take = |part: Vec<usize>| {
                    taken.extend(part);
                    Ok(())
                };
                on_threads(threads, &rows, &<[usize]>::to_vec, take).unwrap();
                assert_eq!(taken, rows, "{threads} threads");
            }
        }
    }

    #[test]
    fn nothing_is_taken_after_a_failure_and_all_threads_end() {
        let rows = [0; 40 * ROWS];
        for threads in [0, 1, 4] {
            let mut taken = 0;
            let result = on_threads(threads, &rows, &<[_]>::len, |_| {
                taken += 1;
                if taken == 3 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
            });
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(taken, 3);
        }
    }
}
