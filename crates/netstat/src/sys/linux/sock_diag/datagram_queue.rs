//! What one thread hands over to another: datagrams in order, a few at a time, and their buffers back.
//!
//! No channel of the standard library, of which two would be needed: each is ten times this code, made anew for what
//! it carries.

use super::netlink::Received;
use crate::sys::linux::errno::Errno;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many datagrams may wait to be decoded.
pub(crate) const WAITING: usize = 16;

/// How many datagrams wait before the one who decodes is woken, which takes longer than to decode one: two that take
/// turns on one processor lose a twentieth of the listing by it. The last are told by the end.
const AT_ONCE: usize = 4;

// Or the one who sends would wait for room while the other still sleeps.
const _: () = assert!(AT_ONCE <= WAITING);

/// What one receive brought, and the buffer that it is in.
pub(crate) type Datagram = (Result<Received, Errno>, Vec<u8>);

/// Between one thread that receives and one that decodes.
#[derive(Default)]
pub(crate) struct Handover {
    state: Mutex<State>,
    /// Somebody waits, and what he waits for may be there.
    turn: Condvar,
}

#[derive(Default)]
struct State {
    filled: VecDeque<Datagram>,
    emptied: Vec<Vec<u8>>,
    /// One of the two waits. Never both: there is either room, or something to decode.
    waits: bool,
    /// One of the two has gone.
    ended: bool,
}

impl Handover {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waits = true;
        self.turn.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits has a look. Asked of the system only when somebody does.
    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.waits) {
            self.turn.notify_one();
        }
    }

    /// Hands over one datagram, when there is room. Whether the other side is there to have it.
    pub(crate) fn put(&self, datagram: Datagram) -> bool {
        let mut state = self.state();
        while state.filled.len() >= WAITING && !state.ended {
            state = self.wait(state);
        }
        if state.ended {
            return false;
        }
        state.filled.push_back(datagram);
        if state.filled.len() >= AT_ONCE {
            self.wake(&mut state);
        }
        true
    }

    /// The next datagram, when there is one; `None` when none will come.
    pub(crate) fn next(&self) -> Option<Datagram> {
        let mut state = self.state();
        while state.filled.is_empty() && !state.ended {
            state = self.wait(state);
        }
        let next = state.filled.pop_front();
        self.wake(&mut state);
        next
    }

    /// Gives a buffer back, to be used again.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        self.state().emptied.push(buffer);
    }

    /// A buffer that was given back.
    pub(crate) fn spare(&self) -> Option<Vec<u8>> {
        self.state().emptied.pop()
    }

    /// What each side holds while it is there. When it is dropped, by a panic too, the other one no longer waits.
    pub(crate) fn end(&self) -> End<'_> {
        End(self)
    }
}

/// One side of it.
pub(crate) struct End<'a>(&'a Handover);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        self.0.wake(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn datagram(length: usize) -> Datagram {
        (Ok(Received { length, truncated: false, from_kernel: true }), Vec::new())
    }

    fn length((received, _): &Datagram) -> usize {
        received.unwrap().length
    }

    #[test]
    fn datagrams_come_in_order_and_those_that_wait_come_after_the_sender_has_gone() {
        let handover = Handover::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _end = handover.end();
                (0..1000).for_each(|number| assert!(handover.put(datagram(number))));
            });
            let mut taken = Vec::new();
            while let Some(datagram) = handover.next() {
                taken.push(length(&datagram));
            }
            assert_eq!(taken, (0..1000).collect::<Vec<_>>());
        });
    }

    #[test]
    fn sender_with_no_room_is_told_when_nobody_takes_any_more() {
        let handover = Handover::default();
        thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let _end = handover.end();
                (0..).take_while(|number| handover.put(datagram(*number))).count()
            });
            let end = handover.end();
            assert_eq!(handover.next().as_ref().map(length), Some(0));
            drop(end);
            let put = sender.join().unwrap();
            assert!((1..=WAITING + 1).contains(&put), "{put}");
        });
    }

    #[test]
    fn who_waits_for_a_side_that_panics_is_released() {
        for sender_panics in [true, false] {
            let handover = Handover::default();
            thread::scope(|scope| {
                let panics = scope.spawn(|| {
                    let _end = handover.end();
                    panic!("meant to");
                });
                if sender_panics {
                    assert!(handover.next().is_none());
                } else {
                    assert!((0..=WAITING).any(|number| !handover.put(datagram(number))));
                }
                assert!(panics.join().is_err());
            });
        }
    }

    #[test]
    fn buffer_that_was_given_back_is_used_again() {
        let handover = Handover::default();
        assert_eq!(handover.spare(), None);
        handover.give_back(vec![7; 9]);
        assert_eq!(handover.spare(), Some(vec![7; 9]));
        assert_eq!(handover.spare(), None);
    }
}
