//! Runs one closure on several threads, the caller's among them, or on fewer where threads cannot be started.

use crate::query::Query;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

/// The most threads of a listing, unless the caller asks for more.
const MAX_THREADS: usize = 8;

/// How many threads a listing uses: as many as the caller asked for, else one a processor, up to eight.
pub(crate) fn thread_count(query: &Query, processors: fn() -> usize) -> usize {
    query.threads_wanted().map_or_else(|| processors().min(MAX_THREADS), |threads| threads.max(1))
}

/// Locks a mutex whose data stays valid if a thread panics with the lock held.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on up to `threads - 1` threads of its own while `on_this_thread` runs on the caller's, and returns
/// when all have ended. A thread that cannot be started is done without: `on_this_thread` must be able to do all of
/// the work.
pub(crate) fn run_parallel(threads: usize, work: &(dyn Fn() + Sync), on_this_thread: &mut dyn FnMut()) {
    thread::scope(|scope| {
        for _ in 1..threads {
            if start(scope, Box::new(work)).is_err() {
                break;
            }
        }
        on_this_thread();
    });
}

/// Runs `there` on another thread while `here` runs on the caller's, or after it where no thread can be started.
#[allow(dead_code, reason = "a pass over descriptor tables has two halves, which Linux alone has")]
pub(crate) fn run_both(there: &mut (dyn FnMut() + Send), here: &mut dyn FnMut()) {
    let mut is_started = false;
    thread::scope(|scope| {
        let there = &mut *there;
        is_started = start(scope, Box::new(there)).is_ok();
        here();
    });
    if !is_started {
        there();
    }
}

/// Starts one thread, which the scope joins. The work is boxed so that the long code of starting a thread is compiled
/// only once.
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
    fn work_runs_in_parallel_with_the_caller_and_is_joined() {
        let count = AtomicUsize::new(0);
        let work = || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let mut calls = 0;
        run_parallel(3, &work, &mut || calls += 1);
        assert_eq!((calls, count.into_inner()), (1, 2));
    }

    #[test]
    fn both_run_and_have_ended() {
        let (mut there, mut here) = (None, None);
        let this = || Some(thread::current().id());
        run_both(&mut || there = this(), &mut || here = this());
        assert_eq!(here, this());
        assert!(there.is_some() && there != here);
    }

    #[test]
    fn threads_are_those_asked_for_or_one_a_processor_up_to_eight() {
        let count = |query: &Query, processors| thread_count(query, processors);
        assert_eq!(count(&Query::new(), || 3), 3);
        assert_eq!(count(&Query::new(), || 64), 8);
        assert_eq!(count(&Query::new().threads(64), || 3), 64);
        assert_eq!(count(&Query::new().threads(0), || 3), 1);
    }
}
