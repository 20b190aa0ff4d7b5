//! Receives on a second thread, some datagrams ahead of the thread that decodes them.
//!
//! In a dump the kernel makes the next datagram during the receive of one, on the time of the receiving thread.
//! That is nearly all of the time of a listing, and decoding adds to it. On two threads, both take no longer than
//! the kernel. The records are still decoded in order, and by the calling thread.

use super::peer::{BUFFER_BYTES, Received, Receiver};
use rustix::io::Errno;
use std::mem;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// How many datagrams are sent together. Waking the decoding thread takes longer than decoding one datagram: two
/// threads that alternate on one processor slow a listing by a twentieth.
const BATCH: usize = 4;

/// How many full batches may wait to be decoded.
const BATCHES: usize = 3;

/// Results of receives, each with the buffer that the datagram is in.
type Batch = Vec<(Result<Received, Errno>, Vec<u8>)>;

/// The datagrams of one answer, received on a second thread.
///
/// Dropping it stops that thread: immediately, or at the end of the current receive.
pub(super) struct Pipeline {
    batch: Batch,
    /// How many datagrams of the batch were returned.
    taken: usize,
    full: mpsc::Receiver<Batch>,
    /// Batches whose buffers are used for later datagrams.
    spare: mpsc::SyncSender<Batch>,
    // The last field: its drop waits for a thread that stops when the channels are closed.
    _thread: JoinOnDrop,
}

impl Pipeline {
    /// Starts the thread; `None` if none can be started. `is_last` recognizes the datagram after which the kernel sends
    /// nothing, so that the thread does not wait for more.
    pub(super) fn start(
        mut receive: Receiver,
        is_last: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Option<Self> {
        // Both of one type, so that the long code of a channel is compiled once.
        let (send_full, full) = mpsc::sync_channel(BATCHES);
        let (spare, receive_spare) = mpsc::sync_channel(BATCHES + 2);
        let run = move || receive_all(&mut receive, &is_last, &send_full, &receive_spare);
        // A box, for the same reason.
        let run: Box<dyn FnOnce() + Send> = Box::new(run);
        let thread = thread::Builder::new().name("netstat".into()).spawn(run).ok()?;
        Some(Self { batch: Batch::new(), taken: 0, full, spare, _thread: JoinOnDrop(Some(thread)) })
    }

    /// Puts the next datagram into the buffer, whose memory is reused for a later one. `EAGAIN`, as after a
    /// time-out, when the thread has ended.
    pub(super) fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Received, Errno> {
        if self.taken == self.batch.len() {
            let next = self.full.recv().map_err(|_| Errno::AGAIN)?;
            // If the thread has ended, it needs no more buffers.
            let _ = self.spare.try_send(mem::replace(&mut self.batch, next));
            self.taken = 0;
        }
        let (received, filled) = self.batch.get_mut(self.taken).ok_or(Errno::AGAIN)?;
        self.taken += 1;
        mem::swap(buffer, filled);
        *received
    }
}

/// Receives up to the last datagram, or until the pipeline is dropped.
fn receive_all(
    receive: &mut Receiver,
    is_last: &dyn Fn(&[u8]) -> bool,
    full: &mpsc::SyncSender<Batch>,
    spare: &mpsc::Receiver<Batch>,
) {
    loop {
        let mut batch = Batch::with_capacity(BATCH);
        let mut buffers = spare.try_recv().unwrap_or_default().into_iter().map(|(_, buffer)| buffer);
        let mut last = false;
        while !last && batch.len() < BATCH {
            let mut buffer = buffers.next().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES));
            let received = receive(&mut buffer);
            last = match received {
                // Datagrams of other processes are not the last.
                Ok(received) if !received.from_kernel => false,
                Ok(received) => received.truncated || is_last(&buffer),
                Err(errno) => errno != Errno::INTR,
            };
            batch.push((received, buffer));
        }
        if full.send(batch).is_err() || last {
            return;
        }
    }
}

/// A thread that is joined on drop.
struct JoinOnDrop(Option<JoinHandle<()>>);

