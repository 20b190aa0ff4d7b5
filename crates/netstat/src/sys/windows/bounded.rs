//! Calls to services of the system, which may not return, bounded in time.
//!
//! The service control manager, the local security authority and Remote Desktop Services run as processes of their own,
//! and a call waits for them without a time-out. So such calls run on a thread of their own. When the listing has waited
//! as long as it may, it goes on without the names; the thread ends when its call returns.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long one listing waits for all its calls together.
const LIMIT: Duration = Duration::from_secs(2);

type Job = Box<dyn FnOnce() + Send>;

/// Runs the calls of one listing.
#[derive(Debug)]
pub(super) struct BoundedCalls {
    left: Duration,
    worker: Option<Sender<Job>>,
}

impl Default for BoundedCalls {
    fn default() -> Self {
        Self { left: LIMIT, worker: None }
    }
}

impl BoundedCalls {
    /// Runs one call. `None`: it has not returned in time, an earlier one has not, or there is no thread.
    pub(super) fn run<T: Send + 'static>(&mut self, call: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        if self.left.is_zero() {
            return None;
        }
        let start = Instant::now();
        let (sender, result) = channel();
        let job: Job = Box::new(move || {
            // An error: the listing no longer waits.
            let _ = sender.send(call());
        });
        let is_sent = self.worker().is_some_and(|worker| worker.send(job).is_ok());
        let result = if is_sent { result.recv_timeout(self.left).ok() } else { None };
        self.left = match result {
            Some(_) => self.left.saturating_sub(start.elapsed()),
            None => Duration::ZERO,
        };
        result
    }

    /// The thread, started with the first call.
    fn worker(&mut self) -> Option<&Sender<Job>> {
        if self.worker.is_none() {
            let (sender, jobs) = channel::<Job>();
            let work = move || jobs.into_iter().for_each(|job| job());
            // Not `thread::spawn`, which panics if no thread can be started.
            thread::Builder::new().name("netstat-names".into()).spawn(work).ok()?;
            self.worker = Some(sender);
        }
        self.worker.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_return_their_results_until_one_does_not_return_in_time() {
        let mut calls = BoundedCalls::default();
        assert_eq!(calls.run(|| 7), Some(7));
        assert_eq!(calls.run(|| "name".to_owned()), Some("name".to_owned()));
        assert!(!calls.left.is_zero(), "{calls:?}");
        let (release, block) = channel::<()>();
        let start = Instant::now();
        calls.left = Duration::from_millis(50);
        assert_eq!(calls.run(move || block.recv().is_ok()), None);
        assert!(start.elapsed() >= Duration::from_millis(50));
        // The limit is used up: nothing is called any more.
        assert_eq!(calls.run(|| unreachable!("called after the limit")), None::<()>);
        drop(release);
    }

    #[test]
    fn many_calls_share_one_limit() {
        let mut calls = BoundedCalls { left: Duration::from_millis(100), ..BoundedCalls::default() };
        let mut returned = 0;
        while calls.run(|| thread::sleep(Duration::from_millis(10))).is_some() {
            returned += 1;
            assert!(returned <= 10, "more than the limit");
        }
    }

    #[test]
    fn call_that_panics_is_no_result() {
        let mut calls = BoundedCalls::default();
        // Unlike `panic!`, this prints nothing.
        assert_eq!(calls.run(|| -> u32 { std::panic::resume_unwind(Box::new("in a call")) }), None);
        assert_eq!(calls.run(|| 1), None);
    }
}
