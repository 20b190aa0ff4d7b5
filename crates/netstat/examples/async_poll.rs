//! An asynchronous program that lists sockets every second without blocking its executor.
//!
//! A listing makes many successive system calls, so it runs on a thread of its own, and the tasks await its results.
//! With tokio that thread is `tokio::task::spawn_blocking(move || query.snapshot())`; this example uses a plain thread,
//! with a minimal future and executor.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use netstat::{Error, Lister, Query, Snapshot};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

const LISTINGS: usize = 3;

/// The latest result of the listing thread, and the task that waits for it.
#[derive(Default)]
struct Slot {
    answer: Option<Result<Snapshot, Error>>,
    waiting: Option<Waker>,
}

fn list_every_second(slot: &Mutex<Slot>) {
    let (mut lister, query) = (Lister::new(), Query::new().tcp());
    for _ in 0..LISTINGS {
        let answer = lister.snapshot(&query);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.answer = Some(answer);
        if let Some(waker) = slot.waiting.take() {
            waker.wake();
        }
        drop(slot);
        thread::sleep(Duration::from_secs(1));
    }
}

/// Awaits the next result, as a task of a server would.
async fn next(slot: &Mutex<Slot>) -> Result<Snapshot, Error> {
    poll_fn(|context| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                slot.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

/// Wakes the thread of the executor.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn main() -> Result<(), Error> {
    let slot = Arc::new(Mutex::new(Slot::default()));
    let shared = Arc::clone(&slot);
    thread::spawn(move || list_every_second(&shared));
    block_on(async {
        for _ in 0..LISTINGS {
            println!("{} TCP sockets", next(&slot).await?.sockets.len());
        }
        Ok(())
    })
}