impl Drop for JoinOnDrop {
    fn drop(&mut self) {
        // If it has panicked, its channels are closed, which the receiver has seen as the end.
        let _ = self.0.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// The most that may be received beyond what was read: batches that wait, one that is filled, and the rest of
    /// one.
    const MOST_AHEAD: usize = (BATCHES + 2) * BATCH;

    /// Receives the numbers from 0, each in a datagram of its own; after so many, one receive fails.
    fn numbers(fails: Option<(u32, Errno)>, count: &Arc<AtomicUsize>) -> Receiver {
        let (count, mut fails, mut next) = (Arc::clone(count), fails, 0_u32);
        Box::new(move |buffer| {
            count.fetch_add(1, SeqCst);
            if let Some((_, errno)) = fails.take_if(|(after, _)| *after == next) {
                return Err(errno);
            }
            buffer.clear();
            buffer.extend(next.to_ne_bytes());
            next += 1;
            Ok(Received { truncated: false, from_kernel: true })
        })
    }

    fn number(bytes: &[u8]) -> u32 {
        u32::from_ne_bytes(bytes[..4].try_into().unwrap())
    }

    /// Reads number by number until one is `enough` or the number `last` was read. Returns them, and the count of
    /// receives.
    fn taken(
        fails: Option<(u32, Errno)>,
        last: u32,
        enough: impl Fn(&Result<u32, Errno>) -> bool,
    ) -> (Vec<Result<u32, Errno>>, usize) {
        let count = Arc::default();
        let is_last = move |datagram: &[u8]| number(datagram) == last;
        let mut pipeline = Pipeline::start(numbers(fails, &count), is_last).unwrap();
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut taken = Vec::new();
        loop {
            let one = pipeline.receive(&mut buffer).map(|_| number(&buffer));
            taken.push(one);
            if enough(&one) || one == Ok(last) {
                break;
            }
        }
        drop(pipeline);
        (taken, count.load(SeqCst))
    }

    #[test]
    fn datagrams_are_in_order_and_nothing_is_received_after_the_last() {
        for last in [0, 1, 7, 8, 9, 24, 25, 1000] {
            let (taken, received) = taken(None, last, |_| false);
            assert_eq!(taken, (0..=last).map(Ok).collect::<Vec<_>>());
            assert_eq!(received, taken.len(), "nothing is received after the last");
        }
    }

    #[test]
    fn pipeline_that_is_dropped_early_has_received_few_datagrams_ahead() {
        for most in [3, 8, 9, 500] {
            let (taken, received) = taken(None, u32::MAX, |one| *one == Ok(most - 1));
            assert_eq!(taken.len(), usize::try_from(most).unwrap());
            assert!(received <= taken.len() + MOST_AHEAD, "{received} for {most}");
        }
    }

    #[test]
    fn interrupted_receive_is_passed_on_and_an_error_is_the_last() {
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

    #[test]
    fn receive_after_the_last_datagram_fails_as_after_a_time_out() {
        let mut pipeline = Pipeline::start(numbers(None, &Arc::default()), |_| true).unwrap();
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        assert!(pipeline.receive(&mut buffer).is_ok());
        assert_eq!(pipeline.receive(&mut buffer), Err(Errno::AGAIN));
    }

    #[test]
    fn thread_that_panics_ends_the_answer_and_nothing_waits_for_it() {
        let mut received = 0;
        let receive: Receiver = Box::new(move |_| {
            received += 1;
            assert!(received < 3, "meant to");
            Ok(Received { truncated: false, from_kernel: true })
        });
        let mut pipeline = Pipeline::start(receive, |_| false).unwrap();
        assert_eq!(pipeline.receive(&mut Vec::with_capacity(BUFFER_BYTES)), Err(Errno::AGAIN));
    }

    #[test]
    fn buffers_are_reused_for_later_datagrams() {
        let addresses = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
        let seen = Arc::clone(&addresses);
        let mut receive = numbers(None, &Arc::default());
        let receive: Receiver = Box::new(move |buffer| {
            seen.lock().unwrap().insert(buffer.as_ptr().addr());
            receive(buffer)
        });
        let mut pipeline = Pipeline::start(receive, |datagram| number(datagram) == 1000).unwrap();
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        while pipeline.receive(&mut buffer).is_ok() {}
        let count = addresses.lock().unwrap().len();
        // Full batches, one that is filled, one that is read, one that is returned, and the reader's buffer.
        assert!(count <= (BATCHES + 3) * BATCH + 1, "{count} buffers");
    }
}
