//! Receiving on a thread of its own, some datagrams ahead of who decodes them.
//!
//! In a dump the kernel makes the next datagram while it hands out one, on the time of who receives; that is nearly all
//! of the time, and what is done with the records adds to it. Side by side the two take no longer than the kernel.
//! Records are still decoded in order, and by the thread that asked.

use super::netlink::{BUFFER_BYTES, IsLast, Peer, Take};
use crate::engine::parallel::{processors, start};
use crate::sys::linux::errno::Errno;
use crate::sys::linux::sock_diag::datagram_queue::Handover;
use std::thread;

/// How many datagrams are received without a thread: a short table is over by then.
const WITHOUT: u32 = 8;

/// Receives datagrams and hands them over, in order, until `take` has had enough. `is_last` tells the datagrams
/// after which nothing comes, so that nobody waits for more.
pub(crate) fn receive_all<P: Peer + Send>(
    peer: &mut P,
    buffer: &mut Vec<u8>,
    is_last: IsLast<'_>,
    take: Take<'_>,
) {
    for _ in 0..WITHOUT {
        let received = peer.receive(buffer);
        if take(received, buffer).is_break() {
            return;
        }
    }
    // Where there is one processor only, they would but take turns.
    if processors() > 1 && ahead(peer, buffer, is_last, take).is_some() {
        return;
    }
    peer.receive_all(buffer, take);
}

/// `None` if there is no thread to be had; then nothing has been received.
fn ahead<P: Peer + Send>(
    peer: &mut P,
    buffer: &mut Vec<u8>,
    is_last: IsLast<'_>,
    take: Take<'_>,
) -> Option<()> {
    let handover = Handover::default();
    thread::scope(|scope| {
        start(scope, Box::new(|| receive(peer, &handover, is_last))).ok()?;
        handover.give_back(std::mem::take(buffer));
        decode(&handover, take);
        Some(())
    })
}

/// What the thread does.
fn receive(peer: &mut impl Peer, handover: &Handover, is_last: IsLast<'_>) {
    let _end = handover.end();
    loop {
        // Made zero by the system, so that memory is touched only as far as the kernel writes.
        let buffer = handover.spare().filter(|buffer| buffer.len() == BUFFER_BYTES);
        let mut buffer = buffer.unwrap_or_else(|| vec![0; BUFFER_BYTES]);
        let received = peer.receive(&mut buffer);
        let last = match received {
            // What others send is passed over.
            Ok(received) if !received.from_kernel => false,
            Ok(received) => received.truncated || buffer.get(..received.length).is_none_or(is_last),
            Err(errno) => errno != Errno::INTR,
        };
        if !handover.put((received, buffer)) || last {
            return;
        }
    }
}

/// What the thread that asked does meanwhile.
fn decode(handover: &Handover, take: Take<'_>) {
    let _end = handover.end();
    while let Some((received, buffer)) = handover.next() {
        if take(received, &buffer).is_break() {
            return;
        }
        handover.give_back(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::super::netlink::Received;
    use super::*;
    use crate::sys::linux::sock_diag::datagram_queue::WAITING;
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// A socket on which the numbers from 0 arrive, each in a datagram of its own, and then an error or silence.
    struct Numbers {
        next: u32,
        /// After how many there is an error, and which.
        fails: Option<(u32, Errno)>,
        received: Arc<AtomicUsize>,
    }

    impl Peer for Numbers {
        fn port_id(&self) -> u32 {
            0
        }

        fn send(&mut self, _request: &[u8]) -> Result<(), Errno> {
            Ok(())
        }

        fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
            self.received.fetch_add(1, SeqCst);
            if let Some((_, errno)) = self.fails.take_if(|(after, _)| *after == self.next) {
                return Err(errno);
            }
            buffer[..4].copy_from_slice(&self.next.to_ne_bytes());
            self.next += 1;
            Ok(Received { length: 4, truncated: false, from_kernel: true })
        }
    }

    /// What is taken, number by number, until `take` breaks off or the number `last` has come; and how often was
    /// received.
    fn taken(
        fails: Option<(u32, Errno)>,
        last: u32,
        mut enough: impl FnMut(&Result<u32, Errno>) -> bool,
    ) -> (Vec<Result<u32, Errno>>, usize) {
        let received = Arc::new(AtomicUsize::new(0));
        let mut peer = Numbers { next: 0, fails, received: Arc::clone(&received) };
        let number = |bytes: &[u8]| u32::from_ne_bytes(bytes[..4].try_into().unwrap());
        let mut taken = Vec::new();
        receive_all(
            &mut peer,
            &mut vec![0; BUFFER_BYTES],
            &|datagram| number(datagram) == last,
            &mut |received, buffer| {
                let one = received.map(|received| number(&buffer[..received.length]));
                taken.push(one);
                if enough(&one) || one == Ok(last) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        (taken, received.load(SeqCst))
    }

    #[test]
    fn datagrams_come_in_order_and_nobody_waits_after_the_last() {
        for last in [0, 1, 7, 8, 9, 24, 25, 1000] {
            let (taken, received) = taken(None, last, |_| false);
            assert_eq!(taken, (0..=last).map(Ok).collect::<Vec<_>>());
            assert_eq!(received, taken.len(), "nothing is asked for after the last");
        }
    }

    #[test]
    fn who_has_had_enough_is_given_no_more_and_little_is_received_in_vain() {
        for most in [3, 8, 9, 500] {
            let (taken, received) = taken(None, u32::MAX, |one| *one == Ok(most - 1));
            assert_eq!(taken.len(), usize::try_from(most).unwrap());
            assert!(received <= taken.len() + WAITING + 2, "{received} for {most}");
        }
    }

    #[test]
    fn signal_is_told_and_passed_over_and_an_error_is_the_last() {
        for after in [2, 8, 9, 100] {
            let (taken, _) = taken(Some((after, Errno::INTR)), 200, |_| false);
            let expected = (0..after).map(Ok).chain([Err(Errno::INTR)]).chain((after..=200).map(Ok));
            assert_eq!(taken, expected.collect::<Vec<_>>());
        }
        for after in [2, 8, 9, 100] {
            let (taken, received) =
                super::tests::taken(Some((after, Errno::NOBUFS)), 200, |one| one.is_err());
            assert_eq!(taken.last(), Some(&Err(Errno::NOBUFS)));
            assert_eq!(received, taken.len());
        }
    }
}
