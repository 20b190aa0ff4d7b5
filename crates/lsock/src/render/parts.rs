//! Long listings in parts, on several threads, in order.

use crate::processors::processors;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// How many rows make a part: enough that passing it on costs little, few enough that the parts in memory
/// do (as JSON some 120 KB each).
const ROWS: usize = 256;

/// How many parts that are done may wait for their turn, for each thread.
const WAITING: usize = 2;

/// Makes something of each part of the rows, as many at a time as there are processors, and takes it in the order
/// of the rows. What is made and not taken yet is bounded. A listing of a few parts is not worth a thread, and a
/// thread that cannot be started is done without.
pub(super) fn in_order<'i, T: Sync, M: Send>(
    rows: &'i [T],
    make: impl Fn(&'i [T]) -> M + Sync,
    take: impl FnMut(M) -> io::Result<()>,
) -> io::Result<()> {
    let makers = if rows.len() <= 4 * ROWS { 1 } else { processors() };
    made_by(makers, rows, &make, take)
}

/// Each maker makes every nth part, so that it is known whose turn it is. The first is this thread, which takes the
/// others' parts between its own: one that only waited would be woken for each.
fn made_by<'i, T: Sync, M: Send>(
    makers: usize,
    rows: &'i [T],
    make: &(impl Fn(&'i [T]) -> M + Sync),
    mut take: impl FnMut(M) -> io::Result<()>,
) -> io::Result<()> {
    let parts_of = |maker| rows.chunks(ROWS).skip(maker).step_by(makers);
    thread::scope(|scope| {
        let others: Vec<Receiver<M>> = (1..makers)
            .map_while(|maker| {
                let (sender, receiver) = sync_channel(WAITING);
                let work = move || {
                    // Nobody takes any more once writing has failed.
                    let _ = parts_of(maker).try_for_each(|part| sender.send(make(part)));
                };
                // Not `scope.spawn`, which panics when the system has no thread left to give.
                thread::Builder::new().name("lsock".into()).spawn_scoped(scope, work).ok()?;
                Some(receiver)
            })
            .collect();
        for (nth, part) in rows.chunks(ROWS).enumerate() {
            let other = (nth % makers).checked_sub(1).and_then(|other| others.get(other));
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
                made_by(makers, &rows, &<[usize]>::to_vec, take).unwrap();
                assert_eq!(taken, rows, "{makers} makers");
            }
        }
    }

    #[test]
    fn nothing_is_taken_after_a_failure_and_all_threads_end() {
        let rows = [0; 40 * ROWS];
        for makers in [1, 2, 4] {
            let mut taken = 0;
            let result = made_by(makers, &rows, &<[_]>::len, |_| {
                taken += 1;
                if taken == 3 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
            });
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(taken, 3);
        }
    }
}
