//! The window in which a child still holds what it is about to close.

#![allow(
    clippy::missing_const_for_thread_local,
    reason = "it is const; where thread locals are made otherwise, clippy errs"
)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

static FORKING: Mutex<()> = Mutex::new(());

thread_local! {
    static MINE: Cell<bool> = const { Cell::new(false) };
}

/// See [`quiet`].
#[must_use]
pub struct Quiet {
    guard: Option<MutexGuard<'static, ()>>,
    /// Tells of the thread that took it, so it stays there.
    here: PhantomData<*const ()>,
}

/// While the value stands, no other thread of this process forks a child or copies its descriptor table through
/// this crate, so that the holders of a socket are what the processes reported. The calling thread itself may go
/// on making children. Other ways to start a process (`std::process::Command`) are not held up: tests that run
/// programs beside such tests hold it around the start too.
pub fn quiet() -> Quiet {
    if MINE.get() {
        return Quiet { guard: None, here: PhantomData };
    }
    let guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    MINE.set(true);
    Quiet { guard: Some(guard), here: PhantomData }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if self.guard.is_some() {
            MINE.set(false);
        }
    }
}
