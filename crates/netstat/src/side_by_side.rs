//! Threads for one piece of work, as many as can be had.

use std::thread;

/// Runs `work` on up to `threads - 1` threads of its own while `here` runs on the caller's, and returns
/// when all have ended. A thread that cannot be started is done without: `here` must be able to do all of
/// the work.
pub(crate) fn side_by_side<R>(threads: usize, work: &(impl Fn() + Sync), here: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        for _ in 1..threads {
            // Not `scope.spawn`, which panics when the system has no thread left to give.
            let spawned = thread::Builder::new().name("netstat".into()).spawn_scoped(scope, work);
            if spawned.is_err() {
                break;
            }
        }
        here()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn work_runs_beside_the_caller_and_is_waited_for() {
        let count = AtomicUsize::new(0);
        let work = || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let answer = side_by_side(3, &work, || 42);
        assert_eq!((answer, count.into_inner()), (42, 2));
    }
}
