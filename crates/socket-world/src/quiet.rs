//! A lock against forks, while a test checks the exact holders of a socket.

#![allow(
    clippy::missing_const_for_thread_local,
    reason = "it is const; where thread locals are made otherwise, clippy errs"
)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

static FORKING: Mutex<()> = Mutex::new(());

thread_local! {
    static HELD: Cell<bool> = const { Cell::new(false) };
}

/// See [`quiet`].
#[must_use]
pub struct Quiet {
    guard: Option<MutexGuard<'static, ()>>,
    /// Not `Send`: the flag is of the thread that took the lock.
    not_send: PhantomData<*const ()>,
}

/// While the value exists, no other thread of this process forks a child or copies its descriptor table through
/// this crate, so that the holders of a socket are those that the processes reported. The calling thread itself may
/// make children. Other means to start a process (`std::process::Command`) are not blocked: tests that run programs
/// beside such tests take it around the start too.
pub fn quiet() -> Quiet {
    if HELD.get() {
        return Quiet { guard: None, not_send: PhantomData };
    }
    let guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    HELD.set(true);
    Quiet { guard: Some(guard), not_send: PhantomData }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if self.guard.is_some() {
            HELD.set(false);
        }
    }
}
