//! Threads for one piece of work, as many as can be had.

use crate::query::Query;
use std::io;
use std::sync::OnceLock;
use std::thread::{self, Scope};

/// How many processors this process may use. Found out once: the standard library looks into control groups, which
/// takes a tenth of a millisecond each time.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// How many threads a listing uses: as many as the caller asked for, else one a processor, up to eight.
pub(crate) fn thread_count(query: &Query) -> usize {
    query.threads_wanted().map_or_else(|| processors().min(8), |threads| threads.max(1))
}

/// Runs `work` on up to `threads - 1` threads of its own while `here` runs on the caller's, and returns
/// when all have ended. A thread that cannot be started is done without: `here` must be able to do all of
/// the work.
pub(crate) fn run_parallel(threads: usize, work: &(dyn Fn() + Sync), here: &mut dyn FnMut()) {
    thread::scope(|scope| {
        for _ in 1..threads {
            if start(scope, Box::new(work)).is_err() {
                break;
            }
        }
        here();
    });
}

/// Starts one thread, which the scope waits for. A box, so that the code to start a thread, which is long, is there
/// once for all kinds of work.
pub(crate) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: Box<dyn FnOnce() + Send + 'scope>,
) -> io::Result<()> {
    // Not `scope.spawn`, which panics when the system has no thread left to give.
    thread::Builder::new().name("netstat".into()).spawn_scoped(scope, work).map(drop)
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
        let mut here = 0;
        run_parallel(3, &work, &mut || here += 1);
        assert_eq!((here, count.into_inner()), (1, 2));
    }
}
