//! Receiving on a thread of its own, some datagrams ahead of who decodes them.
//!
//! In a dump the kernel makes the next datagram while it hands out one, on the time of who receives; that is nearly all
//! of the time, and what is done with the records adds to it. Side by side the two take no longer than the kernel.
//! Records are still decoded in order, and by the thread that asked.

use super::netlink::{BUFFER_BYTES, IsLast, Peer, Received, Take};
use rustix::io::Errno;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// How many datagrams are received without a thread: a short table is over by then.
const WITHOUT: u32 = 8;

/// How many datagrams may wait to be decoded.
const WAITING: usize = 16;

/// What one receive brought, and the buffer that it is in.
type Datagram = (Result<Received, Errno>, Vec<u8>);

/// Receives datagrams and hands them over, in order, until `take` has had enough. `is_last` tells the datagrams
/// after which nothing comes, so that nobody waits for more.
pub(super) fn receive_all<P: Peer + Send>(
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
    if thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
        && ahead(peer, buffer, is_last, take).is_some()
    {
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
    thread::scope(|scope| {
        let (full, filled) = sync_channel(WAITING);
        let (empty, emptied) = channel();
        let receive = move || receive(peer, &full, &emptied, is_last);
        thread::Builder::new().name("netstat".into()).spawn_scoped(scope, receive).ok()?;
        // The other end is there until the last datagram is sent.
        let _ = empty.send(std::mem::take(buffer));
        decode(&filled, &empty, take);
        // Whoever still receives finds nobody to hand it to.
        drop(filled);
        Some(())
    })
}

/// What the thread does.
fn receive(
    peer: &mut impl Peer,
    full: &SyncSender<Datagram>,
    emptied: &Receiver<Vec<u8>>,
    is_last: IsLast<'_>,
) {
    loop {
        let mut buffer = emptied.try_recv().unwrap_or_default();
        buffer.resize(BUFFER_BYTES, 0);
        let received = peer.receive(&mut buffer);
        let last = match received {
            Ok(received) => received.truncated || buffer.get(..received.length).is_none_or(is_last),
            Err(errno) => errno != Errno::INTR,
        };
        if full.send((received, buffer)).is_err() || last {
            return;
        }
    }
}

/// What the thread that asked does meanwhile.
fn decode(filled: &Receiver<Datagram>, empty: &Sender<Vec<u8>>, take: Take<'_>) {
    for (received, buffer) in filled {
        if take(received, &buffer).is_break() {
            return;
        }
        // Not to be used again when nobody receives any more.
        let _ = empty.send(buffer);
    }
}
